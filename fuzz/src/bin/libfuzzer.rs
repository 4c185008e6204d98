//! One target, guided by coverage. `TARGET` in the environment names it; see tools/fuzz.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls in by a name of its own")]

use std::sync::LazyLock;

use dormouse_fuzz::{Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
});

fuzz_target!(
    // By default the first panic ends the process. Some are caught, as hosts catch those of rules; whatever is not ends it all the same.
    init: drop(std::panic::take_hook()),
    |data: &[u8]| (TARGET.run)(data)
);
