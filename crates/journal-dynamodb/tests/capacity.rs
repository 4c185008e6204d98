//! What each operation costs, in the units that DynamoDB charges.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use dormouse_journal::{
    Journal,
    conformance::sample::{Writer, snapshot_at},
};
use dormouse_journal_dynamodb::{DynamoStore, Usage};
use support::{Emulator, on_each_emulator};

on_each_emulator!(a_small_commands_run_is_one_write_unit, what_each_operation_costs);

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
    let snapshots = client.scan().table_name(&tables.snapshots).send().await.unwrap();
    assert_eq!(snapshots.count, 0, "nothing else is written");
    let table = client.describe_table().table_name(&tables.journal).send().await.unwrap().table.unwrap();
    assert!(table.global_secondary_indexes.unwrap_or_default().is_empty(), "an index would double the price");
    assert!(table.local_secondary_indexes.unwrap_or_default().is_empty(), "an index would double the price");
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
