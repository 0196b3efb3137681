//! Which version is this? Asked by C before anything else.

use core::ffi::c_char;

/// Version of this header. `SEALWIRE_CONFIG_INIT` writes it into the configuration, and sealwire_endpoint_init() refuses
/// another library's. It is also the number in the shared library's SONAME.
pub const SEALWIRE_ABI_VERSION: u32 = 3;

/// Version of the handshake frames and records that this header's library speaks (docs/PROTOCOL.md).
pub const SEALWIRE_WIRE_VERSION: u32 = 1;

static VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The library's version, such as "0.1.0". Static text, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// The ABI version of the library that is linked; compare with `SEALWIRE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_abi_version() -> u32 {
    SEALWIRE_ABI_VERSION
}

/// The version of the wire format that the library speaks; compare with `SEALWIRE_WIRE_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn sealwire_wire_version() -> u32 {
    SEALWIRE_WIRE_VERSION
}

#[cfg(test)]
mod tests {
    #[test]
    fn soname_carries_the_abi_version() {
        assert_eq!(env!("SEALWIRE_SONAME_ABI"), super::SEALWIRE_ABI_VERSION.to_string());
    }
}
