//! What is COSE, or nearly, but refused by the core: worked out from the values that ciborium has read, never from the core.
//!
//! Each function gives the errors that the rules broken call for; nothing broken, nothing to refuse.

use crate::rules;
use ciborium::Value;
use sealwire_core::error::Error;
use std::collections::BTreeSet;

/// Errors, by number.
pub(crate) type Errors = BTreeSet<u16>;

pub(crate) const MALFORMED: u16 = Error::Malformed.number();
pub(crate) const INVALID_KEY: u16 = Error::InvalidKey.number();

/// The rules of CBOR first: with one broken the core looks at nothing else. The value, if none is.
pub(crate) fn value(bytes: &[u8], errors: &mut Errors) -> Option<Value> {
    let Some(reading) = rules::read(bytes, false) else {
        // Whichever comes first: the end of what can be read, or a rule broken before.
        errors.extend([MALFORMED, Error::NotDeterministic.number()]);
        return None;
    };
    if let Some(rule) = reading.first {
        errors.insert(rule.error().number());
        return None;
    }
    ciborium::from_reader(bytes).ok()
}

/// True where ciborium's values would say something else than the bytes: a bignum read as an integer.
pub(crate) fn bignum(bytes: &[u8]) -> bool {
    rules::read(bytes, false).is_some_and(|reading| reading.bignum)
}

/// The entry with this label.
pub(crate) fn get(map: &[(Value, Value)], label: i64) -> Option<&Value> {
    map.iter().find(|(key, _)| *key == Value::from(label)).map(|(_, value)| value)
}

/// Labels are numbers or texts (RFC 9052 §1.5).
fn check_labels(map: &[(Value, Value)], errors: &mut Errors) {
    if !map.iter().all(|(label, _)| label.is_integer() || label.is_text()) {
        errors.insert(MALFORMED);
    }
}

fn small(value: &Value) -> Option<i64> {
    value.as_integer().and_then(|number| number.try_into().ok())
}

/// A public COSE_Key on one of the three curves.
pub(crate) fn key(map: &[(Value, Value)], errors: &mut Errors) {
    check_labels(map, errors);
    let (kty, crv, x, y) = (get(map, 1), get(map, -1), get(map, -2), get(map, -3));
    // A missing member; a kid, x or y of another type; a private key.
    let other_type = |value: Option<&Value>| value.is_some_and(|value| !value.is_bytes());
    let missing = kty.is_none() || crv.is_none() || x.is_none();
    if missing || other_type(x) || other_type(get(map, 2)) || y.is_some_and(|y| !y.is_bool()) && other_type(y) || get(map, -4).is_some() {
        errors.insert(MALFORMED);
    }
    // Lengths; key types and curves that are not ours, or do not belong together; what is no point, or has two names.
    for coordinate in [x, y].into_iter().flatten() {
        if coordinate.as_bytes().is_some_and(|bytes| bytes.len() != 32) {
            errors.insert(INVALID_KEY);
        }
    }
    let (kty, crv) = (kty.and_then(small), crv.and_then(small));
    match (kty, crv, y) {
        (Some(2), Some(1), None) => drop(errors.insert(MALFORMED)),
        (Some(1), Some(4 | 6), None) | (Some(2), Some(1), Some(_)) => {}
        _ => drop(errors.insert(INVALID_KEY)),
    }
    let Some(x) = x.and_then(Value::as_bytes).and_then(|x| <[u8; 32]>::try_from(&x[..]).ok()) else { return };
    match crv {
        // Little-endian, from 2^255 − 19 on.
        Some(4) if x[31] > 0x7f || x[31] == 0x7f && x[1..31].iter().all(|byte| *byte == 0xff) && x[0] >= 0xed => {
            errors.insert(INVALID_KEY);
        }
        Some(1) => {
            let point = match y {
                Some(Value::Bool(odd)) => [&[2 + u8::from(*odd)], &x[..]].concat(),
                Some(Value::Bytes(y)) => [&[4], &x[..], y].concat(),
                _ => return,
            };
            if p256::PublicKey::from_sec1_bytes(&point).is_err() {
                errors.insert(INVALID_KEY);
            }
        }
        _ => {}
    }
}

/// A header bucket; gives which of alg and kid are in it.
fn header(map: &[(Value, Value)], protected: bool, errors: &mut Errors) -> [bool; 2] {
    check_labels(map, errors);
    let (algorithm, kid) = (get(map, 1), get(map, 4));
    if algorithm.is_some_and(|number| small(number).is_none()) || kid.is_some_and(|kid| !kid.is_bytes()) {
        errors.insert(MALFORMED);
    }
    let understood = |critical: &Value| {
        let listed = critical.as_array().filter(|labels| !labels.is_empty())?;
        listed.iter().all(|label| matches!(small(label), Some(label @ (1 | 4)) if get(map, label).is_some())).then_some(())
    };
    if get(map, 2).is_some_and(|critical| !protected || understood(critical).is_none()) {
        errors.insert(MALFORMED);
    }
    [algorithm.is_some(), kid.is_some()]
}

/// An untagged COSE_Sign1; gives its protected header.
pub(crate) fn sign1(value: &Value, errors: &mut Errors) -> Option<Vec<(Value, Value)>> {
    let Some([Value::Bytes(protected), Value::Map(unprotected), Value::Bytes(_) | Value::Null, Value::Bytes(_)]) =
        value.as_array().map(Vec::as_slice)
    else {
        errors.insert(MALFORMED);
        // The protected header is looked into before the parts behind it.
        if let Some(Value::Bytes(protected)) = value.as_array().and_then(|parts| parts.first()) {
            self::value(protected, errors);
        }
        return None;
    };
    let map = match protected.is_empty() {
        true => Vec::new(),
        false => match self::value(protected, errors)? {
            Value::Map(map) => map,
            _ => {
                errors.insert(MALFORMED);
                return None;
            }
        },
    };
    let (first, second) = (header(&map, true, errors), header(unprotected, false, errors));
    if first[0] && second[0] || first[1] && second[1] {
        errors.insert(MALFORMED);
    }
    Some(map)
}

/// A claims set with the key it confirms.
pub(crate) fn claims(map: &[(Value, Value)], errors: &mut Errors) {
    check_labels(map, errors);
    let text = |label| get(map, label).is_none_or(Value::is_text);
    let time = |label| get(map, label).is_none_or(|value| value.as_integer().is_some_and(|number| u64::try_from(number).is_ok()));
    if !(text(1) && text(2) && time(4) && time(5) && time(6) && get(map, 7).is_none_or(Value::is_bytes)) {
        errors.insert(MALFORMED);
    }
    match get(map, 8).and_then(Value::as_map) {
        None => drop(errors.insert(MALFORMED)),
        Some(confirmation) => {
            check_labels(confirmation, errors);
            match get(confirmation, 1).and_then(Value::as_map) {
                None => drop(errors.insert(MALFORMED)),
                Some(map) => key(map, errors),
            }
        }
    }
}
