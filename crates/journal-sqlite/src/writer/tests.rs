//! What only shows when jobs share a batch, which callers cannot arrange.

use dormouse_journal::{Run, StoredSnapshot, conformance::sample::Writer as Sample};
use tokio::sync::oneshot::{Receiver, channel};

use super::*;
use crate::{history, packed::pack, reader::rows, recover::recover, schema, tails::rows_after};

struct Bench {
    writer: Writer,
    _dir: tempfile::TempDir,
}

type Outcome = Result<Answer, Failure>;

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conn = schema::open_writer(&dir.path().join("journal.sqlite"), &crate::Options::default()).unwrap();
        let (shared, log) = recover(&conn, &conn).unwrap();
        let shared = Arc::new(shared);
        let file = dir.path().join("journal.sqlite");
        let (options, stuck) = (Options::default(), HashSet::new());
        let writer = Writer { conn, shared, log, file, options, stuck, has_written: false };
        Self { writer, _dir: dir }
    }

    fn append(&self, run: Run) -> Work {
        let (packed, begun, actor) = (pack(&run.records), run.begun(), self.writer.shared.key(&run.address));
        let Run { expected, head, time, index, .. } = run;
        Work::Append(Box::new(Append { actor, expected, head, begun, time, index, packed }))
    }

    fn delete(&self, sample: &Sample) -> Work {
        Work::Delete(self.writer.shared.key(&sample.address))
    }

    fn put(&self, sample: &Sample, snapshot: StoredSnapshot) -> Work {
        Work::PutSnapshot(self.writer.shared.key(&sample.address), snapshot)
    }

    /// Do these in one transaction.
    fn batch(&mut self, works: Vec<Work>) -> Vec<Outcome> {
        let (mut jobs, mut answers): (Vec<Job>, Vec<Receiver<Outcome>>) = Default::default();
        for work in works {
            let (reply, answer) = channel();
            jobs.push(Job { work, reply });
            answers.push(answer);
        }
        self.writer.batch(&mut jobs);
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
    }

    fn check(&self, sample: &Sample) {
        let tails = self.writer.shared.tails();
        let tail = tails.actors.get(&self.writer.shared.key(&sample.address)).expect("the actor has a tail");
        assert_eq!(tail.head, sample.head);
        let read = history::read(&self.writer.conn, tail.id, &tail.rows, 0, 1000).unwrap();
        assert_eq!(read.len() as u64, sample.head.seq);
    }
}

#[test]
fn runs_of_one_actor_in_one_batch_follow_each_other() {
    let mut bench = Bench::new();
    let mut sample = Sample::new("main/todo/a");
    let rival = sample.clone().run(1);
    let runs: Vec<Run> = (0..40).map(|n| sample.run(1 + n % 3)).collect();
    let again = runs[7].clone();
    let mut works: Vec<Work> = runs.into_iter().map(|run| bench.append(run)).collect();
    works.push(bench.append(again));
    works.push(bench.append(rival));
    let mut outcomes = bench.batch(works);
    assert!(matches!(outcomes.pop(), Some(Err(Failure::Conflict(head))) if head == sample.head));
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    bench.check(&sample);
}

#[test]
fn an_actor_is_deleted_and_made_again_in_one_batch() {
    for settled in [false, true] {
        let mut bench = Bench::new();
        let mut old = Sample::new("main/todo/a");
        let mut works = vec![bench.append(old.run(3))];
        if settled {
            works.push(bench.put(&old, old.snapshot()));
            works.push(bench.append(old.run(1)));
        }
        assert!(bench.batch(works).iter().all(Result::is_ok));
        let mut new = Sample::new("main/todo/a");
        let works = vec![bench.append(old.run(1)), bench.delete(&old), bench.append(new.run(2))];
        assert!(bench.batch(works).iter().all(Result::is_ok));
        bench.check(&new);
        let tails = bench.writer.shared.tails();
        let rows: usize = tails.actors.values().map(|tail| tail.rows.len()).sum();
        assert_eq!((tails.counts.commits, rows), (2, 1), "nothing of the old one is left");
    }
}

#[test]
fn an_actor_settles_and_moves_on_in_one_batch() {
    let mut bench = Bench::new();
    let mut sample = Sample::new("main/todo/a");
    let first = bench.append(sample.run(3));
    bench.batch(vec![first]);
    let mut works = vec![bench.append(sample.run(2))];
    works.push(bench.put(&sample, sample.snapshot()));
    works.push(bench.append(sample.run(4)));
    assert!(bench.batch(works).iter().all(Result::is_ok));
    bench.check(&sample);
    let tails = bench.writer.shared.tails();
    assert_eq!(tails.actors.values().map(|tail| tail.rows.len()).sum::<usize>(), 1);
}

#[test]
fn a_batch_that_fails_is_not_published_and_the_next_one_works() {
    let mut bench = Bench::new();
    let (mut small, mut large) = (Sample::new("main/todo/a"), Sample::new("main/todo/b"));
    let works = vec![bench.append(small.run(1)), bench.append(large.run(1))];
    bench.batch(works);
    let pages: i64 = bench.writer.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    bench.writer.conn.pragma_update(None, "max_page_count", pages + 20).unwrap();
    let (before, run) = (large.clone(), small.run(1));
    let too_large = bench.append(large.run_of(1, 300_000));
    let outcomes = bench.batch(vec![bench.append(run.clone()), too_large]);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Failure::Unavailable(_)))), "{outcomes:?}");
    bench.check(&before);
    assert!(bench.batch(vec![bench.append(run)]).iter().all(Result::is_ok));
    bench.check(&small);
}

#[test]
fn damage_of_one_actor_leaves_the_batch_alone() {
    let mut bench = Bench::new();
    let (mut broken, mut whole) = (Sample::new("main/todo/a"), Sample::new("main/todo/b"));
    let works = vec![bench.append(broken.run(2)), bench.append(whole.run(2))];
    bench.batch(works);
    // A number that cannot be stands for a page that cannot be read: both are found when the tail is moved.
    bench.writer.conn.execute("UPDATE log SET first = -1 WHERE id = 1", []).unwrap();
    let mut works = vec![bench.append(whole.run(2)), bench.put(&broken, broken.snapshot())];
    works.push(bench.append(broken.run(1)));
    let outcomes = bench.batch(works);
    assert!(matches!(outcomes[..], [Ok(_), Err(Failure::Damaged(_)), Ok(_)]), "{outcomes:?}");
    bench.check(&whole);
    let snapshots: i64 = bench.writer.conn.query_row("SELECT count(*) FROM snapshots", [], |row| row.get(0)).unwrap();
    assert_eq!(snapshots, 0, "the snapshot was undone with the move");
}

#[test]
fn a_reader_that_began_before_a_move_finds_each_commit_once() {
    let mut bench = Bench::new();
    let mut sample = Sample::new("main/todo/a");
    let works = vec![bench.append(sample.run(3)), bench.append(sample.run(2))];
    bench.batch(works);
    let actor = bench.writer.shared.key(&sample.address);
    let before = bench.writer.shared.tails().actors[&actor].clone();
    let stale = sample.clone();
    let works = vec![bench.append(sample.run(1)), bench.put(&stale, stale.snapshot())];
    assert!(bench.batch(works).iter().all(Result::is_ok));
    for after in 0..6 {
        let read = history::read(&bench.writer.conn, before.id, rows_after(&before.rows, after), after, 1000).unwrap();
        assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (after + 1..=6).collect::<Vec<_>>());
    }
    let tail = Some((before.id, before.head, before.updated));
    let row = rows::one(&bench.writer.conn, &sample.address, tail).unwrap().unwrap();
    assert_eq!(row.position, sample.head.position(), "a row is not laid over with an older head");
}
