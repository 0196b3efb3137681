//! Inputs to start from: what honest parties write. The vectors of `tests/vectors` come on top (`scripts/assure.py`).

mod setup;

use crate::decoders::record::receiver;
use crate::party::{ISSUER_KID, identities};
use crate::provider::{MAC, Mixing, Mode, SIGNATURE, TAG};
use sealwire_core::bytes::Writer;
use sealwire_core::credential::IdCred;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::EdhocError;
use sealwire_core::link::fragment::Fragmenter;
use sealwire_core::link::rs485::{Config, Controller, Device};
use sealwire_core::link::{ethernet, spi, stream, uart};
use sealwire_core::record::{Ack, Kind, Options, Origin, Relation, Resume, UpdateRequest, UpdateResponse};

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let mut w = Writer::new(&mut buffer);
    write(&mut w);
    w.finish().to_vec()
}

/// Option maps with every option.
fn options() -> Vec<Vec<u8>> {
    let mut full = Options {
        kind: Kind::Command,
        topic: Some(b"a/b"),
        origin: Some(Origin { sid: [1; 8], number: 3 }),
        offer: Some([2; 8]),
        answer: Some([3; 8]),
        ack: Some(Ack { top: 9, missing: 5 }),
        resume: Some(Resume { edge: Some(63), challenge: [4; 8] }),
        resumed: Some([5; 8]),
        update_request: Some(UpdateRequest { epoch: 1, n_a: [6; 8] }),
        update_response: Some(UpdateResponse { epoch: 1, n_a: [6; 8], n_b: [7; 8] }),
        retain: true,
        expiry: Some(60),
        content_type: Some("text/plain"),
        offer_request: true,
        ping: true,
        ..Options::default()
    };
    full.handover.push([8; 8], Relation::Succeeded).expect("room for four");
    full.handover.push([9; 8], Relation::Concurrent).expect("room for four");
    let control = Options { kind: Kind::Control, resume: Some(Resume { edge: None, challenge: [4; 8] }), ..Options::default() };
    let ping = Options { kind: Kind::Control, ping: true, ..Options::default() };
    let sets = [full, control, ping, Options { topic: Some(b"t"), ..Options::default() }];
    sets.iter().map(|options| written(|w| assert_eq!(options.write(w), Ok(true)))).collect()
}

/// ID_CRED_x in every form.
fn names() -> Vec<IdCred<'static>> {
    let peer = &identities()[1];
    vec![IdCred::Kid(&peer.kid), IdCred::Kid(b"cw"), IdCred::Ccs(&peer.ccs), IdCred::Cwt(&peer.cwt)]
}

/// ID_CRED_x, MAC or signature, and perhaps an EAD item, behind a prefix.
fn plaintexts(prefix: &[u8], who: usize) -> Vec<Vec<u8>> {
    let own = &identities()[who];
    let short = [&[0x48][..], &[MAC; 8]].concat();
    let long = [&[0x50][..], &[MAC; 16]].concat();
    let signature = [&[0x58, 64][..], &[SIGNATURE; 64]].concat();
    let ids = [IdCred::Kid(&own.kid), IdCred::Kid(b"cw"), IdCred::Ccs(&own.ccs), IdCred::Cwt(&own.cwt)];
    let signing = [IdCred::Kid(&own.signing_kid), IdCred::Ccs(&own.signing_ccs)];
    let mut pairs: Vec<_> = ids.into_iter().flat_map(|id| [(id, &short), (id, &long)]).collect();
    pairs.extend(signing.map(|id| (id, &signature)));
    let mut all = Vec::new();
    for (id, shown) in pairs {
        for ead in [&[][..], &[0x19, 0x80, 0x00, 0x43, b'h', b'u', b'b'], &[0x00, 0x41, 0x00], &[0x20]] {
            all.push([prefix, &written(|w| id.write_plaintext(w).expect("it fits")), shown, ead].concat());
        }
    }
    all
}

/// The certificates among the vectors, as they are and, where the signature is Ed25519's, signed for the clear mode.
fn certificates() -> Vec<Vec<u8>> {
    let hexadecimal =
        include_str!("../../vectors/x509.json").split('"').filter(|text| text.starts_with("3081") || text.starts_with("3082"));
    let mut all: Vec<Vec<u8>> = Vec::new();
    for text in hexadecimal {
        let Ok(found) = (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16)).collect::<Result<Vec<u8>, _>>()
        else {
            continue;
        };
        let mut signed = found.clone();
        if let Some(signature) = signed.len().checked_sub(64).and_then(|at| signed.get_mut(at..)) {
            signature.fill(SIGNATURE);
        }
        all.extend([signed, found]);
    }
    all.sort();
    all.dedup();
    all
}

/// The seeds of a target; those of the others do no harm, and are tried too.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let [device, hub] = identities();
    let mut all = vec![Vec::new(), vec![0], vec![0xff; 8]];
    match target {
        "cbor_ordered" | "cbor_unordered" | "cose_key" | "cose_sign1" | "cose_header" | "credential" => {
            all.extend([device.ccs.clone(), hub.cwt.clone(), ISSUER_KID.to_vec(), vec![0xa2, 1, 0x26, 4, 0x41, 1], vec![0xa1, 2, 0x81, 1]]);
            all.extend([None, Some(&b"k"[..])].map(|kid| written(|w| hub.key.write(w, kid).expect("it fits"))));
            // {1: 2, -1: 1, -2: x of the base point, -3: its y is odd}
            let base = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
            let x = (0..32).map(|at| u8::from_str_radix(&base[2 * at..2 * at + 2], 16).expect("hexadecimal"));
            all.push([&[0xa4, 1, 2, 0x20, 1, 0x21, 0x58, 32][..], &x.collect::<Vec<u8>>(), &[0x22, 0xf5]].concat());
            all.push([&[0x84, 0x43, 0xa1, 1, 0x27, 0xa0, 0xf6, 0x58, 64][..], &[SIGNATURE; 64]].concat());
            all.extend(options());
        }
        "credential_id" => all.extend(
            names()
                .iter()
                .flat_map(|id| [written(|w| id.write_plaintext(w).expect("it fits")), written(|w| id.write_map(w).expect("it fits"))]),
        ),
        "edhoc_ead" => all.extend([vec![0x39, 0x7f, 0xff, 0x43, 1, 2, 3, 0x00, 0x20], vec![0x19, 0x80, 0x00, 0x41, 0x61]]),
        "edhoc_error" => {
            let suites: Vec<Suite> = [4, 2].into_iter().filter_map(Suite::from_number).collect();
            let errors = [EdhocError::Unspecified("no"), EdhocError::wrong_suite(&suites), EdhocError::UnknownCredential];
            all.extend(errors.iter().map(|error| written(|w| error.write(w).expect("it fits"))));
        }
        "edhoc_message_1" => {
            let inbox = [0x39, 0x7f, 0xff, 0x45, b'd', b'e', b'v', b'-', b'1'];
            for (suites, ead) in [(&[4][..], &[][..]), (&[4], &inbox), (&[0x82, 3, 4], &[0x00, 0x41, 0]), (&[0x82, 4, 2], &[0x20])] {
                all.push([&[3], suites, &[0x58, 32], &[7; 32], &[8], ead].concat());
            }
        }
        "edhoc_plaintext_2" => all.extend([0, 2, 4, 6, 8, 9].iter().flat_map(|setting| plaintexts(&[*setting, 9], 1))),
        "edhoc_plaintext_3" => all.extend([0, 1, 2, 4, 6, 8].iter().flat_map(|setting| plaintexts(&[*setting], 0))),
        "edhoc_plaintext_4" => {
            all.extend([
                vec![0],
                vec![0x0b],
                vec![0, 0x00, 0x41, 0x00],
                vec![0, 0x19, 0x80, 0x00],
                vec![5, 0x20],
                vec![0x0e, 0x20],
                vec![6],
            ]);
        }
        "link_uart" | "link_stream" => {
            for frame in [&b"frame"[..], &[0; 5], &[1; 90]] {
                let mut out = [0; 128];
                let length = uart::encode(frame, &mut out).expect("it fits");
                all.push([&out[..length], &out[..length]].concat());
                let length = stream::encode(frame, &mut out).expect("it fits");
                all.push([&out[..length], &out[..length]].concat());
            }
        }
        "link_can" => all.extend(can()),
        "link_ethernet" => {
            let head = ethernet::Head { destination: ethernet::BROADCAST, source: [2, 0, 0, 0, 0, 1], ether_type: ethernet::ETHER_TYPE };
            for fragment in [&b"\x00\x80x"[..], &[1; 44], &[2; 200]] {
                let mut out = [0; ethernet::LONGEST];
                let length = ethernet::encode(&head, fragment, &mut out).expect("it fits");
                all.push(out[..length].to_vec());
            }
        }
        "link_fragment" => all.extend(fragments()),
        "link_spi" => all.extend([0, 8, 23].into_iter().flat_map(blocks)),
        "link_rs485" => all.extend(polls()),
        "persist_flash" => {
            for repairs in [0b10, 0b1010, 0b0101_0110, 0xff] {
                let mut image = vec![repairs, 2];
                for sequence in 0..4 {
                    let mut slot = vec![0xff; 128];
                    slot[..12].copy_from_slice(&[b'S', b'W', b's', b'1', 0, 0, 0, sequence, 0, 0, 0, 7]);
                    image.extend(slot);
                }
                all.push(image);
            }
        }
        "persist_snapshot" => all.extend(snapshots()),
        "record_options" => all.extend(options()),
        "record_content" | "record_header" => {
            all.extend([vec![0x40, 2, 0, b'x'], vec![0x44, 2, 1, 0, 0, 0, 0, b'x'], vec![0x50, 2, 1, 3, b'x'], vec![0x60, 2, 0]]);
            all.extend(options().into_iter().map(|map| [&[0x48, 2, 5][..], &map].concat()));
            all.extend(options().into_iter().map(|map| [&[0x58, 2, 5, 0x18, 99][..], &map, &[TAG; 16]].concat()));
        }
        "x509_certificate" => all.extend(certificates()),
        "x509_path" => {
            let certificates: Vec<_> =
                certificates().iter().map(|found| [&(found.len() as u16).to_be_bytes()[..], found].concat()).collect();
            all.extend(certificates.windows(3).flat_map(|three| [three[0].clone(), three[..2].concat(), three.concat()]));
        }
        "setup_code" => all.extend(setup::codes()),
        "setup_item" => all.extend(setup::items()),
        "setup_record" => all.extend(setup::records()),
        "setup_statement" => all.extend((0..4).flat_map(|choice| [0, 0x41].map(|when| setup::statement(choice | when & 0xf0, when)))),
        "endpoint_setup" => all.extend(setup::moves()),
        "device_frames" | "device_restore" => all.extend(device_moves(target)),
        _ if target.starts_with("endpoint_") => all.extend(moves(target)),
        _ => {}
    }
    all
}

/// Moves on every stage: what the peer has sent delivered in order, then what else there is.
fn moves(target: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let genuine = |which: u8| [3, which, 0xff, 0];
    let honest: Vec<u8> = (0..6).flat_map(genuine).collect();
    let changed = [3, 0, 3, 1, 3, 0, 9, 0x80, 3, 1, 20, 4];
    let strangers = [0, 2, 5, 9, 1 | 4 << 3, 2, 1, 0x60, 1 | 5 << 3, 0, 2, 4, 1, 2, 3, 4];
    // Each EDHOC error three times, and more failing messages than a handshake bears.
    let hints: Vec<u8> =
        [[1 | 4 << 3, 2, 3, 0xf5], [1 | 4 << 3, 2, 2, 4], [1 | 4 << 3, 2, 2, 0]].iter().flat_map(|hint| [*hint; 3]).flatten().collect();
    let failing: Vec<u8> = (1..=3_u8).flat_map(|kind| [[1 | kind << 3, 2, 0x41, 0]; 11]).flatten().collect();
    let time = [4 | 6 << 3, 0x10, 0, 4, 0, 60];
    let application = [6 | 18 << 3, 0, 3, 1, 0xff, 0, 6 | 4 << 3, 0, 6 | 5 << 3, 0, 6 | 21 << 3, 0, 6 | 2 << 3, 1, 6 | 3 << 3, 0];
    let platform = [7, 2, 3, 0, 0xff, 0, 7 | 1 << 3, 7 | 2 << 3, 2, 7 | 3 << 3];
    for (setup, methods) in [(0_u8, 0), (1, 0), (2, 0), (4, 1), (8, 2), (0x10, 3), (0x20, 4), (0x21, 5), (0x40, 6), (0x80, 7), (0x47, 0)] {
        let front = match target {
            "endpoint_timeout" => vec![setup & 3, setup, methods, 0x30, 1, 200],
            "endpoint_pending" => vec![setup & 3, setup, methods, 2],
            "endpoint_restore" => [&[setup, methods, 2, 0, 2 | 39 << 2, 1, 3][..], &[0, 0, 1, 9, 0]].concat(),
            _ => vec![setup, methods],
        };
        for body in [&honest[..], &changed, &strangers, &hints, &failing, &time, &application, &platform] {
            all.push([&front, body].concat());
            all.push([&front, &honest[..8], body, &honest, body].concat());
        }
    }
    let plaintexts = [plaintexts(&[9], 1), plaintexts(&[], 0)].concat();
    for plaintext in plaintexts.iter().filter(|plaintext| plaintext.len() < 256) {
        for variant in 0..2_u8 {
            all.push([&[1, 0, 5 | variant << 3, plaintext.len() as u8][..], plaintext, &honest].concat());
        }
    }
    for map in options() {
        all.push([&[1, 0, 5 | 7 << 3, 40, map.len() as u8][..], &map, &honest].concat());
    }
    all
}

/// Moves of a device in every state.
fn device_moves(target: &str) -> Vec<Vec<u8>> {
    let honest: Vec<u8> = (0..6).flat_map(|which| [3, which, 0xff, 0]).collect();
    let changed = [3, 0, 3, 1, 3, 0, 9, 0x80, 3, 1, 20, 4];
    let strangers = [0, 2, 5, 9, 1 | 4 << 3, 2, 1, 0x60, 1 | 5 << 3, 0, 2, 4, 1, 2, 3, 4];
    let failing: Vec<u8> = [1, 3].iter().flat_map(|kind| [[1 | kind << 3, 2, 0x41, 0]; 11]).flatten().collect();
    let time = [4 | 6 << 3, 0x10, 0, 4, 0, 60];
    let said = [
        6 | 2 << 3,
        0,
        6 | 3 << 3,
        1,
        6 | 9 << 3,
        0,
        3,
        5,
        0xff,
        0,
        3,
        6,
        0xff,
        0,
        3,
        7,
        0xff,
        0,
        6 | 4 << 3,
        0,
        6 | 12 << 3,
        0,
        3,
        8,
        0xff,
        0,
    ];
    let platform = [7, 2, 3, 0, 0xff, 0, 7 | 1 << 3, 1, 6 | 3 << 3, 0, 7 | 1 << 3, 0xff, 7 | 2 << 3, 3, 5, 0xff, 0];
    let mut all = Vec::new();
    for setup in (0..4).flat_map(|state| [0, 1, 6, 7, 8].map(|setup| setup | state << 4)) {
        let front = if target == "device_restore" { vec![setup, setup << 3 | 1, 2, 0, 1] } else { vec![setup] };
        for body in [&honest[..], &changed, &strangers, &failing, &time, &said, &platform] {
            all.push([&front, body, &honest].concat());
        }
    }
    for plaintext in
        [&b"x"[..], &[0xa1, 0, 1], &[0xa1, 0x0f, 0xf5], &[0xa1, 5, 0x82, 0, 0], &[0xa1, 6, 0x82, 0xf6, 0x48, 1, 2, 3, 4, 5, 6, 7, 8]]
    {
        for variant in [2, 6, 10, 14_u8, 22, 30] {
            let front = if target == "device_restore" { vec![0x31, 1, 0] } else { vec![0x31] };
            all.push([&front[..], &[5 | variant << 3, 9, plaintext.len() as u8], plaintext, &honest].concat());
        }
    }
    all
}

/// Bodies of snapshots, written by hand: the encoder stores no session that has no store.
fn snapshots() -> Vec<Vec<u8>> {
    let mut provider = Mixing::new(Mode::Clear, 1);
    let parties = *receiver(&mut provider, Suite::from_number(4).expect("in every build of this crate")).parties();
    let mut all = Vec::new();
    for (flags, stage) in [(3, 0), (2, 1), (15, 2), (19, 3), (0, 0)] {
        let mut body = vec![0; 304];
        body[..5].copy_from_slice(&[1, 4, flags, stage, 0]);
        body[9] = 1;
        body[10] = parties.c_i.as_bytes()[0];
        body[14] = 1;
        body[15] = parties.c_r.as_bytes()[0];
        body[19..27].copy_from_slice(&parties.sid);
        body[27..43].copy_from_slice(parties.own.as_bytes());
        body[43..59].copy_from_slice(parties.peer.as_bytes());
        body[207..232].fill(7);
        body[239] = 64;
        body[247] = 64;
        all.push(body);
    }
    all
}

/// Fragments of two senders: in order, with one lost, one repeated, interleaved, and after the time is over.
fn fragments() -> Vec<Vec<u8>> {
    let mut fragmenter = Fragmenter::new(12).expect("room for a piece");
    let mut cut = |frame: &[u8]| -> Vec<Vec<u8>> {
        fragmenter
            .fragments(frame)
            .expect("it fits")
            .map(|(head, body)| [&[(head.len() + body.len()) as u8], &head[..], body].concat())
            .collect()
    };
    let (one, other) = (cut(&[7; 35]), cut(&[8; 25]));
    let line = |control: u8, pieces: &[&Vec<u8>]| pieces.iter().flat_map(|piece| [&[control][..], piece].concat()).collect::<Vec<u8>>();
    vec![
        line(0, &[&one[0], &one[1], &one[2], &one[3]]),
        line(1, &[&one[0], &one[2], &one[3], &other[0], &other[1], &other[2]]),
        line(2, &[&one[0], &one[0], &one[1], &one[1], &one[2], &one[3], &one[3]]),
        [line(0, &[&one[0]]), line(1, &[&other[0], &other[1]]), line(0, &[&one[1], &one[2], &one[3]]), line(1, &[&other[2]])].concat(),
        [line(0, &[&one[0]]), line(0xfd, &[&other[0], &other[1], &other[2]]), line(0, &[&one[1]])].concat(),
    ]
}

/// Blocks of an SPI link: as they are, shifted, with one missing and one repeated.
fn blocks(choice: u8) -> Vec<Vec<u8>> {
    let size = 8 + usize::from(choice);
    let mut end = spi::Exchange::new(size, vec![0; 64], vec![0; 128]).expect("a good size");
    let mut all = Vec::new();
    for frame in [&b"one"[..], &[2; 40], &[3; 9]] {
        end.send(frame).expect("nothing is under way");
        while end.is_sending() {
            let mut block = vec![0; size];
            end.poll_transmit(&mut block).expect("the right size");
            all.push(block);
        }
    }
    let whole = all.concat();
    let mut missing = all.clone();
    missing.remove(2);
    all.insert(1, all[0].clone());
    let lines = [whole.clone(), [&[0x77, 0x77, 0x77][..], &whole, &vec![0xff; size]].concat(), missing.concat(), all.concat()];
    lines.map(|line| [&[choice][..], &line].concat()).to_vec()
}

/// What a controller and devices say on a bus.
fn polls() -> Vec<Vec<u8>> {
    let bus = Config { longest: 96, ..Config::DEFAULT };
    let mut controller = Controller::new(bus, vec![0; 100], vec![0; 100]).expect("a good bus");
    let mut device = Device::new(bus, 1, vec![0; 100], vec![0; 100]).expect("a good bus");
    let (mut all, mut line) = (vec![vec![1, 0, 8, 0, 8, 0], vec![3, 0, 8, 0, 8, 0, 0xf9, 0, 8, 0, 0xf8, 0, 0xf8, 0]], Vec::new());
    let mut now = 0;
    for number in 0..4 {
        let mut out = [0; 128];
        let _ = device.send(&[number; 5]);
        controller.poll(1, &[0x40 | number; 7]).expect("nothing is under way");
        now += 10;
        let length = controller.poll_transmit(now, &mut out).expect("it fits").expect("it is due");
        line.extend([&[16, length as u8][..], &out[..length]].concat());
        device.handle(now, &out[..length]);
        all.push(line.clone());
        now += 2;
        let length = device.poll_transmit(now, &mut out).expect("it fits").expect("it is due");
        controller.handle(now, &out[..length]);
        all.push([&[1, 0, 16, length as u8][..], &out[..length]].concat());
    }
    all
}

/// Exchanges of CAN frames as the other end makes them, of both kinds of CAN.
fn can() -> Vec<Vec<u8>> {
    const TAKE: u8 = 2;
    let taken = |shape: u8, steps: &[&[u8]]| {
        let pieces = steps.iter().flat_map(|data| [&[TAKE, data.len() as u8][..], data].concat());
        [shape, 2].into_iter().chain(pieces).collect::<Vec<u8>>()
    };
    let full = |head: &[u8], size: usize| [head, &vec![7; size - head.len()]].concat();
    vec![
        taken(0, &[b"\x05frame"]),
        taken(7, &[&full(&[0, 40], 48)]),
        taken(0, &[&full(&[0x10, 20], 8), &full(&[0x21], 8), &full(&[0x22], 8)]),
        taken(0, &[&full(&[0x10, 20], 8), &full(&[0x21], 8), &full(&[0x21], 8), &full(&[0x22], 8), &full(&[0x22], 8)]),
        taken(7, &[&full(&[0x10, 90], 64), &full(&[0x21], 32)]),
        taken(9, &[&full(&[0x10, 0, 0, 1, 0, 0], 8), b"\x01a", &full(&[0x10, 200], 8), b"\x01b"]),
        taken(0, &[&full(&[0x10, 20], 8), &full(&[0x22], 8), b"\x01c", &[0x33, 0, 0], &[0x30]]),
        // Sending 60 bytes: wait, go on; a block of two; too many waits; overflow.
        [&[0, 0, 0, 60][..], &[TAKE, 3, 0x31, 0, 0, TAKE, 3, 0x30, 2, 1, TAKE, 3, 0x30, 0, 5, TAKE, 2, 1, b'd']].concat(),
        [&[7, 0, 0, 90][..], &[TAKE, 3, 0x31, 0, 0, TAKE, 3, 0x31, 0, 0, TAKE, 3, 0x31, 0, 0, TAKE, 2, 1, b'e']].concat(),
        [&[15, 0, 0, 90][..], &[TAKE, 3, 0x32, 0, 0, TAKE, 2, 1, b'f']].concat(),
        // Not ready, then ready.
        [&taken(0, &[])[..], &[1, TAKE, 8, 0x10, 9, 1, 2, 3, 4, 5, 6, 253, 5, TAKE, 4, 0x21, 7, 8, 9]].concat(),
    ]
}
