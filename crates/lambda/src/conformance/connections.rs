//! Rows of connections and of those who watch.

use std::{collections::BTreeSet, sync::Arc};

use dormouse_core::{Name, Principal, Time, Viewer, frame::As, outbox::OutboxId};
use dormouse_engine::identity::Session;

use crate::connections::{Connected, Connections, Pushed, Watching};

const NOW: Time = Time(1_790_000_000_000);
const LATER: Time = Time(NOW.0 + 1_000);

fn connected(connection: &str, tenant: &str, principal: &str) -> Connected {
    let who = Principal { id: principal.to_owned(), name: "A name".to_owned() };
    let session = Session {
        viewer: Viewer::new(who, vec!["judge".to_owned(), "operator".to_owned()]),
        tenant: tenant.parse().unwrap(),
        issued: Time(NOW.0 - 5),
        expires: Time(NOW.0 + 90_000),
    };
    let outbox = OutboxId { stamp: NOW.0, unique: "abc".to_owned() };
    Connected { connection: connection.into(), session, outbox, expires: LATER }
}

fn watching(actor: &str, connection: &str, of: As) -> Watching {
    let who = Principal { id: "ana".to_owned(), name: String::new() };
    let (viewer, address) = (Viewer::new(who, vec!["judge".to_owned()]), actor.parse().unwrap());
    Watching { address, connection: connection.into(), of, viewer, since: NOW, expires: LATER }
}

fn tenant(name: &str) -> Name {
    name.parse().unwrap()
}

pub(super) async fn a_connection_is_there_until_it_is_closed(rows: impl Connections) {
    assert_eq!(rows.connected("c1", NOW).await.unwrap(), None);
    let ana = connected("c1", "main", "ana");
    rows.open(ana.clone()).await.unwrap();
    rows.open(connected("c2", "main", "bo")).await.unwrap();
    assert_eq!(rows.connected("c1", NOW).await.unwrap(), Some(ana));
    for _ in 0..2 {
        rows.close("c1").await.unwrap();
        assert_eq!(rows.connected("c1", NOW).await.unwrap(), None);
    }
    assert!(rows.connected("c2", NOW).await.unwrap().is_some());
}

pub(super) async fn a_row_is_written_over(rows: impl Connections) {
    let mut ana = connected("c1", "main", "ana");
    rows.open(ana.clone()).await.unwrap();
    ana.session.expires = Time(NOW.0 + 5);
    ana.outbox.unique = "other".to_owned();
    rows.open(ana.clone()).await.unwrap();
    assert_eq!(rows.connected("c1", NOW).await.unwrap(), Some(ana));
}

pub(super) async fn an_expired_row_is_not_there(rows: impl Connections) {
    let row = watching("main/todo/a", "c1", As::View);
    rows.open(connected("c1", "main", "ana")).await.unwrap();
    rows.watch(row.clone()).await.unwrap();
    let before = Time(LATER.0 - 1);
    assert!(rows.connected("c1", before).await.unwrap().is_some());
    assert_eq!(rows.of_actor(&row.address, before).await.unwrap().rows, std::slice::from_ref(&row));
    assert_eq!(rows.connected("c1", LATER).await.unwrap(), None);
    assert_eq!(rows.of_principal(&tenant("main"), "ana", LATER).await.unwrap(), []);
    assert_eq!(rows.of_actor(&row.address, LATER).await.unwrap().rows, []);
    assert_eq!(rows.of_connection("c1", LATER).await.unwrap(), []);
}

pub(super) async fn a_principal_finds_its_connections(rows: impl Connections) {
    for (connection, tenant, principal) in
        [("c1", "main", "ana"), ("c2", "main", "bo"), ("c3", "main", "ana"), ("c4", "other", "ana")]
    {
        rows.open(connected(connection, tenant, principal)).await.unwrap();
    }
    let found = async |name: &str, principal: &str| {
        let found = rows.of_principal(&tenant(name), principal, NOW).await.unwrap();
        found.into_iter().collect::<BTreeSet<Arc<str>>>()
    };
    assert_eq!(found("main", "ana").await, ["c1".into(), "c3".into()].into());
    assert_eq!(found("other", "ana").await, ["c4".into()].into());
    assert_eq!(found("main", "an").await, [].into());
    rows.close("c3").await.unwrap();
    assert_eq!(found("main", "ana").await, ["c1".into()].into());
}

pub(super) async fn whoever_watches_is_found_by_actor_and_by_connection(rows: impl Connections) {
    let [a1, a2, b1] = [("main/todo/a", "c1"), ("main/todo/a", "c2"), ("main/todo/b", "c1")]
        .map(|(actor, connection)| watching(actor, connection, As::View));
    for row in [&a2, &b1, &a1] {
        rows.watch(row.clone()).await.unwrap();
    }
    assert_eq!(rows.of_actor(&a1.address, NOW).await.unwrap().rows, [a1.clone(), a2.clone()]);
    let mut of_c1 = rows.of_connection("c1", NOW).await.unwrap();
    of_c1.sort_by(|a, b| a.address.cmp(&b.address));
    assert_eq!(of_c1, [a1.clone(), b1.clone()]);
    for _ in 0..2 {
        rows.unwatch(&a1.address, "c1", As::View).await.unwrap();
        assert_eq!(rows.of_actor(&a1.address, NOW).await.unwrap().rows, std::slice::from_ref(&a2));
        assert_eq!(rows.of_connection("c1", NOW).await.unwrap(), std::slice::from_ref(&b1));
    }
}

pub(super) async fn one_connection_may_watch_twice(rows: impl Connections) {
    let [view, events] = [As::View, As::Events].map(|of| watching("main/todo/a", "c1", of));
    rows.watch(events.clone()).await.unwrap();
    rows.watch(view.clone()).await.unwrap();
    assert_eq!(rows.of_actor(&view.address, NOW).await.unwrap().rows, [view.clone(), events.clone()]);
    rows.unwatch(&view.address, "c1", As::View).await.unwrap();
    assert_eq!(rows.of_actor(&view.address, NOW).await.unwrap().rows, [events]);
}

pub(super) async fn a_row_keeps_its_beginning(rows: impl Connections) {
    let first = watching("main/todo/a", "c1", As::View);
    rows.watch(first.clone()).await.unwrap();
    let who = Principal { id: "ana".to_owned(), name: "Ana".to_owned() };
    let again =
        Watching { since: LATER, expires: Time(LATER.0 + 9), viewer: Viewer::new(who, vec![]), ..first.clone() };
    rows.watch(again.clone()).await.unwrap();
    assert_eq!(rows.of_actor(&first.address, NOW).await.unwrap().rows, [Watching { since: first.since, ..again }]);
}

pub(super) async fn to_close_leaves_what_is_watched(rows: impl Connections) {
    let row = watching("main/todo/a", "c1", As::View);
    rows.open(connected("c1", "main", "ana")).await.unwrap();
    rows.watch(row.clone()).await.unwrap();
    rows.close("c1").await.unwrap();
    assert_eq!(rows.of_connection("c1", NOW).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(rows.of_actor(&row.address, NOW).await.unwrap().rows, std::slice::from_ref(&row));
}

pub(super) async fn of_racing_connections_one_gets_the_ticket(rows: impl Connections) {
    for ticket in 0..20 {
        let ticket = format!("ticket-{ticket}");
        let race = (0..16).map(|nth| {
            let (rows, ticket) = (&rows, &ticket);
            async move { rows.take_ticket(ticket, &format!("c{nth}"), LATER).await.unwrap() }
        });
        let won = futures_util::future::join_all(race).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "of {won:?}");
    }
}

pub(super) async fn a_taken_ticket_is_taken_again_by_its_connection(rows: impl Connections) {
    assert!(rows.take_ticket("t", "c1", LATER).await.unwrap());
    assert!(!rows.take_ticket("t", "c2", LATER).await.unwrap());
    assert!(rows.take_ticket("t", "c1", LATER).await.unwrap(), "a trigger that comes twice");
    assert!(rows.take_ticket("u", "c2", LATER).await.unwrap());
}

pub(super) async fn two_hundred_watch_one_actor(rows: impl Connections) {
    let all: Vec<Watching> = (0..200).map(|n| watching("main/todo/a", &format!("c{n:03}"), As::View)).collect();
    for row in &all {
        rows.watch(row.clone()).await.unwrap();
    }
    assert_eq!(rows.of_actor(&all[0].address, NOW).await.unwrap().rows, all);
}

pub(super) async fn names_do_not_run_into_each_other(rows: impl Connections) {
    // What a key that is put together carelessly would confuse.
    for (actor, connection) in
        [("a/b/c", "d"), ("a/b/c-d", "e"), ("a/b-c/d", "e"), ("a/b/c", "d#view"), ("a/b/c", "L0S=")]
    {
        let row = watching(actor, connection, As::View);
        rows.watch(row.clone()).await.unwrap();
        assert!(rows.of_actor(&row.address, NOW).await.unwrap().rows.contains(&row), "{actor} {connection}");
        assert_eq!(rows.of_connection(connection, NOW).await.unwrap().iter().filter(|it| **it == row).count(), 1);
    }
    assert_eq!(rows.of_actor(&"a/b/c".parse().unwrap(), NOW).await.unwrap().rows.len(), 3);
    assert_eq!(rows.of_connection("e", NOW).await.unwrap().len(), 2);
}

fn pushed(after: u64, upto: u64) -> Pushed {
    Pushed { epoch: 1, after, upto, expires: LATER }
}

pub(super) async fn a_mark_comes_with_the_rows(rows: impl Connections) {
    let row = watching("main/todo/a", "c1", As::View);
    rows.watch(row.clone()).await.unwrap();
    assert_eq!(rows.of_actor(&row.address, NOW).await.unwrap().pushed, None);
    rows.mark_pushed(&row.address, pushed(4, 5), NOW).await.unwrap();
    let watched = rows.of_actor(&row.address, NOW).await.unwrap();
    assert_eq!((watched.rows, watched.pushed), (vec![row.clone()], Some(pushed(4, 5))));
    assert_eq!(rows.of_connection("c1", NOW).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(rows.of_actor(&row.address, LATER).await.unwrap().pushed, None);
    assert_eq!(rows.of_actor(&"main/todo/b".parse().unwrap(), NOW).await.unwrap().pushed, None);
}

pub(super) async fn marks_that_meet_are_one(rows: impl Connections) {
    let actor = "main/todo/a".parse().unwrap();
    let mark = async |mark: Pushed| {
        rows.mark_pushed(&actor, mark, NOW).await.unwrap();
        let known = rows.of_actor(&actor, NOW).await.unwrap().pushed.unwrap();
        (known.epoch, known.after, known.upto)
    };
    assert_eq!(mark(pushed(4, 6)).await, (1, 4, 6));
    assert_eq!(mark(pushed(6, 7)).await, (1, 4, 7), "the next commit");
    assert_eq!(mark(pushed(3, 4)).await, (1, 3, 7), "one that was overtaken");
    for again in [pushed(6, 7), pushed(0, 2), pushed(5, 5)] {
        assert_eq!(mark(again).await, (1, 3, 7), "what comes twice or late changes nothing");
    }
    assert_eq!(mark(pushed(8, 9)).await, (1, 8, 9), "of two with a hole between them the newer stays");
    assert_eq!(mark(pushed(0, 12)).await, (1, 0, 12));
    assert_eq!(mark(Pushed { epoch: 2, ..pushed(3, 5) }).await, (2, 3, 5), "of another history nothing is known");
    assert_eq!(mark(pushed(12, 13)).await, (2, 3, 5));
}

pub(super) async fn of_racing_marks_none_is_lost(rows: impl Connections) {
    let actor: dormouse_core::Address = "main/todo/a".parse().unwrap();
    rows.mark_pushed(&actor, pushed(0, 1), NOW).await.unwrap();
    // All overlap, so that whoever comes late finds them meet.
    let race = (2..18).map(|seq| {
        let (rows, actor) = (&rows, &actor);
        async move { rows.mark_pushed(actor, pushed(1, seq), NOW).await.unwrap() }
    });
    futures_util::future::join_all(race).await;
    assert_eq!(rows.of_actor(&actor, NOW).await.unwrap().pushed, Some(pushed(0, 17)));
}

pub(super) async fn a_mark_that_expired_is_forgotten(rows: impl Connections) {
    let actor = "main/todo/a".parse().unwrap();
    rows.mark_pushed(&actor, pushed(0, 9), NOW).await.unwrap();
    let mark = Pushed { expires: Time(LATER.0 + 9), ..pushed(3, 4) };
    rows.mark_pushed(&actor, mark, LATER).await.unwrap();
    assert_eq!(rows.of_actor(&actor, LATER).await.unwrap().pushed, Some(mark));
}
