//! Two endpoints with applications over a bad network, by seed: what the protocol promises is checked while it runs, and when the loss has
//! stopped everything must have come to rest.

use super::end::End;
use super::port::Dice;
use super::*;
use crate::crypto::software::KeyKind;
use crate::edhoc::Method;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;

/// What a run is made of; chances in percent.
#[derive(Clone, Copy)]
pub(crate) struct Plot {
    pub(crate) seed: u64,
    pub(crate) loss: u64,
    pub(crate) duplicates: u64,
    /// Longest delay of a frame in ms; frames overtake each other.
    pub(crate) delay: u64,
    /// When the network becomes good.
    pub(crate) bad_until: u64,
    pub(crate) messages: u64,
    pub(crate) updates: u64,
    pub(crate) restarts: [Restarts; 2],
    /// How often each end starts a handshake for no reason.
    pub(crate) reconnects: u64,
    /// The other end may start, too.
    pub(crate) both_start: bool,
    pub(crate) mqtt: bool,
    pub(crate) adversary: bool,
    pub(crate) identifier_len: u8,
    /// Whether each end has a key that signs, instead of a static Diffie-Hellman key.
    pub(crate) signs: [bool; 2],
    /// Of all store operations, in percent: those that fail, and those after which the power goes.
    pub(crate) store_failures: u64,
    pub(crate) cuts: u64,
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Restarts {
    Never,
    /// The store survives.
    Kept(u64),
    /// It survives, but does not resist rollback; it is not rolled back.
    Volatile(u64),
    /// It is sometimes lost, sometimes an old copy, sometimes there.
    Any(u64),
}

impl Plot {
    pub(crate) const CALM: Plot = Plot {
        seed: 0,
        loss: 0,
        duplicates: 0,
        delay: 20,
        bad_until: 60_000,
        messages: 20,
        updates: 0,
        restarts: [Restarts::Never; 2],
        reconnects: 0,
        both_start: false,
        mqtt: false,
        adversary: false,
        identifier_len: 1,
        signs: [false; 2],
        store_failures: 0,
        cuts: 0,
    };
}

/// A message as the application keeps it, durably.
struct Outbound {
    id: u64,
    command: bool,
    /// Session and number of the first sending.
    first: Option<Origin>,
    /// And of the sending that stands.
    current: Option<(Sid, u64)>,
    done: bool,
}

/// The application at one end.
#[derive(Default)]
struct App {
    outbox: Vec<Outbound>,
    /// Everything ever sent, by id.
    sent: BTreeSet<u64>,
    unconfirmed_sent: BTreeSet<u64>,
    committed: BTreeMap<u64, u32>,
    /// Delivered in this process and not committed yet: when to, and what.
    holding: Vec<(u64, u64, SessionHandle, u64, Option<Origin>)>,
    seen_unconfirmed: BTreeSet<u64>,
    /// The receive windows are gone or old: messages may come twice.
    forgetful: bool,
    connect_at: Option<u64>,
    connecting: Option<HandshakeId>,
    /// Sessions confirmed here, ever, as Initiator.
    initiated: BTreeSet<Sid>,
    names: BTreeMap<SessionHandle, Sid>,
    outcomes: BTreeMap<String, u32>,
    lives: u32,
}

struct Packet {
    at: u64,
    to: usize,
    frame: Vec<u8>,
    /// Made by the adversary: must change nothing.
    forged: bool,
}

pub(crate) struct World {
    plot: Plot,
    pub(crate) nodes: [Box<dyn End>; 2],
    apps: [App; 2],
    air: Vec<Packet>,
    pub(crate) now: u64,
    dice: Dice,
    /// Every frame ever, for replays.
    heard: Vec<(usize, Vec<u8>)>,
    /// Old copies of the stores.
    copies: [Vec<BTreeMap<u32, Vec<u8>>>; 2],
    /// What happens to the n-th frame, if it was written in advance.
    pub(crate) script: BTreeMap<usize, Fate>,
    pub(crate) frames: usize,
    next_id: u64,
    stranger: Option<Node>,
    exporters: BTreeMap<(Sid, u32), [u8; 16]>,
    pub(crate) trace: bool,
}

/// A fate written in advance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Lost,
    Twice,
    Late(u64),
}

/// From the end of the loss to when everything must be at rest; and to when each end says something for the last time.
const QUIET: u64 = 1_200_000;
const LAST_WORDS: u64 = 400_000;

/// Subjects and inbox names.
const NAMES: [&str; 2] = ["dev-1", "hub"];

impl World {
    /// Two endpoints.
    pub(crate) fn new(plot: Plot) -> Self {
        let [first, second] = World::identities(&plot);
        let ends = [(&first, &second), (&second, &first)].map(|(own, peer)| World::endpoint(&plot, own, peer));
        World::of(plot, ends)
    }

    /// Who the two are.
    pub(crate) fn identities(plot: &Plot) -> [Identity; 2] {
        let kinds = plot.signs.map(|signs| if signs { KeyKind::Ed25519 } else { KeyKind::X25519 });
        [Identity::of(kinds[0], 1, NAMES[0], true), Identity::of(kinds[1], 2, NAMES[1], true)]
    }

    /// One that is an endpoint.
    pub(crate) fn endpoint(plot: &Plot, own: &Identity, peer: &Identity) -> Box<dyn End> {
        let which = usize::from(own.kid) - 1;
        let config = Config {
            offers: true,
            ping_after_ms: 60_000,
            identifier_len: plot.identifier_len,
            reserve: 8,
            edge: 8,
            mqtt: plot.mqtt,
            inbox: plot.mqtt.then(|| InboxName::new(NAMES[which].as_bytes()).unwrap()),
            method: match [plot.signs[which], plot.signs[1 - which]] {
                [true, true] => Method::SignSign,
                [true, false] => Method::SignDh,
                [false, true] => Method::DhSign,
                [false, false] => Method::DhDh,
            },
            ..Config::default()
        };
        Box::new(Node::new(own, &[peer], config, true, plot.seed))
    }

    /// Two of any kind.
    pub(crate) fn of(plot: Plot, mut nodes: [Box<dyn End>; 2]) -> Self {
        for (node, restarts) in nodes.iter_mut().zip(plot.restarts) {
            node.port().resists = !matches!(restarts, Restarts::Volatile(_) | Restarts::Any(_));
        }
        let mut stranger = None;
        if plot.adversary {
            let identities = World::identities(&plot);
            let identity = Identity::new(66, "mallory", true);
            stranger = Some(Node::new(&identity, &[&identities[0], &identities[1]], Config::default(), true, plot.seed));
        }
        let mut world = World {
            plot,
            nodes,
            apps: Default::default(),
            air: Vec::new(),
            now: 0,
            dice: Dice::new(plot.seed ^ 0x5ea1),
            heard: Vec::new(),
            copies: Default::default(),
            script: BTreeMap::new(),
            frames: 0,
            next_id: 0,
            stranger,
            exporters: BTreeMap::new(),
            trace: false,
        };
        for who in 0..2 {
            // What is stored without a defence against rollback, an endpoint reads for the numbers of messages; others need not.
            world.apps[who].forgetful = !world.nodes[who].is_full() && !world.nodes[who].port().resists;
        }
        world.apps[0].connect_at = Some(0);
        if plot.both_start {
            let first = world.dice.below(40);
            world.apps[1].connect_at = Some(first);
        }
        world
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.trace {
            std::println!("{:>8} {}", self.now, text());
        }
    }

    fn route(&self, to: usize) -> Route {
        if self.plot.mqtt { Route::new(NAMES[to].as_bytes()).unwrap() } else { Route::default() }
    }

    // ---- network

    fn transmit(&mut self, from: usize, frame: Vec<u8>) {
        let to = 1 - from;
        let fate = self.script.get(&self.frames).copied();
        self.frames += 1;
        self.heard.push((to, frame.clone()));
        let bad = self.now < self.plot.bad_until;
        let mut times = 1;
        let mut delay = 1 + self.dice.below(self.plot.delay);
        match fate {
            Some(Fate::Lost) => times = 0,
            Some(Fate::Twice) => times = 2,
            Some(Fate::Late(by)) => delay += by,
            None if bad && self.dice.chance(self.plot.loss) => times = 0,
            None if bad && self.dice.chance(self.plot.duplicates) => times = 2,
            None => {}
        }
        self.say(|| format!("{from} sends type {:02x}, {} bytes, {times} times, {delay} ms", frame[0], frame.len()));
        for copy in 0..times {
            let at = self.now + delay + copy * self.dice.below(3 * self.plot.delay);
            self.air.push(Packet { at, to, frame: frame.clone(), forged: false });
        }
        if bad && self.plot.adversary {
            self.attack(to, &frame);
        }
    }

    fn attack(&mut self, to: usize, frame: &[u8]) {
        let at = self.now + 1 + self.dice.below(2 * self.plot.delay);
        if self.dice.chance(30) {
            let mut flipped = frame.to_vec();
            let position = self.dice.below(flipped.len() as u64 * 8) as usize;
            flipped[position / 8] ^= 1 << (position % 8);
            // Handshakes end after the ninth failure, and every new message_1 is an honest one: those only slow things down.
            let forged = !matches!(flipped[0], 1..=6);
            if forged || self.dice.chance(20) {
                self.air.push(Packet { at, to, frame: flipped, forged });
            }
        }
        if self.dice.chance(20) {
            let nth = self.dice.below(self.heard.len() as u64) as usize;
            let (_, old) = self.heard[nth].clone();
            // To its addressee, or back to its sender.
            let to = self.dice.below(2) as usize;
            self.air.push(Packet { at, to, frame: old, forged: false });
        }
        if self.dice.chance(10) {
            let garbage: Vec<u8> = (0..self.dice.below(60)).map(|_| self.dice.next() as u8).collect();
            self.air.push(Packet { at, to, frame: garbage, forged: false });
        }
        if self.dice.chance(5) {
            // Someone says that a session is not known.
            self.air.push(Packet { at, to, frame: std::vec![6, self.dice.below(48) as u8], forged: false });
        }
        if let Some(mut stranger) = self.stranger.take() {
            if self.dice.chance(10) {
                let _ = stranger.endpoint.connect(&mut stranger.port, self.now, Route::default(), None);
            }
            let _ = stranger.endpoint.handle_timeout(&mut stranger.port, self.now);
            for frame in stranger.frames(self.now) {
                self.air.push(Packet { at, to, frame, forged: false });
            }
            stranger.take_events();
            self.stranger = Some(stranger);
        }
    }

    // ---- application

    fn new_message(&mut self, who: usize) {
        let id = self.next_id;
        self.next_id += 1;
        match self.dice.below(4) {
            0 => {
                let Some(session) = self.standing(who) else { return };
                let payload = id.to_be_bytes();
                let message = Outgoing { payload: &payload, ..DATA };
                let result = self.nodes[who].send(self.now, session, &message);
                if self.power_went(who) {
                    return;
                }
                if let Ok((_, frame)) = result {
                    self.apps[who].sent.insert(id);
                    self.apps[who].unconfirmed_sent.insert(id);
                    self.transmit(who, frame);
                }
            }
            kind => {
                self.apps[who].sent.insert(id);
                let command = kind == 1 && self.nodes[who].is_full();
                self.apps[who].outbox.push(Outbound { id, command, first: None, current: None, done: false });
            }
        }
    }

    fn standing(&self, who: usize) -> Option<SessionHandle> {
        self.nodes[who].standing(&self.nodes[1 - who].thumbprint())
    }

    /// Sends what is not out under the session that stands.
    fn push_outbox(&mut self, who: usize) {
        let Some(session) = self.standing(who) else { return };
        let (sid, _, _) = self.nodes[who].describe(self.now, session).unwrap();
        // What was sent before goes first.
        let mut places: Vec<usize> = (0..self.apps[who].outbox.len()).collect();
        places.sort_by_key(|place| self.apps[who].outbox[*place].first.is_none());
        for place in places {
            let message = &self.apps[who].outbox[place];
            if message.done || message.current.is_some_and(|(current, _)| current == sid) {
                continue;
            }
            let payload = message.id.to_be_bytes();
            let origin = message.first.filter(|first| first.sid != sid);
            let kind = if message.command { Kind::Command } else { Kind::Data };
            let outgoing = Outgoing { kind, confirmable: true, payload: &payload, origin, ..DATA };
            let result = self.nodes[who].send(self.now, session, &outgoing);
            if self.power_went(who) {
                return;
            }
            match result {
                Ok((sent, frame)) => {
                    let number = sent.number.unwrap();
                    let message = &mut self.apps[who].outbox[place];
                    message.current = Some((sid, number));
                    message.first = message.first.or(Some(Origin { sid, number }));
                    let text = format!("{who} sent {} as {number} of {sid:?}, origin {origin:?}", message.id);
                    self.say(|| text);
                    self.transmit(who, frame);
                }
                Err(Error::WindowFull | Error::NoOffer) if self.apps[who].outbox[place].first.is_some() => return,
                Err(Error::WindowFull | Error::NoOffer) => {}
                Err(Error::StorageFailed) => return,
                Err(error) => panic!("send: {error:?}"),
            }
        }
    }

    fn resend(&mut self, who: usize, session: SessionHandle, number: u64) {
        let Some((sid, _, _)) = self.nodes[who].describe(self.now, session) else { return };
        let found = self.apps[who].outbox.iter().find(|message| !message.done && message.current == Some((sid, number)));
        let Some(message) = found else {
            self.nodes[who].abandon(session, number).unwrap();
            return;
        };
        let payload = message.id.to_be_bytes();
        let origin = message.first.filter(|first| first.sid != sid);
        let kind = if message.command { Kind::Command } else { Kind::Data };
        let outgoing = Outgoing { kind, number: Some(number), payload: &payload, origin, ..DATA };
        let result = self.nodes[who].send(self.now, session, &outgoing);
        if self.power_went(who) {
            return;
        }
        match result {
            Ok((_, frame)) => self.transmit(who, frame),
            Err(Error::NoOffer | Error::StorageFailed) => {}
            Err(error) => panic!("resend: {error:?}"),
        }
    }

    fn on_event(&mut self, who: usize, event: Event<'static>) {
        self.say(|| format!("{who} {event:?}"));
        match event {
            Event::Established { session, role, resumed, handshake, .. } => {
                let (sid, _, _) = self.nodes[who].describe(self.now, session).unwrap();
                self.apps[who].names.insert(session, sid);
                match role {
                    crate::edhoc::Role::Initiator => {
                        self.apps[who].initiated.insert(sid);
                    }
                    // R confirmed implies I confirmed.
                    crate::edhoc::Role::Responder => assert!(self.apps[1 - who].initiated.contains(&sid)),
                }
                if handshake.is_some() && handshake == self.apps[who].connecting {
                    self.apps[who].connecting = None;
                }
                if !resumed {
                    self.apps[who].connect_at = None;
                }
                self.check_agreement(who, session);
            }
            Event::Acknowledged { session, top, missing } => {
                let sid = self.apps[who].names[&session];
                for message in &mut self.apps[who].outbox {
                    if let Some((current, number)) = message.current
                        && current == sid
                        && acknowledges(top, missing, number)
                    {
                        message.done = true;
                    }
                }
                let receiver = &self.apps[1 - who];
                for message in &self.apps[who].outbox {
                    assert!(!message.done || receiver.committed.contains_key(&message.id), "acknowledged, not committed");
                }
            }
            Event::Resend { session, number } => self.resend(who, session, number),
            Event::KeyUpdated { session, .. } => self.check_agreement(who, session),
            Event::PeerSilent { .. } => self.reconnect(who),
            Event::Closed { reason, .. } => {
                assert_eq!(reason, Error::LostState);
                self.reconnect(who);
            }
            Event::HandshakeFailed { handshake, .. } => {
                if self.apps[who].connecting == Some(handshake) {
                    self.apps[who].connecting = None;
                }
                if self.standing(who).is_none() {
                    let pause = 500 + self.dice.below(4_000);
                    self.apps[who].connect_at = Some(self.now + pause);
                }
            }
            Event::Replaced { .. } | Event::CommandReady { .. } | Event::None | Event::Message(_) => {}
            #[cfg(feature = "setup")]
            Event::OwnershipChanged { .. } | Event::Ownership { .. } => panic!("nobody owns anything here"),
        }
    }

    fn reconnect(&mut self, who: usize) {
        if self.apps[who].connecting.is_none() && self.apps[who].connect_at.is_none() {
            let pause = self.dice.below(200);
            self.apps[who].connect_at = Some(self.now + pause);
        }
    }

    /// The same session name and epoch never mean different keys.
    fn check_agreement(&mut self, who: usize, session: SessionHandle) {
        let (sid, epoch, _) = self.nodes[who].describe(self.now, session).unwrap();
        let value = self.nodes[who].exported(session);
        let known = *self.exporters.entry((sid, epoch)).or_insert(value);
        assert_eq!(known, value, "two values for one session and epoch");
    }

    fn on_message(&mut self, who: usize, got: &Delivered) {
        let id = u64::from_be_bytes(got.payload[..].try_into().unwrap());
        self.say(|| format!("{who} gets {id}: {:?} {:?} {:?}", got.session, got.number, got.origin));
        assert!(self.apps[1 - who].sent.contains(&id), "delivered what was never sent");
        assert_eq!(got.peer, self.nodes[1 - who].thumbprint());
        let app = &mut self.apps[who];
        let Some(number) = got.number else {
            assert!(self.apps[1 - who].unconfirmed_sent.contains(&id));
            assert!(self.apps[who].seen_unconfirmed.insert(id), "delivered twice: {id}");
            return;
        };
        let again = app.committed.contains_key(&id) || app.holding.iter().any(|held| held.1 == id);
        assert!(!again || app.forgetful, "delivered twice: {id}");
        let when = self.now + if self.dice.chance(60) { 0 } else { self.dice.below(8_000) };
        self.apps[who].holding.push((when, id, got.session, number, got.origin));
    }

    fn commit_due(&mut self, who: usize) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = self.apps[who].holding.drain(..).partition(|held| held.0 <= now);
        self.apps[who].holding = later;
        for (_, id, session, number, origin) in due {
            let result = self.nodes[who].commit(now, session, number, origin);
            match result {
                Ok(()) => *self.apps[who].committed.entry(id).or_default() += 1,
                // Tried again: the effect and the commit are one.
                Err(Error::StorageFailed) => self.apps[who].holding.push((now + 500, id, session, number, origin)),
                // Its session is gone and nobody remembers it: the application throws the effect away, and it comes again.
                Err(Error::UnknownSession) => {}
                Err(error) => panic!("commit: {error:?}"),
            }
            if self.power_went(who) {
                return;
            }
        }
    }

    /// Right after a store operation: what else the call brought about is lost.
    fn power_went(&mut self, who: usize) -> bool {
        let went = std::mem::take(&mut self.nodes[who].port().power_gone);
        if went {
            self.say(|| format!("{who} loses power"));
            self.come_back(who);
        }
        went
    }

    // ---- time

    fn drain(&mut self, who: usize) {
        for _ in 0..64 {
            let events = self.nodes[who].take_events();
            let life = self.apps[who].lives;
            for event in events {
                self.on_event(who, event);
                if self.apps[who].lives != life {
                    // The rest went with the process.
                    break;
                }
            }
            self.push_outbox(who);
            let frames = self.nodes[who].patient_frames(self.now);
            if self.power_went(who) {
                continue;
            }
            if frames.is_empty() && !self.nodes[who].has_events() {
                return;
            }
            for frame in frames {
                self.transmit(who, frame);
            }
        }
        panic!("never comes to rest");
    }

    fn restart(&mut self, who: usize) {
        let kind = self.plot.restarts[who];
        let fortune = if matches!(kind, Restarts::Any(_)) { self.dice.below(3) } else { 2 };
        match fortune {
            0 => {
                self.nodes[who].port().stored.clear();
                self.apps[who].forgetful = true;
            }
            1 if !self.copies[who].is_empty() => {
                let nth = self.dice.below(self.copies[who].len() as u64) as usize;
                self.nodes[who].port().stored = self.copies[who][nth].clone();
                self.apps[who].forgetful = true;
            }
            _ => {}
        }
        self.say(|| format!("{who} restarts: {kind:?} {fortune}"));
        self.come_back(who);
    }

    /// The process begins again with what is in the store.
    fn come_back(&mut self, who: usize) {
        let (failures, cuts) = (self.nodes[who].port().store_failures, self.nodes[who].port().cuts);
        (self.nodes[who].port().store_failures, self.nodes[who].port().cuts) = (0, 0);
        let count = self.nodes[who].restart(self.now);
        (self.nodes[who].port().store_failures, self.nodes[who].port().cuts) = (failures, cuts);
        self.say(|| format!("{who} restored {count}"));
        let app = &mut self.apps[who];
        app.lives += 1;
        app.holding.clear();
        app.connecting = None;
        app.connect_at = None;
        app.names.clear();
        if count == 0 && (who == 0 || self.plot.both_start) {
            let pause = self.dice.below(1_000);
            self.apps[who].connect_at = Some(self.now + pause);
        }
        let life = self.apps[who].lives;
        let events = self.nodes[who].take_events();
        for event in events {
            if self.apps[who].lives == life {
                self.on_event(who, event);
            }
        }
    }

    fn arrive(&mut self, packet: &Packet) {
        let who = packet.to;
        let before = if packet.forged { Some(self.nodes[who].fingerprint()) } else { None };
        // The stranger listens to everything.
        if let Some(stranger) = &mut self.stranger {
            let _ = stranger.input(self.now, Route::default(), None, &packet.frame);
        }
        let result = self.nodes[who].input(self.now, &packet.frame);
        self.say(|| format!("{who} takes type {:02x?}: {result:?}", packet.frame.first()));
        if self.power_went(who) {
            return;
        }
        if let Err(error) = result {
            *self.apps[who].outcomes.entry(String::from(error.name())).or_default() += 1;
            assert!(!matches!(error, Error::Internal | Error::InvalidArgument), "{error:?}");
            assert!(error != Error::StorageFailed || self.plot.store_failures > 0);
        }
        if let Some(before) = before {
            assert!(result.is_err(), "a forged frame was taken");
            assert_eq!(self.nodes[who].fingerprint(), before, "a forged frame changed the state");
        }
        for message in &self.nodes[who].take_delivered() {
            self.on_message(who, message);
        }
    }

    fn next_time(&self) -> Option<u64> {
        let air = self.air.iter().map(|packet| packet.at);
        let timers = self.nodes.iter().filter_map(|node| node.due());
        let apps = self.apps.iter().flat_map(|app| app.connect_at.into_iter().chain(app.holding.iter().map(|held| held.0)));
        air.chain(timers).chain(apps).min()
    }

    fn step(&mut self, until: u64) {
        self.now = self.next_time().unwrap_or(until).clamp(self.now, until);
        for who in 0..2 {
            if self.apps[who].connect_at.is_some_and(|at| at <= self.now) {
                self.apps[who].connect_at = None;
                let (peer, route) = (self.nodes[1 - who].thumbprint(), self.route(1 - who));
                let now = self.now;
                match self.nodes[who].connect(now, route, peer) {
                    Ok(id) => self.apps[who].connecting = Some(id),
                    Err(Error::NoSpace) => self.apps[who].connect_at = Some(now + 5_000),
                    Err(error) => panic!("connect: {error:?}"),
                }
            }
            self.nodes[who].tick(self.now);
            self.commit_due(who);
        }
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = self.air.drain(..).partition(|packet| packet.at <= now);
        self.air = later;
        for packet in due {
            self.arrive(&packet);
            self.drain(packet.to);
        }
        for who in 0..2 {
            self.drain(who);
        }
    }

    fn run_until(&mut self, until: u64) {
        let mut steps = 0;
        while self.now < until && self.next_time().is_some_and(|at| at <= until) {
            self.step(until);
            steps += 1;
            assert!(steps < 200_000, "no rest");
        }
        self.now = until;
    }

    /// The story: messages, key updates, restarts and handshakes at random times.
    fn acts(&mut self) -> Vec<(u64, usize, u8)> {
        let plot = self.plot;
        let mut acts = Vec::new();
        let mut add = |dice: &mut Dice, count: u64, kind: u8, whose: &[usize]| {
            for _ in 0..count {
                acts.push((1 + dice.below(plot.bad_until), whose[dice.below(whose.len() as u64) as usize], kind));
            }
        };
        add(&mut self.dice, plot.messages, 0, &[0, 1]);
        add(&mut self.dice, plot.updates, 1, &[0, 1]);
        for who in 0..2 {
            if let Restarts::Kept(count) | Restarts::Volatile(count) | Restarts::Any(count) = plot.restarts[who] {
                add(&mut self.dice, count, 2, &[who]);
            }
        }
        let starters: &[usize] = if plot.both_start { &[0, 1] } else { &[0] };
        add(&mut self.dice, plot.reconnects, 3, starters);
        acts.sort_unstable();
        acts
    }

    fn act(&mut self, who: usize, kind: u8) {
        match kind {
            0 => self.new_message(who),
            1 => {
                if let Some(session) = self.standing(who) {
                    let _ = self.nodes[who].key_update(self.now, session);
                }
            }
            2 => {
                self.restart(who);
            }
            _ => {
                self.apps[who].connect_at = Some(self.now);
            }
        }
        if self.copies[who].len() < 8 && self.dice.chance(30) {
            let copy = self.nodes[who].port().stored.clone();
            self.copies[who].push(copy);
        }
    }

    pub(crate) fn run(&mut self) {
        for node in &mut self.nodes {
            (node.port().store_failures, node.port().cuts) = (self.plot.store_failures, self.plot.cuts);
        }
        self.drain(0);
        for (at, who, kind) in self.acts() {
            self.run_until(at);
            self.act(who, kind);
            self.drain(who);
        }
        self.run_until(self.plot.bad_until);
        for node in &mut self.nodes {
            (node.port().store_failures, node.port().cuts) = (0, 0);
        }
        let quiet = self.plot.bad_until + QUIET;
        // Something to notice a dead session by, at both ends.
        self.run_until(self.plot.bad_until + LAST_WORDS);
        for who in 0..2 {
            self.next_id += 1;
            let id = self.next_id;
            self.next_id += 1;
            self.apps[who].sent.insert(id);
            self.apps[who].outbox.push(Outbound { id, command: false, first: None, current: None, done: false });
            self.drain(who);
        }
        self.run_until(quiet);
        self.check_rest();
    }

    fn check_rest(&mut self) {
        let standing = [self.standing(0), self.standing(1)].map(|session| session.expect("no session stands"));
        let infos = [0, 1].map(|who| self.nodes[who].describe(self.now, standing[who]).unwrap());
        assert_eq!(infos[0].0, infos[1].0, "different sessions stand");
        assert_eq!(infos[0].1, infos[1].1);
        assert_eq!(self.nodes[0].exported(standing[0]), self.nodes[1].exported(standing[1]));
        for who in 0..2 {
            self.check_agreement(who, standing[who]);
            assert_eq!(infos[who].2, 0, "unacknowledged at {who}");
            assert!(self.apps[who].holding.is_empty());
            for message in &self.apps[who].outbox {
                assert!(message.done, "never acknowledged: {} at {who}", message.id);
                let times = self.apps[1 - who].committed.get(&message.id).copied().unwrap_or(0);
                let exactly_once = times == 1 || (times > 1 && self.apps[1 - who].forgetful);
                assert!(exactly_once, "{} committed {times} times", message.id);
            }
            assert!(self.nodes[who].is_at_rest(standing[who]));
        }
    }
}
