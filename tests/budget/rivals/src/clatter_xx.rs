//! clatter 2.3: Noise_XX_25519_ChaChaPoly_SHA256. Its three messages are the handshake; each end learns the other's static key there.

use crate::Repeatable;
use clatter::NqHandshakeCore;
use clatter::crypto::{cipher::ChaChaPoly, dh::X25519, hash::Sha256};
use clatter::handshakepattern::noise_xx;
use clatter::traits::{Dh, Handshaker};
use clatter::transportstate::TransportState;

type Handshake = NqHandshakeCore<X25519, ChaChaPoly, Sha256, Repeatable>;
type Transport = TransportState<ChaChaPoly, Sha256>;

fn begin(initiator: bool) -> Handshake {
    let mut random = Repeatable::default();
    let key = X25519::genkey_rng(&mut random).unwrap();
    Handshake::new(noise_xx(), &[], initiator, Some(key), None, None, None).unwrap()
}

/// The device.
pub enum Initiator {
    Handshake(Handshake),
    Transport(Transport),
}

impl Initiator {
    pub fn first(out: &mut [u8]) -> (Self, usize) {
        let mut handshake = begin(true);
        let length = handshake.write_message(&[], out).unwrap();
        (Self::Handshake(handshake), length)
    }

    pub fn next(self, input: &[u8], out: &mut [u8]) -> (Self, usize) {
        let Self::Handshake(mut handshake) = self else { return (self, 0) };
        handshake.read_message(input, out).unwrap();
        let length = handshake.write_message(&[], out).unwrap();
        (Self::Transport(handshake.finalize().unwrap()), length)
    }

    pub fn seal(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Transport(transport) = self else { return 0 };
        transport.send(input, out).unwrap()
    }

    pub fn open(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Transport(transport) = self else { return 0 };
        transport.receive(input, out).unwrap()
    }
}

/// The other end.
pub enum Responder {
    Handshake(Handshake),
    Transport(Transport),
}

impl Responder {
    pub fn answer(input: &[u8], out: &mut [u8]) -> (Self, usize) {
        let mut handshake = begin(false);
        handshake.read_message(input, out).unwrap();
        let length = handshake.write_message(&[], out).unwrap();
        (Self::Handshake(handshake), length)
    }

    pub fn finish(self, input: &[u8], out: &mut [u8]) -> Self {
        let Self::Handshake(mut handshake) = self else { return self };
        handshake.read_message(input, out).unwrap();
        Self::Transport(handshake.finalize().unwrap())
    }

    /// Sends a record back.
    pub fn echo(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let Self::Transport(transport) = self else { return 0 };
        let mut plain = [0; 2048];
        let length = transport.receive(input, &mut plain).unwrap();
        transport.send(&plain[..length], out).unwrap()
    }
}
