#!/usr/bin/env python3
"""Flash, RAM, stack and instructions of Sealwire on Cortex-M, held against tests/budget.toml.

    scripts/budget.py run [--images A,B] [--write]   links and runs the images; --write takes the figures over into budget.toml
    scripts/budget.py docs [--check]                 writes docs/SIZE.md from budget.toml, or says whether it is fresh

How each figure is measured stands in docs/SIZE.md. Needs what scripts/firmware.py needs, QEMU's Arm emulator and the host's C compiler.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import budget_page
import firmware

try:
    import tomllib
except ImportError:  # before Python 3.11
    from pip._vendor import tomli as tomllib  # type: ignore

ROOT = firmware.ROOT
FOLDER = os.path.join("tests", "budget")
OUT = os.path.join("build", "budget")
BUDGET = os.path.join("tests", "budget.toml")
CALLS = os.path.join(OUT, "calls.txt")
PAGE = os.path.join("docs", "SIZE.md")
PATIENCE_S = 120
MARK = "# ---- figures reached: written by `scripts/budget.py run --write`\n"

# Code for an M0 runs on the emulated M3 too, which has more memory for the stack to be painted in.
CPUS = {"cortex-m4": ("cortex-m4", "mps2-an386"), "cortex-m0": ("cortex-m0plus", "mps2-an385")}
FIGURES = ("text", "text_small", "data", "bss", "memory", "stack", "handshake", "handshake_responder", "send_64", "receive_64", "send_1024", "receive_1024",
           "restore")


class BudgetError(Exception):
    """An image does not link or run; the text says why."""


@dataclass(frozen=True)
class Image:
    """A program whose size counts, and what its runs need."""

    source: str
    flavour: str
    peer: str  # what peer.c is told of its credentials
    defines: Tuple[str, ...] = ()
    primitives: bool = False
    responds: bool = False


IMAGES: Dict[str, Image] = {
    "device-primitives": Image("primitives.c", "sensor", "x25519", primitives=True),
    "device": Image("device.c", "sensor", "x25519"),
    "endpoint": Image("endpoint.c", "sensor", "x25519"),
    "device-issuers": Image("endpoint.c", "device-issuers", "issuers", ("ISSUERS",)),
    "device-p256": Image("endpoint.c", "device-p256", "p256", ("P256",)),
    "full": Image("endpoint.c", "full", "x25519", ("FULL",), responds=True),
}


def sh(command: Sequence[str], **more: Any) -> str:
    """Runs a command and returns its output. Raises BudgetError."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False, **more)
    if done.returncode != 0:
        raise BudgetError(f"{done.stdout}\nfailed: {' '.join(command)}")
    return str(done.stdout)


def load() -> Dict[str, Any]:
    """The budget."""
    with open(os.path.join(ROOT, BUDGET), "rb") as file:
        budget: Dict[str, Any] = tomllib.load(file)
    return budget


# ---- building


def host_tools() -> Tuple[str, str]:
    """Builds the peer and the counting plugin; their paths."""
    os.makedirs(os.path.join(ROOT, OUT), exist_ok=True)
    sh(["cargo", "build", "--locked", "-q", "--release", "-p", "sealwire-ffi"])
    compiler = os.environ.get("CC", "gcc")
    peer, count = os.path.join(OUT, "peer"), os.path.join(OUT, "count.so")
    sh([compiler, "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iinclude", f"{FOLDER}/peer.c",
        os.path.join(firmware.cargo_target_dir(), "release", "libsealwire.a"), "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc", "-o", peer + ".new"])
    # Another run may be using it.
    os.replace(os.path.join(ROOT, peer + ".new"), os.path.join(ROOT, peer))
    sh([compiler, "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"{FOLDER}/count.c", "-o", count + ".new"])
    os.replace(os.path.join(ROOT, count + ".new"), os.path.join(ROOT, count))
    return peer, count


def link(name: str, target: str, library: str, suffix: str, defines: Sequence[str]) -> str:
    """Links one image; its path."""
    image = IMAGES[name]
    provision = os.path.join(OUT, "provision-" + image.peer)
    where = os.path.join(OUT, target)
    os.makedirs(os.path.join(ROOT, where), exist_ok=True)
    path = os.path.join(where, name + suffix + ".elf")
    tools = firmware.TARGETS[target]
    sh([tools.tool("gcc"), "-mthumb", f"-mcpu={CPUS[target][0]}", *firmware.CFLAGS, *firmware.BARE_CFLAGS, "-Iinclude", f"-I{FOLDER}", f"-I{provision}",
        *(f"-D{one}" for one in (*image.defines, *defines)), f"{FOLDER}/{image.source}", f"{FOLDER}/board.c", library, *tools.libraries,
        *firmware.LINK_FLAGS, "-T", f"{FOLDER}/mps2.ld", "-o", path])
    return path


def provision(peer: str, credentials: str) -> None:
    """Writes the test keys and credentials that the images are compiled with."""
    where = os.path.join(ROOT, OUT, "provision-" + credentials)
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, "provision.h"), "w", encoding="utf-8") as file:
        file.write(sh([peer, credentials, "provision"]))


# ---- measuring


def sections(target: str, path: str) -> Dict[str, int]:
    """text, data and bss of an image."""
    row = sh([firmware.TARGETS[target].tool("size"), path]).splitlines()[1].split()
    return {"text": int(row[0]), "data": int(row[1]), "bss": int(row[2])}


PANIC = re.compile(r"panic|unwrap_failed|expect_failed|_fail$|begin_unwind|slice_index|len_mismatch")


def panics(target: str, path: str) -> Dict[str, List[str]]:
    """Functions of an image that panic, each with the functions that call it."""
    tools = firmware.TARGETS[target]
    names = {line.split(None, 2)[2] for line in sh([tools.tool("nm"), "-C", path]).splitlines() if line.split(None, 2)[1:2] in (["t"], ["T"], ["W"], ["w"])}
    found: Dict[str, List[str]] = {name: [] for name in names if PANIC.search(name)}
    if not found:
        return found
    inside = ""
    for line in sh([tools.tool("objdump"), "-d", "-C", "--no-show-raw-insn", path]).splitlines():
        head = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        if head:
            inside = head.group(1)
            continue
        call = re.search(r"\t(?:bl?|b\.[nw]|b[a-z]{2}(?:\.[nw])?)\t[0-9a-f]+ <(.*?)(?:\+0x[0-9a-f]+)?>$", line)
        if call and call.group(1) in found and call.group(1) != inside and inside not in found[call.group(1)]:
            found[call.group(1)].append(inside)
    return found


def converse(machine: str, path: str, peer: Sequence[str], measured: Optional[str]) -> List[Tuple[str, int, int]]:
    """Runs an image with its serial line joined to the peer. With `measured`, a file for the plugin's counts, the image reports its calls:
    names, stack in bytes, instructions; memory figures count no instructions. Raises BudgetError."""
    report = os.path.join(ROOT, path + ".report")
    emulator = ["qemu-system-arm", "-M", machine, "-display", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native", "-kernel", path,
                "-serial", "stdio"]
    if measured:
        emulator += ["-serial", f"file:{report}", "-plugin", f"{OUT}/count.so,out={measured}"]
    to_peer, from_device = os.pipe()
    to_device, from_peer = os.pipe()
    device = subprocess.Popen(emulator, cwd=ROOT, stdin=to_device, stdout=from_device, stderr=subprocess.PIPE, universal_newlines=True)
    other = subprocess.Popen(peer, cwd=ROOT, stdin=to_peer, stdout=from_peer, stderr=subprocess.PIPE, universal_newlines=True)
    for end in (to_peer, from_device, to_device, from_peer):
        os.close(end)
    try:
        _, said = other.communicate(timeout=PATIENCE_S)
        if other.returncode != 0:
            raise BudgetError(f"{path}: {said.strip()}")
        # The device's last steps need no peer; one that runs for ever is stopped.
        if measured:
            device.communicate(timeout=PATIENCE_S)
            if device.returncode != 0:
                raise BudgetError(f"{path} ended with {device.returncode}")
    except subprocess.TimeoutExpired as late:
        raise BudgetError(f"{path} did not finish in {PATIENCE_S} s") from late
    finally:
        for process in (device, other):
            if process.poll() is None:
                process.kill()
                process.communicate()
    if not measured:
        return []
    with open(report, encoding="utf-8") as file:
        rows = [(name, int(number)) for name, number in (line.split() for line in file)]
    with open(os.path.join(ROOT, measured), encoding="utf-8") as file:
        counts = [int(line) for line in file]
    calls = [row for row in rows if not row[0].startswith("memory.")]
    if len(calls) != len(counts):
        raise BudgetError(f"{path}: {len(calls)} calls reported, {len(counts)} counted")
    return [(name, number, 0) for name, number in rows if name.startswith("memory.")] + [(*row, count) for row, count in zip(calls, counts)]


def by_call(rows: Sequence[Tuple[str, int, int]]) -> Dict[str, Tuple[int, int, int]]:
    """How often each call was made, the most stack it took, and its instructions in all."""
    calls: Dict[str, Tuple[int, int, int]] = collections.OrderedDict()
    for name, stack, count in rows:
        times, most, total = calls.get(name, (0, 0, 0))
        calls[name] = (times + 1, max(most, stack), total + count)
    return calls


def measure(name: str, target: str, peer: str) -> Tuple[Dict[str, int], Dict[str, List[str]], Dict[str, Tuple[int, int, int]]]:
    """Figures of one image, its panics, and its calls."""
    image = IMAGES[name]
    machine = CPUS[target][1]
    talk = [peer, image.peer, "primitives" if image.primitives else "answer"]
    library = firmware.lib(target, image.flavour)
    path = link(name, target, library, "", ())
    figures = sections(target, path)
    # What is weighed is what works: the same image holds a conversation.
    converse(machine, path, [*talk, "1"], None)
    small = link(name, target, firmware.lib(target, image.flavour, small=True), "-small", ())
    figures["text_small"] = sections(target, small)["text"]
    converse(machine, small, [*talk, "1"], None)
    traps = panics(target, small)
    if traps:
        raise BudgetError(f"{small}: panics in {', '.join(sorted(traps))}, where a panic ought to be a trap")

    run = link(name, target, library, "-measured", ("MEASURED",))
    calls = by_call(converse(machine, run, [*talk, "2" if image.primitives else "4"], run + ".counts"))
    memory = calls.get("memory.declared", (0, 0, 0))[1]
    figures["memory"] = memory
    figures["handshake"] = sum(count for call, (_, _, count) in calls.items() if call.startswith("handshake."))
    if image.responds:
        run = link(name, target, library, "-responder", ("MEASURED", "RESPOND"))
        answered = by_call(converse(machine, run, [peer, image.peer, "begin", "4"], run + ".counts"))
        figures["handshake_responder"] = sum(count for call, (_, _, count) in answered.items() if call.startswith("handshake."))
        for call, row in answered.items():
            if call.startswith("handshake."):
                calls["responder." + call] = row
    figures["stack"] = max(most for call, (_, most, _) in calls.items() if not call.startswith("memory."))
    for call in ("send_64", "receive_64", "send_1024", "receive_1024", "restore"):
        if call in calls:
            figures[call] = calls[call][2]
    return figures, panics(target, path), calls


# ---- judging


def limit(figure: str, reached: int) -> int:
    """The most that a figure may come to be: what it was, and a little for another compiler's mood."""
    if figure in ("data", "memory"):
        return reached
    if figure in ("text", "text_small", "bss"):
        return reached + max(32, reached // 200)
    if figure == "stack":
        return reached + 64
    return reached + reached // 100


def judge(budget: Dict[str, Any], target: str, name: str, figures: Dict[str, int], found: Dict[str, List[str]]) -> List[str]:
    """What is worse than the budget allows."""
    wrong = []
    reached = budget["figures"].get(target, {}).get(name)
    if reached is None:
        return [f"{target} {name}: not in {BUDGET}"]
    for figure in FIGURES:
        if figure in figures and figures[figure] > limit(figure, reached.get(figure, 0)):
            wrong.append(f"{target} {name}: {figure} {figures[figure]:,}, limit {limit(figure, reached.get(figure, 0)):,}")
    for panic in sorted(set(found) - set(reached["panics"])):
        wrong.append(f"{target} {name}: panics in {panic}, forced by {', '.join(found[panic]) or 'a pointer'}")
    return wrong


def toml_value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_figures(budget: Dict[str, Any]) -> None:
    """Replaces the figures in the budget's file; the rest of it stays."""
    with open(os.path.join(ROOT, BUDGET), encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    text = head + MARK
    for target in CPUS:
        for name in IMAGES:
            row = budget["figures"].get(target, {}).get(name)
            if row is not None:
                text += f"\n[figures.{target}.{name}]\n" + "".join(f"{key} = {toml_value(row[key])}\n" for key in (*FIGURES, "panics") if key in row)
    with open(os.path.join(ROOT, BUDGET), "w", encoding="utf-8") as file:
        file.write(text)


def detail(target: str, name: str, calls: Dict[str, Tuple[int, int, int]], found: Dict[str, List[str]]) -> str:
    """What each call of an image took, and who panics."""
    text = f"{target} {name}: instructions, stack\n"
    for call, (times, most, count) in calls.items():
        if call.startswith("memory."):
            text += f"    {call:<30}{most:>12,}\n"
        else:
            text += f"    {call + (f' ({times} times)' if times > 1 else ''):<30}{count:>12,}{most:>8,}\n"
    return text + "".join(f"    panics: {panic} <- {', '.join(callers) or 'a pointer'}\n" for panic, callers in sorted(found.items())) + "\n"


def show(target: str, rows: Dict[str, Dict[str, int]], aims: Dict[str, Dict[str, int]]) -> None:
    """A table: figures of each image, with ! where a target is missed."""
    print(f"{target:<20}" + "".join(f"{name:>19}" for name in rows))
    for figure in FIGURES:
        cells = []
        for name, row in rows.items():
            aim = aims.get(name, {}).get(figure)
            cells.append(f"{row[figure]:,}" + ("" if aim is None or row[figure] <= aim else "!") if figure in row else "-")
        if any(cell != "-" for cell in cells):
            print(f"  {figure:<18}" + "".join(f"{cell:>19}" for cell in cells))
    for name, row in aims.items():
        if name in rows:
            print(f"  targets of {name}: " + ", ".join(f"{figure} {aim:,}" for figure, aim in row.items()))
    print(flush=True)


def run(names: Sequence[str], targets: Sequence[str], write: bool) -> int:
    """Measures, prints, judges."""
    budget = load()
    budget.setdefault("figures", {})
    peer, _ = host_tools()
    for credentials in sorted({IMAGES[name].peer for name in names}):
        provision(peer, credentials)
    wrong: List[str] = []
    missed = 0
    details = ""
    for target in targets:
        rows: Dict[str, Dict[str, int]] = {}
        for name in names:
            figures, found, calls = measure(name, target, peer)
            missed += sum(1 for figure, aim in budget.get("targets", {}).get(target, {}).get(name, {}).items() if figures[figure] > aim)
            rows[name] = figures
            details += detail(target, name, calls, found)
            if write:
                budget["figures"].setdefault(target, {})[name] = {**figures, "panics": sorted(found)}
            else:
                wrong += judge(budget, target, name, figures, found)
        show(target, rows, budget.get("targets", {}).get(target, {}))
        if write:
            write_figures(budget)
    with open(os.path.join(ROOT, CALLS), "w", encoding="utf-8") as file:
        file.write(details)
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"each call, and who panics: {CALLS}")
    print(f"ran {len(names) * len(targets)} images, {len(wrong)} figures beyond their limits, {missed} targets missed")
    return 1 if wrong else 0


def docs_page(check: bool) -> int:
    """Writes the page, or says whether it is what would be written."""
    text = budget_page.page(load(), list(IMAGES))
    path = os.path.join(ROOT, PAGE)
    if check:
        with open(path, encoding="utf-8") as file:
            fresh = file.read() == text
        print("ran 1 page" if fresh else f"{PAGE} is not what {BUDGET} says: scripts/budget.py docs")
        return 0 if fresh else 1
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Sealwire's budget on Cortex-M.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="link and run the images, and compare")
    one.add_argument("--images", default=",".join(IMAGES), help="some of " + ",".join(IMAGES))
    one.add_argument("--targets", default=",".join(CPUS), help="some of " + ",".join(CPUS))
    one.add_argument("--write", action="store_true", help="take the figures over into " + BUDGET)
    docs = commands.add_parser("docs", help="write " + PAGE)
    docs.add_argument("--check", action="store_true", help="only say whether it is fresh")
    options = parser.parse_args(arguments)
    if options.command == "docs":
        return docs_page(options.check)
    try:
        return run(options.images.split(","), options.targets.split(","), options.write)
    except (BudgetError, firmware.FirmwareError) as error:
        print(f"budget: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
