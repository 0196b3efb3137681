//! Another vendor's library in Rust, with a panic handler of its own: linked beside libsealwire.a into one image.
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Panics like code that nobody has made free of panics, divides in 64 bits, and copies.
#[unsafe(no_mangle)]
pub extern "C" fn second_library(bytes: *mut u8, length: usize, divisor: u64) -> u64 {
    // SAFETY: the caller's memory.
    let bytes = unsafe { core::slice::from_raw_parts_mut(bytes, length) };
    let (head, tail) = bytes.split_at_mut(length / 2);
    head.copy_from_slice(tail);
    u64::from(head[divisor as usize]) * 0x1_0000_0001 / divisor
}
