//! EAD items and identifiers that an endpoint of ours does not send, by the Responder's steps.

use super::*;
use crate::bytes::Writer;
use crate::crypto::{Curve, Suite};
use crate::edhoc::{ConnectionId, Ead, Ephemeral, Methods, ignore_ead, process_message_1};

/// A handshake with these items and this C_R, as far as it gets.
fn handshake(c_r: &[u8], ead_2: &[Ead<'_>], ead_4: &[Ead<'_>]) -> (Sensor, Result<()>) {
    let Pair { mut a, mut hub, .. } = Pair::new();
    a.connect(0);
    let message_1 = a.frames(0).remove(0);
    let (mut scratch, mut buffer) = ([0; 256], [0; 256]);
    let y = Ephemeral::generate(&mut hub.port, Curve::X25519).unwrap();
    let c_r = ConnectionId::new(c_r).unwrap();
    let mut out = Writer::new(&mut buffer);
    let (port, ignore) = (&mut hub.port, &mut ignore_ead);
    let suites = [Suite::X25519ChaCha];
    let awaiting = process_message_1(port, Methods::ALL, &suites, &y, c_r, &message_1[1..], ignore, ead_2, &mut scratch, &mut out).unwrap();
    let message_2 = [&[2, a.device.handshake.c_i], out.written()].concat();
    if let Err(error) = a.input(0, &message_2) {
        return (a, Err(error));
    }
    let message_3 = a.frames(0).remove(0);
    let (addressee, message) = message_3[1..].split_at(c_r.as_bytes().len());
    assert_eq!(addressee, c_r.as_bytes());
    let mut buffer = [0; 256];
    let mut out = Writer::new(&mut buffer);
    let completed = awaiting.process_message_3(&mut hub.port, message, None, &mut ignore_ead, ead_4, &mut scratch, &mut out).unwrap();
    let message_4 = [&[4, a.device.handshake.c_i], out.written()].concat();
    let result = a.input(0, &message_4);
    if result.is_ok() {
        assert_eq!(a.device.session.context.prk_out.expose(), completed.prk_out().expose());
        assert_eq!(a.device.sid().unwrap(), completed.th_4[..8]);
    }
    (a, result)
}

const PADDING: Ead<'static> = Ead { label: 0, value: Some(&[0; 9]) };
const INBOX: Ead<'static> = Ead { label: 32_768, value: Some(b"hub-2") };
const CRITICAL: Ead<'static> = Ead { label: -70, value: None };

#[test]
fn items_that_are_not_critical_are_passed_over() {
    for items in [&[][..], &[PADDING], &[INBOX], &[PADDING, INBOX, Ead { label: 40_000, value: None }]] {
        let (_, result) = handshake(&[9], items, &[]);
        assert_eq!(result, Ok(()));
        let (_, result) = handshake(&[9], items, items);
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn critical_items_are_refused_in_either_message() {
    for items in [&[CRITICAL][..], &[PADDING, CRITICAL], &[Ead { label: -32_768, value: Some(b"hub") }]] {
        for (ead_2, ead_4) in [(items, &[][..]), (&[], items)] {
            let (mut a, result) = handshake(&[9], ead_2, ead_4);
            assert_eq!(result, Err(Error::UnknownCriticalEad));
            assert_eq!((a.device.sid(), a.device.failures), (None, 1));
            assert!(a.port.stored.is_empty());
            for now in [0, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000] {
                a.frames(now);
            }
            assert_eq!(a.take_events(), [Event::HandshakeFailed { reason: Error::UnknownCriticalEad }]);
        }
    }
}

#[test]
fn identifiers_of_the_hub_of_every_length() {
    for c_r in [&[9][..], &[0x37], &[0x18], &[0xff], &[1, 2], &[0, 0, 0], &[0xaa, 0xbb, 0xcc, 0xdd]] {
        let (mut a, result) = handshake(c_r, &[], &[]);
        assert_eq!(result, Ok(()), "{c_r:02x?}");
        let record = a.frames(0).remove(0);
        assert_eq!(record[1..=c_r.len()], *c_r);
        // And after a restart.
        assert!(a.restart(0));
        assert_eq!(a.frames(0).remove(0)[1..=c_r.len()], *c_r);
        let unknown = [&[6][..], c_r].concat();
        a.input(0, &unknown).unwrap();
        assert!(a.device.is_connecting());
    }
}

#[test]
fn a_message_2_that_is_too_long() {
    let long = Ead { label: 0, value: Some(&[0; 80]) };
    let (_, result) = handshake(&[9], &[long], &[]);
    assert_eq!(result, Err(Error::BufferTooSmall));
    let (_, result) = handshake(&[9], &[], &[long]);
    assert_eq!(result, Ok(()));
}
