//! Who acts in the targets, and on what: the apps of this repository.

use std::sync::{Arc, LazyLock};

use dormouse_core::{Address, Kind, Machine, Principal, Sight, Viewer};
use liap_tui::Room;
use todo::TodoList;

static KINDS: LazyLock<[Arc<Kind>; 2]> =
    LazyLock::new(|| [Arc::new(Kind::of::<TodoList>()), Arc::new(Kind::of::<Room>())]);

/// The kinds of the demo.
pub(super) fn kinds() -> &'static [Arc<Kind>] {
    &*KINDS
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Option<Arc<Kind>> {
    KINDS.iter().find(|kind| kind.name.as_str() == name).cloned()
}

/// Where an actor of this kind lives here.
pub(super) fn address(kind: &Kind) -> Address {
    format!("main/{}/4F2A9C", kind.name).parse().expect("an address")
}

/// An actor of this kind before its first commit.
pub(super) fn blank(kind: &Arc<Kind>) -> Machine {
    Machine::blank(kind.clone(), address(kind), 1)
}

/// Somebody with this name.
pub(super) fn viewer(name: &str) -> Viewer {
    Viewer::new(Principal { id: name.to_owned(), name: name.to_owned() }, vec![])
}

/// Look at an actor as everybody may: the rules may fail on a state that they did not make, but no host does.
pub(super) fn look_at(machine: &Machine) {
    for sight in [Sight::Public, Sight::Seat(0), Sight::Seat(u16::MAX), Sight::All] {
        if let Ok(view) = machine.view(&sight) {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&view).is_ok();
            assert!(is_json, "a view is JSON");
        }
    }
    let _ = (machine.sight(&viewer("ann")), machine.bounded_summary(), machine.due(machine.time()));
}
