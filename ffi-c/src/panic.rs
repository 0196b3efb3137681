//! What a panic does where there is no standard library. The core is written without panics; this is what the language asks for.
//! `rust_begin_unwind` stays inside: scripts/c-lib.sh makes every symbol local but the `sealwire_` ones, so that two Rust
//! libraries fit into one firmware.

#[cfg(feature = "panic-hook")]
unsafe extern "C" {
    /// To be written by the application, in builds with the feature `panic-hook` only: records `file` (not NUL-terminated,
    /// `length` bytes) and `line`, and resets the device. It must not return.
    fn sealwire_panic_hook(file: *const u8, length: usize, line: u32) -> !;
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "panic-hook")]
    {
        let (file, line) = _info.location().map_or(("", 0), |location| (location.file(), location.line()));
        // SAFETY: the application's function; pointer and length belong to a static text.
        unsafe { sealwire_panic_hook(file.as_ptr(), file.len(), line) }
    }
    #[cfg(not(feature = "panic-hook"))]
    loop {
        core::hint::spin_loop();
    }
}
