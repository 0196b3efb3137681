#!/usr/bin/env python3
"""Long fuzzing campaigns, resumable, and the record of them in docs/assurance.json.

    scripts/assure.py run [--seconds N] [--targets A,B] [--cores N] [--seed N] [--sanitizer none|address] [--json] [--no-record]
    scripts/assure.py report [--json]            executions and CPU time by target, over all campaigns recorded
    scripts/assure.py replay TARGET FILE         one input, for instance a crash
    scripts/assure.py keep [--targets A,B]       minimise the corpora and put them into tests/fuzz/corpus

A campaign gives each target its seconds. Ended early (Ctrl-C, power), it goes on where it was when it is started again with the same
seconds on the same commit. Corpora grow under build/fuzz and are never lost between campaigns. Python's standard library only.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ = os.path.join(ROOT, "tests", "fuzz")
WORK = os.path.join(ROOT, "build", "fuzz")
RECORD = os.path.join(ROOT, "docs", "assurance.json")
CARGO_FUZZ = "0.13.2"
MAX_LENGTH = 1024
# One run of libFuzzer: the campaign's progress is noted after each.
SLICE_S = 120
# Inputs that take longer than this are findings: the decoders need microseconds.
TIMEOUT_S = 10

STATUS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+.*?exec/s: (\d+)")
FINAL = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.M)
CRASH = re.compile(r"Test unit written to (\S+)")


class Stopped(Exception):
    """The user wants to stop."""


def targets():
    with open(os.path.join(FUZZ, "Cargo.toml"), encoding="utf-8") as file:
        return re.findall(r'^\[\[bin\]\]\nname = "(\w+)"', file.read(), re.M)


def chosen(text):
    known = targets()
    names = [name for name in re.split(r"[,\s]+", text or "") if name]
    for name in names:
        if name not in known:
            raise SystemExit(f"no target '{name}'; there are: {' '.join(known)}")
    return names or known


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False)
    return done.stdout.strip()


def commit():
    """The commit that is fuzzed; marked where the sources differ from it. The record itself and the corpora do not count."""
    changed = git("status", "--porcelain", "--", "core", "ffi-c", "tests/fuzz/src", "tests/fuzz/Cargo.toml", "tests/fuzz/Cargo.lock")
    return git("rev-parse", "HEAD") + ("-dirty" if changed else "")


# ---- building

def tools():
    return os.path.join(ROOT, "build", "tools")


def environment():
    # cargo-fuzz asks rustc for instrumentation that stable has but does not offer.
    path = os.path.join(tools(), "bin") + os.pathsep + os.environ.get("PATH", "")
    return dict(os.environ, PATH=path, RUSTC_BOOTSTRAP="1", CARGO_TERM_COLOR="never")


def install():
    have = subprocess.run(["cargo-fuzz", "--version"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          universal_newlines=True, check=False) if shutil.which("cargo-fuzz", path=environment()["PATH"]) else None
    if have is None or have.stdout.strip() != f"cargo-fuzz {CARGO_FUZZ}":
        say(f"installing cargo-fuzz {CARGO_FUZZ} under build/tools (a few minutes)")
        subprocess.run(["cargo", "install", "--locked", "--quiet", "--root", tools(), f"cargo-fuzz@{CARGO_FUZZ}"], cwd=ROOT, check=True)


def build_folder(sanitizer):
    return os.path.join(WORK, "target-" + sanitizer)


def build(sanitizer):
    install()
    say(f"building {len(targets())} targets (sanitizer: {sanitizer})")
    log = os.path.join(WORK, "build.log")
    command = ["cargo", "fuzz", "build", "--fuzz-dir", FUZZ, "--target-dir", build_folder(sanitizer), "-s", sanitizer, "--features", "engine"]
    with open(log, "wb") as file:
        if subprocess.run(command, cwd=ROOT, env=environment(), stdout=file, stderr=file, check=False).returncode:
            with open(log, encoding="utf-8", errors="replace") as text:
                sys.stderr.write("".join(text.readlines()[-40:]))
            raise SystemExit(f"the targets do not build; see {os.path.relpath(log, ROOT)}")


def binary(target, sanitizer):
    for folder in sorted(os.listdir(build_folder(sanitizer))):
        path = os.path.join(build_folder(sanitizer), folder, "release", target)
        if os.path.isfile(path):
            return path
    raise SystemExit(f"{target} was not built")


# ---- corpora

def unpack(path):
    with open(path, "rb") as file:
        data = file.read()
    inputs = []
    while data:
        length = int.from_bytes(data[:2], "big")
        inputs.append(data[2:2 + length])
        data = data[2 + length:]
    return inputs


def put(folder, inputs):
    os.makedirs(folder, exist_ok=True)
    for data in inputs:
        with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
            file.write(data)


def hexadecimal(value):
    """Every byte string in a file of vectors."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from hexadecimal(item)
    elif isinstance(value, str) and value and re.fullmatch(r"(?:[0-9a-f]{2})+", value):
        yield bytes.fromhex(value)[:MAX_LENGTH]


def vectors():
    found = set()
    folder = os.path.join(ROOT, "tests", "vectors")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found.update(hexadecimal(json.load(file)))
    return sorted(found)


def corpus(target):
    """The working corpus of a target: what it has found before, what is kept, the seeds and the vectors."""
    folder = os.path.join(WORK, "corpus", target)
    kept = os.path.join(FUZZ, "corpus", target + ".bin")
    if os.path.isfile(kept):
        put(folder, unpack(kept))
    broken_once = os.path.join(FUZZ, "regressions")
    for name in os.listdir(broken_once) if os.path.isdir(broken_once) else ():
        if name.startswith(target + "-"):
            with open(os.path.join(broken_once, name), "rb") as file:
                put(folder, [file.read()])
    put(folder, vectors())
    subprocess.run(["cargo", "run", "--quiet", "--locked", "--manifest-path", os.path.join(FUZZ, "Cargo.toml"), "--target-dir",
                    os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), "--example", "seeds", "--", target, folder],
                   cwd=ROOT, check=True)
    return folder


def keep(names, sanitizer):
    """Merges what each target has found into the smallest set with the same coverage, and packs it."""
    build(sanitizer)
    os.makedirs(os.path.join(FUZZ, "corpus"), exist_ok=True)
    total = 0
    for target in names:
        with tempfile.TemporaryDirectory() as small:
            command = [binary(target, sanitizer), "-merge=1", f"-max_len={MAX_LENGTH}", f"-timeout={TIMEOUT_S}", small, corpus(target)]
            subprocess.run(command, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            inputs = []
            for name in os.listdir(small):
                with open(os.path.join(small, name), "rb") as file:
                    inputs.append(file.read())
        inputs.sort(key=lambda data: (len(data), data))
        packed = b"".join(len(data).to_bytes(2, "big") + data for data in inputs)
        with open(os.path.join(FUZZ, "corpus", target + ".bin"), "wb") as file:
            file.write(packed)
        total += len(packed)
        say(f"{target:<22} {len(inputs):>6} inputs {len(packed):>8} bytes")
    say(f"{total} bytes in all")


# ---- running

def say(line, end="\n"):
    print(line, end=end, file=sys.stderr, flush=True)


class Tally:
    """What one target has done in this call."""

    def __init__(self, target):
        self.target = target
        self.executions = 0
        self.cpu_s = 0.0
        self.coverage = 0
        self.crashes = []


def show(tally, done, whole, rate, inputs, live):
    filled = int(20 * min(1.0, done / whole)) if whole else 20
    bar = "#" * filled + "." * (20 - filled)
    text = (f"{tally.target:<22} [{bar}] {done:>6.0f}/{whole} s {tally.executions:>12,} executions {rate:>8,}/s"
            f"  coverage {tally.coverage:>5}  inputs {inputs:>5}  crashes {len(tally.crashes)}")
    if live:
        say("\r" + text, end="")
    else:
        say(text)


def run_slice(tally, seconds, seed, sanitizer, done, whole):
    """Runs libFuzzer once; gives the seconds it took."""
    findings = os.path.join(WORK, "crashes", tally.target)
    os.makedirs(findings, exist_ok=True)
    command = [binary(tally.target, sanitizer), f"-max_total_time={max(1, int(seconds))}", f"-seed={seed}", f"-max_len={MAX_LENGTH}",
               f"-timeout={TIMEOUT_S}", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1", "-reload=0",
               f"-artifact_prefix={findings}{os.sep}", corpus(tally.target)]
    start, before = time.monotonic(), tally.executions
    process = subprocess.Popen(command, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True,
                               errors="replace", start_new_session=True)
    lines = []
    rate = inputs = 0
    live = sys.stderr.isatty()
    shown = 0.0
    interrupted = False

    def read():
        nonlocal rate, inputs
        for line in process.stderr:
            lines.append(line)
            del lines[:-400]
            found = STATUS.search(line)
            if found:
                tally.executions = before + int(found[1])
                tally.coverage = max(tally.coverage, int(found[2]))
                inputs, rate = int(found[4]), int(found[5])

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        try:
            reader.join(timeout=0.5)
        except KeyboardInterrupt:
            # libFuzzer ends cleanly and says what it has done.
            interrupted = True
            process.send_signal(signal.SIGINT)
        now = time.monotonic()
        if live and now - shown > 1:
            show(tally, done + now - start, whole, rate, inputs, True)
            shown = now
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status
    text = "".join(lines)
    executed = FINAL.search(text)
    if executed:
        tally.executions = before + int(executed[1])
    tally.cpu_s += usage.ru_utime + usage.ru_stime
    took = time.monotonic() - start
    crash = CRASH.search(text)
    if crash:
        tally.crashes.append(crash[1])
        with open(crash[1] + ".log", "w", encoding="utf-8") as file:
            file.write(text)
    elif process.returncode != 0 and not interrupted:
        say(text[-4000:])
        raise SystemExit(f"{tally.target} ended with {process.returncode} and left no input")
    if live:
        say("\r", end="")
    show(tally, done + took, whole, rate or int((tally.executions - before) / max(took, 0.1)), inputs, False)
    if interrupted:
        raise Stopped
    return took


def load(path, otherwise):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return otherwise


def save(path, value):
    """Old or new, never half: the record is worth more than one campaign."""
    text = json.dumps(value, indent=1) + "\n"
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def record(tally, seed, sanitizer, version):
    entry = {
        "commit": version,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "target": tally.target,
        "seed": seed,
        "executions": tally.executions,
        "cpu_seconds": round(tally.cpu_s, 1),
        "coverage": tally.coverage,
        "crashes": len(tally.crashes),
        "sanitizer": sanitizer,
    }
    entries = load(RECORD, [])
    entries.append(entry)
    save(RECORD, entries)
    return entry


def run(options):
    names = chosen(options.targets)
    os.makedirs(WORK, exist_ok=True)
    build(options.sanitizer)
    version = commit()
    progress_path = os.path.join(WORK, "progress.json")
    campaign = {"commit": version, "seconds": options.seconds, "sanitizer": options.sanitizer}
    progress = load(progress_path, {})
    if progress.get("campaign") == campaign:
        say("going on with the campaign that was ended early")
    else:
        progress = {"campaign": campaign, "seed": options.seed or int.from_bytes(os.urandom(4), "big") | 1, "done": {}}
    done, lock = progress["done"], threading.Lock()
    entries, crashes, stopped, executed = [], [], False, 0
    for target in names:
        tally = Tally(target)
        seed = options.seed or progress["seed"]
        try:
            while done.get(target, 0) < options.seconds and not tally.crashes:
                left = options.seconds - done.get(target, 0)
                slices = int(done.get(target, 0) // SLICE_S)
                took = run_slice(tally, min(left, SLICE_S), (seed + slices) & 0xffffffff, options.sanitizer, done.get(target, 0), options.seconds)
                done[target] = done.get(target, 0) + took
                with lock:
                    save(progress_path, progress)
        except Stopped:
            stopped = True
        if tally.executions and not options.no_record:
            entries.append(record(tally, seed, options.sanitizer, version))
        executed += tally.executions
        crashes += [(target, path) for path in tally.crashes]
        if stopped:
            break
    if not stopped and all(done.get(target, 0) >= options.seconds for target in names):
        save(progress_path, {})
    for target, path in crashes:
        where = os.path.relpath(path, ROOT)
        say(f"crash in {target}: {where}\n    replay: python3 scripts/assure.py replay {target} {where}"
            f"\n    keep:   cp {where} tests/fuzz/regressions/{target}-WHAT.bin, then make test SUITES=fuzz-corpus")
    if options.json:
        print(json.dumps(entries, indent=1))
    else:
        say(f"{executed:,} executions, {len(crashes)} crashes")
    if stopped:
        say("ended early; the same command goes on from here")
        return 130
    return 1 if crashes else 0


def report(options):
    rows = {}
    for entry in load(RECORD, []):
        row = rows.setdefault(entry["target"], {"target": entry["target"], "campaigns": 0, "executions": 0, "cpu_seconds": 0.0, "coverage": 0, "crashes": 0})
        row["campaigns"] += 1
        for key in ("executions", "cpu_seconds", "crashes"):
            row[key] = round(row[key] + entry[key], 1)
        row["coverage"] = max(row["coverage"], entry["coverage"])
        row["last"] = entry["commit"][:12]
    listed = [rows[name] for name in sorted(rows)]
    if options.json:
        print(json.dumps(listed, indent=1))
        return 0
    print(f"{'target':<22} {'campaigns':>9} {'executions':>14} {'CPU seconds':>12} {'coverage':>9} {'crashes':>8}  last commit")
    for row in listed:
        print(f"{row['target']:<22} {row['campaigns']:>9} {row['executions']:>14,} {row['cpu_seconds']:>12,.0f} {row['coverage']:>9} {row['crashes']:>8}  {row['last']}")
    total = sum(row["executions"] for row in listed)
    print(f"{'all':<22} {'':>9} {total:>14,} {sum(row['cpu_seconds'] for row in listed):>12,.0f} {'':>9} {sum(row['crashes'] for row in listed):>8}")
    missing = sorted(set(targets()) - set(rows))
    if missing:
        print("never run: " + " ".join(missing))
    return 0


def replay(options):
    os.makedirs(WORK, exist_ok=True)
    chosen(options.target)
    file = os.path.abspath(options.file)
    build(options.sanitizer)
    return subprocess.run([binary(options.target, options.sanitizer), f"-timeout={TIMEOUT_S}", file], cwd=WORK, check=False).returncode


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sanitizer", choices=["none", "address"], default="none")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="run a campaign, or go on with one")
    one.add_argument("--seconds", type=int, default=60, help="for each target; default 60")
    one.add_argument("--targets", default="", help="names with commas between; default all")
    one.add_argument("--seed", type=int, default=0, help="default: a random one, which is recorded")
    one.add_argument("--json", action="store_true", help="the new entries on standard output")
    one.add_argument("--no-record", action="store_true", help="write nothing to docs/assurance.json")
    two = commands.add_parser("report", help="executions by target over all campaigns recorded")
    two.add_argument("--json", action="store_true")
    three = commands.add_parser("replay", help="run one input")
    three.add_argument("target")
    three.add_argument("file")
    four = commands.add_parser("keep", help="minimise the corpora and put them into tests/fuzz/corpus")
    four.add_argument("--targets", default="")
    options = parser.parse_args(arguments)
    if options.command == "run":
        return run(options)
    if options.command == "report":
        return report(options)
    if options.command == "replay":
        return replay(options)
    os.makedirs(WORK, exist_ok=True)
    keep(chosen(options.targets), options.sanitizer)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        # Outside a run of libFuzzer nothing is lost.
        sys.exit(130)
