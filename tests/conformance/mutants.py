"""Scenarios with one expectation made wrong each, in the text form: a runner must fail every one of them, or it does not look."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Set, Tuple

LOOKS = ("counters", "session", "sessions", "find", "ownership", "standing")
NOT_EXPECTATIONS = ("event", "as", "at", "session", "error", "error_number", "count", "misses")
OPPOSITES = {"0": "1", "1": "0", "-": "9", "initiator": "responder", "responder": "initiator"}


def _other(name: str, value: str) -> str:
    """A value that is not met where `value` is."""
    if name in ("peer", "own", "owner", "delegates"):
        return "f" * 32
    if name in ("session", "old", "origin"):
        return "nobody"
    if name == "covers":
        return str(int(value.split(",")[0]) + 70)
    return OPPOSITES.get(value, value + "9" if value.isdigit() else "x" + value)


def _wrong_lines(lines: List[str]) -> Iterator[Tuple[int, Optional[str]]]:
    """(line, what stands there instead, or nothing to leave out an event)."""
    for place, line in enumerate(lines):
        word = line.split("\t")[0]
        if "\terror=" in line:
            yield place, re.sub(r"\terror=[^\t]*", "\terror=internal", line)
            yield place, re.sub(r"\terror=[^\t]*", "", line)
            yield place, re.sub(r"\terror_number=\d+", "\terror_number=1000", line)
        if word == "event":
            yield place, None
        if word == "event" or (word in LOOKS and "\terror=" not in line):
            for found in re.finditer(r"\t(\w+)=([^\t]*)", line):
                name, value = found.groups()
                # Nobody is the same as anybody where none is expected.
                nobody = name == "peer" and ("\tnone=1" in line or "\tis=none" in line)
                if name not in NOT_EXPECTATIONS and value and not nobody:
                    yield place, line[: found.start(2)] + _other(name, value) + line[found.end(2) :]


def mutants(text: str) -> str:
    """The text form of one scenario for each expectation made wrong."""
    head, _, rest = text.partition("\n")
    out = [head]
    seen: Set[str] = set()
    for block in rest.split("end\n"):
        lines = block.rstrip("\n").split("\n")
        # One of those that differ by a parameter is enough.
        name = re.sub(r", \w+ \d+\t.*", "", lines[0])
        if name in seen:
            continue
        seen.add(name)
        for number, (place, wrong) in enumerate(_wrong_lines(lines)):
            changed = list(lines)
            if wrong is None:
                expect = max(at for at in range(place) if lines[at].startswith("expect\t"))
                changed[expect] = re.sub(r"count=(\d+)", lambda count: f"count={int(count.group(1)) - 1}", lines[expect])
                del changed[place]
            else:
                changed[place] = wrong
            changed[0] = re.sub(r"\tname=([^\t]*)", lambda name: f"\tname={name.group(1)}, mutant {number} at line {place}", lines[0])
            out += [*changed, "end"]
    return "\n".join(out) + "\n"
