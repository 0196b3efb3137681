//! What an endpoint reported, kept beyond the frame it came in.

use crate::party::{Party, thumbprint};
use crate::scenario::{Fields, Scenario, list};
use sealwire_core::credential::Thumbprint;
use sealwire_core::edhoc::Role;
use sealwire_core::endpoint::{Event, Kind, Origin, Route, SessionHandle, acknowledges};
use sealwire_core::error::Error;
use sealwire_core::setup::NONCE;
use serde_json::{Value, json};

/// An event, its fields by name. What is not JSON stands beside.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    fields: Fields,
    session: Option<SessionHandle>,
    old: Option<SessionHandle>,
    peer: Option<Thumbprint>,
    owner: Option<Thumbprint>,
    /// Epoch and nonce of an ownership.
    pub(crate) told: Option<(u32, [u8; NONCE])>,
    origin: Option<Origin>,
    acknowledged: (u64, u64),
}

pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Initiator => "initiator",
        Role::Responder => "responder",
    }
}

fn readable(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

impl Seen {
    fn new(name: &'static str, session: Option<SessionHandle>, fields: Value) -> Self {
        Seen { name, session, fields: fields.as_object().unwrap().clone(), ..Seen::default() }
    }

    pub(crate) fn refused(reason: Error) -> Self {
        Seen::new("refused", None, json!({"reason": reason.name()}))
    }
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        let place = |route: Route| readable(route.as_bytes());
        match event {
            Event::Message(message) => {
                let fields = json!({
                    "payload": readable(message.payload), "number": message.number, "command": message.kind == Kind::Command,
                    "topic": message.topic.map(readable), "missing": message.missing, "late": message.late, "retain": message.retain,
                    "expiry_s": message.expiry_s, "content_type": message.content_type,
                    "origin_number": message.origin.map(|origin| origin.number),
                });
                let seen = Seen::new("message", Some(message.session), fields);
                Seen { peer: Some(message.peer), origin: message.origin, ..seen }
            }
            Event::Established { session, peer, role: part, handshake, resumed } => {
                let fields = json!({"role": role(part), "resumed": resumed, "started": handshake.is_some()});
                Seen { peer: Some(peer), ..Seen::new("established", Some(session), fields) }
            }
            Event::Acknowledged { session, top, missing } => {
                Seen { acknowledged: (top, missing), ..Seen::new("acknowledged", Some(session), json!({"top": top})) }
            }
            Event::Resend { session, number } => Seen::new("resend", Some(session), json!({"number": number})),
            Event::CommandReady { session } => Seen::new("command_ready", Some(session), json!({})),
            Event::KeyUpdated { session, epoch } => Seen::new("key_updated", Some(session), json!({"epoch": epoch})),
            Event::Replaced { old, new, .. } => Seen { old: Some(old), ..Seen::new("replaced", Some(new), json!({})) },
            Event::Closed { session, peer, route, reason } => {
                let fields = json!({"reason": reason.name(), "route": place(route)});
                Seen { peer: Some(peer), ..Seen::new("closed", Some(session), fields) }
            }
            Event::HandshakeFailed { route, reason, .. } => {
                Seen::new("handshake_failed", None, json!({"reason": reason.name(), "route": place(route)}))
            }
            Event::Ownership { session, peer, epoch, nonce } => {
                let seen = Seen::new("ownership", Some(session), json!({"epoch": epoch}));
                Seen { peer: Some(peer), told: Some((epoch, nonce)), ..seen }
            }
            Event::OwnershipChanged { epoch, owner } => Seen { owner, ..Seen::new("ownership_changed", None, json!({"epoch": epoch})) },
            Event::PeerSilent { session } => Seen::new("peer_silent", Some(session), json!({})),
            other => panic!("{other:?} is unknown here"),
        }
    }
}

/// Holds an event against what a scenario says of it.
pub(crate) fn compare(scenario: &Scenario, party: &mut Party, seen: &Seen, wanted: &Fields) -> Result<(), String> {
    for (name, value) in wanted {
        let word = value.as_str().unwrap_or_default();
        let good = match name.as_str() {
            "event" => true,
            "as" if seen.told.is_some() => {
                party.told.insert(word.to_owned(), seen.told.unwrap());
                true
            }
            "as" => {
                party.named.insert(word.to_owned(), seen.session.unwrap());
                true
            }
            "session" => seen.session == Some(party.named[word]),
            "old" => seen.old == Some(party.named[word]),
            "peer" => seen.peer == Some(thumbprint(scenario, word)),
            "owner" => seen.owner == value.as_str().map(|name| thumbprint(scenario, name)),
            "origin" => seen.origin.map(|origin| origin.sid) == Some(party.sids[&party.named[word]]),
            "covers" | "misses" => {
                let (top, missing) = seen.acknowledged;
                list(wanted, name).iter().all(|number| acknowledges(top, missing, number.as_u64().unwrap()) == (name == "covers"))
            }
            other => seen.fields.get(other) == Some(value),
        };
        if !good {
            return Err(format!("{name} is not {value}: {seen:?}"));
        }
    }
    Ok(())
}
