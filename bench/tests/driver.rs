//! The driver against a server that is known to the last frame.

mod stub;

use std::io;
use std::rc::Rc;
use std::time::Duration;

use dormouse_bench::driver::{
    Crowd, Dialect, FanOut, First, Load, Target, fan_out, fill, first_answers, idle, live, load, storm,
};
use stub::Quirks;

const SHORT: Duration = Duration::from_millis(100);

fn run<T>(quirks: Quirks, work: impl AsyncFnOnce(Target) -> io::Result<T>) -> io::Result<T> {
    let target = Target { dialect: Dialect::Dormouse, port: stub::start(quirks) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work(target))
}

fn small_load() -> Load {
    Load { rooms: 3, depth: 4, warmup: SHORT, measure: SHORT, server: std::process::id() }
}

fn small_fan() -> FanOut {
    FanOut { viewers: 5, window: 4, warmup: SHORT, measure: SHORT, server: std::process::id() }
}

fn small_crowd() -> Crowd {
    Crowd { clients: 70, watch: true, quiet: SHORT, server: std::process::id() }
}

#[test]
fn answers_and_patches_of_one_command_count_once() {
    let report = run(Quirks::default(), async |target| load(target, small_load()).await).unwrap();
    assert!(report.answers > 0);
    assert_eq!(report.strays, 0);
}

#[test]
fn a_second_answer_to_a_command_is_a_stray() {
    let quirks = Quirks { answers_twice: true, ..Quirks::default() };
    let report = run(quirks, async |target| load(target, small_load()).await).unwrap();
    assert!(report.strays >= report.answers, "{report:?}");
}

#[test]
fn every_viewer_gets_every_commit() {
    let report = run(Quirks::default(), async |target| fan_out(target, small_fan()).await).unwrap();
    assert!(report.deliveries > 0);
    assert!((report.commits_per_frame - 1.0).abs() < f64::EPSILON, "{report:?}");
}

#[test]
fn a_server_that_merges_delivers_fewer_frames() {
    let quirks = Quirks { merges: 2, ..Quirks::default() };
    let report = run(quirks, async |target| fan_out(target, small_fan()).await).unwrap();
    assert!((report.commits_per_frame - 2.0).abs() < f64::EPSILON, "{report:?}");
}

#[test]
fn filled_rooms_answer_with_their_commits() {
    let report = run(Quirks::default(), async |target| {
        let filled = fill(target, 20, 50, Rc::new(|_| {})).await?;
        assert_eq!(filled.rooms.len(), 20);
        first_answers(target, First { rooms: filled.rooms, commits: 50, cold: None }).await
    });
    assert_eq!(report.unwrap().rooms, 19, "one is practice");
}

#[test]
fn a_room_that_lost_commits_is_noticed() {
    let report = run(Quirks::default(), async |target| {
        let filled = fill(target, 2, 5, Rc::new(|_| {})).await?;
        first_answers(target, First { rooms: filled.rooms, commits: 6, cold: None }).await
    });
    assert!(report.unwrap_err().to_string().contains("counts 5, not 6"));
}

#[test]
fn a_crowd_comes_back() {
    let report = run(Quirks::default(), async |target| storm(target, small_crowd()).await).unwrap();
    assert_eq!((report.clients, report.retries), (70, 0));
    assert!(report.peak_kib > 0);
}

#[test]
fn memory_is_read_around_what_is_measured() {
    let report = run(Quirks::default(), async |target| idle(target, small_crowd()).await).unwrap();
    assert_eq!(report.count, 6, "the first 64 are practice");
    let rooms = run(Quirks::default(), async |target| live(target, 10, 3, std::process::id(), Rc::new(|_| {})).await);
    assert_eq!(rooms.unwrap().count, 10);
}
