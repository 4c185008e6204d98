//! What each call costs, in the units that DynamoDB charges.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use dormouse_aws::{DynamoConnections, Usage};
use dormouse_core::{Principal, Time, Viewer, frame::As, outbox::OutboxId};
use dormouse_engine::identity::Session;
use dormouse_lambda::{Connected, Connections, Pushed, Watching};
use support::{Emulator, on_each_emulator};

on_each_emulator!(what_each_call_costs);

const NOW: Time = Time(1_790_000_000_000);
const LATER: Time = Time(NOW.0 + 86_400_000);

fn connected(connection: &str) -> Connected {
    let Watching { viewer, .. } = watching(connection);
    let session = Session { viewer, tenant: "main".parse().unwrap(), issued: NOW, expires: LATER };
    let outbox = OutboxId { stamp: NOW.0, unique: "abcdefghijkl".to_owned() };
    Connected { connection: connection.into(), session, outbox, expires: LATER }
}

fn watching(connection: &str) -> Watching {
    let who = Principal { id: "guest-4F2A9CQ7RS4F2A9CQ7RS".to_owned(), name: "Ana of the meadow".to_owned() };
    let (address, viewer) = ("main/liap-tui/4F2A9CQ7RS".parse().unwrap(), Viewer::new(who, vec!["guest".to_owned()]));
    Watching { address, connection: connection.into(), of: As::View, viewer, since: NOW, expires: LATER }
}

/// What this consumed: reads, writes, and calls by operation.
async fn spent<T>(rows: &DynamoConnections, what: impl Future<Output = T>) -> (T, f64, f64, String) {
    let before = rows.usage();
    let answer = what.await;
    let after = rows.usage();
    let calls = |usage: &Usage, operation| usage.calls.get(operation).copied().unwrap_or_default();
    let new = after.calls.keys().map(|&operation| (operation, calls(&after, operation) - calls(&before, operation)));
    let new: Vec<String> = new.filter(|(_, n)| *n > 0).map(|(operation, n)| format!("{n} {operation}")).collect();
    (answer, after.reads - before.reads, after.writes - before.writes, new.join(", "))
}

async fn what_each_call_costs(emulator: Emulator) {
    let rows = emulator.connections().await;
    println!("{emulator:?}\n| what | read units | write units | calls |\n|---|---|---|---|");
    macro_rules! costs {
        ($what:literal, $call:expr, $expected:expr) => {
            let (_, reads, writes, calls) = spent(&rows, async { $call.await.unwrap() }).await;
            println!("| {} | {reads} | {writes} | {calls} |", $what);
            // Ministack charges every read as one unit, whatever its size and consistency.
            let reads = if emulator == Emulator::Ministack { $expected.0 } else { reads };
            assert_eq!((reads, writes), $expected, $what);
        };
    }
    let row = watching("L0SM9cOFvHcCIhw=");
    let (address, connection, tenant) = (&row.address, &*row.connection, "main".parse().unwrap());
    let principal = &row.viewer.principal.id;
    costs!("`take_ticket`", rows.take_ticket(&"5f".repeat(32), connection, LATER), (0.0, 1.0));
    costs!("`take_ticket`, another has it", rows.take_ticket(&"5f".repeat(32), "other", LATER), (0.0, 0.0));
    costs!("`open`", rows.open(connected(connection)), (0.0, 2.0));
    costs!("`connected`", rows.connected(connection, NOW), (1.0, 0.0));
    costs!("`of_principal`, one", rows.of_principal(&tenant, principal, NOW), (0.5, 0.0));
    costs!("`watch`", rows.watch(row.clone()), (0.0, 2.0));
    costs!(
        "`watch` again, until later",
        rows.watch(Watching { expires: Time(LATER.0 + 1_000), ..row.clone() }),
        (0.0, 2.0)
    );
    costs!("`of_actor`, one", rows.of_actor(address, NOW), (1.0, 0.0));
    costs!("`of_connection`, one", rows.of_connection(connection, NOW), (0.5, 0.0));
    let pushed = |upto| Pushed { epoch: 1, after: 1, upto, expires: LATER };
    costs!("`mark_pushed`", rows.mark_pushed(address, pushed(2), NOW), (1.0, 1.0));
    costs!("`mark_pushed`, the next commit", rows.mark_pushed(address, pushed(3), NOW), (1.0, 1.0));
    costs!("`of_actor`, one and the mark", rows.of_actor(address, NOW), (1.0, 0.0));
    costs!("`unwatch`", rows.unwatch(address, connection, row.of), (0.0, 2.0));
    costs!("`unwatch`, no row is there", rows.unwatch(address, connection, row.of), (0.0, 1.0));
    costs!("`close`", rows.close(connection), (0.0, 2.0));
    costs!("`of_actor`, nobody", rows.of_actor(address, NOW), (1.0, 0.0));
    for n in 0..200 {
        rows.watch(watching(&format!("L0SM9cOFvHcCI{n:03}"))).await.unwrap();
    }
    costs!("`of_actor`, 200", rows.of_actor(address, NOW), (7.0, 0.0));
}
