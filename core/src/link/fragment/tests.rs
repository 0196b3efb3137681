use super::*;
use crate::link::{ble, ethernet, ieee802154};
use proptest::prelude::*;
use std::vec::Vec;

type Owned = Reassembler<Vec<Slot>, Vec<u8>>;

fn reassembler(longest: usize, senders: usize) -> Owned {
    Reassembler::new(std::vec![Slot::default(); senders], std::vec![0; longest * senders], 1000).unwrap()
}

fn cut(fragmenter: &mut Fragmenter, frame: &[u8]) -> Vec<Vec<u8>> {
    fragmenter.fragments(frame).unwrap().map(|(head, body)| [&head[..], body].concat()).collect()
}

fn fed(reassembler: &mut Owned, now_ms: u64, sender: u64, fragment: &[u8]) -> Option<Vec<u8>> {
    reassembler.feed(now_ms, sender, fragment).map(|frame| frame.to_vec())
}

/// Feeds all; gives the frames.
fn all<'f>(reassembler: &mut Owned, sender: u64, fragments: impl IntoIterator<Item = &'f Vec<u8>>) -> Vec<Vec<u8>> {
    fragments.into_iter().filter_map(|fragment| fed(reassembler, 0, sender, fragment)).collect()
}

fn frame(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed)).collect()
}

#[test]
fn fragments_look_as_the_page_says() {
    let mut fragmenter = Fragmenter::new(5).unwrap();
    assert_eq!(cut(&mut fragmenter, b"abcdefg"), [&b"\x00\x00abc"[..], b"\x00\x01def", b"\x00\x82g"]);
    assert_eq!(cut(&mut fragmenter, b"abc"), [b"\x01\x80abc"]);
    assert_eq!(fragmenter.longest(), 384);
    assert_eq!(cut(&mut fragmenter, &[7; 384])[127], [2, 0xff, 7, 7, 7]);
    assert_eq!(fragmenter.fragments(&[7; 385]).err(), Some(Error::InvalidArgument));
    assert_eq!(fragmenter.fragments(&[]).err(), Some(Error::InvalidArgument));
    // What was refused took no tag; after the last tag comes the first.
    assert_eq!(cut(&mut fragmenter, b"a")[0], [3, 0x80, b'a']);
    let tags: Vec<u8> = (4..70).map(|_| cut(&mut fragmenter, b"a")[0][0]).collect();
    assert_eq!((tags[0], tags[59], tags[60], tags[65]), (4, 63, 0, 5));
    assert_eq!(Fragmenter::new(2).err(), Some(Error::InvalidArgument));
    assert_eq!(Fragmenter::new(usize::MAX).unwrap().longest(), LONGEST);
}

#[test]
fn a_fragment_that_does_not_fit_comes_again() {
    let mut fragmenter = Fragmenter::new(5).unwrap();
    let mut fragments = fragmenter.fragments(b"abcd").unwrap();
    let mut out = [0; 8];
    assert_eq!(fragments.write_next(&mut out[..4]), Err(Error::BufferTooSmall));
    assert_eq!((fragments.write_next(&mut out), &out[..5]), (Ok(5), &b"\x00\x00abc"[..]));
    assert_eq!((fragments.write_next(&mut out), &out[..3]), (Ok(3), &b"\x00\x81d"[..]));
    assert_eq!(fragments.write_next(&mut out), Ok(0));
}

#[test]
fn a_lost_fragment_drops_its_frame_and_no_other() {
    let mut fragmenter = Fragmenter::new(10).unwrap();
    let count = cut(&mut fragmenter, &frame(40, 0)).len();
    for missing in 0..count {
        let mut reassembler = reassembler(64, 1);
        let mut fragments = cut(&mut fragmenter, &frame(40, 1));
        fragments.remove(missing);
        fragments.extend(cut(&mut fragmenter, &frame(40, 2)));
        assert_eq!(all(&mut reassembler, 9, &fragments), [frame(40, 2)], "fragment {missing}");
        assert_eq!(reassembler.counters(), Counters { frames: 1, lost: 1, ..Counters::default() }, "fragment {missing}");
    }
}

#[test]
fn a_repeated_fragment_is_ignored() {
    let mut fragmenter = Fragmenter::new(10).unwrap();
    let fragments = cut(&mut fragmenter, &frame(40, 1));
    let twice: Vec<_> = fragments.iter().flat_map(|fragment| [fragment.clone(), fragment.clone()]).collect();
    let mut late = fragments.clone();
    late.insert(4, fragments[0].clone());
    late.insert(4, fragments[1].clone());
    late.push(fragments[3].clone());
    for order in [twice, late] {
        let mut reassembler = reassembler(64, 1);
        assert_eq!(all(&mut reassembler, 9, &order), [frame(40, 1)]);
        assert_eq!(reassembler.counters(), Counters { frames: 1, ..Counters::default() });
    }
}

#[test]
fn another_order_drops_the_frame_and_no_other() {
    let mut fragmenter = Fragmenter::new(10).unwrap();
    for (one, other) in [(0, 1), (1, 2), (0, 4), (3, 4)] {
        let mut reassembler = reassembler(64, 1);
        let mut fragments = cut(&mut fragmenter, &frame(40, 1));
        assert_eq!(fragments.len(), 5);
        fragments.swap(one, other);
        assert_eq!(all(&mut reassembler, 9, &fragments), Vec::<Vec<u8>>::new());
        assert_eq!(all(&mut reassembler, 9, &cut(&mut fragmenter, &frame(50, 2))), [frame(50, 2)]);
        let Counters { frames, lost, .. } = reassembler.counters();
        assert!(frames == 1 && (1..=2).contains(&lost), "{one} {other}: {:?}", reassembler.counters());
    }
}

#[test]
fn senders_do_not_mix() {
    let frames: Vec<Vec<u8>> = (0..4).map(|sender| frame(30 + sender, sender as u8)).collect();
    let mut lines: Vec<_> = frames.iter().map(|frame| cut(&mut Fragmenter::new(9).unwrap(), frame).into_iter()).collect();
    let mut reassembler = reassembler(40, 4);
    let mut got = Vec::new();
    for _ in 0..8 {
        for (sender, line) in lines.iter_mut().enumerate() {
            got.extend(line.next().and_then(|fragment| fed(&mut reassembler, 0, sender as u64, &fragment)).map(|frame| (sender, frame)));
        }
    }
    got.sort();
    assert_eq!(got, frames.into_iter().enumerate().collect::<Vec<_>>());
    assert_eq!(reassembler.counters(), Counters { frames: 4, ..Counters::default() });
}

#[test]
fn a_sender_that_never_finishes_holds_a_slot_no_longer_than_stated() {
    let mut reassembler = reassembler(40, 2);
    let begun = cut(&mut Fragmenter::new(9).unwrap(), &frame(30, 1));
    assert_eq!(fed(&mut reassembler, 10, 1, &begun[0]), None);
    assert_eq!(fed(&mut reassembler, 500, 2, &begun[0]), None);
    // Going on does not lengthen it.
    assert_eq!(fed(&mut reassembler, 900, 1, &begun[1]), None);
    assert_eq!(fed(&mut reassembler, 1010, 3, b"\x00\x80x"), None);
    assert_eq!(reassembler.counters(), Counters { refused: 1, ..Counters::default() });
    assert_eq!(fed(&mut reassembler, 1011, 3, b"\x00\x80x"), Some(b"x".to_vec()));
    assert_eq!(reassembler.counters(), Counters { refused: 1, expired: 1, frames: 1, ..Counters::default() });
    // The rest of what expired is part of a frame that was counted, and the sender's next frame comes through.
    let mut reassembler = self::reassembler(40, 1);
    assert_eq!(fed(&mut reassembler, 0, 1, &begun[0]), None);
    reassembler.expire(5000);
    assert_eq!(begun[1..].iter().find_map(|fragment| fed(&mut reassembler, 5000, 1, fragment)), None);
    assert_eq!(fed(&mut reassembler, 5000, 1, b"\x01\x80y"), Some(b"y".to_vec()));
    assert_eq!(reassembler.counters(), Counters { expired: 1, frames: 1, ..Counters::default() });
    // A clock that goes back expires nothing.
    assert_eq!(fed(&mut reassembler, 5000, 1, &begun[0]), None);
    reassembler.expire(0);
    assert_eq!(reassembler.counters().expired, 1);
}

#[test]
fn a_slot_that_is_over_serves_the_next_sender() {
    let mut reassembler = reassembler(40, 1);
    for sender in 0..20 {
        assert_eq!(fed(&mut reassembler, 0, sender, b"\x00\x80x"), Some(b"x".to_vec()));
    }
    assert_eq!(reassembler.counters(), Counters { frames: 20, ..Counters::default() });
}

#[test]
fn a_sender_that_starts_anew_with_the_same_tag_is_heard() {
    let mut reassembler = reassembler(40, 1);
    for seed in 1..4 {
        let fragments = cut(&mut Fragmenter::new(9).unwrap(), &frame(30, seed));
        assert_eq!(all(&mut reassembler, 1, &fragments[..2]), Vec::<Vec<u8>>::new());
    }
    let fragments = cut(&mut Fragmenter::new(9).unwrap(), &frame(30, 9));
    assert_eq!(all(&mut reassembler, 1, &fragments), [frame(30, 9)]);
    assert_eq!(reassembler.counters(), Counters { frames: 1, lost: 3, ..Counters::default() });
}

#[test]
fn the_same_frame_under_the_same_tag_is_another_frame() {
    let mut reassembler = reassembler(40, 1);
    for round in 0..3 {
        assert_eq!(all(&mut reassembler, 1, &cut(&mut Fragmenter::new(9).unwrap(), &frame(30, 1))), [frame(30, 1)], "round {round}");
    }
}

#[test]
fn a_sender_gets_the_slot_that_is_known_least() {
    let mut reassembler = reassembler(40, 2);
    let fragments = cut(&mut Fragmenter::new(9).unwrap(), &frame(30, 1));
    let (last, first) = fragments.split_last().unwrap();
    // The second sender takes the free slot, the third that of the first, whose frame is over for longer.
    for (now_ms, sender) in [(0, 1), (1, 2), (2, 3)] {
        assert!(first.iter().all(|fragment| fed(&mut reassembler, now_ms, sender, fragment).is_none()));
        assert_eq!(fed(&mut reassembler, now_ms, sender, last), Some(frame(30, 1)));
        if sender == 2 {
            assert_eq!(fed(&mut reassembler, 1, 1, last), None);
        }
    }
    // What is still known is a repetition; of what is not, a frame's first fragment is missing.
    assert_eq!((fed(&mut reassembler, 2, 2, last), reassembler.counters().lost), (None, 0));
    assert_eq!((fed(&mut reassembler, 2, 1, last), reassembler.counters().lost), (None, 1));
}

#[test]
fn what_cannot_be_a_fragment_changes_nothing_but_a_counter() {
    let mut reassembler = reassembler(40, 1);
    let fragments = cut(&mut Fragmenter::new(9).unwrap(), &frame(30, 1));
    let bad = [&b""[..], b"\x00", b"\x00\x00", b"\x40\x00x", b"\xff\xffx", b"\x00\x7fx", b"\x00\x01short", b"\x00\x01longer than it"];
    assert_eq!(fed(&mut reassembler, 0, 1, &fragments[0]), None);
    for bad in bad {
        assert_eq!(fed(&mut reassembler, 0, 1, bad), None);
    }
    assert_eq!(all(&mut reassembler, 1, &fragments[1..]), [frame(30, 1)]);
    assert_eq!(reassembler.counters(), Counters { frames: 1, malformed: bad.len() as u32, ..Counters::default() });
}

#[test]
fn a_frame_above_the_memory_is_dropped_once() {
    for (length, good) in [(40, 1), (41, 0), (400, 0)] {
        let mut reassembler = reassembler(40, 2);
        let mut fragmenter = Fragmenter::new(9).unwrap();
        assert_eq!(all(&mut reassembler, 1, &cut(&mut fragmenter, &frame(length, 1))).len(), good);
        assert_eq!(all(&mut reassembler, 1, &cut(&mut fragmenter, &frame(20, 2))), [frame(20, 2)]);
        assert_eq!(reassembler.counters(), Counters { frames: 1 + good as u32, overlong: 1 - good as u32, ..Counters::default() });
    }
}

#[test]
fn memory_is_asked_for() {
    assert_eq!(Reassembler::new([Slot::default(); 2], [0; 1], 5).err(), Some(Error::InvalidArgument));
    assert_eq!(Reassembler::new([] as [Slot; 0], [0; 9], 5).err(), Some(Error::InvalidArgument));
    assert_eq!(Reassembler::new([Slot::default(); 1], [0; 9], 0).err(), Some(Error::InvalidArgument));
    assert_eq!(Reassembler::new([Slot::default(); 2], [0; 9], 5).unwrap().longest(), 4);
}

#[test]
fn links_have_the_sizes_of_their_standards() {
    assert_eq!([23, 185, 247, 517, 600, 1].map(ble::payload), [20, 182, 244, 512, 512, 0]);
    assert_eq!([19, 513].map(|size| ble::fragmenter(size).err()), [Some(Error::InvalidArgument); 2]);
    assert_eq!((ble::fragmenter(20).unwrap().longest(), ble::fragmenter(512).unwrap().longest()), (2304, 65_280));
    assert_eq!(ieee802154::fragmenter(82).err(), Some(Error::InvalidArgument));
    assert_eq!(ieee802154::fragmenter(ieee802154::PAYLOAD).unwrap().longest(), 10_112);
    assert_eq!(ieee802154::short_sender(0xabcd, 0x0102), 0xabcd_0102);
    // The handshake of method 3, as its messages are on links: 37, 45 and 19 bytes.
    for (link, counts) in [(ble::fragmenter(20), [3, 3, 2]), (ieee802154::fragmenter(81), [1, 1, 1]), (ethernet::fragmenter(), [1, 1, 1])] {
        assert_eq!([37, 45, 19].map(|length| cut(&mut link.clone().unwrap(), &frame(length, 0)).len()), counts);
    }
}

#[test]
fn ethernet_frames_are_padded_and_taken_apart() {
    let head = ethernet::Head { destination: ethernet::BROADCAST, source: [2, 1, 2, 3, 4, 5], ether_type: ethernet::ETHER_TYPE };
    let mut out = [0xee; 1600];
    assert_eq!(ethernet::encode(&head, b"\x00\x80ab", &mut out), Ok(60));
    assert_eq!(out[..20], *b"\xff\xff\xff\xff\xff\xff\x02\x01\x02\x03\x04\x05\x88\xb5\x00\x04\x00\x80ab");
    assert_eq!(out[20..60], [0; 40]);
    assert_eq!(ethernet::decode(ethernet::ETHER_TYPE, &out[..60]), Ok(Some((head, &b"\x00\x80ab"[..]))));
    assert_eq!(head.sender(), 0x0201_0203_0405);
    let longest = frame(ethernet::FRAGMENT, 3);
    assert_eq!(ethernet::encode(&head, &longest, &mut out), Ok(1514));
    assert_eq!(ethernet::decode(ethernet::ETHER_TYPE, &out[..1514]), Ok(Some((head, &longest[..]))));
    for end in 0..1514 {
        assert_eq!(ethernet::decode(ethernet::ETHER_TYPE, &out[..end]), Err(Error::Malformed));
    }
    // Another protocol's frame is not damaged.
    assert_eq!(ethernet::decode(0x0800, &out[..60]), Ok(None));
    assert_eq!(ethernet::encode(&head, &[0; ethernet::FRAGMENT + 1], &mut out), Err(Error::InvalidArgument));
    assert_eq!(ethernet::encode(&head, &[], &mut out), Err(Error::InvalidArgument));
    assert_eq!(ethernet::encode(&head, b"abc", &mut out[..59]), Err(Error::BufferTooSmall));
    let wrong = [ethernet::Head { source: [1, 0, 0, 0, 0, 0], ..head }, ethernet::Head { ether_type: 0x05ff, ..head }];
    for head in wrong {
        assert_eq!(ethernet::encode(&head, b"abc", &mut out), Err(Error::InvalidArgument));
    }
    out[6] |= 1;
    assert_eq!(ethernet::decode(ethernet::ETHER_TYPE, &out), Err(Error::Malformed));
    out[6] &= !1;
    for length in [0, 1, 2] {
        out[14..16].copy_from_slice(&[0, length]);
        assert_eq!(ethernet::decode(ethernet::ETHER_TYPE, &out), Err(Error::Malformed));
    }
}

/// What a link does to a fragment.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Cut(u8),
    /// Comes after the next one.
    Late,
    /// Behind bytes of somebody else.
    Noise,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        12 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Twice), 1 => any::<u8>().prop_map(Fate::Cut), 1 => Just(Fate::Late), 1 => Just(Fate::Noise),
    ];
    proptest::collection::vec(fate, 300)
}

proptest! {
    #[test]
    fn any_frame_comes_through(frame in proptest::collection::vec(any::<u8>(), 1..2000), size in 18usize..600) {
        let mut reassembler = reassembler(2000, 1);
        let fragments = cut(&mut Fragmenter::new(size).unwrap(), &frame);
        prop_assert!(fragments.iter().all(|fragment| fragment.len() <= size));
        prop_assert_eq!(all(&mut reassembler, 0, &fragments), [frame]);
    }

    /// Through a bad link, with three senders at once: what comes out was sent, in that order, and the link recovers at once.
    #[test]
    fn a_bad_link_forges_nothing(fates in fates(), lengths in proptest::collection::vec(1usize..80, 3..24)) {
        let mut reassembler = reassembler(80, 3);
        let mut fragmenters = std::vec![Fragmenter::new(12).unwrap(); 3];
        let (mut sent, mut got) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
        let mut line: Vec<(usize, Vec<u8>)> = Vec::new();
        for (number, turn) in lengths.chunks(3).enumerate() {
            let mut waiting: Vec<_> = turn.iter().enumerate().map(|(sender, length)| {
                // Every frame is unlike every other.
                let frame = frame(*length, (number * 3 + sender) as u8);
                let fragments = cut(&mut fragmenters[sender], &frame).into_iter();
                sent[sender].push(frame);
                (sender, fragments)
            }).collect();
            while !waiting.is_empty() {
                waiting.retain_mut(|(sender, fragments)| fragments.next().map(|fragment| line.push((*sender, fragment))).is_some());
            }
        }
        let mut late = None;
        for ((sender, fragment), fate) in line.iter().zip(fates.iter().cycle()) {
            let mut feed = |sender: usize, fragment: &[u8]| {
                got[sender].extend(fed(&mut reassembler, 0, sender as u64, fragment));
            };
            match fate {
                Fate::Arrives => feed(*sender, fragment),
                Fate::Lost => {}
                Fate::Twice => { feed(*sender, fragment); feed(*sender, fragment) }
                // A link that has a checksum gives none that is cut, but for one cut to nothing that can be taken.
                Fate::Cut(end) => feed(*sender, &fragment[..usize::from(*end) % 3]),
                Fate::Late if late.is_none() => { late = Some((*sender, fragment)); continue }
                Fate::Late => feed(*sender, fragment),
                Fate::Noise => { feed(2 - *sender, b"\xc0garbage"); feed(*sender, fragment) }
            }
            if let Some((sender, fragment)) = late.take() {
                feed(sender, fragment);
            }
        }
        for sender in 0..3 {
            let mut rest = sent[sender].iter();
            for frame in &got[sender] {
                // A single fragment that comes twice is a frame that comes twice.
                prop_assert!(rest.clone().any(|sent| sent == frame) || sent[sender].contains(frame));
                if rest.clone().any(|sent| sent == frame) {
                    rest.by_ref().find(|sent| *sent == frame);
                }
            }
            let last = frame(79, 200);
            prop_assert_eq!(all(&mut reassembler, sender as u64, &cut(&mut fragmenters[sender], &last)), [last]);
        }
    }

    /// Anything at all, and then a good frame of a sender that has a slot.
    #[test]
    fn noise_harms_nobody(noise in proptest::collection::vec((0u64..3, proptest::collection::vec(any::<u8>(), 0..20)), 0..60), tag in 0u8..64) {
        let mut reassembler = reassembler(32, 3);
        for (sender, bytes) in &noise {
            if let Some(frame) = reassembler.feed(0, *sender, bytes) {
                prop_assert!(!frame.is_empty() && frame.len() <= 32);
            }
        }
        prop_assert_eq!(fed(&mut reassembler, 0, 1, &[tag, 0x80, 5]), Some(std::vec![5]));
    }
}
