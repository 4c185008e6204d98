//! Rows on DynamoDB: the suite of their seam, races between environments, pages, and what is stored.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use dormouse_aws::{DynamoConnections, Table};
use dormouse_core::{Address, Principal, Time, Viewer, frame::As};
use dormouse_lambda::{Connections, Watching, conformance::connections_suite};
use futures_util::future::join_all;
use support::{Emulator, on_each_emulator, unused};

on_each_emulator!(
    rows_on_dynamodb_are_connections,
    of_environments_that_race_one_gets_the_ticket,
    more_rows_than_a_page_holds_are_all_found,
    rows_say_when_they_may_be_deleted,
    a_row_that_nobody_can_read_hides_no_other,
);

const NOW: Time = Time(1_790_000_000_000);
const LATER: Time = Time(NOW.0 + 1_001);

async fn rows_on_dynamodb_are_connections(emulator: Emulator) {
    assert_eq!(connections_suite(async || emulator.connections().await).await, 16);
}

/// Each with clients of its own, as environments have them.
async fn of_environments_that_race_one_gets_the_ticket(emulator: Emulator) {
    let table = Table::named(&unused());
    table.create(&emulator.clients().dynamodb()).await.unwrap();
    let one = || DynamoConnections::new(&emulator.clients().dynamodb(), &table);
    let environments: Vec<Arc<DynamoConnections>> = (0..8).map(|_| Arc::new(one())).collect();
    for ticket in 0..40 {
        let race = environments.iter().enumerate().map(|(nth, rows)| {
            let (rows, ticket) = (rows.clone(), format!("ticket-{ticket}"));
            tokio::spawn(async move { rows.take_ticket(&ticket, &format!("c{nth}"), LATER).await.unwrap() })
        });
        let won: Vec<bool> = join_all(race).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "of {won:?}");
        // Whoever has it has it still, by whichever environment it asks.
        for (nth, won) in won.iter().enumerate() {
            let other = &environments[(nth + 1) % environments.len()];
            assert_eq!(other.take_ticket(&format!("ticket-{ticket}"), &format!("c{nth}"), LATER).await.unwrap(), *won);
        }
    }
}

fn watching(connection: &str, roles: Vec<String>) -> Watching {
    let who = Principal { id: "ana".to_owned(), name: "Ana".to_owned() };
    let address: Address = "main/todo/a".parse().unwrap();
    let (connection, viewer) = (connection.into(), Viewer::new(who, roles));
    Watching { address, connection, of: As::View, viewer, since: NOW, expires: LATER }
}

/// A page is a megabyte, so rows of 100 KB do instead of thousands.
async fn more_rows_than_a_page_holds_are_all_found(emulator: Emulator) {
    let rows = emulator.connections().await;
    let fat = || vec!["x".repeat(100 * 1024)];
    for n in 0..12 {
        rows.watch(watching(&format!("c{n:02}"), fat())).await.unwrap();
        let of = Watching { address: format!("main/todo/of-{n}").parse().unwrap(), ..watching("one", fat()) };
        rows.watch(of).await.unwrap();
    }
    let found = rows.of_actor(&"main/todo/a".parse().unwrap(), NOW).await.unwrap().rows;
    assert_eq!(found.len(), 12);
    assert!(rows.usage().calls["Query"] > 1, "it was more than one page");
    assert_eq!(rows.of_connection("one", NOW).await.unwrap().len(), 12);
}

async fn rows_say_when_they_may_be_deleted(emulator: Emulator) {
    let (client, table) = (emulator.clients().dynamodb(), Table::named(&unused()));
    table.create(&client).await.unwrap();
    let ttl = client.describe_time_to_live().table_name(&table.name).send().await.unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("expires"), "{ttl:?}");
    let rows = DynamoConnections::new(&client, &table);
    rows.watch(watching("c1", vec![])).await.unwrap();
    rows.take_ticket("t", "c1", LATER).await.unwrap();
    let items = client.scan().table_name(&table.name).send().await.unwrap().items.unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        // The second in which it is over, and never one before.
        assert_eq!(item["expires"], AttributeValue::N("1790000002".to_owned()), "{item:?}");
    }
}

async fn a_row_that_nobody_can_read_hides_no_other(emulator: Emulator) {
    let (client, table) = (emulator.clients().dynamodb(), Table::named(&unused()));
    table.create(&client).await.unwrap();
    let rows = DynamoConnections::new(&client, &table);
    rows.watch(watching("c1", vec![])).await.unwrap();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = client.put_item().table_name(&table.name).item("p", text("a/main/todo/a")).item("s", text("z/c0"));
    let put = put.item("f", text("c/c1")).item("u", AttributeValue::N(LATER.0.to_string()));
    put.send().await.unwrap();
    let of_actor = rows.of_actor(&"main/todo/a".parse().unwrap(), NOW).await.unwrap().rows;
    assert_eq!(of_actor, [watching("c1", vec![])]);
    assert_eq!(rows.of_connection("c1", NOW).await.unwrap(), of_actor);
}
