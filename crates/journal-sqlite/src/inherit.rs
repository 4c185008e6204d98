//! What an earlier process left behind, made durable before anybody reads it.
//!
//! A process that was killed in the middle of a commit leaves bytes in the system's cache that no sync has reached. If the commit is whole, SQLite
//! takes it for one, and its readers would be told of what a power cut undoes. After a failed sync it is worse: the system holds such
//! bytes for written, and no later sync writes them. So the WAL is written again, as it is, and synced; then the directory, because SQLite
//! syncs it only in the process that made the WAL.

use std::{
    ffi::OsString,
    fmt, fs,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// The file system under SQLite, as far as the store itself uses it. There is the system's; a test has another, whose power it cuts.
#[doc(hidden)]
pub trait Vfs: fmt::Debug + Send + Sync {
    /// The name under which SQLite knows it.
    fn name(&self) -> &str;
    /// Whether there is such a file.
    fn exists(&self, file: &Path) -> io::Result<bool>;
    /// Write a file's bytes over themselves, and sync it.
    fn rewrite(&self, file: &Path) -> io::Result<()>;
    /// Sync a directory: the names in it.
    fn sync_directory(&self, dir: &Path) -> io::Result<()>;
}

/// Make durable what SQLite will find beside this file.
pub(crate) fn inherit(file: &Path, vfs: Option<&dyn Vfs>) -> io::Result<()> {
    let vfs = vfs.unwrap_or(&System);
    let mut wal = OsString::from(file);
    wal.push("-wal");
    if vfs.exists(wal.as_ref())? {
        vfs.rewrite(wal.as_ref())?;
    }
    vfs.sync_directory(file.parent().unwrap_or(Path::new(".")))
}

#[derive(Debug)]
struct System;

/// A WAL may be longer than one would hold in memory.
const CHUNK_BYTES: u64 = 1024 * 1024;

impl Vfs for System {
    fn name(&self) -> &str {
        unreachable!("SQLite has it without being told")
    }

    fn exists(&self, file: &Path) -> io::Result<bool> {
        fs::exists(file)
    }

    fn rewrite(&self, file: &Path) -> io::Result<()> {
        let mut file = File::options().read(true).write(true).open(file)?;
        let mut chunk = Vec::new();
        while (&file).take(CHUNK_BYTES).read_to_end(&mut chunk)? > 0 {
            file.seek(SeekFrom::Current(-(chunk.len() as i64)))?;
            file.write_all(&chunk)?;
            chunk.clear();
        }
        file.sync_all()
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        // Windows cannot open directories as files; there the file system logs their entries.
        if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_over_with_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let (file, wal) = (dir.path().join("journal.sqlite"), dir.path().join("journal.sqlite-wal"));
        inherit(&file, None).unwrap();
        assert!(!wal.exists());
        for length in [0, 1, CHUNK_BYTES as usize, 2 * CHUNK_BYTES as usize + 3] {
            let bytes: Vec<u8> = (0..length).map(|n| (n / 7) as u8).collect();
            fs::write(&wal, &bytes).unwrap();
            inherit(&file, None).unwrap();
            assert!(fs::read(&wal).unwrap() == bytes, "{length}");
        }
    }
}
