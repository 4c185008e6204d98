//! One process per database: the heads in memory are only right if nobody else writes.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::OpenError;

/// Lock the directory, and make it if it is new. Dropping the file unlocks, and so does the end of the process, however it ends.
pub(crate) fn lock(dir: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory { dir: dir.to_owned(), source };
    make(dir).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(dir.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Make the directory, and sync its parent, so that it is still there after a power cut.
fn make(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    let parent = fs::canonicalize(dir)?.parent().map(Path::to_owned);
    // Windows cannot open directories as files; there the file system logs their entries.
    if cfg!(unix)
        && let Some(parent) = parent
    {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
