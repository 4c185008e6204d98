//! Leased tasks: of several callers one gets each instance.

use std::sync::Arc;

use dormouse_core::{Time, record::Opened};
use tokio::task::JoinSet;

use super::sample::Writer;
use crate::{
    index::{Attempt, Index, Lease},
    journal::{IndexChange, Journal},
};

const NOW: Time = Time(1_790_000_100_000);

fn later(ms: u64) -> Time {
    Time(NOW.0 + ms)
}

/// A change that opens tasks in the writer's next commit.
fn opens(writer: &Writer, keys: &[&str]) -> IndexChange {
    let seq = writer.head.seq + 1;
    let open = |(nth, key): (usize, &&str)| {
        let nth = u16::try_from(nth).unwrap();
        Opened { key: (*key).into(), kind: "model".into(), seq, nth, at: writer.time }
    };
    IndexChange { opened: keys.iter().enumerate().map(open).collect(), ..IndexChange::default() }
}

fn closes(key: &str, seq: u64) -> IndexChange {
    IndexChange { closed: vec![(key.into(), seq)], ..IndexChange::default() }
}

async fn with_tasks(store: &impl Journal, address: &str, keys: &[&str]) -> Writer {
    let mut writer = Writer::new(address);
    let change = opens(&writer, keys);
    writer.change(store, change).await;
    writer
}

async fn lease(store: &impl Index, now: Time, until: Time) -> Vec<Lease> {
    store.lease(&["model"], now, until, 100).await.unwrap()
}

async fn release(store: &impl Index, lease: &Lease, retry_at: Time) {
    store.release(lease, retry_at, Attempt::Made).await.unwrap();
}

fn keys(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(|lease| format!("{}:{}", lease.address.id, lease.task.key)).collect()
}

pub(super) async fn an_open_instance_is_leased_once<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 2).await;
    let change = opens(&writer, &["t", "u"]);
    writer.change(&*store, change.clone()).await;
    let leases = lease(&*store, NOW, later(10)).await;
    for (nth, lease) in leases.iter().enumerate() {
        assert_eq!((&lease.address, &lease.task), (&writer.address, &change.opened[nth]));
        assert_eq!((lease.attempt, lease.until), (1, later(10)));
    }
    assert_eq!(keys(&leases), ["a:t", "a:u"]);
    assert_eq!(lease(&*store, later(9), later(20)).await, []);
}

pub(super) async fn of_many_lessees_exactly_one_gets_it<S: Journal + Index>(store: Arc<S>) {
    let names: Vec<String> = (0..8).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut expected = Vec::new();
    for n in 0..5 {
        with_tasks(&*store, &format!("main/todo/a{n}"), &names).await;
        expected.extend(names.iter().map(|name| format!("a{n}:{name}")));
    }
    let mut lessees = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        lessees.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let leases = store.lease(&["model"], NOW, later(1000), 3).await.unwrap();
                if leases.is_empty() {
                    return mine;
                }
                mine.extend(keys(&leases));
            }
        });
    }
    let mut leased = lessees.join_all().await.concat();
    leased.sort_unstable();
    assert_eq!(leased, expected);
}

pub(super) async fn leases_come_longest_ready_first_and_bounded<S: Journal + Index>(store: Arc<S>) {
    for (name, at) in [("c", 30), ("a", 10), ("b", 20)] {
        let mut writer = Writer::new(&format!("main/todo/{name}"));
        writer.time = Time(at);
        let change = opens(&writer, &["t"]);
        writer.change(&*store, change).await;
    }
    let first = store.lease(&["model"], Time(30), Time(40), 1).await.unwrap();
    assert_eq!(keys(&first), ["a:t"]);
    release(&*store, &first[0], Time(25)).await;
    let all = store.lease(&["model"], Time(30), Time(40), 3).await.unwrap();
    assert_eq!(keys(&all), ["b:t", "a:t", "c:t"]);
}

pub(super) async fn a_fresh_instance_does_not_wait_for_a_clock<S: Journal + Index>(store: Arc<S>) {
    with_tasks(&*store, "main/todo/a", &["t"]).await;
    assert_eq!(lease(&*store, Time(5), Time(10)).await.len(), 1);
    assert_eq!(lease(&*store, Time(9), Time(20)).await.len(), 0);
}

pub(super) async fn a_lease_ends<S: Journal + Index>(store: Arc<S>) {
    with_tasks(&*store, "main/todo/a", &["t"]).await;
    for attempt in 1..5 {
        let now = later(u64::from(attempt) * 10);
        assert_eq!(lease(&*store, now.after(std::time::Duration::ZERO), Time(now.0 + 10)).await[0].attempt, attempt);
        assert_eq!(lease(&*store, Time(now.0 + 9), later(1000)).await, []);
    }
}

pub(super) async fn a_released_instance_waits_until_its_retry<S: Journal + Index>(store: Arc<S>) {
    with_tasks(&*store, "main/todo/a", &["t"]).await;
    let held = lease(&*store, NOW, later(1000)).await;
    release(&*store, &held[0], later(50)).await;
    assert_eq!(lease(&*store, later(49), later(60)).await, []);
    let again = lease(&*store, later(50), later(60)).await;
    assert_eq!((keys(&again), again[0].attempt), (vec!["a:t".to_owned()], 2));
}

pub(super) async fn only_what_the_lessee_can_perform_is_leased<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    let mut change = opens(&writer, &["t", "u", "v", "w"]);
    for (open, kind) in change.opened.iter_mut().zip(["model", "http", "model", "send"]) {
        open.kind = kind.into();
    }
    writer.change(&*store, change).await;
    assert_eq!(store.lease(&[], NOW, later(10), 9).await.unwrap(), []);
    assert_eq!(store.lease(&["mode", "models"], NOW, later(10), 9).await.unwrap(), []);
    let some = store.lease(&["send", "model"], NOW, later(10), 2).await.unwrap();
    assert_eq!(keys(&some), ["a:t", "a:v"], "longest ready first, whatever the kind");
    assert_eq!(keys(&store.lease(&["send", "model"], NOW, later(10), 9).await.unwrap()), ["a:w"]);
    let other = store.lease(&["http"], NOW, later(10), 9).await.unwrap();
    assert_eq!((keys(&other), other[0].attempt), (vec!["a:u".to_owned()], 1), "those who passed it by made no attempt");
    let again = store.lease(&["http", "send", "model"], later(10), later(20), 3).await.unwrap();
    assert_eq!(keys(&again), ["a:t", "a:u", "a:v"]);
}

pub(super) async fn an_attempt_that_was_not_made_does_not_count<S: Journal + Index>(store: Arc<S>) {
    with_tasks(&*store, "main/todo/a", &["t"]).await;
    for at in 0..3 {
        let held = lease(&*store, later(at * 10), later(1000)).await;
        assert_eq!(held[0].attempt, 1);
        store.release(&held[0], later(at * 10 + 10), Attempt::NotMade).await.unwrap();
        assert_eq!(lease(&*store, later(at * 10 + 9), later(1000)).await, []);
    }
    let made = lease(&*store, later(30), later(40)).await;
    release(&*store, &made[0], later(40)).await;
    let second = lease(&*store, later(40), later(50)).await;
    assert_eq!((made[0].attempt, second[0].attempt), (1, 2));
    store.release(&second[0], later(50), Attempt::NotMade).await.unwrap();
    assert_eq!(lease(&*store, later(50), later(60)).await[0].attempt, 2);
}

pub(super) async fn a_lease_that_ended_gives_nothing_back<S: Journal + Index>(store: Arc<S>) {
    with_tasks(&*store, "main/todo/a", &["t"]).await;
    let ended = lease(&*store, NOW, later(10)).await;
    let held = lease(&*store, later(10), later(100)).await;
    store.release(&ended[0], later(20), Attempt::NotMade).await.unwrap();
    assert_eq!(lease(&*store, later(50), later(200)).await, [], "it is somebody else's now");
    release(&*store, &held[0], later(60)).await;
    assert_eq!(lease(&*store, later(60), later(200)).await[0].attempt, 3);
}

pub(super) async fn a_closed_instance_is_never_leased<S: Journal + Index>(store: Arc<S>) {
    let mut writer = with_tasks(&*store, "main/todo/a", &["t", "u", "v"]).await;
    writer.change(&*store, closes("t", 1)).await;
    let held = lease(&*store, NOW, later(10)).await;
    assert_eq!(keys(&held), ["a:u", "a:v"]);
    writer.change(&*store, closes("u", 1)).await;
    release(&*store, &held[0], later(10)).await;
    assert_eq!(keys(&lease(&*store, later(10), later(20)).await), ["a:v"]);
}

pub(super) async fn an_instance_that_closes_in_its_own_run_is_never_leased<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    let mut change = opens(&writer, &["t", "u"]);
    let changes = dormouse_core::record::Changes { closed: vec![("t".into(), 1)], ..Default::default() };
    change.merge(changes, None, None);
    writer.change(&*store, change).await;
    assert_eq!(keys(&lease(&*store, NOW, later(10)).await), ["a:u"]);
}

pub(super) async fn the_same_key_again_is_another_instance<S: Journal + Index>(store: Arc<S>) {
    let mut writer = with_tasks(&*store, "main/todo/a", &["t"]).await;
    let stale = lease(&*store, NOW, later(1000)).await.remove(0);
    assert_eq!(stale.task.seq, 1);
    let change = IndexChange { opened: opens(&writer, &["t"]).opened, ..closes("t", 1) };
    writer.change(&*store, change).await;
    let fresh = lease(&*store, NOW, later(1000)).await;
    assert_eq!((fresh[0].task.seq, fresh[0].attempt, fresh.len()), (2, 1, 1));
    release(&*store, &stale, NOW).await;
    assert_eq!(lease(&*store, later(5), later(1000)).await, []);
}

pub(super) async fn the_same_run_again_keeps_the_lease<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    let change = opens(&writer, &["t", "u"]);
    let run = writer.changing(change);
    store.append(run.clone()).await.unwrap();
    assert_eq!(lease(&*store, NOW, later(100)).await.len(), 2);
    writer.change(&*store, closes("u", 1)).await;
    store.append(run).await.unwrap();
    assert_eq!(lease(&*store, later(50), later(200)).await, []);
    assert_eq!(keys(&lease(&*store, later(100), later(200)).await), ["a:t"]);
}

pub(super) async fn reindex_keeps_the_lease<S: Journal + Index>(store: Arc<S>) {
    let writer = with_tasks(&*store, "main/todo/a", &["t"]).await;
    lease(&*store, NOW, later(100)).await;
    let before = Writer { head: dormouse_core::position::Head::start(1), ..writer.clone() };
    let change = opens(&before, &["t", "new"]);
    store.reindex(&writer.address, writer.head.position(), change).await.unwrap();
    assert_eq!(keys(&lease(&*store, later(50), later(200)).await), ["a:new"]);
    assert_eq!(lease(&*store, later(100), later(200)).await[0].attempt, 2);
}

pub(super) async fn a_deleted_actor_has_no_tasks<S: Journal + Index>(store: Arc<S>) {
    let writer = with_tasks(&*store, "main/todo/a", &["t", "u"]).await;
    let held = store.lease(&["model"], NOW, later(10), 1).await.unwrap();
    store.delete(&writer.address).await.unwrap();
    release(&*store, &held[0], NOW).await;
    assert_eq!(lease(&*store, NOW, later(100)).await, []);
    // Nor does what is left of it stand in another's way.
    with_tasks(&*store, "main/todo/b", &["t"]).await;
    assert_eq!(keys(&store.lease(&["model"], NOW, later(100), 1).await.unwrap()), ["b:t"]);
}
