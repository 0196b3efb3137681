//! Stored state.

use super::record::receiver;
use crate::provider::{Mixing, Mode, hash};
use crate::random::Input;
use crate::typed;
use sealwire_core::crypto::Suite;
use sealwire_core::error::{Error, Result};
use sealwire_core::persist::snapshot::{decode, encode};
use sealwire_core::persist::{Flash, Layout, SNAPSHOT_MAX, SessionMeta, Store, TwoSlot};
use sealwire_core::record::Plan;

/// Bytes of the check at the end of a snapshot.
const CHECK: usize = 8;

/// A snapshot as the input gives it, and with the check made right.
pub fn snapshot(data: &[u8]) -> bool {
    let mut p = Mixing::new(Mode::Sealed, 1);
    if let Err(error) = decode(&mut p, data) {
        stored(error);
    }
    // What a sound encoder wrote, with the input over it.
    let context = receiver(&mut p, Suite::from_number(4).expect("in every build of this crate"));
    let mut image = [0; SNAPSHOT_MAX];
    assert_eq!(encode(&mut p, &context, &SessionMeta::default(), &Plan::default(), &mut image), Err(Error::WrongState));
    let body = SNAPSHOT_MAX - CHECK;
    let given = data.len().min(body);
    image[..given].copy_from_slice(&data[..given]);
    let check = hash(&[&image[..body]]);
    image[body..].copy_from_slice(&check[..CHECK]);
    match decode(&mut p, &image) {
        Ok((mut context, meta)) => {
            // It can be stored again, and says the same.
            let plan = Plan { ahead: 1, edge_ahead: 1, numbers_ahead: 1, receiving: None, committing: None };
            let mut again = [0; SNAPSHOT_MAX];
            assert_eq!(encode(&mut p, &context, &meta, &plan, &mut again), Ok(SNAPSHOT_MAX));
            let (second, again_meta) = decode(&mut p, &again).expect("what was encoded can be decoded");
            assert_eq!((second.parties(), again_meta), (context.parties(), meta));
            assert!(second.next_partial_iv() >= context.next_partial_iv(), "no Partial IV twice");
            assert!(context.must_store_to_send(false) || meta.keyless, "a store comes first");
            context.stored(&plan);
            true
        }
        Err(error) => {
            stored(error);
            false
        }
    }
}

fn stored(error: Error) {
    typed(error);
    assert!(matches!(error, Error::CorruptState | Error::UnsupportedState), "{error:?}");
}

const SLOT: u32 = 128;
const KEYS: u32 = 2;
const SIZE: usize = (SLOT * KEYS * 2) as usize;
const HEADER: usize = 32;

/// Flash in memory. Power can go: from then on nothing is written.
struct Image {
    bytes: [u8; SIZE],
    writes_left: u32,
}

impl Image {
    fn range(&mut self, address: u32, length: usize) -> Result<&mut [u8]> {
        let start = address as usize;
        self.bytes.get_mut(start..start + length).ok_or(Error::StorageFailed)
    }

    fn spend(&mut self) -> Result<()> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or(Error::StorageFailed)?;
        Ok(())
    }
}

impl Flash for &mut Image {
    fn read(&mut self, address: u32, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(self.range(address, out.len())?);
        Ok(())
    }

    fn erase(&mut self, address: u32, length: u32) -> Result<()> {
        assert!(address.is_multiple_of(SLOT) && length == SLOT, "whole blocks");
        self.spend()?;
        self.range(address, length as usize)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, address: u32, data: &[u8]) -> Result<()> {
        assert!(address.is_multiple_of(4) && data.len().is_multiple_of(4), "whole units");
        self.spend()?;
        let place = self.range(address, data.len())?;
        assert!(place.iter().all(|byte| *byte == 0xff), "only erased bytes are programmed");
        place.copy_from_slice(data);
        Ok(())
    }
}

/// CRC-32/ISO-HDLC, written a second time: it makes damaged headers whole, so that what lies behind them is reached.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Puts a magic number and right checks over a slot: header always, data if `data_too`.
fn repair(slot: &mut [u8], data_too: bool) {
    slot[..4].copy_from_slice(b"SWs1");
    // The two high bytes of the length: else no input would fit.
    slot[8] &= 1;
    slot[9] = 0;
    slot[10] = 0;
    let length = u32::from_be_bytes([slot[8], slot[9], slot[10], slot[11]]) as usize;
    if data_too && let Some(data) = slot.get(HEADER..HEADER + length) {
        let crc = crc32(data);
        slot[12..16].copy_from_slice(&crc.to_be_bytes());
    }
    let crc = crc32(&slot[..16]);
    slot[16..20].copy_from_slice(&crc.to_be_bytes());
}

fn open(image: &mut Image) -> TwoSlot<&mut Image> {
    TwoSlot::new(image, Layout { base: 0, slot: SLOT, keys: KEYS, unit: 4, erased: 0xff }, true).expect("a sound layout")
}

fn load(image: &mut Image, key: u32) -> Result<Vec<u8>> {
    let mut out = [0; SLOT as usize];
    open(image).load(key, &mut out).map(|length| out[..length].to_vec())
}

/// A flash image: loaded, saved over, with the power cut in between.
pub fn flash(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let (repairs, cut) = (input.byte(), input.byte());
    let mut image = Image { bytes: [0xff; SIZE], writes_left: u32::MAX };
    let given = input.rest().len().min(SIZE);
    image.bytes[..given].copy_from_slice(&input.rest()[..given]);
    for (slot, bits) in image.bytes.chunks_exact_mut(SLOT as usize).zip([0, 2, 4, 6]) {
        match repairs >> bits & 3 {
            0 => {}
            1 => repair(slot, false),
            _ => repair(slot, true),
        }
    }
    let before: Vec<_> = (0..KEYS).map(|key| load(&mut image, key)).collect();
    for found in &before {
        match found {
            Ok(found) => assert!(found.len() <= SLOT as usize - HEADER),
            Err(error) => assert_eq!(*error, Error::CorruptState),
        }
    }
    image.writes_left = u32::from(cut);
    let new = &data[..data.len().min(usize::from(repairs & 63))];
    let saved = open(&mut image).save(0, new);
    image.writes_left = u32::MAX;
    let after = load(&mut image, 0);
    match saved {
        Ok(()) => assert_eq!(after.as_deref(), Ok(new), "saved is durable"),
        Err(error) => {
            assert_eq!(error, Error::StorageFailed);
            assert!(after.as_deref() == Ok(new) || after == before[0] || before[0].is_err() && after == Ok(Vec::new()), "old or new");
        }
    }
    assert_eq!(load(&mut image, 1), before[1], "other keys stay");
    assert_eq!(open(&mut image).load(KEYS, &mut [0; 8]), Err(Error::NoSpace));
    before.iter().flatten().any(|found| !found.is_empty())
}
