//! The engine for one session with one peer: `handle_frame` in each state, and `restore`; the peer is an endpoint.
//!
//! The first byte of an input sets the stage, the rest are moves, as for the endpoint.

use crate::party::{Party, STATIC, identities};
use crate::provider::{Mode, TAG, hash};
use crate::random::Input;
use crate::typed;
use sealwire_core::Error;
use sealwire_core::device::{Config, Device, Event, MAX_FRAME, MAX_OVERHEAD, Origin, Outgoing};
use sealwire_core::endpoint::{self, Endpoint, HeapTables, Kind, Route, Topic};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Frame types (PROTOCOL §3).
const ERROR: u8 = 5;
const UNKNOWN_CONTEXT: u8 = 6;
/// Moves in one input.
const MOVES: usize = 24;
/// Failing messages that one handshake bears.
const MAX_FAILURES: u32 = 8;
/// Bytes of the stored session, and of the check at its end.
const STORED: usize = 164;
const CHECK: usize = 8;

struct Stage {
    party: Party,
    device: Device<'static>,
    config: Config<'static>,
    hub: (Party, Endpoint<HeapTables>),
    now: u64,
    mode: Mode,
    /// What the hub has really sent.
    genuine: Vec<Vec<u8>>,
    /// How frames to the device are addressed.
    identifier: u8,
    delivered: BTreeSet<([u8; 8], u64)>,
    /// What it has delivered, to be committed.
    held: Vec<(Origin, Option<Origin>)>,
    taken: bool,
    /// Failing messages that the handshake under way has borne.
    borne: u32,
}

impl Stage {
    /// `setup`: bit 0 the clear mode, 1 an inbox, 2 commands, 3 a store that can be rolled back, 4 and 5 how far the handshake is: not begun, waiting
    /// for message_2, waiting for message_4, established.
    fn new(setup: u8) -> Self {
        let mode = if setup & 1 == 1 { Mode::Clear } else { Mode::Sealed };
        let (mut party, hub_party) = (Party::new(0, mode), Party::new(1, mode));
        party.resists_rollback = setup & 8 == 0;
        let [own, peer] = identities();
        let mut config = Config::new(&own.ccs, STATIC, &peer.ccs);
        config.inbox = (setup & 2 != 0).then_some(own.name.as_bytes());
        config.command_lifetime_ms = if setup & 4 != 0 { 10_000 } else { 0 };
        let device = Device::new(&mut party, config).expect("a sound configuration");
        let hub = Endpoint::new(HeapTables::new(4, 3), endpoint::Config::default()).expect("a sound configuration");
        let mut stage = Stage {
            party,
            device,
            config,
            hub: (hub_party, hub),
            now: 1_000,
            mode,
            genuine: Vec::new(),
            identifier: 0,
            delivered: BTreeSet::new(),
            held: Vec::new(),
            taken: false,
            borne: 0,
        };
        let steps = [0, 1, 2, 8][usize::from(setup >> 4 & 3)];
        if steps > 0 {
            stage.device.connect(&mut stage.party, stage.now).expect("a sound party");
        }
        // The answer to the last step stays under way.
        for step in 0..steps {
            for frame in if step > 0 { stage.genuine.clone() } else { Vec::new() } {
                let _ = stage.device.handle_frame(&mut stage.party, stage.now, &mut frame.clone());
            }
            stage.drain();
        }
        stage.events();
        stage
    }

    fn digest(&self) -> (u64, u32) {
        let mut hasher = DefaultHasher::new();
        self.device.digest(&mut hasher);
        self.party.stored.hash(&mut hasher);
        (hasher.finish(), self.party.provider.opened)
    }

    fn events(&mut self) -> Vec<Event> {
        let events: Vec<_> = std::iter::from_fn(|| self.device.poll_event()).take(512).collect();
        assert!(events.len() < 512, "poll_event never ends");
        events
    }

    /// Takes what the device has to tell and carries what it has to say, and hears the hub's answers. Gives the count of frames.
    fn drain(&mut self) -> usize {
        let mut frames = Vec::new();
        let mut buffer = [0; MAX_FRAME];
        for round in 0.. {
            assert!(round < 64, "poll_transmit never ends");
            match self.device.poll_transmit(&mut self.party, self.now, &mut buffer) {
                Ok(0) => break,
                Ok(length) => frames.push(buffer[..length].to_vec()),
                Err(error) => assert!(matches!(error, Error::StorageFailed | Error::KeyExhausted), "{error:?}"),
            }
        }
        self.events();
        assert!(self.device.poll_timeout() > self.now, "a timer that stays due");
        let count = frames.len();
        self.carry(frames);
        count
    }

    fn carry(&mut self, frames: Vec<Vec<u8>>) {
        let (party, hub) = &mut self.hub;
        for mut frame in frames {
            let _ = hub.handle_frame(party, self.now, Route::default(), None, &mut frame);
        }
        let mut buffer = [0; 1024];
        while let Ok(Some(transmit)) = hub.poll_transmit(party, self.now, &mut buffer) {
            let frame = buffer[..transmit.len].to_vec();
            if let (2 | 4 | 0x40..=0x7f, Some(identifier)) = (frame[0], frame.get(1)) {
                self.identifier = *identifier;
            }
            self.genuine.push(frame);
        }
        while hub.poll_event().is_some() {}
    }

    /// Hands a frame in, and checks what that changed.
    fn deliver(&mut self, frame: &[u8]) {
        let may_do_anything = self.mode == Mode::Clear || self.genuine.iter().any(|known| known == frame);
        let (before, connecting, sid) = (self.digest(), self.device.is_connecting(), self.device.sid());
        let mut bytes = frame.to_vec();
        let result = self.device.handle_frame(&mut self.party, self.now, &mut bytes).map(|message| {
            message.map(|found| {
                assert!(found.payload.len() < frame.len());
                (Origin { sid: found.sid, number: found.number.unwrap_or_default() }, found.number.is_some(), found.origin)
            })
        });
        if let Err(error) = result {
            typed(error);
        }
        self.borne = if connecting { self.borne + u32::from(result.is_err() && matches!(frame.first(), Some(2 | 4))) } else { 0 };
        if may_do_anything {
            self.taken |= result.is_ok();
            if let Ok(Some((name, true, origin))) = result {
                assert!(self.delivered.insert((name.sid, name.number)), "delivered twice: {name:?}");
                self.held.push((name, origin));
            }
        } else {
            let kind = frame.first().copied().unwrap_or_default();
            assert!(!matches!(result, Ok(Some(_))), "a message of nobody");
            let hint = matches!(kind, ERROR | UNKNOWN_CONTEXT);
            assert!(result.is_err() || hint, "taken, and nobody sent it: type {kind}");
            assert_ne!(result, Err(Error::Pending), "a static key for strangers");
            let ended = connecting && !self.device.is_connecting();
            assert!(!ended || self.borne > MAX_FAILURES, "a handshake ended by a stranger");
            let begun = kind == UNKNOWN_CONTEXT && !connecting && self.device.is_connecting();
            assert!(ended || begun || self.digest() == before, "changed by nobody: type {kind}");
            assert_eq!((self.device.sid(), self.party.provider.opened), (sid, before.1));
            let events = self.events();
            assert!(events.iter().all(|event| ended && matches!(event, Event::HandshakeFailed { .. })), "{events:?}");
        }
        let frames = self.drain();
        assert!(may_do_anything || frames <= 1, "one frame is answered with {frames}");
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        let (party, hub) = &mut self.hub;
        hub.handle_timeout(party, self.now).expect("time cannot fail");
        self.drain();
    }

    /// A new process over the same store; true if there is a session.
    fn start(&mut self) -> bool {
        self.device = Device::new(&mut self.party, self.config).expect("a sound configuration");
        self.delivered.clear();
        self.held.clear();
        self.borne = 0;
        let restored = self.device.restore(&mut self.party, self.now);
        if let Err(error) = restored {
            assert!(matches!(error, Error::CorruptState | Error::UnsupportedState), "{error:?}");
        }
        assert_eq!(self.device.sid().is_some(), restored == Ok(true));
        self.drain();
        restored == Ok(true)
    }

    fn application(&mut self, variant: u8, number: u8) {
        let mut buffer = [0; 512];
        let mut length = 0;
        let (now, at_hub) = (self.now, variant & 8 != 0);
        let confirmable = variant & 1 == 1;
        let topic = (number & 1 == 1).then_some(&b"t"[..]);
        let outcome = if at_hub {
            let (party, hub) = &mut self.hub;
            let Some(session) = hub.sessions().next() else { return };
            let kind = if variant & 2 == 0 { Kind::Data } else { Kind::Command };
            let topic = topic.map_or(Topic::None, Topic::Addressed);
            let message = endpoint::Outgoing { kind, confirmable, topic, payload: b"payload", ..endpoint::Outgoing::default() };
            match variant & 4 {
                0 => hub.send(party, now, session, &message, &mut buffer).map(|sent| length = sent.len),
                _ => hub.key_update(party, now, session),
            }
        } else {
            let Stage { device, party, held, borne, .. } = self;
            let origin = (number & 2 != 0).then_some(Origin { sid: [number; 8], number: 1 });
            let message =
                Outgoing { confirmable, number: (number & 4 != 0).then_some(u64::from(number >> 3)), origin, topic, payload: b"payload" };
            match variant & 6 {
                0 => {
                    *borne = 0;
                    device.connect(party, now)
                }
                2 => device.send(party, now, &message, &mut buffer).map(|sent| {
                    assert!(sent.length <= 8 + MAX_OVERHEAD);
                    length = sent.length;
                }),
                4 if confirmable => device.abandon(u64::from(number)),
                4 => match held.get(usize::from(number)) {
                    Some((name, origin)) => device.commit(party, now, *name, *origin),
                    None => Ok(()),
                },
                _ => device.close(party),
            }
        };
        if let Err(error) = outcome {
            typed(error);
        }
        if length > 0 {
            let frame = buffer[..length].to_vec();
            if at_hub { self.genuine.push(frame) } else { self.carry(vec![frame]) }
        }
        self.drain();
    }

    fn play(&mut self, input: &mut Input<'_>) {
        for _ in 0..MOVES {
            if input.is_empty() {
                break;
            }
            let code = input.byte();
            let variant = code >> 3;
            let identifier = self.identifier;
            match code & 7 {
                0 => self.deliver(input.piece()),
                1 => self.deliver(&[&[1 + variant % 6, identifier][..], input.piece()].concat()),
                2 => self.deliver(&[&[0x40 | variant << 3 & 0x38, identifier][..], input.piece()].concat()),
                3 => {
                    let (which, at, change) = (usize::from(input.byte()), usize::from(input.byte()), input.byte());
                    if let Some(which) = which.checked_rem(self.genuine.len()) {
                        let mut frame = self.genuine[which].clone();
                        if let Some(byte) = frame.get_mut(at) {
                            *byte ^= change;
                        }
                        self.deliver(&frame);
                    }
                }
                4 => self.pass(u64::from(input.short()) << (variant & 15)),
                5 => {
                    // What one with the keys would make of the input: it verifies in the clear mode.
                    let tag = [TAG; 16];
                    let front = match variant & 3 {
                        0 => vec![2, identifier, 0x58, 0],
                        1 => vec![4, identifier, 0x58, 0],
                        _ => vec![0x40 | variant << 1 & 0x38, identifier, input.byte()],
                    };
                    let body = match variant & 3 {
                        0 => [&[7; 32][..], input.piece()].concat(),
                        _ => [input.piece(), &tag].concat(),
                    };
                    let mut frame = [front, body].concat();
                    if variant & 3 < 2 {
                        frame[3] = (frame.len() - 4) as u8;
                    }
                    self.deliver(&frame);
                }
                6 => self.application(variant, input.byte()),
                _ => match variant & 3 {
                    0 => self.party.provider.pending = u32::from(input.byte() & 3),
                    1 => {
                        let saves = input.byte();
                        self.party.saves_left = if saves == 0xff { u32::MAX } else { u32::from(saves & 7) };
                    }
                    _ => drop(self.start()),
                },
            }
        }
    }
}

/// `handle_frame` in every state.
pub fn frames(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut stage = Stage::new(input.byte());
    stage.play(&mut input);
    // Left alone, every timer leads on to a later one, or to none.
    for _ in 0..32 {
        let next = stage.device.poll_timeout();
        if next == u64::MAX {
            break;
        }
        stage.pass(next.saturating_sub(stage.now));
    }
    stage.taken
}

/// `restore`: a store with anything in it; then everything else.
pub fn restore(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut stage = Stage::new(input.byte() & !8 | 0x30);
    let how = input.byte();
    let given = input.piece();
    let sound = stage.party.stored[0].clone().unwrap_or_default();
    stage.party.stored[0] = match how & 1 {
        0 => (!given.is_empty()).then(|| given.to_vec()),
        // The sound one, with the input over a part of it and the check made right.
        _ if sound.len() == STORED => {
            let (body, check) = sound.split_at(STORED - CHECK);
            let (mut body, mut check) = (body.to_vec(), check.to_vec());
            body.iter_mut().skip(usize::from(how >> 1)).zip(given).for_each(|(byte, new)| *byte = *new);
            let [own, peer] = identities().each_ref().map(|party| party.thumbprint(sealwire_core::crypto::AuthenticationKey::StaticDh));
            check.copy_from_slice(&hash(&[&body, own.as_bytes(), peer.as_bytes()])[..CHECK]);
            Some([body, check].concat())
        }
        _ => None,
    };
    let restored = stage.start();
    // What is in a store is believed, so from here on only what holds in every state is checked.
    stage.mode = Mode::Clear;
    stage.play(&mut input);
    restored
}
