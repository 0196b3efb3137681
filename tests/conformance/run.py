"""Runs the scenarios on every surface and says which went through where.

    python tests/conformance/run.py [--only NAME] [--surfaces rust,c,python,kotlin,swift] [--json FILE] [--all] [--mutants]

Ends non-zero if a scenario failed, was passed over without a reason in surfaces.json, or if an error of core/src/error.rs is neither provoked by a
scenario nor listed there as one that cannot be. --all shows a line for each scenario, else for each file of them; failures are always shown.
--mutants makes each expectation wrong in turn, and every runner of the text form must notice.
Run it by the Python that has the wheel.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any, Dict, List, Set, Tuple

from mutants import mutants
from scenarios import Scenario, error_numbers, load, text_form

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "conformance"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LIMIT_S = 900
Outcomes = Dict[str, Tuple[str, str]]


class NotHere(Exception):
    """A surface cannot be built on this machine."""


def run(*command: Any, **more: Any) -> None:
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, timeout=1200, **more)


# ---- surfaces: each gives the command that runs its runner

def rust(_: pathlib.Path) -> List[str]:
    run("cargo", "build", "--locked", "--quiet", "-p", "sealwire-conformance")
    return [str(TARGET / "debug" / "sealwire-conformance")]


def c(text: pathlib.Path) -> List[str]:
    run("cargo", "build", "--locked", "--quiet", "--release", "-p", "sealwire-ffi")
    program = BUILD / "runner-c"
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-overlength-strings"]
    libraries = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc".split()
    sources = sorted((HERE / "c").glob("*.c"))
    run(os.environ.get("CC", "gcc"), "-std=c99", "-g", *warnings, "-Iinclude", *sources, TARGET / "release" / "libsealwire.a", *libraries, "-o", program)
    return [str(program), str(text)]


def python(_: pathlib.Path) -> List[str]:
    return [sys.executable, str(HERE / "runner.py")]


def kotlin(text: pathlib.Path) -> List[str]:
    if shutil.which("mvn") is None:
        raise NotHere("mvn is not installed")
    run("sh", "scripts/mobile-jvm.sh", "-q", "test-compile", stdout=sys.stderr, env={**os.environ, "MOBILE_NO_TESTS": "1", "PYTHON": sys.executable})
    return ["sh", str(HERE / "kotlin.sh"), str(text)]


def swift(text: pathlib.Path) -> List[str]:
    root = pathlib.Path(os.environ.get("SEALWIRE_SWIFT_ROOT", ROOT / "build" / "swift" / "root"))
    if not (root / ".sealwire-packages").exists():
        raise NotHere("no root with Swift: sh scripts/swift-root.sh makes it")
    run("cargo", "build", "--locked", "--quiet", "-p", "sealwire-mobile", "--lib")
    out = ROOT / "build" / "swift"
    (out / "lib").mkdir(parents=True, exist_ok=True)
    shutil.copy(TARGET / "debug" / "libsealwire_mobile.so", out / "lib")
    enter = ["sh", "scripts/swift-root.sh"]
    # As scripts/swift-test.sh, whose products are used again.
    build = ["swift", "build", "--package-path", "mobile/swift", "--scratch-path", out / "package", "--product", "conformance"]
    flags = ["-Xswiftc", "-warnings-as-errors", "-Xlinker", f"-L{out}/lib", "-Xlinker", "-rpath", "-Xlinker", f"{out}/lib"]
    run(*enter, *build, *flags, stdout=subprocess.DEVNULL)
    return [*enter, str(out / "package" / "debug" / "conformance"), str(text)]


SURFACES = {"rust": rust, "c": c, "python": python, "kotlin": kotlin, "swift": swift}
READS_TEXT = ("c", "kotlin", "swift")


def outcomes(command: List[str], only: str) -> Outcomes:
    """What a runner says of each scenario."""
    done = subprocess.run([*command, *([only] if only else [])], cwd=ROOT, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False, encoding="utf-8")
    found: Outcomes = {}
    for line in done.stdout.splitlines():
        name, outcome, why = line.split("\t")
        found[name] = (outcome, why)
    failed = any(outcome == "fail" for outcome, _ in found.values())
    if done.returncode != (1 if failed else 0):
        print(f"{command[0]} ended with {done.returncode}", file=sys.stderr)
        found[""] = ("fail", f"the runner ended with {done.returncode}")
    return found


def survivors(commands: Dict[str, List[str]]) -> List[str]:
    """Scenarios with a wrong expectation that a runner let pass."""
    text = BUILD / "mutants.txt"
    text.write_text(mutants(text_form(load())), encoding="utf-8")
    wrong: List[str] = []
    for surface in (surface for surface in commands if surface in READS_TEXT):
        found = outcomes([*commands[surface][:-1], str(text)], "")
        wrong += [f"{surface}: {name} was not noticed" for name, (outcome, _) in found.items() if outcome == "pass"]
        kinds = [outcome for outcome, _ in found.values()]
        print(f"{surface}: {kinds.count('fail')} of {len(kinds) - kinds.count('skip')} wrong expectations noticed")
    return wrong


def uncovered(scenarios: List[Scenario], never: Dict[str, str]) -> List[str]:
    """What is wrong with the errors: neither provoked nor listed, or listed and provoked, or no errors at all."""
    known, provoked = set(error_numbers()), {error for scenario in scenarios for error in scenario.errors}
    wrong = [f"{name} is provoked by no scenario, nor listed under never in surfaces.json" for name in sorted(known - provoked - set(never))]
    wrong += [f"{name} is listed under never, and a scenario provokes it" for name in sorted(provoked & set(never))]
    wrong += [f"{name} is no error of error.rs" for name in sorted((provoked | set(never)) - known)]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--surfaces", default=",".join(SURFACES))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--mutants", action="store_true", help="also: runners of the text form fail whatever expectation is made wrong")
    given = parser.parse_args()
    scenarios = load(given.only or None)
    about = json.loads((HERE / "surfaces.json").read_text(encoding="utf-8"))
    BUILD.mkdir(parents=True, exist_ok=True)
    text = BUILD / "scenarios.txt"
    text.write_text(text_form(load()), encoding="utf-8")

    wrong: List[str] = uncovered(load(), about["never"])
    table: Dict[str, Outcomes] = {}
    commands: Dict[str, List[str]] = {}
    for surface in given.surfaces.split(","):
        try:
            commands[surface] = SURFACES[surface](text)
        except NotHere as missing:
            print(f"skipped: {surface}: {missing}")
            continue
        table[surface] = outcomes(commands[surface], given.only)
        lacks = about["lacks"].get(surface, {})
        for scenario in scenarios:
            outcome, why = table[surface].get(scenario.name, ("fail", "the runner did not report it"))
            if outcome == "skip" and not (why and set(why.split(",")) <= set(lacks)):
                outcome, why = "fail", f"passed over without a reason: {why}"
            table[surface][scenario.name] = (outcome, why)
        table[surface].setdefault("", ("pass", ""))
        wrong += [f"{surface}: {name or 'runner'}: {why}" for name, (outcome, why) in table[surface].items() if outcome == "fail"]

    if given.mutants:
        wrong += survivors(commands)
    show(scenarios, table, about, given.all)
    if given.json:
        given.json.write_text(json.dumps(report(scenarios, table, about), indent=1) + "\n", encoding="utf-8")
    for line in wrong:
        print(line)
    passed = sum(outcome == "pass" for found in table.values() for name, (outcome, _) in found.items() if name)
    print(f"ran {passed + len(wrong)} scenarios on {len(table)} surfaces, {len(wrong)} failed")
    return 1 if wrong else 0


def provoked(scenarios: List[Scenario], found: Outcomes) -> Set[str]:
    """The errors that a surface was seen to give."""
    return {error for scenario in scenarios if found[scenario.name][0] == "pass" for error in scenario.errors}


def show(scenarios: List[Scenario], table: Dict[str, Outcomes], about: Dict[str, Any], all_of_them: bool) -> None:
    names = [scenario.name for scenario in scenarios]
    rows: Dict[str, List[str]] = {}
    for name in names:
        rows.setdefault(name if all_of_them else name.split("/")[0], []).append(name)
    width = max(len(row) for row in [*rows, "scenario"])
    print(f"{'scenario':<{width}}  " + "  ".join(f"{surface:>8}" for surface in table))
    for row, members in rows.items():
        cells: List[str] = []
        for found in table.values():
            kinds = [found[member][0] for member in members]
            if all_of_them:
                cells.append({"pass": "pass", "skip": "-", "fail": "FAILED"}[kinds[0]])
            else:
                cells.append(f"{kinds.count('pass')}/{len(kinds)}")
        print(f"{row:<{width}}  " + "  ".join(f"{cell:>8}" for cell in cells))
    known = [name for name in error_numbers() if name not in about["never"]]
    counts = [f"{len(provoked(scenarios, found) & set(known))}/{len(known)}" for found in table.values()]
    print(f"{'errors provoked':<{width}}  " + "  ".join(f"{count:>8}" for count in counts))
    for surface in table:
        for need, why in about["lacks"].get(surface, {}).items():
            print(f"not on {surface}: {need}: {why}")
    for error, why in about["never"].items():
        print(f"never: {error}: {why}")


def report(scenarios: List[Scenario], table: Dict[str, Outcomes], about: Dict[str, Any]) -> Dict[str, Any]:
    """The whole result, for machines."""
    rows = [
        {
            "scenario": scenario.name,
            "errors": sorted(scenario.errors),
            "outcomes": {surface: {"outcome": found[scenario.name][0], "why": found[scenario.name][1]} for surface, found in table.items()},
        }
        for scenario in scenarios
    ]
    return {"format": 1, "surfaces": list(table), "scenarios": rows, "lacks": about["lacks"], "never": about["never"]}


if __name__ == "__main__":
    sys.exit(main())
