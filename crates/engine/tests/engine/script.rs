//! Golden scripts: lines that begin with `>` are what happens, the lines below each are what came out, in order.
//!
//! `#` begins a comment. With `UPDATE_GOLDEN=1` the lines that came out are written into the script, else they are compared.
//! Positions are shortened to `epoch:seq`, etags are E1, E2 … in the order in which they appear. What came out later than the input above it
//! says how much later. The verbs are in `verbs.rs`.

use std::{fmt::Write, fs, path::PathBuf};

use crate::{
    stage::{Stage, settle},
    verbs,
};

/// Run the script of this name.
pub fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(format!("{name}.txt"));
    let script = fs::read_to_string(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (happened, wrongs) = runtime.block_on(play(&script));
    assert!(wrongs.is_empty(), "{name}: {wrongs:#?}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, happened).unwrap();
    } else if happened != script {
        panic!("{name}: not what the script says (UPDATE_GOLDEN=1 takes it)\n{}", difference(&script, &happened));
    }
}

/// The script with what came out this time, and what of it never may.
async fn play(script: &str) -> (String, Vec<String>) {
    let mut stage = Stage::new();
    let mut happened = String::new();
    for line in script.lines() {
        let is_input = line.starts_with('>');
        if !is_input && !line.is_empty() && !line.starts_with('#') {
            continue;
        }
        writeln!(happened, "{line}").unwrap();
        if let Some(input) = line.strip_prefix('>') {
            stage.log.take();
            verbs::perform(&mut stage, input.trim()).await;
            settle().await;
            in_order(stage.log.take()).iter().for_each(|out| writeln!(happened, "{out}").unwrap());
        }
    }
    (happened, stage.log.wrongs())
}

/// Followers of events are independent of each other: whose frame comes first of those that come together is a matter of chance.
fn in_order(mut lines: Vec<String>) -> Vec<String> {
    let follows = |line: &String| line.split_once(": ").is_some_and(|(_, frame)| frame.starts_with("events "));
    lines.chunk_by_mut(|a, b| follows(a) && follows(b)).for_each(<[String]>::sort);
    lines
}

/// Both texts side by side, line by line, as `diff` would.
fn difference(expected: &str, happened: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), happened.lines().collect());
    let common = common_lines(&old, &new);
    let (mut i, mut j, mut text) = (0, 0, String::new());
    for (a, b) in common.into_iter().chain([(old.len(), new.len())]) {
        let changed = i < a || j < b;
        old[i..a].iter().for_each(|line| writeln!(text, "- {line}").unwrap());
        new[j..b].iter().for_each(|line| writeln!(text, "+ {line}").unwrap());
        if let Some(line) = old.get(a).filter(|line| changed || line.starts_with('>')) {
            writeln!(text, "  {line}").unwrap();
        }
        (i, j) = (a + 1, b + 1);
    }
    text
}

/// The longest common subsequence, as pairs of indices.
fn common_lines(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let mut longest = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] =
                if old[i] == new[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
