//! What the engine counts. Never labelled by actor: a label is a time series, and actors are without number.

use std::time::Duration;

use dormouse_core::{Failure, Stimulus, machine::Decision};
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Tell the recorder what each metric means. Call once, after the recorder is installed.
pub fn describe() {
    describe_counter!("dormouse_inputs_total", Unit::Count, "Inputs decided, by kind of input and outcome");
    describe_counter!("dormouse_commits_total", Unit::Count, "Commits that are durable");
    describe_histogram!("dormouse_run_commits", Unit::Count, "Commits of one run");
    describe_histogram!(
        "dormouse_append_seconds",
        Unit::Seconds,
        "From handing a run to the journal to its being durable"
    );
    describe_histogram!(
        "dormouse_round_trip_seconds",
        Unit::Seconds,
        "From deciding an input to letting its answer out; of each run the first, which waits longest"
    );
    describe_counter!("dormouse_rebases_total", Unit::Count, "Runs decided again because another commit came first");
    describe_counter!("dormouse_unknown_appends_total", Unit::Count, "Appends whose outcome was unknown at first");
    describe_counter!("dormouse_deliveries_total", Unit::Count, "Changes of views handed to connections");
    describe_histogram!("dormouse_load_seconds", Unit::Seconds, "Time to bring a sleeping actor into memory");
    describe_gauge!("dormouse_actors_awake", Unit::Count, "Actors in memory");
    describe_gauge!("dormouse_actors_asleep", Unit::Count, "Actors that exist and are not in memory");
    describe_gauge!("dormouse_mailbox_waiting", Unit::Count, "Messages that wait in the mailboxes of actors in memory");
    describe_gauge!("dormouse_connections", Unit::Count, "Connections that are open, of HTTP and sockets");
    describe_counter!("dormouse_tasks_total", Unit::Count, "Attempts at tasks, by kind of worker and outcome");
    describe_counter!("dormouse_resumes_total", Unit::Count, "Subscriptions, by how they were answered");
}

/// The series that every command touches, looked up once.
pub(crate) struct Meters {
    commands: Counter,
    commits: Counter,
    run_commits: Histogram,
    append_seconds: Histogram,
    round_trip_seconds: Histogram,
    load_seconds: Histogram,
    pub(crate) rebased: Counter,
    pub(crate) unknown: Counter,
    pub(crate) deliveries: Counter,
}

impl Meters {
    /// Call after the recorder is installed.
    pub(crate) fn new() -> Self {
        Self {
            commands: counter!("dormouse_inputs_total", "input" => "command", "outcome" => "commit"),
            commits: counter!("dormouse_commits_total"),
            run_commits: histogram!("dormouse_run_commits"),
            append_seconds: histogram!("dormouse_append_seconds"),
            round_trip_seconds: histogram!("dormouse_round_trip_seconds"),
            load_seconds: histogram!("dormouse_load_seconds"),
            rebased: counter!("dormouse_rebases_total"),
            unknown: counter!("dormouse_unknown_appends_total"),
            deliveries: counter!("dormouse_deliveries_total"),
        }
    }

    pub(crate) fn decided(&self, stimulus: &Stimulus, decided: &Result<Decision, Failure>) {
        let outcome = match (stimulus, decided) {
            (Stimulus::Command { .. }, Ok(Decision::Commit(_))) => return self.commands.increment(1),
            (_, Ok(Decision::Commit(_))) => "commit",
            (_, Ok(Decision::Before(_))) => "again",
            (_, Ok(Decision::Nothing)) => "nothing",
            (_, Err(failure)) => failure.code.name(),
        };
        counter!("dormouse_inputs_total", "input" => name(stimulus), "outcome" => outcome).increment(1);
    }

    pub(crate) fn committed(&self, commits: usize, took: Duration, waited: Duration) {
        self.commits.increment(commits as u64);
        self.run_commits.record(commits as f64);
        self.append_seconds.record(took);
        self.round_trip_seconds.record(waited);
    }

    pub(crate) fn loaded(&self, took: Duration, seq: u64) {
        if seq > 0 {
            self.load_seconds.record(took);
        }
    }
}

fn name(stimulus: &Stimulus) -> &'static str {
    match stimulus {
        Stimulus::Create { .. } => "created",
        Stimulus::Command { .. } => "command",
        Stimulus::Refuse { .. } => "refuse",
        Stimulus::Wake { .. } => "wake",
        Stimulus::Report { .. } => "report",
        Stimulus::Joined { .. } => "joined",
        Stimulus::Left { .. } => "left",
        Stimulus::Retire { .. } => "retire",
        Stimulus::Park { .. } => "park",
        Stimulus::Redrive { .. } => "redrive",
        Stimulus::Review => "review",
    }
}

pub(crate) fn population(awake: u64, asleep: u64, waiting: usize) {
    gauge!("dormouse_actors_awake").set(awake as f64);
    gauge!("dormouse_actors_asleep").set(asleep as f64);
    gauge!("dormouse_mailbox_waiting").set(waiting as f64);
}

#[cfg(feature = "http")]
pub(crate) fn connections(open: usize) {
    gauge!("dormouse_connections").set(open as f64);
}

pub(crate) fn task(kind: &str, outcome: &'static str) {
    counter!("dormouse_tasks_total", "kind" => kind.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn resumed(kind: &'static str) {
    counter!("dormouse_resumes_total", "kind" => kind).increment(1);
}
