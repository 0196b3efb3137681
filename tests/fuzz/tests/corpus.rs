//! Replays every kept input, and sees to it that no target is without one.
//!
//! `corpus/TARGET.bin` holds the inputs of a target, each behind its length in two bytes (big-endian): thousands of small files would be a burden
//! to everybody who clones. `regressions/TARGET-WHAT.bin` is one input that broke something once, as it is.

use sealwire_fuzz::{TARGETS, seeds, target};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Names without ending of the files in a folder.
fn stems(name: &str) -> BTreeSet<String> {
    let listed = std::fs::read_dir(folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    listed.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn unpack(packed: &[u8]) -> Vec<&[u8]> {
    let (mut inputs, mut rest) = (Vec::new(), packed);
    while !rest.is_empty() {
        let (head, behind) = rest.split_first_chunk::<2>().expect("a length");
        let (input, behind) = behind.split_at_checked(u16::from_be_bytes(*head).into()).expect("an input as long as its length says");
        inputs.push(input);
        rest = behind;
    }
    inputs
}

/// Runs one input; a failure names it with all its bytes. True if something in it was accepted.
fn run(name: &str, input: &[u8]) -> bool {
    let body = target(name).unwrap_or_else(|| panic!("no target {name}"));
    std::panic::catch_unwind(|| body(input)).unwrap_or_else(|_| {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("target {name} fails on {hex}");
    })
}

#[test]
fn every_kept_input_is_borne() {
    let mut ran = 0;
    for (name, _) in TARGETS {
        let path = folder("corpus").join(format!("{name}.bin"));
        let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inputs = unpack(&packed);
        assert!(inputs.len() >= 8, "{name}: {} inputs are no corpus", inputs.len());
        let accepted = inputs.iter().filter(|input| run(name, input)).count();
        assert!(accepted > 0 && accepted < inputs.len(), "{name}: {accepted} of {} inputs are accepted", inputs.len());
        ran += inputs.len();
    }
    println!("{ran} inputs for {} targets", TARGETS.len());
}

#[test]
fn every_seed_is_borne() {
    for (name, _) in TARGETS {
        let accepted = seeds::of(name).iter().filter(|seed| run(name, seed)).count();
        assert!(accepted > 1, "{name}: the seeds lead nowhere");
    }
}

#[test]
fn every_prefix_and_every_changed_byte_of_a_seed_is_borne() {
    for (name, _) in TARGETS {
        for seed in seeds::of(name).iter().take(12) {
            for at in 0..seed.len().min(160) {
                run(name, &seed[..at]);
                for change in [0x01, 0x80, 0xff] {
                    let mut changed = seed.clone();
                    changed[at] ^= change;
                    run(name, &changed);
                }
            }
        }
    }
}

#[test]
fn every_regression_is_borne() {
    // Git keeps no empty folder.
    if !folder("regressions").exists() {
        return;
    }
    for stem in stems("regressions") {
        let (name, _) = stem.split_once('-').unwrap_or_else(|| panic!("{stem}: the name is TARGET-WHAT"));
        run(name, &std::fs::read(folder("regressions").join(format!("{stem}.bin"))).unwrap());
    }
}

#[test]
fn targets_files_and_corpora_belong_together() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len());
    assert_eq!(stems("fuzz_targets"), names, "a file for each target");
    assert_eq!(stems("corpus"), names, "a corpus for each target");
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name} is not in Cargo.toml");
        let source = std::fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(source.contains(&format!("sealwire_fuzz::{name}(data)")), "{name}.rs runs another target");
    }
}
