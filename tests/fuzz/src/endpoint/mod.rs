//! One target for each `handle_*` of the endpoint, in each state.
//!
//! The first byte of an input sets the stage, the rest are moves: frames of strangers, frames addressed right, frames of the peer, changed or not, frames that
//! verify in the clear mode, time, and what the application and its platform do.

mod moves;
mod rules;
mod stage;

use crate::provider::{Mode, hash};
use crate::random::Input;
use moves::{MOVES, play, start};
use sealwire_core::Error;
use sealwire_core::persist::SNAPSHOT_MAX;
use stage::{SESSIONS, Stage, State};

fn frames_in(state: State, data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut stage = Stage::new(state, input.byte(), input.byte());
    play(&mut stage, &mut input);
    stage.taken
}

/// `handle_frame` of an endpoint to which nothing has happened.
pub fn idle(data: &[u8]) -> bool {
    frames_in(State::Idle, data)
}

/// `handle_frame` of an Initiator that waits for message_2.
pub fn message_2(data: &[u8]) -> bool {
    frames_in(State::Message2, data)
}

/// `handle_frame` of a Responder that waits for message_3.
pub fn message_3(data: &[u8]) -> bool {
    frames_in(State::Message3, data)
}

/// `handle_frame` of an Initiator that waits for message_4.
pub fn message_4(data: &[u8]) -> bool {
    frames_in(State::Message4, data)
}

/// `handle_frame` of a Responder whose session is not confirmed.
pub fn unconfirmed(data: &[u8]) -> bool {
    frames_in(State::Unconfirmed, data)
}

/// `handle_frame` under a session that stands.
pub fn established(data: &[u8]) -> bool {
    frames_in(State::Established, data)
}

/// `handle_timeout`: time passes before every group of moves.
pub fn timeout(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let state = [State::Message2, State::Message3, State::Message4, State::Established][usize::from(input.byte() & 3)];
    let mut stage = Stage::new(state, input.byte(), input.byte());
    for _ in 0..MOVES {
        if input.is_empty() {
            break;
        }
        let wait = input.short();
        stage.pass(u64::from(wait & 0xfff) << (wait >> 12));
        play(&mut stage, &mut Input::new(input.piece()));
    }
    // Left alone, every timer leads on to a later one, or to none.
    for _ in 0..32 {
        let Some(next) = stage.end().endpoint.poll_timeout() else { break };
        let wait = next.saturating_sub(stage.now);
        stage.pass(wait);
    }
    stage.taken
}

/// `resume_pending`: keys that answer later, at every step of a handshake.
pub fn pending(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let state = [State::Idle, State::Message2, State::Message3, State::Message4][usize::from(input.byte() & 3)];
    let mut stage = Stage::new(state, input.byte(), input.byte());
    stage.end().party.provider.pending = u32::from(input.byte() & 7);
    play(&mut stage, &mut input);
    let now = stage.now;
    let end = stage.end();
    end.party.provider.pending = 5;
    let outcomes: Vec<_> = (0..16).map(|_| end.endpoint.resume_pending(&mut end.party, now)).collect();
    assert_ne!(outcomes.last(), Some(&Err(Error::Pending)), "a key that has answered is not waited for");
    stage.sound();
    stage.taken
}

/// `restore`: a store with anything in it; then everything else.
pub fn restore(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut stage = Stage::new(State::Established, input.byte(), input.byte());
    let end = stage.end();
    let sound = end.party.stored.iter().flatten().next().cloned().unwrap_or_default();
    for key in 0..SESSIONS {
        let how = input.byte();
        let given = input.piece();
        end.party.stored[key] = match how & 3 {
            0 => end.party.stored[key].take(),
            1 => Some(given.to_vec()),
            // A sound snapshot, with the input over a part of it and the check made right.
            _ if sound.len() == SNAPSHOT_MAX => {
                let mut image = sound.clone();
                let (body, check) = image.split_at_mut(SNAPSHOT_MAX - 8);
                let at = usize::from(how >> 2) * 5;
                body.iter_mut().skip(at).zip(given).for_each(|(byte, new)| *byte = *new);
                check.copy_from_slice(&hash(&[body])[..8]);
                Some(image)
            }
            _ => None,
        };
    }
    let restored = start(&mut stage);
    // What is in a store is believed, so from here on only what holds in every state is checked.
    stage.mode = Mode::Clear;
    stage.trusting = true;
    play(&mut stage, &mut input);
    restored
}
