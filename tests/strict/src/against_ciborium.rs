use crate::item::{Item, hex};
use crate::loose::input;
use crate::random::Seeded;
use crate::rules::{self, Rule};
use ciborium::Value;
use sealwire_core::cbor::Decoder;
use sealwire_core::error::{Error, Result};
use std::collections::BTreeMap;

const GENERATED: usize = 20_000;
const DAMAGED: usize = 120_000;

/// Exactly one item, by the core.
pub(crate) fn core_reads(bytes: &[u8], ordered: bool) -> Result<Item> {
    let mut d = if ordered { Decoder::new(bytes) } else { Decoder::unordered(bytes) };
    let whole = d.item()?;
    d.finish()?;
    assert_eq!(whole, bytes);
    // Having been passed over, it can be read call by call.
    let mut d = Decoder::new(bytes);
    let item = Item::read(&mut d).unwrap();
    d.finish().unwrap();
    Ok(item)
}

/// Exactly one item, by ciborium.
fn ciborium_reads(mut bytes: &[u8]) -> Option<Value> {
    let value = ciborium::from_reader(&mut bytes).ok()?;
    bytes.is_empty().then_some(value)
}

#[test]
fn generated() {
    let mut random = Seeded::new(1);
    let mut longest = 0;
    for _ in 0..GENERATED {
        let item = Item::random(&mut random, 6);
        let theirs = item.by_ciborium();
        assert_eq!(core_reads(&theirs, true).as_ref(), Ok(&item), "{}", hex(&theirs));
        let ours = item.by_core();
        assert_eq!(hex(&ours), hex(&theirs));
        assert_eq!(ciborium_reads(&ours), Some(item.to_value()), "{}", hex(&ours));
        longest = longest.max(ours.len());
    }
    assert!(longest > 1000);
}

/// Compares the core's verdict with ciborium's and with the rules. Gives the rule that a refusal follows, or nothing for agreement.
fn compare(bytes: &[u8], ordered: bool) -> Option<Rule> {
    let ours = core_reads(bytes, ordered);
    let reading = rules::read(bytes, ordered);
    let theirs = ciborium_reads(bytes);
    let what = || format!("{}: {ours:?}, {reading:?}, {theirs:?}", hex(bytes));
    // ciborium takes no simple value that has no meaning, and no bignum beyond 128 bits.
    if let Some(reading) = &reading {
        assert!(theirs.is_some() || reading.bignum || reading.nameless, "{}", what());
    }
    match (&ours, &reading) {
        (Ok(item), Some(reading)) => {
            assert_eq!(reading.first, None, "{}", what());
            assert_eq!(reading.rewritten, bytes, "{}", what());
            assert_eq!(item.by_core(), bytes, "{}", what());
            if !reading.bignum {
                assert_eq!(theirs, Some(item.to_value()), "{}", what());
            }
            // Canonical again in both, and the same.
            let sorted = item.clone().sorted();
            assert!(!ordered || sorted == *item, "{}", what());
            assert_eq!(core_reads(&sorted.by_core(), true), Ok(sorted), "{}", what());
        }
        (Err(error), Some(reading)) => {
            let rule = reading.first.unwrap_or_else(|| panic!("refused without a rule: {}", what()));
            assert_eq!(*error, rule.error(), "{}", what());
            return Some(rule);
        }
        (Ok(_), None) => panic!("accepted alone: {}", what()),
        (Err(error), None) => assert!(matches!(error, Error::Malformed | Error::NotDeterministic), "{}", what()),
    }
    None
}

#[test]
fn damaged() {
    let mut random = Seeded::new(2);
    let (mut refused, mut accepted) = (BTreeMap::<Rule, usize>::new(), [0; 2]);
    for _ in 0..DAMAGED {
        let bytes = input(&mut random);
        for ordered in [true, false] {
            match compare(&bytes, ordered) {
                Some(rule) => *refused.entry(rule).or_default() += 1,
                None => accepted[usize::from(ordered)] += usize::from(rules::read(&bytes, ordered).is_some()),
            }
        }
    }
    println!("{DAMAGED} inputs; accepted with free and fixed order: {accepted:?}; refused: {refused:?}");
    // Every rule has been met, and often.
    for rule in
        [Rule::Depth, Rule::Indefinite, Rule::LongHead, Rule::Float, Rule::Simple, Rule::DuplicateKey, Rule::KeyOrder, Rule::ManyKeys]
    {
        assert!(refused.get(&rule).is_some_and(|times| *times > 50), "{rule:?}: {refused:?}");
    }
    assert!(accepted.iter().all(|times| *times > DAMAGED / 10), "{accepted:?}");
}

/// Counts, lengths and depths far beyond what there is: refused at once, without memory for them.
#[test]
fn enormous() {
    for major in [2, 3, 4, 5] {
        for argument in [1u64 << 20, u64::from(u32::MAX), 1 << 40, i64::MAX as u64, u64::MAX] {
            let mut bytes = vec![major << 5 | 27];
            bytes.extend(argument.to_be_bytes());
            bytes.extend([0x01; 40]);
            assert_eq!(compare(&bytes, true), None);
            let error = if argument > u64::from(u32::MAX) { Error::Malformed } else { Error::NotDeterministic };
            assert_eq!(core_reads(&bytes, true), Err(error));
        }
    }
    for open in [&[0x81][..], &[0x9f], &[0xa1, 0x01], &[0xa1], &[0xbf, 0x01], &[0xc1], &[0x82, 0x00]] {
        let bytes = open.repeat(60_000 / open.len());
        assert!(core_reads(&bytes, true).is_err() && core_reads(&bytes, false).is_err());
    }
}
