//! The system's randomness, from the seed.
//!
//! The order of a hash map, and which branch of a `select!` is looked at first, come from `getrandom`. This takes its place in the
//! simulation's process, so that the same seed gives the same trace. Threads without a seed get the real thing.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on this thread gets randomness of this seed.
pub fn seed(seed: u64) {
    STATE.set(Some(seed));
}

/// 64 bits of it.
pub fn bits() -> u64 {
    next().unwrap_or_default()
}

fn next() -> Option<u64> {
    let state = STATE.get()?.wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(Some(state));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Some(mixed ^ (mixed >> 31))
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod system {
    use std::{ffi::c_void, fs::File, io::Read, slice};

    /// As of libc, whose place it takes: both fill `buffer`, which the caller says has `length` bytes, and return how many.
    #[unsafe(no_mangle)]
    extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: u32) -> isize {
        // SAFETY: whoever calls getrandom gives it `length` bytes that it may write to.
        let bytes = unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
        for chunk in bytes.chunks_mut(8) {
            let Some(bits) = super::next() else { return real(bytes) };
            chunk.copy_from_slice(&bits.to_le_bytes()[..chunk.len()]);
        }
        isize::try_from(length).unwrap_or(-1)
    }

    fn real(bytes: &mut [u8]) -> isize {
        let filled = File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes));
        filled.map_or(-1, |()| isize::try_from(bytes.len()).unwrap_or(-1))
    }
}
