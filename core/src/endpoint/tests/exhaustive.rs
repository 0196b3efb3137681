//! Every handshake, resume and key-update message lost, doubled or late, in every position and in pairs.

use super::simulator::{Fate, Plot, Restarts, World};
use super::stories::play_in;

const FATES: [Fate; 4] = [Fate::Lost, Fate::Twice, Fate::Late(300), Fate::Late(20_000)];

/// What is tried with the first frames of a story.
pub(crate) struct Trial {
    pub(crate) world: fn(Plot) -> World,
    pub(crate) plot: Plot,
    /// Frames that are tried.
    pub(crate) positions: usize,
}

impl Trial {
    fn play(&self, script: &[(usize, Fate)]) {
        let frames = play_in(self.world, self.plot, script);
        assert!(frames > self.positions, "the story is shorter than what is tried: {frames}");
    }

    pub(crate) fn one_frame_at_a_time(&self) {
        for position in 0..self.positions {
            for fate in FATES {
                self.play(&[(position, fate)]);
            }
        }
    }

    /// `step`: from one first frame to the next in a debug build.
    pub(crate) fn two_frames_at_a_time(&self, step: usize) {
        for first in (0..self.positions).step_by(if cfg!(debug_assertions) { step } else { 1 }) {
            for second in first + 1..self.positions {
                for (one, other) in [(Fate::Lost, Fate::Lost), (Fate::Late(2_500), Fate::Lost), (Fate::Twice, Fate::Late(9_000))] {
                    self.play(&[(first, one), (second, other)]);
                }
            }
        }
    }

    pub(crate) fn runs_of_lost_frames(&self) {
        for first in 0..self.positions {
            for length in 3..9 {
                let script: std::vec::Vec<_> = (first..first + length).map(|position| (position, Fate::Lost)).collect();
                self.play(&script);
            }
        }
    }
}

/// The frames that are tried are those of the handshake, the messages, the key update, the restart and its resume.
fn trials() -> impl Iterator<Item = Trial> {
    let story = Plot { bad_until: 8_000, messages: 4, updates: 1, ..Plot::CALM };
    let plots = [
        Plot { seed: 1, ..story },
        Plot { seed: 2, both_start: true, ..story },
        Plot { seed: 3, restarts: [Restarts::Kept(1), Restarts::Kept(1)], ..story },
        Plot { seed: 4, restarts: [Restarts::Never, Restarts::Volatile(1)], reconnects: 1, ..story },
    ];
    plots.into_iter().map(|plot| Trial { world: World::new, plot, positions: 22 })
}

#[test]
fn one_frame_at_a_time() {
    trials().for_each(|trial| trial.one_frame_at_a_time());
}

#[test]
fn two_frames_at_a_time() {
    trials().for_each(|trial| trial.two_frames_at_a_time(7));
}

#[test]
fn runs_of_lost_frames() {
    trials().for_each(|trial| trial.runs_of_lost_frames());
}
