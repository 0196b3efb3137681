//! Credentials in the one form that a device is provisioned with.

use crate::bytes::Reader;
use crate::credential::Thumbprint;
use crate::crypto::Provider;
use crate::error::{Error, Result};

/// Longest key identifier in bytes.
const MAX_KID: usize = 16;

/// A CCS of the form `{ ? 2: subject, 8: {1: {1: 1, 2: kid, -1: 4, -2: x}}}`, in this order: what `sealwire keygen` and
/// [`credential::write_ccs`](crate::credential) write for X25519.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    /// The credential, as it goes into the transcript.
    pub(super) credential: &'a [u8],
    /// The key identifier as a CBOR byte string.
    pub(super) kid: &'a [u8],
    /// The public key.
    pub(super) key: &'a [u8; 32],
}

impl<'a> Identity<'a> {
    /// Errors: `UnsupportedCredential` (another form), `Malformed` (it ends too early, or goes on).
    pub(super) fn parse(credential: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new(credential);
        let members = r.u8()?;
        if members == 0xa2 {
            expect(&mut r, &[2])?;
            string(&mut r, 0x60)?;
        } else if members != 0xa1 {
            return Err(Error::UnsupportedCredential);
        }
        // 8 cnf: 1 COSE_Key: 1 kty: 1 OKP, 2 kid.
        expect(&mut r, &[8, 0xa1, 1, 0xa4, 1, 1, 2])?;
        let before = r.rest();
        let length = string(&mut r, 0x40)?;
        let kid = before.get(..length).ok_or(Error::Internal)?;
        // -1 crv: 4 X25519, -2 x.
        expect(&mut r, &[0x20, 4, 0x21, 0x58, 0x20])?;
        let (key, []) = r.rest().split_first_chunk::<32>().ok_or(Error::Malformed)? else { return Err(Error::Malformed) };
        if !(2..=MAX_KID.saturating_add(1)).contains(&kid.len()) {
            return Err(Error::UnsupportedCredential);
        }
        Ok(Identity { credential, kid, key })
    }

    /// The kid as it stands in PLAINTEXT_2 and PLAINTEXT_3 (RFC 9528 §3.5.3.2): one that is a one-byte integer goes without its head.
    pub(super) const fn compact(&self) -> &'a [u8] {
        match self.kid {
            [0x41, short @ ..] if matches!(short, [0x00..=0x17 | 0x20..=0x37]) => short,
            whole => whole,
        }
    }

    /// RFC 9679: of the deterministic map of the required members.
    pub(super) fn thumbprint<P: Provider>(&self, p: &mut P) -> Thumbprint {
        let full = p.hash(&[&[0xa3, 1, 1, 0x20, 4, 0x21, 0x58, 0x20], self.key]);
        let mut thumbprint = [0; 16];
        crate::bytes::copy(&mut thumbprint, &full);
        Thumbprint(thumbprint)
    }
}

/// Takes exactly these bytes.
fn expect(r: &mut Reader<'_>, bytes: &[u8]) -> Result<()> {
    if r.take(bytes.len())? == bytes { Ok(()) } else { Err(Error::UnsupportedCredential) }
}

/// Passes over a string of up to 255 bytes of this major type; gives its length with its head.
fn string(r: &mut Reader<'_>, major: u8) -> Result<usize> {
    let (length, head) = match r.u8()? ^ major {
        length @ 0..=23 => (length, 1),
        24 => (r.u8().and_then(|length| if length < 24 { Err(Error::NotDeterministic) } else { Ok(length) })?, 2),
        _ => return Err(Error::UnsupportedCredential),
    };
    r.take(usize::from(length))?;
    Ok(usize::from(length).saturating_add(head))
}
