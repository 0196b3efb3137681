//! The second implementation behind its driver: one JSON object a line, there and back.

use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const MODULES: &str = "import cbor2, cobs, cryptography";
/// Far more than any request takes.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn has_modules(python: &Path) -> bool {
    let outcome = Command::new(python).args(["-c", MODULES]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    outcome.is_ok_and(|status| status.success())
}

/// The interpreter to use, or why there is none.
fn python() -> &'static Result<PathBuf, String> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let candidates = match std::env::var_os("SEALWIRE_PEER_PYTHON") {
            // A path is relative to the root, a bare name is looked for in PATH.
            Some(named) if Path::new(&named).components().count() > 1 => vec![root().join(named)],
            Some(named) => vec![PathBuf::from(named)],
            None => vec![root().join("build/venv/bin/python"), PathBuf::from("python3")],
        };
        let found = candidates.iter().find(|python| has_modules(python)).cloned();
        found.ok_or_else(|| {
            "no Python interpreter with the packages of tests/peer/requirements.txt (SEALWIRE_PEER_PYTHON names one)".to_string()
        })
    })
}

fn say_skipped(why: &str) {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        // Past the capture of test output, on a line of its own.
        let _ = writeln!(std::io::stdout(), "\nskipped: second implementation: {why}");
    });
}

/// One process of the second implementation.
pub(crate) struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
}

impl Peer {
    /// Nothing if the test is to be skipped; otherwise a missing interpreter is a failure.
    pub(crate) fn start() -> Option<Self> {
        let python = match python() {
            Ok(python) => python,
            Err(why) if std::env::var("SEALWIRE_SKIP_PEER").is_ok_and(|skip| skip == "1") => {
                say_skipped(why);
                return None;
            }
            Err(why) => panic!("{why}; SEALWIRE_SKIP_PEER=1 skips these tests"),
        };
        let mut process = Command::new(python)
            .args(["-m", "sealwire_peer"])
            .current_dir(root().join("tests/peer"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Some(Peer { process, requests, answers })
    }

    fn ask(&mut self, op: &str, mut request: Value) -> Map<String, Value> {
        request["op"] = json!(op);
        writeln!(self.requests, "{request}").unwrap();
        let answer = self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {request}"));
        let Ok(Value::Object(answer)) = serde_json::from_str(&answer) else { panic!("not an object: {answer}") };
        answer
    }

    /// What the peer answers; it must not refuse.
    pub(crate) fn tell(&mut self, op: &str, request: Value) -> Value {
        let answer = self.ask(op, request.clone());
        assert_eq!(answer["ok"], true, "{op} {request}: {answer:?}");
        Value::Object(answer)
    }

    /// What the peer answers, or the reason of its refusal. A request that makes no sense is the test's fault.
    pub(crate) fn attempt(&mut self, op: &str, request: Value) -> Result<Value, String> {
        let answer = self.ask(op, request.clone());
        if answer["ok"] == true {
            return Ok(Value::Object(answer));
        }
        let reason = answer["error"].as_str().unwrap();
        assert_ne!(reason, "usage", "{op} {request}: {answer:?}");
        Err(reason.to_string())
    }

    /// Its refusal of an EDHOC message: reason, the error message that answers it, and the identifier it is for, if known.
    pub(crate) fn edhoc_error(&mut self, op: &str, request: Value) -> (String, Vec<u8>, Vec<u8>) {
        let answer = self.ask(op, request.clone());
        assert_eq!(answer["ok"], false, "{op} {request}: {answer:?}");
        let addressee = answer.get("c_x").map(bytes).unwrap_or_default();
        (answer["error"].as_str().unwrap().to_string(), bytes(&answer["error_message"]), addressee)
    }

    /// The reason of its refusal; it must refuse.
    pub(crate) fn refuses(&mut self, op: &str, request: Value) -> String {
        let outcome = self.attempt(op, request.clone());
        outcome.err().unwrap_or_else(|| panic!("accepted: {op} {request}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = writeln!(self.requests, "{}", json!({"op": "quit"}));
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a field in hexadecimal.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_else(|| panic!("not hex: {value}"));
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}
