#!/usr/bin/env python3
"""A device that can be owned, on the Python package, for the live tests of apps: scripts/swift-live.py starts it. Run by the Python that has the wheel.

    scripts/live-device.py PORT INBOX LABEL PRESS

Writes its setup code into the file LABEL, opens setup when there is a file PRESS, commits every message, obeys the owner's command `revoke`, and
says in lines what happens: `owner EPOCH THUMBPRINT`, `refused ERROR`, `got TOPIC PAYLOAD`.
"""

import asyncio
import os
import sys

from sealwire import Credential, Endpoint, Key, OwnershipChanged, SealwireError, read_setup_code, write_setup_code
from sealwire.mqtt import Link, Message, Refused

RECORD = 10_000


def say(*fields):
    print(*fields, flush=True)


async def press(link, path):
    while True:
        if os.path.exists(path):
            os.remove(path)
            try:
                link.endpoint.open_setup()
            except SealwireError as error:
                say("refused", type(error).__name__)
        await asyncio.sleep(0.05)


async def main(port, inbox, label, button):
    key = Key.generate()
    credential = Credential.ccs(key, inbox, b"\x02")
    endpoint = Endpoint([(credential, key)], inbox=inbox, mqtt=True, identifier_len=2, by_value=True, offers=True)
    code = write_setup_code(credential.thumbprint, os.urandom(16), "PY/1")
    endpoint.enable_setup(RECORD, read_setup_code(code)[1])
    async with Link(endpoint, f"mqtt://127.0.0.1:{port}", realm="ward", inbox=inbox) as link:
        with open(label + ".new", "w", encoding="ascii") as file:
            file.write(code)
        os.rename(label + ".new", label)
        pressing = asyncio.ensure_future(press(link, button))
        async for event in link.events():
            if isinstance(event, Message):
                say("got", event.topic, event.payload.hex())
                if event.command and event.topic == "revoke" and endpoint.standing(event.peer) == "owner":
                    endpoint.revoke(event.payload)
                event.commit()
                link.pump()
            elif isinstance(event, OwnershipChanged):
                say("owner", event.epoch, event.owner.hex() if event.owner else "nobody")
            elif isinstance(event, Refused):
                say("refused", type(event.error).__name__)
        pressing.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
