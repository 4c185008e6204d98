//! What the engine counts. Never labelled by actor: a label is a time series, and actors are without number.

use std::time::Duration;

use dormouse_core::{Failure, Stimulus, machine::Decision};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Tell the recorder what each metric means. Call once, after the recorder is installed.
pub fn describe() {
    describe_counter!("dormouse_inputs_total", Unit::Count, "Inputs decided, by kind of input and outcome");
    describe_histogram!("dormouse_decide_seconds", Unit::Seconds, "Time in decide, evolve, agenda and seal");
    describe_counter!("dormouse_commits_total", Unit::Count, "Commits that are durable");
    describe_histogram!("dormouse_run_commits", Unit::Count, "Commits of one run");
    describe_histogram!(
        "dormouse_append_seconds",
        Unit::Seconds,
        "From handing a run to the journal to its being durable"
    );
    describe_counter!("dormouse_rebases_total", Unit::Count, "Runs decided again because another commit came first");
    describe_counter!("dormouse_unknown_appends_total", Unit::Count, "Appends whose outcome was unknown at first");
    describe_counter!("dormouse_deliveries_total", Unit::Count, "Changes of views handed to connections");
    describe_histogram!("dormouse_load_seconds", Unit::Seconds, "Time to bring a sleeping actor into memory");
    describe_gauge!("dormouse_actors_awake", Unit::Count, "Actors in memory");
    describe_gauge!("dormouse_actors_asleep", Unit::Count, "Actors that exist and are not in memory");
    describe_counter!("dormouse_tasks_total", Unit::Count, "Attempts at tasks, by kind of worker and outcome");
    describe_counter!("dormouse_resumes_total", Unit::Count, "Subscriptions, by how they were answered");
}

pub(crate) fn decided(stimulus: &Stimulus, decided: &Result<Decision, Failure>, took: Duration) {
    let outcome = match decided {
        Ok(Decision::Commit(_)) => "commit",
        Ok(Decision::Before(_)) => "again",
        Ok(Decision::Nothing) => "nothing",
        Err(failure) => failure.code.name(),
    };
    counter!("dormouse_inputs_total", "input" => name(stimulus), "outcome" => outcome).increment(1);
    histogram!("dormouse_decide_seconds").record(took);
}

fn name(stimulus: &Stimulus) -> &'static str {
    match stimulus {
        Stimulus::Create { .. } => "created",
        Stimulus::Command { .. } => "command",
        Stimulus::Wake { .. } => "wake",
        Stimulus::Report { .. } => "report",
        Stimulus::Joined { .. } => "joined",
        Stimulus::Left { .. } => "left",
        Stimulus::Retire { .. } => "retire",
        Stimulus::Park { .. } => "park",
        Stimulus::Redrive { .. } => "redrive",
    }
}

pub(crate) fn committed(commits: usize, took: Duration) {
    counter!("dormouse_commits_total").increment(commits as u64);
    histogram!("dormouse_run_commits").record(commits as f64);
    histogram!("dormouse_append_seconds").record(took);
}

pub(crate) fn rebased() {
    counter!("dormouse_rebases_total").increment(1);
}

pub(crate) fn unknown() {
    counter!("dormouse_unknown_appends_total").increment(1);
}

pub(crate) fn delivered(views: u64) {
    counter!("dormouse_deliveries_total").increment(views);
}

pub(crate) fn loaded(took: Duration, seq: u64) {
    if seq > 0 {
        histogram!("dormouse_load_seconds").record(took);
    }
}

pub(crate) fn population(awake: u64, asleep: u64) {
    gauge!("dormouse_actors_awake").set(awake as f64);
    gauge!("dormouse_actors_asleep").set(asleep as f64);
}

pub(crate) fn task(kind: &str, outcome: &'static str) {
    counter!("dormouse_tasks_total", "kind" => kind.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn resumed(kind: &'static str) {
    counter!("dormouse_resumes_total", "kind" => kind).increment(1);
}
