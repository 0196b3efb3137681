use super::{Counters, stream, uart};
use crate::error::Error;
use proptest::prelude::*;
use std::vec::Vec;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn encoded(frame: &[u8]) -> Vec<u8> {
    let mut out = std::vec![0; uart::encoded_len(frame.len())];
    let length = uart::encode(frame, &mut out).unwrap();
    out.truncate(length);
    out
}

/// Feeds `input` in pieces of `piece` bytes; gives all frames and the counters.
fn decode(input: &[u8], piece: usize, room: usize) -> (Vec<Vec<u8>>, Counters) {
    let mut buffer = std::vec![0; room];
    let mut decoder = uart::Decoder::new(&mut buffer);
    let mut frames = Vec::new();
    for part in input.chunks(piece) {
        let mut rest = part;
        while !rest.is_empty() {
            let (taken, frame) = decoder.feed(rest);
            assert!(taken > 0);
            frames.extend(frame.map(|frame| frame.to_vec()));
            rest = &rest[taken..];
        }
    }
    (frames, decoder.counters())
}

#[test]
fn uart_agrees_with_cobs_and_crc_of_python() {
    let document: serde_json::Value = serde_json::from_str(include_str!("../../../tests/vectors/uart.json")).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    assert!(vectors.len() > 20);
    for vector in vectors {
        let (frame, expected) = (unhex(vector["frame"].as_str().unwrap()), unhex(vector["encoded"].as_str().unwrap()));
        assert_eq!(encoded(&frame), expected, "{}", vector["name"]);
        assert!(expected.len() <= uart::encoded_len(frame.len()), "{}", vector["name"]);
        for piece in [1, 7, 4096] {
            let (frames, counters) = decode(&expected, piece, frame.len() + 2);
            assert_eq!(frames, core::slice::from_ref(&frame), "{}", vector["name"]);
            assert_eq!(counters, Counters { frames: 1, ..Counters::default() });
        }
    }
}

#[test]
fn uart_finds_frames_between_garbage() {
    let mut line = std::vec![0x11, 0x22, 0x33, 0, 0, 0];
    line.extend(encoded(b"first"));
    line.extend([0, 0, 0x05, 0x01, 0]);
    line.extend(encoded(b"second"));
    line.extend([0xff; 300]);
    line.push(0);
    line.extend(encoded(b"third"));
    let (frames, counters) = decode(&line, 3, 64);
    assert_eq!(frames, [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]);
    assert_eq!(counters, Counters { frames: 3, malformed: 2, overlong: 1, ..Counters::default() });
}

#[test]
fn uart_drops_what_is_cut_short_and_takes_the_next() {
    let whole = encoded(b"a frame that will be cut");
    for end in 1..whole.len() - 1 {
        let mut line = whole[..end].to_vec();
        line.push(0);
        line.extend(encoded(b"next"));
        let (frames, counters) = decode(&line, 5, 64);
        assert_eq!(frames, [b"next".to_vec()], "cut at {end}");
        assert_eq!(counters.malformed, 1);
    }
}

#[test]
fn uart_takes_a_frame_that_just_fits_and_no_longer_one() {
    for (length, good) in [(16, 1), (17, 0), (400, 0)] {
        let (frames, counters) = decode(&encoded(&std::vec![7; length]), 9, 18);
        assert_eq!((frames.len(), counters.overlong), (good, 1 - good as u32));
    }
}

#[test]
fn uart_without_memory_or_frame_does_not_fail_badly() {
    assert_eq!(decode(&encoded(b"x"), 1, 0), (Vec::new(), Counters { overlong: 1, ..Counters::default() }));
    assert_eq!(uart::encode(&[], &mut [0; 8]), Err(Error::InvalidArgument));
    for room in 0..encoded(b"abc").len() {
        assert_eq!(uart::encode(b"abc", &mut std::vec![0; room]), Err(Error::BufferTooSmall));
    }
    // The checksum of nothing is no frame.
    let (frames, counters) = decode(&[3, 0xff, 0xff, 0], 1, 8);
    assert_eq!((frames.len(), counters.malformed), (0, 1));
}

#[test]
fn uart_takes_no_frame_with_a_flipped_bit() {
    for frame in [std::vec![0; 30], (0..60).collect(), std::vec![7; 300]] {
        let line = encoded(&frame);
        for (at, bit) in (0..line.len() - 1).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut line = line.clone();
            line[at] ^= 1 << bit;
            assert_eq!(decode(&line, 64, 400).0, Vec::<Vec<u8>>::new(), "byte {at} bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn uart_gives_back_any_frame(frame in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1..600), piece in 1usize..50) {
        let line = encoded(&frame);
        prop_assert_eq!(line.iter().filter(|byte| **byte == 0).count(), 1);
        prop_assert!(line.len() <= uart::encoded_len(frame.len()));
        prop_assert_eq!(decode(&line, piece, 602).0, [frame]);
    }

    #[test]
    fn uart_comes_back_after_any_noise(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut line = noise;
        line.push(0);
        line.extend(encoded(b"after the noise"));
        let (frames, _) = decode(&line, 11, 64);
        prop_assert_eq!(frames.last().map(Vec::as_slice), Some(&b"after the noise"[..]));
    }

    #[test]
    fn stream_gives_back_any_frames(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..90), 0..8), piece in 1usize..40) {
        let mut line = Vec::new();
        for frame in &frames {
            let mut out = std::vec![0; frame.len() + stream::HEAD];
            let length = stream::encode(frame, &mut out).unwrap();
            prop_assert_eq!(length, out.len());
            line.extend(out);
        }
        let mut buffer = [0; 90];
        let mut decoder = stream::Decoder::new(&mut buffer);
        let mut got = Vec::new();
        for part in line.chunks(piece) {
            let mut rest = part;
            while !rest.is_empty() {
                let (taken, frame) = decoder.feed(rest).unwrap();
                got.extend(frame.map(|frame| frame.to_vec()));
                rest = &rest[taken..];
            }
        }
        prop_assert_eq!(got, frames);
    }
}

#[test]
fn stream_lengths_are_two_bytes_big_endian() {
    let mut out = [0; 8];
    assert_eq!(stream::encode(b"abc", &mut out), Ok(5));
    assert_eq!(out[..5], [0, 3, b'a', b'b', b'c']);
    assert_eq!(stream::encode_head(65_535), Ok([0xff, 0xff]));
    assert_eq!(stream::encode_head(65_536), Err(Error::InvalidArgument));
    assert_eq!(stream::encode_head(0), Err(Error::InvalidArgument));
    assert_eq!(stream::encode(b"abc", &mut [0; 4]), Err(Error::BufferTooSmall));
}

#[test]
fn stream_stays_closed_after_a_length_that_cannot_be() {
    for (head, counters) in
        [([0, 0], Counters { malformed: 1, ..Counters::default() }), ([0, 11], Counters { overlong: 1, ..Counters::default() })]
    {
        let mut buffer = [0; 10];
        let mut decoder = stream::Decoder::new(&mut buffer);
        assert_eq!(decoder.feed(&head[..1]).unwrap(), (1, None));
        assert_eq!(decoder.feed(&head[1..]), Err(Error::Malformed));
        assert_eq!(decoder.feed(&[0, 1, 7]), Err(Error::Malformed));
        assert_eq!(decoder.counters(), counters);
    }
}
