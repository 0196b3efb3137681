//! What the simulator needs of an end: an endpoint, or another engine that speaks the protocol.

use super::*;

pub(crate) trait End {
    fn port(&mut self) -> &mut TestPort;

    fn thumbprint(&self) -> Thumbprint;

    /// It sends commands and asks for new keys, and remembers what it received also where its store does not resist rollback.
    fn is_full(&self) -> bool {
        true
    }

    /// The session that stands with this peer.
    fn standing(&self, peer: &Thumbprint) -> Option<SessionHandle>;

    /// Its name, epoch, and how many messages are unacknowledged.
    fn describe(&self, now: u64, session: SessionHandle) -> Option<(Sid, u32, u32)>;

    fn exported(&mut self, session: SessionHandle) -> [u8; 16];

    fn connect(&mut self, now: u64, route: Route, peer: Thumbprint) -> Result<HandshakeId>;

    fn send(&mut self, now: u64, session: SessionHandle, message: &Outgoing<'_>) -> Result<(Sent, Vec<u8>)>;

    fn commit(&mut self, now: u64, session: SessionHandle, number: u64, origin: Option<Origin>) -> Result<()>;

    fn abandon(&mut self, session: SessionHandle, number: u64) -> Result<()>;

    fn key_update(&mut self, now: u64, session: SessionHandle) -> Result<()>;

    /// Lets timers fire.
    fn tick(&mut self, now: u64);

    /// When the next one does.
    fn due(&self) -> Option<u64>;

    fn take_events(&mut self) -> Vec<Event<'static>>;

    fn has_events(&self) -> bool;

    /// Takes in a frame; a message is noted.
    fn input(&mut self, now: u64, frame: &[u8]) -> Result<()>;

    fn take_delivered(&mut self) -> Vec<Delivered>;

    /// All frames to send, also when the store fails in between.
    fn patient_frames(&mut self, now: u64) -> Vec<Vec<u8>>;

    /// A new process over the same store; gives the number of sessions restored.
    fn restart(&mut self, now: u64) -> usize;

    /// What bad input must leave alone.
    fn fingerprint(&mut self) -> u64;

    /// Nothing is asked of the peer any more.
    fn is_at_rest(&self, session: SessionHandle) -> bool;
}

impl End for Node {
    fn port(&mut self) -> &mut TestPort {
        &mut self.port
    }

    fn thumbprint(&self) -> Thumbprint {
        self.identity.thumbprint
    }

    fn standing(&self, peer: &Thumbprint) -> Option<SessionHandle> {
        self.endpoint.find(peer)
    }

    fn describe(&self, now: u64, session: SessionHandle) -> Option<(Sid, u32, u32)> {
        self.endpoint.session(session, now).ok().map(|info| (info.sid, info.epoch, info.unacknowledged))
    }

    fn exported(&mut self, session: SessionHandle) -> [u8; 16] {
        exported(self, session)
    }

    fn connect(&mut self, now: u64, route: Route, peer: Thumbprint) -> Result<HandshakeId> {
        self.endpoint.connect(&mut self.port, now, route, Some(peer))
    }

    fn send(&mut self, now: u64, session: SessionHandle, message: &Outgoing<'_>) -> Result<(Sent, Vec<u8>)> {
        self.send(now, session, message)
    }

    fn commit(&mut self, now: u64, session: SessionHandle, number: u64, origin: Option<Origin>) -> Result<()> {
        self.endpoint.commit(&mut self.port, now, session, number, origin)
    }

    fn abandon(&mut self, session: SessionHandle, number: u64) -> Result<()> {
        self.endpoint.abandon(session, number)
    }

    fn key_update(&mut self, now: u64, session: SessionHandle) -> Result<()> {
        self.endpoint.key_update(&mut self.port, now, session)
    }

    fn tick(&mut self, now: u64) {
        self.endpoint.handle_timeout(&mut self.port, now).unwrap();
    }

    fn due(&self) -> Option<u64> {
        self.endpoint.poll_timeout()
    }

    fn take_events(&mut self) -> Vec<Event<'static>> {
        self.take_events()
    }

    fn has_events(&self) -> bool {
        self.endpoint.tables.next_event().is_some()
    }

    fn input(&mut self, now: u64, frame: &[u8]) -> Result<()> {
        self.input(now, Route::default(), None, frame)
    }

    fn take_delivered(&mut self) -> Vec<Delivered> {
        std::mem::take(&mut self.delivered)
    }

    fn patient_frames(&mut self, now: u64) -> Vec<Vec<u8>> {
        self.patient_frames(now)
    }

    fn restart(&mut self, now: u64) -> usize {
        self.restart(now)
    }

    fn fingerprint(&mut self) -> u64 {
        self.fingerprint()
    }

    fn is_at_rest(&self, session: SessionHandle) -> bool {
        let live = self.endpoint.live(session).unwrap();
        live.resume.is_none() && live.context.updating() == Updating::Idle
    }
}
