//! Maps with labels: headers, keys, claims.

use crate::cbor::{Decoder, Kind};
use crate::error::{Error, Result};

/// Steps through an encoded map of header parameters, key members or claims, in any order, after checking the whole of it. `take` gets each
/// label and takes the value. Errors: `Malformed`, `NotDeterministic`, what `take` gives.
pub(crate) fn members<'a>(map: &'a [u8], take: &mut dyn FnMut(Option<i64>, &mut Decoder<'a>) -> Result<()>) -> Result<()> {
    let mut d = Decoder::unordered(map);
    d.clone().single()?;
    for _ in 0..d.map()? {
        let label = label(&mut d)?;
        take(label, &mut d)?;
    }
    Ok(())
}

/// Takes the label of a parameter: an integer; nothing for a text or a number that no `i64` holds, which no label known here is.
/// Error: `Malformed` for anything else (RFC 9052 §1.5).
fn label(d: &mut Decoder<'_>) -> Result<Option<i64>> {
    match d.kind()? {
        Kind::Uint | Kind::Nint => match d.int() {
            Ok(number) => Ok(Some(number)),
            Err(_) => d.skip().map(|()| None),
        },
        Kind::Text => d.skip().map(|()| None),
        _ => Err(Error::Malformed),
    }
}
