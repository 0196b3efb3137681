//! `make bench`: what the library costs beyond the primitives. One thread, both ends, no transport.
//!
//! For each suite: whole handshakes per second, then records protected at one end and unprotected at the other per second, then the bare
//! AEAD of the crate underneath doing the same work on the same bytes, and the ratio of the two times. `--quick` runs a
//! hundredth of it, to see that it works.

mod port;

use port::Party;
use sealwire_core::crypto::Suite;
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, Outgoing, Route, SessionHandle};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Batches of which the median is reported.
const BATCHES: usize = 7;

type End = Endpoint<HeapTables>;

fn endpoint(suite: Suite) -> End {
    let mut config = Config::default();
    config.suites = [Some(suite), None, None, None];
    Endpoint::new(HeapTables::new(4, 4), config).expect("a sound configuration")
}

/// Runs one handshake; gives both ends' sessions and the lengths of the four message frames.
fn handshake(initiator: &mut (End, Party), responder: &mut (End, Party), buffer: &mut [u8]) -> (SessionHandle, SessionHandle, [usize; 4]) {
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

fn time(count: u32, operation: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        operation();
    }
    start.elapsed() / count
}

/// Median time of one operation over [`BATCHES`] batches of `count`.
fn median(count: u32, operation: &mut dyn FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..BATCHES).map(|_| time(count, operation)).collect();
    times.sort_unstable();
    times[BATCHES / 2]
}

/// The same for two operations whose batches take turns, so that other load on the machine falls on both; and the median of
/// the ratios of the pairs.
fn compare(count: u32, ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()) -> (Duration, Duration, f64) {
    let mut pairs: Vec<(Duration, Duration)> = (0..BATCHES).map(|_| (time(count, ours), time(count, theirs))).collect();
    let ratio = |pair: &(Duration, Duration)| pair.0.as_secs_f64() / pair.1.as_secs_f64();
    pairs.sort_unstable_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let middle = ratio(&pairs[BATCHES / 2]);
    let (mut one, mut other): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    one.sort_unstable();
    other.sort_unstable();
    (one[BATCHES / 2], other[BATCHES / 2], middle)
}

fn per_second(time: Duration) -> f64 {
    1.0 / time.as_secs_f64()
}

fn handshakes(suite: Suite, count: u32) -> Duration {
    let (one, other) = port::parties(suite);
    let (mut one, mut other) = (Some(one), Some(other));
    let mut buffer = vec![0; 2048];
    median(count, &mut || {
        let mut initiator = (endpoint(suite), one.take().expect("a party"));
        let mut responder = (endpoint(suite), other.take().expect("a party"));
        black_box(handshake(&mut initiator, &mut responder, &mut buffer));
        initiator.1.forget();
        responder.1.forget();
        (one, other) = (Some(initiator.1), Some(responder.1));
    })
}

/// Protects one message of `size` bytes and unprotects it at the other end.
fn record(suite: Suite, size: usize) -> impl FnMut() {
    let (one, other) = port::parties(suite);
    let (mut sender, mut receiver) = ((endpoint(suite), one), (endpoint(suite), other));
    let mut buffer = vec![0; size + 2048];
    let (session, ..) = handshake(&mut sender, &mut receiver, &mut buffer);
    let payload: Vec<u8> = (0..size).map(|index| index.to_le_bytes()[0]).collect();
    move || {
        let message = Outgoing { payload: &payload, ..Outgoing::default() };
        let sent = sender.0.send(&mut sender.1, 0, session, &message, &mut buffer).expect("send");
        match receiver.0.handle_frame(&mut receiver.1, 0, Route::default(), None, &mut buffer[..sent.len]).expect("an honest record") {
            Event::Message(message) => assert_eq!(message.payload, payload),
            event => panic!("{event:?} instead of the message"),
        }
    }
}

/// The AEAD of the suite's crate alone: the key set up once, seal and open in place, an AAD as long as a record's.
fn bare(suite: Suite, size: usize) -> Box<dyn FnMut()> {
    use chacha20poly1305::aead::{AeadInPlace, KeyInit};
    type Ccm8 = ccm::Ccm<aes::Aes128, ccm::consts::U8, ccm::consts::U13>;
    let aad = [0x5a; 58];
    let payload = vec![7; size];
    let mut buffer = payload.clone();
    macro_rules! run {
        ($cipher:expr, $nonce:expr) => {{
            let cipher = $cipher;
            Box::new(move || {
                buffer.copy_from_slice(&payload);
                let tag = cipher.encrypt_in_place_detached($nonce, black_box(&aad), &mut buffer).expect("seal");
                cipher.decrypt_in_place_detached($nonce, black_box(&aad), &mut buffer, &tag).expect("open");
                assert_eq!(buffer, payload);
            })
        }};
    }
    match suite {
        Suite::X25519ChaCha => run!(chacha20poly1305::ChaCha20Poly1305::new(&[1; 32].into()), &[2; 12].into()),
        // What the others use for records.
        Suite::P256Ccm | Suite::P256Ccm16 | Suite::X25519Ccm => run!(Ccm8::new(&[1; 16].into()), &[2; 13].into()),
    }
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let scale = |count: u32| if quick { (count / 100).max(1) } else { count };
    println!("one thread, both ends, no transport; median of {BATCHES} batches");
    for (suite, name) in [
        (Suite::X25519ChaCha, "suite 4: X25519, ChaCha20/Poly1305, 16-byte tag"),
        (Suite::P256Ccm, "suite 2: P-256, AES-CCM-16-64-128, 8-byte tag"),
    ] {
        println!("\n{name}");
        let (one, other) = port::parties(suite);
        let (.., [m1, m2, m3, m4]) = handshake(&mut (endpoint(suite), one), &mut (endpoint(suite), other), &mut [0; 2048]);
        println!("  handshake, frame bytes    {m1} + {m2} + {m3} + {m4} = {}, credentials by kid", m1 + m2 + m3 + m4);
        let time = handshakes(suite, scale(300));
        println!("  handshake                 {:>10.0} /s  {:>9.1} us", per_second(time), time.as_secs_f64() * 1e6);
        for size in [64, 1024] {
            let (ours, theirs, ratio) = compare(scale(20_000), &mut record(suite, size), &mut bare(suite, size));
            println!(
                "  record of {size:>4} B          {:>10.0} /s  {:>9.2} us   bare AEAD {:>7.2} us   ratio {:.2}",
                per_second(ours),
                ours.as_secs_f64() * 1e6,
                theirs.as_secs_f64() * 1e6,
                ratio
            );
        }
    }
}
