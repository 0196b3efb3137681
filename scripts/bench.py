#!/usr/bin/env python3
"""Measure Sealwire beside its rivals, all built and run now: `make bench`.

Rust: handshakes and records against lakers, snow and the bare AEADs, from their published crates (tests/bench). Python: the wheel
against lakers-python and pyca/cryptography (tests/bench/python_bench.py). Batches of ours and theirs take turns; reported are the
medians of the processor time, and the median of the ratios of neighbouring batches. Then the instructions of each Rust operation, counted by callgrind.

usage: scripts/bench.py [--quick] [--json FILE] [--write-docs] [--no-python]

--quick runs a hundredth, to see that it works. --write-docs puts the tables into docs/PERFORMANCE.md and draws docs/performance.svg.
Ratios are speeds: above 1, Sealwire is faster. A target that is missed is marked, and is no failure: clocks are noisy.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

import bench_report

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV_PYTHON = os.path.join(ROOT, "build", "venv", "bin", "python")
# Group, ours, rival, least ratio aimed at.
PAIRS = [
    ("handshake", "sealwire-4", "lakers-2", 2.5),
    ("handshake", "sealwire-2", "lakers-2", 1.0),
    ("handshake", "sealwire-4", "snow-xx", 1.0),
    ("handshake", "edhoc-2", "lakers-2", None),
    ("record-64", "sealwire-4", "chacha20poly1305", 0.9),
    ("record-1024", "sealwire-4", "chacha20poly1305", 0.9),
    ("record-64", "sealwire-4", "snow", None),
    ("record-1024", "sealwire-4", "snow", None),
    ("record-64", "sealwire-2", "ccm", None),
    ("record-1024", "sealwire-2", "ccm", None),
]
CRATES = ["lakers", "lakers-crypto-rustcrypto", "snow", "chacha20poly1305", "poly1305", "ccm", "aes", "p256", "curve25519-dalek", "sha2"]


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, universal_newlines=True, check=True, **options).stdout


def build():
    """Builds the Rust half; gives the program."""
    lines = run("cargo", "build", "--locked", "--release", "-q", "-p", "sealwire-bench", "--message-format=json-render-diagnostics")
    made = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return next(one["executable"] for one in made if one.get("executable"))


def quartiles(values):
    ordered = sorted(values)
    if len(ordered) < 4:
        return ordered[0], ordered[-1]
    low, _, high = statistics.quantiles(ordered, n=4)
    return low, high


def rust_rows(measured):
    groups = {group["name"]: {one["name"]: one["batches"] for one in group["operations"]} for group in measured["groups"]}
    rows = []
    for group, ours, rival, target in PAIRS:
        one, other = groups[group][ours], groups[group][rival]
        ratios = [theirs / own for own, theirs in zip(one, other)]
        rows.append({"group": group, "ours": ours, "rival": rival, "ours_us": statistics.median(one) / 1e3,
                     "theirs_us": statistics.median(other) / 1e3, "ratio": statistics.median(ratios),
                     "quartiles": quartiles(ratios), "target": target})
    return rows


def instructions(program, quick):
    """Instructions of one operation, or why they were not counted."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    counted = {}
    for line in run(program, "--list").splitlines():
        name = line.split()[0]
        times = (1 if quick else 8) if name.startswith("handshake") else (4 if quick else 256)
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=sealwire_bench::measured*",
             program, "--run", name, str(times)], stderr=subprocess.PIPE, universal_newlines=True, check=True)
        counted[name] = int(re.search(r"Collected : (\d+)", done.stderr).group(1)) / times
    return counted


def python_half(quick):
    """The rows of tests/bench/python_bench.py. The wheel and its rivals are put into build/venv first."""
    if not quick:
        subprocess.run(["sh", "scripts/venv-wheel.sh"], cwd=ROOT, check=True)
    absent = subprocess.run([VENV_PYTHON, "-c", "import sealwire, lakers, cryptography"], stderr=subprocess.DEVNULL, check=False)
    if absent.returncode != 0:
        run(VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "lakers-python>=0.6,<0.7", "cryptography")
    return json.loads(run(VENV_PYTHON, "tests/bench/python_bench.py", "--json", "-", *(["--quick"] if quick else [])))


def machine():
    def field(name):
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:
                return next((line.split(":")[1].strip() for line in file if line.startswith(name)), "")
        except OSError:
            return ""
    features = [name for name in ("avx2", "avx512f", "aes", "sha_ni") if name in field("flags").split()]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {
        "processor": field("model name") or platform.processor() or platform.machine(),
        "family": f"family {field('cpu family')} model {field('model')}" if field("cpu family") else "",
        "features": features,
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(load, 1),
        "rustc": run("rustc", "--version").split()[1],
    }


def crates():
    with open(os.path.join(ROOT, "Cargo.lock"), encoding="utf-8") as file:
        found = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', file.read()))
    return {name: found[name] for name in CRATES}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a hundredth, to see that it works")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--write-docs", action="store_true", help="update docs/PERFORMANCE.md and docs/performance.svg")
    parser.add_argument("--no-python", action="store_true", help="leave the Python half out")
    arguments = parser.parse_args()
    program = build()
    result = {"machine": machine(), "crates": crates(), "quick": arguments.quick}
    measured = json.loads(run(program, *(["--quick"] if arguments.quick else [])))
    result.update(wire=measured["wire"], groups=measured["groups"], rows=rust_rows(measured))
    result["instructions"] = instructions(program, arguments.quick)
    if not arguments.no_python:
        result["python"] = python_half(arguments.quick)
    bench_report.show(result)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    if arguments.write_docs:
        if arguments.quick or arguments.no_python or not isinstance(result["instructions"], dict):
            sys.exit("--write-docs needs a whole run: no --quick, no --no-python, valgrind installed")
        bench_report.write_docs(ROOT, result)
    # In the words that the runner of the test suites counts.
    measured = sum(len(group["operations"]) for group in result["groups"]) + len(result.get("python", {"rows": []})["rows"])
    print(f"\nran {measured} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
