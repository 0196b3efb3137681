"""The framing of links, which is part of the compiled module. Import from `sealwire.primitives`; this module's layout is private."""

from typing import List, Optional, Tuple, final

from typing_extensions import Buffer

__all__ = [
    "Fragmenter",
    "IsoTp",
    "LinkCounters",
    "Reassembler",
    "Rs485Controller",
    "Rs485Device",
    "SentCounters",
    "SpiExchange",
    "UartDecoder",
    "ethernet_decode",
    "ethernet_encode",
    "uart_encode",
]

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
class SentCounters:
    """What became of the frames that were sent; every count stops at 2^32 - 1."""

    @property
    def frames(self) -> int:
        """Frames whose last piece has left."""

    @property
    def expired(self) -> int:
        """Frames given up because no flow control came in time."""

    @property
    def refused(self) -> int:
        """Frames given up because the receiver has no room for them, or asked to wait too often."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class IsoTp:
    """Both directions between two CAN identifiers: what `transmit` gives goes out under the one, what comes under the other goes to `handle`."""

    def __new__(
        cls,
        fd: bool = False,
        *,
        size: Optional[int] = None,
        padding: Optional[int] = None,
        block_size: int = 8,
        separation: int = 0,
        timeout_ms: int = 1000,
        max_waits: int = 10,
        max_frame: int = 65_535,
    ) -> IsoTp:
        """`size`: most bytes of a CAN frame, 8 or with `fd` 64 unless given. `padding`: a byte that fills each of them. `block_size` and
        `separation` (STmin as on the wire) are what the peer is told; `timeout_ms` is N_Bs and N_Cr, `max_waits` N_WFTmax."""

    def send(self, frame: Buffer) -> None:
        """Takes a frame to be sent. Busy while another is under way."""

    def handle(self, now_ms: int, data: Buffer) -> List[bytes]:
        """Takes the data of a CAN frame; gives the frame that it completes, if it does."""

    def transmit(self, now_ms: int) -> List[bytes]:
        """The data of the CAN frames that are to be sent now."""

    def timeout(self) -> Optional[int]:
        """When to call `transmit` again though nothing comes; a time that is over means now."""

    def set_ready(self, ready: bool) -> None:
        """While not ready, a peer that sends in pieces is asked to wait."""

    @property
    def sending(self) -> bool:
        """A frame is on its way out."""

    @property
    def counters(self) -> LinkCounters:
        """What has been received."""

    @property
    def sent(self) -> SentCounters:
        """What has been sent."""

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

@final
class Fragmenter:
    """Cuts frames into fragments for links that carry small whole blocks: BLE, 802.15.4, Ethernet."""

    def __new__(cls, size: int) -> Fragmenter:
        """For fragments of up to `size` bytes, their two in front included: 20 to 512 for BLE, up to 81 for 802.15.4, 1498 for Ethernet."""

    def fragments(self, frame: Buffer) -> List[bytes]:
        """The fragments of a frame, in the order in which they are to be sent."""

    @property
    def longest(self) -> int:
        """The longest frame that goes through."""

@final
class Reassembler:
    """Puts frames together from fragments, of several senders at once."""

    def __new__(cls, max_frame: int, senders: int = 1, *, timeout_ms: int = 5000) -> Reassembler:
        """For frames up to `max_frame` bytes, of `senders` at once. A frame that is not complete `timeout_ms` after its first fragment is dropped."""

    def feed(self, now_ms: int, sender: int, data: Buffer) -> Optional[bytes]:
        """Takes a fragment as the link gave it; gives the frame that it completes, or None. `sender` is a number that tells those apart that share the link."""

    def expire(self, now_ms: int) -> None:
        """Drops the frames whose time is over, as `feed` does too."""

    @property
    def counters(self) -> LinkCounters:
        """What has been seen so far."""

def ethernet_encode(destination: Buffer, source: Buffer, fragment: Buffer, *, ether_type: int = 0x88B5) -> bytes:
    """An Ethernet frame with one fragment, padded to 60 bytes, without checksum. `ether_type`: the IEEE's for local experiments; a product needs its own."""

def ethernet_decode(data: Buffer, *, ether_type: int = 0x88B5) -> Optional[Tuple[bytes, bytes, bytes]]:
    """Destination, source and fragment of an Ethernet frame; None if it has another EtherType. Raises `Malformed`."""

@final
class SpiExchange:
    """One end of an SPI link: blocks of one size, exchanged both ways at once. The controller makes an exchange only while the device's ready line is high."""

    def __new__(cls, size: int, *, max_frame: int = 1024) -> SpiExchange:
        """For blocks of `size` bytes, 8 to 4096, and frames up to `max_frame` bytes."""

    def send(self, frame: Buffer) -> None:
        """Takes a frame to be sent. Busy while another is under way."""

    def transmit(self) -> bytes:
        """The block to be sent in the next exchange, idle if there is nothing. Each call takes the next one."""

    def handle(self, block: Buffer) -> Optional[bytes]:
        """Takes the block that an exchange received; gives the frame that it completes, or None."""

    @property
    def sending(self) -> bool:
        """Blocks of a frame remain to be sent."""

    @property
    def counters(self) -> LinkCounters:
        """What has been received."""

@final
class Rs485Controller:
    """The end of an RS-485 bus that polls. It drives the bus only while it sends what `transmit` gave."""

    def __new__(
        cls, *, baud: int = 115_200, max_frame: int = 1024, turnaround_ms: int = 1, window_ms: int = 20, retries: int = 3
    ) -> Rs485Controller:
        """All ends of a bus have the same `baud`, `max_frame`, `turnaround_ms` (silence between two ends) and `window_ms` (how long a device may take to
        begin its answer). A poll is repeated `retries` times."""

    def poll(self, address: int, frame: Optional[Buffer] = None) -> None:
        """Asks the device at `address`, 1 to 127, and brings it `frame`. Busy while another poll waits for its answer."""

    def transmit(self, now_ms: int) -> Optional[bytes]:
        """The bytes of the poll, or of its repetition, if it is to be sent now."""

    def handle(self, now_ms: int, data: Buffer) -> List[Tuple[int, bytes]]:
        """Takes bytes from the bus; gives the answers, each with the device's address and its frame, which is empty if it had none. An answer ends its poll."""

    def timeout(self) -> Optional[int]:
        """When to call `handle_timeout` and `transmit` though nothing comes; None: no poll is under way."""

    def handle_timeout(self, now_ms: int) -> Optional[int]:
        """When the answer did not come in time: sets up the repetition (None), or gives up and tells the address that is silent."""

    @property
    def polling(self) -> bool:
        """A poll waits for its answer."""

    @property
    def counters(self) -> LinkCounters:
        """What has been received. `expired` counts the polls that were given up."""

@final
class Rs485Device:
    """A device on an RS-485 bus: it speaks when it is polled. It drives the bus only while it sends what `transmit` gave."""

    def __new__(
        cls, address: int, *, baud: int = 115_200, max_frame: int = 1024, turnaround_ms: int = 1, window_ms: int = 20
    ) -> Rs485Device:
        """The device at `address`, 1 to 127; the rest is that of the bus."""

    def send(self, frame: Buffer) -> None:
        """Takes a frame, which the answer to the next poll carries. Busy until the controller has the one before."""

    def transmit(self, now_ms: int) -> Optional[bytes]:
        """The bytes of the answer to the last poll, if it is to be sent now."""

    def handle(self, now_ms: int, data: Buffer) -> List[bytes]:
        """Takes bytes from the bus; gives the frames that polls brought."""

    def timeout(self) -> Optional[int]:
        """When to call `transmit` again; None: no answer is owed."""

    @property
    def sending(self) -> bool:
        """A frame waits for the controller to have it."""

    @property
    def counters(self) -> LinkCounters:
        """What has been received. `expired` counts the answers that were not sent because it was too late."""
