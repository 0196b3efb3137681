"""Writes tests/vectors/link_{fragment,ethernet,spi,rs485}.json: what ends written from docs/PROTOCOL.md section 7 alone send.

Plain Python, PyPI `cobs` for RS-485 (tested with 1.2), binascii.crc_hqx for checksums. Run it from the repository's top folder:

    pip install cobs && python tests/generators/links.py
"""

from __future__ import annotations

import binascii
import json
import pathlib
import random
import struct
from typing import Iterator

from cobs import cobs

VECTORS = pathlib.Path(__file__).parents[1] / "vectors"


def crc(data: bytes) -> bytes:
    return struct.pack(">H", binascii.crc_hqx(data, 0xFFFF))


# ---- fragments

def cut(frame: bytes, size: int, tag: int) -> list[bytes]:
    piece = size - 2
    pieces = [frame[at:at + piece] for at in range(0, len(frame), piece)]
    return [bytes([tag % 64, number | (0x80 if number == len(pieces) - 1 else 0)]) + part for number, part in enumerate(pieces)]


def fragment_vectors() -> list[dict[str, object]]:
    vectors = []
    for link, size, lengths in (
        ("BLE, default ATT MTU", 20, (1, 17, 18, 19, 36, 37, 45, 200, 2304)),
        ("BLE, ATT MTU 247", 244, (242, 243, 1000)),
        ("BLE, longest value", 512, (510, 511, 3000)),
        ("802.15.4", 81, (45, 79, 80, 158, 159, 1280, 10112)),
        ("Ethernet", 1498, (1, 1496, 1497, 5000)),
    ):
        # Each has a sender of its own, whose tags count up and wrap.
        for tag, length in enumerate(lengths):
            tag += 60 if size == 20 else 0
            frame = random.randbytes(length)
            vectors.append({"name": f"{link}: {length} bytes", "size": size, "tag": tag % 64, "frame": frame.hex(),
                            "fragments": [fragment.hex() for fragment in cut(frame, size, tag)]})
    return vectors


# ---- what receivers of fragments do with a bad line

def line_vectors() -> list[dict[str, object]]:
    """Each step: sender, time, fragment, and the frame that is complete then, or null."""

    def steps(*arrivals: tuple[int, int, bytes, bytes | None]) -> list[list[object]]:
        return [[now, sender, fragment.hex(), None if frame is None else frame.hex()] for now, sender, fragment, frame in arrivals]

    long, short = bytes(range(100)), b"short"
    a, b, (c,) = cut(long, 40, 3), cut(long[::-1], 40, 4), cut(short, 40, 5)
    assert len(a) == len(b) == 3
    return [
        {"name": "in order", "steps": steps((0, 1, a[0], None), (0, 1, a[1], None), (0, 1, a[2], long), (0, 1, c, short)),
         "counters": {"frames": 2}},
        {"name": "first lost", "steps": steps((0, 1, a[1], None), (0, 1, a[2], None), (0, 1, c, short)), "counters": {"frames": 1, "lost": 1}},
        {"name": "middle lost", "steps": steps((0, 1, a[0], None), (0, 1, a[2], None), (0, 1, c, short)), "counters": {"frames": 1, "lost": 1}},
        {"name": "last lost", "steps": steps((0, 1, a[0], None), (0, 1, a[1], None), (0, 1, c, short)), "counters": {"frames": 1, "lost": 1}},
        {"name": "each twice", "steps": steps((0, 1, a[0], None), (0, 1, a[0], None), (0, 1, a[1], None), (0, 1, a[1], None),
                                              (0, 1, a[2], long), (0, 1, a[2], None)), "counters": {"frames": 1}},
        {"name": "swapped", "steps": steps((0, 1, a[0], None), (0, 1, a[2], None), (0, 1, a[1], None), (0, 1, c, short)),
         "counters": {"frames": 1, "lost": 1}},
        {"name": "two senders at once", "steps": steps((0, 1, a[0], None), (0, 2, b[0], None), (0, 1, a[1], None), (0, 2, b[1], None),
                                                       (0, 2, b[2], long[::-1]), (0, 1, a[2], long)), "counters": {"frames": 2}},
        {"name": "three senders for two slots", "steps": steps((0, 1, a[0], None), (1, 2, b[0], None), (2, 3, c, None), (5001, 3, c, short),
                                                               (5001, 1, a[1], None), (5001, 2, b[1], None), (5001, 2, b[2], long[::-1])),
         "counters": {"frames": 2, "expired": 1, "refused": 1}},
        {"name": "garbage between", "steps": steps((0, 1, a[0], None), (0, 1, b"", None), (0, 1, b"\x00\x01", None), (0, 1, b"\x40\x80x", None),
                                                   (0, 1, a[1][:-1], None), (0, 1, a[1] + b"x", None), (0, 1, b"\x03\x7fx", None),
                                                   (0, 1, a[1], None), (0, 1, a[2], long)), "counters": {"frames": 1, "malformed": 6}},
        {"name": "above the memory", "steps": steps(*((0, 1, part, None) for part in cut(bytes(101), 40, 9)), (0, 1, c, short)),
         "counters": {"frames": 1, "overlong": 1}},
    ]


# ---- Ethernet

def ethernet_vectors() -> list[dict[str, object]]:
    vectors = []
    for name, destination, source, ether_type, length in (
        ("shortest fragment, to all", "ffffffffffff", "020000000001", 0x88B5, 3),
        ("one below the padding", "020000000002", "020000000001", 0x88B5, 43),
        ("as long as the padding", "020000000002", "020000000001", 0x88B5, 44),
        ("above the padding", "020000000002", "020000000001", 0x88B5, 45),
        ("longest fragment", "020000000002", "fedcba987654", 0x88B5, 1498),
        ("a maker's EtherType", "0180c2000000", "fedcba987654", 0x9ABC, 200),
    ):
        fragment = random.randbytes(length)
        head = bytes.fromhex(destination) + bytes.fromhex(source) + struct.pack(">HH", ether_type, length)
        vectors.append({"name": name, "destination": destination, "source": source, "ether_type": ether_type, "fragment": fragment.hex(),
                        "data": (head + fragment).ljust(60, b"\0").hex()})
    return vectors


# ---- SPI

def blocks(frames: list[bytes], size: int) -> Iterator[bytes]:
    sequence = 0
    for frame in frames:
        piece = size - 6
        for at in range(0, len(frame), piece):
            part = frame[at:at + piece]
            field = len(part) | (0x8000 if at == 0 else 0) | (0x4000 if at + piece >= len(frame) else 0)
            block = (struct.pack(">BBH", 0xA5, sequence % 256, field) + part).ljust(size - 2, b"\0")
            yield block + crc(block)
            sequence += 1


def spi_vectors() -> list[dict[str, object]]:
    vectors = []
    for size, lengths in ((8, (1, 2, 3, 50)), (32, (1, 26, 27, 200)), (64, (58, 59, 1000)), (256, (37, 45, 19, 600)), (4096, (4090, 4091))):
        frames = [random.randbytes(length) for length in lengths]
        vectors.append({"name": f"blocks of {size}", "size": size, "frames": [frame.hex() for frame in frames],
                        "blocks": [block.hex() for block in blocks(frames, size)]})
    # More than 256 blocks.
    frames = [bytes([number % 256] * 7) for number in range(150)]
    vectors.append({"name": "the sequence wraps", "size": 12, "frames": [frame.hex() for frame in frames],
                    "blocks": [block.hex() for block in blocks(frames, 12)]})
    return vectors


# ---- RS-485

class Controller:
    def __init__(self) -> None:
        self.sequence: dict[int, int] = {}
        self.shown: dict[int, int] = {}

    def poll(self, address: int, frame: bytes) -> bytes:
        return bytes([address, self.sequence.get(address, 0) << 4 | self.shown.get(address, 0)]) + frame

    def done(self, address: int) -> None:
        self.sequence[address] = (self.sequence.get(address, 0) + 1) % 16

    def answered(self, address: int, answer: bytes) -> bytes:
        number = answer[1] & 15
        new = number not in (0, self.shown.get(address, 0))
        if new:
            self.shown[address] = number
        self.done(address)
        return answer[2:] if new else b""


class Device:
    def __init__(self) -> None:
        self.poll_before: bytes | None = None
        self.frame: bytes | None = None
        self.number = 0

    def polled(self, poll: bytes) -> tuple[bytes, bytes]:
        """The frame that the poll brings, if it is new, and the answer."""
        brought = b""
        if poll != self.poll_before:
            self.poll_before, brought = poll, poll[2:]
            shown = poll[1] & 15
            if self.number and shown == self.number:
                self.frame, self.number = None, 0
            if self.frame is not None and not self.number:
                self.number = shown % 15 + 1
        answer = bytes([poll[0] | 128, poll[1] & 0xF0 | self.number]) + (self.frame or b"" if self.number else b"")
        return brought, answer


def on_the_line(block: bytes) -> bytes:
    return b"\0" + cobs.encode(block + crc(block)) + b"\0"


def rs485_vectors() -> list[dict[str, object]]:
    """Each step: a device takes a frame to send, or a poll whose transmissions, in order, arrive (true) or not."""
    vectors = []
    for name, chance, count in (("nothing lost", 0.0, 40), ("a third lost", 0.33, 60), ("most lost", 0.75, 60)):
        controller, devices = Controller(), {address: Device() for address in (1, 2, 127)}
        steps: list[dict[str, object]] = []
        for number in range(count):
            address = random.choice(list(devices))
            device = devices[address]
            if device.frame is None and random.random() < 0.6:
                device.frame = random.randbytes(random.choice((1, 3, 40, 64)))
                steps.append({"device": address, "send": device.frame.hex()})
            frame = random.choice((b"", random.randbytes(random.choice((1, 19, 64)))))
            block = controller.poll(address, frame)
            step: dict[str, object] = {"poll": address, "frame": frame.hex(), "line": on_the_line(block).hex(), "tries": []}
            tries: list[dict[str, object]] = []
            result = None
            for _ in range(4):
                one: dict[str, object] = {"poll_arrives": random.random() >= chance}
                tries.append(one)
                if not one["poll_arrives"]:
                    continue
                brought, answer = device.polled(block)
                one.update(brought=brought.hex(), answer=on_the_line(answer).hex(), answer_arrives=random.random() >= chance)
                if one["answer_arrives"]:
                    result = controller.answered(address, answer)
                    break
            else:
                controller.done(address)
            step["tries"], step["result"] = tries, None if result is None else result.hex()
            steps.append(step)
        vectors.append({"name": name, "steps": steps})
    return vectors


def write(link: str, **parts: list[dict[str, object]]) -> None:
    document: dict[str, object] = {
        "source": "plain Python, written from docs/PROTOCOL.md section 7",
        "generator": "tests/generators/links.py",
        "verified_by": f"the core (link::{link}), both ways",
    }
    text = json.dumps(document, indent=1)[:-2]
    for name, vectors in parts.items():
        text += f',\n "{name}": [\n' + ",\n".join("  " + json.dumps(vector, separators=(",", ":")) for vector in vectors) + "\n ]"
    (VECTORS / f"link_{link}.json").write_text(text + "\n}\n")


def main() -> None:
    random.seed(485)
    write("fragment", vectors=fragment_vectors(), lines=line_vectors())
    write("ethernet", vectors=ethernet_vectors())
    write("spi", vectors=spi_vectors())
    write("rs485", vectors=rs485_vectors())


if __name__ == "__main__":
    main()
