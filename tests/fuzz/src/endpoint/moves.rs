//! The moves that an input is made of.

use super::stage::{End, Stage};
use crate::party::other;
use crate::provider::TAG;
use crate::random::Input;
use crate::typed;
use sealwire_core::bytes::Writer;
use sealwire_core::cbor;
use sealwire_core::endpoint::{Kind, Outgoing, Route, Topic};

/// Moves in one input.
pub(super) const MOVES: usize = 24;

/// Takes moves from the input.
pub(super) fn play(stage: &mut Stage, input: &mut Input<'_>) {
    for _ in 0..MOVES {
        if input.is_empty() {
            break;
        }
        let code = input.byte();
        let variant = code >> 3;
        match code & 7 {
            0 => stage.deliver(input.piece(), None),
            1 => {
                let frame = [&[1 + variant % 6][..], &stage.identifier, input.piece()].concat();
                stage.deliver(&frame, None);
            }
            2 => {
                let frame = [&[0x40 | variant << 3 & 0x38][..], &stage.identifier, input.piece()].concat();
                stage.deliver(&frame, (variant & 8 != 0).then_some(b"t"));
            }
            3 => peers(stage, input),
            4 => stage.pass(u64::from(input.short()) << (variant & 15)),
            5 => verifying(stage, variant, input),
            6 => application(stage, variant, input),
            _ => platform(stage, variant, input),
        }
    }
}

/// A frame of the peer, with one byte changed or none.
fn peers(stage: &mut Stage, input: &mut Input<'_>) {
    let (which, at, change) = (usize::from(input.byte()), usize::from(input.byte()), input.byte());
    let Some(which) = which.checked_rem(stage.genuine.len()) else { return };
    let mut frame = stage.genuine[which].clone();
    if let Some(byte) = frame.get_mut(at) {
        *byte ^= change;
    }
    stage.deliver(&frame, None);
}

/// A byte string, encoded.
fn byte_string(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut buffer = vec![0; content.len() + 9];
    let mut w = Writer::new(&mut buffer);
    cbor::write_bytes(&mut w, &content).expect("room for the head");
    w.finish().to_vec()
}

/// The input inside a frame as one with the keys would make it: it verifies in the clear mode.
fn verifying(stage: &mut Stage, variant: u8, input: &mut Input<'_>) {
    let tag = &[TAG; 16][..stage.tag];
    let frame = match variant & 3 {
        0 => [&[2][..], &stage.identifier, &byte_string(&[&[7; 32], input.piece()])].concat(),
        1 => [&[3][..], &stage.identifier, &byte_string(&[input.piece(), tag])].concat(),
        2 => [&[4][..], &stage.identifier, &byte_string(&[input.piece(), tag])].concat(),
        _ => {
            let partial_iv = input.byte();
            [&[0x40 | variant << 1 & 0x38][..], &stage.identifier, &[partial_iv], input.piece(), tag].concat()
        }
    };
    stage.deliver(&frame, None);
}

/// What an application may do at any time, at either end.
fn application(stage: &mut Stage, variant: u8, input: &mut Input<'_>) {
    let now = stage.now;
    let (number, at_peer) = (input.byte(), variant & 16 != 0);
    stage.borne = 0;
    let who = if at_peer { other(stage.who) } else { stage.who };
    let End { party, endpoint } = &mut stage.ends[who];
    let mut buffer = [0; 512];
    let mut sent = None;
    let session = endpoint.sessions().nth(usize::from(number >> 6));
    let outcome = match (variant & 7, session) {
        (0, _) => endpoint.connect(party, now, Route::default(), None).map(drop),
        (1..=3, Some(session)) => {
            let message = Outgoing {
                kind: if variant & 7 == 3 { Kind::Command } else { Kind::Data },
                confirmable: variant & 7 == 2,
                topic: if number & 1 == 1 { Topic::Addressed(b"t") } else { Topic::None },
                payload: b"payload",
                ..Outgoing::default()
            };
            endpoint.send(party, now, session, &message, &mut buffer).map(|made| sent = buffer.get(..made.len))
        }
        (4, Some(session)) => endpoint.commit(party, now, session, u64::from(number & 63), None),
        (5, Some(session)) => endpoint.key_update(party, now, session),
        (6, Some(session)) => endpoint.abandon(session, u64::from(number & 63)),
        (7, Some(session)) => endpoint.close(party, session),
        _ => Ok(()),
    };
    if let Err(error) = outcome {
        typed(error);
    }
    match sent {
        Some(frame) if at_peer => stage.genuine.push(frame.to_vec()),
        Some(frame) => stage.carry(vec![frame.to_vec()]),
        None => {}
    }
    stage.drain();
    stage.listen();
    stage.sound();
}

/// What the platform may do: a key that answers later, a store that fails, a start of the program.
fn platform(stage: &mut Stage, variant: u8, input: &mut Input<'_>) {
    let now = stage.now;
    let End { party, endpoint } = stage.end();
    match variant & 3 {
        0 => party.provider.pending = u32::from(input.byte() & 3),
        1 => {
            if let Err(error) = endpoint.resume_pending(party, now) {
                typed(error);
            }
        }
        2 => {
            let saves = input.byte();
            party.saves_left = if saves == 0xff { u32::MAX } else { u32::from(saves & 7) };
        }
        _ => {
            start(stage);
        }
    }
    stage.drain();
    stage.sound();
}

/// A new process over the same store; true if it took up a session.
pub(super) fn start(stage: &mut Stage) -> bool {
    let now = stage.now;
    stage.delivered.clear();
    stage.hints = 0;
    stage.borne = 0;
    let end = stage.end();
    end.renew();
    let outcome = end.endpoint.restore(&mut end.party, now);
    if let Err(error) = outcome {
        typed(error);
        assert_eq!(end.endpoint.sessions().count(), 0, "all or nothing");
    }
    stage.drain();
    stage.sound();
    matches!(outcome, Ok(count) if count > 0)
}
