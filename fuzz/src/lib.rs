//! Fuzzing: everything that reads what comes from outside, under bytes that nobody would send.
//!
//! A target is one plain function from bytes to nothing, which panics if one of its properties does not hold. `corpus/` holds inputs for each
//! of them, named by what they are. `cargo test -p dormouse-fuzz` runs them all, and many thousands of mutations of them that are the same every
//! time; `make fuzz` runs the same functions under libFuzzer, which is guided by coverage. Absent: unsafe code, and properties that other tests
//! hold over whole hosts, such as those of the simulation.

pub mod corpus;
pub mod mutate;
pub mod seeds;
pub mod targets;
mod text;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Names it, and the folder of its inputs.
    pub name: &'static str,
    /// Panics if a property does not hold for these bytes.
    pub run: fn(&[u8]),
    /// Mutations of its inputs that `cargo test` runs: as many as take about two seconds in a debug build.
    pub mutations: u64,
    /// No input that is worth more is longer.
    pub bytes_max: usize,
}

/// All of them.
pub const TARGETS: [Target; 15] = [
    Target { name: "client_frame", run: targets::client_frame, mutations: 40_000, bytes_max: 4096 },
    Target { name: "command", run: targets::command, mutations: 4_000, bytes_max: 1024 },
    Target { name: "history", run: targets::history, mutations: 8_000, bytes_max: 4096 },
    Target { name: "import", run: targets::import, mutations: 20_000, bytes_max: 8192 },
    Target { name: "key_file", run: targets::key_file, mutations: 20_000, bytes_max: 4096 },
    Target { name: "last_event_id", run: targets::last_event_id, mutations: 10_000, bytes_max: 256 },
    Target { name: "name", run: targets::name, mutations: 10_000, bytes_max: 1024 },
    Target { name: "patch", run: targets::patch, mutations: 15_000, bytes_max: 4096 },
    Target { name: "position", run: targets::position, mutations: 40_000, bytes_max: 512 },
    Target { name: "record", run: targets::record, mutations: 20_000, bytes_max: 4096 },
    Target { name: "rules", run: targets::rules, mutations: 300, bytes_max: 4096 },
    Target { name: "server_frame", run: targets::server_frame, mutations: 40_000, bytes_max: 4096 },
    Target { name: "session", run: targets::session, mutations: 10_000, bytes_max: 8192 },
    Target { name: "snapshot", run: targets::snapshot, mutations: 20_000, bytes_max: 4096 },
    Target { name: "token", run: targets::token, mutations: 20_000, bytes_max: 4096 },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
