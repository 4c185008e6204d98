//! Where an outbox is kept, so that a process that starts again sends what its predecessor could not.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{frame::Token, session::Kept};

/// What is stored: the outbox, the guest whose it is, and how its host is reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The outbox.
    pub outbox: Kept,
    /// The guest's token, where the client is a guest: without it the commands would be somebody else's.
    pub guest: Option<Guest>,
    /// The host's sockets are opened by tickets, at an address that it tells.
    #[serde(default)]
    pub by_ticket: bool,
}

/// A guest's token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Guest {
    /// A JWT.
    pub token: Token,
    /// Milliseconds since 1970.
    pub expires_at: u64,
}

/// Keeps one outbox of one principal.
///
/// *Durability*: once `save` has returned, `load` after any crash gives that record or a later one. *Atomicity*: never half of one.
/// *Failure*: if `save` fails, the client closes, since it could otherwise use a number twice. Both are called from
/// the client's own task and may block it.
pub trait Storage: Send + 'static {
    /// What was saved last.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(&mut self) -> io::Result<Option<Record>>;

    /// Keep this in place of what was saved before.
    ///
    /// # Errors
    /// If it is not certain that it is kept.
    fn save(&mut self, record: &Record) -> io::Result<()>;
}

/// Keeps nothing beyond the process. The default.
#[derive(Debug, Default)]
pub struct MemoryStorage;

impl Storage for MemoryStorage {
    fn load(&mut self) -> io::Result<Option<Record>> {
        Ok(None)
    }

    fn save(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the outbox in a file, which one client at a time may hold. The file holds commands and, for guests, their token.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    /// Its lock is this storage's life.
    _lock: File,
}

impl FileStorage {
    /// Keep it in `path`; beside it there will be a `.lock`.
    ///
    /// # Errors
    /// If another client holds the file, or the folder may not be written.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(beside(&path, "lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another client holds this outbox")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { path, _lock: lock })
    }
}

impl Storage for FileStorage {
    fn load(&mut self) -> io::Result<Option<Record>> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&mut self, record: &Record) -> io::Result<()> {
        let next = beside(&self.path, "next");
        let mut file = private(&next)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_data()?;
        fs::rename(&next, &self.path)?;
        // The rename itself lives in the folder.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_data()
    }
}

/// A file that nobody else may read: it holds a token.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::KeptCommand;

    #[test]
    fn a_file_gives_back_what_was_saved_to_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.json");
        let mut storage = FileStorage::open(&path).unwrap();
        assert!(storage.load().unwrap().is_none());
        let command = serde_json::value::RawValue::from_string(r#"{"type":"add", "n":1}"#.into()).unwrap();
        let kept = KeptCommand { n: 7, actor: "todo/a".into(), command: command.into(), sent: true };
        let outbox = Kept { owner: Some("ana".into()), outbox: Some("0-a".into()), next_n: 8, commands: vec![kept] };
        let guest = Some(Guest { token: Token("t".into()), expires_at: 9 });
        storage.save(&Record { outbox, guest, by_ticket: true }).unwrap();
        assert_eq!(FileStorage::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(storage);
        let record = FileStorage::open(&path).unwrap().load().unwrap().unwrap();
        let Kept { owner, outbox, next_n, commands } = record.outbox;
        assert_eq!((owner.as_deref(), outbox.as_deref(), next_n), (Some("ana"), Some("0-a"), 8));
        assert_eq!(commands[0].command.get(), r#"{"type":"add", "n":1}"#, "the same bytes, for the same id");
        assert_eq!(record.guest.unwrap().token, Token("t".into()));
        assert!(record.by_ticket);
    }

    #[test]
    fn a_file_of_before_there_were_tickets_is_read() {
        let record: Record =
            serde_json::from_str(r#"{"outbox":{"owner":null,"outbox":null,"next_n":1,"commands":[]},"guest":null}"#)
                .unwrap();
        assert!(!record.by_ticket);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_empty_outbox() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.json");
        fs::write(&path, "{").unwrap();
        assert!(FileStorage::open(&path).unwrap().load().is_err());
        assert!(FileStorage::open(folder.path().join("none")).unwrap().load().unwrap().is_none());
        fs::create_dir(folder.path().join("unreadable")).unwrap();
        assert!(FileStorage::open(folder.path().join("unreadable")).unwrap().load().is_err());
    }
}
