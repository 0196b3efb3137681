//! A conversation kept in `tests/vectors/conversation.json`: the Initiator's frames are the same in every build, also where it only connects
//! and its peer's frames come from there.

use super::*;
use std::string::String;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/conversation.json");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What went each way between two looks at the line.
type Round = [Vec<String>; 2];

struct Conversation {
    now: u64,
    a: Node,
    /// Where there is a Responder in the build.
    b: Option<Node>,
    kept: std::vec::IntoIter<Round>,
    rounds: Vec<Round>,
}

impl Conversation {
    fn new(kept: Vec<Round>) -> Self {
        let (a, b) = (Identity::new(1, "dev-1", false), Identity::new(2, "hub", false));
        let node = |own: &Identity, peer: &Identity| Node::new(own, &[peer], Config::default(), false, 7);
        let responder = cfg!(feature = "responder").then(|| node(&b, &a));
        Conversation { now: 1_000, a: node(&a, &b), b: responder, kept: kept.into_iter(), rounds: Vec::new() }
    }

    /// Carries what both have to say, and what `a` and `b` say besides, until there is nothing.
    fn round(&mut self, mut from_a: Vec<Vec<u8>>, b: impl FnOnce(&mut Node, u64) -> Vec<Vec<u8>>) {
        let mut b = Some(b);
        loop {
            self.now += 100;
            self.a.endpoint.handle_timeout(&mut self.a.port, self.now).unwrap();
            from_a.extend(self.a.frames(self.now));
            let from_b = match &mut self.b {
                Some(node) => {
                    for frame in &from_a {
                        node.input(self.now, Route::default(), None, frame).unwrap();
                    }
                    let mut said = b.take().map(|b| b(node, self.now)).unwrap_or_default();
                    node.endpoint.handle_timeout(&mut node.port, self.now).unwrap();
                    said.extend(node.frames(self.now));
                    said
                }
                None => self.kept.next().unwrap()[1].iter().map(|frame| unhex(frame)).collect(),
            };
            for frame in &from_b {
                self.a.input(self.now, Route::default(), None, frame).unwrap();
            }
            let over = from_a.is_empty() && from_b.is_empty();
            self.rounds.push([from_a, from_b].map(|frames| frames.iter().map(|frame| hex(frame)).collect()));
            from_a = Vec::new();
            if over {
                return;
            }
        }
    }

    fn said_by_a(&mut self, session: SessionHandle, message: &Outgoing<'_>) -> Vec<Vec<u8>> {
        std::vec![self.a.send(self.now, session, message).unwrap().1]
    }
}

fn said_by_b(b: &mut Node, now: u64, message: &Outgoing<'_>) -> Vec<Vec<u8>> {
    let session = b.endpoint.sessions().next().unwrap();
    std::vec![b.send(now, session, message).unwrap().1]
}

fn quiet(_: &mut Node, _: u64) -> Vec<Vec<u8>> {
    Vec::new()
}

/// Handshake, messages both ways, new keys, a restart.
fn hold(kept: Vec<Round>) -> Vec<Round> {
    let mut line = Conversation::new(kept);
    line.a.endpoint.connect(&mut line.a.port, line.now, Route::default(), None).unwrap();
    line.round(Vec::new(), quiet);
    assert!(matches!(line.a.take_events()[..], [Event::Established { role: crate::edhoc::Role::Initiator, .. }]));
    let session = line.a.endpoint.sessions().next().unwrap();
    let first = line.said_by_a(session, &CONFIRMABLE);
    line.round(first, |b, now| {
        let (session, number) = (b.delivered[0].session, b.delivered[0].number.unwrap());
        b.endpoint.commit(&mut b.port, now, session, number, None).unwrap();
        Vec::new()
    });
    assert!(matches!(line.a.take_events()[..], [Event::Acknowledged { top: 0, missing: 0, .. }]));
    line.round(Vec::new(), |b, now| [said_by_b(b, now, &DATA), said_by_b(b, now, &CONFIRMABLE)].concat());
    assert_eq!(line.a.delivered.iter().map(|message| &message.payload[..]).collect::<Vec<_>>(), [&b"data"[..], b"confirm"]);
    line.a.endpoint.commit(&mut line.a.port, line.now, session, 0, None).unwrap();
    line.a.endpoint.key_update(&mut line.a.port, line.now, session).unwrap();
    line.round(Vec::new(), quiet);
    assert!(matches!(line.a.take_events()[..], [Event::KeyUpdated { epoch: 1, .. }]));
    assert_eq!(line.a.restart(line.now), 1);
    let session = line.a.endpoint.sessions().next().unwrap();
    line.round(Vec::new(), quiet);
    let last = line.said_by_a(session, &LAST);
    line.round(last, quiet);
    assert!(line.a.take_events().iter().any(|event| matches!(event, Event::Established { resumed: true, .. })));
    line.rounds
}

const LAST: Outgoing<'static> = Outgoing { payload: b"after a restart", ..DATA };

/// Set `SEALWIRE_RECORD` to keep another one, in a build with `responder`.
#[test]
fn a_kept_conversation_is_held_again() {
    if std::env::var_os("SEALWIRE_RECORD").is_some() {
        let value = serde_json::json!({
            "source": "both ends by the core, in a build with a Responder",
            "generator": "core/src/endpoint/tests/conversation.rs",
            "verified_by": "the core in builds that only connect; handshakes and records have vectors of their own by others",
            "rounds": hold(Vec::new()),
        });
        std::fs::write(KEPT, serde_json::to_string_pretty(&value).unwrap() + "\n").unwrap();
    }
    let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(KEPT).unwrap()).unwrap();
    let frames = |round: &serde_json::Value, side: usize| -> Vec<String> {
        round[side].as_array().unwrap().iter().map(|frame| frame.as_str().unwrap().into()).collect()
    };
    let kept: Vec<Round> = value["rounds"].as_array().unwrap().iter().map(|round| [frames(round, 0), frames(round, 1)]).collect();
    assert_eq!(hold(kept.clone()), kept);
}

/// What only a Responder takes is refused by name, and changes nothing.
#[test]
#[cfg(not(feature = "responder"))]
fn handshakes_of_others_are_refused() {
    let mut line = Conversation::new(Vec::new());
    let before = line.a.fingerprint();
    for frame in [&[1, 3, 4, 0x58, 0x20][..], &[1], &[3, 0x00, 0x40], &[3]] {
        assert_eq!(line.a.input(0, Route::default(), None, frame), Err(Error::UnsupportedFrame));
    }
    assert_eq!(line.a.fingerprint(), before);
    assert!(line.a.frames(0).is_empty());
}

/// Nor does a build without commands take or send one, or promise to.
#[test]
#[cfg(not(feature = "commands"))]
fn commands_are_refused() {
    let own = Identity::new(1, "dev-1", false);
    assert_eq!(Endpoint::new(HeapTables::new(1, 1), Config { offers: true, ..Config::default() }).err(), Some(Error::InvalidArgument));
    let mut node = Node::new(&own, &[], Config::default(), false, 1);
    assert_eq!(node.send(0, SessionHandle(0), &COMMAND).err(), Some(Error::InvalidArgument));
}
