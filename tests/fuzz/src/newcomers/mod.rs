//! A device that can be owned, and three who come to it, by right or not: `docs/PROTOCOL.md` §10 as what may follow what.
//!
//! The first two bytes of an input set the stage, the rest are moves. Here only what was really claimed, signed and pressed is noted; whether the device has drawn the right
//! conclusion is judged by that. In the end a reset puts everything right, whatever came before.

mod moves;
mod rules;

use crate::party::{Identity, Party, STATIC, identities, newcomers};
use crate::provider::{Mode, hash};
use crate::random::Input;
use crate::typed;
use sealwire_core::Error;
use sealwire_core::bytes::Secret;
use sealwire_core::cose::Thumbprint;
use sealwire_core::crypto::{AuthenticationKey, Suite};
use sealwire_core::edhoc::Method;
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, Route};
use sealwire_core::setup::{Claim, Ownership, SECRET, Statement};

/// Slots of each endpoint.
const SESSIONS: usize = 4;
const HANDSHAKES: usize = 3;
/// Where the device keeps its record.
const KEY: usize = 7;
/// What is on the label.
const LABEL: [u8; SECRET] = *b"on the label....";

/// Somebody who comes to the device.
struct Newcomer {
    identity: &'static Identity,
    party: Party,
    endpoint: Endpoint<HeapTables>,
    /// Epoch and nonce, as the device has told.
    told: Option<(u32, [u8; 8])>,
    /// It has shown the right secret.
    knows_label: bool,
}

/// What was signed, and over what.
struct Signed {
    statement: Statement,
    by: usize,
    about: Thumbprint,
    epoch: u32,
    nonce: [u8; 8],
    bytes: Vec<u8>,
}

struct Stage {
    party: Party,
    device: Endpoint<HeapTables>,
    newcomers: Vec<Newcomer>,
    now: u64,
    mode: Mode,
    /// Frames to the device, by whom.
    up: Vec<(usize, Vec<u8>)>,
    signed: Vec<Signed>,
    /// A button was pressed, and this is how long that counts.
    open_until: u64,
    /// Wrong tags since the count began, and when the next is looked at.
    wrong: u32,
    delayed_until: u64,
    /// A save may have failed and taken effect since the last start.
    lied: bool,
    /// A record was planted, so that the past says nothing.
    trusting: bool,
    /// Epoch and owner, as the application was told.
    known: (u32, Option<Thumbprint>),
    /// A change of the device's ownership was accepted.
    taken: bool,
}

/// Nobody in particular.
const BLANK: usize = usize::MAX;

fn tables() -> HeapTables {
    HeapTables::new(SESSIONS, HANDSHAKES)
}

fn route(who: usize) -> Route {
    Route::new(&[who as u8]).expect("one byte")
}

impl Newcomer {
    fn config(&self) -> Config {
        *self.endpoint.config()
    }

    /// The identity of its key that it shows.
    fn thumbprint(&self) -> Thumbprint {
        self.identity.thumbprint(self.config().method.initiator())
    }

    /// A new process: nothing in memory or stored.
    fn renew(&mut self) {
        self.endpoint = Endpoint::new(tables(), self.config()).expect("a sound configuration");
        self.party.stored = Default::default();
    }

    /// Begins.
    fn claims(&mut self, now: u64, device: Thumbprint, claim: &Claim<'_>) -> Result<(), Error> {
        self.endpoint.claim(&mut self.party, now, route(0), device, claim).map(drop)
    }

    fn listen(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Ownership { epoch, nonce, .. } = event {
                self.told = Some((epoch, nonce));
            }
        }
    }
}

impl Stage {
    /// `setup`: bit 0 the clear mode, 1 a store that can be rolled back. `methods`: two bits for each newcomer's, counted down from 3.
    fn new(setup: u8, methods: u8) -> Self {
        let mode = if setup & 1 == 1 { Mode::Clear } else { Mode::Sealed };
        let mut config = Config::default();
        config.suites = [Some(Suite::X25519ChaCha), None, None, None];
        let newcomers = newcomers().iter().enumerate().map(|(who, identity)| {
            let number = 3 - i64::from(methods >> (2 * who) & 3);
            let mut config = config;
            config.method = Method::from_number(number).expect("all four are in this build");
            Newcomer {
                identity,
                party: Party::alone(identity, mode, who as u64 + 30),
                endpoint: Endpoint::new(tables(), config).expect("a sound configuration"),
                told: None,
                knows_label: false,
            }
        });
        let mut party = Party::alone(&identities()[0], mode, 29);
        party.by_value = 1;
        party.resists_rollback = setup & 2 == 0;
        let mut stage = Stage {
            party,
            device: Endpoint::new(tables(), config).expect("a sound configuration"),
            newcomers: newcomers.collect(),
            now: 1_000,
            mode,
            up: Vec::new(),
            signed: Vec::new(),
            open_until: 0,
            wrong: 0,
            delayed_until: 0,
            lied: false,
            trusting: false,
            known: (0, None),
            taken: false,
        };
        stage.device.enable_setup(&mut stage.party, KEY as u32, Secret::from(LABEL)).expect("an empty store");
        stage
    }

    /// The device as this newcomer gets to know it.
    fn label(&self, who: usize) -> Thumbprint {
        identities()[0].thumbprint(self.newcomers[who].config().method.responder())
    }

    /// What is stored of the ownership; nothing if it cannot be read.
    fn stored(&mut self) -> Option<Ownership> {
        let record = self.party.stored[KEY].clone().unwrap_or_default();
        sealwire_core::setup::probe::read_record(&mut self.party, &record).ok()
    }

    /// What everybody has to say is under way.
    fn listen(&mut self) {
        let mut buffer = [0; 1024];
        for who in 0..self.newcomers.len() {
            let newcomer = &mut self.newcomers[who];
            newcomer.listen();
            for round in 0.. {
                assert!(round < 64, "poll_transmit never ends");
                match newcomer.endpoint.poll_transmit(&mut newcomer.party, self.now, &mut buffer) {
                    Ok(Some(transmit)) => self.up.push((who, buffer[..transmit.len].to_vec())),
                    Ok(None) => break,
                    Err(error) => typed(error),
                }
            }
        }
        let excess = self.up.len().saturating_sub(64);
        self.up.drain(..excess);
    }

    /// The device's answers, to whom they are for. Gives their count.
    fn answer(&mut self) -> usize {
        let mut buffer = [0; 1024];
        let mut count = 0;
        loop {
            assert!(count < 64, "poll_transmit never ends");
            match self.device.poll_transmit(&mut self.party, self.now, &mut buffer) {
                Ok(Some(transmit)) => {
                    count += 1;
                    let Some(to) = transmit.route.as_bytes().first() else { continue };
                    let Some(newcomer) = self.newcomers.get_mut(usize::from(*to)) else { continue };
                    let frame = &mut buffer[..transmit.len];
                    let _ = newcomer.endpoint.handle_frame(&mut newcomer.party, self.now, route(0), None, frame);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error, Error::StorageFailed);
                    count += 1;
                }
            }
        }
        self.listen();
        count
    }

    /// Everything arrives, in order, until all have said what they had to say.
    fn settle(&mut self) {
        for _ in 0..16 {
            self.listen();
            if self.up.is_empty() {
                break;
            }
            for (who, frame) in std::mem::take(&mut self.up) {
                self.deliver(who, &frame);
            }
        }
    }

    /// The claim of setup, with an anchor unless the credential signs.
    fn sets_up(&mut self, who: usize, secret: [u8; SECRET], anchor: bool) -> Result<(), Error> {
        let (now, label) = (self.now, self.label(who));
        let newcomer = &mut self.newcomers[who];
        newcomer.knows_label |= secret == LABEL;
        let key = newcomer.identity.signing_key;
        newcomer.claims(now, label, &Claim::Setup { secret: &Secret::from(secret), anchor: anchor.then_some(&key) })
    }

    /// A new process over the same store.
    fn restart(&mut self) {
        let before = self.device.ownership().copied();
        let config = *self.device.config();
        self.device = Endpoint::new(tables(), config).expect("a sound configuration");
        self.open_until = 0;
        self.wrong = 0;
        self.delayed_until = 0;
        self.lied = self.party.torn;
        let stored = self.stored();
        match self.device.enable_setup(&mut self.party, KEY as u32, Secret::from(LABEL)) {
            Ok(()) => assert_eq!(self.device.ownership().copied(), stored, "it is what is stored"),
            Err(error) => {
                assert!(matches!(error, Error::CorruptState | Error::UnsupportedState) && stored.is_none(), "{error:?}");
                if error == Error::UnsupportedState {
                    // Written by a newer version: nothing here can read it, so it is taken away.
                    self.party.stored[KEY] = None;
                    self.restart();
                    return;
                }
            }
        }
        if let (Some(before), Some(after), false) = (before, self.device.ownership(), self.trusting) {
            assert!(after.epoch() >= before.epoch(), "a restart takes an epoch back");
        }
        if let Some(ownership) = self.device.ownership() {
            // An application asks when it starts.
            self.known = (ownership.epoch(), ownership.owner());
        }
        match self.device.restore(&mut self.party, self.now) {
            Ok(_) => {}
            Err(error) => {
                typed(error);
                assert_eq!(self.device.sessions().count(), 0, "all or nothing");
            }
        }
        self.answer();
        self.sound();
    }

    /// A reset, a press of the button, the label: whatever came before, this makes an owner.
    fn puts_right(&mut self) {
        self.party.saves_left = u32::MAX;
        self.party.provider.pending = 0;
        if self.device.ownership().is_some_and(|ownership| ownership.epoch() == u32::MAX) {
            return;
        }
        self.resets();
        assert_eq!(self.device.ownership().map(|found| (found.owner(), found.is_wiping())), Some((None, false)));
        assert_eq!(self.device.sessions().count(), 0, "somebody is left");
        self.up.clear();
        self.device.open_setup(self.now, self.now + 60_000).expect("nobody owns it");
        self.open_until = self.now + 60_000;
        // Others have gone away: whoever has read the label and comes first is the owner.
        self.newcomers.iter_mut().for_each(Newcomer::renew);
        let newcomer = &mut self.newcomers[0];
        newcomer.told = None;
        let (anchor, owner) = (newcomer.config().method.initiator() == AuthenticationKey::StaticDh, newcomer.thumbprint());
        self.sets_up(0, LABEL, anchor).expect("a sound party");
        // Answers to strangers wait for their turn, among them what is in the way of its messages.
        for _ in 0..8 {
            self.settle();
            self.pass(1_500);
        }
        let ownership = *self.device.ownership().expect("the record is sound");
        assert_eq!(ownership.owner(), Some(owner), "the label does not help");
        assert_eq!(self.newcomers[0].told, Some((ownership.epoch(), *ownership.nonce())), "the owner was not told");
    }
}

/// Claims, statements, resets and restarts in any order, with a store that fails and frames that were changed.
pub fn setup(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut stage = Stage::new(input.byte(), input.byte());
    stage.play(&mut input);
    let taken = stage.taken;
    stage.puts_right();
    taken
}
