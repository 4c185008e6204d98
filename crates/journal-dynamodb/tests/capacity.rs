//! What each operation costs, in the units that DynamoDB charges.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use dormouse_core::{Summary, TaskKey, Time, limits, record::Opened};
use dormouse_journal::{
    Filter, Index, IndexChange, Journal, Run,
    conformance::sample::{Writer, read_all, snapshot_at},
};
use dormouse_journal_dynamodb::{DynamoStore, Usage};
use support::{Emulator, on_each_emulator, stream::Stream};

on_each_emulator!(
    a_small_commands_run_is_one_write_unit,
    the_largest_run_with_the_largest_change_is_one_item,
    what_each_operation_costs,
    what_the_index_costs,
);

/// What this consumed: reads, writes, and calls by operation.
async fn spent<T>(store: &DynamoStore, what: impl Future<Output = T>) -> (T, f64, f64, String) {
    let before = store.usage();
    let answer = what.await;
    let after = store.usage();
    let calls = |usage: &Usage, operation| usage.calls.get(operation).copied().unwrap_or_default();
    let new = after.calls.keys().map(|&operation| (operation, calls(&after, operation) - calls(&before, operation)));
    let new: Vec<String> = new.filter(|(_, n)| *n > 0).map(|(operation, n)| format!("{n} {operation}")).collect();
    (answer, after.reads - before.reads, after.writes - before.writes, new.join(", "))
}

async fn a_small_commands_run_is_one_write_unit(emulator: Emulator) {
    let (client, tables) = (emulator.client(), emulator.tables().await);
    let store = DynamoStore::new(&client, tables.clone(), std::sync::Arc::new(object_store::memory::InMemory::new()));
    let mut writer = Writer::new("main/liap-tui/4F2A9CQ7RS");
    store.head(&writer.address).await.unwrap();
    // A record is 130 bytes and what happened; with 700 bytes of that, it is more than most commands.
    for event_bytes in [60, 300, 700] {
        let run = writer.run_of(1, event_bytes);
        let ((), reads, writes, calls) = spent(&store, async { store.append(run).await.unwrap() }).await;
        assert_eq!((reads, writes, calls.as_str()), (0.0, 1.0, "1 PutItem"), "{event_bytes} bytes");
    }
    let items = client.scan().table_name(&tables.journal).send().await.unwrap().items.unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "c", "e", "h", "n", "r"]);
    }
    for other in [&tables.snapshots, &tables.index] {
        let found = client.scan().table_name(other).send().await.unwrap();
        assert_eq!(found.count, 0, "nothing else is written: {other}");
    }
    let table = client.describe_table().table_name(&tables.journal).send().await.unwrap().table.unwrap();
    assert!(table.global_secondary_indexes.unwrap_or_default().is_empty(), "an index would double the price");
    assert!(table.local_secondary_indexes.unwrap_or_default().is_empty(), "an index would double the price");
}

/// An item has 400 KB at most, and both emulators are exact about it.
async fn the_largest_run_with_the_largest_change_is_one_item(emulator: Emulator) {
    let store = emulator.store().await;
    let name = "x".repeat(limits::NAME_BYTES_MAX);
    let mut writer = Writer::new(&format!("{name}/{name}/{name}"));
    let key = |n: usize| TaskKey(format!("{n:0width$}", width = limits::KEY_BYTES_MAX));
    let task = |n| Opened { key: key(n), kind: name.clone(), seq: 1, nth: u16::MAX, at: Time(u64::MAX) };
    let member = |n: usize| format!("{n:0width$}", width = limits::PRINCIPAL_BYTES_MAX);
    let summary = Summary {
        title: "t".repeat(limits::SUMMARY_TEXT_BYTES_MAX),
        members: (0..limits::SUMMARY_MEMBERS_MAX).map(member).collect(),
        ..Summary::default()
    };
    let index = IndexChange {
        opened: (0..limits::AGENDA_TASKS_MAX).map(task).collect(),
        closed: (0..limits::AGENDA_TASKS_MAX).map(|n| (key(n), 0)).collect(),
        summary: Some(Some(summary)),
        ..IndexChange::default()
    };
    // Records of one byte more would be past `RUN_BYTES_MAX`.
    let commits = limits::RUN_COMMITS_MAX;
    let overhead: usize = writer.clone().run_of(commits, 1000).records.iter().map(|record| record.len() - 1000).sum();
    let run = Run { index, ..writer.run_of(commits, (limits::RUN_BYTES_MAX - overhead) / commits) };
    let bytes: usize = run.records.iter().map(|record| record.len()).sum();
    assert!(bytes > limits::RUN_BYTES_MAX - commits);
    let ((), _, writes, _) = spent(&store, async { store.append(run).await.unwrap() }).await;
    println!("{emulator:?}: the largest run is {writes} write units");
    assert_eq!(read_all(&store, &writer.address, commits).await.len(), commits);
}

async fn what_each_operation_costs(emulator: Emulator) {
    let store = emulator.store().await;
    let mut writer = Writer::new("main/todo/a");
    println!("{emulator:?}\n| what | read units | write units | calls |\n|---|---|---|---|");
    macro_rules! costs {
        ($what:literal, $operation:expr, $expected:expr) => {
            let (_, reads, writes, calls) = spent(&store, async { $operation.await.unwrap() }).await;
            println!("| {} | {reads} | {writes} | {calls} |", $what);
            // Ministack charges every read as if it were of 4 KB at most.
            let reads = if emulator == Emulator::Ministack { $expected.0 } else { reads };
            assert_eq!((reads, writes), $expected, $what);
        };
    }
    costs!("`head` of an actor that is not there", store.head(&writer.address), (1.0, 0.0));
    costs!("`append`, one small commit", store.append(writer.run(1)), (0.0, 1.0));
    let run = writer.run(1);
    costs!("`append`, its outcome known", store.append(run.clone()), (0.0, 1.0));
    costs!("`append` of the same run again", store.append(run.clone()), (2.0, 0.0));
    costs!("`append`, 30 commits of 300 bytes", store.append(writer.run_of(30, 300)), (0.0, 13.0));
    costs!("`head`, the newest run of 13 KB", store.head(&writer.address), (4.0, 0.0));
    costs!("`read`, all 32 commits", store.read(&writer.address, 0, 100), (4.0, 0.0));
    costs!("`put_snapshot`, 20 KB", store.put_snapshot(&writer.address, snapshot_at(writer.head, 20_000)), (0.0, 20.0));
    costs!("`snapshot`, 20 KB", store.snapshot(&writer.address), (2.5, 0.0));
    costs!("`fence`, which takes that snapshot along", store.fence(&writer.address, 2), (7.5, 21.0));
}

async fn what_the_index_costs(emulator: Emulator) {
    let (client, tables) = (emulator.client(), emulator.tables().await);
    let store = DynamoStore::new(&client, tables.clone(), std::sync::Arc::new(object_store::memory::InMemory::new()));
    let mut stream = Stream::open(emulator, &tables.journal).await;
    let mut writer = Writer::new("main/todo/a");
    let summary =
        Summary { title: "A room".into(), status: "open".into(), members: vec!["ana".into()], ..Summary::default() };
    let task = Opened { key: "t".into(), kind: "model".into(), seq: 4, nth: 0, at: writer.time };
    let made = IndexChange { summary: Some(Some(summary)), ..IndexChange::default() };
    let wakes = IndexChange { wake: Some(Some(Time(9))), ..IndexChange::default() };
    let opens = IndexChange { opened: vec![task], ..IndexChange::default() };
    let closes = IndexChange { closed: vec![("t".into(), 4)], ..IndexChange::default() };
    println!(
        "{emulator:?}\n| what a record of the stream does | read units | write units | calls |\n|---|---|---|---|"
    );
    let mut absorb = async |what: &str, change: IndexChange, expected: f64| {
        writer.time = Time(writer.time.0 + 5);
        writer.change(&store, change).await;
        let images = stream.next().await;
        let (outcome, reads, writes, calls) = spent(&store, store.absorb(&images)).await;
        outcome.unwrap();
        println!("| {what} | {reads} | {writes} | {calls} |");
        assert_eq!((reads, writes), (1.0, expected), "{what}");
    };
    absorb("makes a row, the first of its kind, with a member", made, 5.0).await;
    absorb("a commit that changes nothing but the position", IndexChange::default(), 4.0).await;
    absorb("sets a wake", wakes, 5.0).await;
    absorb("opens a task", opens, 8.0).await;
    absorb("closes it", closes, 8.0).await;
    println!("| what is asked | read units | write units | calls |\n|---|---|---|---|");
    macro_rules! costs {
        ($what:literal, $operation:expr) => {
            let (_, reads, writes, calls) = spent(&store, async { $operation.await.unwrap() }).await;
            println!("| {} | {reads} | {writes} | {calls} |", $what);
        };
    }
    let kind =
        Filter { tenant: Some("main".parse().unwrap()), kind: Some("todo".parse().unwrap()), ..Filter::default() };
    let mine = Filter { member: Some("ana".into()), ..Filter::default() };
    costs!("`row`", store.row(&writer.address));
    costs!("`due`, one", store.due(Time(10), 100));
    costs!("`lease` of one kind, none ready", store.lease(&["model"], Time(10), Time(20), 10));
    costs!("`list` of a kind, one row", store.list(&kind, None, 50));
    costs!("`list` of a member, one row", store.list(&mine, None, 50));
    costs!("`sweep`", store.sweep(None, 100));
    costs!("`counts`", store.counts());
}
