//! The libraries in Python, behind `judge.py`: all requests in, all answers out, a line each.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The interpreter to use. Without one the tests fail: what they compare would be missing.
fn python() -> PathBuf {
    let candidates = match std::env::var_os("SEALWIRE_PEER_PYTHON") {
        Some(named) if Path::new(&named).components().count() > 1 => vec![root().join(named)],
        Some(named) => vec![PathBuf::from(named)],
        None => vec![root().join("build/venv/bin/python"), PathBuf::from("python3")],
    };
    let usable = |python: &&PathBuf| {
        let modules = "import cbor2, cryptography, pycose";
        let outcome = Command::new(python).args(["-c", modules]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        outcome.is_ok_and(|status| status.success())
    };
    candidates.iter().find(usable).cloned().expect("a Python with scripts/requirements-test.txt (SEALWIRE_PEER_PYTHON names one)")
}

/// Answers to requests, one to each.
pub(crate) fn ask(requests: &[String]) -> Vec<String> {
    let mut process = Command::new(python())
        .arg("judge.py")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let lines = requests.join("\n") + "\n";
    // Written beside, so that neither side waits for the other to read.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    assert_eq!(answers.len(), requests.len());
    answers
}
