//! Headers, options, and what is refused.

use super::*;
use crate::bytes::Writer;
use crate::cbor::Decoder;
use proptest::prelude::*;

fn header(partial_iv: u64) -> Header {
    let recipient = ConnectionId::new(&[0x21, 0x22]).unwrap();
    Header { phase: false, confirmable: false, options: false, recipient, partial_iv }
}

fn written(header: &Header) -> Vec<u8> {
    let mut buffer = [0; MAX_HEADER];
    let mut w = Writer::new(&mut buffer);
    header.write(&mut w).unwrap();
    w.written().to_vec()
}

#[test]
fn a_header_is_as_short_as_can_be() {
    for (partial_iv, bytes) in [
        (0, &[0x40, 0x21, 0x22, 0][..]),
        (255, &[0x40, 0x21, 0x22, 255]),
        (256, &[0x41, 0x21, 0x22, 1, 0]),
        (0x1_0000, &[0x42, 0x21, 0x22, 1, 0, 0]),
        (0x100_0000, &[0x43, 0x21, 0x22, 1, 0, 0, 0]),
        (PARTIAL_IV_LIMIT - 1, &[0x44, 0x21, 0x22, 255, 255, 255, 255, 255]),
    ] {
        assert_eq!(written(&header(partial_iv)), bytes);
        assert_eq!(Header::parse(bytes, 2), Ok(header(partial_iv)));
        assert_eq!(header(partial_iv).size(), bytes.len());
    }
    let mut buffer = [0; MAX_HEADER];
    assert_eq!(header(PARTIAL_IV_LIMIT).write(&mut Writer::new(&mut buffer)), Err(Error::KeyExhausted));
}

#[test]
fn flags_have_their_bits() {
    for (flags, phase, confirmable, options) in [(0x60, true, false, false), (0x50, false, true, false), (0x48, false, false, true)] {
        let header = Header { phase, confirmable, options, ..header(7) };
        assert_eq!(written(&header), [flags, 0x21, 0x22, 7]);
        assert_eq!(Header::parse(&[flags, 0x21, 0x22, 7], 2), Ok(header));
    }
}

#[test]
fn headers_that_cannot_be_are_refused() {
    for bytes in [
        &[][..],
        &[0x40],
        &[0x40, 1],
        &[0x40, 1, 2],
        &[0x41, 1, 2, 0, 5],
        &[0x41, 1, 2, 5],
        &[0x44, 1, 2, 0, 1, 1, 1, 1],
        &[0x45, 1, 2, 1, 1, 1, 1, 1, 1],
        &[0x46, 1, 2, 1, 1, 1, 1, 1, 1, 1],
        &[0x47, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1],
        &[0x00, 1, 2, 3],
        &[0x80, 1, 2, 3],
        &[0xc0, 1, 2, 3],
    ] {
        assert_eq!(Header::parse(bytes, 2), Err(Error::Malformed), "{bytes:x?}");
    }
    assert_eq!(Header::parse(&[0x40, 1, 2, 3, 4, 5, 6], 0), Err(Error::InvalidArgument));
    assert_eq!(Header::parse(&[0x40, 1, 2, 3, 4, 5, 6], 5), Err(Error::InvalidArgument));
}

fn encoded(options: &Options<'_>) -> Result<Vec<u8>> {
    let mut buffer = [0; 800];
    let mut w = Writer::new(&mut buffer);
    assert_eq!(options.write(&mut w)?, !w.is_empty());
    Ok(w.written().to_vec())
}

fn parsed(bytes: &[u8]) -> Result<Options<'_>> {
    let mut decoder = Decoder::new(bytes);
    let options = Options::parse(&mut decoder)?;
    decoder.finish()?;
    Ok(options)
}

#[test]
fn every_option_at_once_has_the_bytes_of_the_table() {
    let mut handover = Handover::default();
    handover.push([10; 8], Relation::Concurrent).unwrap();
    handover.push([11; 8], Relation::Succeeded).unwrap();
    let options = Options {
        kind: Kind::Command,
        topic: Some(b"t"),
        origin: Some(Origin { sid: [2; 8], number: 24 }),
        offer: Some([3; 8]),
        answer: Some([4; 8]),
        ack: Some(Ack { top: 7, missing: 5 }),
        resume: Some(Resume { edge: Some(256), challenge: [6; 8] }),
        resumed: Some([7; 8]),
        update_request: Some(UpdateRequest { epoch: 1, n_a: [8; 8] }),
        update_response: Some(UpdateResponse { epoch: 70000, n_a: [9; 8], n_b: [9; 8] }),
        handover,
        retain: true,
        expiry: Some(3600),
        content_type: Some("a/b"),
        offer_request: true,
        ping: true,
    };
    let mut expected = unhex("b0000101417402824802020202020202021818034803030303030303030448040404040404040405820705");
    expected.extend(unhex("06821901004806060606060606060748070707070707070708820148080808080808080809831a00011170480909090909090909"));
    expected.extend(unhex("4809090909090909090a82"));
    expected.extend(unhex("82480a0a0a0a0a0a0a0a0082480b0b0b0b0b0b0b0b01"));
    expected.extend(unhex("0bf50c190e100d63612f620ef50ff5"));
    assert_eq!(encoded(&options).unwrap(), expected);
    assert_eq!(parsed(&expected), Ok(options));
    // Cut anywhere, it is refused.
    for end in 0..expected.len() {
        assert_eq!(parsed(&expected[..end]), Err(Error::Malformed), "cut at {end}");
    }
}

#[test]
fn no_options_write_nothing() {
    assert_eq!(encoded(&Options::default()), Ok(Vec::new()));
    assert!(Options::default().is_empty());
}

#[test]
fn options_that_cannot_be_are_refused() {
    let eight = "480000000000000000";
    for (bytes, error) in [
        ("a0".into(), Error::Malformed),
        ("80".into(), Error::Malformed),
        ("a110f5".into(), Error::UnsupportedOption),
        ("a20ff518640a".into(), Error::UnsupportedOption),
        ("a120f5".into(), Error::Malformed),
        ("a16100f5".into(), Error::Malformed),
        ("a20ff50ef5".into(), Error::Malformed),
        ("a20ff50ff5".into(), Error::Malformed),
        ("bf0ff5ff".into(), Error::NotDeterministic),
        ("b8010ff5".into(), Error::NotDeterministic),
        ("a1180ff5".into(), Error::NotDeterministic),
        // kind
        ("a10000".into(), Error::Malformed),
        ("a10003".into(), Error::Malformed),
        ("a100f5".into(), Error::Malformed),
        // topic: empty, text, 256 bytes
        ("a10140".into(), Error::Malformed),
        ("a1016161".into(), Error::Malformed),
        (std::format!("a101590100{}", "61".repeat(256)), Error::Malformed),
        // origin
        (std::format!("a10281{eight}"), Error::Malformed),
        (std::format!("a10283{eight}0101"), Error::Malformed),
        (std::format!("a10282{eight}20"), Error::Malformed),
        // nonces
        ("a1034700000000000000".into(), Error::Malformed),
        ("a10449000000000000000000".into(), Error::Malformed),
        ("a107f6".into(), Error::Malformed),
        // ack
        ("a10581 00".replace(' ', ""), Error::Malformed),
        ("a105820001".into(), Error::Malformed),
        ("a105821903e81b8000000000000000".into(), Error::Malformed),
        // resume: edge of 2^40, edge false
        (std::format!("a106821b0000010000000000{eight}"), Error::Malformed),
        (std::format!("a10682f4{eight}"), Error::Malformed),
        // update: epoch 0, epoch of 2^32
        (std::format!("a1088200{eight}"), Error::Malformed),
        (std::format!("a108821b0000000100000000{eight}"), Error::Malformed),
        (std::format!("a1098201{eight}"), Error::Malformed),
        // handover: none, five, relation 2
        ("a10a80".into(), Error::Malformed),
        (std::format!("a10a85{}", std::format!("82{eight}00").repeat(5)), Error::Malformed),
        (std::format!("a10a8182{eight}02"), Error::Malformed),
        // flags that are not true
        ("a10bf4".into(), Error::Malformed),
        ("a10b01".into(), Error::Malformed),
        ("a10ef4".into(), Error::Malformed),
        ("a10ff6".into(), Error::Malformed),
        ("a10c20".into(), Error::Malformed),
        // content type: empty, 65 bytes, not UTF-8
        ("a10d60".into(), Error::Malformed),
        (std::format!("a10d7841{}", "61".repeat(65)), Error::Malformed),
        ("a10d61ff".into(), Error::Malformed),
    ] {
        assert_eq!(parsed(&unhex(&bytes)), Err(error), "{bytes}");
    }
}

#[test]
fn options_outside_their_range_are_not_written() {
    let long = [b'a'; 256];
    let text = core::str::from_utf8(&long[..65]).unwrap();
    for options in [
        Options { topic: Some(&[]), ..Options::default() },
        Options { topic: Some(&long), ..Options::default() },
        Options { content_type: Some(""), ..Options::default() },
        Options { content_type: Some(text), ..Options::default() },
        Options { ack: Some(Ack { top: 0, missing: 1 }), ..Options::default() },
        Options { resume: Some(Resume { edge: Some(PARTIAL_IV_LIMIT), challenge: [0; 8] }), ..Options::default() },
    ] {
        assert_eq!(encoded(&options), Err(Error::InvalidArgument));
    }
    let mut handover = Handover::default();
    for _ in 0..MAX_HANDOVER {
        handover.push([1; 8], Relation::Succeeded).unwrap();
    }
    assert_eq!(handover.push([1; 8], Relation::Succeeded), Err(Error::NoSpace));
}

proptest! {
    /// Whatever parses is written back byte for byte: there is one encoding only.
    #[test]
    fn what_parses_has_one_encoding(bytes in proptest::collection::vec(prop_oneof![0u8..16, Just(0x48u8), Just(0xf5u8), Just(0xa1u8), Just(0x82u8), any::<u8>()], 0..40)) {
        if let Ok(options) = parsed(&bytes) {
            prop_assert_eq!(encoded(&options), Ok(bytes));
        }
    }

    /// No frame whatever makes parsing or opening do anything but fail, and nothing but the count of failures changes.
    #[test]
    fn random_frames_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..80), flags in 0x40u8..0x80) {
        let (mut i, mut r) = volatile_pair(SUITE);
        let mut frame = bytes;
        if let Some(first) = frame.first_mut() { *first = flags; }
        if frame.len() > 2 { frame[1..3].copy_from_slice(&[0x21, 0x22]); }
        let good = protect(&mut i, &data(b"good"), None).unwrap();
        prop_assert!(receive(&mut r, &frame, None).is_err());
        prop_assert!(r.failures() <= 1);
        prop_assert_eq!(receive(&mut r, &good, None).unwrap().2, b"good");
    }
}

#[test]
fn every_bit_of_a_record_is_protected() {
    for suite in [Suite::from_number(4), Suite::from_number(2)].into_iter().flatten() {
        let (mut i, mut r) = volatile_pair(suite);
        i.sent.take().unwrap();
        let options = Options { topic: Some(b"door"), ping: true, ..Options::default() };
        let frame = protect(&mut i, &Outgoing { number: Some(0), options, payload: b"open" }, Some(b"a/b")).unwrap();
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(receive(&mut r, &damaged, Some(b"a/b")).is_err(), "bit {bit}");
        }
        assert_eq!(receive(&mut r, &frame, None).unwrap_err(), Error::DecryptFailed);
        assert_eq!(receive(&mut r, &frame, Some(b"a/c")).unwrap_err(), Error::DecryptFailed);
        assert_eq!(receive(&mut r, &frame, Some(&[b'a'; 256])).unwrap_err(), Error::InvalidArgument);
        assert_eq!(receive(&mut r, &frame, Some(b"a/b")).unwrap().1, Some(0));
        assert_eq!(receive(&mut r, &frame, Some(b"a/b")).unwrap_err(), Error::Duplicate);
        // A record does not come back to its sender.
        assert!(receive(&mut i, &frame, Some(b"a/b")).is_err());
    }
}

#[test]
fn overhead_is_what_the_page_says() {
    for (suite, overhead) in [(4, 20), (2, 12)] {
        let Some(suite) = Suite::from_number(suite) else { continue };
        let (_, mut r) = volatile_pair(suite);
        // I's identifier has one byte.
        r.context_mut(0).next = 65_535;
        assert_eq!(protect(&mut r, &data(b"12345"), None).unwrap().len(), 5 + overhead);
        assert_eq!(protect(&mut r, &data(b"12345"), None).unwrap().len(), 5 + overhead + 1);
    }
}

#[test]
fn control_records_have_neither_payload_nor_number() {
    let (mut i, mut r) = volatile_pair(SUITE);
    i.sent.take().unwrap();
    let options = Options { kind: Kind::Control, ping: true, ..Options::default() };
    for message in [Outgoing { number: None, options, payload: b"x" }, Outgoing { number: Some(0), options, payload: b"" }] {
        assert_eq!(protect(&mut i, &message, None), Err(Error::InvalidArgument));
    }
    assert_eq!(protect(&mut i, &Outgoing { number: Some(1), ..data(b"x") }, None), Err(Error::InvalidArgument));
    // Nothing was used up.
    assert_eq!(protect(&mut i, &control(options), None).unwrap()[3], 0);
    let frame = protect(&mut i, &control(options), None).unwrap();
    assert_eq!(receive(&mut r, &frame, None).unwrap().0.missing, 1);
}

#[test]
fn a_buffer_too_small_uses_nothing_up() {
    let (mut i, _) = volatile_pair(SUITE);
    let needed = protect(&mut i, &data(b"hello"), None).unwrap().len();
    for room in 0..needed {
        let mut out = std::vec![0; room];
        assert_eq!(i.protect(&mut provider(), &data(b"hello"), None, &mut out), Err(Error::BufferTooSmall));
    }
    assert_eq!(protect(&mut i, &data(b"hello"), None).unwrap()[3], 1);
}
