//! What a link keeps between frames: sessions, unacknowledged messages, what waits. No input or output: frames to send are collected.

use super::values::{LinkEvent, LinkMessage, Outcome};
use crate::config::Outgoing;
use crate::endpoint::Endpoint;
use crate::error::{Result, SealwireError};
use crate::event::{Event, Incoming, Origin, acknowledges};
use sealwire_core::Error;
use sealwire_core::edhoc::EdhocError;
use sealwire_core::endpoint::InboxName;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// Events that wait to be taken; beyond them all is dropped but confirmable messages, which are bounded, and what strangers cannot bring about.
const MAX_WAITING: usize = 10_000;
/// The first byte of a frame with an EDHOC error.
const ERROR: u8 = 5;
/// A peer that stays silent gets a new handshake no more often.
const HEAL_AGAIN_MS: u64 = 60_000;
/// Longest payload over MQTT.
const MAX_PAYLOAD: usize = 120 * 1024;
/// Longer than an acknowledgement waits for a record to ride on.
const FLUSH_MS: u64 = 100;

/// Where a frame goes.
#[derive(Debug)]
pub(crate) enum Place {
    /// Behind a route: an inbox on MQTT, else what the app's transport makes of it.
    Route(Vec<u8>),
    /// A topic relative to the realm.
    Topic(String),
}

/// What the wire has to do.
#[derive(Debug)]
pub(crate) enum Task {
    Send {
        place: Place,
        frame: Vec<u8>,
        delivery: bool,
    },
    #[cfg_attr(not(feature = "mqtt"), allow(dead_code))]
    Acknowledge(u64),
}

pub(super) type Established = std::result::Result<Arc<Peer>, SealwireError>;

/// A peer with whom there is a session; it goes on under the newest.
pub(super) struct Peer {
    pub(super) thumbprint: Vec<u8>,
    /// Handle of the session; nothing when it has ended.
    pub(super) handle: watch::Sender<Option<u32>>,
}

struct Unacknowledged {
    message: Outgoing,
    done: watch::Sender<Outcome>,
}

/// Whether this is what a peer says.
fn hints(error: &SealwireError, named: Error) -> bool {
    matches!(error, SealwireError::PeerError { detail, .. } if detail.ends_with(named.name()))
}

pub(super) struct Driver {
    pub(super) endpoint: Arc<Endpoint>,
    /// The own inbox, on MQTT.
    inbox: Option<String>,
    /// There are topics to publish on.
    topics: bool,
    peers: HashMap<u32, Arc<Peer>>,
    sent: HashMap<u32, BTreeMap<u64, Unacknowledged>>,
    handshakes: HashMap<u32, oneshot::Sender<Established>>,
    /// Who waited for a handshake instead of which another one stands: its session is theirs, on the same route.
    superseded: Vec<(Vec<u8>, oneshot::Sender<Established>)>,
    /// Acknowledgements to the broker in order of arrival, with the message whose commit each waits for.
    owed: VecDeque<(u64, Option<(u32, u64)>)>,
    /// Routes of silent peers, with who they are and when they may get another handshake.
    healing: HashMap<Vec<u8>, (Vec<u8>, u64)>,
    /// Gone when the link is closed: whoever takes from the other end then comes to the end.
    tasks: Option<mpsc::UnboundedSender<Task>>,
    events: Option<mpsc::UnboundedSender<LinkEvent>>,
    waiting: Arc<AtomicUsize>,
    changed: watch::Sender<u64>,
    /// Why an answer to a handshake was refused last; or, from the peer and unauthenticated, why the peer refuses.
    pub(super) refusal: Option<SealwireError>,
    /// Devices known by their thumbprint alone, which the app has claimed.
    pub(super) claimed: HashSet<Vec<u8>>,
    pub(super) closed: bool,
}

pub(super) struct Outlets {
    pub(super) tasks: mpsc::UnboundedSender<Task>,
    pub(super) events: mpsc::UnboundedSender<LinkEvent>,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) changed: watch::Sender<u64>,
}

impl Driver {
    pub(super) fn new(endpoint: Arc<Endpoint>, inbox: Option<String>, topics: bool, outlets: Outlets) -> Self {
        let Outlets { tasks, events, waiting, changed } = outlets;
        Driver {
            endpoint,
            inbox,
            topics,
            peers: HashMap::new(),
            sent: HashMap::new(),
            handshakes: HashMap::new(),
            superseded: Vec::new(),
            owed: VecDeque::new(),
            healing: HashMap::new(),
            tasks: Some(tasks),
            events: Some(events),
            waiting,
            changed,
            refusal: None,
            claimed: HashSet::new(),
            closed: false,
        }
    }

    // ---- output

    fn task(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // A receiver that is gone means that the link is closing: then nothing has to be told any more.
            let _ = tasks.send(task);
        }
    }

    pub(super) fn emit(&self, event: LinkEvent) {
        let Some(events) = &self.events else { return };
        let kept = match &event {
            LinkEvent::Message { message } => message.number.is_some(),
            LinkEvent::Endpoint { event } => matches!(event, Event::Ownership { .. } | Event::OwnershipChanged { .. }),
            _ => false,
        };
        if self.waiting.load(Ordering::Relaxed) < MAX_WAITING || kept {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let _ = events.send(event);
        }
    }

    pub(super) fn touch(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Takes what the endpoint has to tell and to send, until there is nothing.
    pub(super) fn settle(&mut self) {
        loop {
            match self.endpoint.poll_event() {
                Ok(Some(event)) => self.event(event),
                Ok(None) => match self.endpoint.poll_transmit(None) {
                    Ok(Some(transmit)) => {
                        // On MQTT "the link" is no way to anybody.
                        if self.inbox.is_none() || !transmit.route.is_empty() {
                            self.task(Task::Send {
                                place: Place::Route(transmit.route),
                                frame: transmit.frame,
                                delivery: transmit.handshake,
                            });
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        // Nothing was sent; the endpoint tries again when its timer says so.
                        self.failed(error, "", Vec::new());
                        break;
                    }
                },
                Err(error) => {
                    self.failed(error, "", Vec::new());
                    break;
                }
            }
        }
        while let Some((_, None)) = self.owed.front() {
            if let Some((token, _)) = self.owed.pop_front() {
                self.task(Task::Acknowledge(token));
            }
        }
    }

    pub(super) fn failed(&mut self, error: SealwireError, topic: &str, frame: Vec<u8>) {
        if matches!(error, SealwireError::Pending { .. }) {
            self.emit(LinkEvent::KeyPending);
        } else {
            self.emit(LinkEvent::Refused { error, topic: topic.to_owned(), frame });
        }
    }

    // ---- commands

    /// A handshake that somebody waits for; `start` begins it at the endpoint.
    pub(super) fn begin(&mut self, start: impl FnOnce(&Endpoint) -> Result<u32>, tell: oneshot::Sender<Established>) -> Result<u32> {
        self.refusal = None;
        let handshake = start(&self.endpoint)?;
        self.handshakes.insert(handshake, tell);
        Ok(handshake)
    }

    pub(super) fn forget_handshake(&mut self, handshake: u32) {
        if self.handshakes.remove(&handshake).is_some() {
            // It may have ended at this moment.
            let _ = self.endpoint.cancel(handshake);
        }
    }

    pub(super) fn send(&mut self, peer: &Peer, message: Outgoing) -> Result<(Option<u64>, Option<watch::Receiver<Outcome>>)> {
        let handle = (*peer.handle.borrow()).ok_or(Error::UnknownSession)?;
        if message.in_place && !self.topics {
            return Err(SealwireError::new(Error::InvalidArgument, "this transport has no topics: send it to the peer"));
        }
        if self.inbox.is_some() && message.payload.len() > MAX_PAYLOAD {
            return Err(SealwireError::new(Error::InvalidArgument, "over MQTT a payload has at most 122880 bytes"));
        }
        let number = self.protect(handle, &message)?;
        let Some(number) = number else { return Ok((None, None)) };
        let (done, outcome) = watch::channel(None);
        self.sent.entry(handle).or_default().insert(number, Unacknowledged { message, done });
        Ok((Some(number), Some(outcome)))
    }

    fn protect(&self, handle: u32, message: &Outgoing) -> Result<Option<u64>> {
        let sent = self.endpoint.send(handle, message.clone(), None)?;
        let place = match &message.topic {
            Some(topic) if message.in_place => Place::Topic(topic.clone()),
            _ => Place::Route(sent.route),
        };
        self.task(Task::Send { place, frame: sent.frame, delivery: sent.number.is_some() });
        Ok(sent.number)
    }

    pub(super) fn commit(&mut self, message: &LinkMessage) -> Result<()> {
        let Some(number) = message.number else { return Ok(()) };
        match self.endpoint.commit(message.session, number, message.origin.clone(), None) {
            // The session ended meanwhile; the message comes again under its successor.
            Ok(()) | Err(SealwireError::UnknownSession { .. }) => {}
            Err(error) => return Err(error),
        }
        for (_, waits_for) in &mut self.owed {
            if *waits_for == Some((message.session, number)) {
                *waits_for = None;
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, peer: &Peer) -> Result<()> {
        let Some(handle) = *peer.handle.borrow() else { return Ok(()) };
        match self.endpoint.close_session(handle) {
            Ok(()) | Err(SealwireError::UnknownSession { .. }) => {}
            Err(error) => return Err(error),
        }
        self.ended(handle, &Error::UnknownSession.into());
        Ok(())
    }

    pub(super) fn peers(&self) -> Vec<Arc<Peer>> {
        self.peers.values().cloned().collect()
    }

    /// The broker is there again: what was not acknowledged is sent at once, not when its time comes.
    pub(super) fn up(&mut self, again: bool) {
        if again {
            // The broker sends what it had in flight to us again, under new numbers.
            self.owed.clear();
            let unacknowledged: Vec<_> = self.sent.iter().flat_map(|(handle, sent)| sent.keys().map(|number| (*handle, *number))).collect();
            for (handle, number) in unacknowledged {
                self.resend(handle, number);
            }
        }
        self.emit(LinkEvent::Up);
    }

    // ---- input

    /// A frame came: on a topic relative to the realm, or into the inbox. `token` is to be acknowledged when it needs no redelivery.
    pub(super) fn frame(&mut self, topic: Option<String>, frame: Vec<u8>, route: Vec<u8>, token: Option<u64>) {
        let first = frame.first().copied().unwrap_or_default();
        let place = topic.clone().or_else(|| self.inbox.as_ref().map(|inbox| format!("in/{inbox}"))).unwrap_or_default();
        let mut waits_for = None;
        match self.endpoint.handle_frame(frame.clone(), Some(route), topic.clone(), None) {
            Ok(Some(Event::Message { message })) => {
                waits_for = message.number.map(|number| (message.session, number));
                self.message(message, topic);
            }
            Ok(Some(event)) => self.event(event),
            // What this end found out itself counts more.
            Ok(None) if first == ERROR && matches!(self.refusal, None | Some(SealwireError::PeerError { .. })) => {
                let wrong = self.refusal.as_ref().is_some_and(|kept| hints(kept, Error::WrongSetupSecret));
                // The wrong secret brought the delay about, and says more.
                let said = self.told(&frame).filter(|said| !wrong || !hints(said, Error::SetupDelayed));
                self.refusal = said.or_else(|| self.refusal.take());
            }
            Ok(None) => {}
            Err(mut error) => {
                if let (2, SealwireError::Denied { detail, .. }) = (first, &mut error)
                    && detail.is_empty()
                {
                    "another than the peer asked for, or not let in by the Authorizer".clone_into(detail);
                }
                // message_2 and message_4 are what a Responder answers.
                if matches!(first, 2 | 4) {
                    self.refusal = Some(error.clone());
                }
                self.failed(error, &place, frame);
            }
        }
        self.owed.extend(token.map(|token| (token, waits_for)));
    }

    /// What the peer says in an EDHOC error, a hint: only names of errors count.
    fn told(&self, frame: &[u8]) -> Option<SealwireError> {
        let message = frame.get(self.endpoint.identifier_len.saturating_add(1)..)?;
        let detail = match EdhocError::parse(message).ok()? {
            EdhocError::Unspecified(text) => Error::ALL.iter().find(|error| error.name() == text).map(|error| error.name()),
            EdhocError::UnknownCredential => Some(Error::UnknownCredential.name()),
            // The endpoint chooses another suite.
            EdhocError::WrongSuite(_) => return None,
        };
        Some(SealwireError::new(Error::PeerError, detail.map(|name| format!("the peer says {name}")).unwrap_or_default()))
    }

    /// The inbox that an unauthenticated Response Topic names; only unknown-context and errors ever go there.
    #[cfg_attr(not(feature = "mqtt"), allow(dead_code))]
    pub(super) fn way_back(root: &str, reply: Option<&str>) -> Vec<u8> {
        let inbox = reply.and_then(|topic| topic.strip_prefix(root)).and_then(|topic| topic.strip_prefix("in/")).unwrap_or_default();
        if InboxName::new(inbox.as_bytes()).is_ok() { inbox.as_bytes().to_vec() } else { Vec::new() }
    }

    fn message(&mut self, incoming: Incoming, in_place: Option<String>) {
        self.peer(incoming.session, &incoming.peer);
        let in_place_topic = in_place.is_some();
        self.emit(LinkEvent::Message {
            message: LinkMessage {
                session: incoming.session,
                peer: incoming.peer,
                topic: in_place.or(incoming.topic).unwrap_or_default(),
                payload: incoming.payload,
                in_place: in_place_topic,
                command: incoming.command,
                number: incoming.number,
                origin: incoming.origin,
                missing: incoming.missing,
                late: incoming.late,
                retain: incoming.retain,
                expiry_s: incoming.expiry_s,
                content_type: incoming.content_type,
            },
        });
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Established { session, peer, handshake, .. } => {
                let found = self.peer(*session, peer);
                if let Some(tell) = handshake.and_then(|handshake| self.handshakes.remove(&handshake)) {
                    let _ = tell.send(Ok(Arc::clone(&found)));
                }
                self.stands_instead(*session, &found);
                self.touch();
            }
            Event::Acknowledged { session, top, missing } => {
                let sent = self.sent.entry(*session).or_default();
                let covered: Vec<u64> = sent.keys().copied().filter(|number| acknowledges(*top, *missing, *number)).collect();
                for number in covered {
                    if let Some(message) = sent.remove(&number) {
                        message.done.send_replace(Some(Ok(())));
                    }
                }
                self.touch();
            }
            Event::Resend { session, number } => self.resend(*session, *number),
            Event::CommandReady { .. } => self.touch(),
            Event::Replaced { old, sid, new } => self.replaced(*old, sid, *new),
            Event::PeerSilent { session } => self.heal(*session),
            Event::Closed { session, reason, .. } => self.ended(*session, reason),
            Event::HandshakeFailed { handshake, route, reason: SealwireError::Superseded { .. } } => {
                if let Some(tell) = self.handshakes.remove(handshake) {
                    self.superseded.push((route.clone(), tell));
                }
                for (session, peer) in self.peers.clone() {
                    self.stands_instead(session, &peer);
                }
            }
            Event::HandshakeFailed { handshake, reason, .. } => {
                if let Some(tell) = self.handshakes.remove(handshake) {
                    let _ = tell.send(Err(self.refusal.take().unwrap_or_else(|| reason.clone())));
                }
            }
            Event::Message { .. } | Event::KeyUpdated { .. } | Event::Ownership { .. } | Event::OwnershipChanged { .. } => {}
        }
        self.emit(LinkEvent::Endpoint { event });
    }

    /// Those who waited for a session on this route have it.
    fn stands_instead(&mut self, session: u32, peer: &Arc<Peer>) {
        if self.superseded.is_empty() {
            return;
        }
        let Ok(info) = self.endpoint.session(session, None) else { return };
        for (route, tell) in std::mem::take(&mut self.superseded) {
            if route == info.route && info.confirmed {
                let _ = tell.send(Ok(Arc::clone(peer)));
            } else if !tell.is_closed() {
                self.superseded.push((route, tell));
            }
        }
    }

    fn resend(&mut self, handle: u32, number: u64) {
        let Some(waiting) = self.sent.get(&handle).and_then(|sent| sent.get(&number)) else {
            // Sent before a restart by an app that did not keep it: nobody can repeat it. An app that did keeps calling `send` with its number.
            return;
        };
        let again = Outgoing { number: Some(number), ..waiting.message.clone() };
        match self.protect(handle, &again) {
            // Without an offer the endpoint has asked for one and will report Resend again.
            Ok(_) | Err(SealwireError::NoOffer { .. }) => {}
            Err(error) => {
                if let Some(waiting) = self.sent.get(&handle).and_then(|sent| sent.get(&number)) {
                    waiting.done.send_replace(Some(Err(error)));
                }
            }
        }
    }

    fn replaced(&mut self, old: u32, sid: &[u8], new: u32) {
        if let Some(peer) = self.peers.remove(&old) {
            // One object for each peer: whoever holds the older one goes on with it.
            peer.handle.send_replace(Some(new));
            self.peers.insert(new, peer);
        }
        for (number, mut waiting) in self.sent.remove(&old).unwrap_or_default() {
            if waiting.message.origin.is_none() {
                waiting.message.origin = Some(Origin { sid: sid.to_vec(), number });
            }
            waiting.message.number = None;
            match self.protect(new, &waiting.message) {
                Ok(Some(again)) => {
                    self.sent.entry(new).or_default().insert(again, waiting);
                }
                Ok(None) => {}
                Err(error) => {
                    waiting.done.send_replace(Some(Err(error)));
                }
            }
        }
        self.touch();
    }

    /// The peer may have lost its state, and with MQTT 3.1.1 it has no way to say so: a new handshake heals that.
    fn heal(&mut self, handle: u32) {
        let Ok(info) = self.endpoint.session(handle, None) else { return };
        if !self.healing.contains_key(&info.route) && (self.inbox.is_none() || !info.route.is_empty()) {
            let due = self.endpoint.now().saturating_add(HEAL_AGAIN_MS);
            self.healing.insert(info.route.clone(), (info.peer.clone(), due));
            // Busy: one is under way. No space: the next time tries again.
            let claimed = self.claimed.contains(&info.peer);
            let _ = self.endpoint.meet_again(info.route, info.peer, claimed);
        }
    }

    /// When the endpoint or a silent peer is to be looked at next, on the endpoint's clock.
    pub(super) fn due(&self) -> Option<u64> {
        let healing = self.healing.values().map(|(_, due)| *due).min();
        self.endpoint.poll_timeout().ok().flatten().into_iter().chain(healing).min()
    }

    pub(super) fn time_passed(&mut self) {
        if let Err(error) = self.endpoint.handle_timeout(None) {
            self.failed(error, "", Vec::new());
        }
        let now = self.endpoint.now();
        let over: Vec<_> = self.healing.iter().filter(|(_, (_, due))| *due <= now).map(|(route, _)| route.clone()).collect();
        for route in over {
            let Some((peer, _)) = self.healing.remove(&route) else { continue };
            let Ok(Some(handle)) = self.endpoint.find(peer) else { continue };
            if self.endpoint.session(handle, None).is_ok_and(|info| info.unacknowledged > 0) {
                self.heal(handle);
            }
        }
    }

    fn peer(&mut self, handle: u32, thumbprint: &[u8]) -> Arc<Peer> {
        let fresh = || Arc::new(Peer { thumbprint: thumbprint.to_vec(), handle: watch::channel(Some(handle)).0 });
        Arc::clone(self.peers.entry(handle).or_insert_with(fresh))
    }

    fn ended(&mut self, handle: u32, reason: &SealwireError) {
        if let Some(peer) = self.peers.remove(&handle) {
            peer.handle.send_replace(None);
        }
        for waiting in self.sent.remove(&handle).unwrap_or_default().into_values() {
            waiting.done.send_replace(Some(Err(reason.clone())));
        }
        self.touch();
    }

    /// Acknowledgements that wait for a record to ride on are sent, then it is over.
    pub(super) fn leave(&mut self) {
        if self.closed {
            return;
        }
        let soon = self.endpoint.now().saturating_add(FLUSH_MS);
        let _ = self.endpoint.handle_timeout(Some(soon));
        self.settle();
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.tasks = None;
        self.events = None;
        self.handshakes.clear();
        self.superseded.clear();
        self.sent.clear();
        self.touch();
    }
}
