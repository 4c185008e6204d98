//! A disk that is really full: appends are unavailable, nothing of them is written, and they work once there is room.
//!
//! Needs root, because it mounts a small tmpfs; elsewhere it says that it is skipped, and `restart.rs` has the case with a bounded file.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]
#![cfg(target_os = "linux")]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use dormouse_journal::{AppendError, Journal, StoreError};
use support::{check, open, writers};

struct Mount(PathBuf);

impl Mount {
    fn tmpfs(dir: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir).output().ok()?.status;
        status.success().then(|| Self(dir.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_wait_for_room() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::tmpfs(dir.path(), "3m") else {
        println!("skipped: only root can mount a tmpfs");
        return;
    };
    let ballast = mount.0.join("ballast");
    std::fs::write(&ballast, vec![0; 1024 * 1024]).unwrap();
    let store = open(&mount.0);
    let mut writers = writers(4);
    // Fill the disk, from several actors at once, until everybody is refused.
    let mut refused = Vec::new();
    while refused.len() < 4 {
        refused.clear();
        for writer in &mut writers {
            let before = writer.head;
            let run = writer.run_of(1, 8_000);
            match store.append(run.clone()).await {
                Ok(()) => assert!(writer.head.seq < 200, "the disk is never full"),
                Err(AppendError::Store(StoreError::Unavailable(_))) => {
                    writer.head = before;
                    refused.push(run);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    check(&store, &writers).await;
    std::fs::remove_file(&ballast).unwrap();
    for (writer, run) in writers.iter_mut().zip(refused) {
        writer.head = run.head;
        store.append(run).await.unwrap();
    }
    check(&store, &writers).await;
    store.close().await;
    let store = open(&mount.0);
    check(&store, &writers).await;
    store.close().await;
}
