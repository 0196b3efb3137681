//! A store on raw flash that survives a power cut at any moment.

use crate::memory::{Output, bytes, bytes_mut, record};
use crate::placed::{Opaque, call, get, put};
use crate::status::answer;
use core::ffi::c_void;
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::{Flash, Layout, Store, TwoSlot};

/// Raw flash. Start from {0} and fill in everything. Addresses and lengths in bytes; callbacks answer OK or a negative status.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sealwire_flash {
    /// Handed to every callback; may be NULL.
    pub context: *mut c_void,
    /// Reads.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, address: u32, out: *mut u8, length: usize) -> i32>,
    /// Erases whole blocks.
    pub erase: Option<unsafe extern "C" fn(context: *mut c_void, address: u32, length: u32) -> i32>,
    /// Programs erased bytes, whole units; durable when it returns.
    pub write: Option<unsafe extern "C" fn(context: *mut c_void, address: u32, data: *const u8, length: usize) -> i32>,
    /// First byte of the store; start of an erase block.
    pub base: u32,
    /// Bytes of a slot: whole erase blocks, at least 32 more than the longest data (`SEALWIRE_SNAPSHOT_MAX` for sessions). The store
    /// takes 2 * `slot` * `slots` bytes.
    pub slot: u32,
    /// Number of slots: for an endpoint, its sessions.
    pub slots: u32,
    /// Bytes programmed at once: 1, 2, 4, 8, 16 or 32.
    pub unit: u32,
    /// What an erased byte reads as; 0xff on nearly all flash.
    pub erased: u8,
}

/// Room for a stored session: 312 bytes in this version, the rest is for later ones.
pub const SEALWIRE_SNAPSHOT_MAX: usize = 512;
const _: () = assert!(SEALWIRE_SNAPSHOT_MAX >= sealwire_core::persist::SNAPSHOT_MAX && sealwire_core::persist::SNAPSHOT_MAX == 312);

/// A store on raw flash. The members are the library's. Start from {{0}}. It needs no closing, and must not be moved.
#[repr(C)]
pub struct sealwire_two_slot {
    /// Private.
    pub opaque: [u64; 12],
}

// SAFETY: an array of integers.
unsafe impl Opaque for sealwire_two_slot {
    type Value = TwoSlot<sealwire_flash>;
    const TAG: usize = 0x4632;
    const CALLS_BACK: bool = true;
}

impl Flash for sealwire_flash {
    fn read(&mut self, address: u32, out: &mut [u8]) -> Result<()> {
        let read = self.read.ok_or(Error::StorageFailed)?;
        // SAFETY: the callback writes `out.len()` bytes, as its type promises.
        answer(unsafe { read(self.context, address, out.as_mut_ptr(), out.len()) }, Error::StorageFailed)
    }

    fn erase(&mut self, address: u32, length: u32) -> Result<()> {
        let erase = self.erase.ok_or(Error::StorageFailed)?;
        // SAFETY: the application's function.
        answer(unsafe { erase(self.context, address, length) }, Error::StorageFailed)
    }

    fn write(&mut self, address: u32, data: &[u8]) -> Result<()> {
        let write = self.write.ok_or(Error::StorageFailed)?;
        // SAFETY: the callback reads `data.len()` bytes, as its type promises.
        answer(unsafe { write(self.context, address, data.as_ptr(), data.len()) }, Error::StorageFailed)
    }
}

/// Makes a store on raw flash. Each slot has two places; a save fills the free one and then erases the other, so that a power cut
/// at any moment leaves the old data or the new, whole. The struct is copied.
///
/// Statuses: OK; INVALID_ARGUMENT (also: a callback missing, or a layout that cannot be).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_two_slot_init(store: *mut sealwire_two_slot, flash: *const sealwire_flash) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let flash = *record(flash)?;
        if flash.read.is_none() || flash.erase.is_none() || flash.write.is_none() {
            return Err(Error::InvalidArgument);
        }
        let layout = Layout { base: flash.base, slot: flash.slot, keys: flash.slots, unit: flash.unit, erased: flash.erased };
        // The port says whether the flash resists rollback; the store is not asked.
        put(store, TwoSlot::new(flash, layout, false)?)
    })
}

/// Reads what was saved under `slot`; `length` is 0 if nothing was. Has the form of a port's `store_load`, for a port whose context is
/// the sealwire_two_slot; others wrap it.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); NO_SPACE (no such slot); BUFFER_TOO_SMALL; CORRUPT_STATE;
/// STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_two_slot_load(store: *mut c_void, slot: u32, out: *mut u8, capacity: usize, length: *mut usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe {
        let result = Output::new(length)?;
        result.write(get(store.cast::<sealwire_two_slot>())?.load(slot, bytes_mut(out, capacity)?)?);
        Ok(())
    })
}

/// Saves durably under `slot`; no data removes it. Has the form of a port's `store_save`.
///
/// Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); NO_SPACE (no such slot, or too long); STORAGE_FAILED.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sealwire_two_slot_save(store: *mut c_void, slot: u32, data: *const u8, length: usize) -> i32 {
    // SAFETY: as the conventions of the header ask.
    call(|| unsafe { get(store.cast::<sealwire_two_slot>())?.save(slot, bytes(data, length)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{SEALWIRE_BUSY, SEALWIRE_OK};
    use core::ptr::{addr_of_mut, null};

    const SLOT: usize = 64;

    /// Flash in memory whose callbacks call the store again.
    struct Memory {
        bytes: [u8; 2 * SLOT],
        store: sealwire_two_slot,
        /// What the calls from inside `read` answered.
        answers: [i32; 2],
    }

    unsafe extern "C" fn read(context: *mut c_void, address: u32, out: *mut u8, length: usize) -> i32 {
        let memory = context.cast::<Memory>();
        // SAFETY: the test's own memory, of one thread.
        unsafe {
            let store = addr_of_mut!((*memory).store);
            let (mut found, mut room) = (0, [0; 8]);
            if (*memory).answers == [SEALWIRE_OK; 2] {
                (*memory).answers = [i32::MAX; 2];
                (*memory).answers = [
                    sealwire_two_slot_save(store.cast(), 0, null(), 0),
                    sealwire_two_slot_load(store.cast(), 0, room.as_mut_ptr(), room.len(), &mut found),
                ];
            }
            let from = addr_of_mut!((*memory).bytes).cast::<u8>().add(address as usize);
            core::ptr::copy_nonoverlapping(from, out, length);
        }
        SEALWIRE_OK
    }

    unsafe extern "C" fn erase(context: *mut c_void, address: u32, length: u32) -> i32 {
        // SAFETY: as above.
        unsafe { addr_of_mut!((*context.cast::<Memory>()).bytes).cast::<u8>().add(address as usize).write_bytes(0xff, length as usize) };
        SEALWIRE_OK
    }

    unsafe extern "C" fn write(context: *mut c_void, address: u32, data: *const u8, length: usize) -> i32 {
        // SAFETY: as above.
        unsafe {
            let to = addr_of_mut!((*context.cast::<Memory>()).bytes).cast::<u8>().add(address as usize);
            core::ptr::copy_nonoverlapping(data, to, length);
        }
        SEALWIRE_OK
    }

    #[test]
    fn a_callback_cannot_use_the_store_that_called_it() {
        let mut memory = std::boxed::Box::new(Memory {
            bytes: [0xff; 2 * SLOT],
            store: sealwire_two_slot { opaque: [0; 12] },
            answers: [SEALWIRE_OK; 2],
        });
        let memory: *mut Memory = &mut *memory;
        let flash = sealwire_flash {
            context: memory.cast(),
            read: Some(read),
            erase: Some(erase),
            write: Some(write),
            base: 0,
            slot: SLOT as u32,
            slots: 1,
            unit: 1,
            erased: 0xff,
        };
        // SAFETY: as above.
        unsafe {
            let store = addr_of_mut!((*memory).store);
            assert_eq!(sealwire_two_slot_init(store, &flash), SEALWIRE_OK);
            assert_eq!(sealwire_two_slot_save(store.cast(), 0, b"kept".as_ptr(), 4), SEALWIRE_OK);
            let (mut length, mut out) = (0, [0; 8]);
            assert_eq!(sealwire_two_slot_load(store.cast(), 0, out.as_mut_ptr(), out.len(), &mut length), SEALWIRE_OK);
            assert_eq!((length, &out[..4]), (4, &b"kept"[..]));
            assert_eq!((*memory).answers, [SEALWIRE_BUSY; 2]);
        }
    }
}
