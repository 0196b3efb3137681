"""What every supported CPython must be able to do with the installed wheel and nothing else."""

import platform
import sys

import sealwire
from sealwire import Endpoint, Identity, Message, SqliteStore, errors
from sealwire.inspect import tables
from sealwire.mqtt import Link


def exchange(curve):
    device, hub = Identity.generate("device", curve=curve), Identity.generate("hub", curve=curve)
    store = SqliteStore(":memory:", resists_rollback=True)
    a = Endpoint([(device.credential, device.key)], peers=[hub.credential])
    b = Endpoint([(hub.credential, hub.key)], peers=[device.credential], store=store)
    a.restore()
    b.restore()
    a.connect()
    seen = []
    for sender, receiver in [(a, b), (b, a)] * 3:
        while True:
            transmit = sender.poll_transmit()
            if transmit is None:
                break
            seen.append(transmit.frame)
            receiver.handle_frame(transmit.frame)
    frame = a.send(a.find(hub.thumbprint), memoryview(b"21.5"), topic="line/1", confirmable=True).frame
    message = b.handle_frame(bytearray(frame))
    assert isinstance(message, Message) and message.payload == b"21.5" and message.topic == "line/1"
    b.commit(message.session, message.number)
    try:
        b.handle_frame(frame)
    except errors.Duplicate as error:
        assert error.number == 303
    else:
        raise AssertionError("a repeated record was accepted")
    assert tables(seen[:1])[0].as_text().startswith("message_1")


for curve in ("X25519", "P-256"):
    exchange(curve)
assert Link is not None
print(f"{platform.python_implementation()} {platform.python_version()}: sealwire {sealwire.__version__} on {sys.platform} {platform.machine()}")
