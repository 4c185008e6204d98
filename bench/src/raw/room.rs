//! A counter that several connections watch.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::outbox::Outbox;

/// One counter. Its number is its place in the journal's records.
pub(super) struct Room {
    pub(super) number: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    count: u64,
    members: Vec<Arc<Outbox>>,
}

impl Room {
    fn new(number: u32) -> Self {
        Self { number, state: Mutex::default() }
    }

    pub(super) fn join(&self, member: Arc<Outbox>) {
        self.lock().members.push(member);
    }

    pub(super) fn leave(&self, member: &Arc<Outbox>) {
        self.lock().members.retain(|other| !Arc::ptr_eq(other, member));
    }

    /// Commits one count for each command and tells everybody: the sender its answers, the others the commits.
    /// The sender is not woken: in memory it is its own turn, and the journal does it.
    pub(super) fn commit(&self, from: &Arc<Outbox>, commands: &[u64]) {
        let mut state = self.lock();
        let first = state.count + 1;
        state.count += commands.len() as u64;
        let answers: Vec<Utf8Bytes> = (first..).zip(commands).map(|(count, n)| answer(*n, count)).collect();
        from.add(&answers);
        if state.members.len() < 2 {
            return;
        }
        // Encoded once for all viewers; each of them costs a reference count per frame.
        let commits: Vec<Utf8Bytes> = (first..=state.count).map(commit).collect();
        for member in state.members.iter().filter(|member| !Arc::ptr_eq(member, from)) {
            member.push(&commits);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds a room")
    }
}

fn answer(n: u64, count: u64) -> Utf8Bytes {
    let mut text = String::with_capacity(64);
    write!(text, r#"{{"n":{n},"seq":{count},"count":{count}}}"#).expect("a string takes every write");
    text.into()
}

fn commit(count: u64) -> Utf8Bytes {
    let mut text = String::with_capacity(48);
    write!(text, r#"{{"seq":{count},"count":{count}}}"#).expect("a string takes every write");
    text.into()
}

/// The rooms by the id in the path; a room is made when somebody first joins it.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<String, Arc<Room>>>);

impl Rooms {
    pub(super) fn open(&self, id: &str) -> Arc<Room> {
        let mut rooms = self.0.lock().expect("nothing panics while it holds the rooms");
        let number = u32::try_from(rooms.len()).expect("a benchmark makes fewer than four billion rooms");
        rooms.entry(id.to_owned()).or_insert_with(|| Arc::new(Room::new(number))).clone()
    }
}
