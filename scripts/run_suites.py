#!/usr/bin/env python3
"""Run the test suites of suites.py, each once, with a log file each, and end with a table.

    scripts/run_suites.py [--no-install] [--list] [SUITE ...]

On Debian 12 as root the missing system packages are installed with apt-get first, and whatever is skipped counts
as a failure. Elsewhere, and with --no-install, nothing is installed system-wide and what cannot run is skipped.
Python's standard library only; Python 3.9 or newer.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from suites import APT_PACKAGES, LOGS, ROOT, SUITES

TAIL_LINES = 60

# How the tools say how many tests ran and were skipped.
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
PYTEST = re.compile(r"^=*\s*((?:\d+ (?:passed|failed|skipped|errors?|xfailed|xpassed|deselected|warnings?)(?:, )?)+) in [\d.]+", re.M)
PYTEST_WHY = re.compile(r"^SKIPPED \[\d+\] (.+)$", re.M)
CTEST = re.compile(r"tests passed, (\d+) tests failed out of (\d+)")
# Our own scripts say it in these words: "ran 12 checks", "skipped: why".
OURS = re.compile(r"^ran (\d+)\b", re.M)
OURS_SKIPPED = re.compile(r"^skipped: (.+)$", re.M)


class Outcome:
    def __init__(self, suite):
        self.suite = suite
        self.ran = 0
        self.skipped = 0
        self.why = ""
        self.failed = False
        self.seconds = 0.0


def on_debian_12_as_root():
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            release = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    except OSError:
        return False
    debian = release.get("ID") == "debian" and release.get("VERSION_ID", "").strip('"').startswith("12")
    return debian and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def missing_packages():
    """The system packages that are not installed, by dpkg's own records."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *APT_PACKAGES],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False,
    )
    installed = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in APT_PACKAGES if name not in installed]


def install_packages():
    names = missing_packages()
    if not names:
        return True
    print(f"installing with apt-get: {' '.join(names)}", flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with open(os.path.join(LOGS, "apt.log"), "wb") as log:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *names]):
            # Mirrors fail now and then: three tries.
            for attempt in range(3):
                if subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode == 0:
                    break
                time.sleep(5 * attempt)
            else:
                print(f"failed: {' '.join(command)}; see {log.name}", flush=True)
                return False
    return True


def count(text, outcome):
    """Read numbers of tests out of a log."""
    found = False
    whys = []
    for passed, failed, ignored in CARGO.findall(text):
        found = True
        outcome.ran += int(passed) + int(failed)
        outcome.skipped += int(ignored)
        if int(ignored):
            whys.append("ignored tests")
    for summary in PYTEST.findall(text):
        found = True
        for number, word in re.findall(r"(\d+) (\w+)", summary):
            if word in ("passed", "failed", "error", "errors", "xfailed", "xpassed"):
                outcome.ran += int(number)
            elif word in ("skipped", "deselected"):
                outcome.skipped += int(number)
    whys += PYTEST_WHY.findall(text)
    for _, total in CTEST.findall(text):
        found = True
        outcome.ran += int(total)
    for number in OURS.findall(text):
        found = True
        outcome.ran += int(number)
    ours = OURS_SKIPPED.findall(text)
    outcome.skipped += len(ours)
    whys += ours
    if whys:
        outcome.why = "; ".join(dict.fromkeys(whys))
    return found


def processor_seconds():
    """What the commands so far have used of all processors together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(line, end="\n"):
    print(line, end=end, flush=True)


def run_command(command, log, environment, deadline):
    """Run one command in its own process group; True if it succeeded in time."""
    log.write(f"$ {command}\n".encode())
    log.flush()
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )
    shown = time.monotonic()
    try:
        while process.poll() is None:
            now = time.monotonic()
            if now > deadline:
                log.write(b"\nout of time: the suite was ended\n")
                return False
            if now - shown > 30:  # a sign of life for logs that are watched
                show(".", end="")
                shown = now
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return process.returncode == 0


def show_log(suite):
    """What the suite printed, without the commands and times around it."""
    with open(os.path.join(LOGS, f"{suite.name}.log"), encoding="utf-8", errors="replace") as log:
        for line in log:
            if line.strip() and not line.startswith(("$ ", "[", "ran ")):
                show(f"    {line.rstrip()}")


def run(suite, outcomes):
    outcome = Outcome(suite)
    for name in suite.after:
        earlier = outcomes.get(name)
        if earlier is not None and (earlier.failed or not earlier.ran):
            outcome.skipped, outcome.why = 1, f"'{name}' did not succeed"
            return outcome
    why = suite.cannot_run()
    if why:
        outcome.skipped, outcome.why = 1, why
        return outcome
    path = os.path.join(LOGS, f"{suite.name}.log")
    start = time.monotonic()
    environment = dict(os.environ, CARGO_TERM_COLOR="never", CARGO_INCREMENTAL="0", PYTHONUNBUFFERED="1",
                       PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore", NO_COLOR="1")
    environment.update(suite.environment)
    used = processor_seconds()
    with open(path, "wb") as log:
        for command in suite.commands:
            if not run_command(command, log, environment, start + suite.limit_s):
                outcome.failed = True
                break
        outcome.seconds = time.monotonic() - start
        log.write(f"\n[{outcome.seconds:.0f} s, {processor_seconds() - used:.0f} s of processor time]\n".encode())
    with open(path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    counted = count(text, outcome)
    if not outcome.failed and not counted and any(" pytest " in command or "cargo test" in command for command in suite.commands):
        outcome.failed, outcome.why = True, "the log does not say how many tests ran or were skipped"
    elif not counted and not outcome.failed:
        outcome.ran = len(suite.commands)
    elif counted and not outcome.ran and not outcome.failed:
        outcome.failed = not outcome.skipped
        outcome.why = outcome.why or "no test ran"
    if outcome.failed:
        outcome.why = outcome.why or f"failed: {os.path.relpath(path, ROOT)}"
        show("FAILED")
        show(f"---- end of {os.path.relpath(path, ROOT)}")
        show("\n".join(text.splitlines()[-TAIL_LINES:]))
        show("----")
    return outcome


def table(outcomes, strict, total):
    show("")
    show(f"{'suite':<14} {'result':<8} {'ran':>6} {'skipped':>8} {'seconds':>8}  why")
    bad = 0
    for outcome in outcomes.values():
        if outcome.failed:
            result = "FAILED"
        elif outcome.skipped and not outcome.ran:
            result = "skipped"
        elif outcome.skipped:
            result = "partly"
        else:
            result = "ok"
        bad += outcome.failed or (strict and outcome.skipped > 0)
        show(f"{outcome.suite.name:<14} {result:<8} {outcome.ran:>6} {outcome.skipped:>8} {outcome.seconds:>8.0f}  {outcome.why}")
    ran = sum(outcome.ran for outcome in outcomes.values())
    skipped = sum(outcome.skipped for outcome in outcomes.values())
    show(f"{'total':<14} {'':<8} {ran:>6} {skipped:>8} {total:>8.0f}")
    if bad:
        show(f"{bad} of {len(outcomes)} suites failed" + (" (on Debian 12 as root a skip is a failure)" if strict else ""))
    else:
        show(f"all {len(outcomes)} suites passed" + ("" if not skipped else f", {skipped} skipped"))
    return bad


def main(arguments):
    os.chdir(ROOT)
    os.makedirs(LOGS, exist_ok=True)
    install = "--no-install" not in arguments
    names = [argument for argument in arguments if not argument.startswith("--")]
    known = {suite.name for suite in SUITES}
    for name in names:
        if name not in known:
            raise SystemExit(f"no suite '{name}'; there are: {' '.join(sorted(known))}")
    if "--list" in arguments:
        for suite in SUITES:
            show(f"{suite.name:<14} {suite.title}")
        return 0
    start = time.monotonic()
    strict = install and on_debian_12_as_root()
    if strict and not install_packages():
        return 1
    wanted = set(names)
    # What a chosen suite builds upon runs too.
    for suite in reversed(SUITES):
        if suite.name in wanted:
            wanted.update(suite.after)
    chosen = [suite for suite in SUITES if not names or suite.name in wanted]
    outcomes = {}
    for number, suite in enumerate(chosen, 1):
        show(f"[{number:2}/{len(chosen)}] {suite.name:<14} {suite.title:<66} ", end="")
        outcome = run(suite, outcomes)
        outcomes[suite.name] = outcome
        if outcome.failed:
            continue
        if outcome.skipped and not outcome.ran:
            show(f"skipped: {outcome.why}")
        else:
            show(f"ok {outcome.seconds:.0f} s")
            if suite.shows:
                show_log(suite)
    return 1 if table(outcomes, strict, time.monotonic() - start) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
