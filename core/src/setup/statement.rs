//! What an owner signs: a COSE_Sign1 whose payload is not sent, since the device knows all of it (`docs/PROTOCOL.md` §10.4, §10.5).

use super::ownership::{NONCE, Ownership};
use crate::bytes::Writer;
use crate::cbor;
use crate::cose::{PublicKey, Thumbprint, signature1};
use crate::crypto::{KeyHandle, Provider, Signature};
use crate::error::{Error, Result};

/// Length of a signed statement in bytes.
pub const STATEMENT: usize = HEAD + 64;

/// Array, protected header, no other header, no payload, head of the signature.
const HEAD: usize = 9;
/// The longest payload: array, text, thumbprint, epoch, thumbprint, nonce.
const PAYLOAD: usize = 1 + 22 + 17 + 5 + 17 + 1 + NONCE;

/// What is stated about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// It is the next owner.
    Release,
    /// It may come in as long as this ownership lasts.
    Delegation,
}

impl Statement {
    const fn label(self) -> &'static str {
        match self {
            Statement::Release => "sealwire-release-1",
            Statement::Delegation => "sealwire-delegation-1",
        }
    }

    fn payload(self, device: &Thumbprint, (epoch, nonce): (u32, &[u8; NONCE]), about: &Thumbprint, w: &mut Writer<'_>) -> Result<()> {
        cbor::write_array(w, 5)?;
        cbor::write_text(w, self.label())?;
        cbor::write_bytes(w, &device.0)?;
        cbor::write_uint(w, u64::from(epoch))?;
        cbor::write_bytes(w, &about.0)?;
        cbor::write_bytes(w, nonce)
    }

    /// Has the owner of this device stated this about `about`? Errors: `WrongStatement`, `UnsupportedSuite`.
    pub(super) fn verify<P: Provider>(
        self,
        p: &mut P,
        ownership: &Ownership,
        device: &Thumbprint,
        about: &Thumbprint,
        statement: &[u8],
    ) -> Result<()> {
        let anchor = ownership.anchor().ok_or(Error::WrongStatement)?;
        let algorithm = anchor.curve.signature().ok_or(Error::WrongStatement)?;
        let (head, signature) = statement.split_at_checked(HEAD).ok_or(Error::WrongStatement)?;
        if head != head_of(algorithm) {
            return Err(Error::WrongStatement);
        }
        let mut payload = [0; PAYLOAD];
        let mut w = Writer::new(&mut payload);
        self.payload(device, (ownership.epoch(), ownership.nonce()), about, &mut w)?;
        let [_, _, protected @ .., _, _, _, _] = head_of(algorithm);
        signature1(&protected, &[], w.written(), |message| anchor.verify(p, message, signature)).map_err(|error| match error {
            Error::AuthenticationFailed | Error::InvalidKey => Error::WrongStatement,
            error => error,
        })
    }
}

/// The COSE_Sign1 up to its signature: `[<< {1: alg} >>, {}, nil, bstr .size 64`.
const fn head_of(algorithm: Signature) -> [u8; HEAD] {
    let number = match algorithm {
        Signature::EdDsa => 0x27,
        Signature::Es256 => 0x26,
    };
    [0x84, 0x43, 0xa1, 0x01, number, 0xa0, 0xf6, 0x58, 0x40]
}

/// Signs a statement as owner of `device` under this `epoch` and `nonce`, which `Event::Ownership` told. `key` is that of the anchor which
/// the device was given, `algorithm` what it signs with; `about` is the thumbprint of whom it concerns, as its own credential has it.
/// Writes [`STATEMENT`] bytes, nothing unless the provider has signed. Errors: `BufferTooSmall`, `UnknownKey`, `Pending`.
pub fn sign<P: Provider>(
    p: &mut P,
    (key, algorithm): (KeyHandle, Signature),
    statement: Statement,
    device: &Thumbprint,
    (epoch, nonce): (u32, &[u8; NONCE]),
    about: &Thumbprint,
    w: &mut Writer<'_>,
) -> Result<()> {
    let mut payload = [0; PAYLOAD];
    let mut content = Writer::new(&mut payload);
    statement.payload(device, (epoch, nonce), about, &mut content)?;
    let head = head_of(algorithm);
    let [_, _, protected @ .., _, _, _, _] = head;
    let mut signature = [0; 64];
    signature1(&protected, &[], content.written(), |message| p.sign(key, algorithm, message, &mut signature))?;
    let place = w.reserve(STATEMENT)?;
    let (first, second) = place.split_at_mut_checked(HEAD).ok_or(Error::Internal)?;
    crate::bytes::copy(first, &head);
    crate::bytes::copy(second, &signature);
    Ok(())
}

/// A key that may become an anchor: it signs. Error: `InvalidKey`.
pub(super) fn check_anchor(anchor: &PublicKey) -> Result<()> {
    if anchor.curve.signature().is_some() { Ok(()) } else { Err(Error::InvalidKey) }
}
