//! The wire forms of the messages (RFC 9528 §5).

use super::ead::{self, Ead, EadItems};
use super::{ConnectionId, Method, Methods, schedule};
use crate::bytes::{Secret, Writer};
use crate::cbor::{self, Decoder, Kind};
use crate::credential::IdCred;
use crate::crypto::{HASH, Provider, Suite};
use crate::error::{Error, Result};

/// How many suites SUITES_I may list.
const MAX_SUITES: usize = 16;

/// message_1, parsed.
#[derive(Clone, Debug)]
pub struct Message1<'a> {
    /// METHOD, as it came.
    method: i64,
    /// The Initiator's connection identifier.
    pub c_i: ConnectionId,
    pub(super) g_x: &'a [u8],
    ead_1: EadItems<'a>,
    /// The selected suite; the suites that the Initiator likes better stand in `preferred`.
    selected: i64,
    preferred: Decoder<'a>,
    preferred_count: usize,
}

impl<'a> Message1<'a> {
    /// Errors: `Malformed`, `NotDeterministic`.
    pub fn parse(message_1: &'a [u8]) -> Result<Self> {
        let mut d = Decoder::new(message_1);
        let method = d.int()?;
        let mut preferred = Decoder::new(&[]);
        let mut preferred_count = 0;
        let selected = if d.kind()? == Kind::Array {
            let count = d.array()?;
            if !(2..=MAX_SUITES).contains(&count) {
                return Err(Error::Malformed);
            }
            preferred = d.clone();
            preferred_count = count.saturating_sub(1);
            for _ in 0..preferred_count {
                d.int()?;
            }
            d.int()?
        } else {
            d.int()?
        };
        let g_x = d.bytes()?;
        let c_i = ConnectionId::read(&mut d)?;
        Ok(Message1 { method, c_i, ead_1: EadItems::new(d.rest()), g_x, selected, preferred, preferred_count })
    }

    /// The suite to use, by the Responder's rules (RFC 9528 §5.2.3). Error: `UnsupportedSuite` if the selected one is not among
    /// `suites`, or one that the Initiator likes better is.
    fn suite(&self, suites: &[Suite]) -> Result<Suite> {
        let ours = |number: i64| suites.iter().copied().find(|suite| i64::from(suite.number()) == number);
        let mut preferred = self.preferred.clone();
        for _ in 0..self.preferred_count {
            if ours(preferred.int()?).is_some() {
                return Err(Error::UnsupportedSuite);
            }
        }
        ours(self.selected).ok_or(Error::UnsupportedSuite)
    }

    /// EAD_1.
    pub fn ead_1(&self) -> EadItems<'a> {
        self.ead_1.clone()
    }

    /// The method, if it is one of these. Error: `UnsupportedMethod`.
    pub fn method(&self, methods: Methods) -> Result<Method> {
        Method::from_number(self.method).filter(|method| methods.contain(*method)).ok_or(Error::UnsupportedMethod)
    }

    /// Whether a Responder with these methods and suites takes it further. Errors: `UnsupportedMethod`; `UnsupportedSuite`, to be answered
    /// with [`EdhocError::wrong_suite`](super::EdhocError::wrong_suite).
    pub fn check(&self, methods: Methods, suites: &[Suite]) -> Result<(Method, Suite)> {
        Ok((self.method(methods)?, self.suite(suites)?))
    }
}

/// Writes message_1. `preferred` are the suites before the selected one.
pub(super) fn write_message_1(
    w: &mut Writer<'_>,
    method: Method,
    preferred: &[u8],
    selected: Suite,
    g_x: &[u8; 32],
    c_i: ConnectionId,
    ead_1: &[Ead<'_>],
) -> Result<()> {
    cbor::write_uint(w, u64::from(method.number()))?;
    if !preferred.is_empty() {
        cbor::write_array(w, preferred.len().saturating_add(1))?;
        preferred.iter().try_for_each(|number| cbor::write_uint(w, u64::from(*number)))?;
    }
    cbor::write_uint(w, u64::from(selected.number()))?;
    cbor::write_bytes(w, g_x)?;
    c_i.write(w)?;
    ead::write_all(w, ead_1)
}

/// The one byte string that message_2, message_3 and message_4 are. Errors: `Malformed`, `NotDeterministic`.
pub(crate) fn byte_string(message: &[u8]) -> Result<&[u8]> {
    let mut d = Decoder::new(message);
    let content = d.bytes()?;
    d.finish()?;
    Ok(content)
}

/// PLAINTEXT_2 without C_R, or PLAINTEXT_3.
pub(super) struct Authentication<'a> {
    pub(super) id: IdCred<'a>,
    /// Signature_or_MAC_2 or Signature_or_MAC_3.
    pub(super) proof: &'a [u8],
    pub(super) ead: &'a [u8],
}

impl<'a> Authentication<'a> {
    pub(super) fn read(d: &mut Decoder<'a>) -> Result<Self> {
        let id = IdCred::parse_plaintext(d)?;
        let proof = d.bytes()?;
        Ok(Authentication { id, proof, ead: d.rest() })
    }
}

/// The length of ID_CRED_x, a signature or MAC of `proof_len` bytes, and EAD items as [`write_authentication`] writes them.
pub(super) fn authentication_len(id: &IdCred<'_>, proof_len: usize, ead: &[Ead<'_>]) -> usize {
    let proof = cbor::head_len(proof_len as u64).saturating_add(proof_len);
    ead.iter().fold(id.plaintext_len().saturating_add(proof), |sum, item| sum.saturating_add(item.len()))
}

/// Appends ID_CRED_x, Signature_or_MAC_x, and the EAD items. `prove` gets the encoded items, which it may complete, and fills in the
/// signature or MAC.
pub(super) fn write_authentication(
    w: &mut Writer<'_>,
    id: &IdCred<'_>,
    proof_len: usize,
    ead: &[Ead<'_>],
    prove: impl FnOnce(&mut [u8], &mut [u8]) -> Result<()>,
) -> Result<()> {
    id.write_plaintext(w)?;
    cbor::write_bytes_head(w, proof_len)?;
    let at = w.len();
    w.reserve(proof_len)?;
    ead::write_all(w, ead)?;
    let (_, written) = w.written_mut().split_at_mut_checked(at).ok_or(Error::Internal)?;
    let (place, items) = written.split_at_mut_checked(proof_len).ok_or(Error::Internal)?;
    prove(items, place)
}

/// CIPHERTEXT_2 XOR KEYSTREAM_2 in `out`, which is as long as `input`. Error: `Malformed` above 8160 bytes.
pub(crate) fn xor_keystream_2<P: Provider>(
    p: &mut P,
    prk_2e: &Secret<HASH>,
    th_2: &[u8; HASH],
    input: &[u8],
    out: &mut [u8],
) -> Result<()> {
    if input.len() != out.len() {
        return Err(Error::Internal);
    }
    schedule::kdf(p, prk_2e, schedule::KEYSTREAM_2, &[th_2], out)
        .map_err(|error| if error == Error::InvalidArgument { Error::Malformed } else { error })?;
    for (byte, input) in out.iter_mut().zip(input) {
        *byte ^= input;
    }
    Ok(())
}
