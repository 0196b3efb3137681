//! The setup code: what a device's label says.

use crate::bytes::{Secret, Writer, copy};
use crate::cose::Thumbprint;
use crate::error::{Error, Result};

/// Length of the setup secret in bytes.
pub const SECRET: usize = 16;
/// Longest model in characters.
pub const MAX_MODEL: usize = 24;
/// Longest setup code in characters.
pub const MAX_SETUP_CODE: usize = PREFIX.len() + BASE32 + 1 + MAX_MODEL;

const PREFIX: &[u8] = b"SW1:";
/// Thumbprint and secret, and how many characters they take.
const BYTES: usize = 16 + SECRET;
const BASE32: usize = (BYTES * 8).div_ceil(5);

/// A setup code, read or to be printed.
#[derive(Clone)]
pub struct SetupCode {
    /// The device's identity.
    pub device: Thumbprint,
    /// The setup secret.
    pub secret: Secret<SECRET>,
    model: [u8; MAX_MODEL],
    length: u8,
}

impl SetupCode {
    /// A code to be printed. Error: `InvalidArgument` for a model other than 0 to 24 characters of `[A-Z0-9./-]`.
    pub fn new(device: Thumbprint, secret: Secret<SECRET>, model: &str) -> Result<Self> {
        let sound = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'/' | b'-');
        if !model.as_bytes().iter().all(sound) {
            return Err(Error::InvalidArgument);
        }
        let mut kept = [0; MAX_MODEL];
        copy(kept.get_mut(..model.len()).ok_or(Error::InvalidArgument)?, model.as_bytes());
        Ok(SetupCode { device, secret, model: kept, length: model.len() as u8 })
    }

    /// The model; may be empty.
    pub fn model(&self) -> &str {
        core::str::from_utf8(self.model.get(..usize::from(self.length)).unwrap_or_default()).unwrap_or_default()
    }

    /// Reads a code in its one spelling. Error: `Malformed`.
    pub fn parse(code: &str) -> Result<Self> {
        let rest = code.as_bytes().strip_prefix(PREFIX).ok_or(Error::Malformed)?;
        let (text, rest) = rest.split_at_checked(BASE32).ok_or(Error::Malformed)?;
        let (colon, model) = rest.split_first().ok_or(Error::Malformed)?;
        if *colon != b':' {
            return Err(Error::Malformed);
        }
        let mut bytes = Secret::<BYTES>::zero();
        decode(text, bytes.expose_mut())?;
        let (device, secret) = bytes.expose().split_first_chunk::<16>().ok_or(Error::Internal)?;
        let model = core::str::from_utf8(model).map_err(|_| Error::Malformed)?;
        SetupCode::new(Thumbprint(*device), Secret::from_slice(secret)?, model).map_err(|_| Error::Malformed)
    }

    /// Writes the code. It holds the secret: erase the buffer after use. Error: `BufferTooSmall`.
    pub fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        let mut bytes = Secret::<BYTES>::zero();
        let (device, secret) = bytes.expose_mut().split_at_mut_checked(16).ok_or(Error::Internal)?;
        copy(device, &self.device.0);
        copy(secret, self.secret.expose());
        w.put(PREFIX)?;
        encode(bytes.expose(), w.reserve(BASE32)?);
        w.u8(b':')?;
        w.put(self.model().as_bytes())
    }
}

/// Base32 of RFC 4648 without padding: five bits a character, first bits first.
fn encode(bytes: &[u8; BYTES], out: &mut [u8]) {
    let (mut bits, mut held) = (0_u16, 0_u8);
    let mut input = bytes.iter();
    for place in out {
        if held < 5 {
            bits = bits << 8 | u16::from(input.next().copied().unwrap_or_default());
            held = held.saturating_add(8);
        }
        held = held.saturating_sub(5);
        let digit = (bits >> held) as u8 & 31;
        *place = if digit < 26 { b'A'.saturating_add(digit) } else { b'2'.saturating_add(digit.saturating_sub(26)) };
    }
}

/// Error: `Malformed` for another character, and for bits left over that are not zero.
fn decode(text: &[u8], out: &mut [u8; BYTES]) -> Result<()> {
    let (mut bits, mut held) = (0_u16, 0_u8);
    let mut places = out.iter_mut();
    for character in text {
        let digit = match character {
            b'A'..=b'Z' => character.saturating_sub(b'A'),
            b'2'..=b'7' => character.saturating_sub(b'2').saturating_add(26),
            _ => return Err(Error::Malformed),
        };
        bits = bits << 5 | u16::from(digit);
        held = held.saturating_add(5);
        if held >= 8 {
            held = held.saturating_sub(8);
            *places.next().ok_or(Error::Internal)? = (bits >> held) as u8;
        }
    }
    let left = bits & (1_u16 << held).wrapping_sub(1);
    if left == 0 { Ok(()) } else { Err(Error::Malformed) }
}
