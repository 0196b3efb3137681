//! The header parameters that the protocol uses: alg, crit and kid.

use crate::cbor::{Decoder, Kind};
use crate::error::{Error, Result};

/// What a protected or unprotected header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// alg (1): the COSE number of the algorithm.
    pub algorithm: Option<i64>,
    /// kid (4).
    pub kid: Option<&'a [u8]>,
    /// There are parameters besides alg, crit and kid; they were passed over.
    pub others: bool,
}

impl<'a> Header<'a> {
    /// Reads an unprotected header. Its keys may come in any order. Errors: `Malformed` (also for a label that is neither number nor text, an
    /// alg that is not an integer, and for crit, which only counts where it is protected), `NotDeterministic`.
    pub fn parse_unprotected(map: &'a [u8]) -> Result<Self> {
        let (header, critical) = parse(map)?;
        if critical.is_some() { Err(Error::Malformed) } else { Ok(header) }
    }

    /// Reads the content of a protected header: nothing at all, or an encoded map. Errors as for an unprotected one; a crit parameter must
    /// list labels that are known here and that are in this header (RFC 9052 §3.1), else `Malformed`.
    pub fn parse_protected(content: &'a [u8]) -> Result<Self> {
        if content.is_empty() {
            return Ok(Header::default());
        }
        let (header, critical) = parse(content)?;
        let Some(Critical { algorithm, kid }) = critical else { return Ok(header) };
        let there = (!algorithm || header.algorithm.is_some()) && (!kid || header.kid.is_some());
        if there { Ok(header) } else { Err(Error::Malformed) }
    }
}

/// What a crit parameter lists.
#[derive(Default)]
struct Critical {
    algorithm: bool,
    kid: bool,
}

fn parse(map: &[u8]) -> Result<(Header<'_>, Option<Critical>)> {
    let mut whole = Decoder::unordered(map);
    whole.skip()?;
    whole.finish()?;
    let mut d = Decoder::unordered(map);
    let (mut header, mut critical) = (Header::default(), None);
    for _ in 0..d.map()? {
        match label(&mut d)? {
            Some(1) => header.algorithm = Some(d.int()?),
            Some(2) => critical = Some(parse_critical(&mut d)?),
            Some(4) => header.kid = Some(d.bytes()?),
            _ => {
                header.others = true;
                d.skip()?;
            }
        }
    }
    Ok((header, critical))
}

/// Takes the label of a parameter: an integer; nothing for a text or a number that no `i64` holds, which no label known here is.
/// Error: `Malformed` for anything else (RFC 9052 §1.5).
pub(crate) fn label(d: &mut Decoder<'_>) -> Result<Option<i64>> {
    match d.kind()? {
        Kind::Uint | Kind::Nint => match d.int() {
            Ok(number) => Ok(Some(number)),
            Err(_) => d.skip().map(|()| None),
        },
        Kind::Text => d.skip().map(|()| None),
        _ => Err(Error::Malformed),
    }
}

/// crit (2): an array of the labels that a reader must understand (RFC 9052 §3.1).
fn parse_critical(d: &mut Decoder<'_>) -> Result<Critical> {
    let labels = d.array()?;
    if labels == 0 {
        return Err(Error::Malformed);
    }
    let mut critical = Critical::default();
    for _ in 0..labels {
        match d.int()? {
            1 => critical.algorithm = true,
            4 => critical.kid = true,
            _ => return Err(Error::Malformed),
        }
    }
    Ok(critical)
}
