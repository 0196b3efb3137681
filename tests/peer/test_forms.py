"""CBOR strictness, frames and link framings."""

from __future__ import annotations

import pytest
from sealwire_peer import cbor, frame, link
from sealwire_peer.errors import PeerError


@pytest.mark.parametrize(
    "text",
    [
        "1817",  # 23 in two bytes
        "190017",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "5801aa",  # a length in two bytes
        "5f4101ff",  # indefinite
        "9fff",
        "bfff",
    ],
)
def test_not_deterministic(text: str) -> None:
    with pytest.raises(PeerError, match="not_deterministic"):
        cbor.decode(bytes.fromhex(text))


@pytest.mark.parametrize(
    "text", ["", "18", "42aa", "8201", "a101", "a201010102", "0000", "1c", "61ff", "f818", "81" * 9 + "00", "c1" * 9 + "00"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(PeerError, match="malformed"):
        cbor.decode(bytes.fromhex(text))


def test_depth_and_order() -> None:
    assert cbor.decode(bytes.fromhex("81" * 8 + "00")) == [[[[[[[[0]]]]]]]]
    # Bytewise order of the encoded keys (RFC 8949 §4.2.1), not length first (RFC 7049).
    assert cbor.encode({-1: 0, 24: 0, 1: 0}).hex() == "a301001818002000"


def test_frames() -> None:
    assert frame.parse(b"\x01abc", 1) == ("message_1", b"", b"abc")
    assert frame.parse(b"\x02\x0eabc", 1) == ("message_2", b"\x0e", b"abc")
    assert frame.parse(b"\x03\x0e\x0fabc", 2) == ("message_3", b"\x0e\x0f", b"abc")
    assert frame.parse(b"\x05\x0e\x02\x02", 1) == ("error", b"\x0e", b"\x02\x02")
    assert frame.parse(b"\x06\x0e\x0f", 1) == ("unknown_context", b"\x0e\x0f", b"")
    for first in range(256):
        expected = (
            "record"
            if 0x40 <= first <= 0x7F
            else "unsupported_frame"
            if 0x80 <= first <= 0xBF
            else "unsupported_version"
            if 0x10 <= first <= 0x3F
            else "malformed"
        )
        if 1 <= first <= 6:
            continue
        try:
            outcome = frame.parse(bytes([first]), 1)[0]
        except PeerError as error:
            outcome = error.reason
        assert outcome == expected, hex(first)
    for broken in (b"", b"\x02", b"\x06", b"\x0612345"):
        with pytest.raises(PeerError, match="malformed"):
            frame.parse(broken, 1)


def test_crc_check_value() -> None:
    """The check value of CRC-16/IBM-3740 over "123456789"."""
    assert link.crc16(b"123456789").hex() == "29b1"


@pytest.mark.parametrize("frame_", [b"\0", bytes(300), bytes(range(256)) * 3, b"\xff" * 254, b"x"])
def test_uart(frame_: bytes) -> None:
    decoder = link.UartDecoder()
    encoded = link.uart_encode(frame_)
    assert encoded.count(0) == 1 and encoded[-1] == 0
    assert decoder.feed(b"\0\0" + encoded) == [frame_]
    assert sum((decoder.feed(bytes([byte])) for byte in encoded), []) == [frame_]
    assert decoder.feed(b"\xff\x01\x02\0" + encoded) == [frame_]
    assert decoder.dropped == 1
    broken = bytearray(encoded)
    broken[0] ^= 0x40
    assert decoder.feed(bytes(broken)) == [] and decoder.dropped >= 2
    assert decoder.feed(b"\0" + encoded) == [frame_]


def test_stream() -> None:
    decoder = link.StreamDecoder(limit=1000)
    data = link.stream_encode(b"a") + link.stream_encode(bytes(1000))
    assert sum((decoder.feed(data[at : at + 7]) for at in range(0, len(data), 7)), []) == [b"a", bytes(1000)]
    for broken in (b"\0\0", b"\x03\xe9"):
        with pytest.raises(PeerError, match="close"):
            link.StreamDecoder(limit=1000).feed(broken)
    for frame_ in (b"", bytes(65536)):
        with pytest.raises(PeerError, match="usage"):
            link.stream_encode(frame_)
