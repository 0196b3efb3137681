//! What may follow what (PROTOCOL §10.2 to §10.7).

use super::{LABEL, Stage, route};
use crate::provider::Mode;
use crate::typed;
use sealwire_core::Error;
use sealwire_core::cose::Thumbprint;
use sealwire_core::endpoint::Event;
use sealwire_core::setup::{Ownership, Standing, Statement};

/// Frame type of message_3 (PROTOCOL §3).
const MESSAGE_3: u8 = 3;

impl Stage {
    /// Hands the device a frame, and checks what that changed.
    pub(super) fn deliver(&mut self, who: usize, frame: &[u8]) {
        let before = self.device.ownership().copied();
        let sessions: Vec<_> = self.device.sessions().collect();
        let mut bytes = frame.to_vec();
        let outcome = self.device.handle_frame(&mut self.party, self.now, route(who), None, &mut bytes).map(drop);
        if let Err(error) = outcome {
            typed(error);
            assert!(self.device.sessions().all(|session| sessions.contains(&session)), "a session of a message that failed");
        }
        self.judge(frame.first() == Some(&MESSAGE_3), before, outcome);
        self.answer();
        self.sound();
    }

    /// A key that was slow has answered.
    pub(super) fn resumes(&mut self) {
        let before = self.device.ownership().copied();
        let outcome = self.device.resume_pending(&mut self.party, self.now).map(drop);
        if let Err(error) = outcome {
            typed(error);
        }
        self.judge(true, before, outcome);
    }

    /// Whether a newcomer's message may have led from one ownership to the other.
    fn judge(&mut self, message_3: bool, before: Option<Ownership>, outcome: Result<(), Error>) {
        let after = self.device.ownership().copied();
        let (Some(before), Some(after)) = (before, after) else {
            assert!(before.is_none() && after.is_none(), "a frame breaks or mends a record");
            return;
        };
        if outcome == Err(Error::WrongSetupSecret) {
            assert!(self.now >= self.delayed_until, "it looks at a tag before its time");
            self.delayed_until = self.now + 1_000 * (1_u64 << self.wrong.min(6)).min(60);
            self.wrong += 1;
        }
        let same = Ownership::eq(&before, &after) || { before.is_wiping() && !after.is_wiping() && self.unchanged(&before, &after) };
        if same {
            return;
        }
        assert!(message_3, "a frame of another type changes the owner");
        self.taken = true;
        let delegates: Vec<_> = after.delegates().collect();
        if before.owner().is_none() {
            assert_eq!(after.epoch(), before.epoch(), "setup is no new epoch");
            assert!(self.now < self.open_until, "nobody has pressed the button");
            assert!(self.now >= self.delayed_until, "the delay is not over");
            let shown = |stage: &Stage| stage.newcomers.iter().any(|one| one.knows_label && after.owner() == Some(one.thumbprint()));
            assert!(self.mode == Mode::Clear || shown(self), "an owner that has not shown the label");
            assert!(delegates.is_empty() && after.nonce() != before.nonce());
            self.open_until = 0;
            self.wrong = 0;
            self.delayed_until = 0;
        } else if after.epoch() == before.epoch() {
            assert_eq!((after.owner(), after.anchor(), after.nonce()), (before.owner(), before.anchor(), before.nonce()), "a second owner");
            assert!(before.delegates().filter(|known| !delegates.contains(known)).count() == 0, "a delegate is gone");
            for delegate in delegates {
                assert!(before.standing(&delegate) == Standing::Delegate || self.was_signed(Statement::Delegation, &before, delegate));
            }
        } else {
            assert_eq!(after.epoch(), before.epoch() + 1, "a release is one epoch");
            let owner = after.owner().expect("a release is to somebody");
            assert!(self.was_signed(Statement::Release, &before, owner), "nobody has signed it over");
            assert!(delegates.is_empty() && after.nonce() != before.nonce());
            self.wrong = 0;
            self.delayed_until = 0;
        }
    }

    /// Everything but that something had to be wiped.
    fn unchanged(&self, before: &Ownership, after: &Ownership) -> bool {
        let parts = |one: &Ownership| (one.epoch(), *one.nonce(), one.owner(), one.anchor().copied(), one.delegates().collect::<Vec<_>>());
        parts(before) == parts(after)
    }

    /// The owner by its anchor, over the epoch and the nonce as they were. In the clear mode everybody can sign.
    fn was_signed(&self, statement: Statement, ownership: &Ownership, about: Thumbprint) -> bool {
        let anchor = ownership.anchor().expect("without an anchor nothing is signed");
        self.mode == Mode::Clear
            || self.signed.iter().any(|signed| {
                let by = self.newcomers.get(signed.by).is_some_and(|one| one.identity.signing_key == *anchor);
                let over = (signed.epoch, signed.nonce) == (ownership.epoch(), *ownership.nonce());
                by && over && signed.statement == statement && signed.about == about
            })
    }

    /// A physical reset, and what must have come of it.
    pub(super) fn resets(&mut self) {
        let before = self.device.ownership().copied();
        let outcome = self.device.reset_ownership(&mut self.party);
        let after = self.device.ownership().copied();
        let Some(after) = after else {
            assert_eq!(outcome, Err(Error::StorageFailed));
            return;
        };
        if before == Some(after) {
            assert!(matches!(outcome, Err(Error::StorageFailed | Error::WrongState)), "nothing was reset: {outcome:?}");
            return;
        }
        assert_eq!((after.owner(), after.anchor(), after.delegates().count()), (None, None, 0));
        assert_eq!(after.is_wiping(), outcome.is_err());
        // What goes on with a reset that had failed has nothing to do with what was pressed since.
        let halfway = before.is_some_and(|before| before.is_wiping() && before.owner().is_none());
        if let Some(before) = before {
            assert_eq!(after.epoch(), before.epoch() + u32::from(!halfway));
            assert!(halfway || after.nonce() != before.nonce());
        }
        assert_eq!(self.device.sessions().count(), 0, "somebody is left");
        self.taken = true;
        if !halfway {
            self.wrong = 0;
            self.delayed_until = 0;
            self.open_until = 0;
        }
    }

    /// A delegate is sent away.
    pub(super) fn revokes(&mut self, who: usize) {
        let delegate = self.newcomers[who].thumbprint();
        let before = self.device.ownership().copied();
        let outcome = self.device.revoke(&mut self.party, &delegate);
        let after = self.device.ownership().copied();
        match (outcome, before, after) {
            (Ok(()), Some(before), Some(after)) => {
                assert!(before.delegates().any(|known| known == delegate) && after.delegates().all(|known| known != delegate));
                assert_eq!((before.owner(), before.epoch()), (after.owner(), after.epoch()));
                assert_ne!(before.nonce(), after.nonce(), "what was signed before still counts");
                assert!(after.owner() == Some(delegate) || self.device.find(&delegate).is_none(), "it is still there");
            }
            (outcome, before, after) => {
                assert!(matches!(outcome, Err(Error::UnknownCredential | Error::StorageFailed)));
                assert_eq!(before, after, "half a revocation");
            }
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        let now = self.now;
        self.device.handle_timeout(&mut self.party, now).expect("time cannot fail");
        assert!(self.device.poll_timeout().is_none_or(|next| next > now), "a timer that stays due");
        for one in &mut self.newcomers {
            one.endpoint.handle_timeout(&mut one.party, now).expect("time cannot fail");
        }
        self.answer();
    }

    /// What holds in every state.
    pub(super) fn sound(&mut self) {
        let events: Vec<_> = std::iter::from_fn(|| self.device.poll_event()).take(512).collect();
        assert!(events.len() < 512, "poll_event never ends");
        for event in events {
            if let Event::OwnershipChanged { epoch, owner } = event {
                self.known = (epoch, owner);
            }
        }
        assert!(self.device.setup_open_until(self.now).is_none_or(|until| until <= self.open_until), "a window that nobody has opened");
        let Some(ownership) = self.device.ownership().copied() else {
            assert_eq!(self.device.sessions().count(), 0, "a damaged record lets nobody in");
            return;
        };
        assert_eq!(self.known, (ownership.epoch(), ownership.owner()), "the application knows of another owner");
        assert!(ownership.owner().is_none() || self.device.setup_open_until(self.now).is_none(), "a device with an owner is open");
        assert!(self.lied || self.stored() == Some(ownership), "what is in force is not what is durable");
        assert!(!ownership.is_wiping() || self.device.sessions().count() == 0, "sessions of an earlier epoch");
        if self.mode == Mode::Sealed && !self.trusting {
            for session in self.device.sessions() {
                let peer = self.device.session(session, self.now).expect("it was listed").peer;
                assert_ne!(ownership.standing(&peer), Standing::None, "somebody who is neither owner nor delegate");
            }
        }
        // The secret goes over no wire; `up` holds what was said.
        assert!(self.up.iter().all(|(_, frame)| frame.windows(LABEL.len()).all(|part| part != LABEL)), "the secret is sent");
    }
}
