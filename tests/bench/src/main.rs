//! What `make bench` runs: Sealwire and its rivals, doing the same work in one thread and one run, both ends, no transport.
//!
//! ```text
//! sealwire-bench [--quick]            measures everything; JSON on stdout, nanoseconds of processor time per operation and batch
//! sealwire-bench --list               the operations
//! sealwire-bench --run NAME COUNT     COUNT times one operation inside `measured`, for an instruction counter
//! ```
//!
//! `scripts/bench.py` builds and runs it, and makes tables of what it says. `--quick` runs a hundredth, to see that it works.

mod ours;
mod port;
mod rivals;

use rustix::time::{ClockId, clock_gettime};
use sealwire_core::crypto::Suite;

/// Batches of each operation; those of one group take turns, so that other load on the machine falls on all.
const BATCHES: usize = 21;

/// Something to be measured: `new` does what is not, and gives what is.
struct Operation {
    group: &'static str,
    name: &'static str,
    /// Operations in a batch.
    count: u32,
    new: fn() -> Box<dyn FnMut()>,
}

const fn operation(group: &'static str, name: &'static str, count: u32, new: fn() -> Box<dyn FnMut()>) -> Operation {
    Operation { group, name, count, new }
}

const OPERATIONS: [Operation; 16] = [
    operation("handshake", "sealwire-4", 60, || ours::handshakes(Suite::X25519ChaCha)),
    operation("handshake", "sealwire-2", 30, || ours::handshakes(Suite::P256Ccm)),
    operation("handshake", "edhoc-4", 60, || ours::edhoc_steps(Suite::X25519ChaCha)),
    operation("handshake", "edhoc-2", 30, || ours::edhoc_steps(Suite::P256Ccm)),
    operation("handshake", "lakers-2", 30, rivals::lakers_handshakes),
    operation("handshake", "snow-xx", 60, rivals::snow_handshakes),
    operation("record-64", "sealwire-4", 4_000, || ours::records(Suite::X25519ChaCha, 64)),
    operation("record-64", "chacha20poly1305", 4_000, || rivals::chacha(64)),
    operation("record-64", "snow", 4_000, || rivals::snow_records(64)),
    operation("record-64", "sealwire-2", 8_000, || ours::records(Suite::P256Ccm, 64)),
    operation("record-64", "ccm", 8_000, || rivals::ccm(64)),
    operation("record-1024", "sealwire-4", 4_000, || ours::records(Suite::X25519ChaCha, 1024)),
    operation("record-1024", "chacha20poly1305", 4_000, || rivals::chacha(1024)),
    operation("record-1024", "snow", 4_000, || rivals::snow_records(1024)),
    operation("record-1024", "sealwire-2", 4_000, || ours::records(Suite::P256Ccm, 1024)),
    operation("record-1024", "ccm", 4_000, || rivals::ccm(1024)),
];

/// The frame that an instruction counter watches.
#[inline(never)]
fn measured(count: u32, run: &mut dyn FnMut()) {
    for _ in 0..count {
        run();
    }
}

/// The processor's time of this thread in nanoseconds: other load on the machine disturbs it, but does not count.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds of one operation.
fn batch(count: u32, run: &mut dyn FnMut()) -> f64 {
    let start = now();
    measured(count, run);
    (now() - start) / f64::from(count)
}

/// Runs the batches of one group; gives its operations as JSON.
fn group(operations: &[Operation], quick: bool) -> String {
    let scaled = |count: u32| if quick { (count / 100).max(1) } else { count };
    let mut runs: Vec<_> = operations.iter().map(|operation| (operation, (operation.new)(), Vec::new())).collect();
    // The first time warms up.
    for turn in 0..=BATCHES {
        for (operation, run, times) in &mut runs {
            let time = batch(scaled(operation.count), run);
            if turn > 0 {
                times.push(format!("{time:.1}"));
            }
        }
    }
    let shown =
        runs.iter().map(|(operation, _, times)| format!("{{\"name\": \"{}\", \"batches\": [{}]}}", operation.name, times.join(", ")));
    shown.collect::<Vec<_>>().join(", ")
}

/// Lengths of the messages and of the frames that carry them.
fn wire() -> String {
    let lengths = |suite| ours::frame_lengths(suite).map(|length| length.to_string()).join(", ");
    format!("{{\"frames-4\": [{}], \"frames-2\": [{}]}}", lengths(Suite::X25519ChaCha), lengths(Suite::P256Ccm))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--list"] => OPERATIONS.iter().for_each(|operation| println!("{}/{} {}", operation.group, operation.name, operation.count)),
        ["--run", name, count] => {
            let wanted = |operation: &&Operation| format!("{}/{}", operation.group, operation.name) == name;
            let operation = OPERATIONS.iter().find(wanted).expect("one of the operations that --list names");
            let mut run = (operation.new)();
            // Once outside: what is done only the first time does not count.
            run();
            measured(count.parse().expect("a number"), &mut run);
        }
        [] | ["--quick"] => {
            let quick = !words.is_empty();
            let groups = OPERATIONS.chunk_by(|one, next| one.group == next.group);
            let shown = groups.map(|found| format!("{{\"name\": \"{}\", \"operations\": [{}]}}", found[0].group, group(found, quick)));
            println!("{{\"wire\": {}, \"groups\": [{}]}}", wire(), shown.collect::<Vec<_>>().join(", "));
        }
        _ => panic!("usage: sealwire-bench [--quick | --list | --run NAME COUNT]"),
    }
}
