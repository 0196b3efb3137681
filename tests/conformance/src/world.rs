//! A scenario under way: its clock, its frames, its steps.

use crate::events::{Seen, compare, role};
use crate::party::{Party, thumbprint};
use crate::scenario::{Fields, Scenario, bytes, flag, list, number, text};
use sealwire_core::credential::Credential;
use sealwire_core::endpoint::{Kind, MAX_OVERHEAD, Origin, Outgoing, Route, Topic};
use sealwire_core::error::Error;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest frame that `poll_transmit` gives.
const LONGEST: usize = 4096;
/// Rounds of carrying frames after which they are taken to be without end.
const ROUNDS: usize = 100;

/// Why a step did not go through.
pub(crate) enum Stop {
    Refused(Error),
    Failed(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Refused(error)
    }
}

pub(crate) type Outcome = Result<(), Stop>;

pub(crate) fn check(good: bool, what: impl FnOnce() -> String) -> Outcome {
    if good { Ok(()) } else { Err(Stop::Failed(what())) }
}

pub(crate) struct World<'s> {
    pub(crate) scenario: &'s Scenario,
    pub(crate) now: u64,
    parties: Vec<Party>,
    /// Frames, secrets and statements by name.
    pub(crate) values: BTreeMap<String, Vec<u8>>,
}

/// Runs a scenario; says why it failed.
pub(crate) fn run(scenario: &Scenario) -> Result<(), String> {
    let parties = scenario.endpoints.iter().map(|(name, config)| Party::new(scenario, name, config)).collect();
    let mut world = World { scenario, now: 1_000, parties, values: BTreeMap::new() };
    for (name, config) in &scenario.endpoints {
        if flag(config, "start").unwrap_or(true) {
            world.step(json!({"do": "start", "at": name}).as_object().unwrap())?;
        }
    }
    for (place, step) in scenario.steps.iter().enumerate() {
        world.step(step).map_err(|why| format!("step {} {}: {why}", place + 1, Value::Object(step.clone())))?;
    }
    match world.parties.iter().find(|party| !party.events.is_empty()) {
        Some(party) => Err(format!("{} has {:?} left over", party.name, party.events)),
        None => Ok(()),
    }
}

/// A place in a frame; negative ones count from its end.
fn place(step: &Fields, name: &str, length: usize) -> usize {
    let at = step[name].as_i64().unwrap();
    usize::try_from(if at < 0 { i64::try_from(length).unwrap() + at } else { at }).unwrap()
}

impl World<'_> {
    pub(crate) fn party(&mut self, step: &Fields) -> &mut Party {
        let name = text(step, "at").or(text(step, "to")).unwrap_or_default();
        self.parties.iter_mut().find(|party| party.name == name).unwrap_or_else(|| panic!("no endpoint {name}"))
    }

    pub(crate) fn value(&self, step: &Fields, field: &str) -> Result<Vec<u8>, Stop> {
        let name = text(step, field).unwrap_or_default();
        let known = self.values.get(name).cloned().or_else(|| self.scenario.fixture("frames", name));
        known.ok_or_else(|| Stop::Failed(format!("nothing is called {name}")))
    }

    fn step(&mut self, step: &Fields) -> Result<(), String> {
        let outcome = self.perform(step);
        for party in &mut self.parties {
            party.collect();
        }
        let wanted = text(step, "error");
        match outcome {
            Err(Stop::Failed(why)) => Err(why),
            Err(Stop::Refused(error)) if wanted == Some(error.name()) => Ok(()),
            Err(Stop::Refused(error)) => Err(format!("{} ({})", error.name(), error.number())),
            Ok(()) => wanted.map_or(Ok(()), |wanted| Err(format!("{wanted} expected"))),
        }
    }

    fn perform(&mut self, step: &Fields) -> Outcome {
        match text(step, "do").unwrap_or_default() {
            "start" | "restart" | "connect" | "cancel" | "resume" | "tick" => self.live(step),
            "poll" | "deliver" | "settle" | "pass" | "wait" | "alter" | "cut" | "raw" => self.frame(step),
            "send" | "commit" | "abandon" | "key_update" | "close" | "export" => self.session(step),
            "open_setup" | "close_setup" | "claim" | "sign_statement" | "revoke" | "reset_ownership" | "ownership" | "standing" => {
                self.setup(step)
            }
            "expect" | "clear" | "counters" | "session" | "sessions" | "find" | "same" | "differ" => self.look(step),
            _ => self.surroundings(step),
        }
    }

    fn live(&mut self, step: &Fields) -> Outcome {
        let (now, scenario) = (self.now, self.scenario);
        let party = self.party(step);
        match text(step, "do").unwrap_or_default() {
            "start" | "restart" => {
                if let Some(store) = text(step, "store") {
                    party.platform.durable = store == "durable";
                }
                let count = party.start(now)?;
                return check(count as u64 == number(step, "sessions").unwrap_or(0), || format!("{count} sessions restored"));
            }
            "connect" => {
                let route = Route::new(text(step, "to").unwrap_or_default().as_bytes())?;
                let peer = text(step, "peer").map(|name| thumbprint(scenario, name));
                let (endpoint, platform) = party.parts();
                party.handshake = endpoint.connect(platform, now, route, peer)?;
            }
            "cancel" => {
                let handshake = party.handshake;
                party.parts().0.cancel(handshake)?;
            }
            other => {
                let (endpoint, platform) = party.parts();
                if other == "resume" { endpoint.resume_pending(platform, now)? } else { endpoint.handle_timeout(platform, now)? }
            }
        }
        Ok(())
    }

    // ---- frames

    fn frame(&mut self, step: &Fields) -> Outcome {
        let now = self.now;
        let name = text(step, "as").or(text(step, "frame")).unwrap_or_default().to_owned();
        match text(step, "do").unwrap_or_default() {
            "poll" => {
                let mut buffer = [0; LONGEST];
                let (endpoint, platform) = self.party(step).parts();
                let transmit = endpoint.poll_transmit(platform, now, &mut buffer)?;
                check(transmit.is_none() == flag(step, "none").unwrap_or(false), || format!("to send: {transmit:?}"))?;
                if let Some(transmit) = transmit {
                    let wanted = flag(step, "handshake").unwrap_or(transmit.handshake);
                    check(transmit.handshake == wanted, || format!("handshake: {}", transmit.handshake))?;
                    self.values.insert(name, buffer[..transmit.len].to_vec());
                }
            }
            "deliver" => {
                let frame = self.value(step, "frame")?;
                for _ in 0..number(step, "count").unwrap_or(1) {
                    self.party(step).take(now, text(step, "from").unwrap_or_default(), text(step, "topic"), &frame)?;
                }
            }
            "alter" => {
                let mut frame = self.value(step, "frame")?;
                let at = place(step, "byte", frame.len());
                match text(step, "like") {
                    Some(_) => frame[at] = self.value(step, "like")?[at],
                    None => frame[at] ^= u8::try_from(number(step, "xor").unwrap()).unwrap(),
                }
                self.values.insert(name, frame);
            }
            "cut" => {
                let mut frame = self.value(step, "frame")?;
                frame.truncate(place(step, "length", frame.len()));
                self.values.insert(name, frame);
            }
            "raw" => {
                self.values.insert(name, bytes(text(step, "bytes").unwrap()));
            }
            "wait" => self.now += number(step, "ms").unwrap(),
            "pass" => self.pass(number(step, "ms").unwrap(), text(step, "lose").unwrap_or_default())?,
            _ => self.settle(text(step, "lose").unwrap_or_default())?,
        }
        Ok(())
    }

    /// Carries frames until there are none; those of `lose`, or "all", get lost.
    fn settle(&mut self, lose: &str) -> Outcome {
        for _ in 0..ROUNDS {
            let mut moved = false;
            for sender in 0..self.parties.len() {
                let now = self.now;
                self.parties[sender].collect();
                while self.parties[sender].endpoint.is_some() {
                    let mut buffer = [0; LONGEST];
                    let (endpoint, platform) = self.parties[sender].parts();
                    let Some(transmit) = endpoint.poll_transmit(platform, now, &mut buffer)? else { break };
                    moved = true;
                    if lose != "all" && lose != self.parties[sender].name {
                        self.carry(sender, transmit.route, &buffer[..transmit.len]);
                    }
                }
            }
            if !moved {
                return Ok(());
            }
        }
        Err(Stop::Failed("frames without end".to_owned()))
    }

    fn carry(&mut self, sender: usize, route: Route, frame: &[u8]) {
        let (now, network) = (self.now, self.scenario.network.as_str());
        let from = if network == "routes" { self.parties[sender].name.clone() } else { String::new() };
        let name = String::from_utf8_lossy(route.as_bytes()).into_owned();
        let fits = |party: &Party| match network {
            "routes" => party.name == name,
            "mqtt" => [text(&party.config, "inbox"), text(&party.config, "reply_inbox")].contains(&Some(name.as_str())),
            _ => true,
        };
        let others = self.parties.iter_mut().enumerate().filter(|(place, party)| *place != sender && party.endpoint.is_some());
        if let Some((_, party)) = others.into_iter().find(|(_, party)| fits(party)) {
            if let Err(error) = party.take(now, &from, None, frame) {
                party.events.push(Seen::refused(error));
            }
            party.collect();
        }
    }

    fn pass(&mut self, ms: u64, lose: &str) -> Outcome {
        let end = self.now + ms;
        loop {
            self.settle(lose)?;
            if self.now >= end {
                return Ok(());
            }
            let due = self.parties.iter().filter_map(|party| party.endpoint.as_ref()?.poll_timeout()).min();
            self.now = due.map_or(end, |due| due.max(self.now + 1).min(end));
            let now = self.now;
            for party in self.parties.iter_mut().filter(|party| party.endpoint.is_some()) {
                let (endpoint, platform) = party.parts();
                endpoint.handle_timeout(platform, now)?;
            }
        }
    }

    // ---- sessions

    fn session(&mut self, step: &Fields) -> Outcome {
        let now = self.now;
        if text(step, "do") == Some("send") {
            return (0..number(step, "count").unwrap_or(1)).try_for_each(|_| self.send(step));
        }
        let party = self.party(step);
        let session = party.session(step);
        let origin = origin(party, step);
        let message = number(step, "number").unwrap_or_default();
        let (endpoint, platform) = party.parts();
        match text(step, "do").unwrap_or_default() {
            "commit" => endpoint.commit(platform, now, session, message, origin)?,
            "abandon" => endpoint.abandon(session, message)?,
            "key_update" => endpoint.key_update(platform, now, session)?,
            "close" => endpoint.close(platform, session)?,
            _ => {
                let mut secret = vec![0; usize::try_from(number(step, "length").unwrap()).unwrap()];
                let context = text(step, "context").unwrap_or_default().as_bytes();
                endpoint.export(platform, session, number(step, "label").unwrap(), context, &mut secret)?;
                self.values.insert(text(step, "as").unwrap_or_default().to_owned(), secret);
            }
        }
        Ok(())
    }

    fn send(&mut self, step: &Fields) -> Outcome {
        let now = self.now;
        let party = self.party(step);
        let session = party.session(step);
        let message = Outgoing {
            kind: if flag(step, "command").unwrap_or(false) { Kind::Command } else { Kind::Data },
            confirmable: flag(step, "confirmable").unwrap_or(false),
            topic: match text(step, "topic").map(str::as_bytes) {
                None => Topic::None,
                Some(topic) if flag(step, "in_place").unwrap_or(false) => Topic::InPlace(topic),
                Some(topic) => Topic::Addressed(topic),
            },
            retain: flag(step, "retain").unwrap_or(false),
            expiry_s: number(step, "expiry_s").map(|seconds| u32::try_from(seconds).unwrap()),
            content_type: text(step, "content_type"),
            payload: text(step, "payload").unwrap_or_default().as_bytes(),
            number: number(step, "number"),
            origin: origin(party, step),
        };
        let extra = [text(step, "topic"), message.content_type].into_iter().flatten().map(str::len).sum::<usize>();
        let room = number(step, "capacity").map_or(message.payload.len() + extra + MAX_OVERHEAD, |room| usize::try_from(room).unwrap());
        let mut frame = vec![0; room];
        let (endpoint, platform) = party.parts();
        let sent = endpoint.send(platform, now, session, &message, &mut frame)?;
        frame.truncate(sent.len);
        check(number(step, "given").is_none_or(|given| sent.number == Some(given)), || format!("number {:?}", sent.number))?;
        self.values.insert(text(step, "frame").unwrap_or_default().to_owned(), frame);
        Ok(())
    }

    // ---- looking

    fn look(&mut self, step: &Fields) -> Outcome {
        let (now, scenario) = (self.now, self.scenario);
        match text(step, "do").unwrap_or_default() {
            kind @ ("same" | "differ") => {
                let equal = self.value(step, "first")? == self.value(step, "second")?;
                return check(equal == (kind == "same"), || format!("equal: {equal}"));
            }
            "expect" => return self.expect(step),
            _ => {}
        }
        let party = self.party(step);
        party.collect();
        match text(step, "do").unwrap_or_default() {
            "clear" => party.events.clear(),
            "counters" => {
                let counters = format!("{:?}", party.parts().0.counters());
                for (name, value) in step.iter().filter(|(name, _)| !["do", "at"].contains(&name.as_str())) {
                    let wanted = [format!(" {name}: {value},"), format!(" {name}: {value} }}")];
                    check(wanted.iter().any(|wanted| counters.contains(wanted)), || format!("{name} is not {value}: {counters}"))?;
                }
            }
            "sessions" => {
                let count = party.parts().0.sessions().count() as u64;
                check(Some(count) == number(step, "count"), || format!("{count} sessions"))?;
            }
            "find" => {
                let found = party.parts().0.find(&thumbprint(scenario, text(step, "peer").unwrap()));
                let wanted = if flag(step, "none").unwrap_or(false) { None } else { Some(party.session(step)) };
                check(found == wanted, || format!("found {found:?}"))?;
            }
            _ => {
                let session = party.session(step);
                let info = party.parts().0.session(session, now)?;
                let fields = json!({
                    "role": role(info.role), "suite": info.suite.number(), "epoch": info.epoch, "confirmed": info.confirmed,
                    "unacknowledged": info.unacknowledged, "command_ready": info.command_ready, "next_number": info.next_number,
                    "route": String::from_utf8_lossy(info.route.as_bytes()),
                });
                for (name, value) in step.iter().filter(|(name, _)| !["do", "at", "session", "error"].contains(&name.as_str())) {
                    let good = match name.as_str() {
                        "peer" => info.peer == thumbprint(scenario, value.as_str().unwrap()),
                        "own" => info.own == thumbprint(scenario, value.as_str().unwrap()),
                        name => fields.get(name) == Some(value),
                    };
                    check(good, || format!("{name} is not {value}: {info:?}"))?;
                }
            }
        }
        Ok(())
    }

    fn expect(&mut self, step: &Fields) -> Outcome {
        let scenario = self.scenario;
        let party = self.party(step);
        party.collect();
        let seen = core::mem::take(&mut party.events);
        let wanted: Vec<&Fields> = list(step, "events").iter().map(|event| event.as_object().unwrap()).collect();
        let names = seen.iter().map(|event| Some(event.name));
        check(names.eq(wanted.iter().map(|event| text(event, "event"))), || format!("events: {seen:?}"))?;
        seen.iter().zip(wanted).try_for_each(|(seen, wanted)| compare(scenario, party, seen, wanted)).map_err(Stop::Failed)
    }

    // ---- surroundings

    fn surroundings(&mut self, step: &Fields) -> Outcome {
        let kind = text(step, "do").unwrap_or_default();
        if kind == "credential" {
            let name = text(step, "credential").unwrap();
            let known = self.scenario.fixture("credentials", name);
            let credential = known.unwrap_or_else(|| bytes(text(self.scenario.identity(name), "credential").unwrap()));
            Credential::parse(&credential)?;
            return Ok(());
        }
        let stored = text(step, "stored").and_then(|name| self.scenario.fixture("stored", name));
        let party = self.party(step);
        let platform = &mut party.platform;
        match kind {
            "store_fails" => platform.store_fails = flag(step, "on").unwrap().then(|| number(step, "after").unwrap_or(0)),
            "store_set" => {
                platform.store.insert(u32::try_from(number(step, "slot").unwrap_or(0)).unwrap(), stored.unwrap());
            }
            "store_alter" => {
                for data in platform.store.values_mut() {
                    let at = place(step, "byte", data.len());
                    data[at] ^= u8::try_from(number(step, "xor").unwrap()).unwrap();
                }
            }
            "store_keep" => {
                party.kept.insert(text(step, "as").unwrap().to_owned(), platform.store.clone());
            }
            "store_put" => platform.store = party.kept[text(step, "from").unwrap()].clone(),
            "random_fails" => platform.random_fails = flag(step, "on").unwrap(),
            "key" => {
                platform.key = match text(step, "answer").unwrap() {
                    "works" => Ok(()),
                    "pending" => Err(Error::Pending),
                    _ => Err(Error::UnknownKey),
                };
            }
            other => return Err(Stop::Failed(format!("{other} is unknown here"))),
        }
        Ok(())
    }
}

fn origin(party: &Party, step: &Fields) -> Option<Origin> {
    let sid = party.sids[&party.named[text(step, "origin")?]];
    Some(Origin { sid, number: number(step, "origin_number").unwrap() })
}
