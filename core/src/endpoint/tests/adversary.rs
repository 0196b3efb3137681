//! Bad input changes nothing but counters: every bit of every kind of frame.

use super::*;

/// All single-bit changes of a frame, and all its prefixes.
fn variants(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut variants = Vec::new();
    for bit in 0..frame.len() * 8 {
        let mut changed = frame.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        variants.push(changed);
    }
    variants.extend((0..frame.len()).map(|len| frame[..len].to_vec()));
    let mut longer = frame.to_vec();
    longer.push(0);
    variants.push(longer);
    variants
}

/// Every variant is refused and leaves the state alone; the frame itself is taken afterwards.
fn refuses(node: &mut Node, frame: &[u8]) {
    let before = node.fingerprint();
    for variant in variants(frame) {
        // Other types have their own rules, and their own turn.
        if variant.first().is_some_and(|kind| kind & 0xc0 == 0 && *kind != frame[0]) {
            continue;
        }
        let result = node.input(0, Route::default(), None, &variant);
        assert!(result.is_err(), "{variant:02x?}");
        assert_eq!(node.fingerprint(), before, "{variant:02x?}");
        node.endpoint.reply = None;
    }
    assert!(node.delivered.is_empty());
    assert!(node.take_events().is_empty());
}

#[test]
fn records() {
    let (mut pair, a, _) = Pair::connected();
    let message = Outgoing { topic: Topic::Addressed(b"t"), ..CONFIRMABLE };
    let (_, frame) = pair.a.send(0, a, &message).unwrap();
    refuses(&mut pair.b, &frame);
    pair.b.input(0, Route::default(), None, &frame).unwrap();
}

#[test]
fn control_records_of_a_resume_and_a_key_update() {
    let (mut pair, a, _) = Pair::connected();
    pair.a.endpoint.key_update(&mut pair.a.port, 0, a).unwrap();
    let request = pair.a.frames(0).remove(0);
    refuses(&mut pair.b, &request);
    pair.b.input(0, Route::default(), None, &request).unwrap();
    let response = pair.b.frames(0).remove(0);
    refuses(&mut pair.a, &response);
    pair.a.input(0, Route::default(), None, &response).unwrap();
    let first = pair.a.frames(0).remove(0);
    refuses(&mut pair.b, &first);
    pair.b.input(0, Route::default(), None, &first).unwrap();
    pair.b.take_events();
    pair.settle();
    pair.a.restart(0);
    let resume = pair.a.frames(0).remove(0);
    pair.b.events.clear();
    refuses(&mut pair.b, &resume);
    pair.b.input(0, Route::default(), None, &resume).unwrap();
    pair.a.events.clear();
    while pair.a.endpoint.poll_event().is_some() {}
    let resumed = pair.b.frames(0).remove(0);
    refuses(&mut pair.a, &resumed);
}

#[test]
fn handshake_messages() {
    let mut pair = Pair::new();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    pair.b.input(0, Route::default(), None, &message_1).unwrap();
    let message_2 = pair.b.frames(0).remove(0);
    bears(&mut pair.a, &message_2);
    pair.a.input(0, Route::default(), None, &message_2).unwrap();
    let message_3 = pair.a.frames(0).remove(0);
    bears(&mut pair.b, &message_3);
    pair.b.input(0, Route::default(), None, &message_3).unwrap();
    let message_4 = pair.b.frames(0).remove(0);
    bears(&mut pair.a, &message_4);
    pair.a.input(0, Route::default(), None, &message_4).unwrap();
    pair.settle();
    pair.b.session(&pair.a);
}

/// As [`refuses`], with the count of failures set back, which would end the handshake after the ninth.
fn bears(node: &mut Node, frame: &[u8]) {
    let before = node.fingerprint();
    for variant in variants(frame) {
        if variant.first() != Some(&frame[0]) {
            continue;
        }
        assert!(node.input(0, Route::default(), None, &variant).is_err(), "{variant:02x?}");
        for slot in 0..node.endpoint.tables.handshakes() {
            node.endpoint.tables.handshake_mut(slot).unwrap().0.failures = 0;
        }
        assert_eq!(node.fingerprint(), before, "{variant:02x?}");
        node.endpoint.reply = None;
    }
}

#[test]
fn a_changed_message_1_is_refused_or_is_a_handshake_that_never_ends() {
    let mut pair = Pair::with(true, 2, |_| ());
    let (_, b) = pair.connect();
    pair.a.endpoint.connect(&mut pair.a.port, 0, Route::default(), None).unwrap();
    let message_1 = pair.a.frames(0).remove(0);
    for variant in variants(&message_1) {
        let _ = pair.b.input(0, Route::default(), None, &variant);
        pair.b.frames(0);
        assert!(pair.b.endpoint.session(b, 0).is_ok());
        assert!(pair.b.endpoint.tables.handshakes() <= 4);
    }
    assert_eq!(pair.b.endpoint.counters().handshakes, 1);
}

#[test]
fn garbage() {
    let (mut pair, a, _) = Pair::connected();
    let mut dice = port::Dice::new(99);
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut frame: Vec<u8> = (0..dice.below(80)).map(|_| dice.next() as u8).collect();
        if let Some(first) = frame.first_mut()
            && dice.chance(60)
        {
            *first = dice.below(0x80) as u8;
        }
        taken += u32::from(pair.b.input(0, Route::default(), None, &frame).is_ok());
    }
    // unknown-context frames are taken note of, and nothing else is taken.
    assert_eq!(taken, pair.b.endpoint.counters().unknown_context_received);
    pair.b.frames(0);
    pair.pass(a, &CONFIRMABLE).unwrap();
}

#[test]
fn replays_of_everything() {
    let (mut pair, a, b) = Pair::connected();
    let mut old = Vec::new();
    for _ in 0..5 {
        let (_, frame) = pair.a.send(0, a, &DATA).unwrap();
        pair.b.input(0, Route::default(), None, &frame).unwrap();
        old.push(frame);
        let (_, frame) = pair.b.send(0, b, &DATA).unwrap();
        pair.a.input(0, Route::default(), None, &frame).unwrap();
        old.push(frame);
    }
    let before = [pair.a.fingerprint(), pair.b.fingerprint()];
    for frame in &old {
        for node in [&mut pair.a, &mut pair.b] {
            // To the addressee, or reflected to the sender.
            assert!(node.input(0, Route::default(), None, frame).is_err());
        }
    }
    assert_eq!([pair.a.fingerprint(), pair.b.fingerprint()], before);
}
