//! Setup and ownership (PROTOCOL 10), and the attacks on them.

use super::*;
use crate::bytes::{Secret, Writer};
use crate::cose::PublicKey;
use crate::crypto::software::{KeyKind, public_key};
use crate::crypto::{KeyHandle, Signature};
use crate::edhoc::Method;
use crate::setup::{Claim, Ownership, SECRET, STATEMENT, Standing, Statement, sign};

/// Where a device keeps its record.
pub(super) const KEY: u32 = 1_000;
pub(super) const LABEL: [u8; SECRET] = *b"on the label....";
const HOUR: u64 = 3_600_000;

pub(super) fn label() -> Secret<SECRET> {
    Secret::from(LABEL)
}

/// A device that knows nobody, at which nobody has pressed the button.
pub(super) fn device(toy: bool) -> Node {
    let mut device = Node::new(&Identity::new(2, "device", toy), &[], Config::default(), toy, 1);
    device.port.by_value = true;
    device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
    device.endpoint.enable_setup(&mut device.port, KEY, label()).unwrap();
    device
}

/// Somebody with a phone, and the key by which it signs.
pub(super) struct Phone {
    pub(super) node: Node,
    signer: TestPort,
    pub(super) anchor: PublicKey,
    /// Epoch and nonce, as the device has told.
    pub(super) owned: Option<(u32, [u8; 8])>,
}

pub(super) fn phone(kid: u8, toy: bool) -> Phone {
    let signing = Identity::of(KeyKind::Ed25519, kid, "", toy);
    let anchor = public_key(KeyKind::Ed25519, &Secret::from(signing.private)).unwrap();
    let node = Node::new(&Identity::new(kid, "phone", toy), &[], Config::default(), toy, u64::from(kid));
    Phone { node, signer: TestPort::new(&signing, &[], toy, 3), anchor, owned: None }
}

impl Phone {
    pub(super) fn thumbprint(&self) -> Thumbprint {
        self.node.identity.thumbprint
    }

    pub(super) fn signed(&mut self, statement: Statement, device: &Node, (epoch, nonce): (u32, [u8; 8]), about: Thumbprint) -> Vec<u8> {
        let mut out = [0; STATEMENT];
        let (key, device) = ((KeyHandle(1), Signature::EdDsa), device.identity.thumbprint);
        sign(&mut self.signer, key, statement, &device, (epoch, &nonce), &about, &mut Writer::new(&mut out)).unwrap();
        out.to_vec()
    }

    /// Signs over what the device has told.
    pub(super) fn states(&mut self, statement: Statement, device: &Node, about: Thumbprint) -> Vec<u8> {
        let owned = self.owned.unwrap();
        self.signed(statement, device, owned, about)
    }

    /// Begins; gives the phone's frame.
    fn begin(&mut self, now: u64, device: &Node, claim: &Claim<'_>) {
        let thumbprint = device.identity.thumbprint;
        self.node.endpoint.claim(&mut self.node.port, now, Route::default(), thumbprint, claim).unwrap();
    }

    /// A handshake without loss; gives why the device refused it, if it did.
    pub(super) fn claims(&mut self, now: u64, device: &mut Node, claim: &Claim<'_>) -> Result<()> {
        self.begin(now, device, claim);
        let outcome = exchange(now, &mut self.node, device);
        self.listen();
        if outcome.is_err() {
            self.give_up();
        }
        outcome
    }

    pub(super) fn sets_up(&mut self, now: u64, device: &mut Node) -> Result<()> {
        let anchor = self.anchor;
        self.claims(now, device, &Claim::Setup { secret: &label(), anchor: Some(&anchor) })
    }

    pub(super) fn listen(&mut self) {
        for event in self.node.take_events() {
            if let Event::Ownership { epoch, nonce, .. } = event {
                self.owned = Some((epoch, nonce));
            }
        }
    }

    pub(super) fn give_up(&mut self) {
        for slot in 0..self.node.endpoint.slots().1 {
            self.node.endpoint.drop_handshake(slot);
        }
    }
}

/// Carries frames until both rest; gives the device's last refusal of a message_3.
pub(super) fn exchange(now: u64, phone: &mut Node, device: &mut Node) -> Result<()> {
    let mut outcome = Ok(());
    for _ in 0..16 {
        let (up, down) = (phone.patient_frames(now), device.patient_frames(now));
        if up.is_empty() && down.is_empty() {
            return outcome;
        }
        for frame in up {
            let taken = device.input(now, Route::default(), None, &frame);
            if frame[0] == 3 {
                outcome = taken;
            }
        }
        for frame in down {
            let _ = phone.input(now, Route::default(), None, &frame);
        }
    }
    panic!("they never come to rest");
}

pub(super) fn ownership(device: &Node) -> Ownership {
    *device.endpoint.ownership().unwrap()
}

fn press(now: u64, device: &mut Node) {
    device.endpoint.open_setup(now, now + HOUR).unwrap();
}

/// A device with an owner, at time 0.
pub(super) fn owned(toy: bool) -> (Node, Phone) {
    let (mut device, mut phone) = (device(toy), phone(1, toy));
    press(0, &mut device);
    phone.sets_up(0, &mut device).unwrap();
    (device, phone)
}

/// Data goes through, from the phone to the device and back.
fn talk(now: u64, phone: &mut Phone, device: &mut Node) -> Result<()> {
    let there = phone.node.session(device);
    let (_, frame) = phone.node.send(now, there, &DATA)?;
    device.input(now, Route::default(), None, &frame)?;
    let back = device.session(&phone.node);
    let (_, frame) = device.send(now, back, &DATA)?;
    phone.node.input(now, Route::default(), None, &frame)
}

#[test]
fn a_phone_becomes_the_owner() {
    for toy in [true, false] {
        let (mut device, mut phone) = owned(toy);
        let ownership = ownership(&device);
        assert_eq!((ownership.epoch(), ownership.owner(), ownership.anchor()), (0, Some(phone.thumbprint()), Some(&phone.anchor)));
        assert_eq!(phone.owned, Some((0, *ownership.nonce())));
        assert_ne!(*ownership.nonce(), [0; 8]);
        assert_eq!(ownership.standing(&phone.thumbprint()), Standing::Owner);
        assert_eq!(device.port.stored[&KEY].len(), 215);
        assert_eq!(device.endpoint.setup_open_until(0), None);
        let changed = Event::OwnershipChanged { epoch: 0, owner: Some(phone.thumbprint()) };
        assert_eq!(device.take_events().iter().filter(|event| **event == changed).count(), 1);
        talk(0, &mut phone, &mut device).unwrap();
        // It comes back, without the label, and is told again; after a restart of both as well.
        for now in [1_000, 2_000] {
            phone.owned = None;
            phone.claims(now, &mut device, &Claim::Known).unwrap();
            assert_eq!(phone.owned, Some((0, *ownership.nonce())));
            talk(now, &mut phone, &mut device).unwrap();
            device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
            device.endpoint.enable_setup(&mut device.port, KEY, label()).unwrap();
            assert_eq!(device.endpoint.restore(&mut device.port, now), Ok(1));
            phone.node.restart(now);
            exchange(now, &mut phone.node, &mut device).unwrap();
            talk(now, &mut phone, &mut device).unwrap();
        }
    }
}

#[test]
fn a_photographed_label_does_not_open_a_device_from_afar() {
    let (mut device, mut phone) = (device(true), phone(1, true));
    let before = device.fingerprint();
    assert_eq!(phone.sets_up(0, &mut device), Err(Error::SetupClosed));
    assert_eq!((ownership(&device), device.port.stored.len()), (Ownership::default(), 0));
    for slot in 0..device.endpoint.slots().1 {
        device.endpoint.drop_handshake(slot);
    }
    assert_eq!(device.fingerprint(), before);
    // Long after the button was pressed; the application asked for an hour.
    press(0, &mut device);
    assert_eq!(device.endpoint.setup_open_until(0), Some(600_000));
    assert_eq!(phone.sets_up(600_000, &mut device), Err(Error::SetupClosed));
    // A restart forgets the button, and so does the application.
    press(700_000, &mut device);
    device.endpoint.close_setup();
    assert_eq!(phone.sets_up(700_000, &mut device), Err(Error::SetupClosed));
    press(700_000, &mut device);
    device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
    device.endpoint.enable_setup(&mut device.port, KEY, label()).unwrap();
    assert_eq!(phone.sets_up(700_000, &mut device), Err(Error::SetupClosed));
    press(700_000, &mut device);
    assert_eq!(phone.sets_up(1_299_999, &mut device), Ok(()));
}

#[test]
fn the_button_may_be_pressed_while_the_phone_waits() {
    let (mut device, mut phone) = (device(true), phone(1, true));
    let anchor = phone.anchor;
    phone.begin(0, &device, &Claim::Setup { secret: &label(), anchor: Some(&anchor) });
    assert_eq!(exchange(0, &mut phone.node, &mut device), Err(Error::SetupClosed));
    press(500, &mut device);
    let at = phone.node.endpoint.poll_timeout().unwrap();
    phone.node.endpoint.handle_timeout(&mut phone.node.port, at).unwrap();
    assert_eq!(exchange(at, &mut phone.node, &mut device), Ok(()));
    talk(at, &mut phone, &mut device).unwrap();
}

#[test]
fn wrong_secrets_delay_and_never_lock() {
    let (mut device, mut thief, mut phone) = (device(true), phone(7, true), phone(1, true));
    let wrong = Secret::from([9; SECRET]);
    let mut now = 0;
    for (tries, delay) in [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].into_iter().enumerate() {
        press(now, &mut device);
        let claim = Claim::Setup { secret: &wrong, anchor: None };
        assert_eq!(thief.claims(now, &mut device, &claim), Err(Error::WrongSetupSecret), "{tries}");
        let end = now + delay * 1_000;
        assert_eq!(thief.claims(now, &mut device, &claim), Err(Error::SetupDelayed));
        // Not even the right one, and looking does not make it longer.
        assert_eq!(phone.sets_up(end - 1, &mut device), Err(Error::SetupDelayed));
        now = end;
    }
    assert_eq!(ownership(&device), Ownership::default());
    // However many there were: the longest delay stays, and what follows the right one begins at the shortest.
    for _ in 0..70 {
        press(now, &mut device);
        assert_eq!(thief.claims(now, &mut device, &Claim::Setup { secret: &wrong, anchor: None }), Err(Error::WrongSetupSecret));
        assert_eq!(phone.sets_up(now + 59_999, &mut device), Err(Error::SetupDelayed));
        now += 60_000;
    }
    assert_eq!(phone.sets_up(now, &mut device), Ok(()));
    // So does a reset, and it ends the delay.
    for _ in 0..2 {
        device.endpoint.reset_ownership(&mut device.port).unwrap();
        press(now, &mut device);
        assert_eq!(thief.claims(now, &mut device, &Claim::Setup { secret: &wrong, anchor: None }), Err(Error::WrongSetupSecret));
        assert_eq!(phone.sets_up(now + 999, &mut device), Err(Error::SetupDelayed));
    }
    assert_eq!(phone.sets_up(now + 1_000, &mut device), Ok(()));
}

#[test]
fn a_relay_gains_nothing() {
    let (mut device, mut phone, mut thief) = (device(true), phone(1, true), phone(7, true));
    press(0, &mut device);
    // A thief that poses as the device has not the key of the label.
    let mut false_device = Node::new(&Identity::new(8, "device", true), &[], Config::default(), true, 8);
    false_device.port.by_value = true;
    false_device.endpoint.enable_setup(&mut false_device.port, KEY, label()).unwrap();
    false_device.endpoint.open_setup(0, HOUR).unwrap();
    let anchor = phone.anchor;
    phone.begin(0, &device, &Claim::Setup { secret: &label(), anchor: Some(&anchor) });
    exchange(0, &mut phone.node, &mut false_device).unwrap();
    assert_eq!(ownership(&false_device), Ownership::default());
    phone.give_up();
    // One that carries the phone's frames to the device makes the phone its owner; one that puts them into its own handshake, nobody.
    phone.begin(0, &device, &Claim::Setup { secret: &label(), anchor: Some(&anchor) });
    let first = phone.node.frames(0).remove(0);
    device.input(0, Route::default(), None, &first).unwrap();
    let second = device.frames(0).remove(0);
    phone.node.input(0, Route::default(), None, &second).unwrap();
    let third = phone.node.frames(0).remove(0);
    thief.begin(0, &device, &Claim::Known);
    let begun = thief.node.frames(0).remove(0);
    device.input(0, Route::default(), None, &begun).unwrap();
    let answer = device.frames(0).remove(0);
    thief.node.input(0, Route::default(), None, &answer).unwrap();
    let shown = thief.node.frames(0).remove(0);
    let mut moved = third.clone();
    moved[1] = shown[1];
    assert_eq!(device.input(0, Route::default(), None, &moved), Err(Error::AuthenticationFailed));
    assert_eq!(device.input(0, Route::default(), None, &shown), Err(Error::UntrustedCredential));
    assert_eq!(ownership(&device), Ownership::default());
    assert_eq!(device.input(0, Route::default(), None, &third), Ok(()));
    assert_eq!(ownership(&device).owner(), Some(phone.thumbprint()));
}

#[test]
fn a_tag_is_for_one_phone_one_device_and_one_handshake() {
    let mut port = TestPort::blank(false, 1);
    let mut tag = |secret: u8, th_3: u8, i: u8, r: u8| {
        let tag = crate::edhoc::setup_tag(&mut port, &Secret::from([secret; SECRET]), &[th_3; 32], &[i; 32], &[r; 32]).unwrap();
        *tag.expose()
    };
    let all = [tag(1, 2, 3, 4), tag(9, 2, 3, 4), tag(1, 9, 3, 4), tag(1, 2, 9, 4), tag(1, 2, 3, 9), tag(1, 2, 4, 3)];
    for (position, one) in all.iter().enumerate() {
        assert!(all[..position].iter().all(|other| other != one));
    }
}

#[test]
fn an_owned_device_takes_no_other_owner() {
    let (mut device, mut phone_a) = owned(true);
    let before = ownership(&device);
    let mut phone_b = phone(3, true);
    assert_eq!(phone_b.sets_up(1_000, &mut device), Err(Error::OtherOwner));
    assert_eq!(phone_b.claims(1_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(device.endpoint.open_setup(1_000, HOUR), Err(Error::OtherOwner));
    // The owner's credential with another key in it, or its key in another credential, is another's.
    let mut posing = phone(1, true);
    posing.node = Node::new(&Identity::new(1, "phone-2", true), &[], Config::default(), true, 5);
    assert_eq!(posing.thumbprint(), phone_a.thumbprint());
    assert_eq!(posing.claims(1_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(ownership(&device), before);
    talk(1_000, &mut phone_a, &mut device).unwrap();
}

#[test]
fn after_a_sale_the_old_owner_is_refused() {
    let (mut device, mut phone_a) = owned(true);
    let mut phone_b = phone(3, true);
    let old = phone_a.node.session(&device);
    let statement = phone_a.states(Statement::Release, &device, phone_b.thumbprint());
    let anchor = phone_b.anchor;
    device.take_events();
    phone_b.claims(1_000, &mut device, &Claim::Release { statement: &statement, anchor: Some(&anchor) }).unwrap();
    let now = ownership(&device);
    assert_eq!((now.epoch(), now.owner(), now.anchor(), now.is_wiping()), (1, Some(phone_b.thumbprint()), Some(&anchor), false));
    assert_ne!(Some(*now.nonce()), phone_a.owned.map(|(_, nonce)| nonce));
    assert_eq!(phone_b.owned, Some((1, *now.nonce())));
    let closed =
        |event: &Event<'_>| matches!(event, Event::Closed { peer, reason: Error::OtherOwner, .. } if *peer == phone_a.thumbprint());
    assert_eq!(device.take_events().iter().filter(|event| closed(event)).count(), 1);
    // Nothing of the old one is stored: the record, and the new session.
    assert_eq!(device.port.stored.len(), 2);
    // The session that ran.
    let (_, frame) = phone_a.node.send(1_000, old, &DATA).unwrap();
    assert!(matches!(device.input(1_000, Route::default(), None, &frame), Err(Error::UnknownContext | Error::DecryptFailed)));
    // New ones.
    assert_eq!(phone_a.claims(2_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(phone_a.sets_up(2_000, &mut device), Err(Error::OtherOwner));
    assert_eq!(phone_a.claims(2_000, &mut device, &Claim::Release { statement: &statement, anchor: None }), Err(Error::WrongStatement));
    // What it signs now counts for nothing, whatever it knows.
    for owned in [phone_a.owned.unwrap(), (1, *now.nonce())] {
        let again = phone_a.signed(Statement::Release, &device, owned, phone_a.thumbprint());
        assert_eq!(phone_a.claims(2_000, &mut device, &Claim::Release { statement: &again, anchor: None }), Err(Error::WrongStatement));
    }
    assert_eq!(ownership(&device), now);
    talk(2_000, &mut phone_b, &mut device).unwrap();
    // The new owner shows the release again, since message_4 might have been lost: it is the owner.
    phone_b.claims(3_000, &mut device, &Claim::Release { statement: &statement, anchor: Some(&anchor) }).unwrap();
    assert_eq!(ownership(&device), now);
}

#[test]
fn a_release_counts_once_for_one() {
    let (mut device, mut phone_a) = owned(true);
    let (mut phone_b, mut phone_c) = (phone(3, true), phone(4, true));
    let to_b = phone_a.states(Statement::Release, &device, phone_b.thumbprint());
    // In the session of another; by somebody who is not the owner; for another device, epoch or nonce; a delegation; spoilt.
    let before = ownership(&device);
    let (epoch, nonce) = phone_a.owned.unwrap();
    let other = Node::new(&Identity::new(9, "device", true), &[], Config::default(), true, 9);
    let c = phone_c.thumbprint();
    let mut spoilt = phone_a.states(Statement::Release, &device, c);
    spoilt[40] ^= 1;
    let mut longer_head = phone_a.states(Statement::Release, &device, c);
    longer_head[4] = 0x26;
    let mut wrong = std::vec![to_b.clone(), spoilt, longer_head];
    wrong.push(phone_c.signed(Statement::Release, &device, (epoch, nonce), c));
    wrong.push(phone_a.signed(Statement::Release, &other, (epoch, nonce), c));
    wrong.push(phone_a.signed(Statement::Release, &device, (epoch + 1, nonce), c));
    wrong.push(phone_a.signed(Statement::Release, &device, (epoch, [7; 8]), c));
    wrong.push(phone_a.signed(Statement::Delegation, &device, (epoch, nonce), c));
    for statement in &wrong {
        let claim = Claim::Release { statement, anchor: None };
        assert_eq!(phone_c.claims(1_000, &mut device, &claim), Err(Error::WrongStatement));
        assert_eq!(ownership(&device), before);
    }
    // B, then C, then B with what brought it in before.
    let anchor = phone_b.anchor;
    phone_b.claims(2_000, &mut device, &Claim::Release { statement: &to_b, anchor: Some(&anchor) }).unwrap();
    let to_c = phone_b.states(Statement::Release, &device, c);
    phone_c.claims(3_000, &mut device, &Claim::Release { statement: &to_c, anchor: None }).unwrap();
    assert_eq!((ownership(&device).epoch(), ownership(&device).owner(), ownership(&device).anchor()), (2, Some(c), None));
    let replayed = Claim::Release { statement: &to_b, anchor: Some(&anchor) };
    assert_eq!(phone_b.claims(4_000, &mut device, &replayed), Err(Error::WrongStatement));
    // C has no anchor: only a reset ends this.
    assert_eq!(phone_b.claims(4_000, &mut device, &Claim::Release { statement: &to_c, anchor: None }), Err(Error::WrongStatement));
}

#[test]
fn a_second_phone_is_let_in_as_long_as_the_ownership_lasts() {
    let (mut device, mut phone_a) = owned(true);
    let mut second = phone(3, true);
    let statement = phone_a.states(Statement::Delegation, &device, second.thumbprint());
    second.claims(1_000, &mut device, &Claim::Delegation { statement: &statement }).unwrap();
    assert_eq!(ownership(&device).standing(&second.thumbprint()), Standing::Delegate);
    // A delegate is not told what an owner signs over, and what it signs is nothing.
    assert_eq!(second.owned, None);
    let nonce = *ownership(&device).nonce();
    let mut third = phone(4, true);
    let theirs = second.signed(Statement::Delegation, &device, (0, nonce), third.thumbprint());
    assert_eq!(third.claims(1_000, &mut device, &Claim::Delegation { statement: &theirs }), Err(Error::WrongStatement));
    // Known from now on, restarts included; and beside the owner.
    second.claims(2_000, &mut device, &Claim::Known).unwrap();
    second.claims(2_000, &mut device, &Claim::Delegation { statement: &statement }).unwrap();
    talk(2_000, &mut second, &mut device).unwrap();
    talk(2_000, &mut phone_a, &mut device).unwrap();
    // A statement for one does not let in another.
    assert_eq!(third.claims(2_000, &mut device, &Claim::Delegation { statement: &statement }), Err(Error::WrongStatement));
    // Three at a time.
    for kid in [4, 5, 6] {
        let mut more = phone(kid, true);
        let statement = phone_a.states(Statement::Delegation, &device, more.thumbprint());
        let expected = if kid == 6 { Err(Error::NoSpace) } else { Ok(()) };
        assert_eq!(more.claims(3_000, &mut device, &Claim::Delegation { statement: &statement }), expected);
        // Whoever is one too many is told so.
        assert_eq!(more.node.endpoint.counters().peer_errors, u32::from(kid == 6));
    }
    // Revoked: out at once, and the statement counts no more.
    let running = second.node.session(&device);
    device.endpoint.revoke(&mut device.port, &second.thumbprint()).unwrap();
    assert_eq!(device.endpoint.revoke(&mut device.port, &second.thumbprint()), Err(Error::UnknownCredential));
    let (_, frame) = second.node.send(4_000, running, &DATA).unwrap();
    assert_eq!(device.input(4_000, Route::default(), None, &frame), Err(Error::UnknownContext));
    assert_eq!(second.claims(4_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(second.claims(4_000, &mut device, &Claim::Delegation { statement: &statement }), Err(Error::WrongStatement));
    talk(4_000, &mut phone_a, &mut device).unwrap();
    // The owner learns the new nonce when it comes back, and lets it in again; when the epoch rises, it is out.
    phone_a.claims(5_000, &mut device, &Claim::Known).unwrap();
    let statement = phone_a.states(Statement::Delegation, &device, second.thumbprint());
    second.claims(5_000, &mut device, &Claim::Delegation { statement: &statement }).unwrap();
    let to_itself = phone_a.states(Statement::Release, &device, phone_a.thumbprint());
    let anchor = phone_a.anchor;
    // An owner that releases the device to itself ends all that, once.
    for _ in 0..2 {
        phone_a.claims(6_000, &mut device, &Claim::Release { statement: &to_itself, anchor: Some(&anchor) }).unwrap();
        assert_eq!((ownership(&device).epoch(), ownership(&device).delegates().count()), (1, 0));
    }
    talk(6_000, &mut phone_a, &mut device).unwrap();
    for claim in [Claim::Known, Claim::Delegation { statement: &statement }] {
        assert!(matches!(second.claims(7_000, &mut device, &claim), Err(Error::UntrustedCredential | Error::WrongStatement)));
    }
}

#[test]
fn owner_and_delegates_come_in_as_what_they_are_whatever_they_show() {
    let (mut device, mut owner) = owned(true);
    let (mut second, mut third) = (phone(3, true), phone(4, true));
    let for_itself = owner.states(Statement::Delegation, &device, owner.thumbprint());
    let for_second = owner.states(Statement::Delegation, &device, second.thumbprint());
    let for_third = owner.states(Statement::Delegation, &device, third.thumbprint());
    // The owner is no delegate of its own.
    owner.claims(1_000, &mut device, &Claim::Delegation { statement: &for_itself }).unwrap();
    owner.sets_up(1_000, &mut device).unwrap();
    assert_eq!((ownership(&device).delegates().count(), ownership(&device).standing(&owner.thumbprint())), (0, Standing::Owner));
    // A delegate is no owner, and shows nothing of an owner's.
    second.claims(1_000, &mut device, &Claim::Delegation { statement: &for_second }).unwrap();
    third.claims(1_000, &mut device, &Claim::Delegation { statement: &for_third }).unwrap();
    assert_eq!(second.sets_up(1_000, &mut device), Err(Error::OtherOwner));
    let anchor = second.anchor;
    let release = Claim::Release { statement: &for_second, anchor: Some(&anchor) };
    assert_eq!(second.claims(1_000, &mut device, &release), Err(Error::WrongStatement));
    // What let it in once is not looked at again, even when it counts no more.
    device.endpoint.revoke(&mut device.port, &third.thumbprint()).unwrap();
    assert_eq!(third.claims(1_000, &mut device, &Claim::Delegation { statement: &for_third }), Err(Error::WrongStatement));
    second.claims(1_000, &mut device, &Claim::Delegation { statement: &for_second }).unwrap();
    assert_eq!((ownership(&device).epoch(), ownership(&device).owner()), (0, Some(owner.thumbprint())));
}

#[test]
fn a_reset_makes_the_device_anybodys_with_the_label() {
    let (mut device, mut phone_a) = owned(true);
    let before = phone_a.states(Statement::Release, &device, phone(3, true).thumbprint());
    let running = phone_a.node.session(&device);
    device.endpoint.reset_ownership(&mut device.port).unwrap();
    let reset = ownership(&device);
    assert_eq!((reset.epoch(), reset.owner(), reset.is_wiping()), (1, None, false));
    assert_ne!(Some(*reset.nonce()), phone_a.owned.map(|(_, nonce)| nonce));
    assert_eq!(device.port.stored.keys().copied().collect::<Vec<_>>(), [KEY]);
    let (_, frame) = phone_a.node.send(1_000, running, &DATA).unwrap();
    assert_eq!(device.input(1_000, Route::default(), None, &frame), Err(Error::UnknownContext));
    assert_eq!(phone_a.claims(1_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(phone_a.sets_up(1_000, &mut device), Err(Error::SetupClosed));
    let mut phone_b = phone(3, true);
    assert_eq!(phone_b.claims(1_000, &mut device, &Claim::Release { statement: &before, anchor: None }), Err(Error::WrongStatement));
    press(1_000, &mut device);
    phone_b.sets_up(1_000, &mut device).unwrap();
    assert_eq!((ownership(&device).epoch(), phone_b.owned.unwrap().0), (1, 1));
    assert_eq!(phone_a.claims(1_000, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    let mut phone_c = phone(4, true);
    assert_eq!(phone_c.claims(1_000, &mut device, &Claim::Release { statement: &before, anchor: None }), Err(Error::WrongStatement));
}

#[test]
fn provisioned_peers_come_and_go_as_before_but_with_an_epoch_their_sessions_end() {
    let hub = Identity::new(5, "hub", true);
    let mut device = device(true);
    device.port.peers = std::vec![(5, hub.credential.clone())];
    device.port.known = std::vec![hub.credential.clone()];
    let known = device.identity.clone();
    let mut hub = Node::new(&hub, &[&known], Config::default(), true, 5);
    hub.endpoint.connect(&mut hub.port, 0, Route::default(), None).unwrap();
    exchange(0, &mut hub, &mut device).unwrap();
    // With a session it is too late to begin with setup.
    assert_eq!(hub.endpoint.enable_setup(&mut hub.port, KEY, label()), Err(Error::WrongState));
    press(0, &mut device);
    let mut phone = phone(1, true);
    phone.sets_up(0, &mut device).unwrap();
    assert!(device.endpoint.find(&hub.identity.thumbprint).is_some());
    assert_eq!(ownership(&device).standing(&hub.identity.thumbprint), Standing::None);
    device.endpoint.reset_ownership(&mut device.port).unwrap();
    assert!(device.endpoint.find(&hub.identity.thumbprint).is_none());
    hub.endpoint.connect(&mut hub.port, 100_000, Route::default(), None).unwrap();
    exchange(100_000, &mut hub, &mut device).unwrap();
    assert!(device.endpoint.find(&hub.identity.thumbprint).is_some());
}

#[test]
fn an_owner_that_signs_needs_no_second_key() {
    let mut device = device(false);
    let mut owner = phone(1, false);
    let signing = Identity::of(KeyKind::Ed25519, 1, "phone", false);
    let config = Config { method: Method::SignDh, ..Config::default() };
    owner.node = Node::new(&signing, &[], config, false, 1);
    press(0, &mut device);
    // Its own key once more is refused.
    let own = owner.anchor;
    let twice = owner.claims(0, &mut device, &Claim::Setup { secret: &label(), anchor: Some(&own) });
    assert_eq!(twice, Err(Error::InvalidKey));
    owner.claims(0, &mut device, &Claim::Setup { secret: &label(), anchor: None }).unwrap();
    assert_eq!(ownership(&device).anchor(), Some(&own));
    let mut next = phone(3, false);
    let statement = owner.states(Statement::Release, &device, next.thumbprint());
    next.claims(1_000, &mut device, &Claim::Release { statement: &statement, anchor: None }).unwrap();
    assert_eq!(ownership(&device).epoch(), 1);
}

#[test]
fn claims_that_cannot_be_are_refused_at_once() {
    let (device, mut phone) = (device(true), phone(1, true));
    let (thumbprint, now) = (device.identity.thumbprint, 0);
    let agreeing = PublicKey { curve: crate::cose::KeyCurve::X25519, x: [9; 32], y: None };
    let mut begin = |claim: Claim<'_>| phone.node.endpoint.claim(&mut phone.node.port, now, Route::default(), thumbprint, &claim);
    assert_eq!(begin(Claim::Setup { secret: &label(), anchor: Some(&agreeing) }), Err(Error::InvalidKey));
    assert_eq!(begin(Claim::Release { statement: &[0; 72], anchor: None }), Err(Error::InvalidArgument));
    assert_eq!(begin(Claim::Delegation { statement: &[] }), Err(Error::InvalidArgument));
    assert!(begin(Claim::Known).is_ok());
}

#[test]
fn without_setup_the_items_are_not_known() {
    let mut plain = Node::new(&Identity::new(2, "device", true), &[], Config::default(), true, 1);
    plain.port.by_value = true;
    let mut phone = phone(1, true);
    assert_eq!(phone.sets_up(0, &mut plain), Err(Error::UnknownCriticalEad));
    assert_eq!(phone.claims(0, &mut plain, &Claim::Known), Err(Error::UntrustedCredential));
    assert_eq!(plain.endpoint.open_setup(0, HOUR), Err(Error::WrongState));
    assert_eq!(plain.endpoint.reset_ownership(&mut plain.port), Err(Error::WrongState));
    assert!(plain.endpoint.ownership().is_none());
    plain.endpoint = Endpoint::new(HeapTables::new(6, 4), Config::default()).unwrap();
    assert_eq!(plain.endpoint.enable_setup(&mut plain.port, 5, label()), Err(Error::InvalidArgument));
    plain.endpoint.enable_setup(&mut plain.port, 6, label()).unwrap();
    assert_eq!(plain.endpoint.enable_setup(&mut plain.port, 6, label()), Err(Error::WrongState));
}

#[test]
fn policy_has_the_last_word_about_newcomers() {
    let (mut device, mut phone) = (device(true), phone(1, true));
    press(0, &mut device);
    device.port.deny = true;
    assert_eq!(phone.sets_up(0, &mut device), Err(Error::Denied));
    assert_eq!(ownership(&device), Ownership::default());
}

#[test]
fn a_damaged_record_lets_nobody_in_before_a_reset() {
    let (mut device, mut phone) = owned(true);
    let good = device.port.stored[&KEY].clone();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        device.port.stored.insert(KEY, bad);
        device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
        let outcome = device.endpoint.enable_setup(&mut device.port, KEY, label());
        assert_eq!(outcome, Err(Error::CorruptState), "{at}");
    }
    let mut newer = good.clone();
    newer[0] = 2;
    device.port.stored.insert(KEY, newer);
    device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
    assert_eq!(device.endpoint.enable_setup(&mut device.port, KEY, label()), Err(Error::UnsupportedState));
    let longer = [&good[..], &[0]].concat();
    device.port.stored.insert(KEY, longer);
    assert_eq!(device.endpoint.enable_setup(&mut device.port, KEY, label()), Err(Error::CorruptState));
    assert_eq!(device.endpoint.counters().corrupt, 1);
    device.endpoint = Endpoint::new(HeapTables::new(16, 4), Config::default()).unwrap();
    device.port.stored.insert(KEY, good[..214].to_vec());
    assert_eq!(device.endpoint.enable_setup(&mut device.port, KEY, label()), Err(Error::CorruptState));
    assert_eq!(device.endpoint.restore(&mut device.port, 0), Err(Error::CorruptState));
    assert_eq!(device.endpoint.open_setup(0, HOUR), Err(Error::CorruptState));
    assert!(device.endpoint.ownership().is_none());
    assert_eq!(phone.sets_up(0, &mut device), Err(Error::CorruptState));
    assert_eq!(phone.claims(0, &mut device, &Claim::Known), Err(Error::UntrustedCredential));
    device.endpoint.reset_ownership(&mut device.port).unwrap();
    assert_eq!((ownership(&device).epoch(), device.port.stored.len()), (0, 1));
    assert_ne!(*ownership(&device).nonce(), [0; 8]);
    press(0, &mut device);
    phone.sets_up(0, &mut device).unwrap();
}

#[test]
fn a_reset_ends_handshakes_under_way() {
    let (mut device, _) = owned(true);
    let hub = Identity::new(5, "hub", true);
    device.port.peers = std::vec![(5, hub.credential.clone())];
    device.port.known = std::vec![hub.credential.clone()];
    device.endpoint.connect(&mut device.port, 0, Route::default(), None).unwrap();
    let mut second = phone(3, true);
    second.begin(0, &device, &Claim::Known);
    let first = second.node.frames(0).remove(0);
    device.input(0, Route::default(), None, &first).unwrap();
    let under_way = |device: &Node| {
        let slots = (0..device.endpoint.slots().1).filter_map(|slot| device.endpoint.tables.handshake(slot));
        slots.filter(|handshake| handshake.is_initiator() || handshake.is_half_open()).count()
    };
    assert_eq!(under_way(&device), 2);
    device.endpoint.reset_ownership(&mut device.port).unwrap();
    assert_eq!(under_way(&device), 0);
    let ended = |event: &Event<'_>| matches!(event, Event::HandshakeFailed { reason: Error::OtherOwner, .. });
    assert_eq!(device.take_events().iter().filter(|event| ended(event)).count(), 1);
}

#[test]
fn a_refused_newcomer_is_told_why() {
    let (mut device, mut second) = (device(true), phone(3, true));
    let wrong = Secret::from([9; SECRET]);
    let (itself, nonce) = (second.thumbprint(), [7; 8]);
    let statement = second.signed(Statement::Release, &device, (0, nonce), itself);
    let mut told = |now: u64, device: &mut Node, claim: &Claim<'_>| {
        second.begin(now, device, claim);
        for _ in 0..2 {
            for frame in second.node.frames(now) {
                let _ = device.input(now, Route::default(), None, &frame);
            }
            for frame in device.frames(now) {
                if frame[0] == 5 {
                    second.give_up();
                    return frame;
                }
                second.node.input(now, Route::default(), None, &frame).unwrap();
            }
        }
        panic!("no word");
    };
    let says = |frame: std::vec::Vec<u8>, error: Error| assert!(frame.ends_with(error.name().as_bytes()), "{error:?}: {frame:02x?}");
    let setup = Claim::Setup { secret: &label(), anchor: None };
    says(told(0, &mut device, &setup), Error::SetupClosed);
    press(0, &mut device);
    says(told(10_000, &mut device, &Claim::Setup { secret: &wrong, anchor: None }), Error::WrongSetupSecret);
    says(told(10_500, &mut device, &setup), Error::SetupDelayed);
    says(told(20_000, &mut device, &Claim::Release { statement: &statement, anchor: None }), Error::WrongStatement);
    phone(1, true).sets_up(30_000, &mut device).unwrap();
    says(told(40_000, &mut device, &setup), Error::OtherOwner);
}
