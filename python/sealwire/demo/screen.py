"""What the demonstration shows: one screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import List, Sequence, TextIO

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def plot(samples: Sequence[int], width: int, height: int, *, braille: bool = True) -> List[str]:
    """The trace as lines of text; each column spans the samples that fall into it."""
    across, down = (2, 4) if braille else (1, 1)
    columns, rows = width * across, height * down
    cells = [[0] * width for _ in range(height)]
    if samples:
        low, high = min(samples), max(samples)
        span = max(1, high - low)
        for column in range(columns):
            first = column * len(samples) // columns
            part = samples[first : max(first + 1, (column + 1) * len(samples) // columns)]
            top = (high - max(part)) * (rows - 1) // span
            bottom = (high - min(part)) * (rows - 1) // span
            for row in range(top, bottom + 1):
                cells[row // down][column // across] |= _DOTS[row % 4][column % 2] if braille else 1
    if braille:
        return ["".join(chr(0x2800 + cell) for cell in line) for line in cells]
    return ["".join("*" if cell else " " for cell in line) for line in cells]


def entropy(data: bytes) -> float:
    """Shannon entropy of the bytes, in bits per byte."""
    if not data:
        return 0.0
    return -sum(count / len(data) * math.log2(count / len(data)) for count in Counter(data).values())


@dataclass
class Attack:
    """One attack, and what came of it."""

    name: str
    required: str
    outcome: str = ""
    state: str = "waiting"

    @property
    def held(self) -> bool:
        """Whether the outcome is the one it must be."""
        return self.state == "held"


@dataclass
class View:
    """Everything that is on the screen."""

    handshake: List[str] = field(default_factory=list)
    identities: List[str] = field(default_factory=list)
    samples: List[int] = field(default_factory=list)
    total: int = 0
    received: int = 0
    broker_frames: int = 0
    broker_bytes: bytearray = field(default_factory=bytearray)
    broker_lines: List[str] = field(default_factory=list)
    attacks: List[Attack] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)
    elapsed: float = 0.0


class Screen:
    """Draws a view again and again on a terminal; elsewhere prints what is new, line by line."""

    def __init__(self, stream: TextIO, *, drawing: bool, quiet: bool = False) -> None:
        self._stream = stream
        self._drawing = drawing and not quiet
        self._quiet = quiet
        encoding = (getattr(stream, "encoding", "") or "").lower()
        self._braille = "utf" in encoding
        self._started = False

    @classmethod
    def for_terminal(cls, *, plain: bool, quiet: bool) -> Screen:
        """For standard output."""
        drawing = sys.stdout.isatty() and not plain and os.environ.get("TERM", "dumb") != "dumb"
        return cls(sys.stdout, drawing=drawing, quiet=quiet)

    def line(self, view: View, text: str) -> None:
        """Something happened."""
        view.notes.append(f"{view.elapsed:5.1f} s  {text}")
        if not self._drawing and not self._quiet:
            print(view.notes[-1], file=self._stream, flush=True)

    def draw(self, view: View) -> None:
        """The whole screen, on a terminal."""
        if not self._drawing:
            return
        width, height = shutil.get_terminal_size((100, 40))
        width = max(60, min(width, 130))
        lines = self.compose(view, width, height - 1)
        begin = "\x1b[H" if self._started else "\x1b[2J\x1b[H"
        self._started = True
        self._stream.write(begin + "".join(f"{line[:width]}\x1b[K\r\n" for line in lines) + "\x1b[J")
        self._stream.flush()

    def finish(self, view: View) -> None:
        """The last picture: on a terminal in place, elsewhere as text."""
        if self._quiet:
            return
        if self._drawing:
            self.draw(view)
            return
        for line in ["", *self.compose(view, 100, 60)]:
            print(line, file=self._stream)
        self._stream.flush()

    def compose(self, view: View, width: int, height: int) -> List[str]:
        """The picture as lines."""
        left = width * 58 // 100
        right = width - left - 3
        tall = max(6, min(12, height - len(view.attacks) - len(view.handshake) - len(view.identities) - 12))
        bar = "─" if self._braille else "-"
        wall = "│" if self._braille else "|"
        lines = [f"Sealwire: an ECG over a broker that nobody trusts   {view.elapsed:5.1f} s"]
        lines.append(bar * width)
        lines.extend(view.handshake)
        lines.extend(view.identities)
        lines.append(bar * width)
        trace = plot(view.samples, left, tall, braille=self._braille)
        share = f"{view.received:,} of {view.total:,} samples at the hub"
        lines.append(f"{'decrypted at the hub: ' + share:<{left}} {wall} what the broker saw: {view.broker_frames} frames")
        heard = view.broker_lines[-tall + 1 :]
        heard += [""] * (tall - 1 - len(heard))
        heard.append(f"entropy {entropy(bytes(view.broker_bytes)):.2f} of 8 bits per byte")
        lines.extend(f"{ours:<{left}} {wall} {theirs[:right]}" for ours, theirs in zip(trace, heard))
        lines.append(bar * width)
        lines.append("the man in the middle, between gateway and broker:")
        for attack in view.attacks:
            mark = {"held": "held  ", "broken": "BROKEN", "running": "...   ", "waiting": "      "}[attack.state]
            lines.append(f"  {mark} {attack.name:<40} {attack.outcome or 'must give ' + attack.required}")
        lines.append(bar * width)
        lines.extend(view.notes[-3:])
        return lines


__all__ = ["Attack", "Screen", "View", "entropy", "plot"]
