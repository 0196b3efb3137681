"""Link framings (PROTOCOL §7): stream and uart."""

from __future__ import annotations

import binascii
from typing import List

from cobs import cobs  # type: ignore[import-untyped]  # the package ships no types

from .errors import PeerError


def crc16(data: bytes) -> bytes:
    """CRC-16/IBM-3740, big-endian."""
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def uart_encode(frame: bytes) -> bytes:
    """COBS(frame, CRC) and the delimiter."""
    return bytes(cobs.encode(frame + crc16(frame))) + b"\0"


class UartDecoder:
    """Takes bytes in pieces of any size, gives frames; what is broken is counted and dropped."""

    def __init__(self) -> None:
        self.dropped = 0
        self._held = bytearray()

    def feed(self, data: bytes) -> List[bytes]:
        """The frames that ``data`` completes."""
        frames: List[bytes] = []
        for byte in data:
            if byte:
                self._held.append(byte)
                continue
            block, self._held = bytes(self._held), bytearray()
            if not block:
                continue
            try:
                decoded = cobs.decode(block)
            except cobs.DecodeError:
                decoded = b""
            if len(decoded) > 2 and crc16(decoded[:-2]) == decoded[-2:]:
                frames.append(decoded[:-2])
            else:
                self.dropped += 1
        return frames


def stream_encode(frame: bytes) -> bytes:
    """The frame behind its length, two bytes big-endian."""
    if not 1 <= len(frame) <= 0xFFFF:
        raise PeerError("usage", "a frame has 1 to 65,535 bytes")
    return len(frame).to_bytes(2, "big") + frame


class StreamDecoder:
    """Takes bytes in pieces of any size, gives frames; a bad length is fatal."""

    def __init__(self, limit: int = 0xFFFF) -> None:
        self.limit = limit
        self._held = b""

    def feed(self, data: bytes) -> List[bytes]:
        """The frames that ``data`` completes; reason ``close`` where the stream must be closed."""
        self._held += data
        frames: List[bytes] = []
        while len(self._held) >= 2:
            length = int.from_bytes(self._held[:2], "big")
            if not 1 <= length <= self.limit:
                raise PeerError("close", f"length {length}")
            if len(self._held) < 2 + length:
                break
            frames.append(self._held[2 : 2 + length])
            self._held = self._held[2 + length :]
        return frames
