"""ISO-TP against another implementation, can-isotp, on python-can's virtual bus: both kinds of CAN, both directions, live."""

from __future__ import annotations

import random
import time
from typing import Any, Callable, Iterator, List, Sequence, Tuple

import pytest
from conftest import unavailable

from sealwire import errors
from sealwire.primitives import IsoTp

try:
    import can
    import isotp
except ImportError:
    can = isotp = None

OURS, THEIRS = 0x701, 0x18DA10F1
SIZES = (8, 12, 16, 20, 24, 32, 48, 64)


@pytest.fixture(autouse=True)
def _needs() -> None:
    if can is None:
        unavailable("python-can and can-isotp are not installed")


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def pattern(length: int, seed: int = 0) -> bytes:
    return random.Random(seed * 100_003 + length).getrandbits(8 * length).to_bytes(length, "big")


class Rig:
    """A bus with both implementations on it, driven in one thread. `keep` decides which CAN frames arrive."""

    channels = iter(range(1 << 30))

    def __init__(self, ours: IsoTp, fd: bool, *, keep: Callable[[], bool] = lambda: True, **parameters: Any) -> None:
        channel = f"sealwire-{next(self.channels)}"
        protocol = can.CanProtocol.CAN_FD if fd else can.CanProtocol.CAN_20
        self.here, self.there = (can.Bus(interface="virtual", channel=channel, protocol=protocol) for _ in range(2))
        self.ours = ours
        self.fd = fd
        self.keep = keep
        self.errors: List[Exception] = []
        # Their identifiers differ in length too: 11 bits this way, 29 bits that way.
        address = isotp.AsymmetricAddress(
            tx_addr=isotp.Address(isotp.AddressingMode.Normal_29bits, txid=THEIRS, tx_only=True),
            rx_addr=isotp.Address(isotp.AddressingMode.Normal_11bits, rxid=OURS, rx_only=True),
        )
        settings = {"can_fd": fd, "tx_data_length": 64 if fd else 8, "max_frame_size": 100_000, **parameters}
        self.theirs = isotp.CanStack(self.there, address=address, error_handler=self.errors.append, params=settings)
        self.came: List[bytes] = []
        self.came_there: List[bytes] = []
        self.log: List[Tuple[str, float, bytes]] = []

    def step(self) -> None:
        self.theirs.process()
        while self.theirs.available():
            self.came_there.append(bytes(self.theirs.recv() or b""))
        while True:
            message = self.here.recv(0)
            if message is None:
                break
            assert message.arbitration_id == THEIRS and message.is_fd == self.fd
            data = bytes(message.data)
            self.log.append(("theirs", message.timestamp, data))
            if self.keep():
                self.came += self.ours.handle(now_ms(), data)
        at = time.monotonic()
        for data in self.ours.transmit(int(at * 1000)):
            self.log.append(("ours", at, data))
            if self.keep():
                self.here.send(can.Message(arbitration_id=OURS, is_extended_id=False, is_fd=self.fd, data=data))

    def until(self, done: Callable[[], bool], limit: float = 10.0) -> None:
        end = time.monotonic() + limit
        while not done():
            self.step()
            assert time.monotonic() < end, (self.errors, self.ours.counters, self.ours.sent)

    def idle(self) -> bool:
        return not self.ours.sending and not self.theirs.transmitting() and self.ours.timeout() is None

    def there_and_back(self, frame: bytes) -> None:
        """Both directions at once."""
        self.ours.send(frame)
        self.theirs.send(frame[::-1])
        self.until(lambda: bool(self.came) and bool(self.came_there) and self.idle())
        assert (self.came.pop(), self.came_there.pop()) == (frame[::-1], frame), len(frame)
        assert not self.came and not self.came_there and not self.errors

    def close(self) -> None:
        self.here.shutdown()
        self.there.shutdown()


@pytest.fixture
def rigs() -> Iterator[Callable[..., Rig]]:
    made: List[Rig] = []

    def make(*arguments: Any, **named: Any) -> Rig:
        made.append(Rig(*arguments, **named))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def gaps(log: Sequence[Tuple[str, float, bytes]], whose: str) -> List[float]:
    times = [at for who, at, data in log if who == whose and data[0] >> 4 == 2]
    return [later - earlier for earlier, later in zip(times, times[1:])]


def test_can_2_0_lengths(rigs: Callable[..., Rig]) -> None:
    rig = rigs(IsoTp(), False)
    lengths = [*range(1, 90), *range(110, 128), *range(250, 4095, 241), *range(4090, 4101), 5000]
    for length in lengths:
        rig.there_and_back(pattern(length))
    assert (rig.ours.counters.frames, rig.ours.sent.frames) == (len(lengths), len(lengths))
    assert max(len(data) for _, _, data in rig.log) == 8


def test_can_fd_lengths(rigs: Callable[..., Rig]) -> None:
    rig = rigs(IsoTp(True), True)
    lengths = [*range(1, 200), *range(250, 4095, 101), *range(4085, 4101), 65_535]
    for length in lengths:
        rig.there_and_back(pattern(length))
    assert (rig.ours.counters.frames, rig.ours.sent.frames) == (len(lengths), len(lengths))
    assert {len(data) for who, _, data in rig.log if who == "ours"} == {2, 3, 4, 5, 6, 7, 8, *SIZES}


@pytest.mark.parametrize("size,outside", [(8, 64), (64, 8), (12, 48), (48, 16), (20, 32), (24, 12)])
def test_can_fd_of_other_sizes(rigs: Callable[..., Rig], size: int, outside: int) -> None:
    rig = rigs(IsoTp(True, size=size, padding=0xA5), True, tx_data_length=outside, tx_padding=0x5A)
    for length in (*range(1, 70), 300, 4096):
        rig.there_and_back(pattern(length))
    assert {len(data) for who, _, data in rig.log if who == "ours"} <= {8, *(each for each in SIZES if each <= size)}


@pytest.mark.parametrize("ours,theirs", [(0, 0), (1, 1), (2, 7), (255, 3), (15, 16)])
def test_block_sizes(rigs: Callable[..., Rig], ours: int, theirs: int) -> None:
    rig = rigs(IsoTp(block_size=ours), False, blocksize=theirs)
    for length in (8, 20, 6 + 7 * 16, 6 + 7 * 16 + 1, 2000):
        del rig.log[:]
        rig.there_and_back(pattern(length))
        pieces = -(-(length - 6) // 7)
        for who, block in (("ours", ours), ("theirs", theirs)):
            flow = [data for by, _, data in rig.log if by == who and data[0] >> 4 == 3]
            assert flow == [bytes((0x30, block, 0))] * (1 + ((pieces - 1) // block if block else 0))


@pytest.mark.parametrize("separation,seconds", [(0x05, 0.005), (0x14, 0.020), (0xF1, 0.0001), (0xF9, 0.0009)])
def test_separation(rigs: Callable[..., Rig], separation: int, seconds: float) -> None:
    rig = rigs(IsoTp(separation=separation), False, stmin=separation)
    rig.there_and_back(pattern(100))
    for who in ("ours", "theirs"):
        assert len(gaps(rig.log, who)) == 13
        # The time is taken when a piece is due, or for theirs by the bus, which comes a little later: a few may look closer.
        assert sorted(gaps(rig.log, who))[0 if who == "ours" else 3] >= seconds * (1.0 if who == "ours" else 0.9)


def test_wait_frames(rigs: Callable[..., Rig]) -> None:
    """We are not ready: their sender bears it. They are not ready (its wait frames are made by hand, can-isotp sends none): ours bears it."""
    rig = rigs(IsoTp(timeout_ms=60, max_waits=5), False, wftmax=5)
    rig.ours.set_ready(False)
    rig.theirs.send(pattern(50))
    rig.until(lambda: sum(data[0] == 0x31 for _, _, data in rig.log) == 3)
    rig.ours.set_ready(True)
    rig.until(rig.idle)
    assert rig.came.pop() == pattern(50) and not rig.errors

    wait = isotp.protocol.PDU.craft_flow_control_data(isotp.protocol.PDU.FlowStatus.Wait, 0, 0)
    rig.ours.send(pattern(60))
    assert [data[0] for data in rig.ours.transmit(now_ms())] == [0x10]
    for _ in range(5):
        time.sleep(0.04)
        assert rig.ours.handle(now_ms(), wait) == [] and rig.ours.sending
    rig.ours.handle(now_ms(), wait)
    assert not rig.ours.sending and rig.ours.sent.refused == 1
    rig.there_and_back(pattern(33))


def test_we_never_become_ready(rigs: Callable[..., Rig]) -> None:
    rig = rigs(IsoTp(timeout_ms=30, max_waits=3), False, wftmax=10, rx_flowcontrol_timeout=200)
    rig.ours.set_ready(False)
    rig.theirs.send(pattern(50))
    rig.until(lambda: bool(rig.errors))
    assert [type(error) for error in rig.errors] == [isotp.FlowControlTimeoutError]
    assert sum(data[0] == 0x31 for _, _, data in rig.log) == 3 and rig.ours.counters.refused == 1
    rig.errors.clear()
    rig.ours.set_ready(True)
    rig.there_and_back(pattern(33))


def test_overflow(rigs: Callable[..., Rig]) -> None:
    rig = rigs(IsoTp(max_frame=300), False, max_frame_size=200)
    for length in (300, 201):
        rig.ours.send(pattern(length))
        rig.until(rig.idle)
    assert [type(error) for error in rig.errors] == [isotp.FrameTooLongError] * 2
    rig.errors.clear()
    for length in (301, 4095, 4096):
        rig.theirs.send(pattern(length))
        rig.until(rig.idle)
    assert [type(error) for error in rig.errors] == [isotp.OverflowError] * 3
    rig.errors.clear()
    assert (rig.ours.sent.refused, rig.ours.counters.overlong) == (2, 3)
    with pytest.raises(errors.BufferTooSmall):
        rig.ours.send(pattern(301))
    rig.there_and_back(pattern(200))


def test_a_peer_that_falls_silent(rigs: Callable[..., Rig]) -> None:
    silent = [False]
    rig = rigs(IsoTp(timeout_ms=50), False, keep=lambda: not silent[0], rx_flowcontrol_timeout=50, rx_consecutive_frame_timeout=50)
    rig.theirs.send(pattern(500))
    rig.ours.send(pattern(400))
    rig.until(lambda: len(rig.log) > 20)
    silent[0] = True
    rig.until(rig.idle)
    time.sleep(0.06)
    rig.step()
    # We see that they stop, and that their flow control does not come.
    assert (rig.came, rig.came_there) == ([], [])
    assert (rig.ours.counters.expired, rig.ours.sent.expired) == (1, 1)
    silent[0] = False
    rig.errors.clear()
    rig.there_and_back(pattern(500))


@pytest.mark.parametrize("fd", [False, True])
def test_five_of_a_hundred_can_frames_lost(rigs: Callable[..., Rig], fd: bool) -> None:
    dice = random.Random(3)
    rig = rigs(
        IsoTp(fd, timeout_ms=40), fd, keep=lambda: dice.random() >= 0.05, rx_flowcontrol_timeout=40, rx_consecutive_frame_timeout=40
    )
    sent = [pattern(10 + number, seed=number) for number in range(120)]
    for frame in sent:
        rig.ours.send(frame)
        rig.theirs.send(frame)
        rig.until(rig.idle)
    # What came is whole and in order, and after each loss the next frame got through.
    for came in (rig.came, rig.came_there):
        assert [frame for frame in sent if frame in came] == came
        assert 120 * (0.75 if fd else 0.2) < len(came) < 120
    seen = rig.ours.counters
    assert seen.frames == len(rig.came) and seen.lost + seen.expired > 0
    assert (seen.malformed, seen.overlong, seen.refused) == (0, 0, 0)
    assert rig.ours.sent.frames + rig.ours.sent.expired == 120


def test_arguments() -> None:
    for bad in ({"size": 9}, {"size": 64}, {"separation": 0x80}, {"timeout_ms": 0}, {"max_frame": 0}):
        with pytest.raises(errors.InvalidArgument):
            IsoTp(**bad)  # type: ignore[arg-type]
    framer = IsoTp()
    with pytest.raises(errors.InvalidArgument):
        framer.send(b"")
    framer.send(b"one")
    with pytest.raises(errors.Busy):
        framer.send(b"two")
    assert (framer.timeout(), framer.transmit(7), framer.timeout()) == (0, [b"\x03one"], None)
    assert framer.handle(7, b"\x02hi") == [b"hi"] and framer.handle(7, b"\xff") == []
    assert repr(framer.sent) == "SentCounters(frames=1, expired=0, refused=0)"
    assert (framer.counters.frames, framer.counters.malformed) == (1, 1)
