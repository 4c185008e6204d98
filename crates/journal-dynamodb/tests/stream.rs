//! The index follows the stream, whatever the stream does: records twice, late, in another order, to several readers at once.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::Arc;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use dormouse_core::{Summary, Time, record::Opened};
use dormouse_journal::{Filter, Index, IndexChange, Journal, MemoryStore, ReadError, Run, conformance::sample::Writer};
use dormouse_journal_dynamodb::{DynamoStore, Item};
use futures_util::future::join_all;
use object_store::memory::InMemory;
use support::{Emulator, on_each_emulator, stream::Stream};

on_each_emulator!(
    in_any_order_and_any_number_the_records_give_the_same_index,
    what_was_not_told_is_read,
    a_damaged_record_stops_its_actor_alone,
    a_fence_moves_the_row,
    a_late_record_of_a_closed_task_opens_nothing,
);

const ACTORS: usize = 5;
const RUNS: usize = 24;

/// Numbers that look drawn, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        (1..things.len()).rev().for_each(|last| things.swap(last, self.below(last + 1)));
    }
}

/// What one run changes: a bit of everything, drawn.
fn change(dice: &mut Dice, writer: &Writer, open: &mut Vec<(String, u64)>) -> IndexChange {
    let mut change = IndexChange::default();
    if dice.below(3) == 0 {
        change.wake = Some((dice.below(2) == 0).then(|| Time(1_000 + dice.below(9) as u64)));
    }
    if dice.below(3) == 0 {
        let members =
            ["ana", "ben", "cleo", "dan"].iter().filter(|_| dice.below(2) == 0).map(|&it| it.into()).collect();
        let (sort, private) = (dice.below(5) as i64, dice.below(4) == 0);
        let (title, status) = ("A title".into(), ["open", "over"][dice.below(2)].into());
        change.summary = Some((dice.below(6) > 0).then_some(Summary { title, status, members, sort, private }));
    }
    if dice.below(3) == 0 {
        change.present = Some(dice.below(2) == 0);
    }
    if dice.below(2) == 0 && !open.is_empty() {
        let (key, seq) = open.swap_remove(dice.below(open.len()));
        change.closed.push((key.into(), seq));
    }
    if dice.below(2) == 0 {
        let (key, seq) = (format!("t{}", dice.below(3)), writer.head.seq + 1);
        change.opened.push(Opened { key: key.as_str().into(), kind: "model".into(), seq, nth: 0, at: writer.time });
        open.push((key, seq));
    }
    change
}

fn runs(dice: &mut Dice) -> Vec<Run> {
    let mut writers: Vec<_> = (0..ACTORS).map(|n| (Writer::new(&format!("main/todo/a{n}")), Vec::new())).collect();
    let mut runs = Vec::new();
    for n in 0..ACTORS * RUNS {
        let (writer, open) = &mut writers[n % ACTORS];
        writer.time = Time(writer.time.0 + dice.below(400_000) as u64);
        let index = change(dice, writer, open);
        let commits = 1 + dice.below(3);
        runs.push(Run { index, ..writer.run(commits) });
    }
    runs
}

/// Everything that an index can be asked.
async fn all(index: &impl Index) -> String {
    let mut said = Vec::new();
    for address in index.sweep(None, 100).await.unwrap() {
        said.push(format!("{:?}", index.row(&address).await.unwrap()));
    }
    let members =
        ["ana", "ben", "cleo", "dan"].map(|member| Filter { member: Some(member.into()), ..Filter::default() });
    let whole = Filter { private: true, unlisted: true, retired: true, ..Filter::default() };
    for filter in members.iter().chain([&Filter::default(), &whole]) {
        said.push(format!("{:?}", index.list(filter, None, 100).await.unwrap()));
    }
    said.push(format!("{:?}", index.due(Time(u64::MAX), 100).await.unwrap()));
    said.push(format!("{:?}", index.present(None, 100).await.unwrap()));
    said.push(format!("{:?}", index.counts().await.unwrap()));
    said.push(format!("{:?}", index.activity(Time(0)).await.unwrap()));
    said.push(format!("{:?}", index.lease(&["model"], Time(0), Time(1), 100).await.unwrap()));
    said.join("\n")
}

/// Two hosts, and the images in the stream once these runs are written.
async fn written(emulator: Emulator, runs: &[Run]) -> ([DynamoStore; 2], Vec<Item>) {
    let (client, tables) = (emulator.client(), emulator.tables().await);
    let hosts = [(); 2].map(|()| DynamoStore::new(&client, tables.clone(), Arc::new(InMemory::new())));
    let mut stream = Stream::open(emulator, &tables.journal).await;
    for run in runs {
        hosts[0].append(run.clone()).await.unwrap();
    }
    let mut images = Vec::new();
    while images.len() < runs.len() {
        images.extend(stream.next().await);
    }
    (hosts, images)
}

async fn in_any_order_and_any_number_the_records_give_the_same_index(emulator: Emulator) {
    for seed in 1..4 {
        let mut dice = Dice(seed);
        let (runs, memory) = (runs(&mut dice), MemoryStore::new());
        for run in &runs {
            memory.append(run.clone()).await.unwrap();
        }
        let (hosts, images) = written(emulator, &runs).await;
        let deliveries = (0..4).map(|n| {
            let mut records = [images.clone(), images[..images.len() / 2].to_vec()].concat();
            dice.shuffle(&mut records);
            (n, records)
        });
        let deliveries = deliveries.collect::<Vec<_>>().into_iter().map(|(n, records)| {
            let host = &hosts[n % 2];
            async move {
                for batch in records.chunks(7 + 5 * n) {
                    host.absorb(batch).await.unwrap();
                }
            }
        });
        join_all(deliveries).await;
        assert_eq!(all(&hosts[0]).await, all(&memory).await, "seed {seed}");
    }
}

async fn what_was_not_told_is_read(emulator: Emulator) {
    let mut dice = Dice(9);
    let (runs, memory) = (runs(&mut dice), MemoryStore::new());
    for run in &runs {
        memory.append(run.clone()).await.unwrap();
    }
    let (hosts, images) = written(emulator, &runs).await;
    // Of each actor the last one alone.
    hosts[1].absorb(&images[images.len() - ACTORS..]).await.unwrap();
    assert_eq!(all(&hosts[0]).await, all(&memory).await);
}

async fn a_damaged_record_stops_its_actor_alone(emulator: Emulator) {
    let mut writers = ["a", "b", "c"].map(|id| Writer::new(&format!("main/todo/{id}")));
    let runs: Vec<Run> = writers.iter_mut().map(|writer| writer.run(1)).collect();
    let (hosts, mut images) = written(emulator, &runs).await;
    let damaged = runs[1].address.to_string();
    let image = images.iter_mut().find(|image| image["a"].as_s().unwrap() == &damaged).unwrap();
    image.insert("r".into(), AttributeValue::B(Blob::new([1, 2, 3])));
    let error = hosts[0].absorb(&images).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("main/todo/b"), "{source}");
    let there = async || hosts[0].sweep(None, 9).await.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(there().await, ["main/todo/a", "main/todo/c"]);
    let failed = hosts[1].absorb_each(&images).await.unwrap();
    assert_eq!(failed.keys().collect::<Vec<_>>(), [&damaged]);
    assert!(
        matches!(failed[&damaged], ReadError::Damaged(ref address, _) if *address == runs[1].address),
        "{failed:?}"
    );
    // The record was damaged on its way: the journal is whole.
    hosts[1].catch_up(&runs[1].address).await.unwrap();
    assert_eq!(there().await, ["main/todo/a", "main/todo/b", "main/todo/c"]);
    hosts[1].catch_up(&"main/todo/nobody".parse().unwrap()).await.unwrap();
}

async fn a_fence_moves_the_row(emulator: Emulator) {
    let (client, tables) = (emulator.client(), emulator.tables().await);
    let store = DynamoStore::new(&client, tables.clone(), Arc::new(InMemory::new()));
    let mut stream = Stream::open(emulator, &tables.journal).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&store, 2).await;
    store.fence(&writer.address, 3).await.unwrap();
    let images = stream.next().await;
    store.absorb(&images).await.unwrap();
    writer.head.epoch = 3;
    assert_eq!(store.row(&writer.address).await.unwrap().unwrap().position, writer.head.position());
    writer.append(&store, 2).await;
    store.absorb(&stream.next().await).await.unwrap();
    store.absorb(&images).await.unwrap();
    assert_eq!(store.row(&writer.address).await.unwrap().unwrap().position, writer.head.position());
}

async fn a_late_record_of_a_closed_task_opens_nothing(emulator: Emulator) {
    let mut writer = Writer::new("main/todo/a");
    let task = Opened { key: "t".into(), kind: "model".into(), seq: 1, nth: 0, at: writer.time };
    let opens = writer.changing(IndexChange { opened: vec![task], ..IndexChange::default() });
    let closes = writer.changing(IndexChange { closed: vec![("t".into(), 1)], ..IndexChange::default() });
    let (hosts, images) = written(emulator, &[opens, closes]).await;
    hosts[0].absorb(&images).await.unwrap();
    hosts[1].absorb(&images[..1]).await.unwrap();
    assert_eq!(hosts[0].lease(&["model"], Time(0), Time(1), 9).await.unwrap(), []);
}
