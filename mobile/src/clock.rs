//! The endpoint's clock: monotonic, and running while the phone sleeps.

use rustix::time::{ClockId, clock_gettime};

/// Counts suspended time too: a command offer must not stay fresh through a night in which the processor slept.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// On Apple's systems this one runs through sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Milliseconds since some moment of the past, the same for the whole process.
pub(crate) fn now_ms() -> u64 {
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)
}
