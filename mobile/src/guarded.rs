//! A lock that its holder's callbacks cannot wait for.

use sealwire_core::error::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value that one thread at a time works on. A thread that is inside already, because a callback of its work came back, is refused.
pub(crate) struct Guarded<T> {
    value: Mutex<T>,
    /// The thread inside, 0 for none.
    inside: AtomicU64,
}

/// A number for this thread, never 0.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static MINE: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    MINE.with(|mine| *mine)
}

/// Marks the thread as inside, also when the work unwinds.
struct Inside<'a>(&'a AtomicU64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Guarded { value: Mutex::new(value), inside: AtomicU64::new(0) }
    }

    /// Errors: `Busy` for the thread that is inside; `Internal` after a panic, which left the value in doubt: it is unusable, the app is not.
    pub(crate) fn enter<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R> {
        let me = thread_number();
        if self.inside.load(Ordering::Acquire) == me {
            return Err(Error::Busy);
        }
        let mut value = self.value.lock().map_err(|_| Error::Internal)?;
        self.inside.store(me, Ordering::Release);
        // Dropped before the lock's guard: while the lock is held, the mark is right.
        let _inside = Inside(&self.inside);
        Ok(work(&mut value))
    }
}
