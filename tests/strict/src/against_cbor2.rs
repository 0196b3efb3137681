use crate::against_ciborium::core_reads;
use crate::item::{Item, hex};
use crate::loose::input;
use crate::python::ask;
use crate::random::Seeded;
use crate::rules::{self, Rule};
use sealwire_core::cbor::MAX_DEPTH;

const GENERATED: usize = 5_000;
const DAMAGED: usize = 30_000;

/// What cbor2 says about one input.
struct Verdict<'a> {
    /// Accepted with indefinite lengths, with duplicate keys, with more than eight containers refused.
    limits: [bool; 3],
    canonical: &'a str,
    meaning: &'a str,
}

fn verdict(answer: &str) -> Option<Verdict<'_>> {
    let mut words = answer.split(' ');
    if words.next()? == "no" {
        return None;
    }
    let limits: Vec<bool> = words.next()?.chars().map(|limit| limit == '1').collect();
    Some(Verdict { limits: limits.try_into().unwrap(), canonical: words.next()?, meaning: words.next()? })
}

/// To Python 1 and true are the same key, and 0 and false, also within arrays: no fault of the input.
fn same_to_python(item: &Item) -> bool {
    fn folded(key: &Item) -> Item {
        match key {
            Item::Bool(value) => Item::Uint(u64::from(*value)),
            Item::Array(items) => Item::Array(items.iter().map(folded).collect()),
            Item::Map(entries) => Item::Map(entries.iter().map(|(key, value)| (folded(key), folded(value))).collect()),
            Item::Tag(number, inner) => Item::Tag(*number, Box::new(folded(inner))),
            other => other.clone(),
        }
    }
    match item {
        Item::Array(items) => items.iter().any(same_to_python),
        Item::Tag(_, inner) => same_to_python(inner),
        Item::Map(entries) => {
            let keys: Vec<Item> = entries.iter().map(|(key, _)| folded(key).sorted()).collect();
            (1..keys.len()).any(|at| keys[..at].contains(&keys[at]))
                || entries.iter().any(|(key, value)| same_to_python(key) || same_to_python(value))
        }
        _ => false,
    }
}

fn requests(inputs: &[Vec<u8>]) -> Vec<String> {
    inputs.iter().map(|bytes| format!("cbor {}", hex(bytes))).collect()
}

#[test]
fn generated() {
    let mut random = Seeded::new(3);
    let items: Vec<Item> = (0..GENERATED).map(|_| Item::random(&mut random, 6)).collect();
    let ours: Vec<Vec<u8>> = items.iter().map(Item::by_core).collect();
    let mut compared = 0;
    for ((item, ours), answer) in items.iter().zip(&ours).zip(ask(&requests(&ours))) {
        let theirs = verdict(&answer).unwrap_or_else(|| panic!("{}: {answer}", hex(ours)));
        if same_to_python(item) {
            continue;
        }
        compared += 1;
        assert_eq!(theirs.canonical, hex(ours));
        assert_eq!(theirs.meaning, item.describe());
        assert_eq!(theirs.limits, [true; 3]);
    }
    assert!(compared > GENERATED * 9 / 10);
}

#[test]
fn damaged() {
    let mut random = Seeded::new(4);
    let inputs: Vec<Vec<u8>> = (0..DAMAGED).map(|_| input(&mut random)).collect();
    let (mut accepted, mut refused, mut limited) = ([0; 2], 0, [0; 3]);
    for (bytes, answer) in inputs.iter().zip(ask(&requests(&inputs))) {
        let theirs = verdict(&answer);
        for ordered in [true, false] {
            let ours = core_reads(bytes, ordered);
            let what = || format!("{}: {ours:?}, {answer}", hex(bytes));
            match (&ours, &theirs) {
                (Ok(item), Some(theirs)) if !same_to_python(item) => {
                    accepted[usize::from(ordered)] += 1;
                    assert_eq!(theirs.meaning, item.describe(), "{}", what());
                    // In fixed order the bytes come out as they went in.
                    let canonical = if ordered { bytes.clone() } else { item.clone().sorted().by_core() };
                    assert_eq!(theirs.canonical, hex(&canonical), "{}", what());
                    assert_eq!(theirs.limits, [true; 3], "{}", what());
                }
                (Ok(item), _) => assert!(same_to_python(item), "{}", what()),
                (Err(error), Some(theirs)) => {
                    refused += 1;
                    let reading = rules::read(bytes, ordered).unwrap_or_else(|| panic!("not CBOR to ciborium: {}", what()));
                    let rule = reading.first.unwrap_or_else(|| panic!("refused without a rule: {}", what()));
                    assert_eq!(*error, rule.error(), "{}", what());
                    // Where cbor2 has the rule too, it must refuse when told to; an empty container has no depth to it.
                    let limit = match rule {
                        Rule::Indefinite => 0,
                        Rule::DuplicateKey => 1,
                        Rule::Depth if reading.depth > MAX_DEPTH => 2,
                        _ => continue,
                    };
                    assert!(!theirs.limits[limit], "{rule:?}: {}", what());
                    limited[limit] += 1;
                }
                (Err(_), None) => {}
            }
        }
    }
    println!(
        "{DAMAGED} inputs; both accept, with free and fixed order: {accepted:?}; the core alone refuses: {refused}; cbor2 has the rule: {limited:?}"
    );
    assert!(accepted.iter().all(|times| *times > DAMAGED / 10) && refused > DAMAGED / 10 && limited.iter().all(|times| *times > 50));
}
