//! COSE_Key: public keys, and thumbprints as identities (RFC 9679).

use super::members;
use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::crypto::{Curve, Provider, Signature};
use crate::error::{Error, Result};

/// An identity: the first 16 bytes of the RFC 9679 SHA-256 thumbprint of a COSE_Key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(pub [u8; 16]);

impl Thumbprint {
    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The curve of a public key, COSE numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyCurve {
    /// P-256, for ECDH or ES256.
    P256 = 1,
    /// X25519, for Diffie-Hellman.
    X25519 = 4,
    /// Ed25519, for EdDSA.
    Ed25519 = 6,
}

impl KeyCurve {
    /// The COSE number of the curve.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The COSE number of the key type: 1 OKP, 2 EC2.
    pub const fn key_type(self) -> i64 {
        match self {
            KeyCurve::P256 => 2,
            KeyCurve::X25519 | KeyCurve::Ed25519 => 1,
        }
    }

    /// The curve for Diffie-Hellman, unless this one only signs.
    pub const fn agreement(self) -> Option<Curve> {
        match self {
            KeyCurve::P256 => Some(Curve::P256),
            KeyCurve::X25519 => Some(Curve::X25519),
            KeyCurve::Ed25519 => None,
        }
    }

    /// The signature algorithm, unless keys on this curve do not sign.
    pub const fn signature(self) -> Option<Signature> {
        match self {
            KeyCurve::P256 => Some(Signature::Es256),
            KeyCurve::X25519 => None,
            KeyCurve::Ed25519 => Some(Signature::EdDsa),
        }
    }
}

impl From<Curve> for KeyCurve {
    fn from(curve: Curve) -> Self {
        match curve {
            Curve::P256 => KeyCurve::P256,
            Curve::X25519 => KeyCurve::X25519,
        }
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey {
    /// Its curve.
    pub curve: KeyCurve,
    /// The key; on P-256 its x coordinate, big-endian.
    pub x: [u8; 32],
    /// The y coordinate on P-256, nothing on the other curves.
    pub y: Option<[u8; 32]>,
}

impl PublicKey {
    /// A key from its coordinates, checked: canonical on X25519, a point on P-256. Whether an Ed25519 key is a point shows when it verifies.
    ///
    /// Errors: `InvalidKey`, `UnsupportedSuite` (P-256 is not in this build).
    pub fn new(curve: KeyCurve, x: [u8; 32], y: Option<[u8; 32]>) -> Result<Self> {
        let key = PublicKey { curve, x, y };
        match (curve, key.y_if_any()?) {
            (KeyCurve::P256, Some(y)) => p256_y(&x, Y::Whole(*y)).map(|_| key),
            // A number above the field's order means the same key as a smaller one, under another thumbprint.
            (KeyCurve::X25519, _) if !crate::crypto::x25519_canonical(&x) => Err(Error::InvalidKey),
            _ => Ok(key),
        }
    }

    /// Reads a COSE_Key; gives the key and its kid. Errors as [`CoseKey::parse`].
    pub fn parse(bytes: &[u8]) -> Result<(PublicKey, Option<&[u8]>)> {
        CoseKey::parse(bytes).map(|parsed| (parsed.key, parsed.kid))
    }

    /// Writes the COSE_Key with the required members, and kid if there is one, in deterministic order. Errors: `BufferTooSmall`,
    /// `InvalidKey` (y is missing on P-256 or present elsewhere).
    pub fn write(&self, w: &mut Writer<'_>, kid: Option<&[u8]>) -> Result<()> {
        let y = self.y_if_any()?;
        let members = 3usize.saturating_add(usize::from(y.is_some())).saturating_add(usize::from(kid.is_some()));
        cbor::push_map(w, members);
        cbor::push_uint(w, 1);
        cbor::push_int(w, self.curve.key_type());
        if let Some(kid) = kid {
            cbor::push_uint(w, 2);
            cbor::push_bytes(w, kid);
        }
        cbor::push_int(w, -1);
        cbor::push_int(w, self.curve.number());
        cbor::push_int(w, -2);
        cbor::push_bytes(w, &self.x);
        if let Some(y) = y {
            cbor::push_int(w, -3);
            cbor::push_bytes(w, y);
        }
        w.check()
    }

    /// Length in bytes of what [`write`](PublicKey::write) writes, at most 75 without kid.
    pub const fn encoded_len(&self, kid: Option<&[u8]>) -> usize {
        let key = match self.curve {
            KeyCurve::P256 => 75,
            KeyCurve::X25519 | KeyCurve::Ed25519 => 40,
        };
        let kid = match kid {
            Some(kid) => kid.len().saturating_add(cbor::head_len(kid.len() as u64)).saturating_add(1),
            None => 0,
        };
        kid.saturating_add(key)
    }

    /// The RFC 9679 thumbprint, all 32 bytes: SHA-256 over the deterministic map of the required members.
    /// Error: `InvalidKey` as [`write`](PublicKey::write).
    pub fn full_thumbprint(&self, p: &mut impl Provider) -> Result<[u8; 32]> {
        let mut encoding = [0; 75];
        let mut w = Writer::new(&mut encoding);
        self.write(&mut w, None)?;
        Ok(p.hash(&[w.written()]))
    }

    /// The identity: the first 16 bytes of the thumbprint. Error: `InvalidKey` as [`write`](PublicKey::write).
    pub fn thumbprint(&self, p: &mut impl Provider) -> Result<Thumbprint> {
        let full = self.full_thumbprint(p)?;
        let (first, _) = full.split_first_chunk::<16>().ok_or(Error::Internal)?;
        Ok(Thumbprint(*first))
    }

    /// Verifies a signature over the concatenation of `message`. Errors: `InvalidKey` (not a signature key, not a point),
    /// `AuthenticationFailed`, `UnsupportedSuite`.
    #[cfg(feature = "issuers")]
    pub fn verify(&self, p: &mut impl Provider, message: &[&[u8]], signature: &[u8]) -> Result<()> {
        let algorithm = self.curve.signature().ok_or(Error::InvalidKey)?;
        match self.y_if_any()? {
            None => p.verify(algorithm, &self.x, message, signature),
            Some(y) => {
                let mut both = [0; 64];
                let mut w = Writer::new(&mut both);
                w.put(&self.x)?;
                w.put(y)?;
                p.verify(algorithm, &both, message, signature)
            }
        }
    }

    fn y_if_any(&self) -> Result<Option<&[u8; 32]>> {
        match (self.curve, &self.y) {
            // Without P-256 none is ever read, and the compiler may know that.
            (KeyCurve::P256, Some(y)) if cfg!(feature = "_p256") => Ok(Some(y)),
            (KeyCurve::X25519 | KeyCurve::Ed25519, None) => Ok(None),
            _ => Err(Error::InvalidKey),
        }
    }
}

/// A COSE_Key as parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoseKey<'a> {
    /// The key.
    pub key: PublicKey,
    /// kid (2).
    pub kid: Option<&'a [u8]>,
    /// alg (3): the only algorithm that the key may be used with.
    pub algorithm: Option<i64>,
}

impl<'a> CoseKey<'a> {
    /// Reads a COSE_Key with a public key on one of our curves; members may come in any order. A compressed y (true or false) is worked
    /// out.
    ///
    /// Errors: `Malformed` (also for a COSE_Key that holds a private key: it must not be shown around), `NotDeterministic`,
    /// `InvalidKey` (other key type or curve, wrong length, not a point of P-256, not canonical on X25519), `UnsupportedSuite` (P-256 is not
    /// in this build).
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (mut key_type, mut curve, mut x, mut y) = (None, None, None, None);
        let (mut kid, mut algorithm) = (None, None);
        members(bytes, &mut |label, d| {
            match label {
                Some(1) => key_type = Some(number_or_other(d)?),
                Some(2) => kid = Some(d.bytes()?),
                Some(3) => algorithm = Some(number_or_other(d)?),
                Some(-1) => curve = Some(number_or_other(d)?),
                Some(-2) => x = Some(coordinate(d.bytes()?)?),
                Some(-3) => y = Some(if d.kind()? == Kind::Bytes { Y::Whole(coordinate(d.bytes()?)?) } else { Y::Odd(d.bool()?) }),
                Some(-4) => return Err(Error::Malformed),
                _ => d.skip()?,
            }
            Ok(())
        })?;
        let x = x.ok_or(Error::Malformed)?;
        let key = match (key_type.ok_or(Error::Malformed)?, curve.ok_or(Error::Malformed)?, y) {
            (1, 4, None) => PublicKey::new(KeyCurve::X25519, x, None)?,
            (1, 6, None) => PublicKey::new(KeyCurve::Ed25519, x, None)?,
            (2, 1, Some(y)) => PublicKey { curve: KeyCurve::P256, x, y: Some(p256_y(&x, y)?) },
            (2, 1, None) => return Err(Error::Malformed),
            _ => return Err(Error::InvalidKey),
        };
        Ok(CoseKey { key, kid, algorithm })
    }
}

/// y as a COSE_Key gives it.
enum Y {
    Whole([u8; 32]),
    Odd(bool),
}

/// A number, or 0, which COSE reserves everywhere, for a value of another type or out of range.
fn number_or_other(d: &mut Decoder<'_>) -> Result<i64> {
    if matches!(d.kind()?, Kind::Uint | Kind::Nint)
        && let Ok(number) = d.int()
    {
        return Ok(number);
    }
    d.skip().map(|()| 0)
}

fn coordinate(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::InvalidKey)
}

/// The y coordinate, with the point checked to lie on the curve: a wrong y would give one key several thumbprints.
fn p256_y(x: &[u8; 32], y: Y) -> Result<[u8; 32]> {
    match y {
        Y::Odd(odd) => crate::crypto::p256_y(x, odd),
        Y::Whole(y) => crate::crypto::p256_check(x, &y).map(|()| y),
    }
}
