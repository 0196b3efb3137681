//! The header parameters that the protocol uses: alg, crit and kid.

use super::members;
use crate::cbor::Decoder;
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
    let (mut header, mut critical) = (Header::default(), None);
    members(map, &mut |label, d| {
        match label {
            Some(1) => header.algorithm = Some(d.int()?),
            Some(2) => critical = Some(parse_critical(d)?),
            Some(4) => header.kid = Some(d.bytes()?),
            _ => {
                header.others = true;
                d.skip()?;
            }
        }
        Ok(())
    })?;
    Ok((header, critical))
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
