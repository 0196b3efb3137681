//! Every handshake, resume and key-update message lost, doubled or late, in every position and in pairs.

use super::simulator::{Fate, Plot, Restarts, World};
use super::stories::play_in;

const FATES: [Fate; 4] = [Fate::Lost, Fate::Twice, Fate::Late(300), Fate::Late(20_000)];

/// Frames of the story that are tried: those of the handshake, the messages, the key update, the restart and its resume.
const POSITIONS: usize = 22;

fn plots() -> [Plot; 4] {
    let story = Plot { bad_until: 8_000, messages: 4, updates: 1, ..Plot::CALM };
    [
        Plot { seed: 1, ..story },
        Plot { seed: 2, both_start: true, ..story },
        Plot { seed: 3, restarts: [Restarts::Kept(1), Restarts::Kept(1)], ..story },
        Plot { seed: 4, restarts: [Restarts::Never, Restarts::Volatile(1)], reconnects: 1, ..story },
    ]
}

fn play(plot: Plot, script: &[(usize, Fate)]) {
    let frames = play_in(World::new, plot, script);
    assert!(frames > POSITIONS, "the story is shorter than what is tried: {frames}");
}

#[test]
fn one_frame_at_a_time() {
    for plot in plots() {
        for position in 0..POSITIONS {
            for fate in FATES {
                play(plot, &[(position, fate)]);
            }
        }
    }
}

#[test]
fn two_frames_at_a_time() {
    let step = if cfg!(debug_assertions) { 7 } else { 1 };
    for plot in plots() {
        for first in (0..POSITIONS).step_by(step) {
            for second in first + 1..POSITIONS {
                for (one, other) in [(Fate::Lost, Fate::Lost), (Fate::Late(2_500), Fate::Lost), (Fate::Twice, Fate::Late(9_000))] {
                    play(plot, &[(first, one), (second, other)]);
                }
            }
        }
    }
}

#[test]
fn runs_of_lost_frames() {
    for plot in plots() {
        for first in 0..POSITIONS {
            for length in 3..9 {
                let script: std::vec::Vec<_> = (first..first + length).map(|position| (position, Fate::Lost)).collect();
                play(plot, &script);
            }
        }
    }
}
