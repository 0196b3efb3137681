//! Framing of byte links.

use crate::random::Input;
use crate::typed;
use sealwire_core::link::can::{Config, IsoTp, LONGEST};
use sealwire_core::link::{Counters, stream, uart};

/// Longest frame that the decoders here have room for.
const ROOM: usize = 96;

/// Feeds `data` in pieces whose lengths `cut` gives; gives the frames.
fn uart_frames(data: &[u8], mut cut: impl FnMut() -> usize) -> (Vec<Vec<u8>>, Counters) {
    let mut buffer = [0; ROOM];
    let mut decoder = uart::Decoder::new(&mut buffer);
    let (mut frames, mut rest) = (Vec::new(), data);
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at(cut().clamp(1, rest.len()));
        rest = behind;
        while !piece.is_empty() {
            let (taken, frame) = decoder.feed(piece);
            assert!(taken > 0 && taken <= piece.len());
            if let Some(frame) = frame {
                assert!(!frame.is_empty() && frame.len() + 2 <= ROOM);
                frames.push(frame.to_vec());
            } else {
                assert_eq!(taken, piece.len(), "it stops at frames only");
            }
            piece = &piece[taken..];
        }
    }
    (frames, decoder.counters())
}

/// Serial lines.
pub fn uart(data: &[u8]) -> bool {
    let whole = uart_frames(data, || usize::MAX);
    let mut input = Input::new(data);
    let pieces = uart_frames(data, || usize::from(input.byte() & 15));
    assert_eq!(whole, pieces, "the pieces in which bytes arrive do not matter");
    assert_eq!(whole.1.frames as usize, whole.0.len());
    for frame in &whole.0 {
        let mut line = vec![0; uart::encoded_len(frame.len())];
        let length = uart::encode(frame, &mut line).expect("the length is enough");
        line.truncate(length);
        assert_eq!(uart_frames(&line, || usize::MAX).0, std::slice::from_ref(frame));
    }
    // Whatever came before, a delimiter brings it back: the next good frame arrives.
    if let Some(frame) = data.get(..data.len().min(ROOM - 2)).filter(|frame| !frame.is_empty()) {
        let mut line = vec![0; uart::encoded_len(frame.len())];
        let length = uart::encode(frame, &mut line).expect("the length is enough");
        assert!(!line[..length - 1].contains(&0));
        let all = [data, &[0], &line[..length]].concat();
        assert_eq!(uart_frames(&all, || usize::MAX).0.last().map(Vec::as_slice), Some(frame));
    }
    !whole.0.is_empty()
}

/// Gives the frames, and whether the stream was given up.
fn stream_frames(data: &[u8], mut cut: impl FnMut() -> usize) -> (Vec<Vec<u8>>, bool) {
    let mut buffer = [0; ROOM];
    let mut decoder = stream::Decoder::new(&mut buffer);
    let (mut frames, mut rest) = (Vec::new(), data);
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at(cut().clamp(1, rest.len()));
        rest = behind;
        while !piece.is_empty() {
            match decoder.feed(piece) {
                Ok((taken, frame)) => {
                    assert!(taken > 0 && taken <= piece.len());
                    piece = &piece[taken..];
                    frames.extend(frame.map(|frame| frame.to_vec()));
                }
                Err(error) => {
                    typed(error);
                    assert!(decoder.feed(&[0, 1, 7]).is_err(), "it stays closed");
                    return (frames, true);
                }
            }
        }
    }
    (frames, false)
}

/// Streams that lose nothing.
pub fn stream(data: &[u8]) -> bool {
    let whole = stream_frames(data, || usize::MAX);
    let mut input = Input::new(data);
    assert_eq!(whole, stream_frames(data, || usize::from(input.byte() & 15)));
    let mut encoded = Vec::new();
    for frame in &whole.0 {
        let mut out = vec![0; frame.len() + stream::HEAD];
        assert_eq!(stream::encode(frame, &mut out), Ok(out.len()));
        encoded.extend(out);
    }
    assert!(data.starts_with(&encoded), "decoded and encoded is the same");
    !whole.0.is_empty()
}

/// What an object gives to be sent at a moment; bounded, since every call ends something.
fn can_frames(object: &mut IsoTp<[u8; ROOM]>, now: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut out = [0; LONGEST];
    while let Some(length) = object.poll_transmit(now, &mut out).expect("the memory is enough") {
        assert!((1..=8).contains(&length) || [12, 16, 20, 24, 32, 48, LONGEST].contains(&length));
        all.push(out[..length].to_vec());
        assert!(all.len() <= 1 + ROOM, "it does not end");
    }
    all
}

/// ISO-TP: CAN frames from outside, each behind its length and a pause, between frames that are sent.
pub fn can(data: &[u8]) -> bool {
    const SIZES: [u8; 8] = [8, 12, 16, 20, 24, 32, 48, 64];
    let mut input = Input::new(data);
    let (shape, block_size) = (input.byte(), input.byte() & 3);
    let config = Config {
        size: SIZES[usize::from(shape & 7)],
        padding: (shape & 8 != 0).then_some(0x55),
        block_size,
        separation: shape >> 4 & 3,
        max_waits: 2,
        ..Config::CLASSIC
    };
    let mut object = IsoTp::new(config, [0; ROOM], [0; ROOM]).expect("a good configuration");
    let (mut now, mut got, mut sent) = (0_u64, 0, 0);
    while !input.is_empty() {
        let step = input.byte();
        now += u64::from(step) * 4;
        match step & 3 {
            0 => sent += u32::from(object.send(&vec![step; usize::from(input.byte()) % (ROOM + 2)]).is_ok()),
            1 => object.set_ready(step & 4 != 0),
            _ => {
                if let Some(frame) = object.handle_frame(now, input.piece()) {
                    assert!(!frame.is_empty() && frame.len() <= ROOM);
                    got += 1;
                }
            }
        }
        if step & 8 == 0 {
            can_frames(&mut object, now);
            assert!(object.poll_timeout().is_none_or(|due| due > now), "nothing was left undone");
        }
    }
    let seen = object.counters();
    assert_eq!(seen.frames, got);
    // Time ends whatever is under way, and every frame sent has one fate.
    object.set_ready(true);
    let mut turns = 0;
    while let Some(due) = object.poll_timeout() {
        now = now.max(due);
        can_frames(&mut object, now);
        turns += 1;
        assert!(turns <= 2 * ROOM, "it does not end");
    }
    assert!(!object.is_sending());
    let fates = object.sent();
    assert_eq!(fates.frames + fates.expired + fates.refused, sent);
    // Then a good frame comes through, whatever came before.
    let mut peer = IsoTp::new(config, [0; ROOM], [0; ROOM]).expect("a good configuration");
    let frame = vec![block_size; 1 + data.len() % ROOM];
    peer.send(&frame).expect("it fits");
    let mut last = None;
    while peer.is_sending() {
        for piece in can_frames(&mut peer, now) {
            last = object.handle_frame(now, &piece).map(|frame| frame.to_vec());
        }
        for flow in can_frames(&mut object, now) {
            assert!(peer.handle_frame(now, &flow).is_none());
        }
        now += 5;
    }
    assert_eq!(last, Some(frame));
    got > 0
}
