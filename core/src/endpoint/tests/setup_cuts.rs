//! Power cuts at every store operation of a change of ownership, and stores that lie about failing (PROTOCOL 10.7).

use super::setup::{KEY, Phone, device, exchange, label, owned, ownership, phone};
use super::*;
use crate::setup::{Claim, Ownership, Standing, Statement};

const NOW: u64 = 5_000;

/// A new process over the same store.
fn restart(device: &mut Node) {
    device.port.charge = None;
    device.port.deny_saves = false;
    device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
    device.endpoint.enable_setup(&mut device.port, KEY, label()).unwrap();
    device.endpoint.restore(&mut device.port, NOW).unwrap();
    device.take_events();
}

/// What a change is about.
struct Change {
    device: Node,
    /// Owner before; then who is to come in.
    before: Option<Phone>,
    newcomer: Phone,
    statement: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Setup,
    Release,
    Delegation,
    Reset,
    Revocation,
}

impl Change {
    fn new(what: What) -> Self {
        let newcomer = phone(3, true);
        if what == What::Setup {
            let mut device = device(true);
            device.endpoint.open_setup(0, 600_000).unwrap();
            return Change { device, before: None, newcomer, statement: Vec::new() };
        }
        let (mut device, mut before) = owned(true);
        let mut newcomer = newcomer;
        let kind = if what == What::Release { Statement::Release } else { Statement::Delegation };
        let statement = before.states(kind, &device, newcomer.thumbprint());
        if what == What::Revocation {
            newcomer.claims(0, &mut device, &Claim::Delegation { statement: &statement }).unwrap();
        }
        Change { device, before: Some(before), newcomer, statement }
    }

    /// Makes it once; frames go to and fro as far as they get.
    fn attempt(&mut self, what: What) -> Result<()> {
        let Change { device, newcomer, statement, .. } = self;
        let anchor = newcomer.anchor;
        match what {
            What::Setup => newcomer.claims(NOW, device, &Claim::Setup { secret: &label(), anchor: Some(&anchor) }),
            What::Release => newcomer.claims(NOW, device, &Claim::Release { statement, anchor: Some(&anchor) }),
            What::Delegation => newcomer.claims(NOW, device, &Claim::Delegation { statement }),
            What::Reset => device.endpoint.reset_ownership(&mut device.port),
            What::Revocation => device.endpoint.revoke(&mut device.port, &newcomer.thumbprint()),
        }
    }

    /// Is the change made, according to the device?
    fn made(&self, what: What) -> bool {
        let (state, newcomer) = (ownership(&self.device), self.newcomer.thumbprint());
        match what {
            What::Setup => state.owner() == Some(newcomer),
            What::Release => state.owner() == Some(newcomer) && state.epoch() == 1,
            What::Delegation => state.delegates().any(|delegate| delegate == newcomer),
            What::Reset => state.owner().is_none() && state.epoch() == 1,
            What::Revocation => state.delegates().count() == 0,
        }
    }

    /// Can whoever lost by the change, or has not gained by it yet, do nothing?
    fn check_sessions(&mut self, what: What) {
        let made = self.made(what);
        let find = |device: &Node, who: &Phone| device.endpoint.find(&who.thumbprint()).is_some();
        if let Some(before) = &self.before
            && matches!(what, What::Release | What::Reset)
        {
            assert!(!(made && find(&self.device, before)), "the old owner has a session");
        }
        match what {
            What::Setup | What::Release | What::Delegation => assert!(made || !find(&self.device, &self.newcomer)),
            What::Revocation => assert!(!made || !find(&self.device, &self.newcomer)),
            What::Reset => {}
        }
    }
}

const ALL: [What; 5] = [What::Setup, What::Release, What::Delegation, What::Reset, What::Revocation];

#[test]
fn a_power_cut_at_any_store_operation_leaves_one_owner_or_the_other() {
    for what in ALL {
        let mut cuts = 0;
        loop {
            let mut change = Change::new(what);
            let before = ownership(&change.device);
            change.device.port.charge = Some(cuts);
            let outcome = change.attempt(what);
            let told = change.newcomer.owned.is_some();
            if change.device.port.charge != Some(0) {
                assert_eq!(outcome, Ok(()), "{what:?} {cuts}");
                break;
            }
            // While the process runs: what the phone was told is what the device knows to be durable.
            change.check_sessions(what);
            restart(&mut change.device);
            let after = ownership(&change.device);
            assert!(!after.is_wiping());
            assert!(after == before || change.made(what), "{what:?} {cuts}");
            assert!(!told || change.made(what), "{what:?} {cuts}: message_4 left before the record was there");
            change.check_sessions(what);
            // Whatever had been reached, the same again leads to the end; after a restart the button has to be pressed again.
            if what == What::Setup && !change.made(what) {
                change.device.endpoint.open_setup(NOW, NOW + 1_000).unwrap();
            }
            if !(change.made(what) && matches!(what, What::Reset | What::Revocation)) {
                change.attempt(what).unwrap();
            }
            assert!(change.made(what), "{what:?} {cuts}");
            assert!(ownership(&change.device).epoch() <= 1);
            change.check_sessions(what);
            cuts += 1;
        }
        let least = match what {
            What::Setup | What::Delegation | What::Revocation => 2,
            What::Release => 4,
            What::Reset => 3,
        };
        assert!(cuts >= least, "{what:?}: {cuts} store operations");
    }
}

#[test]
fn without_a_restart_the_same_message_leads_on() {
    for what in [What::Setup, What::Release, What::Delegation] {
        for cuts in 0..4 {
            let mut change = Change::new(what);
            change.device.port.charge = Some(cuts);
            let anchor = change.newcomer.anchor;
            let claim = match what {
                What::Setup => Claim::Setup { secret: &label(), anchor: Some(&anchor) },
                What::Release => Claim::Release { statement: &change.statement, anchor: Some(&anchor) },
                _ => Claim::Delegation { statement: &change.statement },
            };
            let phone = &mut change.newcomer.node;
            phone.endpoint.claim(&mut phone.port, NOW, Route::default(), change.device.identity.thumbprint, &claim).unwrap();
            let first = exchange(NOW, phone, &mut change.device);
            change.device.port.charge = None;
            // After a success there is nothing to repeat.
            if let Some(at) = phone.endpoint.poll_timeout() {
                phone.endpoint.handle_timeout(&mut phone.port, at).unwrap();
                exchange(at, phone, &mut change.device).unwrap();
            }
            assert!(matches!(first, Ok(()) | Err(Error::StorageFailed)), "{what:?} {cuts}");
            assert!(change.made(what), "{what:?} {cuts}");
            assert!(!ownership(&change.device).is_wiping());
            assert!(ownership(&change.device).epoch() <= 1);
            assert!(change.device.endpoint.find(&change.newcomer.thumbprint()).is_some(), "{what:?} {cuts}");
            change.check_sessions(what);
        }
    }
}

#[test]
fn a_store_that_saves_and_says_that_it_failed_gives_no_device_to_two() {
    for what in ALL {
        let mut change = Change::new(what);
        let before: Ownership = ownership(&change.device);
        change.device.port.deny_saves = true;
        assert_eq!(change.attempt(what), Err(Error::StorageFailed), "{what:?}");
        assert_eq!(ownership(&change.device), before);
        assert_eq!(change.newcomer.owned, None);
        restart(&mut change.device);
        // A revocation begins with the delegate's sessions.
        assert_eq!(change.made(what), what != What::Revocation, "{what:?}");
        change.check_sessions(what);
        if what != What::Reset {
            change.attempt(what).unwrap();
        }
        assert!(change.made(what));
    }
}

#[test]
fn setup_after_half_a_reset_leaves_nothing_of_the_old_owner() {
    // The record alone is durable: its sessions are stored as before.
    let mut change = Change::new(What::Reset);
    let old = change.before.as_ref().unwrap().thumbprint();
    change.device.port.charge = Some(1);
    assert_eq!(change.attempt(What::Reset), Err(Error::StorageFailed));
    assert!(ownership(&change.device).is_wiping());
    change.device.port.charge = None;
    change.device.endpoint.open_setup(NOW, NOW + 1_000).unwrap();
    change.newcomer.sets_up(NOW, &mut change.device).unwrap();
    assert!(!ownership(&change.device).is_wiping());
    restart(&mut change.device);
    assert_eq!(change.device.endpoint.find(&old), None);
    assert!(change.device.endpoint.find(&change.newcomer.thumbprint()).is_some());
}

#[test]
fn a_reset_counts_once_and_ends_what_a_release_had_begun() {
    for (what, epoch) in [(What::Reset, 1), (What::Release, 2)] {
        let mut change = Change::new(what);
        change.device.port.charge = Some(1);
        assert_eq!(change.attempt(what), Err(Error::StorageFailed));
        let halfway = ownership(&change.device);
        assert_eq!((halfway.is_wiping(), halfway.owner().is_some()), (true, what == What::Release));
        change.device.port.charge = None;
        change.device.endpoint.reset_ownership(&mut change.device.port).unwrap();
        let state = ownership(&change.device);
        assert_eq!((state.owner(), state.epoch(), state.is_wiping()), (None, epoch, false));
    }
}

#[test]
fn a_session_that_cannot_be_erased_keeps_the_device_wiping() {
    for what in [What::Reset, What::Release] {
        let mut change = Change::new(what);
        let old = change.before.as_ref().unwrap().thumbprint();
        change.device.port.bad_key = change.device.port.stored.keys().copied().find(|key| *key != KEY);
        assert_eq!(change.attempt(what), Err(Error::StorageFailed));
        assert!(ownership(&change.device).is_wiping());
        assert_eq!(change.device.endpoint.find(&old), None);
        change.device.port.bad_key = None;
        restart(&mut change.device);
        assert!(!ownership(&change.device).is_wiping());
        assert_eq!(change.device.endpoint.find(&old), None);
    }
}

#[test]
fn a_revocation_erases_a_session_that_nobody_has_confirmed() {
    let mut change = Change::new(What::Delegation);
    let Change { device, newcomer, statement, .. } = &mut change;
    let claim = Claim::Delegation { statement };
    let (label, phone) = (device.identity.thumbprint, &mut newcomer.node);
    let before: std::vec::Vec<_> = device.port.stored.keys().copied().collect();
    phone.endpoint.claim(&mut phone.port, NOW, Route::default(), label, &claim).unwrap();
    for frame in phone.frames(NOW) {
        device.input(NOW, Route::default(), None, &frame).unwrap();
    }
    for frame in device.frames(NOW).into_iter().filter(|frame| frame[0] == 2) {
        phone.input(NOW, Route::default(), None, &frame).unwrap();
    }
    for frame in phone.frames(NOW) {
        device.input(NOW, Route::default(), None, &frame).unwrap();
    }
    assert_eq!(device.port.stored.len(), before.len() + 1);
    device.take_events();
    device.endpoint.revoke(&mut device.port, &phone.identity.thumbprint).unwrap();
    assert_eq!(device.port.stored.keys().copied().collect::<std::vec::Vec<_>>(), before);
    // The application has never heard of it.
    assert!(!device.take_events().iter().any(|event| matches!(event, Event::Closed { .. })));
}

#[test]
fn whoever_comes_in_after_the_store_has_failed_is_known_after_a_restart() {
    let mut change = Change::new(What::Revocation);
    let Change { device, newcomer, .. } = &mut change;
    let delegate = newcomer.thumbprint();
    let session = device.endpoint.find(&delegate).unwrap();
    device.endpoint.close(&mut device.port, session).unwrap();
    // The record without the delegate is there, and the device goes on with the one before.
    device.port.deny_saves = true;
    assert_eq!(device.endpoint.revoke(&mut device.port, &delegate), Err(Error::StorageFailed));
    assert_eq!(newcomer.claims(NOW, device, &Claim::Known), Err(Error::StorageFailed));
    assert_eq!(device.endpoint.find(&delegate), None);
    device.port.deny_saves = false;
    newcomer.claims(NOW, device, &Claim::Known).unwrap();
    restart(device);
    assert!(device.endpoint.find(&delegate).is_some());
    assert_eq!(ownership(device).standing(&delegate), Standing::Delegate);
    // Once is enough.
    device.port.stored.remove(&KEY);
    newcomer.claims(NOW, device, &Claim::Known).unwrap();
    assert!(!device.port.stored.contains_key(&KEY));
}

#[test]
fn message_4_lost_is_no_ownership_lost() {
    for restarts in [false, true] {
        let mut change = Change::new(What::Setup);
        let anchor = change.newcomer.anchor;
        let claim = Claim::Setup { secret: &label(), anchor: Some(&anchor) };
        let phone = &mut change.newcomer.node;
        phone.endpoint.claim(&mut phone.port, NOW, Route::default(), change.device.identity.thumbprint, &claim).unwrap();
        for _ in 0..2 {
            for frame in phone.frames(NOW) {
                change.device.input(NOW, Route::default(), None, &frame).unwrap();
            }
            for frame in change.device.frames(NOW).into_iter().filter(|frame| frame[0] == 2) {
                phone.input(NOW, Route::default(), None, &frame).unwrap();
            }
        }
        assert_eq!(ownership(&change.device).owner(), Some(phone.identity.thumbprint));
        if restarts {
            restart(&mut change.device);
            change.newcomer.give_up();
            change.newcomer.sets_up(NOW, &mut change.device).unwrap();
        } else {
            let at = phone.endpoint.poll_timeout().unwrap();
            phone.endpoint.handle_timeout(&mut phone.port, at).unwrap();
            exchange(at, phone, &mut change.device).unwrap();
            change.newcomer.listen();
        }
        assert_eq!(change.newcomer.owned, Some((0, *ownership(&change.device).nonce())));
        assert!(change.device.endpoint.find(&change.newcomer.thumbprint()).is_some());
    }
}

/// An erasure that fails when a session is replaced does no harm as long as the newer one is there.
#[test]
fn whoever_was_revoked_does_not_come_back_by_an_older_session() {
    let mut change = Change::new(What::Delegation);
    change.attempt(What::Delegation).unwrap();
    let Change { device, newcomer, before, .. } = &mut change;
    let confirm = |device: &mut Node, phone: &mut Phone| {
        let session = phone.node.session(device);
        let (_, frame) = phone.node.send(NOW, session, &DATA).unwrap();
        device.input(NOW, Route::default(), None, &frame).map(|_| ())
    };
    confirm(device, newcomer).unwrap();
    device.port.fail_erasures = true;
    newcomer.claims(NOW + 1, device, &Claim::Known).unwrap();
    confirm(device, newcomer).unwrap();
    device.port.fail_erasures = false;
    let owner = before.as_ref().unwrap().thumbprint();
    assert!(device.endpoint.find(&owner).is_some());
    device.endpoint.revoke(&mut device.port, &newcomer.thumbprint()).unwrap();
    restart(device);
    assert_eq!(device.endpoint.find(&newcomer.thumbprint()), None);
    assert!(device.endpoint.find(&owner).is_some());
}

#[test]
fn a_damaged_record_stays_damaged_until_a_reset_is_durable() {
    let hub = Identity::new(5, "hub", true);
    for (fails, denies) in [(true, false), (false, true)] {
        let (mut device, phone) = owned(true);
        device.port.peers = std::vec![(5, hub.credential.clone())];
        device.port.known = std::vec![hub.credential.clone()];
        device.port.stored.get_mut(&KEY).unwrap()[3] ^= 1;
        device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
        assert_eq!(device.endpoint.enable_setup(&mut device.port, KEY, label()), Err(Error::CorruptState));
        (device.port.fail_saves, device.port.deny_saves) = (fails, denies);
        assert_eq!(device.endpoint.reset_ownership(&mut device.port), Err(Error::StorageFailed));
        (device.port.fail_saves, device.port.deny_saves) = (false, false);
        // A peer that was provisioned comes in; that mends nothing.
        let known = device.identity.clone();
        let mut hub = Node::new(&hub, &[&known], Config::default(), true, 5);
        hub.endpoint.connect(&mut hub.port, NOW, Route::default(), None).unwrap();
        exchange(NOW, &mut hub, &mut device).unwrap();
        assert!(device.endpoint.find(&hub.identity.thumbprint).is_some());
        device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
        let enabled = device.endpoint.enable_setup(&mut device.port, KEY, label());
        assert_eq!(enabled, if denies { Ok(()) } else { Err(Error::CorruptState) });
        let restored = device.endpoint.restore(&mut device.port, NOW);
        assert_eq!(restored, if denies { Ok(0) } else { Err(Error::CorruptState) });
        assert_eq!(device.endpoint.find(&phone.thumbprint()), None);
    }
}
