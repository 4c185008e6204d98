//! What the index says of an actor, held against what its commits give: for `verify`. The owner of a live actor does this for what it shows.

use dormouse_core::{
    Kind, Machine,
    record::{self, Header, Opened},
};
use dormouse_journal::{Index, IndexChange, Journal, ReadError, Row, StoreError};

/// What the index has wrong of an actor, in words, if it has these `tasks` for it.
///
/// # Errors
/// [`ReadError`]
pub async fn index_differs(
    (journal, index): (&dyn Journal, &dyn Index),
    kind: &Kind,
    machine: &mut Machine,
    tasks: &[Opened],
) -> Result<Vec<&'static str>, ReadError> {
    let Some(row) = index.row(machine.address()).await? else { return Ok(vec!["its row is missing"]) };
    let (first, last) = (header(journal, machine, 1).await?, header(journal, machine, machine.head().seq).await?);
    let mut differences = Vec::new();
    let mut test = |differs: bool, what| differences.extend(differs.then_some(what));
    test(row.position != machine.head().position(), "its row is elsewhere");
    test(row.created != first.time || row.updated != machine.time(), "its row has other times");
    test(row.retired != machine.is_retired(), "its row has not retired, or it has not");
    test(!same(machine.open_tasks(), tasks), "the index has other tasks");
    // Other rules may say something else, and the index follows when the actor is next awake.
    if last.rules == kind.rules {
        for what in of_rules(machine, &row) {
            test(true, what);
        }
    }
    Ok(differences)
}

async fn header(journal: &dyn Journal, machine: &Machine, seq: u64) -> Result<Header, ReadError> {
    let address = machine.address();
    let entries = journal.read(address, seq - 1, 1).await?;
    let header = entries.first().and_then(|entry| record::header(&entry.record).ok());
    header.ok_or_else(|| ReadError::Damaged(address.clone(), format!("commit {seq} does not read")))
}

/// What the rules say now and the row does not.
fn of_rules(machine: &mut Machine, row: &Row) -> Vec<&'static str> {
    let settled = machine.settle();
    let present = settled.present && !machine.is_retired();
    // A host whose clock is behind the actor's time has the wake in the row by its own clock, which is earlier.
    let wakes = match (row.wake, settled.wake) {
        (Some(shown), Some(due)) => shown <= due,
        (shown, due) => shown == due,
    };
    let all = [
        (!wakes, "the index wakes it too late, or not at all, or for nothing"),
        (row.summary != settled.summary, "the index has another summary"),
        (row.present != present, "the index says that somebody is present, or nobody"),
    ];
    all.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect()
}

fn same<'a>(open: impl Iterator<Item = &'a Opened>, tasks: &[Opened]) -> bool {
    let mut open: Vec<&Opened> = open.collect();
    let mut tasks: Vec<&Opened> = tasks.iter().collect();
    open.sort_by_key(|task| (&task.key, task.seq));
    tasks.sort_by_key(|task| (&task.key, task.seq));
    open == tasks
}

/// Write into the index what this actor's commits give; `tasks` are those that the index has for it, of which the right ones keep their leases.
///
/// # Errors
/// What the store says.
pub async fn reindex(index: &dyn Index, machine: &mut Machine, tasks: &[Opened]) -> Result<(), StoreError> {
    let (address, at) = (machine.address().clone(), machine.head().position());
    let open: Vec<Opened> = machine.open_tasks().cloned().collect();
    let closed = tasks.iter().filter(|task| !open.contains(task)).map(|task| (task.key.clone(), task.seq)).collect();
    index.reindex(&address, at, IndexChange { closed, ..IndexChange::default() }).await?;
    let (settled, retired) = (machine.settle(), machine.is_retired());
    let (wake, summary, present) = (Some(settled.wake), Some(settled.summary), Some(settled.present));
    index
        .reindex(&address, at, IndexChange { wake, summary, present, opened: open, retired, ..IndexChange::default() })
        .await
}
