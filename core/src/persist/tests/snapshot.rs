use crate::bytes::Secret;
use crate::error::Error;
use crate::persist::snapshot::{SNAPSHOT_MAX, decode, encode};
use crate::persist::{EndedSession, SessionMeta};
use crate::record::tests::{SUITE, control, data, pair, protect, provider, receive, volatile_pair};
use crate::record::{Options, Plan, Position, SecurityContext, Seen, Updating};
use std::vec::Vec;

const PLAN: Plan = Plan { ahead: 10, edge_ahead: 10, numbers_ahead: 4, receiving: None, committing: None };

fn stored(context: &SecurityContext, meta: &SessionMeta<'_>, plan: &Plan) -> Vec<u8> {
    let mut out = [0xaa; SNAPSHOT_MAX + 5];
    let length = encode(&mut provider(), context, meta, plan, &mut out).unwrap();
    out[..length].to_vec()
}

fn restored(context: &SecurityContext, plan: &Plan) -> SecurityContext {
    decode(&mut provider(), &stored(context, &SessionMeta::default(), plan)).unwrap().0
}

/// A session in which much has happened.
fn lived() -> (SecurityContext, SecurityContext) {
    let (mut i, mut r) = pair(SUITE);
    i.stored(&PLAN);
    for _ in 0..3 {
        let number = i.sent.take().unwrap();
        let message = crate::record::Outgoing { number: Some(number), ..data(b"x") };
        let frame = protect(&mut i, &message, None).unwrap();
        r.stored(&Plan { receiving: Some(Position { epoch: 0, partial_iv: number }), ..PLAN });
        receive(&mut r, &frame, None).unwrap();
        r.received.deliver(number).unwrap();
    }
    r.stored(&Plan { committing: Some(1), ..PLAN });
    (i, r)
}

#[test]
fn what_the_endpoint_adds_comes_back() {
    let (i, r) = lived();
    let meta = SessionMeta {
        route: b"wearable-17",
        confirmed: true,
        flags: 0xc5,
        tag: 0x0102_0304,
        keyless: false,
        ended: [None, Some(EndedSession { sid: *b"the last", received: r.received })],
    };
    let image = stored(&i, &meta, &PLAN);
    let (context, back) = decode(&mut provider(), &image).unwrap();
    let [None, Some(ended)] = back.ended else { panic!("{:?}", back.ended) };
    assert_eq!((ended.received.check(1), ended.received.check(2)), (Ok(Seen::Committed), Ok(Seen::New)));
    assert_eq!(ended.sid, *b"the last");
    assert_eq!((back.route, back.confirmed, back.flags, back.tag), (&b"wearable-17"[..], true, 0xc5, 0x0102_0304));
    assert_eq!(context.parties(), i.parties());
    assert!(context.prk_out() == i.prk_out());
    let image = stored(&i, &SessionMeta::default(), &PLAN);
    let (_, plain) = decode(&mut provider(), &image).unwrap();
    assert_eq!(plain, SessionMeta::default());
    let longest = SessionMeta { route: &[7; 24], ..SessionMeta::default() };
    assert_eq!(decode(&mut provider(), &stored(&i, &longest, &PLAN)).unwrap().1, longest);
    let longer = SessionMeta { route: &[7; 25], ..SessionMeta::default() };
    assert_eq!(encode(&mut provider(), &i, &longer, &PLAN, &mut [0; SNAPSHOT_MAX]), Err(Error::InvalidArgument));
}

#[test]
fn a_store_that_does_not_resist_rollback_holds_no_key() {
    let (i, _) = lived();
    let secret = i.prk_out().expose().as_slice();
    let meta = SessionMeta { keyless: true, ..SessionMeta::default() };
    assert!(stored(&i, &SessionMeta::default(), &PLAN).windows(secret.len()).any(|part| part == secret));
    let bytes = stored(&i, &meta, &PLAN);
    assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    let (mut context, back) = decode(&mut provider(), &bytes).unwrap();
    assert!(back.keyless);
    // What it remembers is there; what it might say is not.
    assert_eq!(context.sent.outstanding().count(), restored(&i, &PLAN).sent.outstanding().count());
    context.stored(&PLAN);
    assert!(protect(&mut context, &data(b"x"), None).is_err());
}

#[test]
fn a_sender_goes_on_at_its_reservation_and_stores_first() {
    let (i, mut r) = lived();
    let mut back = restored(&i, &PLAN);
    assert!(back.must_store_to_send(false));
    assert_eq!(protect(&mut back, &data(b"x"), None), Err(Error::StorageFailed));
    back.stored(&PLAN);
    let frame = protect(&mut back, &data(b"x"), None).unwrap();
    // 3 were sent and 10 reserved from there.
    assert_eq!(frame[3], 13);
    r.stored(&Plan { receiving: Some(Position { epoch: 0, partial_iv: 13 }), ..PLAN });
    assert_eq!(receive(&mut r, &frame, None).unwrap().0.missing, 10);
    // 0 to 2 were sent, 3 to 6 may have been.
    assert_eq!(back.sent.outstanding().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_receiver_takes_nothing_up_to_its_edge() {
    let (mut i, r) = lived();
    let mut back = restored(&r, &PLAN);
    assert_eq!(back.resume_edge(), Some(12));
    assert_eq!(back.received.check(1), Ok(Seen::Committed));
    assert_eq!(back.received.check(2), Ok(Seen::New));
    i.stored(&Plan { ahead: 100, edge_ahead: 100, ..PLAN });
    for partial_iv in 3..=13 {
        let frame = protect(&mut i, &data(b"x"), None).unwrap();
        assert_eq!(frame[3], partial_iv);
        let outcome = receive(&mut back, &frame, None).map(|_| ());
        // The edge covers up to 12; 13 needs a store first.
        assert_eq!(outcome, Err(if partial_iv < 13 { Error::Replay } else { Error::StorageFailed }));
    }
}

#[test]
fn failures_count_on_after_a_restart() {
    let (mut i, mut r) = lived();
    let mut frame = protect(&mut i, &data(b"x"), None).unwrap();
    *frame.last_mut().unwrap() ^= 1;
    assert_eq!(receive(&mut r, &frame, None).unwrap_err(), Error::DecryptFailed);
    assert_eq!(restored(&r, &PLAN).failures(), 1);
}

#[test]
fn every_stage_of_a_key_update_comes_back() {
    let (mut i, mut r) = volatile_pair(SUITE);
    let (mut si, mut sr) = pair(SUITE);
    si.stored(&PLAN);
    sr.stored(&PLAN);
    assert_eq!(restored(&si, &PLAN).updating(), Updating::Idle);
    si.request_update([1; 8]).unwrap();
    i.request_update([1; 8]).unwrap();
    let request = si.update_option().unwrap();
    assert_eq!(restored(&si, &PLAN).update_option(), Some(request));

    let at = Position { epoch: 0, partial_iv: 0 };
    let response = sr.on_update_request(&mut provider(), at, &request, [2; 8]).unwrap().unwrap();
    r.on_update_request(&mut provider(), at, &request, [2; 8]).unwrap();
    let mut back = restored(&sr, &PLAN);
    assert_eq!((back.updating(), back.epoch(), back.sending_epoch()), (Updating::Responded, 0, 0));
    assert_eq!(back.on_update_request(&mut provider(), at, &request, [3; 8]), Ok(Some(response)));

    assert!(si.on_update_response(&mut provider(), at, &response).unwrap());
    i.on_update_response(&mut provider(), at, &response).unwrap();
    let mut moved = restored(&si, &PLAN);
    assert_eq!((moved.updating(), moved.epoch(), moved.sending_epoch()), (Updating::Moved, 0, 1));
    assert_eq!(moved.resume_edge(), None);

    // The first record under new keys: in the snapshot that lets it be accepted, the old epoch has ended.
    moved.stored(&PLAN);
    let first = protect(&mut moved, &control(Options { ping: true, ..Options::default() }), None).unwrap();
    let at = Position { epoch: 1, partial_iv: u64::from(first[3]) };
    let plan = Plan { receiving: Some(at), ..PLAN };
    assert!(back.must_store_to_accept(at));
    let after = restored(&back, &plan);
    assert_eq!((after.updating(), after.epoch()), (Updating::Idle, 1));
    assert_eq!(after.resume_edge(), Some(at.partial_iv + 10));
    back.stored(&plan);
    assert!(receive(&mut back, &first, None).unwrap().0.key_updated);
    assert!(back.prk_out() == after.prk_out());
}

#[test]
fn damage_and_other_versions_are_refused() {
    let (i, _) = lived();
    let good = stored(&i, &SessionMeta::default(), &PLAN);
    assert_eq!(good.len(), SNAPSHOT_MAX);
    assert_eq!(good[0], 1);
    for at in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut damaged = good.clone();
            damaged[at] ^= bit;
            let expected = if at == 0 { Error::UnsupportedState } else { Error::CorruptState };
            assert_eq!(decode(&mut provider(), &damaged).err(), Some(expected), "byte {at}");
        }
    }
    for length in 0..good.len() {
        assert_eq!(decode(&mut provider(), &good[..length]).err(), Some(Error::CorruptState), "{length} bytes");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(decode(&mut provider(), &longer).err(), Some(Error::CorruptState));
    for version in [0, 2, 255] {
        let mut other = good.clone();
        other[0] = version;
        assert_eq!(decode(&mut provider(), &other).err(), Some(Error::UnsupportedState));
    }
}

/// With a check that fits, values that no encoder writes are refused all the same.
#[test]
fn well_checked_nonsense_is_refused() {
    use crate::crypto::Provider;
    let (i, _) = lived();
    let good = stored(&i, &SessionMeta::default(), &PLAN);
    for (at, value, error) in [
        (1, 99, Error::UnsupportedState),
        (2, 0x20, Error::CorruptState),
        (3, 4, Error::CorruptState),
        (9, 0, Error::CorruptState),
        (9, 5, Error::CorruptState),
        (14, 0, Error::CorruptState),
        (59, 25, Error::CorruptState),
        // next number above the reserved one
        (112, 1, Error::CorruptState),
        // committed above next
        (144, 0x80, Error::CorruptState),
        // a reservation of 2^56 Partial IVs, an edge of the same
        (232, 1, Error::CorruptState),
        (240, 1, Error::CorruptState),
    ] {
        let mut bytes = good[..SNAPSHOT_MAX - 8].to_vec();
        bytes[at] = value;
        let check = provider().hash(&[&bytes]);
        bytes.extend(&check[..8]);
        assert_eq!(decode(&mut provider(), &bytes).err(), Some(error), "byte {at}");
    }
}

#[test]
fn encoding_is_deterministic_and_needs_its_room() {
    let (i, r) = lived();
    assert_eq!(stored(&i, &SessionMeta::default(), &PLAN), stored(&i, &SessionMeta::default(), &PLAN));
    assert_eq!(stored(&restored(&r, &PLAN), &SessionMeta::default(), &Plan { ahead: 0, edge_ahead: 0, ..PLAN }).len(), SNAPSHOT_MAX);
    for room in [0, 1, 100, SNAPSHOT_MAX - 1] {
        let mut out = std::vec![0; room];
        let outcome = encode(&mut provider(), &i, &SessionMeta::default(), &PLAN, &mut out);
        assert_eq!(outcome, Err(Error::BufferTooSmall));
    }
}

#[test]
fn a_volatile_session_is_never_stored() {
    let (i, _) = volatile_pair(SUITE);
    let mut out = [0; SNAPSHOT_MAX];
    assert_eq!(encode(&mut provider(), &i, &SessionMeta::default(), &PLAN, &mut out), Err(Error::WrongState));
    assert!(i.prk_out() == &Secret::from([0x42; 32]));
}
