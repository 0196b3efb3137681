#!/usr/bin/env python3
"""Does a private key in a secure element ever cross the library's interface?

The image whose key is in the (mock of a) secure element runs a handshake with the hub, and sends records. At the entry of every function of
the library that the application calls, and at its return, the first times that each is reached, the processor is stopped and the whole of its memory is searched for the key,
and for any 8 bytes of it in either byte order: arguments, what they point to, the endpoint, the stack. Nothing may be found but
in the chip's own two places. There it must be found each time, and the same search finds the key of the image that has it in flash
everywhere the library works with it: so the search can see.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

import boards
import firmware
from gdb import Gdb
from mosquitto import free_port
from sealwire._sealwire import Established
from sealwire.broker import Broker
from sealwire.demo.stage import REALM
from sealwire.hub import Hub
from sealwire.identity import Identity
from sealwire.mqtt import Message
from show import GatewayProcess

TARGET = "cortex-m4"
RAM = (0x2000_0000, 0x2_0000)
PAGES = (0x8_0000, 0x3400)
LIMIT_S = 240
TIMES = 15  # at each place: the main loop polls a thousand times a second


def called_by_the_application() -> Tuple[Set[str], Set[str]]:
    """Functions of the library that the application's files refer to, and those that the chip's does, by their object files."""
    target = firmware.TARGETS[TARGET]
    found: Dict[bool, Set[str]] = {True: set(), False: set()}
    with tempfile.TemporaryDirectory(prefix="sealwire-") as folder:
        for source in firmware.sources("wearable-element"):
            made = os.path.join(folder, "one.o")
            flags = [*target.cflags, *firmware.CFLAGS, *firmware.BARE_CFLAGS, "-Iinclude", f"-I{firmware.EXAMPLES}"]
            subprocess.run([target.tool("gcc"), *flags, "-c", source, "-o", made], cwd=boards.ROOT, check=True)
            listed = subprocess.run([target.tool("nm"), "--undefined-only", made], stdout=subprocess.PIPE, universal_newlines=True, check=True)
            names = {line.split()[-1] for line in listed.stdout.splitlines()}
            found[source.endswith("secure_element.c")] |= {name for name in names if name.startswith("sealwire_")}
    return found[False], found[True]


class Search:
    """Looks for a key, and tells its own places from others."""

    def __init__(self, key: bytes, own: List[Tuple[int, int]]) -> None:
        self.parts = [order[at : at + 8] for order in (key, key[::-1]) for at in range(0, 32, 8)]
        self.own = own
        self.seen_inside = 0
        self.leaks: List[str] = []

    def look(self, memory: List[Tuple[int, bytes]], where: str) -> None:
        """One moment."""
        inside = False
        for base, data in memory:
            for part in self.parts:
                at = data.find(part)
                while at >= 0:
                    if any(start <= base + at < start + size for start, size in self.own):
                        inside = True
                    else:
                        self.leaks.append(f"{where}: at {base + at:#x}")
                    at = data.find(part, at + 1)
        self.seen_inside += inside


def watch(port: int, at: Dict[str, int], functions: Set[str], search: Search, done: "asyncio.Event") -> int:
    """Stops at calls and returns, and searches; how many stops there were."""
    gdb = Gdb(port)
    names = {at[name] & ~1: name for name in functions if name in at}
    returns: Dict[int, str] = {}
    times: Dict[int, int] = {}
    stops = 0
    for address in names:
        gdb.stop_at(address)
    while not done.is_set() and gdb.go():
        registers = gdb.registers()
        pc, link = registers[15], registers[14] & ~1
        where = names.get(pc, returns.get(pc, "?"))
        search.look([(RAM[0], gdb.memory(*RAM)), (PAGES[0], gdb.memory(*PAGES))], where)
        stops += 1
        if pc in names and link not in names and link not in returns:
            returns[link] = f"return of {names[pc]}"
            gdb.stop_at(link)
        # Off the breakpoint, else it would stop here again.
        gdb.stop_at(pc, on=False)
        gdb.step()
        times[pc] = times.get(pc, 0) + 1
        if times[pc] < TIMES:
            gdb.stop_at(pc)
    gdb.close()
    return stops


async def run(element: bool, functions: Set[str]) -> Tuple[Search, int, bool, int]:
    """One image: the search, how many stops, whether a session came about, and messages that arrived."""
    name, flavour = ("wearable-element", "device-p256") if element else ("wearable", "device")
    image = firmware.image(name, TARGET, flavour)
    at = boards.symbols(TARGET, image)
    curve = "P-256" if element else "X25519"
    own, peer = Identity.generate("wearable-1", curve=curve), Identity.generate("hub", curve=curve)
    chip = [(at["element_key"], 40), (at["page_element"], 32)] if element else []
    search = Search(own.key.private_bytes(), chip)
    sessions: List[Any] = []
    messages: List[Any] = []
    enough = asyncio.Event()

    def on_hub(event: Any) -> None:
        if isinstance(event, Established):
            sessions.append(event)
        if isinstance(event, Message):
            messages.append(event)
            if len(messages) >= 20:
                enough.set()

    with tempfile.TemporaryDirectory(prefix="sealwire-") as folder_name:
        folder = Path(folder_name)
        mosquitto = boards.start_mosquitto(folder)
        gateway = GatewayProcess()
        hub = Hub(folder / "hub.db", Broker("127.0.0.1", mosquitto.port), realm=REALM, identities=[peer], peers=[own.credential], observer=on_hub)
        process: Optional[asyncio.subprocess.Process] = None
        try:
            await hub.open()
            await gateway.open(mosquitto.port)
            port = free_port()
            command = boards.command(TARGET, image, f"tcp:{gateway.address}", folder, boards.pages(own, peer, element), ["-gdb", f"tcp:127.0.0.1:{port}", "-S"])
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
            work = asyncio.get_running_loop().run_in_executor(None, watch, port, at, functions, search, enough)
            stops = await asyncio.wait_for(work, LIMIT_S)
        finally:
            if process is not None:
                process.kill()
                await process.wait()
            await gateway.close()
            await hub.close()
            mosquitto.stop()
    return search, stops, bool(sessions), len(messages)


def main() -> int:
    os.chdir(boards.ROOT)
    application, chip = called_by_the_application()
    checks = [(not any(name.startswith("sealwire_key_") for name in application),
               f"the application calls {len(application)} functions of the library, none of them takes a key"),
              ("sealwire_key_agree" in chip, "the chip's file alone has the key's arithmetic")]
    search, stops, session, messages = asyncio.run(run(True, application))
    checks += [(session and messages >= 3, f"handshake with the hub and {messages} messages, stopped {stops} times"),
               (not search.leaks, f"the key was nowhere outside the chip{': ' + search.leaks[0] if search.leaks else ''}"),
               (stops > 0 and search.seen_inside == stops, f"and each of {stops} times inside it")]
    control, stops, _, _ = asyncio.run(run(False, application))
    checks.append((len({leak.split(":")[0] for leak in control.leaks}) > 10, f"control: of an image with its key in flash the search finds {len(control.leaks)} places in {stops} stops"))
    for held, told in checks:
        print(f"{'ok    ' if held else 'FAILED'} {told}")
    print(f"ran {len(checks)} checks")
    return 0 if all(held for held, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
