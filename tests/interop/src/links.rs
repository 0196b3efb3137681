//! The byte links: what one end frames, the other finds again, whatever the wire does to it.

use crate::peer::{Peer, bytes, hex};
use crate::random::Seeded;
use sealwire_core::link::{stream, uart};
use serde_json::json;

/// Frames of every kind of content and length that COBS treats differently.
fn frames(seeded: &mut Seeded) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for length in [1, 2, 3, 20, 60, 252, 253, 254, 255, 256, 507, 508, 509, 700] {
        let mut random = vec![0; length];
        seeded.fill(&mut random);
        let no_zeros = random.iter().map(|byte| byte | 1).collect();
        let many_zeros = random.iter().map(|byte| byte & 1).collect();
        frames.extend([random, no_zeros, many_zeros, vec![0; length], vec![1; length]]);
    }
    frames
}

fn uart_encoded(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0; uart::encoded_len(frame.len())];
    let len = uart::encode(frame, &mut out).unwrap();
    out[..len].to_vec()
}

/// Everything that this end finds in `input`, fed in pieces.
fn uart_found(input: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut buffer = [0; 1024];
    let mut decoder = uart::Decoder::new(&mut buffer);
    let mut found = Vec::new();
    for mut rest in input.chunks(piece) {
        while !rest.is_empty() {
            let (consumed, frame) = decoder.feed(rest);
            found.extend(frame.map(|frame| frame.to_vec()));
            rest = &rest[consumed..];
        }
    }
    found
}

#[test]
fn uart_both_ways_and_through_noise() {
    let Some(mut peer) = Peer::start() else { return };
    let mut seeded = Seeded::new(60_000);
    let frames = frames(&mut seeded);
    let mut wire = Vec::new();
    for frame in &frames {
        let ours = uart_encoded(frame);
        assert_eq!(bytes(&peer.tell("uart_encode", json!({"frame": hex(frame)}))["data"]), ours);
        wire.extend(ours);
    }
    let theirs = peer.tell("uart_decode", json!({"id": "clean", "data": hex(&wire)}));
    let listed = |answer: &serde_json::Value| answer["frames"].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>();
    assert_eq!((listed(&theirs), &theirs["dropped"]), (frames.clone(), &json!(0)));
    for piece in [1, 7, 100_000] {
        assert_eq!(uart_found(&wire, piece), frames);
    }
    // Bits flip, bytes vanish and appear: both find the same frames in what is left.
    for round in 0..20 {
        let mut noisy = wire.clone();
        for _ in 0..40 {
            let at = seeded.next() as usize % noisy.len();
            match seeded.next() % 4 {
                0 => noisy[at] ^= 1 << (seeded.next() % 8),
                1 => drop(noisy.remove(at)),
                2 => noisy.insert(at, seeded.next() as u8),
                _ => noisy.insert(at, 0),
            }
        }
        let theirs = listed(&peer.tell("uart_decode", json!({"id": format!("noise {round}"), "data": hex(&noisy)})));
        assert_eq!(uart_found(&noisy, 64), theirs);
        assert!(theirs.len() < frames.len() && theirs.len() > frames.len() / 4, "{}", theirs.len());
    }
}

#[test]
fn stream_both_ways() {
    let Some(mut peer) = Peer::start() else { return };
    let frames = frames(&mut Seeded::new(61_000));
    let mut wire = Vec::new();
    for frame in &frames {
        let mut out = vec![0; frame.len() + 2];
        assert_eq!(stream::encode(frame, &mut out), Ok(out.len()));
        assert_eq!(bytes(&peer.tell("stream_encode", json!({"frame": hex(frame)}))["data"]), out);
        wire.extend(out);
    }
    let theirs = peer.tell("stream_decode", json!({"data": hex(&wire)}));
    assert_eq!(theirs["frames"].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>(), frames);
    for piece in [1, 7, 100_000] {
        let mut buffer = [0; 1024];
        let mut decoder = stream::Decoder::new(&mut buffer);
        let mut found = Vec::new();
        for mut rest in wire.chunks(piece) {
            while !rest.is_empty() {
                let (consumed, frame) = decoder.feed(rest).unwrap();
                found.extend(frame.map(|frame| frame.to_vec()));
                rest = &rest[consumed..];
            }
        }
        assert_eq!(found, frames);
    }
    // A length of nothing, and one above the buffer.
    for head in ["0000", "0401"] {
        let mut buffer = [0; 1024];
        let mut decoder = stream::Decoder::new(&mut buffer);
        assert!(decoder.feed(&bytes(&json!(head))).is_err());
        peer.refuses("stream_decode", json!({"id": head, "data": head, "limit": 1024}));
    }
}
