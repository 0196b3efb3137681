"""A device in Python that can be owned, for PairingTest: the label on standard output, then its owner and whatever it refuses; `press`, `reset` or
`revoke HEX` on standard input. usage: device.py PORT REALM INBOX"""

from __future__ import annotations

import asyncio
import secrets
import sys

from sealwire import Endpoint, MemoryStore, write_setup_code
from sealwire.broker import Broker
from sealwire.identity import Identity
from sealwire.mqtt import Event, Link, Message, Refused


def say(*words: object) -> None:
    print(*words, flush=True)


async def main(port: int, realm: str, inbox: str) -> None:
    identity = Identity.generate(inbox)
    secret = secrets.token_bytes(16)
    endpoint = Endpoint([(identity.credential, identity.key)], store=MemoryStore(), inbox=inbox, mqtt=True, identifier_len=2, by_value=True,
                        max_sessions=8, reconnect=False)
    endpoint.enable_setup(1000, secret)

    def happened(event: Event) -> None:
        kind = type(event).__name__
        if isinstance(event, Refused):
            say("refused", event.error.name)
        elif kind == "OwnershipChanged":
            state = endpoint.ownership()
            assert state is not None
            say("owner", state.epoch, state.owner.hex() if state.owner else "nobody", len(state.delegates))
        elif isinstance(event, Message):
            say("message", endpoint.standing(event.peer), bytes(event.payload).decode())
            if event.number is not None:
                link.commit(event)

    link = Link(endpoint, Broker("127.0.0.1", port), realm=realm, inbox=inbox, handler=happened)
    async with link:
        say("label", write_setup_code(identity.thumbprint, secret, "SW-HR/1.0"))
        while line := (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).split():
            if line[0] == "press":
                endpoint.open_setup()
                say("pressed")
            elif line[0] == "reset":
                endpoint.reset_ownership()
            elif line[0] == "revoke":
                endpoint.revoke(bytes.fromhex(line[1]))
            link.pump()


asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
