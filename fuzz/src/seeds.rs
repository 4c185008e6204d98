//! The inputs that are made: what the apps write, and the frames that every client and host agrees on. `UPDATE_GOLDEN=1 cargo test -p dormouse-fuzz`
//! writes them anew.

use dormouse::portable::Exported;
use serde::Deserialize;
use serde_json::Value;

use crate::targets::stage::Stage;

/// One input.
#[derive(Debug)]
pub struct Made {
    /// For which target.
    pub target: &'static str,
    /// What it is called.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A session of each app, from which records, snapshots and files are taken.
const SCRIPTS: [(&str, &str); 2] = [
    ("todo", include_str!("../corpus/rules/todo-everything-that-is-asked-of-a-list")),
    ("liap-tui", include_str!("../corpus/rules/liap-tui-a-round-with-one-player")),
];
/// Commits of a file: enough for one of each sort, few enough for a fuzzer.
const EXPORTED_MAX: usize = 4;

/// All of them.
pub fn made() -> Vec<Made> {
    let mut made = of_frames();
    SCRIPTS.iter().for_each(|(app, script)| made.extend(of_app(app, script)));
    let hex = include_str!("../../crates/core/golden/record-v1.hex").trim();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a golden file is hex");
    let bytes = (0..hex.len()).step_by(2).map(byte).collect();
    made.push(Made { target: "record", name: "golden-of-version-1".into(), bytes });
    made
}

fn of_app(app: &str, script: &str) -> Vec<Made> {
    let stage = Stage::play(script).expect("a script");
    let one = |target, what: &str, bytes| Made { target, name: format!("made-{app}-{what}"), bytes };
    let records = &stage.records;
    let (middle, last) = (&records[records.len() / 2], &records[records.len() - 1]);
    let largest = records.iter().max_by_key(|record| record.len()).expect("it has commits");
    let exported = records.iter().take(EXPORTED_MAX).map(|record| record.as_slice().into()).collect();
    let exported = Exported { actor: stage.machine.address().clone(), epoch: 1, records: exported };
    let mut file = Vec::new();
    exported.write(&mut file).expect("a Vec takes every byte");
    vec![
        one("record", "first-commit", records[0].clone()),
        one("record", "middle-commit", middle.clone()),
        one("record", "last-commit", last.clone()),
        one("record", "largest-commit", largest.clone()),
        one("snapshot", "at-its-end", stage.machine.snapshot()),
        one("import", "file", file),
    ]
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    direction: String,
    frame: Value,
}

fn of_frames() -> Vec<Made> {
    let frames = ("frame", include_str!("../../docs/fixtures/frames.json"));
    let lists = ("list", include_str!("../../docs/fixtures/lists.json"));
    let made = |of: &str, Fixture { name, direction, frame }| Made {
        target: if direction == "client" { "client_frame" } else { "server_frame" },
        name: format!("made-{of}-{}", name.replace('_', "-")),
        bytes: frame.to_string().into_bytes(),
    };
    let fixtures = |file| serde_json::from_str::<Vec<Fixture>>(file).expect("fixtures");
    [frames, lists].into_iter().flat_map(|(of, file)| fixtures(file).into_iter().map(move |it| made(of, it))).collect()
}
