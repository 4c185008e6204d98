//! The store passes every case of every seam's suite, on both emulators.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use dormouse_journal::conformance;
use support::{Emulator, on_each_emulator};

on_each_emulator!(is_a_journal, is_an_index);

async fn is_a_journal(emulator: Emulator) {
    assert_eq!(conformance::journal_suite(async || emulator.store().await).await, 33);
}

async fn is_an_index(emulator: Emulator) {
    if emulator.is_hurried() {
        return println!("index: on {emulator:?} it is played by `make cloud-test` alone");
    }
    assert_eq!(conformance::index_suite(async || emulator.followed().await).await, 34);
}
