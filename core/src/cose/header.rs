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
    /// Reads a header map. Its keys may come in any order. Errors: `Malformed` (also for a crit parameter that lists something not known
    /// here, and for an alg that is not an integer), `NotDeterministic`.
    pub fn parse(map: &'a [u8]) -> Result<Self> {
        let mut whole = Decoder::unordered(map);
        whole.skip()?;
        whole.finish()?;
        let mut d = Decoder::unordered(map);
        let mut header = Header::default();
        for _ in 0..d.map()? {
            let label = if matches!(d.kind()?, Kind::Uint | Kind::Nint) { d.int().ok() } else { None };
            match label {
                Some(1) => header.algorithm = Some(d.int()?),
                Some(2) => check_critical(&mut d)?,
                Some(4) => header.kid = Some(d.bytes()?),
                Some(_) => {
                    header.others = true;
                    d.skip()?;
                }
                None => {
                    header.others = true;
                    d.skip()?;
                    d.skip()?;
                }
            }
        }
        Ok(header)
    }

    /// Reads the content of a protected header: nothing at all, or an encoded map.
    pub fn parse_protected(content: &'a [u8]) -> Result<Self> {
        if content.is_empty() { Ok(Header::default()) } else { Header::parse(content) }
    }
}

/// crit (2): an array of the labels that a reader must understand (RFC 9052 §3.1).
fn check_critical(d: &mut Decoder<'_>) -> Result<()> {
    let labels = d.array()?;
    if labels == 0 {
        return Err(Error::Malformed);
    }
    for _ in 0..labels {
        if !matches!(d.int()?, 1 | 4) {
            return Err(Error::Malformed);
        }
    }
    Ok(())
}
