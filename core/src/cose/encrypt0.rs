//! COSE_Encrypt0: the additional authenticated data (RFC 9052 §5.3).

use crate::bytes::Writer;
use crate::cbor;
use crate::error::Result;

const CONTEXT: &str = "Encrypt0";

/// Length in bytes of the Enc_structure for a protected header and external_aad of these lengths.
pub const fn enc_structure_len(protected: usize, external_aad: usize) -> usize {
    // The array's head, the context with its head, and two byte strings.
    let fixed = 1usize.saturating_add(1).saturating_add(CONTEXT.len());
    let protected = cbor::head_len(protected as u64).saturating_add(protected);
    let external = cbor::head_len(external_aad as u64).saturating_add(external_aad);
    fixed.saturating_add(protected).saturating_add(external)
}

/// Writes the Enc_structure `["Encrypt0", protected, external_aad]`: what the AEAD takes as additional data. `protected` is the
/// content of the protected byte string: the encoded map, or nothing. Error: `BufferTooSmall`.
pub fn write_enc_structure(w: &mut Writer<'_>, protected: &[u8], external_aad: &[u8]) -> Result<()> {
    cbor::push_array(w, 3);
    cbor::push_text(w, CONTEXT);
    cbor::push_bytes(w, protected);
    cbor::write_bytes(w, external_aad)
}
