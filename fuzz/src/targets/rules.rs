//! The rules of the demo, as hosts ask them: whatever is sent, nothing of it makes them fail, and what they decide can be replayed.

use std::sync::{Arc, LazyLock};

use dormouse_core::{Code, Failure, Kind, Machine, Stimulus};
use serde_json::Value;

use super::{
    people::{address, blank, kinds, viewer},
    stage::{SECRET, Stage},
};
use crate::text::{number, text};

/// What nobody would write by accident.
const CANARY: &str = "zq7";

/// One payload, as a command to actors in the middle of something and as the config of new ones. It is taken or refused; a refusal never repeats
/// what was sent, and changes nothing.
pub fn command(data: &[u8]) {
    let canaries = serde_json::from_slice::<Value>(data).ok().map(|value| renamed(value, number(data)).to_string());
    for (kind, snapshot) in &*BUSY {
        for payload in [Some(data), canaries.as_deref().map(str::as_bytes)].into_iter().flatten() {
            let machine = Machine::restore(kind.clone(), address(kind), snapshot).expect("it was just written");
            let mut stage = Stage::at(machine.expect("by these rules"));
            let command = Stimulus::Command { by: viewer("ann"), id: None, command: payload.into(), resent: false };
            tells_nothing(stage.decide(&command));
            let create = Stimulus::Create { by: viewer("ann"), config: payload.into(), secret: SECRET };
            tells_nothing(Stage::at(blank(kind)).decide(&create));
        }
    }
}

/// Actors in the middle of something.
static BUSY: LazyLock<Vec<(Arc<Kind>, Vec<u8>)>> = LazyLock::new(|| {
    let scripts = [
        "todo {}\nann {\"type\":\"add_todo\",\"title\":\"Milk\"}\nann {\"type\":\"toggle_todo\",\"id\":\"1\"}",
        "liap-tui {\"name\":\"Ann\"}\n+ann\nann {\"type\":\"start_game\"}\nwake 4",
    ];
    let play =
        |(kind, script): (&Arc<Kind>, &str)| (kind.clone(), Stage::play(script).expect("a script").machine.snapshot());
    kinds().iter().zip(scripts).map(play).collect()
});

fn tells_nothing(decided: Result<(), Failure>) {
    let Err(Failure { code, message, .. }) = decided else { return };
    // What the rules say is theirs.
    assert!(code == Code::Rejected || !message.contains(CANARY), "the payload is repeated: {message}");
}

/// The same JSON with some of its texts replaced by what nobody would write.
fn renamed(value: Value, choice: u64) -> Value {
    let next = choice.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match value {
        Value::String(_) if choice.is_multiple_of(3) => Value::String(format!("{CANARY}, expected `{CANARY}`")),
        Value::Array(items) => items.into_iter().map(|item| renamed(item, next)).collect(),
        Value::Object(fields) => {
            let rename = |(key, value), at: u64| {
                let key = if (next ^ at).is_multiple_of(5) { format!("{CANARY}{at}, expected {CANARY}") } else { key };
                (key, renamed(value, next ^ at))
            };
            Value::Object(fields.into_iter().zip(0..).map(|(field, at)| rename(field, at)).collect())
        }
        other => other,
    }
}

/// A script of a whole session: the kind and its config, then a line for each thing that happens. Nothing makes the rules fail; a refusal changes
/// nothing; patches lead from each view to the next; and the history gives the same bytes again.
///
/// `ann {…}` is her command, `ann#7 {…}` one with a number, `+ann` and `-ann` come and go, `retire ann` asks for the end, `@500` lets
/// milliseconds pass and `wake 3` waits for three wakes.
pub fn rules(data: &[u8]) {
    if let Some(stage) = text(data).and_then(Stage::play) {
        stage.replays();
    }
}
