//! Runs the scenarios of `tests/conformance` over the core: one line for each, with its name, "pass", "fail" or "skip", and why.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test: what is not as the scenarios say must stop it"
)]

mod events;
mod party;
mod scenario;
mod setup;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for scenario in scenario::load().iter().filter(|scenario| scenario.name.contains(&only)) {
        let lacks: Vec<&str> =
            scenario.needs.iter().map(String::as_str).filter(|need| ["header-version", "identities"].contains(need)).collect();
        let (outcome, why) = if lacks.is_empty() {
            match world::run(scenario) {
                Ok(()) => ("pass", String::new()),
                Err(reason) => ("fail", reason.replace(['\n', '\t'], " ")),
            }
        } else {
            ("skip", lacks.join(","))
        };
        failed += usize::from(outcome == "fail");
        println!("{}\t{outcome}\t{why}", scenario.name);
    }
    ExitCode::from(u8::from(failed > 0))
}
