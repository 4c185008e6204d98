//! A disk that fills under load: commands are refused with their number, what was promised stays, reads go on, and when there is space again
//! all goes on by itself.
//!
//! The data lies on a small file system in memory, which is filled by somebody else's file.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use dormouse_bench::driver::Http;
use dormouse_client::{SubscribeOptions, Update};
use dormouse_core::Code;
use futures_util::StreamExt;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::{
    Bound, Broken, PATIENCE, Report,
    host::{Host, Place},
    renames::{Load, settle},
    report::hold,
};

/// The whole disk.
const DISK_MIB: u64 = 48;
/// What the file leaves of it at first, for the load to fill.
const LEFT_BYTES: u64 = 512 * 1024;
/// Clients, each with a list.
const CLIENTS: usize = 4;
/// Commands that each has under way.
const HANDS: usize = 4;
/// Letters of a command, as many as a title has with its number: the disk is full sooner.
const PADDING: usize = 180;
/// Questions and commands while the disk is full.
const PROBES: u64 = 20;
/// Between two of them.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// The host is ready again at the latest when its own pause is over; then a client waits for its next try.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
/// A disk that is full refuses by then.
const FULL: Duration = Duration::from_secs(20);
/// Says that this process is in a mount namespace of its own already.
const INSIDE: &str = "DORMOUSE_CHAOS_MOUNTS";

/// How often.
pub struct DiskFull {
    /// The binary.
    pub arcade: PathBuf,
    /// Times that the disk is filled. The host is killed and started again while it is full every second time.
    pub rounds: u64,
}

/// What the rounds came to.
#[derive(Default)]
struct Counts {
    refused: u64,
    reads: u64,
    starts: u64,
    slowest_recovery: Duration,
}

/// A mounted file system that goes with this.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Result<Self, String> {
        let size = format!("size={DISK_MIB}m");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("somebody-elses-file")
    }

    fn free(&self) -> Result<u64, Broken> {
        let stat = rustix::fs::statvfs(&self.0).map_err(std::io::Error::from)?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Fill all but `left` bytes.
    fn fill(&self, left: u64) -> Result<(), Broken> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        let chunk = vec![0; 64 * 1024];
        loop {
            let take = self.free()?.saturating_sub(left).min(chunk.len() as u64) as usize;
            match file.write(&chunk[..take]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn make_room(&self) -> Result<(), Broken> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a host that was killed a moment ago may hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

impl DiskFull {
    /// Play it. `bar` counts rounds.
    #[must_use]
    pub fn run(&self, bar: &ProgressBar) -> Report {
        Report::of("disk-full", |report| {
            let folder = tempfile::tempdir()?;
            let disk = folder.path().join("disk");
            std::fs::create_dir(&disk)?;
            match Disk::mount(&disk) {
                Ok(disk) => crate::runtime()?.block_on(self.play(&disk, bar, report)),
                Err(why) => {
                    report.skip(format!("no small disk can be mounted here: {why}"));
                    Ok(())
                }
            }
        })
    }

    /// Whether this process has to be begun anew, with mounts of its own, to be allowed to mount.
    #[must_use]
    pub fn needs_own_mounts() -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        std::env::var_os(INSIDE).is_none() && Disk::mount(folder.path()).is_err()
    }

    /// This program again, with these arguments, as root of a user namespace. `None` if that cannot be had here.
    #[must_use]
    pub fn with_own_mounts(arguments: &[String]) -> Option<Command> {
        let may = Command::new("unshare").args(["-rm", "true"]).output().is_ok_and(|output| output.status.success());
        let mut command = Command::new("unshare");
        command.arg("-rm").arg(std::env::current_exe().ok()?).args(arguments).env(INSIDE, "1");
        may.then_some(command)
    }

    async fn play(&self, disk: &Disk, bar: &ProgressBar, report: &mut Report) -> Result<(), Broken> {
        let place = Place::new(&self.arcade, disk.0.join("data"))?;
        let mut host = place.start()?;
        let load = Load::start(&place.url(), CLIENTS, HANDS, PADDING).await?;
        let mut counts = Counts::default();
        for round in 1..=self.rounds {
            load.goes_on(200).await?;
            disk.fill(LEFT_BYTES)?;
            until_refused(&place, &load).await?;
            // What is left is too little for a commit, and may be enough for a smaller one.
            disk.fill(0)?;
            beside_full(&place, &mut host, &load, &mut counts).await?;
            if round.is_multiple_of(2) {
                host.kill()?;
                host = place.start()?;
                counts.starts += 1;
                beside_full(&place, &mut host, &load, &mut counts).await?;
            }
            disk.make_room()?;
            counts.slowest_recovery = counts.slowest_recovery.max(load.goes_on(200).await?);
            host.still_runs()?;
            bar.inc(1);
        }
        let accepted = load.accepted();
        let (lists, promises) = load.finish().await?;
        settle(&place, host, &lists, &promises).await?;
        report.figure("rounds", self.rounds);
        report.figure("acknowledged", accepted);
        report.figure("refused_with_1503", counts.refused);
        report.figure("reads_beside_the_full_disk", counts.reads);
        report.figure("starts_on_the_full_disk", counts.starts);
        report.bar("refused_in_a_round", counts.refused as f64 / self.rounds as f64, Bound::AtLeast(1.0));
        let recovery = counts.slowest_recovery.as_secs_f64();
        report.bar("slowest_recovery_s", recovery, Bound::AtMost(RECOVERY_MAX.as_secs_f64()));
        Ok(())
    }
}

/// A command over HTTP: the client library would try it again. `None` if it was accepted.
async fn refusal(http: &mut Http, list: &str) -> Result<Option<(u16, Value)>, Broken> {
    let command = format!(r#"{{"command":{{"type":"rename_list","title":"{}"}}}}"#, "x".repeat(PADDING));
    let (status, body) = http.ask("POST", &format!("/v1/todo/{list}/commands"), &command).await?;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok((status != 200).then_some((status, said)))
}

async fn until_refused(place: &Place, load: &Load) -> Result<(), Broken> {
    let (mut http, since) = (guest(place).await?, Instant::now());
    loop {
        if let Some(refused) = refusal(&mut http, &load.lists[0]).await? {
            return is_numbered(&refused);
        }
        hold(since.elapsed() < FULL, || "a full disk refuses nothing".into())?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn guest(place: &Place) -> Result<Http, Broken> {
    let mut http = Http::open(place.port, Ipv4Addr::LOCALHOST).await?;
    http.guest().await?;
    Ok(http)
}

fn is_numbered((status, said): &(u16, Value)) -> Result<(), Broken> {
    let error = &said["error"];
    let right = *status == 503 && error["code"] == Code::Unavailable as u16 && error["retry_after"].is_u64();
    hold(right, || format!("a full disk should be refused as 1503, with when to come again: {status} {said}"))
}

/// While nothing can be written: the host lives, says that it is not ready, refuses commands by their number, and shows what it has.
async fn beside_full(place: &Place, host: &mut Host, load: &Load, counts: &mut Counts) -> Result<(), Broken> {
    let mut http = guest(place).await?;
    for _ in 0..PROBES {
        let list = &load.lists[0];
        // A command that is accepted found a corner that was free; it is one more commit, which nobody renamed to a number.
        if let Some(refused) = refusal(&mut http, list).await? {
            is_numbered(&refused)?;
            counts.refused += 1;
            let (status, body) = place.get("/ready")?;
            hold(status == 503, || format!("a host that cannot write says that it is ready: {body}"))?;
        }
        let view = http.json("GET", &format!("/v1/todo/{list}"), "").await?;
        hold(view["view"].is_object(), || format!("no view: {view}"))?;
        http.json("GET", &format!("/v1/todo/{list}/events?after_seq=0&limit=10"), "").await?;
        counts.reads += 2;
        host.still_runs()?;
        tokio::time::sleep(PROBE_EVERY).await;
    }
    fresh_view(load).await?;
    counts.reads += 1;
    Ok(())
}

/// Who comes now is shown the list too.
async fn fresh_view(load: &Load) -> Result<(), Broken> {
    let handle = load.clients[1].actor("todo").get(&load.lists[0])?;
    let mut views = handle.subscribe(SubscribeOptions::view());
    let next = tokio::time::timeout(PATIENCE, views.next()).await.ok().flatten();
    let shown = matches!(next.transpose()?, Some(Update::View(_)));
    hold(shown, || "who comes to a host with a full disk is shown nothing".into())
}
