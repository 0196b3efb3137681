"""Writes tests/vectors/link_can.json: exchanges of CAN frames as another implementation of ISO 15765-2 makes them.

Both ends are PyPI `can-isotp` (tested with 2.0.7), joined by two lists. Run it from the repository's top folder:

    pip install can-isotp && python tests/generators/link_can.py
"""

from __future__ import annotations

import json
import pathlib
import time
from collections import deque
from typing import Any, Deque, Dict, List

import isotp

TARGET = pathlib.Path(__file__).parents[1] / "vectors" / "link_can.json"
FD_SIZES = (12, 16, 20, 24, 32, 48, 64)


class End:
    """One end; what it sends is noted and goes to the other."""

    def __init__(self, name: str, address: isotp.Address, log: List[List[str]], **parameters: Any) -> None:
        self.name = name
        self.log = log
        self.inbox: Deque[isotp.CanMessage] = deque()
        self.other: End
        self.layer = isotp.TransportLayerLogic(self.receive, self.send, address, self.fail, parameters)

    def fail(self, error: Exception) -> None:
        raise error

    def receive(self, _timeout: float) -> Any:
        return self.inbox.popleft() if self.inbox else None

    def send(self, message: isotp.CanMessage) -> None:
        self.log.append([self.name, bytes(message.data).hex()])
        self.other.inbox.append(isotp.CanMessage(message.arbitration_id, message.dlc, message.data, False, message.is_fd))


def exchange(frame: bytes, size: int, padding: int | None, block_size: int, separation: int) -> List[List[str]]:
    log: List[List[str]] = []
    parameters: Dict[str, Any] = {
        "can_fd": size > 8, "tx_data_length": size, "tx_padding": padding, "blocksize": block_size, "stmin": separation,
        "max_frame_size": len(frame),
    }
    if padding is not None:
        # It fills CAN 2.0 by itself, and CAN FD when told to.
        parameters["tx_data_min_length"] = 8
    addresses = isotp.Address(txid=1, rxid=2), isotp.Address(txid=2, rxid=1)
    sender = End("sender", addresses[0], log, **parameters)
    receiver = End("receiver", addresses[1], log, **parameters)
    sender.other, receiver.other = receiver, sender
    sender.layer.send(frame)
    deadline = time.monotonic() + 10
    while not receiver.layer.available():
        sender.layer.process()
        receiver.layer.process()
        assert time.monotonic() < deadline, "the exchange does not end"
    assert receiver.layer.recv() == frame
    return log


def pattern(length: int) -> bytes:
    return bytes((at * 7 + at // 251) & 0xFF for at in range(length))


def main() -> None:
    cases = []
    for length in (1, 2, 6, 7, 8, 9, 13, 14, 20, 62, 63, 6 + 7 * 15, 6 + 7 * 16, 6 + 7 * 17, 300):
        cases.append((f"CAN 2.0, {length} bytes", length, 8, None, 8, 0))
    for length in (4095, 4096):
        cases.append((f"CAN 2.0, {length} bytes", length, 8, None, 0, 0))
    for length in (1, 7, 8, 30):
        cases.append((f"CAN 2.0, padded, {length} bytes", length, 8, 0xAA, 8, 0))
    for size in FD_SIZES:
        for length in (size - 3, size - 2, size - 1, size - 1 + size):
            cases.append((f"CAN FD of {size}, {length} bytes", length, size, None, 8, 0))
    for length in (1, 7, 8, 9, 11, 13, 62, 63, 300, 1000):
        cases.append((f"CAN FD, {length} bytes", length, 64, None, 8, 0))
    for length in (3, 9, 70):
        cases.append((f"CAN FD, padded, {length} bytes", length, 64, 0x55, 8, 0))
    for length in (4095, 4096, 5000):
        cases.append((f"CAN FD, {length} bytes", length, 64, None, 0, 0))
    for block_size in (1, 2, 15, 255):
        cases.append((f"blocks of {block_size}", 150, 8, None, block_size, 0))
    for separation in (1, 5, 0xF1, 0xF9):
        cases.append((f"STmin {separation:#04x}", 40, 8, None, 2, separation))
    vectors = []
    for name, length, size, padding, block_size, separation in cases:
        frame = pattern(length)
        vectors.append({
            "name": name, "size": size, "padding": padding, "block_size": block_size, "separation": separation,
            "frame": frame.hex(), "exchange": exchange(frame, size, padding, block_size, separation),
        })
    document = {
        "source": "PyPI can-isotp at both ends",
        "generator": "tests/generators/link_can.py",
        "verified_by": "the core (link::can), which takes either end's part in every exchange",
    }
    lines = ",\n".join("  " + json.dumps(vector, separators=(",", ":")) for vector in vectors)
    head = json.dumps(document, indent=1).removesuffix("\n}")
    TARGET.write_text(f'{head},\n "vectors": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()
