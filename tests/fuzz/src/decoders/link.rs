//! Framing of byte links.

use crate::random::Input;
use crate::typed;
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
