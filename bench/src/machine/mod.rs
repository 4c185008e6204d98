//! What the machine says: processor time and memory of a process, the disk's sync, the page cache.

mod disk;
mod process;

pub use disk::{Sync, SyncKind, drop_page_cache, fdatasync_probe, fill_page_cache};
pub use process::{Cpu, load_average, pss_kib, raise_open_files};
