"""Writes tests/vectors/uart.json: frames on a serial line as two other implementations make them.

COBS is PyPI `cobs` (tested with 1.2), the checksum binascii.crc_hqx of the standard library. Run it from the repository's top folder:

    pip install cobs && python tests/generators/uart.py
"""

from __future__ import annotations

import binascii
import json
import pathlib
import random

from cobs import cobs

TARGET = pathlib.Path(__file__).parents[1] / "vectors" / "uart.json"


def encoded(frame: bytes) -> bytes:
    checked = frame + binascii.crc_hqx(frame, 0xFFFF).to_bytes(2, "big")
    return cobs.encode(checked) + b"\0"


def with_zero_in_crc() -> bytes:
    """A frame whose checksum ends in a zero byte."""
    for number in range(1 << 16):
        frame = number.to_bytes(2, "big")
        if binascii.crc_hqx(frame, 0xFFFF) & 0xFF == 0:
            return frame
    raise AssertionError("one in 256 has it")


def main() -> None:
    random.seed(2)
    frames = {
        "check value of CRC-16/IBM-3740": b"123456789",
        "one zero": b"\0",
        "one byte": b"\x41",
        "two zeros": b"\0\0",
        "zero first": b"\0abc",
        "zero last": b"abc\0",
        "zeros only": bytes(40),
        "checksum with a zero": with_zero_in_crc(),
        "251 bytes without zero": bytes(range(1, 252)),
        "252 bytes without zero: a full block with the checksum": bytes(range(1, 253)),
        "253 bytes without zero": bytes(range(1, 254)),
        "254 bytes without zero": bytes(range(1, 255)),
        "a full block, then a zero": bytes(range(1, 255)) + b"\0",
        "all byte values": bytes(range(256)),
        "508 bytes without zero: two full blocks": bytes(range(1, 255)) * 2,
        "a record": bytes.fromhex("402700238c3dc3d820e4aa6f496c7f42aa546f0a4b2701da"),
    }
    for length in (5, 17, 64, 300, 1024):
        frames[f"random, {length} bytes"] = random.randbytes(length)
        frames[f"random with many zeros, {length} bytes"] = bytes(random.choice((0, 0, 1, 255)) for _ in range(length))
    vectors = [{"name": name, "frame": frame.hex(), "encoded": encoded(frame).hex()} for name, frame in frames.items()]
    document = {
        "source": "PyPI cobs and Python's binascii.crc_hqx, put together as docs/PROTOCOL.md section 7 says",
        "generator": "tests/generators/uart.py",
        "verified_by": "the core (link::uart), by encoding and decoding every one",
        "vectors": vectors,
    }
    TARGET.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
