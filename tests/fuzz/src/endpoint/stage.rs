//! Two endpoints that know each other, brought into the state that a target is about.

use crate::party::{Party, identities, other};
use crate::provider::Mode;
use sealwire_core::Error;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::Method;
use sealwire_core::endpoint::{Config, Endpoint, Event, HeapTables, InboxName, MAX_CONTROL, Route, SessionHandle};
use std::collections::BTreeSet;

/// Slots of each endpoint.
pub(super) const SESSIONS: usize = 4;
pub(super) const HANDSHAKES: usize = 3;
/// A handshake buffer, which bounds the frames of handshakes.
const BUFFER: usize = 1024;

/// How far the handshake of the two is, and who is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing has happened; the Responder is fuzzed.
    Idle,
    /// The Initiator waits for message_2.
    Message2,
    /// The Responder waits for message_3.
    Message3,
    /// The Initiator waits for message_4.
    Message4,
    /// The Responder has a session that no record has confirmed.
    Unconfirmed,
    /// Both have the session; either is fuzzed.
    Established,
}

/// An endpoint with its platform.
pub(super) struct End {
    pub(super) party: Party,
    pub(super) endpoint: Endpoint<HeapTables>,
}

impl End {
    fn new(who: usize, mode: Mode, config: Config) -> Self {
        let tables = HeapTables::new(SESSIONS, HANDSHAKES);
        End { party: Party::new(who, mode), endpoint: Endpoint::new(tables, config).expect("a sound configuration") }
    }

    /// A new process: nothing in memory.
    pub(super) fn renew(&mut self) {
        let config = *self.endpoint.config();
        self.endpoint = Endpoint::new(HeapTables::new(SESSIONS, HANDSHAKES), config).expect("a sound configuration");
    }

    /// Every frame that it wants sent; each as long as promised at most.
    pub(super) fn frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut buffer = [0; BUFFER];
        let mut frames = Vec::new();
        for _ in 0..64 {
            match self.endpoint.poll_transmit(&mut self.party, now, &mut buffer) {
                Ok(Some(transmit)) => {
                    assert!(transmit.len > 0 && (transmit.handshake || transmit.len <= MAX_CONTROL), "{} bytes", transmit.len);
                    frames.push(buffer[..transmit.len].to_vec());
                }
                Ok(None) => return frames,
                Err(error) => assert_eq!(error, Error::StorageFailed),
            }
        }
        panic!("poll_transmit never ends");
    }

    /// Everything that it has to tell.
    pub(super) fn events(&mut self) -> Vec<Event<'static>> {
        let events: Vec<_> = std::iter::from_fn(|| self.endpoint.poll_event()).take(512).collect();
        assert!(events.len() < 512, "poll_event never ends");
        events
    }
}

/// The two, and what has passed between them.
pub(super) struct Stage {
    pub(super) ends: [End; 2],
    pub(super) now: u64,
    pub(super) mode: Mode,
    /// Who is fuzzed.
    pub(super) who: usize,
    /// What the peer has really sent to who is fuzzed.
    pub(super) genuine: Vec<Vec<u8>>,
    /// How frames to who is fuzzed are addressed: the identifier in the newest genuine one.
    pub(super) identifier: Vec<u8>,
    identifier_len: usize,
    /// Bytes of a tag, in records as in the handshake.
    pub(super) tag: usize,
    /// Numbers delivered, by session.
    pub(super) delivered: BTreeSet<(SessionHandle, u64)>,
    /// Something genuine was taken.
    pub(super) taken: bool,
    /// Handshakes changed by EDHOC errors.
    pub(super) hints: u32,
    /// Failing messages that handshakes under way have borne.
    pub(super) borne: usize,
    /// The state came from a store with anything in it.
    pub(super) trusting: bool,
}

impl Stage {
    /// `setup`: bit 0 the clear mode, 1 as on MQTT, 2 command offers, 3 identifiers of two bytes, 4 and 5 how credentials are shown,
    /// 6 who of two is fuzzed, 7 a store that can be rolled back. `methods`: bits 0 and 1 the method, counted down from 3, bit 2 suite 0.
    pub(super) fn new(state: State, setup: u8, methods: u8) -> Self {
        let mode = if setup & 1 == 1 { Mode::Clear } else { Mode::Sealed };
        let mut config = Config::default();
        config.mqtt = setup & 2 != 0;
        config.offers = setup & 4 != 0;
        config.identifier_len = 1 + (setup >> 3 & 1);
        config.method = Method::from_number(3 - i64::from(methods & 3)).expect("all four are in this build");
        let suite = if methods & 4 == 0 { Suite::X25519ChaCha } else { Suite::X25519Ccm };
        config.suites = [Some(suite), None, None, None];
        let ends = [0, 1].map(|who| {
            let mut config = config;
            if config.mqtt {
                let name = InboxName::new(identities()[who].name.as_bytes()).expect("a sound name");
                config.inbox = Some(name);
                config.reply_inbox = Some(name);
            }
            let mut end = End::new(who, mode, config);
            end.party.by_value = (setup >> 4 & 3).min(2);
            end.party.resists_rollback = setup & 0x80 == 0;
            // A credential signed by the anchor in the clear mode does not verify in the other.
            if mode == Mode::Sealed && end.party.by_value == 2 {
                end.party.by_value = 1;
            }
            end
        });
        let who = match state {
            State::Idle | State::Message3 | State::Unconfirmed => 1,
            State::Message2 | State::Message4 => 0,
            State::Established => usize::from(setup >> 6 & 1),
        };
        let identifier_len = usize::from(config.identifier_len);
        let mut stage = Stage {
            ends,
            now: 1_000,
            mode,
            who,
            genuine: Vec::new(),
            identifier: vec![0; identifier_len],
            identifier_len,
            tag: suite.edhoc_aead().tag_len(),
            delivered: BTreeSet::new(),
            taken: false,
            hints: 0,
            borne: 0,
            trusting: false,
        };
        stage.reach(state);
        stage
    }

    fn reach(&mut self, state: State) {
        let steps = match state {
            State::Idle => 0,
            State::Message2 | State::Message3 => 1,
            State::Message4 => 2,
            State::Unconfirmed => 3,
            State::Established => 8,
        };
        let [first, _] = &mut self.ends;
        let peer = identities()[1].thumbprint(first.endpoint.config().method.responder());
        first.endpoint.connect(&mut first.party, self.now, Route::default(), Some(peer)).expect("a sound party");
        // Each step carries what one end has to say to the other; the last answer stays under way.
        let mut from = 0;
        for _ in 0..steps {
            let frames = self.ends[from].frames(self.now);
            let to = other(from);
            for mut frame in frames {
                self.note(to, &frame);
                let end = &mut self.ends[to];
                let outcome = end.endpoint.handle_frame(&mut end.party, self.now, Route::default(), None, &mut frame);
                assert!(outcome.is_ok(), "{outcome:?} on the way to {state:?}");
            }
            from = to;
        }
        self.ends.iter_mut().for_each(|end| drop(end.events()));
        self.listen();
        self.drain();
        assert!(state != State::Established || self.ends.iter().all(|end| end.endpoint.sessions().count() == 1), "no session came up");
    }

    /// Takes note of a frame that the peer has sent to who is fuzzed.
    fn note(&mut self, to: usize, frame: &[u8]) {
        if to != self.who {
            return;
        }
        if frame[0] != 1
            && let Some(identifier) = frame.get(1..=self.identifier_len)
        {
            self.identifier = identifier.to_vec();
        }
        if !self.genuine.iter().any(|known| known == frame) {
            self.genuine.push(frame.to_vec());
        }
    }

    /// Lets the peer say what it has to say; nothing is delivered.
    pub(super) fn listen(&mut self) {
        let peer = other(self.who);
        for frame in self.ends[peer].frames(self.now) {
            self.note(self.who, &frame);
        }
        drop(self.ends[peer].events());
    }

    /// Carries what who is fuzzed has to say to the peer, and hears the answers.
    pub(super) fn carry(&mut self, frames: Vec<Vec<u8>>) {
        let peer = other(self.who);
        for mut frame in frames {
            let end = &mut self.ends[peer];
            let _ = end.endpoint.handle_frame(&mut end.party, self.now, Route::default(), None, &mut frame);
        }
        self.listen();
    }

    /// Takes what who is fuzzed has to tell, and carries what it has to say.
    pub(super) fn drain(&mut self) {
        let now = self.now;
        let end = self.end();
        drop(end.events());
        let frames = end.frames(now);
        self.carry(frames);
    }

    /// Who is fuzzed.
    pub(super) fn end(&mut self) -> &mut End {
        &mut self.ends[self.who]
    }
}
