use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Sender numbers that never need to be stored.
fn sender() -> SentNumbers {
    let mut sent = SentNumbers::new();
    sent.set_reserved(u64::MAX);
    sent
}

#[test]
fn an_acknowledgement_names_the_highest_and_what_lacks_below() {
    let mut received = ReceivedNumbers::new();
    assert_eq!(received.ack(), None);
    for number in 0..=5 {
        received.deliver(number).unwrap();
    }
    assert_eq!(received.ack(), None);
    [0, 2, 5].into_iter().for_each(|number| received.commit(number));
    // 4 and 3 lack (bits 0, 1), 1 lacks (bit 3).
    assert_eq!(received.ack(), Some(Ack { top: 5, missing: 0b1011 }));
    let ack = received.ack().unwrap();
    assert_eq!((0..8).filter(|number| ack.covers(*number)).collect::<Vec<_>>(), [0, 2, 5]);
}

#[test]
fn only_delivered_numbers_are_committed() {
    let mut received = ReceivedNumbers::new();
    received.deliver(3).unwrap();
    assert_eq!(received.can_commit(2), Err(Error::InvalidArgument));
    assert_eq!(received.can_commit(4), Err(Error::InvalidArgument));
    let before = received;
    received.commit(2);
    assert_eq!(received, before);
    assert_eq!(received.can_commit(3), Ok(()));
    received.commit(3);
    assert_eq!(received.check(3), Ok(Seen::Committed));
    assert_eq!(received.ack(), Some(Ack { top: 3, missing: 0b111 }));
}

#[test]
fn delivered_is_forgotten_by_a_restart_and_committed_is_not() {
    let mut received = ReceivedNumbers::new();
    received.deliver(0).unwrap();
    received.deliver(1).unwrap();
    assert_eq!(received.deliver(1), Err(Error::Duplicate));
    received.commit(0);
    assert_eq!(received.check(1), Ok(Seen::Delivered));
    let restored = ReceivedNumbers::restored(received.next(), received.committed_bits()).unwrap();
    assert_eq!(restored.check(0), Ok(Seen::Committed));
    assert_eq!(restored.check(1), Ok(Seen::New));
}

#[test]
fn sixty_four_unacknowledged_and_no_more() {
    let mut sent = sender();
    for number in 0..64 {
        assert_eq!(sent.take(), Ok(number));
    }
    assert_eq!(sent.take(), Err(Error::WindowFull));
    assert_eq!(sent.on_ack(&Ack { top: 5, missing: 0b1_1111 }), Ok(true));
    assert_eq!(sent.available(), Err(Error::WindowFull));
    assert_eq!(sent.on_ack(&Ack { top: 5, missing: 0b0_1111 }), Ok(true));
    assert_eq!(sent.take(), Ok(64));
    assert_eq!(sent.take(), Err(Error::WindowFull));
    // What comes late takes nothing back.
    assert_eq!(sent.on_ack(&Ack { top: 5, missing: 0b1_1111 }), Ok(false));
    assert!(!sent.is_outstanding(0) && !sent.is_outstanding(5) && sent.is_outstanding(4));
    assert_eq!(sent.on_ack(&Ack { top: 65, missing: 0 }), Err(Error::Malformed));
    assert_eq!(sent.on_ack(&Ack { top: 64, missing: 0 }), Ok(true));
    assert_eq!(sent.outstanding().count(), 0);
}

#[test]
fn a_number_not_used_can_be_given_back() {
    let mut sent = sender();
    assert_eq!(sent.take(), Ok(0));
    assert_eq!(sent.take(), Ok(1));
    sent.give_back(0);
    assert_eq!(sent.next(), 2);
    sent.give_back(1);
    assert_eq!(sent.outstanding().collect::<Vec<_>>(), [0]);
    assert_eq!(sent.take(), Ok(1));
    sent.abandon(0);
    assert_eq!(sent.outstanding().collect::<Vec<_>>(), [1]);
    sent.abandon_all();
    assert_eq!(sent.outstanding().count(), 0);
}

#[test]
fn numbers_need_a_stored_reservation() {
    let mut sent = SentNumbers::new();
    assert_eq!(sent.take(), Err(Error::StorageFailed));
    sent.set_reserved(sent.reserve(2));
    assert_eq!((sent.take(), sent.take()), (Ok(0), Ok(1)));
    assert_eq!(sent.take(), Err(Error::StorageFailed));
}

#[test]
fn after_a_restore_all_that_may_have_been_used_is_outstanding() {
    let mut sent = SentNumbers::new();
    sent.set_reserved(sent.reserve(4));
    assert_eq!((sent.take(), sent.take()), (Ok(0), Ok(1)));
    assert_eq!(sent.on_ack(&Ack { top: 0, missing: 0 }), Ok(true));
    // Stored now: 1 is outstanding, 2 to 5 may be used.
    let restored = SentNumbers::restored(sent.next(), sent.reserve(4), sent.outstanding_bits()).unwrap();
    assert_eq!(restored.next(), 6);
    assert_eq!(restored.outstanding().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    for (next, reserved, outstanding) in [(5, 4, 0), (0, 65, 0), (10, 11, 1 << 63)] {
        assert_eq!(SentNumbers::restored(next, reserved, outstanding), Err(Error::CorruptState));
    }
}

#[test]
fn an_ack_that_cannot_be_is_malformed() {
    for (top, missing, good) in [
        (0, 0, true),
        (0, 1, false),
        (1, 1, true),
        (1, 2, false),
        (62, 1 << 61, true),
        (62, 1 << 62, false),
        (63, u64::MAX >> 1, true),
        (63, 1 << 63, false),
        (u64::MAX, 1 << 63, false),
        (u64::MAX, u64::MAX >> 1, true),
    ] {
        assert_eq!(Ack { top, missing }.check().is_ok(), good, "{top} {missing:x}");
    }
}

proptest! {
    /// A sender and a receiver under loss, reordering and restarts of both, against plain sets: whatever the sender takes for
    /// acknowledged is committed, no message is committed twice, and in the end everything is.
    #[test]
    fn acknowledged_is_always_committed(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut sent = SentNumbers::new();
        let (mut received, mut stored_received) = (ReceivedNumbers::new(), ReceivedNumbers::new());
        let mut stored_sent = sent;
        let mut outbox = BTreeSet::new();
        let mut committed = BTreeSet::new();
        let mut delivered: Vec<u64> = Vec::new();
        let mut line: Vec<u64> = Vec::new();
        let mut acks: Vec<Ack> = Vec::new();
        for step in 0..3000 {
            let quiet = step > 2500;
            match dice.below(12) {
                0..=3 if !quiet && sent.available().is_ok() => {
                    if sent.must_store() {
                        stored_sent = SentNumbers::restored(sent.next(), sent.reserve(16), sent.outstanding_bits()).unwrap();
                        sent.set_reserved(sent.reserve(16));
                    }
                    let number = sent.take().unwrap();
                    prop_assert!(outbox.insert(number));
                    line.push(number);
                }
                4 => {
                    // Send again, as after a timer.
                    line.extend(outbox.iter().filter(|number| sent.is_outstanding(**number)).take(3));
                }
                5..=7 if !line.is_empty() => {
                    let at = dice.below(line.len() as u64) as usize;
                    let number = line.swap_remove(at);
                    if quiet || dice.percent(70) {
                        match received.check(number).unwrap() {
                            Seen::New => {
                                prop_assert!(!committed.contains(&number));
                                received.deliver(number).unwrap();
                                delivered.push(number);
                            }
                            Seen::Delivered => prop_assert!(delivered.contains(&number)),
                            Seen::Committed => {
                                prop_assert!(committed.contains(&number) || !outbox.contains(&number));
                                acks.extend(received.ack());
                            }
                        }
                    }
                }
                8 | 9 if !delivered.is_empty() => {
                    let at = dice.below(delivered.len() as u64) as usize;
                    let number = delivered.swap_remove(at);
                    received.can_commit(number).unwrap();
                    received.commit(number);
                    stored_received = received;
                    prop_assert!(committed.insert(number), "{} committed twice", number);
                    acks.extend(received.ack());
                }
                10 if !acks.is_empty() => {
                    let at = dice.below(acks.len() as u64) as usize;
                    let ack = acks.swap_remove(at);
                    if quiet || dice.percent(70) {
                        sent.on_ack(&ack.check().unwrap()).unwrap();
                        for number in &outbox {
                            prop_assert!(sent.is_outstanding(*number) || committed.contains(number), "{} lost", number);
                        }
                    }
                }
                11 if !quiet && dice.percent(5) => {
                    if dice.percent(50) {
                        sent = stored_sent;
                        // The application has what it sent; the rest was never sent.
                        let outstanding: Vec<u64> = sent.outstanding().collect();
                        for number in outstanding.into_iter().filter(|number| !outbox.contains(number)) {
                            sent.abandon(number);
                        }
                        for number in &outbox {
                            prop_assert!(sent.is_outstanding(*number) || committed.contains(number));
                        }
                    } else {
                        received = ReceivedNumbers::restored(stored_received.next(), stored_received.committed_bits()).unwrap();
                        delivered.clear();
                    }
                }
                _ => {}
            }
        }
        // Loss has stopped: send again until nothing is outstanding.
        for _ in 0..100 {
            for number in outbox.clone() {
                if sent.is_outstanding(number) && received.check(number).unwrap() == Seen::New {
                    received.deliver(number).unwrap();
                    received.commit(number);
                    prop_assert!(committed.insert(number));
                }
            }
            for number in delivered.drain(..) {
                received.commit(number);
                committed.insert(number);
            }
            if let Some(ack) = received.ack() {
                sent.on_ack(&ack).unwrap();
            }
        }
        prop_assert_eq!(committed, outbox);
        prop_assert_eq!(sent.outstanding().count(), 0);
    }
}

#[test]
fn offers_live_for_their_time_and_only_the_two_newest() {
    let mut offers = OwnOffers::new();
    assert!(offers.due(0, 10_000));
    assert_eq!(offers.check(Some([1; 8]), 0, 10_000), Err(Error::Stale));
    offers.issue(1_000, [1; 8]);
    assert!(!offers.due(6_000, 10_000));
    assert!(offers.due(6_001, 10_000));
    assert_eq!(offers.check(Some([1; 8]), 11_000, 10_000), Ok(()));
    assert_eq!(offers.check(Some([1; 8]), 11_001, 10_000), Err(Error::Stale));
    assert_eq!(offers.check(Some([2; 8]), 2_000, 10_000), Err(Error::Stale));
    assert_eq!(offers.check(None, 2_000, 10_000), Err(Error::Stale));
    offers.issue(2_000, [2; 8]);
    assert_eq!(offers.check(Some([1; 8]), 3_000, 10_000), Ok(()));
    offers.issue(3_000, [3; 8]);
    assert_eq!(offers.check(Some([1; 8]), 3_000, 10_000), Err(Error::Stale));
    assert_eq!(offers.check(Some([2; 8]), 3_000, 10_000), Ok(()));
    assert_eq!(offers.newest(), Some([3; 8]));
    // A timer that ran backwards revives nothing.
    assert_eq!(offers.check(Some([3; 8]), 2_999, 10_000), Err(Error::Stale));
    assert!(offers.due(2_999, 10_000));
}

#[test]
fn a_sender_answers_the_newest_offer_even_if_records_overtake() {
    let mut offer = PeerOffer::new();
    assert_eq!(offer.newest(), None);
    offer.learn([1; 8], Position { epoch: 0, partial_iv: 9 });
    offer.learn([2; 8], Position { epoch: 0, partial_iv: 7 });
    assert_eq!(offer.newest(), Some([1; 8]));
    offer.learn([3; 8], Position { epoch: 1, partial_iv: 0 });
    assert_eq!(offer.newest(), Some([3; 8]));
}
