//! Store before use; limits; restored edges.

use super::*;

const PLAN: Plan = Plan { ahead: 4, edge_ahead: 4, numbers_ahead: 2, receiving: None, committing: None };

#[test]
fn nothing_is_sent_before_it_is_stored() {
    let (mut i, _) = pair(SUITE);
    assert!(i.must_store_to_send(false));
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::StorageFailed));
    i.stored(&PLAN);
    for partial_iv in 0..4 {
        assert_eq!(protect(&mut i, &data(b"x"), None).unwrap()[3], partial_iv);
    }
    assert!(i.must_store_to_send(false));
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::StorageFailed));
    i.stored(&PLAN);
    assert_eq!(protect(&mut i, &data(b"x"), None).unwrap()[3], 4);
    // Numbers have a reservation of their own.
    assert!(!i.must_store_to_send(true));
    assert_eq!((i.sent.take(), i.sent.take(), i.sent.take()), (Ok(0), Ok(1), Err(Error::StorageFailed)));
    assert!(i.must_store_to_send(true) && !i.must_store_to_send(false));
}

#[test]
fn nothing_is_accepted_before_its_edge_is_stored() {
    let (mut i, mut r) = pair(SUITE);
    i.make_volatile();
    let frames: Vec<_> = (0..8).map(|_| protect(&mut i, &data(b"x"), None).unwrap()).collect();
    assert_eq!(receive(&mut r, &frames[0], None).unwrap_err(), Error::StorageFailed);
    // Without anything received there is no edge to state.
    r.stored(&PLAN);
    assert_eq!(r.resume_edge(), None);
    let at = Position { epoch: 0, partial_iv: 0 };
    assert!(r.must_store_to_accept(at));
    r.stored(&Plan { receiving: Some(at), ..PLAN });
    assert_eq!(r.resume_edge(), Some(4));
    for frame in &frames[..5] {
        receive(&mut r, frame, None).unwrap();
    }
    assert_eq!(receive(&mut r, &frames[5], None).unwrap_err(), Error::StorageFailed);
    r.stored(&PLAN);
    assert_eq!(r.resume_edge(), Some(8));
    receive(&mut r, &frames[5], None).unwrap();
    assert_eq!(receive(&mut r, &frames[5], None).unwrap_err(), Error::Duplicate);
}

#[test]
fn a_record_is_accepted_once_even_if_it_was_opened_twice() {
    let (mut i, mut r) = volatile_pair(SUITE);
    let mut first = protect(&mut i, &data(b"x"), None).unwrap();
    let mut second = first.clone();
    let header = Header::parse(&first, 2).unwrap();
    let a = r.unprotect(&mut provider(), &header, None, &mut first).unwrap().at;
    let b = r.unprotect(&mut provider(), &header, None, &mut second).unwrap().at;
    r.accept(a).unwrap();
    assert_eq!(r.accept(b), Err(Error::Duplicate));
    assert_eq!(r.accept(Position { epoch: 1, partial_iv: 0 }), Err(Error::StaleEpoch));
}

#[test]
fn a_resume_moves_the_sender_above_the_edge() {
    let (mut i, _) = pair(SUITE);
    i.stored(&PLAN);
    let at = Position { epoch: 0, partial_iv: 9 };
    i.on_resume(at, Some(99)).unwrap();
    assert!(i.must_store_to_send(false));
    i.stored(&PLAN);
    assert_eq!(protect(&mut i, &data(b"x"), None).unwrap()[3], 100);
    i.on_resume(at, Some(50)).unwrap();
    i.on_resume(at, None).unwrap();
    assert_eq!(protect(&mut i, &data(b"x"), None).unwrap()[3], 101);
    assert_eq!(i.on_resume(Position { epoch: 1, partial_iv: 0 }, None), Err(Error::StaleEpoch));
}

#[test]
fn a_long_tag_ends_at_two_to_the_forty() {
    let Some(suite) = Suite::from_number(4) else { return };
    let (mut i, mut r) = volatile_pair(suite);
    i.context_mut(0).next = PARTIAL_IV_LIMIT * 3 / 4 - 1;
    assert!(!i.wants_update());
    protect(&mut i, &data(b"x"), None).unwrap();
    assert!(i.wants_update());
    i.context_mut(0).next = PARTIAL_IV_LIMIT - 1;
    let last = protect(&mut i, &data(b"x"), None).unwrap();
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::KeyExhausted));
    receive(&mut r, &last, None).unwrap();
    assert!(r.wants_update());
}

#[test]
fn a_short_tag_ends_at_two_to_the_twenty_records_and_failures() {
    let Some(suite) = Suite::from_number(2) else { return };
    let (mut i, mut r) = volatile_pair(suite);
    i.context_mut(0).next = SHORT_TAG_LIMIT - 1;
    let last = protect(&mut i, &data(b"x"), None).unwrap();
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::KeyExhausted));
    // A Partial IV above is refused before any cryptography.
    let mut beyond = last.clone();
    beyond.splice(3..6, [0x10, 0, 0]);
    assert_eq!(receive(&mut r, &beyond, None).unwrap_err(), Error::Malformed);
    assert_eq!(r.failures(), 0);
    let mut forged = last.clone();
    *forged.last_mut().unwrap() ^= 1;
    r.context_mut(0).failures = (1 << 20) - 1;
    assert!(r.wants_update());
    assert_eq!(receive(&mut r, &forged, None).unwrap_err(), Error::DecryptFailed);
    assert_eq!(r.failures(), 1 << 20);
    assert_eq!(receive(&mut r, &last, None).unwrap_err(), Error::KeyExhausted);
    assert_eq!(r.failures(), 1 << 20);
}

#[test]
fn reservations_stay_below_the_limit() {
    let Some(suite) = Suite::from_number(2) else { return };
    let (mut i, mut r) = pair(suite);
    i.context_mut(0).next = SHORT_TAG_LIMIT - 2;
    i.stored(&PLAN);
    protect(&mut i, &data(b"x"), None).unwrap();
    let last = protect(&mut i, &data(b"x"), None).unwrap();
    // No store helps, before or after it.
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::KeyExhausted));
    i.stored(&PLAN);
    assert_eq!(protect(&mut i, &data(b"x"), None), Err(Error::KeyExhausted));
    let at = Position { epoch: 0, partial_iv: SHORT_TAG_LIMIT - 1 };
    r.stored(&Plan { receiving: Some(at), ..PLAN });
    receive(&mut r, &last, None).unwrap();
    assert_eq!(r.resume_edge(), Some(SHORT_TAG_LIMIT - 1));
}

#[test]
fn a_session_fits_its_memory() {
    // Two epochs of keys and counters, and a whole session's record layer, in bytes.
    assert!(size_of::<EpochContext>() * 2 <= 350, "{}", size_of::<EpochContext>());
    assert!(size_of::<SecurityContext>() <= 500, "{}", size_of::<SecurityContext>());
}
