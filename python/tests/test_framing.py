"""The framing of links other than UART and CAN, as the gateway uses it."""

import pytest

from sealwire import errors
from sealwire.primitives import (
    Fragmenter,
    Reassembler,
    Rs485Controller,
    Rs485Device,
    SpiExchange,
    ethernet_decode,
    ethernet_encode,
)


def test_fragments_of_two_senders_at_once() -> None:
    one, other = Fragmenter(20), Fragmenter(81)
    assert (one.longest, other.longest) == (2304, 10112)
    whole = bytes(range(100))
    reassembler = Reassembler(100, 2)
    got = []
    for number, fragment in enumerate(one.fragments(whole)):
        assert len(fragment) <= 20
        got.append(reassembler.feed(0, 1, fragment))
        if number < 2:
            got.append(reassembler.feed(0, 2, other.fragments(whole)[number]))
    assert [frame for frame in got if frame] == [whole]
    # The second of another frame followed the first of one.
    assert (reassembler.counters.frames, reassembler.counters.lost) == (1, 1)
    with pytest.raises(errors.InvalidArgument):
        one.fragments(b"")
    for wrong in (Fragmenter, lambda size: Reassembler(size, 0)):
        with pytest.raises(errors.InvalidArgument):
            wrong(2)


def test_a_sender_that_never_finishes() -> None:
    reassembler = Reassembler(64, timeout_ms=100)
    first, _ = Fragmenter(20).fragments(bytes(30))
    assert reassembler.feed(0, 1, first) is None
    assert reassembler.feed(50, 2, b"\0\x80x") is None
    assert reassembler.counters.refused == 1
    reassembler.expire(101)
    assert reassembler.feed(101, 2, b"\0\x80x") == b"x"
    assert (reassembler.counters.expired, reassembler.counters.frames) == (1, 1)


def test_ethernet() -> None:
    here, there = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
    fragment = Fragmenter(1498).fragments(b"frame")[0]
    data = ethernet_encode(there, here, fragment)
    assert (len(data), data[:14]) == (60, there + here + b"\x88\xb5")
    assert ethernet_decode(data) == (there, here, fragment)
    assert ethernet_decode(ethernet_encode(there, here, fragment, ether_type=0x9000)) is None
    with pytest.raises(errors.Malformed):
        ethernet_decode(data[:18])
    with pytest.raises(errors.InvalidArgument):
        ethernet_encode(there[:5], here, fragment)


def test_spi_both_ways() -> None:
    controller, device = SpiExchange(32), SpiExchange(32)
    controller.send(bytes(range(200)))
    device.send(b"up")
    with pytest.raises(errors.Busy):
        controller.send(b"more")
    down, up = [], []
    while controller.sending or device.sending:
        mosi, miso = controller.transmit(), device.transmit()
        assert len(mosi) == len(miso) == 32
        down.append(device.handle(mosi))
        up.append(controller.handle(miso))
    assert [frame for frame in down if frame] == [bytes(range(200))]
    assert [frame for frame in up if frame] == [b"up"]
    assert controller.transmit() == b"\xff" * 32
    assert device.handle(b"\xa5" * 32) is None
    assert (device.counters.frames, device.counters.malformed) == (1, 1)
    with pytest.raises(errors.InvalidArgument):
        SpiExchange(7)


def test_rs485_asks_and_is_answered() -> None:
    controller, devices = Rs485Controller(), {address: Rs485Device(address) for address in (1, 2)}
    devices[2].send(b"up")
    now = 0
    for address, frame, wanted in ((1, b"down", b""), (2, None, b"up"), (2, b"", b"")):
        controller.poll(address, frame)
        with pytest.raises(errors.Busy):
            controller.poll(1)
        now = max(now, controller.timeout() or 0)
        poll = controller.transmit(now)
        assert poll is not None and controller.transmit(now) is None
        got = {known: device.handle(now, poll) for known, device in devices.items()}
        assert got == {known: [frame] if frame and known == address else [] for known in devices}
        now = devices[address].timeout() or 0
        assert devices[3 - address].transmit(now) is None
        answer = devices[address].transmit(now)
        assert answer is not None
        assert controller.handle(now, answer) == [(address, wanted)]
        assert not controller.polling
    assert not devices[2].sending


def test_rs485_gives_a_silent_device_up() -> None:
    controller = Rs485Controller(retries=2)
    controller.poll(9, b"anybody?")
    polls, silent = 0, None
    while silent is None:
        now = controller.timeout()
        assert now is not None
        polls += controller.transmit(now) is not None
        silent = controller.handle_timeout(now)
    assert (polls, silent, controller.counters.expired) == (3, 9, 1)
    with pytest.raises(errors.InvalidArgument):
        controller.poll(0)
    with pytest.raises(errors.BufferTooSmall):
        controller.poll(1, bytes(1025))
