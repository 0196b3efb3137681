//! A device, its label, and phones that come and go; every restart is a new endpoint over the same files.

use crate::tests::{config, identity, outgoing};
use crate::*;
use std::sync::Arc;

const RECORD: u32 = 1000;

/// Of an endpoint that knows nobody. There is no route to tell one peer's frames from another's, so none begins a handshake by itself.
fn settings(own: &Identity) -> Config {
    Config { reconnect: false, ..config(own, &[]) }
}

/// Files that outlive an endpoint, and are gone after the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealwire-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn open(&self, own: &Identity) -> Arc<Endpoint> {
        let storage = FileStorage::new(self.0.to_str().unwrap().to_owned(), true).unwrap();
        Endpoint::new(settings(own), Some(storage as Arc<dyn Storage>), None, None).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Device {
    folder: Folder,
    own: Identity,
    code: Arc<SetupCode>,
    endpoint: Arc<Endpoint>,
    events: Vec<Event>,
}

impl Device {
    fn new(test: &str) -> Self {
        let (folder, own) = (Folder::new(test), identity("wearable"));
        let code = SetupCode::generate(own.credential.thumbprint(), "SW-HR/1.0".to_owned()).unwrap();
        let endpoint = folder.open(&own);
        let mut device = Device { folder, own, code, endpoint, events: Vec::new() };
        device.begin();
        device
    }

    fn begin(&mut self) {
        self.endpoint.enable_setup(RECORD, Arc::clone(&self.code)).unwrap();
        self.endpoint.restore(Some(0)).unwrap();
        self.events.clear();
    }

    fn restart(&mut self) {
        self.endpoint = self.folder.open(&self.own);
        self.begin();
    }

    fn named(&self) -> Vec<u8> {
        self.own.credential.thumbprint()
    }

    /// What somebody shows whom it knows.
    fn known(&self) -> Claim {
        Claim::Known { device: self.named() }
    }

    fn state(&self) -> OwnershipState {
        self.endpoint.ownership().unwrap().unwrap()
    }
}

struct Phone {
    endpoint: Arc<Endpoint>,
    thumbprint: Vec<u8>,
    anchor: Arc<Key>,
    /// The newest epoch and nonce that it was told.
    told: Option<(u32, Vec<u8>)>,
}

impl Phone {
    fn new(name: &str) -> Self {
        let own = identity(name);
        let endpoint = Endpoint::new(settings(&own), None, None, None).unwrap();
        endpoint.restore(Some(0)).unwrap();
        let (thumbprint, anchor) = (own.credential.thumbprint(), Key::generate(KeyKind::Ed25519).unwrap());
        Phone { endpoint, thumbprint, anchor, told: None }
    }

    fn signs(&self, device: &Device, statement: Statement) -> Vec<u8> {
        let (epoch, nonce) = self.told.clone().unwrap();
        sign_statement(Arc::clone(&self.anchor), device.named(), epoch, nonce, statement, None).unwrap()
    }

    fn releases(&self, device: &Device, to: &Phone) -> Vec<u8> {
        self.signs(device, Statement::Release { owner: to.thumbprint.clone() })
    }

    fn delegates(&self, device: &Device, to: &Phone) -> Vec<u8> {
        self.signs(device, Statement::Delegation { delegate: to.thumbprint.clone() })
    }

    fn setup(&self, code: &Arc<SetupCode>) -> Claim {
        Claim::Setup { code: Arc::clone(code), anchor: Some(Arc::clone(&self.anchor)) }
    }

    fn takes(&self, device: &Device, statement: &[u8]) -> Claim {
        Claim::Release { device: device.named(), statement: statement.to_vec(), anchor: Some(Arc::clone(&self.anchor)) }
    }

    /// A handshake without loss at this time; the name of the error by which the device refused.
    fn claims(&mut self, device: &mut Device, claim: Claim, now: u64) -> Result<(), &'static str> {
        let handshake = self.endpoint.claim(claim, None, Some(now)).unwrap();
        self.meets(device, now).inspect_err(|_| self.endpoint.cancel(handshake).unwrap())
    }

    /// Carries frames as long as there are any, without loss; gives why the device refused the first of those that it did.
    fn meets(&mut self, device: &mut Device, now: u64) -> Result<(), &'static str> {
        let mut outcome = Ok(());
        for _ in 0..8 {
            while let Some(sent) = self.endpoint.poll_transmit(Some(now)).unwrap() {
                outcome =
                    outcome.and(device.endpoint.handle_frame(sent.frame, None, None, Some(now)).map(drop).map_err(|error| error.variant()));
            }
            while let Some(sent) = device.endpoint.poll_transmit(Some(now)).unwrap() {
                let _ = self.endpoint.handle_frame(sent.frame, None, None, Some(now));
            }
        }
        while let Some(event) = self.endpoint.poll_event().unwrap() {
            if let Event::Ownership { peer, epoch, nonce, .. } = event {
                assert_eq!(peer, device.named());
                self.told = Some((epoch, nonce));
            }
        }
        while let Some(event) = device.endpoint.poll_event().unwrap() {
            device.events.push(event);
        }
        outcome
    }

    /// What the device makes of a message in the session that stands, without a handshake.
    fn says(&self, device: &Device, now: u64) -> Result<(), &'static str> {
        let session = self.endpoint.sessions().unwrap()[0];
        let sent = self.endpoint.send(session, outgoing(b"hello"), Some(now)).unwrap();
        device.endpoint.handle_frame(sent.frame, None, None, Some(now)).map(drop).map_err(|error| error.variant())
    }
}

/// A device with its owner.
fn owned(test: &str) -> (Device, Phone) {
    let (mut device, mut phone) = (Device::new(test), Phone::new("phone"));
    device.endpoint.open_setup(None, Some(0)).unwrap();
    let claim = phone.setup(&device.code);
    phone.claims(&mut device, claim, 0).unwrap();
    (device, phone)
}

#[test]
fn a_label_is_read_and_written_in_one_spelling() {
    let text = "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0";
    let code = SetupCode::parse(text.to_owned()).unwrap();
    assert_eq!((code.device(), code.model().as_str()), ((0..16).collect(), "SW-HR/1.0"));
    assert_eq!(code.text().unwrap(), text);
    for bad in [String::new(), text.to_lowercase(), text[..50].to_owned(), format!("{text}_"), format!(" {text}")] {
        assert_eq!(SetupCode::parse(bad).err().map(|error| error.variant()), Some("Malformed"));
    }
    let (one, other) = (SetupCode::generate(vec![7; 16], String::new()).unwrap(), SetupCode::generate(vec![7; 16], String::new()).unwrap());
    assert_eq!(one.device(), other.device());
    assert_ne!(one.text().unwrap(), other.text().unwrap(), "a label has a secret of its own");
    assert_eq!(SetupCode::generate(vec![7; 15], String::new()).err().map(|error| error.variant()), Some("InvalidArgument"));
    assert_eq!(SetupCode::generate(vec![7; 16], "lower".to_owned()).err().map(|error| error.variant()), Some("InvalidArgument"));
}

#[test]
fn the_first_with_the_label_after_the_button_owns_the_device() {
    let (mut device, mut phone, mut thief) = (Device::new("first"), Phone::new("phone"), Phone::new("thief"));
    let (claim, other) = (phone.setup(&device.code), thief.setup(&SetupCode::generate(device.named(), String::new()).unwrap()));
    assert_eq!(phone.claims(&mut device, claim.clone(), 0), Err("SetupClosed"), "a photograph of the label is not enough");
    device.endpoint.open_setup(Some(60_000), Some(0)).unwrap();
    assert_eq!(thief.claims(&mut device, other.clone(), 0), Err("WrongSetupSecret"));
    assert_eq!(phone.claims(&mut device, claim.clone(), 999), Err("SetupDelayed"));
    assert_eq!(thief.claims(&mut device, other, 1_000), Err("WrongSetupSecret"));
    assert_eq!(phone.claims(&mut device, claim.clone(), 2_999), Err("SetupDelayed"), "the delay doubles");
    assert_eq!(device.state().owner, None);
    phone.claims(&mut device, claim.clone(), 3_000).unwrap();
    let state = device.state();
    assert_eq!((state.epoch, &state.owner, state.delegates.len()), (0, &Some(phone.thumbprint.clone()), 0));
    assert_eq!(phone.told, Some((0, state.nonce)));
    assert!(
        matches!(&device.events[..], [.., Event::OwnershipChanged { epoch: 0, owner: Some(owner) }, _] | [Event::OwnershipChanged { epoch: 0, owner: Some(owner) }, ..] if *owner == phone.thumbprint)
    );
    assert_eq!(device.endpoint.standing(phone.thumbprint.clone()), Ok(Some(Standing::Owner)));
    assert_eq!(device.endpoint.standing(thief.thumbprint.clone()), Ok(None));
    let spent = thief.setup(&device.code);
    assert_eq!(thief.claims(&mut device, spent, 3_000), Err("OtherOwner"), "the code is spent");
    assert_eq!(device.endpoint.open_setup(None, Some(3_000)).map_err(|error| error.variant()), Err("OtherOwner"));
    phone.says(&device, 3_000).unwrap();
}

#[test]
fn the_window_closes_by_itself_by_hand_and_with_a_restart() {
    let (mut device, mut phone) = (Device::new("window"), Phone::new("phone"));
    let claim = phone.setup(&device.code);
    device.endpoint.open_setup(Some(u64::MAX), Some(0)).unwrap();
    assert_eq!(phone.claims(&mut device, claim.clone(), 600_000), Err("SetupClosed"), "ten minutes at most");
    device.endpoint.open_setup(None, Some(600_000)).unwrap();
    device.endpoint.close_setup().unwrap();
    assert_eq!(phone.claims(&mut device, claim.clone(), 600_000), Err("SetupClosed"));
    device.endpoint.open_setup(None, Some(600_000)).unwrap();
    device.restart();
    assert_eq!(phone.claims(&mut device, claim, 0), Err("SetupClosed"));
}

#[test]
fn a_sale_ends_everything_of_the_owner_before() {
    let (mut device, mut seller) = owned("sale");
    let (mut buyer, mut friend, mut stranger) = (Phone::new("buyer"), Phone::new("friend"), Phone::new("stranger"));
    let delegation = seller.delegates(&device, &friend);
    let claim = Claim::Delegation { device: device.named(), statement: delegation.clone() };
    friend.claims(&mut device, claim.clone(), 0).unwrap();
    let release = seller.releases(&device, &buyer);
    let stolen = stranger.takes(&device, &release);
    assert_eq!(stranger.claims(&mut device, stolen, 0), Err("WrongStatement"), "it names the buyer");
    seller.says(&device, 0).unwrap();
    device.events.clear();
    let taken = buyer.takes(&device, &release);
    buyer.claims(&mut device, taken.clone(), 0).unwrap();
    let ended = device.events.iter().filter(|event| matches!(event, Event::Closed { reason: SealwireError::OtherOwner { .. }, .. }));
    assert_eq!(ended.count(), 2);
    assert_eq!((device.state().epoch, device.state().owner, device.state().delegates), (1, Some(buyer.thumbprint.clone()), Vec::new()));
    // Whatever the seller and those whom it let in still have.
    assert_eq!(seller.says(&device, 0), Err("UnknownContext"));
    let known = device.known();
    assert_eq!(seller.claims(&mut device, known, 0), Err("UntrustedCredential"));
    let again = seller.setup(&device.code);
    assert_eq!(seller.claims(&mut device, again, 0), Err("OtherOwner"));
    let to_itself = seller.signs(&device, Statement::Release { owner: seller.thumbprint.clone() });
    let to_itself = seller.takes(&device, &to_itself);
    assert_eq!(seller.claims(&mut device, to_itself, 0), Err("WrongStatement"), "signed under the epoch before");
    assert_eq!(friend.claims(&mut device, claim, 0), Err("WrongStatement"));
    // The buyer shows the release again, as after a lost message_4; nothing happens.
    buyer.claims(&mut device, taken, 0).unwrap();
    assert_eq!(device.state().epoch, 1);
    // It sells the device back: the first release does not count a second time.
    let back = buyer.releases(&device, &seller);
    let back = seller.takes(&device, &back);
    seller.claims(&mut device, back, 0).unwrap();
    let replayed = buyer.takes(&device, &release);
    assert_eq!(buyer.claims(&mut device, replayed, 0), Err("WrongStatement"));
    assert_eq!((device.state().epoch, device.state().owner), (2, Some(seller.thumbprint)));
}

#[test]
fn what_is_delegated_can_be_taken_back() {
    let (mut device, mut phone) = owned("delegation");
    let mut second = Phone::new("second");
    let statement = phone.delegates(&device, &second);
    let wrong = second.takes(&device, &statement);
    assert_eq!(second.claims(&mut device, wrong, 0), Err("WrongStatement"), "a delegation is no release");
    let claim = Claim::Delegation { device: device.named(), statement };
    second.claims(&mut device, claim.clone(), 0).unwrap();
    assert_eq!(device.endpoint.standing(second.thumbprint.clone()), Ok(Some(Standing::Delegate)));
    assert_eq!((second.told.clone(), device.state().delegates), (None, vec![second.thumbprint.clone()]));
    device.restart();
    let _ = phone.meets(&mut device, 0);
    let known = device.known();
    second.claims(&mut device, known, 0).unwrap();
    device.endpoint.revoke(second.thumbprint.clone()).unwrap();
    assert_eq!(device.endpoint.revoke(second.thumbprint.clone()).map_err(|error| error.variant()), Err("UnknownCredential"));
    assert_eq!(second.says(&device, 0), Err("UnknownContext"));
    assert_eq!(second.claims(&mut device, claim, 0), Err("WrongStatement"));
    assert_eq!(device.endpoint.standing(second.thumbprint), Ok(None));
    // The owner learns the new nonce by its next handshake.
    let before = phone.told.clone();
    let known = device.known();
    phone.claims(&mut device, known, 0).unwrap();
    assert_ne!(phone.told, before);
    assert_eq!(phone.told, Some((0, device.state().nonce)));
}

#[test]
fn a_restart_at_each_stage_finds_the_same_owner() {
    let (mut device, mut phone, mut buyer) = (Device::new("restart"), Phone::new("phone"), Phone::new("buyer"));
    device.restart();
    assert_eq!((device.state().epoch, device.state().owner), (0, None));
    device.endpoint.open_setup(None, Some(0)).unwrap();
    let claim = phone.setup(&device.code);
    phone.claims(&mut device, claim, 0).unwrap();
    let state = device.state();
    device.restart();
    assert_eq!(device.state(), state);
    assert_eq!(device.endpoint.sessions().unwrap().len(), 1);
    phone.meets(&mut device, 0).unwrap();
    phone.says(&device, 0).unwrap();
    let release = phone.releases(&device, &buyer);
    let taken = buyer.takes(&device, &release);
    buyer.claims(&mut device, taken, 0).unwrap();
    let state = device.state();
    device.restart();
    assert_eq!(device.state(), state);
    assert_eq!(phone.says(&device, 0), Err("UnknownContext"));
    buyer.meets(&mut device, 0).unwrap();
    buyer.says(&device, 0).unwrap();
    device.endpoint.reset_ownership().unwrap();
    device.restart();
    assert_eq!((device.state().epoch, device.state().owner), (2, None));
    assert_eq!(device.endpoint.sessions().unwrap(), Vec::<u32>::new());
    let known = device.known();
    assert_eq!(buyer.claims(&mut device, known, 0), Err("UntrustedCredential"));
    // The label is worth something again, with the button.
    device.endpoint.open_setup(None, Some(0)).unwrap();
    let claim = phone.setup(&device.code);
    phone.claims(&mut device, claim, 0).unwrap();
    assert_eq!(device.state().owner, Some(phone.thumbprint));
}

#[test]
fn a_damaged_record_lets_nobody_in_before_a_reset() {
    let (mut device, _) = owned("damaged");
    let record = device.folder.0.join(format!("session-{RECORD}"));
    let mut bytes = std::fs::read(&record).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&record, bytes).unwrap();
    device.endpoint = device.folder.open(&device.own);
    let refused = device.endpoint.enable_setup(RECORD, Arc::clone(&device.code)).unwrap_err();
    assert_eq!(refused.variant(), "CorruptState");
    assert_eq!(device.endpoint.ownership(), Ok(None));
    assert_eq!(device.endpoint.open_setup(None, None).map_err(|error| error.variant()), Err("CorruptState"));
    device.endpoint.reset_ownership().unwrap();
    assert_eq!(device.state().owner, None);
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    let (device, phone) = (Device::new("refused"), Phone::new("phone"));
    let refused = |claim| phone.endpoint.claim(claim, None, None).map_err(|error| error.variant());
    let agrees = Key::generate(KeyKind::X25519).unwrap();
    assert_eq!(refused(Claim::Setup { code: Arc::clone(&device.code), anchor: Some(Arc::clone(&agrees)) }), Err("InvalidKey"));
    assert_eq!(refused(phone.takes(&device, &[0; 72])), Err("InvalidArgument"));
    assert_eq!(refused(Claim::Known { device: vec![0; 15] }), Err("InvalidArgument"));
    let states = |key: &Arc<Key>, nonce: usize, about: usize| {
        let statement = Statement::Release { owner: vec![0; about] };
        sign_statement(Arc::clone(key), device.named(), 0, vec![0; nonce], statement, None).map_err(|error| error.variant())
    };
    assert_eq!(states(&phone.anchor, 8, 16).map(|statement| statement.len()), Ok(73));
    assert_eq!(states(&phone.anchor, 7, 16), Err("InvalidArgument"));
    assert_eq!(states(&phone.anchor, 8, 15), Err("InvalidArgument"));
    assert_eq!(states(&agrees, 8, 16), Err("UnknownKey"));
    assert_eq!(phone.endpoint.reset_ownership().map_err(|error| error.variant()), Err("WrongState"));
    let other = Endpoint::new(config(&device.own, &[]), None, None, None).unwrap();
    let mine = |key, code: &Arc<SetupCode>| other.enable_setup(key, Arc::clone(code)).map_err(|error| error.variant());
    assert_eq!(
        mine(RECORD, &SetupCode::generate(vec![7; 16], String::new()).unwrap()),
        Err("InvalidArgument"),
        "the label of another device"
    );
    assert_eq!(mine(0, &device.code), Err("InvalidArgument"), "a key of sessions");
    assert_eq!(mine(RECORD, &device.code), Ok(()));
    assert_eq!(mine(RECORD, &device.code), Err("WrongState"));
}
