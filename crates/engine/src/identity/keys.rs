//! The key that signs guests' tokens: `DATA/keys/guest.key`, made by the first start.
//!
//! The file is 32 random bytes in base64url and a line end, readable by its owner only. It appears complete or not at all: it is
//! written and synced under another name, then linked to its own, which fails if another starter was first.
//! It is never replaced: that would sign every guest out.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::KeyProblem;
use crate::world::World;

/// A guest key is this long: as long as the hash that it keys.
const GUEST_KEY_BYTES: usize = 32;
/// A JWKS of dozens of keys with their certificates stays far below.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Why a key file cannot be used. The words are for whoever starts the host.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refused to read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file system refused to write the new guest key.
    #[error("cannot make the guest key {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a guest key file, but no key in it.
    #[error(
        "{} is no guest key. Put the right file back; or delete it, and the next start makes a new key and all guests have to sign in anew",
        path.display()
    )]
    BadGuestKey {
        /// Which file.
        path: PathBuf,
    },
    /// There is a list of revocations, but it cannot be read as one.
    #[error(
        "{} is no list of revocations. Put the right file back; or delete it, and those who were revoked are let in again",
        path.display()
    )]
    BadRevocations {
        /// Which file.
        path: PathBuf,
    },
    /// The file was read, but tokens cannot be verified with it.
    #[error("the key file {} {problem}", path.display())]
    BadVerifier {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: KeyProblem,
    },
}

/// Signs and verifies guests' tokens.
pub struct GuestKey {
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
    secret: [u8; GUEST_KEY_BYTES],
}

impl GuestKey {
    /// The key of this data directory; made if there is none yet. Two hosts that start at once get the same one.
    ///
    /// # Errors
    /// [`KeyError`]; an existing file is never touched.
    pub fn open(data: &Path, world: &dyn World) -> Result<Self, KeyError> {
        let path = data.join("keys").join("guest.key");
        if let Some(key) = load(&path)? {
            return Ok(key);
        }
        make(data, &path, world).map_err(|source| KeyError::Write { path: path.clone(), source })?;
        // Read back rather than kept: another starter's key may have been first.
        load(&path)?.ok_or(KeyError::BadGuestKey { path })
    }

    /// This very key: for hosts without a disk, which get it from their configuration.
    pub fn from_bytes(bytes: &[u8; GUEST_KEY_BYTES]) -> Self {
        Self { signing: EncodingKey::from_secret(bytes), verifying: DecodingKey::from_secret(bytes), secret: *bytes }
    }
}

impl GuestKey {
    /// A key for another purpose, from which this one cannot be told.
    pub fn derived(&self, purpose: &str) -> [u8; GUEST_KEY_BYTES] {
        dormouse_core::Hash::of("dormouse/derived-key/1", &[&self.secret, purpose.as_bytes()]).0
    }
}

impl fmt::Debug for GuestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestKey")
    }
}

/// The whole file, if it is there and no longer than a key file may be.
pub(super) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > FILE_BYTES_MAX => {
            Err(KeyError::BadVerifier { path: path.into(), problem: KeyProblem::TooLong })
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::Read { path: path.into(), source }),
    }
}

fn load(path: &Path) -> Result<Option<GuestKey>, KeyError> {
    let Some(text) = read_file(path)? else { return Ok(None) };
    warn_if_shared(path);
    let key = URL_SAFE_NO_PAD.decode(text.trim_ascii_end()).ok().and_then(|bytes| bytes.try_into().ok());
    key.map(|bytes| Some(GuestKey::from_bytes(&bytes))).ok_or_else(|| KeyError::BadGuestKey { path: path.into() })
}

fn make(data: &Path, path: &Path, world: &dyn World) -> io::Result<()> {
    let keys = path.parent().unwrap_or(data);
    make_private_directory(keys)?;
    let draft = keys.join(format!("guest.key.{}", world.letters(16)));
    let key = format!("{}\n", URL_SAFE_NO_PAD.encode(world.draw::<GUEST_KEY_BYTES>()));
    let made = write_private(&draft, key.as_bytes()).and_then(|()| link_if_absent(&draft, path));
    // A draft that stays behind holds a key that nothing uses.
    let _ = fs::remove_file(&draft);
    made?;
    sync_directory(keys)?;
    sync_directory(data)
}

/// A new file for this host alone, synced.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn link_if_absent(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

pub(super) fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Without it a power loss may forget the name of a file whose bytes are safe. Only Unix can open a directory.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Volumes of container platforms often cannot be narrower, so this does not stop the host.
fn warn_if_shared(path: &Path) {
    #[cfg(unix)]
    if fs::metadata(path).is_ok_and(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0)
    {
        tracing::warn!(path = %path.display(), "others can read the guest key, and so sign guests in: chmod 600");
    }
    #[cfg(not(unix))]
    let _ = path;
}
