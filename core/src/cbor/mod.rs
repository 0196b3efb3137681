//! Deterministic CBOR (RFC 8949 §4.2.1), as much of it as the protocol needs.
//!
//! The encoder writes nothing else; the decoder accepts nothing else: heads in shortest form, definite lengths, UTF-8
//! text, map keys in ascending order. Credentials made by others need not be sorted: [`Decoder::unordered`] reads those, and still
//! refuses duplicate keys. Floating-point numbers and simple values other than `false`, `true` and `null` do not occur in
//! the protocol and are refused.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(crate) use decode::Items;
pub use decode::{Decoder, Kind, MAX_DEPTH, MAX_UNORDERED};
pub use encode::{
    head_len, write_array, write_bool, write_bytes, write_bytes_head, write_int, write_map, write_null, write_text, write_uint,
};
pub(crate) use encode::{push_array, push_bool, push_bytes, push_bytes_head, push_int, push_map, push_null, push_text, push_uint};
