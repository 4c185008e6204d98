//! The inputs in the repository: `corpus/TARGET/NAME`.

use std::{fs, io, path::PathBuf};

/// An input and what it is called.
pub type Named = (String, Vec<u8>);

/// The folder of a target's inputs.
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// A target's inputs, by name.
///
/// # Errors
/// If they cannot be read.
pub fn of(target: &str) -> io::Result<Vec<Named>> {
    let mut inputs = fs::read_dir(folder(target))?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?))
        })
        .collect::<io::Result<Vec<Named>>>()?;
    inputs.sort();
    Ok(inputs)
}
