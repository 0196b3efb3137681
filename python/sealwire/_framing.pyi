"""The framing of links, which is part of the compiled module. Import from `sealwire.primitives`; this module's layout is private."""

from typing import List, final

from typing_extensions import Buffer

__all__ = ["LinkCounters", "UartDecoder", "uart_encode"]

@final
class LinkCounters:
    """What a link's decoder has seen; every count stops at 2^32 - 1."""

    @property
    def frames(self) -> int:
        """Frames handed out."""

    @property
    def malformed(self) -> int:
        """Blocks dropped because they do not decode or check."""

    @property
    def overlong(self) -> int:
        """Blocks dropped because they are longer than a frame may be."""

    @property
    def lost(self) -> int:
        """Frames dropped because a piece of them is missing or came out of order."""

    @property
    def expired(self) -> int:
        """Frames dropped because their sender, or the other end of an exchange, did not go on in time."""

    @property
    def refused(self) -> int:
        """Pieces dropped because no slot was free for their sender, or the other end had no space."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class UartDecoder:
    """Takes frames out of the bytes of a serial line. What does not decode or check is dropped and counted."""

    def __new__(cls, max_frame: int) -> UartDecoder:
        """For frames up to `max_frame` bytes."""

    def feed(self, data: Buffer) -> List[bytes]:
        """Takes bytes as they come; gives the frames that were completed."""

    @property
    def counters(self) -> LinkCounters:
        """What has been seen so far."""

    @property
    def frames(self) -> int: ...
    @property
    def malformed(self) -> int: ...
    @property
    def overlong(self) -> int: ...

def uart_encode(frame: Buffer) -> bytes:
    """Frames `frame` for a serial line: COBS over frame and CRC-16, then a zero byte."""
