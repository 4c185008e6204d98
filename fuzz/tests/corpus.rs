//! Every input of the corpus through its target, and mutations of them: as many as a test may take. The same ones each time.

use std::panic::catch_unwind;

use dormouse_fuzz::{
    TARGETS, Target, corpus,
    mutate::mutation,
    seeds::{Made, made},
};

/// How an input is shown that makes a target fail: to be pasted into a shell.
fn shown(input: &[u8]) -> String {
    let escaped = input.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    format!("printf '{escaped}' > input; cargo run -p dormouse-fuzz --bin replay -- TARGET input")
}

fn holds(target: &Target, what: &str, input: &[u8]) {
    let run = catch_unwind(|| (target.run)(input));
    assert!(run.is_ok(), "{} fails on {what}:\n{}", target.name, shown(input).replace("TARGET", target.name));
}

fn check(name: &str) {
    let target = dormouse_fuzz::target(name).expect("it is in the list");
    let inputs = corpus::of(target.name).expect("it has a corpus");
    assert!(inputs.len() > 2, "{name} has a corpus");
    for (name, input) in &inputs {
        assert!(input.len() <= target.bytes_max, "{name} is longer than its mutations");
        holds(target, name, input);
    }
    for nth in 0..target.mutations {
        holds(target, &format!("mutation {nth}"), &mutation(target, &inputs, nth));
    }
}

macro_rules! each {
    ($($target:ident),*) => {
        $(#[test]
        fn $target() {
            check(stringify!($target));
        })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($target)),*];
            assert_eq!(TARGETS.map(|target| target.name), run);
        }
    };
}

each! {
    client_frame, command, history, import, key_file, last_event_id, name, patch, position, record, rules, server_frame, session,
    snapshot, token
}

#[test]
fn what_is_made_is_as_it_is_made_today() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for Made { target, name, bytes } in made() {
        let file = corpus::folder(target).join(&name);
        if update {
            std::fs::create_dir_all(corpus::folder(target)).expect("a folder");
            std::fs::write(&file, &bytes).expect("a file");
        }
        let is_same = std::fs::read(&file).is_ok_and(|there| there == bytes);
        assert!(is_same, "{target}/{name} is another; UPDATE_GOLDEN=1 cargo test -p dormouse-fuzz writes it");
    }
}
