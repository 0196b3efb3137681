//! Tests of the record layer, and what they share.

mod durability;
mod numbers;
// There are vectors for suites 4 and 2.
#[cfg(any(feature = "suite-x25519-chacha", feature = "suite-p256-ccm"))]
mod peer_vectors;
mod rfc8613;
mod simulation;
mod window;
mod wire;

use super::*;
use crate::bytes::Secret;
use crate::credential::Thumbprint;
use crate::crypto::{Provider, Suite};
use crate::edhoc::{ConnectionId, Role};
use crate::error::{Error, Result};
use std::vec::Vec;

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A small generator of pseudo-random numbers (SplitMix64), so that a failure can be repeated from its seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True in `percent` of the cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The default algorithms with pseudo-random numbers and no keys.
pub(crate) struct TestProvider(pub(crate) Dice);

impl Provider for TestProvider {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        out.fill_with(|| self.0.next() as u8);
        Ok(())
    }

    fn agree(&mut self, _: crate::crypto::KeyHandle, _: crate::crypto::Curve, _: &[u8; 32], _: &mut Secret<32>) -> Result<()> {
        Err(Error::UnknownKey)
    }

    fn sign(&mut self, _: crate::crypto::KeyHandle, _: crate::crypto::Signature, _: &[&[u8]], _: &mut [u8; 64]) -> Result<()> {
        Err(Error::UnknownKey)
    }
}

pub(crate) fn provider() -> TestProvider {
    TestProvider(Dice(1))
}

pub(crate) fn nonce(p: &mut TestProvider) -> Nonce {
    p.0.next().to_be_bytes()
}

pub(crate) const SUITE: Suite = Suite::ALL[0];

pub(crate) fn parties(suite: Suite, role: Role) -> Parties {
    let (i, r) = (Thumbprint([0x11; 16]), Thumbprint([0x22; 16]));
    let (own, peer) = if role == Role::Initiator { (i, r) } else { (r, i) };
    let (c_i, c_r) = (ConnectionId::new(&[0x0a]).unwrap(), ConnectionId::new(&[0x21, 0x22]).unwrap());
    Parties { suite, role, c_i, c_r, own, peer, sid: *b"session1" }
}

/// Both ends of a session, I first.
pub(crate) fn pair(suite: Suite) -> (SecurityContext, SecurityContext) {
    let prk_out = Secret::from([0x42; 32]);
    let end = |role| SecurityContext::new(&mut provider(), parties(suite, role), &prk_out).unwrap();
    (end(Role::Initiator), end(Role::Responder))
}

/// Both ends, without storing.
pub(crate) fn volatile_pair(suite: Suite) -> (SecurityContext, SecurityContext) {
    let (mut i, mut r) = pair(suite);
    i.make_volatile();
    r.make_volatile();
    (i, r)
}

/// Protects a message into a new frame.
pub(crate) fn protect(from: &mut SecurityContext, message: &Outgoing<'_>, topic: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut frame = std::vec![0; message.payload.len() + 700];
    let length = from.protect(&mut provider(), message, topic, &mut frame)?;
    frame.truncate(length);
    Ok(frame)
}

pub(crate) fn data(payload: &[u8]) -> Outgoing<'_> {
    Outgoing { number: None, options: Options::default(), payload }
}

pub(crate) fn control<'a>(options: Options<'a>) -> Outgoing<'a> {
    Outgoing { number: None, options: Options { kind: Kind::Control, ..options }, payload: &[] }
}

/// Takes a frame through all steps; gives number, payload and what accepting it said.
pub(crate) fn receive(to: &mut SecurityContext, frame: &[u8], topic: Option<&[u8]>) -> Result<(Accepted, Option<u64>, Vec<u8>)> {
    let mut frame = frame.to_vec();
    let header = Header::parse(&frame, to.parties().recipient_id().as_bytes().len())?;
    let opened = to.unprotect(&mut provider(), &header, topic, &mut frame)?;
    let accepted = to.accept(opened.at)?;
    let content = opened.content()?;
    Ok((accepted, content.number, content.payload.to_vec()))
}
