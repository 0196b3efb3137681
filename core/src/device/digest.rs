//! What bad input must leave alone, as a digest: for tests and for `tests/fuzz` (private feature `_fuzzing`), not part of the interface.

use super::Device;
use super::handshake::Step;
use core::fmt::{self, Debug, Write};
use core::hash::{Hash, Hasher};

impl Device<'_> {
    /// Feeds `state` with everything but the counts of failures, and why a handshake does not get on.
    pub fn digest(&self, state: &mut impl Hasher) {
        let Device { session, handshake, .. } = self;
        let parties = &session.parties;
        (session.live, parties.c_i, parties.c_r, parties.sid).hash(state);
        let context = &session.context;
        (context.prk_out.expose(), context.next, context.reserved, context.covered).hash(state);
        debug(state, &(context.window, session.sent, session.received, session.acked));
        for window in &session.windows {
            window.sid.hash(state);
            debug(state, &window.received);
        }
        (session.fresh, session.carried_below, session.unheard, session.resume, session.wants, session.attempts).hash(state);
        (session.repeat_at, session.ack_at, session.resend_from, session.resend_to, session.aged_below).hash(state);
        let step = match handshake.step {
            Step::Idle => 0,
            Step::Message2 => 2,
            Step::Message4 => 4_u8,
        };
        (step, handshake.hash, handshake.c_i, handshake.c_r, handshake.frame()).hash(state);
        (self.deadline, self.attempts, self.events, self.resumed, self.ended, self.reconnect_from).hash(state);
    }
}

fn debug(state: &mut impl Hasher, value: &impl Debug) {
    // A hasher takes everything.
    let _ = write!(Fed(state), "{value:?}");
}

struct Fed<'h, H>(&'h mut H);

impl<H: Hasher> Write for Fed<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
