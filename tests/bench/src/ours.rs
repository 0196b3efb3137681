//! Sealwire: two endpoints, every frame and every store operation included.

use crate::port::{self, Party};
use sealwire_core::bytes::Writer;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{ConnectionId, Ephemeral, Method, Methods, compose_message_1, ignore_ead, process_message_1};
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, Outgoing, Route, SessionHandle};
use std::hint::black_box;

type End = (Endpoint<HeapTables>, Party);

/// Longest frame of a handshake here, and what a record adds.
const ROOM: usize = 2048;

fn endpoint(suite: Suite) -> Endpoint<HeapTables> {
    let mut config = Config::default();
    config.suites = [Some(suite), None, None, None];
    Endpoint::new(HeapTables::new(4, 4), config).expect("a sound configuration")
}

/// Runs one handshake; gives both ends' sessions and the lengths of the four message frames.
fn handshake(initiator: &mut End, responder: &mut End, buffer: &mut [u8]) -> (SessionHandle, SessionHandle, [usize; 4]) {
    let mut sessions = (None, None);
    let mut lengths = [0; 4];
    initiator.0.connect(&mut initiator.1, 0, Route::default(), None).expect("connect");
    // message_1 to message_4 and the record that confirms: few rounds.
    for _ in 0..16 {
        let mut quiet = true;
        for forwards in [true, false] {
            let (from, to) = if forwards { (&mut *initiator, &mut *responder) } else { (&mut *responder, &mut *initiator) };
            while let Some(sent) = from.0.poll_transmit(&mut from.1, 0, buffer).expect("transmit") {
                quiet = false;
                if let 1..=4 = buffer[0] {
                    lengths[usize::from(buffer[0]) - 1] = sent.len;
                }
                to.0.handle_frame(&mut to.1, 0, Route::default(), None, &mut buffer[..sent.len]).expect("an honest frame");
            }
        }
        for (end, slot) in [(&mut initiator.0, &mut sessions.0), (&mut responder.0, &mut sessions.1)] {
            while let Some(event) = end.poll_event() {
                if let Event::Established { session, .. } = event {
                    *slot = Some(session);
                }
            }
        }
        if quiet {
            break;
        }
    }
    (sessions.0.expect("established at the Initiator"), sessions.1.expect("established at the Responder"), lengths)
}

/// Lengths of the frames that carry message_1 to message_4, credentials by a one-byte kid.
pub(crate) fn frame_lengths(suite: Suite) -> [usize; 4] {
    let (one, other) = port::parties(suite);
    handshake(&mut (endpoint(suite), one), &mut (endpoint(suite), other), &mut [0; ROOM]).2
}

/// Whole handshakes between fresh endpoints: message_1 to message_4, the first record, sessions stored at both ends.
pub(crate) fn handshakes(suite: Suite) -> Box<dyn FnMut()> {
    let (one, other) = port::parties(suite);
    let mut parties = Some((one, other));
    let mut buffer = vec![0; ROOM];
    Box::new(move || {
        let (one, other) = parties.take().expect("given back");
        let mut initiator = (endpoint(suite), one);
        let mut responder = (endpoint(suite), other);
        black_box(handshake(&mut initiator, &mut responder, &mut buffer));
        initiator.1.forget();
        responder.1.forget();
        parties = Some((initiator.1, responder.1));
    })
}

/// Protects one message of `size` bytes and unprotects it at the other end; every 64th is stored first, at both ends. A key with a short
/// tag serves 2^20 records: more than all batches.
pub(crate) fn records(suite: Suite, size: usize) -> Box<dyn FnMut()> {
    let (one, other) = port::parties(suite);
    let (mut sender, mut receiver) = ((endpoint(suite), one), (endpoint(suite), other));
    let mut buffer = vec![0; size + ROOM];
    let (session, ..) = handshake(&mut sender, &mut receiver, &mut buffer);
    let payload: Vec<u8> = (0..size).map(|index| index.to_le_bytes()[0]).collect();
    Box::new(move || {
        let message = Outgoing { payload: &payload, ..Outgoing::default() };
        let sent = sender.0.send(&mut sender.1, 0, session, &message, &mut buffer).expect("send");
        match receiver.0.handle_frame(&mut receiver.1, 0, Route::default(), None, &mut buffer[..sent.len]).expect("an honest record") {
            Event::Message(message) => assert_eq!(message.payload, payload),
            event => panic!("{event:?} instead of the message"),
        }
    })
}

/// The four EDHOC messages alone, without endpoints, frames, sessions and stores.
pub(crate) fn edhoc_steps(suite: Suite) -> Box<dyn FnMut()> {
    let (mut one, mut other) = port::parties(suite);
    let id = |byte: u8| ConnectionId::new(&[byte]).expect("an identifier");
    Box::new(move || {
        let (mut first, mut second, mut third, mut fourth, mut scratch) = ([0; 256], [0; 256], [0; 256], [0; 256], [0; 512]);
        let [mut first, mut second, mut third, mut fourth] =
            [&mut first, &mut second, &mut third, &mut fourth].map(|buffer| Writer::new(buffer));
        let started = compose_message_1(&mut one, Method::DhDh, &[suite], suite, id(1), &[], &mut first).expect("message_1");
        let y = Ephemeral::generate(&mut other, suite.curve()).expect("a key pair");
        let (methods, none) = (Methods::ALL, &mut ignore_ead);
        let answered = process_message_1(&mut other, methods, &[suite], &y, id(2), first.written(), none, &[], &mut scratch, &mut second);
        let answered = answered.expect("message_2");
        let waiting = started.process_message_2(&mut one, second.written(), false, &[], &mut ignore_ead, &mut scratch, &mut third);
        let waiting = waiting.expect("message_3");
        let there = answered.process_message_3(&mut other, third.written(), None, &mut ignore_ead, &[], &mut scratch, &mut fourth);
        let here = waiting.process_message_4(&mut one, fourth.written(), &mut ignore_ead, &mut scratch).expect("an honest message_4");
        assert_eq!(here.prk_out(), there.expect("message_4").prk_out());
    })
}
