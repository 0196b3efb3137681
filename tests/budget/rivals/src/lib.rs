//! A rival as its own README uses it: `first`, `next` and `last` make up a handshake, `seal` and `open` are a record each way.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "clatter")]
mod clatter_xx;
#[cfg(feature = "clatter")]
pub use clatter_xx::{Initiator, Responder};

#[cfg(feature = "lakers")]
mod lakers_edhoc;
#[cfg(feature = "lakers")]
pub use lakers_edhoc::{Initiator, Responder};

/// Not random at all, so that counts repeat.
#[derive(Clone)]
pub struct Repeatable(u64);

impl Default for Repeatable {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl rand_core::RngCore for Repeatable {
    fn next_u32(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }
    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.fill_with(|| self.next_u32() as u8);
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl rand_core::CryptoRng for Repeatable {}

#[cfg(not(feature = "std"))]
mod firmware {
    use super::Initiator;

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {
            core::hint::spin_loop();
        }
    }

    static mut STATE: Option<Initiator> = None;

    /// # Safety
    /// As C calls it: one thread, and buffers as long as stated.
    unsafe fn slices<'a>(input: *const u8, length: usize, out: *mut u8, capacity: usize) -> (&'a [u8], &'a mut [u8]) {
        // SAFETY: the caller's promise.
        unsafe { (core::slice::from_raw_parts(input, length), core::slice::from_raw_parts_mut(out, capacity)) }
    }

    /// The first message of the handshake.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn rival_first(out: *mut u8, capacity: usize) -> usize {
        // SAFETY: as above.
        let (_, out) = unsafe { slices(out, 0, out, capacity) };
        let (state, length) = Initiator::first(out);
        // SAFETY: one thread.
        unsafe { STATE = Some(state) };
        length
    }

    /// Takes the second message and gives the third.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn rival_next(input: *const u8, length: usize, out: *mut u8, capacity: usize) -> usize {
        // SAFETY: one thread; the caller's promise.
        let ((input, out), state) = unsafe { (slices(input, length, out, capacity), &mut *core::ptr::addr_of_mut!(STATE)) };
        match state.take() {
            Some(one) => {
                let (one, length) = one.next(input, out);
                *state = Some(one);
                length
            }
            None => 0,
        }
    }

    /// Protects a record.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn rival_seal(input: *const u8, length: usize, out: *mut u8, capacity: usize) -> usize {
        // SAFETY: one thread; the caller's promise.
        let ((input, out), state) = unsafe { (slices(input, length, out, capacity), &mut *core::ptr::addr_of_mut!(STATE)) };
        state.as_mut().map_or(0, |one| one.seal(input, out))
    }

    /// Opens a record.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn rival_open(input: *const u8, length: usize, out: *mut u8, capacity: usize) -> usize {
        // SAFETY: one thread; the caller's promise.
        let ((input, out), state) = unsafe { (slices(input, length, out, capacity), &mut *core::ptr::addr_of_mut!(STATE)) };
        state.as_mut().map_or(0, |one| one.open(input, out))
    }
}
