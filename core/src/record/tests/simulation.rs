//! Key updates, restarts and resumes of two ends over a bad line, by random schedules.
//!
//! Each end is what an endpoint makes of this layer: it stores when told to, repeats on a timer, and may lose power before or after any
//! store. After every step the promises are held against what both ends know.

use super::*;
use crate::persist::SessionMeta;
use crate::persist::snapshot::{self, SNAPSHOT_MAX};
use std::collections::{BTreeMap, BTreeSet};

/// What the line does, in percent.
#[derive(Clone, Copy)]
struct Line {
    loss: u64,
    duplicates: u64,
    reorders: bool,
    /// Power cuts, per store.
    cuts: u64,
}

/// Power went: nothing after this happened.
struct Cut;

struct End {
    context: SecurityContext,
    stored: Vec<u8>,
    challenge: Option<Nonce>,
    /// Every payload handed out, over all restarts.
    delivered: BTreeSet<Vec<u8>>,
    refused: BTreeMap<Error, u32>,
}

struct World {
    ends: [End; 2],
    /// Frames under way to each end.
    lines: [Vec<Vec<u8>>; 2],
    line: Line,
    dice: Dice,
    p: TestProvider,
    /// Every nonce used, by sender and PRK_out, and the frame it was used for.
    used: BTreeMap<(usize, Vec<u8>, u64), Vec<u8>>,
    sent: u64,
    updates: u32,
    restarts: u32,
}

impl PartialOrd for Error {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Error {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.number().cmp(&other.number())
    }
}

const PLAN: Plan = Plan { ahead: 5, edge_ahead: 5, numbers_ahead: 4, receiving: None, committing: None };

impl World {
    fn new(suite: Suite, seed: u64, line: Line) -> Self {
        let (i, r) = pair(suite);
        let mut p = TestProvider(Dice(seed ^ 0x5eed));
        let ends = [i, r].map(|mut context| {
            let mut stored = std::vec![0; SNAPSHOT_MAX];
            snapshot::encode(&mut p, &context, &SessionMeta::default(), &PLAN, &mut stored).unwrap();
            context.stored(&PLAN);
            End { context, stored, challenge: None, delivered: BTreeSet::new(), refused: BTreeMap::new() }
        });
        let lines = [Vec::new(), Vec::new()];
        World { ends, lines, line, dice: Dice(seed), p, used: BTreeMap::new(), sent: 0, updates: 0, restarts: 0 }
    }

    fn store(&mut self, at: usize, plan: &Plan) -> core::result::Result<(), Cut> {
        let cut = self.dice.percent(self.line.cuts);
        if cut && self.dice.percent(50) {
            return Err(Cut);
        }
        let end = &mut self.ends[at];
        let length = snapshot::encode(&mut self.p, &end.context, &SessionMeta::default(), plan, &mut end.stored).unwrap();
        assert_eq!(length, SNAPSHOT_MAX);
        if cut {
            return Err(Cut);
        }
        end.context.stored(plan);
        Ok(())
    }

    fn restart(&mut self, at: usize) {
        self.restarts += 1;
        let challenge = nonce(&mut self.p);
        let end = &mut self.ends[at];
        end.context = snapshot::decode(&mut self.p, &end.stored).unwrap().0;
        end.challenge = Some(challenge);
    }

    fn send(&mut self, at: usize, message: &Outgoing<'_>) -> core::result::Result<(), Cut> {
        if self.ends[at].context.must_store_to_send(false) {
            self.store(at, &PLAN)?;
        }
        let context = &mut self.ends[at].context;
        let epoch = context.sending_epoch();
        let key = context.context(epoch).prk_out.expose().to_vec();
        let partial_iv = context.context(epoch).next;
        let frame = protect(context, message, None).unwrap();
        let before = self.used.insert((at, key, partial_iv), frame.clone());
        assert!(before.is_none(), "one nonce for two records");
        self.lines[1 - at].push(frame);
        Ok(())
    }

    fn send_control(&mut self, at: usize, options: Options<'_>) -> core::result::Result<(), Cut> {
        self.send(at, &control(options))
    }

    fn send_data(&mut self, at: usize) -> core::result::Result<(), Cut> {
        self.sent += 1;
        let payload = self.sent.to_be_bytes();
        self.send(at, &data(&payload))
    }

    fn receive(&mut self, at: usize, frame: &[u8]) -> core::result::Result<(), Cut> {
        let mut frame = frame.to_vec();
        let end = &mut self.ends[at];
        let header = Header::parse(&frame, end.context.parties().recipient_id().as_bytes().len()).unwrap();
        let opened = match end.context.unprotect(&mut self.p, &header, None, &mut frame) {
            Ok(opened) => opened,
            Err(error) => {
                *end.refused.entry(error).or_default() += 1;
                return Ok(());
            }
        };
        let position = opened.at;
        if end.context.must_store_to_accept(position) {
            self.store(at, &Plan { receiving: Some(position), ..PLAN })?;
        }
        let end = &mut self.ends[at];
        if end.context.accept(position).unwrap().key_updated {
            self.updates += 1;
        }
        let content = opened.content().unwrap();
        let options = content.options;
        if options.kind == Kind::Data {
            assert!(end.delivered.insert(content.payload.to_vec()), "delivered twice");
        }
        if let Some(resume) = options.resume {
            end.context.on_resume(position, resume.edge).unwrap();
            self.send_control(at, Options { resumed: Some(resume.challenge), ..Options::default() })?;
        }
        let end = &mut self.ends[at];
        if options.resumed.is_some() && options.resumed == end.challenge {
            end.challenge = None;
        }
        if let Some(request) = options.update_request {
            let n_b = nonce(&mut self.p);
            if let Some(answer) = end.context.on_update_request(&mut self.p, position, &request, n_b).unwrap() {
                self.send_control(at, Options { update_response: Some(answer), ..Options::default() })?;
            }
        }
        if let Some(response) = options.update_response
            && self.ends[at].context.on_update_response(&mut self.p, position, &response).unwrap()
        {
            self.send_control(at, Options { ping: true, ..Options::default() })?;
        }
        if options.ping {
            self.send_control(at, Options::default())?;
        }
        Ok(())
    }

    /// The endpoint's timer: repeat what is open.
    fn tick(&mut self, at: usize) -> core::result::Result<(), Cut> {
        let context = &self.ends[at].context;
        if let Some(challenge) = self.ends[at].challenge {
            let edge = context.resume_edge();
            self.send_control(at, Options { resume: Some(Resume { edge, challenge }), ..Options::default() })?;
        }
        if let Some(request) = self.ends[at].context.update_option() {
            self.send_control(at, Options { update_request: Some(request), ..Options::default() })?;
        }
        if self.ends[at].context.updating() == Updating::Moved {
            self.send_control(at, Options { ping: true, ..Options::default() })?;
        }
        Ok(())
    }

    fn ask(&mut self, at: usize) -> core::result::Result<(), Cut> {
        let n_a = nonce(&mut self.p);
        match self.ends[at].context.request_update(n_a) {
            Ok(()) => self.tick(at),
            Err(error) => {
                assert_eq!(error, Error::Busy);
                Ok(())
            }
        }
    }

    /// Takes a frame off the line to `at`, or nothing.
    fn take(&mut self, at: usize) -> Option<Vec<u8>> {
        let waiting = self.lines[at].len() as u64;
        if waiting == 0 {
            return None;
        }
        let place = if self.line.reorders { self.dice.below(waiting.min(12)) as usize } else { 0 };
        if self.dice.percent(self.line.duplicates) {
            return Some(self.lines[at][place].clone());
        }
        let frame = self.lines[at].remove(place);
        if self.dice.percent(self.line.loss) { None } else { Some(frame) }
    }

    fn step(&mut self) {
        let at = self.dice.below(2) as usize;
        let outcome = match self.dice.below(100) {
            0..=34 => match self.take(at) {
                Some(frame) => self.receive(at, &frame),
                None => Ok(()),
            },
            35..=64 => self.send_data(at),
            65..=79 => self.tick(at),
            80..=89 => self.ask(at),
            90..=91 if self.line.cuts > 0 => Err(Cut),
            _ => Ok(()),
        };
        if outcome.is_err() {
            self.restart(at);
        }
        self.check();
    }

    /// Keys that both ends hold for one epoch are the same, and confirmed epochs are at most one apart.
    fn check(&self) {
        let [a, b] = &self.ends;
        let held = |end: &End| {
            let context = &end.context;
            let mut keys = std::vec![(context.epoch, context.context(context.epoch).prk_out.clone())];
            if context.update.has_next() {
                keys.push((context.epoch + 1, context.context(context.epoch + 1).prk_out.clone()));
            }
            keys
        };
        assert!(a.context.epoch.abs_diff(b.context.epoch) <= 1);
        let (of_a, of_b) = (held(a), held(b));
        for (epoch, key) in &of_a {
            for (other, key_of_b) in &of_b {
                assert!(epoch != other || key == key_of_b, "different keys for epoch {epoch}");
            }
        }
        // Whoever is behind holds the keys of the other's confirmed epoch.
        let confirmed = a.context.epoch.max(b.context.epoch);
        assert!(of_a.iter().any(|(epoch, _)| *epoch == confirmed) && of_b.iter().any(|(epoch, _)| *epoch == confirmed));
    }

    /// The line is good from now on: everything open comes to its end.
    fn settle(&mut self) {
        self.line = Line { loss: 0, duplicates: 0, reorders: false, cuts: 0 };
        for round in 0..60 {
            for at in [0, 1] {
                assert!(self.tick(at).is_ok());
            }
            while self.lines.iter().any(|line| !line.is_empty()) {
                for at in [0, 1] {
                    if let Some(frame) = self.take(at) {
                        assert!(self.receive(at, &frame).is_ok());
                        self.check();
                    }
                }
            }
            let [a, b] = &self.ends;
            let idle = |end: &End| end.context.updating() == Updating::Idle && end.challenge.is_none();
            if idle(a) && idle(b) && a.context.epoch == b.context.epoch {
                return self.talk();
            }
            assert!(round < 59, "does not settle: {:?} {:?}", a.context.updating(), b.context.updating());
        }
    }

    /// Both ends hear each other, with nothing lost.
    fn talk(&mut self) {
        for at in [0, 1] {
            for _ in 0..5 {
                assert!(self.send_data(at).is_ok());
                let payload = self.sent.to_be_bytes().to_vec();
                let frame = self.lines[1 - at].pop().unwrap();
                assert!(self.receive(1 - at, &frame).is_ok());
                assert!(self.ends[1 - at].delivered.contains(&payload));
            }
        }
    }

    fn refused(&self, error: Error) -> u32 {
        self.ends.iter().map(|end| end.refused.get(&error).copied().unwrap_or(0)).sum()
    }
}

/// One with long tags and one with short ones, where both are built.
fn suites() -> impl Iterator<Item = Suite> {
    Suite::ALL.iter().copied().take(2)
}

/// Runs many worlds; gives the sums of updates and restarts.
fn run(line: Line, seeds: core::ops::Range<u64>, mut each: impl FnMut(&World)) -> (u32, u32) {
    let mut sums = (0, 0);
    for seed in seeds {
        for suite in suites() {
            let mut world = World::new(suite, seed, line);
            for _ in 0..400 {
                world.step();
            }
            world.settle();
            each(&world);
            sums = (sums.0 + world.updates, sums.1 + world.restarts);
        }
    }
    sums
}

#[test]
fn on_a_good_line_no_record_is_lost_by_a_key_update() {
    let line = Line { loss: 0, duplicates: 0, reorders: false, cuts: 0 };
    let (updates, restarts) = run(line, 0..30, |world| {
        assert!(world.ends.iter().all(|end| end.refused.is_empty()));
        let delivered: usize = world.ends.iter().map(|end| end.delivered.len()).sum();
        assert_eq!(delivered as u64, world.sent);
    });
    assert!(updates > 100 && restarts == 0, "{updates}");
}

#[test]
fn duplicates_and_reordering_harm_no_key_update() {
    let line = Line { loss: 0, duplicates: 20, reorders: true, cuts: 0 };
    let (mut duplicates, mut stale) = (0, 0);
    let (updates, _) = run(line, 100..130, |world| {
        // Late ones of an ended epoch are StaleEpoch, or fail if the phase bit came round again; nothing else is refused.
        assert_eq!(world.refused(Error::Malformed) + world.refused(Error::UnknownContext), 0);
        duplicates += world.refused(Error::Duplicate);
        stale += world.refused(Error::StaleEpoch);
    });
    assert!(updates > 100 && duplicates > 100 && stale > 0, "{updates} {duplicates} {stale}");
}

#[test]
fn a_key_update_completes_when_loss_stops() {
    for loss in [10, 30, 60, 90] {
        let line = Line { loss, duplicates: 10, reorders: true, cuts: 0 };
        let (updates, _) = run(line, 200..210, |_| {});
        assert!(updates > 10, "{updates} at {loss} %");
    }
}

#[test]
fn a_restart_anywhere_harms_no_key_update() {
    for (loss, cuts) in [(0, 3), (30, 3), (30, 20)] {
        let line = Line { loss, duplicates: 10, reorders: true, cuts };
        let (updates, restarts) = run(line, 300..316, |_| {});
        assert!(updates > 20 && restarts > 100, "{updates} {restarts}");
    }
}

/// Carries a frame to `at` and gives nothing back; the answers stand on the line.
fn pass(world: &mut World, at: usize) {
    let frame = world.take(at).unwrap();
    assert!(world.receive(at, &frame).is_ok());
    world.check();
}

#[test]
fn when_both_ask_the_initiator_s_request_stands() {
    let mut world = World::new(SUITE, 1, Line { loss: 0, duplicates: 0, reorders: false, cuts: 0 });
    assert!(world.ask(0).is_ok() && world.ask(1).is_ok());
    assert_eq!(world.ends[0].context.request_update([0; 8]), Err(Error::Busy));
    // R's request reaches I first, and is ignored.
    pass(&mut world, 0);
    assert_eq!(world.ends[0].context.updating(), Updating::Requested);
    assert!(world.lines[1].len() == 1);
    pass(&mut world, 1);
    assert_eq!(world.ends[1].context.updating(), Updating::Responded);
    pass(&mut world, 0);
    assert_eq!(world.ends[0].context.updating(), Updating::Moved);
    // R goes on under p until it has a record under p + 1.
    assert_eq!((world.ends[0].context.sending_epoch(), world.ends[1].context.sending_epoch()), (1, 0));
    pass(&mut world, 1);
    assert_eq!((world.ends[1].context.updating(), world.ends[1].context.epoch()), (Updating::Idle, 1));
    pass(&mut world, 0);
    assert_eq!((world.ends[0].context.updating(), world.ends[0].context.epoch()), (Updating::Idle, 1));
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_another_only_if_it_is_newer() {
    let (_, mut r) = volatile_pair(SUITE);
    let mut p = provider();
    let at = |partial_iv| Position { epoch: 0, partial_iv };
    let request = |n_a| UpdateRequest { epoch: 1, n_a };
    let first = r.on_update_request(&mut p, at(5), &request([1; 8]), [9; 8]).unwrap().unwrap();
    assert_eq!(first, UpdateResponse { epoch: 1, n_a: [1; 8], n_b: [9; 8] });
    let keys = r.context(1).prk_out.clone();
    assert_eq!(r.on_update_request(&mut p, at(6), &request([1; 8]), [8; 8]), Ok(Some(first)));
    assert_eq!(r.on_update_request(&mut p, at(4), &request([2; 8]), [8; 8]), Ok(None));
    assert!(r.context(1).prk_out == keys);
    let second = r.on_update_request(&mut p, at(7), &request([2; 8]), [8; 8]).unwrap().unwrap();
    assert_eq!(second.n_b, [8; 8]);
    assert!(r.context(1).prk_out != keys);
    // Requests and responses for other epochs change nothing.
    assert_eq!(r.on_update_request(&mut p, at(8), &UpdateRequest { epoch: 2, n_a: [3; 8] }, [8; 8]), Ok(None));
    assert_eq!(r.on_update_response(&mut p, at(9), &second), Ok(false));
    let other = Position { epoch: 1, partial_iv: 0 };
    assert_eq!(r.on_update_request(&mut p, other, &request([4; 8]), [8; 8]), Ok(None));
}

#[test]
fn a_transition_is_stored_before_anything_leaves() {
    let mut world = World::new(SUITE, 1, Line { loss: 0, duplicates: 0, reorders: false, cuts: 0 });
    let must_store = |world: &World, at: usize| world.ends[at].context.must_store_to_send(false);
    assert!(!must_store(&world, 0) && !must_store(&world, 1));
    world.ends[0].context.request_update([1; 8]).unwrap();
    assert!(must_store(&world, 0));
    assert!(world.tick(0).is_ok());
    assert!(!must_store(&world, 0));
    let frame = world.lines[1].pop().unwrap();
    let request = UpdateRequest { epoch: 1, n_a: [1; 8] };
    assert!(world.receive(1, &frame).is_ok());
    // The answer went out, so it was stored: a restart repeats it with the same nonce.
    let Update::Responded { n_b, .. } = world.ends[1].context.update else { panic!() };
    world.restart(1);
    let at = Position { epoch: 0, partial_iv: 40 };
    let again = world.ends[1].context.on_update_request(&mut world.p, at, &request, [7; 8]).unwrap().unwrap();
    assert_eq!(again.n_b, n_b);
}

#[test]
fn old_keys_are_erased_when_new_ones_are_confirmed() {
    let mut world = World::new(SUITE, 1, Line { loss: 0, duplicates: 0, reorders: false, cuts: 0 });
    let before = world.ends[0].context.keys_of(&mut provider(), 0);
    assert!(world.ask(0).is_ok());
    world.settle();
    for end in &world.ends {
        assert_eq!(end.context.epoch(), 1);
        assert!(end.context.context(0).prk_out == Secret::zero());
        let aead = end.context.parties().aead();
        let (sender, recipient, _) = end.context.keys().parts(aead);
        let old = before.parts(aead);
        assert!(![sender, recipient].iter().any(|key| [old.0, old.1].contains(key)));
    }
}
