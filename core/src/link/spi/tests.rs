use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec::Vec;

type Owned = Exchange<Vec<u8>>;

fn end(size: usize) -> Owned {
    Exchange::new(size, std::vec![0; 400], std::vec![0; size + 400]).unwrap()
}

fn frame(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(11).wrapping_add(seed)).collect()
}

/// All blocks of a frame.
fn blocks(end: &mut Owned, size: usize, frame: &[u8]) -> Vec<Vec<u8>> {
    end.send(frame).unwrap();
    let mut blocks = Vec::new();
    while end.is_sending() {
        let mut block = std::vec![0; size];
        end.poll_transmit(&mut block).unwrap();
        blocks.push(block);
    }
    blocks
}

fn taken(end: &mut Owned, blocks: &[Vec<u8>]) -> Vec<Vec<u8>> {
    blocks.iter().filter_map(|block| end.handle_block(block).map(|frame| frame.to_vec())).collect()
}

#[test]
fn blocks_look_as_the_page_says() {
    let mut end = end(12);
    // The checksums are those of binascii.crc_hqx(block, 0xffff).
    let expected = [&b"\xa5\x00\x80\x06abcdef\x98\x29"[..], b"\xa5\x01\x40\x01g\0\0\0\0\0\xcc\xbb", b"\xa5\x02\xc0\x01z\0\0\0\0\0\x48\xb9"];
    let mut all = blocks(&mut end, 12, b"abcdefg");
    all.extend(blocks(&mut end, 12, b"z"));
    assert_eq!(all, expected);
    let mut idle = [0; 12];
    end.poll_transmit(&mut idle).unwrap();
    assert_eq!(idle, [0xff; 12]);
}

#[test]
fn both_ways_at_once() {
    let (mut controller, mut device) = (end(32), end(32));
    let (down, up) = (frame(200, 1), frame(90, 2));
    controller.send(&down).unwrap();
    device.send(&up).unwrap();
    let (mut at_device, mut at_controller) = (Vec::new(), Vec::new());
    let mut exchanges = 0;
    while controller.is_sending() || device.is_sending() {
        let (mut mosi, mut miso) = ([0; 32], [0; 32]);
        controller.poll_transmit(&mut mosi).unwrap();
        device.poll_transmit(&mut miso).unwrap();
        at_device.extend(device.handle_block(&mosi).map(|frame| frame.to_vec()));
        at_controller.extend(controller.handle_block(&miso).map(|frame| frame.to_vec()));
        exchanges += 1;
    }
    assert_eq!((at_device, at_controller, exchanges), (std::vec![down], std::vec![up], 8));
    assert_eq!(controller.counters(), Counters { frames: 1, ..Counters::default() });
}

#[test]
fn a_missed_exchange_drops_the_frame_and_no_other() {
    for missing in 0..8 {
        let (mut sender, mut receiver) = (end(32), end(32));
        // So that the sequence is known.
        assert_eq!(taken(&mut receiver, &blocks(&mut sender, 32, b"first")).len(), 1);
        let mut all = blocks(&mut sender, 32, &frame(200, 1));
        all.remove(missing);
        all.extend(blocks(&mut sender, 32, &frame(150, 2)));
        assert_eq!(taken(&mut receiver, &all), [frame(150, 2)], "block {missing}");
        assert_eq!(receiver.counters(), Counters { frames: 2, lost: 1, ..Counters::default() }, "block {missing}");
    }
}

#[test]
fn a_block_that_comes_twice_is_ignored() {
    let (mut sender, mut receiver) = (end(16), end(16));
    let all: Vec<_> = blocks(&mut sender, 16, &frame(100, 1)).into_iter().flat_map(|block| [block.clone(), block]).collect();
    assert_eq!(taken(&mut receiver, &all), [frame(100, 1)]);
    assert_eq!(receiver.counters(), Counters { frames: 1, ..Counters::default() });
}

#[test]
fn idle_lines_are_no_damage() {
    let (mut sender, mut receiver) = (end(16), end(16));
    let mut all = Vec::new();
    for block in blocks(&mut sender, 16, &frame(40, 1)) {
        all.extend([std::vec![0xff; 16], std::vec![0; 16], block]);
    }
    assert_eq!(taken(&mut receiver, &all), [frame(40, 1)]);
    assert_eq!(receiver.counters(), Counters { frames: 1, ..Counters::default() });
}

#[test]
fn damage_is_counted_and_the_next_frame_comes() {
    let (mut sender, mut receiver) = (end(16), end(16));
    for bit in 0..128 {
        let mut damaged = blocks(&mut sender, 16, b"some");
        damaged[0][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(taken(&mut receiver, &damaged), Vec::<Vec<u8>>::new(), "bit {bit}");
        assert_eq!(taken(&mut receiver, &blocks(&mut sender, 16, b"good")), [b"good".to_vec()]);
    }
    // Every one but the first is also a gap.
    assert_eq!(receiver.counters(), Counters { frames: 128, malformed: 128, lost: 127, ..Counters::default() });
    assert_eq!(receiver.handle_block(&[0xa5; 15]), None);
    assert_eq!(receiver.counters().malformed, 129);
}

#[test]
fn blocks_that_come_shifted_are_found() {
    for shift in 1..16 {
        let (mut sender, mut receiver) = (end(16), end(16));
        let mut line = std::vec![0x5a; shift];
        let frames: Vec<_> = (0..20).map(|number| frame(1 + number * 3, number as u8)).collect();
        for frame in &frames {
            line.extend(blocks(&mut sender, 16, frame).concat());
            line.extend([0xff; 16]);
        }
        let pieces: Vec<_> = line.chunks_exact(16).map(<[u8]>::to_vec).collect();
        assert_eq!(taken(&mut receiver, &pieces), frames, "shift {shift}");
        assert_eq!(receiver.counters().lost, 0);
        // Aligned again by the next chip select.
        assert_eq!(taken(&mut receiver, &blocks(&mut sender, 16, b"aligned")), [b"aligned".to_vec()]);
    }
}

#[test]
fn a_frame_that_never_ends_or_is_too_long_stops_at_the_next() {
    let (mut sender, mut receiver) = (end(16), Exchange::new(16, std::vec![0; 1], std::vec![0; 66]).unwrap());
    for (length, good) in [(50, 1), (51, 0), (400, 0)] {
        assert_eq!(taken(&mut receiver, &blocks(&mut sender, 16, &frame(length, 1))).len(), good);
    }
    assert_eq!(receiver.counters(), Counters { frames: 1, overlong: 2, ..Counters::default() });
    let mut cut = blocks(&mut sender, 16, &frame(50, 3));
    cut.truncate(3);
    assert_eq!(taken(&mut receiver, &cut).len(), 0);
    // The sender starts anew, by chance with the number that is next.
    let next = blocks(&mut sender, 16, &frame(30, 4));
    assert_eq!(taken(&mut receiver, &next), [frame(30, 4)]);
    assert_eq!(receiver.counters(), Counters { frames: 2, overlong: 2, lost: 1, ..Counters::default() });
}

#[test]
fn a_frame_that_begins_before_the_last_one_ended_ends_it() {
    let (mut one, mut other, mut receiver) = (end(16), end(16), end(16));
    let begun = blocks(&mut one, 16, &frame(50, 1));
    assert_eq!(taken(&mut receiver, &begun[..3]), Vec::<Vec<u8>>::new());
    // Another sender, whose sequence goes on where that one stopped.
    blocks(&mut other, 16, &frame(30, 2));
    assert_eq!(taken(&mut receiver, &blocks(&mut other, 16, &frame(20, 3))), [frame(20, 3)]);
    assert_eq!(receiver.counters(), Counters { frames: 1, lost: 1, ..Counters::default() });
}

#[test]
fn a_block_without_a_piece_is_malformed() {
    let mut block = std::vec![0xa5, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0];
    block.extend(crc16(&block).to_be_bytes());
    let mut receiver = end(12);
    assert_eq!(receiver.handle_block(&block), None);
    assert_eq!(receiver.counters(), Counters { malformed: 1, ..Counters::default() });
}

#[test]
fn blocks_are_joined_only_with_the_next_one() {
    let (mut sender, mut receiver) = (end(16), end(16));
    let block = blocks(&mut sender, 16, b"torn").concat();
    let (front, back) = block.split_at(6);
    let torn = [[&[0x11; 10], front].concat(), [back, &[0x22; 6]].concat()];
    let between = blocks(&mut sender, 16, b"whole");
    assert_eq!(taken(&mut receiver, &[&torn[..1], &between, &torn[1..]].concat()), [b"whole"]);
    assert_eq!(taken(&mut end(16), &torn), [b"torn"]);
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    for size in [0, 7, 4097] {
        assert_eq!(Exchange::new(size, [0; 5000], [0; 5000]).err(), Some(Error::InvalidArgument));
    }
    assert_eq!(Exchange::new(8, &mut [0; 8][..], &mut [0; 8][..]).err(), Some(Error::InvalidArgument));
    assert_eq!(Exchange::new(8, &mut [][..], &mut [0; 9][..]).err(), Some(Error::InvalidArgument));
    let mut end = Exchange::new(8, std::vec![0; 5], std::vec![0; 9]).unwrap();
    assert_eq!(end.send(b""), Err(Error::InvalidArgument));
    assert_eq!(end.send(b"longer"), Err(Error::BufferTooSmall));
    assert_eq!(end.send(b"fits!"), Ok(()));
    assert_eq!(end.send(b"more"), Err(Error::Busy));
    assert_eq!(end.poll_transmit(&mut [0; 7]), Err(Error::InvalidArgument));
    assert_eq!((0..3).map(|_| end.poll_transmit(&mut [0; 8])).collect::<Result<Vec<()>>>(), Ok(std::vec![(); 3]));
    assert!(!end.is_sending());
}

proptest! {
    #[test]
    fn any_frame_comes_through(frame in proptest::collection::vec(any::<u8>(), 1..400), size in 8usize..300) {
        let (mut sender, mut receiver) = (end(size), end(size));
        let all = blocks(&mut sender, size, &frame);
        prop_assert_eq!(all.len(), frame.len().div_ceil(size - OVERHEAD));
        prop_assert_eq!(taken(&mut receiver, &all), [frame]);
    }

    /// Bytes lost and added, bits flipped, blocks lost and repeated: what comes out was sent, in order and once, and a frame in whole blocks gets through.
    #[test]
    fn a_bad_line_forges_nothing(lengths in proptest::collection::vec(1usize..80, 1..12), harm in proptest::collection::vec((0usize..4000, 0u8..4), 0..12)) {
        let (mut sender, mut receiver) = (end(16), end(16));
        let sent: Vec<_> = lengths.iter().enumerate().map(|(number, length)| frame(*length, number as u8)).collect();
        let mut line: VecDeque<u8> = sent.iter().flat_map(|frame| blocks(&mut sender, 16, frame).concat()).collect();
        for (at, kind) in harm {
            let at = at % line.len().max(1);
            match kind {
                0 => drop(line.remove(at)),
                1 => line.insert(at, 0xa5),
                2 => line.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x10),
                _ => drop(line.drain(at / 16 * 16..(at / 16 * 16 + 16).min(line.len()))),
            }
        }
        let pieces: Vec<_> = line.make_contiguous().chunks_exact(16).map(<[u8]>::to_vec).collect();
        let mut rest = sent.iter();
        for got in taken(&mut receiver, &pieces) {
            prop_assert!(rest.any(|sent| *sent == got));
        }
        prop_assert_eq!(taken(&mut receiver, &blocks(&mut sender, 16, &frame(99, 77))), [frame(99, 77)]);
    }

    #[test]
    fn noise_gives_no_frame_and_harms_none(noise in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..24), 0..40)) {
        let (mut sender, mut receiver) = (end(16), end(16));
        prop_assert_eq!(taken(&mut receiver, &noise), Vec::<Vec<u8>>::new());
        prop_assert_eq!(taken(&mut receiver, &blocks(&mut sender, 16, &frame(99, 77))), [frame(99, 77)]);
    }
}
