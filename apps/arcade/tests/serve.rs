//! The binary as an operator meets it: it drains, guards its data, tells how it is, and moves actors between journals.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_client::{Client, ClientOptions, Handle, Position, Status, SubscribeOptions, Update};
use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{Host, PATIENCE, arcade, arcade_fails, arcade_json, cut, free_port, get};

fn client(url: &str) -> Client {
    Client::new(ClientOptions::new(url).max_delay(Duration::from_millis(250))).expect("a client")
}

async fn until(client: &Client, wanted: Status) {
    let mut status = client.status();
    let reached = tokio::time::timeout(PATIENCE, status.wait_for(|status| *status == wanted)).await;
    reached.unwrap_or_else(|_| panic!("not {wanted:?}: {client:?} {:?}", client.error())).expect("it lives");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn add(title: &str) -> Value {
    json!({ "type": "add_todo", "title": title })
}

/// A data folder with one list of `things`; how it stands, and its name.
async fn list_of(data: &Path, things: u64) -> (String, Position) {
    let host = Host::start(data, 0);
    let client = client(&host.url());
    let list = client.actor("todo").create(&json!({ "title": "Moved" }), None).await.expect("a list");
    let mut position = list.look().await.expect("a view").position;
    for n in 1..=things {
        position = list.send(&add(&format!("thing {n}"))).await.expect("accepted").position;
    }
    let actor = format!("todo/{}", list.id());
    client.close().await;
    host.sigterm();
    assert!(host.wait().success());
    (actor, position)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, port) = (folder.path().join("data"), free_port());
    let mut host = Host::start(&data, port);
    let maker = client(&host.url());
    let list = maker.actor("todo").create(&json!({}), None).await.expect("a list");
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<Client> = (0..3).map(|_| client(&host.url())).collect();
    let hands: Vec<_> = (0..12)
        .map(|hand| {
            let list = clients[hand % 3].actor("todo").get(list.id()).expect("a name");
            tokio::spawn(add_until(over.clone(), list, hand))
        })
        .collect();
    for _ in 0..4 {
        for client in &clients {
            until(client, Status::Live).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        host.sigterm();
        assert!(host.wait().success(), "it ends well");
        host = Host::start(&data, port);
    }
    over.store(true, Ordering::Relaxed);
    let mut promised = BTreeMap::new();
    for hand in hands {
        promised.extend(tokio::time::timeout(PATIENCE, hand).await.expect("answers").expect("no panic"));
    }
    let events = list.events(0, Some(1_000)).await.expect("events").events;
    let added = events.iter().filter(|event| event.event["type"] == "todo_added");
    let found: Vec<(String, u64)> =
        added.map(|event| (event.event["title"].as_str().expect("a title").to_owned(), event.seq)).collect();
    assert_eq!(found.len(), promised.len(), "as many as were acknowledged");
    assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), promised, "and each in the commit that it was told");
}

/// Titles that were acknowledged, with their commits.
async fn add_until(over: Arc<AtomicBool>, list: Handle, hand: usize) -> BTreeMap<String, u64> {
    let mut promised = BTreeMap::new();
    // A list holds 500.
    for n in 0..40 {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let title = format!("{hand} {n}");
        let accepted = list.send(&add(&title)).await.expect("accepted, sooner or later");
        promised.insert(title, accepted.position.seq);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    promised
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_connected_is_told_of_the_end_and_when_to_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(&folder.path().join("data"), 0);
    let clients: Vec<Client> = (0..8).map(|_| client(&host.url())).collect();
    for client in &clients {
        until(client, Status::Live).await;
    }
    host.sigterm();
    for client in &clients {
        until(client, Status::Offline).await;
        let fault = client.error().expect("a reason");
        assert_eq!((fault.code, &*fault.name), (1504, "draining"), "{fault:?}");
        assert!(fault.retry_after.is_some_and(|wait| wait >= Duration::from_millis(250)), "{fault:?}");
    }
    assert!(host.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_drains_is_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(&folder.path().join("data"), 0);
    let open = || TcpStream::connect(&host.address).expect("it listens");
    assert_eq!(get(&mut open(), "/ready").expect("an answer").0, 200);
    // Asked in part before the end, so that the connections are under way when it begins.
    let mut asking: Vec<TcpStream> = (0..8).map(|_| open()).collect();
    asking.iter_mut().for_each(|asking| write!(asking, "GET /ready HTTP/1.1\r\n").expect("sent"));
    while connections(&get(&mut open(), "/metrics").expect("an answer").1) <= asking.len() {
        tokio::task::yield_now().await;
    }
    host.sigterm();
    // Those that are under way keep it from ending, so whoever asks now is told.
    let since = std::time::Instant::now();
    while get(&mut open(), "/ready").expect("an answer").0 == 200 {
        assert!(since.elapsed() < PATIENCE, "it is ready still");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut answers = 0;
    for connection in &mut asking {
        // The process may have ended already; a closed connection is no "ready" either.
        let Ok((status, answer)) = finish(connection) else { continue };
        assert!(status == 0 || status == 503 && answer.contains("\"code\":1504"), "{answer}");
        answers += usize::from(status == 503);
    }
    assert!(answers > 0, "whoever had begun to ask is answered");
    assert!(host.wait().success());
}

/// Send the rest of the question and read the answer; the status is 0 if there is none.
fn finish(asking: &mut TcpStream) -> std::io::Result<(u16, String)> {
    asking.set_read_timeout(Some(PATIENCE))?;
    write!(asking, "host: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    asking.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let host = Host::start(&data, 0);
    let client = client(&host.url());
    let list = client.actor("todo").create(&json!({}), None).await.expect("a list");
    let actor = format!("todo/{}", list.id());
    let file = folder.path().join("list.jsonl");
    let others: [&[&str]; 4] = [
        &["serve", "--port", "0", "--data", text(&data)],
        &["verify", "--data", text(&data)],
        &["replay", &actor, "--data", text(&data)],
        &["export", &actor, "--output", text(&file), "--data", text(&data)],
    ];
    for arguments in others {
        let said = arcade_fails(arguments);
        assert!(said.contains("another process") && said.contains(text(&data)), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "one sentence: {said}");
    }
    assert!(!file.exists(), "no half of an export");
    list.send(&add("still here")).await.expect("accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_have_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (actor, _) = list_of(&data, 1).await;
    let host = Host::start(&data, 0);
    let client = client(&host.url());
    let list = client.actor("todo").get(actor.trim_start_matches("todo/")).expect("a name");
    let mut views = list.subscribe(SubscribeOptions::view());
    assert!(views.next().await.is_some());
    let accepted = list.send(&add("counted")).await.expect("accepted");
    while !views.shows(&accepted) {
        assert!(views.next().await.is_some());
    }
    let open = || TcpStream::connect(&host.address).expect("it listens");
    let (status, metrics) = get(&mut open(), "/metrics").expect("an answer");
    assert_eq!(status, 200);
    let names = [
        "dormouse_inputs_total{input=\"command\",outcome=\"commit\"} 1",
        "dormouse_commits_total",
        "dormouse_run_commits_count",
        "dormouse_append_seconds_bucket",
        "dormouse_round_trip_seconds_bucket",
        "dormouse_rebases_total 0",
        "dormouse_connections ",
        "dormouse_mailbox_waiting 0",
        "dormouse_journal_batches_total ",
        "dormouse_journal_jobs_total ",
        "dormouse_journal_waiting 0",
        "dormouse_deliveries_total",
        "dormouse_load_seconds_count",
        "dormouse_actors_awake 1",
        "dormouse_actors_asleep 0",
        "dormouse_resumes_total{kind=\"fresh\"} 1",
    ];
    for name in names {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    assert!(!metrics.contains(list.id()), "no series of one actor");
}

fn connections(metrics: &str) -> usize {
    let line = metrics.lines().find_map(|line| line.strip_prefix("dormouse_connections "));
    line.and_then(|open| open.parse().ok()).unwrap_or_else(|| panic!("no connections in\n{metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_gives_what_clients_saw_at_any_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    // More than a snapshot is ever old.
    let (actor, position) = list_of(&data, 140).await;
    let whole = arcade_json(&["replay", &actor, "--json", "--data", text(&data)]);
    assert_eq!(whole["position"], json!(position));
    assert_eq!(whole["view"]["pending_count"], 140);
    let early = arcade_json(&["replay", &actor, "--at-seq", "3", "--json", "--data", text(&data)]);
    let host = Host::start(&data, 0);
    let client = client(&host.url());
    let list = client.actor("todo").get(actor.trim_start_matches("todo/")).expect("a name");
    let looked = list.look_at(3).await.expect("a view");
    assert_eq!((&looked.view, json!(looked.position)), (&early["view"], early["position"].clone()));
    assert_eq!(list.look().await.expect("a view").view, whole["view"]);
    drop(host);
    let verified = arcade_json(&["verify", "--json", "--data", text(&data)]);
    assert_eq!((&verified["failures"], &verified["commits"]), (&json!([]), &json!(141)));
    assert_eq!(verified["snapshots"], 1, "{verified}");
    for (arguments, sentence) in [
        (vec!["replay", "todo/nobody"], "there is no actor main/todo/nobody"),
        (vec!["replay", "chess/a"], "this app has no kind chess; it has todo"),
        (vec!["replay", "todo"], "is no actor: write kind/id"),
        (vec!["replay", &actor, "--at-seq", "999"], "has no commit 999; its last is 141"),
    ] {
        let said = arcade_fails(&[arguments, vec!["--data", text(&data)]].concat());
        assert!(said.contains(sentence), "{said}");
    }
    let nowhere = folder.path().join("nowhere");
    let said = arcade_fails(&["verify", "--data", text(&nowhere)]);
    assert!(said.contains("there is no folder") && !nowhere.exists(), "{said}");
    for bytes in [None, Some("")] {
        let empty = tempfile::tempdir().expect("a folder");
        bytes.iter().for_each(|bytes| fs::write(empty.path().join("journal.sqlite"), bytes).expect("a file"));
        let said = arcade_fails(&["verify", "--data", text(empty.path())]);
        assert!(said.contains("there is no journal in the folder"), "{bytes:?}: {said}");
    }
    let spoiled = tempfile::tempdir().expect("a folder");
    fs::write(spoiled.path().join("journal.sqlite"), "no database, this".repeat(1000)).expect("a file");
    for command in [&["verify"][..], &["serve", "--port", "0"]] {
        let said = arcade_fails(&[command, &["--data", text(spoiled.path())]].concat());
        assert!(said.contains("restore a backup"), "{said}");
    }
    let said = arcade_fails(&["serve", "--rate", "0", "--data", text(&data)]);
    assert!(said.contains("0 is not in 1.."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_moves_to_another_journal_with_its_whole_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, other, file] = ["data", "other", "list.jsonl"].map(|name| folder.path().join(name));
    let (actor, position) = list_of(&data, 300).await;
    let before = arcade_json(&["replay", &actor, "--json", "--data", text(&data)]);
    let export = ["export", &actor, "--output", text(&file), "--json", "--data", text(&data)];
    let exported = arcade_json(&export);
    assert_eq!((&exported["position"], &exported["commits"]), (&json!(position), &json!(301)));
    assert!(arcade_fails(&export).contains("cannot be made"), "what is there is not overwritten");

    let import = ["import", text(&file), "--json", "--data", text(&other)];
    let imported = arcade_json(&import);
    let after = arcade_json(&["replay", &actor, "--json", "--data", text(&other)]);
    for same in ["state_hash", "view", "time", "events"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    // A new life of the same history: the same commits, another epoch.
    let moved = Position { epoch: position.epoch + 1, ..position };
    assert_eq!((&imported["position"], &after["position"]), (&json!(moved), &json!(moved)));
    assert_eq!(arcade_json(&["verify", "--json", "--data", text(&other)])["failures"], json!([]));
    let said = arcade_fails(&import);
    assert!(said.contains("is in this journal already") && said.contains("nothing was imported"), "{said}");

    let again = folder.path().join("again.jsonl");
    arcade_json(&["export", &actor, "--output", text(&again), "--json", "--data", text(&other)]);
    let records =
        |path: &PathBuf| fs::read_to_string(path).expect("text").lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(records(&file), records(&again), "the same bytes come out again");

    goes_on(&other, &actor, position).await;
}

/// The moved actor takes commands, and a client of its former life is told to begin again.
async fn goes_on(data: &Path, actor: &str, former: Position) {
    let host = Host::start(data, 0);
    let client = client(&host.url());
    let list = client.actor("todo").get(actor.trim_start_matches("todo/")).expect("a name");
    let mut events = list.subscribe(SubscribeOptions::events_after(former));
    let next = tokio::time::timeout(PATIENCE, events.next()).await.expect("events").expect("no end");
    let Update::Events(update) = next.expect("no end") else { unreachable!("events") };
    assert!(update.reset, "its position names another life");
    assert_eq!(update.events.first().map(|event| event.seq), Some(1));
    let accepted = list.send(&add("in the new journal")).await.expect("accepted");
    assert_eq!((accepted.position.epoch, accepted.position.seq), (former.epoch + 1, former.seq + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_export_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, other, file] = ["data", "other", "list.jsonl"].map(|name| folder.path().join(name));
    let (actor, _) = list_of(&data, 5).await;
    arcade_json(&["export", &actor, "--output", text(&file), "--json", "--data", text(&data)]);
    let id = actor.trim_start_matches("todo/");
    let whole = fs::read_to_string(&file).expect("text");
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5], lines[6]];
    let damaged: [(&str, String, &str); 10] = [
        ("empty", String::new(), "is no exported actor"),
        ("other", "{\"hello\": 1}\n".into(), "is no exported actor"),
        ("newer", whole.replacen("\"version\":1", "\"version\":2", 1), "has version 2"),
        ("kind", whole.replace("\"kind\":\"todo\"", "\"kind\":\"chess\""), "this app has no kind chess"),
        ("the last epoch", whole.replacen("\"epoch\":1", "\"epoch\":4294967295", 1), "the last of all epochs"),
        ("a line short", joined(&lines[..lines.len() - 1]), "it is cut"),
        ("a line too many", joined(&[&lines[..], &lines[1..2]].concat()), "it is cut"),
        ("a wrong letter", flipped(&whole, lines[3]), "does not verify"),
        ("swapped", joined(&swapped), "does not verify"),
        ("renamed", whole.replacen(id, "somebody-else", 1), "does not verify"),
    ];
    for (what, content, sentence) in damaged {
        assert_ne!(content, whole, "{what}");
        fs::write(&file, &content).expect("written");
        refused(&file, &other, what, sentence);
    }
    fs::write(&file, &whole).expect("written");
    cut(&file, whole.len() as u64 - 9);
    refused(&file, &other, "cut within a line", "holds no record");
    fs::write(&file, &whole).expect("written");
    arcade_json(&["import", text(&file), "--json", "--data", text(&other)]);
}

/// One letter of this line is another one.
fn flipped(whole: &str, line: &str) -> String {
    let (middle, old) = line.char_indices().nth(line.len() / 2).expect("a letter");
    let new = if old == 'A' { "B" } else { "A" };
    let mut changed = line.to_owned();
    changed.replace_range(middle..=middle, new);
    whole.replace(line, &changed)
}

fn refused(file: &Path, other: &Path, what: &str, sentence: &str) {
    let said = arcade_fails(&["import", text(file), "--data", text(other)]);
    assert!(said.contains(sentence), "{what}: {said}");
    assert_eq!(said.trim().lines().count(), 1, "{what}: one sentence: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    if other.exists() {
        let verified = arcade_json(&["verify", "--json", "--data", text(other)]);
        assert_eq!(verified["actors"], 0, "{what}: nothing is written");
    }
}

#[test]
fn help_names_every_command() {
    let output = arcade(&["--help"]);
    let help = String::from_utf8(output.stdout).expect("text");
    for command in ["serve", "replay", "verify", "export", "import", "schema"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in\n{help}");
    }
}
