//! One actor as one file: what `export` writes and `import` reads.
//!
//! The file is JSON lines: a header, then one commit a line with its record in base 64. It holds everything, also what the rules hide; whoever
//! may read the journal's folder may read it. Nothing of it counts before [`Exported::verify`].

use std::{
    io::{self, BufRead, Write},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use dormouse_core::{Address, Kind, Machine, record::Damage};
use serde::{Deserialize, Serialize};
use serde_json::json;

const FORMAT: &str = "dormouse-actor";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    actor: Address,
    epoch: u32,
    commits: u64,
}

/// An actor out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Which.
    pub actor: Address,
    /// Which life of its history it was; an import begins the next.
    pub epoch: u32,
    /// Its commits in order.
    pub records: Vec<Arc<[u8]>>,
}

/// Why a file is none, as a clause that follows its name.
#[derive(Debug, thiserror::Error)]
pub enum NotExported {
    /// The disk.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// Its first line.
    #[error("is no exported actor")]
    Other,
    /// A later program wrote it.
    #[error("has version {0}, and this program reads up to {VERSION}")]
    Newer(u32),
    /// A line.
    #[error("holds no record in line {0}")]
    NoRecord(usize),
    /// Its end is missing.
    #[error("says {said} commits and holds {held}; it is cut")]
    Cut {
        /// By its header.
        said: u64,
        /// By its lines.
        held: u64,
    },
    /// No life could follow.
    #[error("has the last of all epochs; no later one can be given")]
    LastEpoch,
    /// The history is not one.
    #[error("holds commit {0}, which does not verify: {1}")]
    Damaged(u64, Damage),
}

impl Exported {
    /// The first line of a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_header(out: &mut impl Write, actor: &Address, epoch: u32, commits: u64) -> io::Result<()> {
        let header = Header { format: FORMAT.into(), version: VERSION, actor: actor.clone(), epoch, commits };
        writeln!(out, "{}", json!(header))
    }

    /// Each further line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_record(out: &mut impl Write, record: &[u8]) -> io::Result<()> {
        writeln!(out, "{}", json!(BASE64_STANDARD.encode(record)))
    }

    /// A whole file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        Self::write_header(out, &self.actor, self.epoch, self.records.len() as u64)?;
        self.records.iter().try_for_each(|record| Self::write_record(out, record))
    }

    /// The file, of which nothing is verified yet.
    ///
    /// # Errors
    /// [`NotExported`].
    pub fn read(file: &mut impl BufRead) -> Result<Self, NotExported> {
        let mut lines = file.lines();
        let Header { actor, epoch, commits, .. } = header(lines.next())?;
        let mut records = Vec::new();
        for line in lines {
            let text: Option<String> = serde_json::from_str(&line?).ok();
            let record = text.and_then(|text| BASE64_STANDARD.decode(text).ok());
            records.push(record.ok_or(NotExported::NoRecord(records.len() + 2))?.into());
        }
        let held = records.len() as u64;
        if held == commits { Ok(Self { actor, epoch, records }) } else { Err(NotExported::Cut { said: commits, held }) }
    }

    /// The actor in its next life, before the first commit.
    ///
    /// # Errors
    /// If there is no next one.
    pub fn blank(&self, kind: &Arc<Kind>) -> Result<Machine, NotExported> {
        let epoch = self.epoch.checked_add(1).ok_or(NotExported::LastEpoch)?;
        Ok(Machine::blank(kind.clone(), self.actor.clone(), epoch))
    }

    /// The actor that its history makes.
    ///
    /// # Errors
    /// [`NotExported`], if a commit does not verify.
    pub fn verify(&self, kind: &Arc<Kind>) -> Result<Machine, NotExported> {
        let mut machine = self.blank(kind)?;
        for (record, seq) in self.records.iter().zip(1..) {
            machine.apply(record).map_err(|damage| NotExported::Damaged(seq, damage))?;
        }
        Ok(machine)
    }
}

fn header(line: Option<io::Result<String>>) -> Result<Header, NotExported> {
    let line = line.and_then(Result::ok).unwrap_or_default();
    let header: Option<Header> = serde_json::from_str(&line).ok();
    match header {
        Some(header) if header.format != FORMAT => Err(NotExported::Other),
        Some(header) if header.version > VERSION => Err(NotExported::Newer(header.version)),
        Some(header) => Ok(header),
        None => Err(NotExported::Other),
    }
}
