//! Memory for one frame, kept by the thread between calls.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// Larger ones are given back to the system.
const KEEP: usize = 65_536;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// At least as many bytes as asked for; what they hold is left over from earlier.
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    pub(crate) fn take(length: usize) -> Self {
        let mut kept = KEPT.take();
        if kept.len() < length {
            kept.resize(length, 0);
        }
        Scratch(kept)
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.0.len() <= KEEP {
            // A thread that ends takes its memory with it.
            let _ = KEPT.try_with(|kept| kept.set(std::mem::take(&mut self.0)));
        }
    }
}
