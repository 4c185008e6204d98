//! The example function, built beside these tests.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;

use dormouse_localcloud::{Clock, Function, Lambda};

/// `target/debug/examples/echo_function`, beside `target/debug/deps` where the tests are.
pub(crate) fn lambda() -> Lambda {
    let test = std::env::current_exe().expect("a test has a path");
    let built: PathBuf = test.parent().and_then(|deps| deps.parent()).expect("it is in target/PROFILE/deps").into();
    Lambda::new("echo", built.join("examples/echo_function"))
}

pub(crate) fn echo() -> Function {
    Function::new(lambda(), Clock::default())
}
