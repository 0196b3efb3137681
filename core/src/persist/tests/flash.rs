use crate::error::{Error, Result};
use crate::persist::flash::crc32_of;
use crate::persist::{Flash, Layout, Store, TwoSlot};
use std::vec::Vec;

const BLOCK: usize = 256;
const LAYOUT: Layout = Layout { base: 256, slot: 512, keys: 3, unit: 8, erased: 0xff };
const SIZE: usize = 256 + 2 * 512 * 3 + 256;

/// Flash that loses power after a number of byte steps. The byte under way is left half done.
#[derive(Clone)]
struct Model {
    bytes: Vec<u8>,
    unit: u32,
    steps: usize,
    power_lasts: usize,
    /// Which bits of the byte under way get done when power fails.
    torn: u8,
}

impl Model {
    fn new() -> Self {
        Model { bytes: std::vec![0xff; SIZE], unit: LAYOUT.unit, steps: 0, power_lasts: usize::MAX, torn: 0 }
    }

    fn step(&mut self, at: usize, target: u8) -> Result<()> {
        if self.steps > self.power_lasts {
            return Err(Error::StorageFailed);
        }
        self.steps += 1;
        if self.steps > self.power_lasts {
            self.bytes[at] = (self.bytes[at] & !self.torn) | (target & self.torn);
            return Err(Error::StorageFailed);
        }
        self.bytes[at] = target;
        Ok(())
    }

    fn reboot(mut self) -> Self {
        self.steps = 0;
        self.power_lasts = usize::MAX;
        self
    }
}

impl Flash for Model {
    fn read(&mut self, address: u32, out: &mut [u8]) -> Result<()> {
        if self.steps > self.power_lasts {
            return Err(Error::StorageFailed);
        }
        let start = address as usize;
        out.copy_from_slice(&self.bytes[start..start + out.len()]);
        Ok(())
    }

    fn erase(&mut self, address: u32, length: u32) -> Result<()> {
        let (start, length) = (address as usize, length as usize);
        assert!(start.is_multiple_of(BLOCK) && length.is_multiple_of(BLOCK));
        assert!(start >= LAYOUT.base as usize && start + length <= SIZE - 256, "outside of the store");
        for at in start..start + length {
            self.step(at, 0xff)?;
        }
        Ok(())
    }

    fn write(&mut self, address: u32, data: &[u8]) -> Result<()> {
        assert!(address.is_multiple_of(self.unit) && data.len().is_multiple_of(self.unit as usize));
        for (at, byte) in (address as usize..).zip(data) {
            assert_eq!(self.bytes[at], 0xff, "written twice without erasing");
            self.step(at, *byte)?;
        }
        Ok(())
    }
}

fn store(flash: Model) -> TwoSlot<Model> {
    TwoSlot::new(flash, LAYOUT, true).unwrap()
}

fn load(flash: &Model, key: u32) -> Result<Vec<u8>> {
    let mut out = [0; 480];
    let length = store(flash.clone().reboot()).load(key, &mut out)?;
    Ok(out[..length].to_vec())
}

fn saved(flash: Model, key: u32, data: &[u8]) -> Model {
    let mut store = store(flash);
    store.save(key, data).unwrap();
    store.into_flash()
}

fn data(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(seed)).collect()
}

#[test]
fn crc_is_the_one_of_zip() {
    assert_eq!(crc32_of(b"123456789"), 0xcbf4_3926);
}

#[test]
fn keys_do_not_touch_one_another() {
    let mut flash = Model::new();
    for round in 1..9 {
        for key in 0..3 {
            flash = saved(flash, key, &data(round + key as u8, 100 + key as usize));
        }
    }
    for key in 0..3 {
        assert_eq!(load(&flash, key), Ok(data(8 + key as u8, 100 + key as usize)));
    }
    assert_eq!(load(&flash, 3), Err(Error::NoSpace));
    assert_eq!(store(flash.clone()).save(3, b"x"), Err(Error::NoSpace));
    assert_eq!(store(flash.clone()).save(0, &[0; 481]), Err(Error::NoSpace));
    assert_eq!(store(flash).load(0, &mut [0; 99]), Err(Error::BufferTooSmall));
}

#[test]
fn empty_data_removes_and_leaves_nothing_of_it() {
    let flash = saved(Model::new(), 1, &[0x5a; 300]);
    let flash = saved(flash, 1, &[]);
    assert_eq!(load(&flash, 1), Ok(Vec::new()));
    assert!(!flash.bytes.contains(&0x5a));
    assert_eq!(load(&saved(flash, 1, b"new"), 1), Ok(b"new".to_vec()));
}

/// Saves `new` over a state, cutting power at every step, and checks what is found and that the store goes on.
fn cut_everywhere(before: &Model, old: &[u8], new: &[u8], torn: u8) {
    let mut outcomes = [0, 0];
    for power_lasts in 0.. {
        let mut flash = before.clone();
        flash.power_lasts = power_lasts;
        flash.torn = torn;
        let mut store = store(flash);
        let finished = store.save(0, new).is_ok();
        let flash = store.into_flash().reboot();
        let found = load(&flash, 0).unwrap_or_else(|error| panic!("cut at {power_lasts}: {error:?}"));
        assert!(found == old || found == new, "cut at {power_lasts}");
        assert!(!finished || found == new);
        outcomes[usize::from(found == new)] += 1;
        // It goes on, also after a second cut at the same place.
        let mut again = flash.clone();
        again.power_lasts = power_lasts / 2;
        again.torn = !torn;
        let mut store = self::store(again);
        let _ = store.save(0, b"third");
        let flash = store.into_flash().reboot();
        let after = load(&flash, 0).unwrap();
        assert!(after == found || after == b"third", "second cut at {}", power_lasts / 2);
        assert_eq!(load(&saved(flash, 0, b"fourth"), 0), Ok(b"fourth".to_vec()));
        if finished {
            break;
        }
    }
    assert!(outcomes[0] > 300 && outcomes[1] > 0, "{outcomes:?}");
}

#[test]
fn a_power_cut_at_any_step_leaves_old_or_new() {
    let (old, new) = (data(3, 288), data(5, 291));
    for torn in [0x00, 0xff, 0x0f, 0xa5] {
        // Into fresh flash; over one save; over two; with wear of a save cut before.
        cut_everywhere(&Model::new(), &[], &new, torn);
        let once = saved(Model::new(), 0, &old);
        cut_everywhere(&once, &old, &new, torn);
        let twice = saved(once.clone(), 0, &old);
        cut_everywhere(&twice, &old, &new, torn);
        let mut worn = once.clone();
        worn.power_lasts = 200;
        let mut store = store(worn);
        assert_eq!(store.save(0, &data(7, 288)), Err(Error::StorageFailed));
        cut_everywhere(&store.into_flash().reboot(), &old, &new, torn);
    }
}

#[test]
fn damage_shows_and_never_brings_back_older_data() {
    let flash = saved(saved(saved(Model::new(), 0, &data(3, 200)), 0, &data(5, 200)), 0, &data(7, 200));
    let mut noticed = 0;
    for at in 256..256 + 1024 {
        let mut damaged = flash.clone();
        damaged.bytes[at] ^= 0x10;
        match load(&damaged, 0) {
            Ok(found) => assert!(found == data(7, 200) || found.is_empty(), "byte {at}"),
            Err(error) => {
                assert_eq!(error, Error::CorruptState);
                noticed += 1;
            }
        }
        assert_eq!(load(&saved(damaged, 0, b"new"), 0), Ok(b"new".to_vec()));
    }
    assert_eq!(noticed, 200);
}

#[test]
fn units_up_to_32_bytes_and_layouts_that_cannot_be() {
    for unit in [1, 2, 4, 8, 16, 32] {
        let mut flash = Model::new();
        flash.unit = unit;
        let mut store = TwoSlot::new(flash, Layout { unit, ..LAYOUT }, false).unwrap();
        for length in [0, 1, 31, 32, 33, 288, 480] {
            store.save(2, &data(3, length)).unwrap();
            let mut out = [0; 480];
            assert_eq!(store.load(2, &mut out), Ok(length));
            assert_eq!(out[..length], data(3, length));
        }
        assert!(!store.resists_rollback());
    }
    for layout in [
        Layout { unit: 0, ..LAYOUT },
        Layout { unit: 3, ..LAYOUT },
        Layout { unit: 64, ..LAYOUT },
        Layout { slot: 32, ..LAYOUT },
        Layout { slot: 513, ..LAYOUT },
        Layout { keys: u32::MAX, ..LAYOUT },
    ] {
        assert!(TwoSlot::new(Model::new(), layout, true).is_err(), "{layout:?}");
    }
}
