//! What a frame may change: bad input changes nothing but a counter, apart from the bounded handshake rules.

use super::stage::{End, HANDSHAKES, SESSIONS, Stage};
use crate::provider::Mode;
use crate::typed;
use sealwire_core::Error;
use sealwire_core::endpoint::{Event, Held, Route};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Digests of everything that counts.
struct Digest {
    sessions: Vec<(Held, u64)>,
    /// Whether this end started it.
    handshakes: Vec<(bool, u64)>,
    stored: u64,
    started: u32,
    order: u32,
    /// Handshakes that ended without a session, or made room.
    ended: u32,
    opened: u32,
    ignored: u32,
}

impl Digest {
    fn of(end: &mut End) -> Self {
        let (sessions, handshakes) = end.endpoint.slots();
        let sessions = (0..sessions).map(|slot| {
            let mut hasher = DefaultHasher::new();
            (end.endpoint.digest_session(&mut end.party, slot, &mut hasher), hasher.finish())
        });
        let sessions = sessions.collect();
        let handshakes = (0..handshakes).map(|slot| {
            let mut hasher = DefaultHasher::new();
            (end.endpoint.digest_handshake(slot, &mut hasher), hasher.finish())
        });
        let handshakes = handshakes.collect();
        let mut stored = DefaultHasher::new();
        end.party.stored.hash(&mut stored);
        let counters = end.endpoint.counters();
        let (started, order) = end.endpoint.digest_counts();
        Digest {
            sessions,
            handshakes,
            stored: stored.finish(),
            started,
            order,
            ended: counters.handshakes_failed.wrapping_add(counters.evicted),
            opened: end.party.provider.opened,
            ignored: counters.handshake_ignored,
        }
    }

    /// A new handshake finds slots that nothing holds.
    fn has_room(&self) -> bool {
        let free = self.sessions.iter().filter(|(held, _)| *held == Held::Free).count();
        free + SESSIONS - self.sessions.len() > 0
    }
}

/// Frame types (PROTOCOL §3).
const MESSAGE_1: u8 = 1;
const ERROR: u8 = 5;
const UNKNOWN_CONTEXT: u8 = 6;
/// Failing messages that one handshake bears (PROTOCOL §4.2).
const MAX_FAILURES: usize = 8;

impl Stage {
    /// Hands a frame to who is fuzzed, and checks what that changed.
    pub(super) fn deliver(&mut self, frame: &[u8], topic: Option<&[u8]>) {
        let genuine = topic.is_none() && self.genuine.iter().any(|known| known == frame);
        let may_do_anything = genuine || self.mode == Mode::Clear;
        let now = self.now;
        let end = self.end();
        let before = Digest::of(end);
        let mut bytes = frame.to_vec();
        let outcome = end.endpoint.handle_frame(&mut end.party, now, Route::default(), topic, &mut bytes);
        let mut message = None;
        let result = outcome.map(|event| match event {
            Event::Message(found) => {
                assert!(found.payload.len() < frame.len());
                message = Some((found.session, found.number));
            }
            Event::None => {}
            event => panic!("{event:?} comes from poll_event"),
        });
        if let Err(error) = result {
            typed(error);
        }
        if may_do_anything {
            self.taken |= result.is_ok();
            self.borne = 0;
            if let Some((session, Some(number))) = message {
                assert!(self.delivered.insert((session, number)) || self.trusting, "delivered twice: {session:?} {number}");
            }
        } else {
            assert!(message.is_none(), "a message of nobody");
            let after = Digest::of(self.end());
            self.unauthenticated(frame.first().copied(), result, &before, &after);
        }
        let end = self.end();
        let events = end.events();
        let frames = end.frames(now);
        if !may_do_anything {
            assert!(events.iter().all(|event| matches!(event, Event::HandshakeFailed { .. })), "{events:?}");
            assert!(frames.len() <= 1, "one frame is answered with {}", frames.len());
        }
        self.carry(frames);
        self.sound();
    }

    fn unauthenticated(&mut self, kind: Option<u8>, result: Result<(), Error>, before: &Digest, after: &Digest) {
        assert_eq!(after.opened, before.opened, "a tag of nobody");
        assert_eq!(after.order, before.order);
        let strangers = matches!(kind, Some(MESSAGE_1 | UNKNOWN_CONTEXT));
        if !strangers && kind != Some(ERROR) {
            assert!(result.is_err(), "taken, and nobody sent it: type {kind:?}");
            assert_ne!(result, Err(Error::Pending), "a static key for strangers");
        }
        let started = after.started.wrapping_sub(before.started);
        assert!(started <= u32::from(kind == Some(UNKNOWN_CONTEXT)), "a stranger starts handshakes");
        assert!(after.handshakes.len() <= HANDSHAKES);
        let ended = after.ended != before.ended;
        let judged = matches!(result, Err(error) if error.number() < 300 && error != Error::Busy && error != Error::WrongState);
        if ended {
            self.borne = 0;
        } else if matches!(kind, Some(2..=4)) && judged && after.ignored != before.ignored {
            self.borne += 1;
            let under_way = before.sessions.iter().filter(|(held, _)| *held == Held::Reserved).count();
            assert!(self.borne <= MAX_FAILURES * under_way, "a handshake bears failing messages without end");
        }
        for (slot, (held, digest)) in before.sessions.iter().enumerate() {
            let same = after.sessions.get(slot) == Some(&(*held, *digest));
            let may_change = match held {
                Held::Confirmed => false,
                Held::Free => strangers,
                Held::Reserved => ended,
                Held::Unconfirmed | Held::Ended => strangers && !before.has_room(),
            };
            assert!(same || may_change, "slot {slot}, {held:?}, by type {kind:?}");
        }
        for (slot, (own, digest)) in before.handshakes.iter().enumerate() {
            let same = after.handshakes.get(slot) == Some(&(*own, *digest));
            if !same && *own && kind == Some(ERROR) {
                self.hints += 1;
                assert!(self.hints <= 2 * after.started, "each kind of error has an effect once");
            } else {
                assert!(same || ended || strangers && !*own, "handshake {slot} by type {kind:?}");
            }
        }
        assert!(after.stored == before.stored || strangers && !before.has_room(), "a stranger writes the store");
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        self.borne = 0;
        let now = self.now;
        for end in &mut self.ends {
            end.endpoint.handle_timeout(&mut end.party, now).expect("time cannot fail");
            assert!(end.endpoint.poll_timeout().is_none_or(|next| next > now), "a timer that stays due");
        }
        self.drain();
        self.sound();
    }

    /// What holds in every state.
    pub(super) fn sound(&mut self) {
        let (now, trusting) = (self.now, self.trusting);
        let end = self.end();
        let handles: Vec<_> = end.endpoint.sessions().collect();
        assert!(handles.len() <= SESSIONS);
        for handle in handles {
            let info = end.endpoint.session(handle, now).expect("it was listed");
            assert!(info.peer != info.own || trusting, "a session with itself");
            assert!(info.unacknowledged <= 64);
            assert!(!info.confirmed || end.endpoint.find(&info.peer).is_some());
        }
    }
}
