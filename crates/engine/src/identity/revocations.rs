//! Revoked principals: their tokens from before the revocation are refused.
//!
//! At most [`REVOCATIONS_MAX`]. When they are that many, those older than a guest's token go first: what they refused has
//! expired. A full list refuses the next revocation rather than to forget one that still counts.
//!
//! A host with a data directory keeps them in one file, `{"version":1,"revoked":{"TENANT/PRINCIPAL":MILLISECONDS}}`. It is written whole and
//! synced under another name, then renamed: revocations are rare and few, and no reader ever sees half of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock},
};

use dormouse_core::{
    Code, Failure, Time,
    limits::{GUEST_TOKEN, REVOCATIONS_MAX},
};
use serde::{Deserialize, Serialize};

use super::{
    KeyError, Session,
    keys::{make_private_directory, sync_directory, write_private},
};

/// What a full list tells to wait: nothing but time or a restart makes room.
const FULL_RETRY_MS: u64 = 60_000;

const VERSION: u32 = 1;

type Revoked = BTreeMap<String, Time>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    revoked: Revoked,
}

/// When each principal was revoked last.
#[derive(Default)]
pub(super) struct Revocations {
    revoked: RwLock<Revoked>,
    /// Where they are kept, if they are; held while it is written, so that the newest list is written last.
    file: Mutex<Option<PathBuf>>,
}

impl Revocations {
    /// Those of this file, which keeps those to come. None if it is not there.
    pub(super) fn open(path: PathBuf) -> Result<Self, KeyError> {
        let revoked = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(Stored { version: VERSION, revoked }) => revoked,
                _ => return Err(KeyError::BadRevocations { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Revoked::new(),
            Err(source) => return Err(KeyError::Read { path, source }),
        };
        Ok(Self { revoked: RwLock::new(revoked), file: Mutex::new(Some(path)) })
    }

    /// Remember that this principal was revoked now. If that cannot be kept it counts all the same, until the host ends.
    pub(super) fn add(&self, now: Time, principal: String) -> Result<(), Failure> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let revoked = self.remember(now, principal)?;
        let Some(path) = &*file else { return Ok(()) };
        write(path, revoked).map_err(|error| {
            tracing::error!(%error, path = %path.display(), "a revocation counts until this host ends, and could not be kept");
            Failure::new(Code::Unavailable, "revoked here until the host ends, but not kept; try again").retry_after(1_000)
        })
    }

    fn remember(&self, now: Time, principal: String) -> Result<Revoked, Failure> {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        if revoked.len() >= REVOCATIONS_MAX && !revoked.contains_key(&principal) {
            revoked.retain(|_, time| now.since(*time) <= GUEST_TOKEN);
            if revoked.len() >= REVOCATIONS_MAX {
                let message = "As many principals are revoked as are remembered. Change the key that signs the tokens.";
                return Err(Failure::new(Code::RateLimited, message).retry_after(FULL_RETRY_MS));
            }
        }
        // A clock that jumped back must not take a revocation back.
        let time = revoked.entry(principal).or_insert(now);
        *time = now.max(*time);
        Ok(revoked.clone())
    }

    /// Whether this session's token is from before its principal's revocation, or from the same moment.
    pub(super) fn cover(&self, session: &Session) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        !revoked.is_empty() && revoked.get(&session.key()).is_some_and(|&time| session.issued <= time)
    }
}

fn write(path: &Path, revoked: Revoked) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_directory(folder)?;
    let draft = path.with_extension("draft");
    // One that a host left behind when it was killed.
    let _ = fs::remove_file(&draft);
    write_private(&draft, &serde_json::to_vec(&Stored { version: VERSION, revoked })?)?;
    fs::rename(&draft, path)?;
    sync_directory(folder)
}
