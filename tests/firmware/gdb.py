"""A little of GDB's remote protocol: what is needed to stop an emulated processor at functions and look at its memory."""

from __future__ import annotations

import socket
import time
from typing import List

CHUNK = 2000  # two digits each, in QEMU's packets of 4,096


class Gdb:
    """The other side of QEMU's `-gdb tcp:...`."""

    def __init__(self, port: int) -> None:
        end = time.monotonic() + 15
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        # One small packet waits for the other.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def _send(self, text: str) -> None:
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())

    def _answer(self) -> str:
        while True:
            begin = self._buffer.find(b"$")
            end = self._buffer.find(b"#", begin + 1) if begin >= 0 else -1
            if end >= 0 and len(self._buffer) >= end + 3:
                body = self._buffer[begin + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                self._socket.sendall(b"+")
                return body.decode()
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the emulator is gone")
            self._buffer += data

    def ask(self, text: str) -> str:
        """A command and its answer."""
        self._send(text)
        return self._answer()

    def stop_at(self, address: int, on: bool = True) -> None:
        """Sets or removes a breakpoint."""
        if self.ask(f"{'Z' if on else 'z'}0,{address:x},2") != "OK":
            raise OSError("no breakpoint")

    def go(self) -> bool:
        """Continues up to a breakpoint; false when the program has ended."""
        return self.ask("c").startswith(("T", "S"))

    def step(self) -> None:
        """One instruction."""
        self.ask("s")

    def registers(self) -> List[int]:
        """The general registers; on Arm the 14th is LR, the 15th PC."""
        text = self.ask("g")
        return [int.from_bytes(bytes.fromhex(text[at : at + 8]), "little") for at in range(0, 16 * 8, 8)]

    def memory(self, address: int, length: int) -> bytes:
        """So many bytes of it."""
        parts = []
        for at in range(0, length, CHUNK):
            parts.append(bytes.fromhex(self.ask(f"m{address + at:x},{min(CHUNK, length - at):x}")))
        return b"".join(parts)

    def close(self) -> None:
        """Leaves; the program goes on without breakpoints."""
        self._socket.close()
