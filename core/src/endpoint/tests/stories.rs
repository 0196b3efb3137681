//! What the simulator plays: every kind of trouble, by many seeds.

use super::simulator::{Fate, Plot, Restarts, World};

/// Runs a plot in a world made for it, with what happens to some frames written in advance; gives the count of frames. A failure names its seed.
pub(crate) fn play_in(world: fn(Plot) -> World, plot: Plot, script: &[(usize, Fate)]) -> usize {
    let outcome = std::panic::catch_unwind(|| {
        let mut world = world(plot);
        world.script = script.iter().copied().collect();
        world.trace = std::env::var_os("SEALWIRE_TRACE").is_some();
        world.run();
        world.frames
    });
    outcome.unwrap_or_else(|cause| {
        std::eprintln!("seed {}, script {script:?}", plot.seed);
        std::panic::resume_unwind(cause)
    })
}

/// Seeds per property: hundreds in a release build, a few in a debug build, or what SEALWIRE_RUNS says.
pub(crate) fn runs() -> u64 {
    let told = std::env::var("SEALWIRE_RUNS").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(if cfg!(debug_assertions) { 20 } else { 600 })
}

/// By many seeds, in a world made for it.
pub(crate) fn random_in(world: fn(Plot) -> World, plot: Plot) {
    for seed in 0..runs() {
        play_in(world, Plot { seed, ..plot }, &[]);
    }
}

fn random(plot: Plot) {
    random_in(World::new, plot);
}

pub(crate) const BAD: Plot = Plot { loss: 30, duplicates: 20, delay: 1_500, updates: 3, ..Plot::CALM };

#[test]
fn calm() {
    random(Plot { updates: 2, ..Plot::CALM });
}

#[test]
fn a_bad_line() {
    random(BAD);
}

#[test]
fn a_bad_line_on_mqtt_without_a_way_back() {
    random(Plot { mqtt: true, both_start: true, reconnects: 2, ..BAD });
}

#[test]
fn both_open_at_once_and_again() {
    random(Plot { both_start: true, reconnects: 6, ..BAD });
}

#[test]
fn restarts_with_their_state() {
    random(Plot { restarts: [Restarts::Kept(3), Restarts::Kept(3)], ..BAD });
}

#[test]
fn restarts_with_their_state_and_new_handshakes() {
    random(Plot { restarts: [Restarts::Kept(2), Restarts::Kept(2)], both_start: true, reconnects: 4, identifier_len: 2, ..BAD });
}

#[test]
fn restarts_over_a_store_that_may_be_rolled_back() {
    random(Plot { restarts: [Restarts::Volatile(2), Restarts::Volatile(2)], both_start: true, ..BAD });
}

#[test]
fn restarts_without_their_state() {
    random(Plot { restarts: [Restarts::Any(3), Restarts::Any(3)], both_start: true, ..BAD });
}

#[test]
fn a_hub_that_never_starts_and_loses_everything() {
    random(Plot { restarts: [Restarts::Never, Restarts::Any(3)], ..BAD });
}

#[test]
fn a_store_that_fails_and_power_that_goes() {
    random(Plot { store_failures: 15, cuts: 5, ..BAD });
    random(Plot { store_failures: 5, cuts: 15, both_start: true, reconnects: 2, ..BAD });
}

#[test]
fn an_adversary_on_the_line() {
    random(Plot { adversary: true, reconnects: 2, both_start: true, ..BAD });
}

#[test]
fn an_adversary_and_restarts() {
    random(Plot { adversary: true, restarts: [Restarts::Kept(2), Restarts::Any(2)], both_start: true, ..BAD });
}

/// Methods 0, 1 and 2, in both directions where both ends start.
#[cfg(feature = "signatures")]
#[test]
fn ends_that_sign() {
    random(Plot { signs: [true, true], both_start: true, reconnects: 3, ..BAD });
    random(Plot { signs: [true, false], both_start: true, reconnects: 3, restarts: [Restarts::Kept(2), Restarts::Any(2)], ..BAD });
    random(Plot { signs: [false, true], adversary: true, store_failures: 5, cuts: 5, ..BAD });
}

#[test]
fn runs_are_reproducible() {
    let run = || {
        let mut world = World::new(Plot { seed: 11, adversary: true, restarts: [Restarts::Kept(2); 2], ..BAD });
        world.run();
        (world.frames, world.now, world.nodes.each_mut().map(|node| node.fingerprint()))
    };
    assert_eq!(run(), run());
}
