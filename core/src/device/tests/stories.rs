//! The simulator's stories with a device as one end: a bad network, restarts, failing stores, power cuts, an adversary. That no nonce is used
//! for two things is checked by the port with everything that is sealed.

use super::end::DeviceEnd;
use crate::endpoint::tests::exhaustive::Trial;
use crate::endpoint::tests::simulator::{Plot, Restarts, World};
use crate::endpoint::tests::stories::{BAD, random_in};
use std::boxed::Box;

/// A device, which begins, and a hub.
fn world(plot: Plot) -> World {
    let [device, hub] = World::identities(&plot);
    let end = Box::new(DeviceEnd::new(&device, &hub, plot.mqtt, plot.seed));
    let hub = World::endpoint(&plot, &hub, &device);
    World::of(plot, [end, hub])
}

fn random(plot: Plot) {
    random_in(world, plot);
}

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
    random(Plot { mqtt: true, reconnects: 2, ..BAD });
}

#[test]
fn new_handshakes_again_and_again() {
    random(Plot { reconnects: 6, messages: 40, ..BAD });
}

#[test]
fn restarts_with_their_state() {
    random(Plot { restarts: [Restarts::Kept(3), Restarts::Kept(3)], ..BAD });
}

#[test]
fn restarts_with_their_state_and_new_handshakes() {
    random(Plot { restarts: [Restarts::Kept(3), Restarts::Kept(2)], reconnects: 4, messages: 40, ..BAD });
}

#[test]
fn restarts_over_a_store_that_may_be_rolled_back() {
    random(Plot { restarts: [Restarts::Volatile(2), Restarts::Volatile(2)], ..BAD });
}

#[test]
fn restarts_without_their_state() {
    random(Plot { restarts: [Restarts::Any(3), Restarts::Any(3)], ..BAD });
}

#[test]
fn a_hub_that_loses_everything() {
    random(Plot { restarts: [Restarts::Never, Restarts::Any(3)], ..BAD });
    random(Plot { restarts: [Restarts::Kept(2), Restarts::Any(3)], reconnects: 1, ..BAD });
}

#[test]
fn a_store_that_fails_and_power_that_goes() {
    random(Plot { store_failures: 15, cuts: 5, ..BAD });
    random(Plot { store_failures: 5, cuts: 15, reconnects: 2, messages: 40, ..BAD });
}

#[test]
fn an_adversary_on_the_line() {
    random(Plot { adversary: true, reconnects: 2, ..BAD });
}

#[test]
fn an_adversary_and_restarts() {
    random(Plot { adversary: true, restarts: [Restarts::Kept(2), Restarts::Any(2)], ..BAD });
}

#[test]
fn an_adversary_failing_stores_and_new_handshakes() {
    random(Plot { adversary: true, restarts: [Restarts::Kept(2); 2], reconnects: 3, store_failures: 5, cuts: 5, ..BAD });
}

/// Power goes at the device with every single operation on its store, before or after it took effect.
#[test]
fn power_cuts_at_every_operation() {
    let plot = Plot { reconnects: 2, messages: 30, restarts: [Restarts::Kept(1), Restarts::Never], bad_until: 20_000, ..Plot::CALM };
    for seed in 0..if cfg!(debug_assertions) { 2 } else { 20 } {
        for effective in [false, true] {
            for nth in 0.. {
                let mut world = world(Plot { seed, ..plot });
                world.nodes[0].port().cut = Some((nth, effective));
                world.run();
                if world.nodes[0].port().cut.is_some() {
                    assert!(nth > 20, "{nth} operations are no story");
                    break;
                }
            }
        }
    }
}

/// The frames that are tried are those of the handshake, the messages, the restart and its resume.
fn trials() -> impl Iterator<Item = Trial> {
    let story = Plot { bad_until: 8_000, messages: 6, ..Plot::CALM };
    let plots = [
        Plot { seed: 1, updates: 1, ..story },
        Plot { seed: 3, restarts: [Restarts::Kept(1), Restarts::Kept(1)], ..story },
        Plot { seed: 4, restarts: [Restarts::Kept(1), Restarts::Volatile(1)], reconnects: 1, ..story },
    ];
    plots.into_iter().map(|plot| Trial { world, plot, positions: 20 })
}

/// Every frame lost, doubled or late, in every position and in pairs.
#[test]
fn one_and_two_frames_at_a_time() {
    for trial in trials() {
        trial.one_frame_at_a_time();
        trial.two_frames_at_a_time(5);
    }
}

#[test]
fn runs_of_lost_frames() {
    trials().for_each(|trial| trial.runs_of_lost_frames());
}
