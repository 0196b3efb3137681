"""Ethernet frames through the kernel: between two interfaces, by raw sockets."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
from typing import Callable, Iterator, List, Tuple

import pytest
from conftest import unavailable

from sealwire.primitives import Fragmenter, Reassembler, ethernet_decode, ethernet_encode

TYPE = 0x88B5
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def ip(*arguments: str) -> bool:
    if shutil.which("ip") is None:
        return False
    done = subprocess.run(["ip", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def up(name: str) -> None:
    # Nothing but this test's frames: no IPv6 neighbour discovery.
    with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as switch:
        switch.write("1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        _, flags = struct.unpack("16sh", fcntl.ioctl(asking, SIOCGIFFLAGS, struct.pack("16sh", name.encode(), 0)))
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh", name.encode(), flags | IFF_UP))


@contextlib.contextmanager
def veth(one: str, other: str) -> Iterator[bool]:
    """Two interfaces of the kernel with a cable between."""
    if not ip("link", "add", one, "type", "veth", "peer", "name", other):
        yield False
        return
    try:
        up(one)
        up(other)
        yield True
    finally:
        ip("link", "delete", one)


def open_tap(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return handle


@contextlib.contextmanager
def taps(one: str, other: str) -> Iterator[bool]:
    """The same where the kernel has no veth: two TAP interfaces, and a thread for a cable."""
    try:
        ends = [open_tap(one), open_tap(other)]
    except OSError:
        yield False
        return
    stop, stopping = os.pipe()

    def cable() -> None:
        while True:
            ready, _, _ = select.select([stop, *ends], [], [])
            if stop in ready:
                return
            for end in ready:
                os.write(ends[1 - ends.index(end)], os.read(end, 2048))

    thread = threading.Thread(target=cable, daemon=True)
    try:
        up(one)
        up(other)
        thread.start()
        yield True
    finally:
        os.write(stopping, b"x")
        if thread.ident is not None:
            thread.join(10)
        for handle in (*ends, stop, stopping):
            os.close(handle)


class Station:
    """A raw socket at an interface, under several addresses."""

    def __init__(self, interface: str, addresses: List[bytes], lost: Callable[[], bool]) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
        self.socket.bind((interface, TYPE))
        # The addresses are the test's, not the interface's.
        index = socket.if_nametoindex(interface)
        promiscuous = 1
        self.socket.setsockopt(263, 1, struct.pack("iHH8s", index, promiscuous, 0, b""))  # SOL_PACKET, PACKET_ADD_MEMBERSHIP
        self.socket.settimeout(10)
        self.addresses = addresses
        self.lost = lost
        self.fragmenters = {address: Fragmenter(1498) for address in addresses}
        self.reassembler = Reassembler(10_000, 3)
        self.lengths: List[int] = []

    def fragments(self, sender: bytes, receiver: bytes, frame: bytes) -> List[bytes]:
        return [ethernet_encode(receiver, sender, fragment) for fragment in self.fragmenters[sender].fragments(frame)]

    def send(self, data: bytes) -> None:
        if not self.lost():
            self.socket.send(data)

    def receive(self, count: int) -> List[Tuple[bytes, bytes]]:
        """What comes in so many Ethernet frames."""
        got = []
        while count:
            data, address = self.socket.recvfrom(2048)
            if address[2] == 4:  # PACKET_OUTGOING: what this end sends itself
                continue
            # What the kernel read as EtherType and source.
            assert (address[1], address[4]) == (TYPE, data[6:12])
            count -= 1
            self.lengths.append(len(data))
            parts = ethernet_decode(data)
            assert parts is not None
            receiver, sender, fragment = parts
            assert receiver in self.addresses or receiver == b"\xff" * 6
            frame = self.reassembler.feed(0, int.from_bytes(sender, "big"), fragment)
            if frame is not None:
                got.append((sender, frame))
        return got


@pytest.mark.parametrize("loss", [0.0, 0.05])
@pytest.mark.parametrize("kind", ["veth", "TAP"])
def test_frames_between_two_interfaces(kind: str, loss: float, capsys: pytest.CaptureFixture[str]) -> None:
    names = f"swa{os.getpid() % 10**6}", f"swb{os.getpid() % 10**6}"
    with (veth if kind == "veth" else taps)(*names) as there:
        if not there and kind == "veth":
            pytest.skip("this kernel makes no veth interfaces, or not for this user")
        if not there:
            unavailable("no TAP interfaces can be made here (needs CAP_NET_ADMIN and /dev/net/tun)")
        done = carry(names, random.Random(1), loss)
    with capsys.disabled():
        print(f"\nEthernet over {kind}: {done} ", end="")


def carry(names: Tuple[str, str], dice: random.Random, loss: float) -> str:
    dropped = 0

    def lost() -> bool:
        nonlocal dropped
        drop = dice.random() < loss
        dropped += drop
        return drop

    hub = Station(names[0], [bytes.fromhex("020000000001")], lost)
    devices = Station(names[1], [bytes.fromhex(f"0200000000{number:02x}") for number in (16, 17, 18)], lost)
    with contextlib.closing(hub.socket), contextlib.closing(devices.socket):
        sent = arrived = 0
        for turn in range(120):
            # Three devices at once, their fragments between each other's; then the hub answers each.
            frames = {device: dice.randbytes(dice.choice((1, 19, 37, 45, 600, 1496, 1497, 4000, 10_000))) for device in devices.addresses}
            queues = [devices.fragments(device, hub.addresses[0], frame) for device, frame in frames.items()]
            before = dropped
            count = sum(map(len, queues))
            while any(queues):
                for queue in queues:
                    if queue:
                        devices.send(queue.pop(0))
            got = hub.receive(count - (dropped - before))
            assert all(frames[device] == frame for device, frame in got)
            sent += len(frames)
            arrived += len(got)
            if turn % 10 == 0:
                whole, before = dice.randbytes(3000), dropped
                down = hub.fragments(hub.addresses[0], devices.addresses[turn % 3], whole)
                for data in down:
                    hub.send(data)
                got = devices.receive(len(down) - (dropped - before))
                assert got in ([(hub.addresses[0], whole)], [] if dropped > before else None)
        # After whatever was lost, the next frames come.
        for device in devices.addresses:
            lost_before = dropped
            data = devices.fragments(device, b"\xff" * 6, b"last")[0]
            devices.socket.send(data)
            assert hub.receive(1) == [(device, b"last")]
            assert dropped == lost_before
        counters = hub.reassembler.counters
        assert min(hub.lengths) == 60 and max(hub.lengths) == 1514
        assert counters.frames == arrived + 3
        assert (counters.malformed, counters.overlong, counters.refused, counters.expired) == (0, 0, 0, 0)
        if loss:
            # A frame of which all or the last fragment went leaves nothing to count, until its sender's next one.
            assert 0 < counters.lost <= sent - arrived and arrived > sent * 0.6
        else:
            assert (arrived, counters.lost) == (sent, 0)
        return f"{arrived} of {sent} frames, {dropped} fragments lost"
