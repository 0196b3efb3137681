//! External authorization data (RFC 9528 §3.8).

use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::error::{Error, Result};

/// Label of the inbox item (`docs/PROTOCOL.md` §4.1); critical as `-INBOX`.
pub const INBOX: i64 = 32768;

/// How many items one message may carry; padding does not count.
pub const MAX_EAD_ITEMS: usize = 8;

const PADDING: i64 = 0;

/// One EAD item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ead<'a> {
    /// The label as on the wire: negative for a critical item.
    pub label: i64,
    /// The value, if there is one.
    pub value: Option<&'a [u8]>,
}

impl Ead<'_> {
    /// True if a recipient that does not know the item must abort.
    pub const fn is_critical(&self) -> bool {
        self.label < 0
    }

    /// Length in bytes, encoded.
    pub(crate) fn len(&self) -> usize {
        let label = cbor::head_len(if self.label < 0 { !self.label } else { self.label }.unsigned_abs());
        let value = self.value.map_or(0, |value| cbor::head_len(value.len() as u64).saturating_add(value.len()));
        label.saturating_add(value)
    }

    /// Appends the item. Error: `BufferTooSmall`.
    pub(crate) fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        cbor::write_int(w, self.label)?;
        self.value.map_or(Ok(()), |value| cbor::write_bytes(w, value))
    }
}

/// Appends all items. Error: `BufferTooSmall`.
pub(crate) fn write_all(w: &mut Writer<'_>, items: &[Ead<'_>]) -> Result<()> {
    items.iter().try_for_each(|item| item.write(w))
}

/// What a recipient does with an item: `Ok(true)` if it knows it, `Ok(false)` if not, an error to abort. It runs before the message has
/// been verified, so it must only take note; the notes count once the step has succeeded.
pub type OnEad<'f> = dyn FnMut(&Ead<'_>) -> Result<bool> + 'f;

/// Knows no item.
pub fn ignore_ead(_: &Ead<'_>) -> Result<bool> {
    Ok(false)
}

/// Steps through the items at the end of a message. A step that fails ends the iteration.
#[derive(Clone, Debug)]
pub struct EadItems<'a> {
    decoder: Decoder<'a>,
}

impl<'a> EadItems<'a> {
    /// Items from their encoding.
    pub const fn new(bytes: &'a [u8]) -> Self {
        EadItems { decoder: Decoder::new(bytes) }
    }

    fn read(&mut self) -> Result<Ead<'a>> {
        let label = self.decoder.int()?;
        let has_value = !self.decoder.is_empty() && self.decoder.kind()? == Kind::Bytes;
        let value = if has_value { Some(self.decoder.bytes()?) } else { None };
        Ok(Ead { label, value })
    }

    /// Shows every item but padding to `on_ead`. Errors: `Malformed`, `NotDeterministic`, `UnknownCriticalEad`, what `on_ead` gives.
    pub(crate) fn visit(self, on_ead: &mut OnEad<'_>) -> Result<()> {
        let mut left = MAX_EAD_ITEMS;
        for item in self {
            let item = item?;
            if item.label == PADDING {
                continue;
            }
            left = left.checked_sub(1).ok_or(Error::Malformed)?;
            if !on_ead(&item)? && item.is_critical() {
                return Err(Error::UnknownCriticalEad);
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for EadItems<'a> {
    type Item = Result<Ead<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.decoder.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.decoder = Decoder::new(&[]);
        }
        Some(item)
    }
}
