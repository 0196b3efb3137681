"""Setup and ownership as Python sees them: a device, its label, and phones that come and go."""

from __future__ import annotations

from typing import List, Optional

import pytest

from sealwire import (
    Closed,
    Credential,
    Endpoint,
    Key,
    MemoryStore,
    Ownership,
    OwnershipChanged,
    errors,
    read_setup_code,
    sign_statement,
    write_setup_code,
)
from sealwire.events import Event

RECORD = 1000
SECRET = bytes(range(16))


class Device:
    """An endpoint that knows nobody, over a store that outlives it."""

    def __init__(self) -> None:
        self.key = Key.generate()
        self.credential = Credential.ccs(self.key, "wearable-7", b"\x02")
        self.store = MemoryStore()
        self.events: List[Event] = []
        self.refused: Optional[Exception] = None
        self.start()

    def start(self) -> None:
        self.endpoint = Endpoint([(self.credential, self.key)], store=self.store, by_value=True, max_sessions=8)
        self.endpoint.enable_setup(RECORD, SECRET)
        self.endpoint.restore(now=0)


class Phone:
    """An endpoint that knows a label."""

    def __init__(self, subject: str) -> None:
        key = Key.generate()
        self.credential = Credential.ccs(key, subject, b"\x01")
        self.endpoint = Endpoint([(self.credential, key)], store=MemoryStore())
        self.endpoint.restore(now=0)
        self.anchor = Key.generate("Ed25519")
        self.told: Optional[Ownership] = None

    @property
    def thumbprint(self) -> bytes:
        return self.credential.thumbprint

    def states(self, device: Device, *, release: Optional[Phone] = None, delegation: Optional[Phone] = None) -> bytes:
        assert self.told is not None
        named = device.credential.thumbprint
        if release is not None:
            return sign_statement(self.anchor, named, self.told.epoch, self.told.nonce, release=release.thumbprint)
        assert delegation is not None
        return sign_statement(self.anchor, named, self.told.epoch, self.told.nonce, delegation=delegation.thumbprint)

    def claim(
        self, device: Device, *, secret: Optional[bytes] = None, release: Optional[bytes] = None, delegation: Optional[bytes] = None
    ) -> Optional[str]:
        """A handshake without loss; the name of why the device refused it."""
        anchor = self.anchor if secret or release else None
        handshake = self.endpoint.claim(device.credential.thumbprint, secret=secret, release=release, delegation=delegation, anchor=anchor, now=0)
        refused: Optional[str] = None
        for _ in range(8):
            while (sent := self.endpoint.poll_transmit(now=0)) is not None:
                try:
                    device.endpoint.handle_frame(sent.frame, now=0)
                except errors.SealwireError as error:
                    refused = type(error).__name__
            while (sent := device.endpoint.poll_transmit(now=0)) is not None:
                try:
                    self.endpoint.handle_frame(sent.frame, now=0)
                except errors.SealwireError:
                    pass
        while (event := self.endpoint.poll_event()) is not None:
            if isinstance(event, Ownership):
                self.told = event
        while (event := device.endpoint.poll_event()) is not None:
            device.events.append(event)
        if refused is not None:
            self.endpoint.cancel(handshake)
        return refused


def owned() -> "tuple[Device, Phone]":
    device, phone = Device(), Phone("phone")
    device.endpoint.open_setup(now=0)
    assert phone.claim(device, secret=SECRET) is None
    return device, phone


def test_a_label_is_printed_and_read() -> None:
    code = write_setup_code(bytes(range(16)), bytes(range(0xF0, 0x100)), "SW-HR/1.0")
    assert code == "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0"
    assert read_setup_code(code) == (bytes(range(16)), bytes(range(0xF0, 0x100)), "SW-HR/1.0")
    assert write_setup_code(bytes(16), bytes(16)).endswith("AAAA:")
    for bad in ("", code.lower(), code[:-10], code + "_"):
        with pytest.raises(errors.Malformed):
            read_setup_code(bad)
    with pytest.raises(errors.InvalidArgument):
        write_setup_code(bytes(16), bytes(15))


def test_a_phone_becomes_the_owner_after_the_button() -> None:
    device, phone, thief = Device(), Phone("phone"), Phone("thief")
    assert phone.claim(device, secret=SECRET) == "SetupClosed"
    device.endpoint.open_setup(now=0, until=60_000)
    assert thief.claim(device, secret=bytes(16)) == "WrongSetupSecret"
    assert phone.claim(device, secret=SECRET) == "SetupDelayed"
    device, phone = owned()
    state = device.endpoint.ownership()
    assert state is not None and phone.told is not None
    assert (state.epoch, state.owner, state.delegates, state.nonce) == (0, phone.thumbprint, [], phone.told.nonce)
    assert phone.told.peer == device.credential.thumbprint
    changed = [event for event in device.events if isinstance(event, OwnershipChanged)]
    assert [(event.epoch, event.owner) for event in changed] == [(0, phone.thumbprint)]
    assert device.endpoint.standing(phone.thumbprint) == "owner"
    assert thief.claim(device, secret=SECRET) == "OtherOwner"
    with pytest.raises(errors.OtherOwner):
        device.endpoint.open_setup(now=0)
    device.start()
    restored = device.endpoint.ownership()
    assert restored is not None and restored.owner == phone.thumbprint
    assert phone.claim(device) is None


def test_delegation_revocation_and_sale() -> None:
    device, phone = owned()
    second = Phone("second")
    statement = phone.states(device, delegation=second)
    assert second.claim(device, release=statement) == "WrongStatement"
    assert second.claim(device, delegation=statement) is None
    assert device.endpoint.standing(second.thumbprint) == "delegate" and second.told is None
    device.endpoint.revoke(second.thumbprint)
    with pytest.raises(errors.UnknownCredential):
        device.endpoint.revoke(second.thumbprint)
    assert second.claim(device, delegation=statement) == "WrongStatement"
    assert device.endpoint.standing(second.thumbprint) is None
    assert phone.claim(device) is None
    release = phone.states(device, release=second)
    assert Phone("third").claim(device, release=release) == "WrongStatement"
    device.events.clear()
    assert second.claim(device, release=release) is None
    assert any(isinstance(event, Closed) and isinstance(event.reason, errors.OtherOwner) for event in device.events)
    assert phone.claim(device) == "UntrustedCredential"
    assert phone.claim(device, secret=SECRET) == "OtherOwner"
    assert phone.claim(device, release=release) == "WrongStatement"
    state = device.endpoint.ownership()
    assert state is not None and (state.epoch, state.owner) == (1, second.thumbprint)


def test_reset_and_a_damaged_record() -> None:
    device, phone = owned()
    device.endpoint.reset_ownership()
    state = device.endpoint.ownership()
    assert state is not None and (state.epoch, state.owner) == (1, None)
    assert phone.claim(device) == "UntrustedCredential"
    record = device.store.load(RECORD)
    assert record is not None and len(record) == 215
    device.store.save(RECORD, record[:-1] + bytes([record[-1] ^ 1]))
    with pytest.raises(errors.CorruptState):
        device.start()
    assert device.endpoint.ownership() is None


def test_claims_that_cannot_be() -> None:
    device, phone = Device(), Phone("phone")
    named = device.credential.thumbprint
    with pytest.raises(errors.InvalidArgument):
        phone.endpoint.claim(named, secret=SECRET, delegation=bytes(73))
    with pytest.raises(errors.InvalidArgument):
        phone.endpoint.claim(named, anchor=phone.anchor)
    with pytest.raises(errors.InvalidArgument):
        phone.endpoint.claim(named, release=bytes(72))
    with pytest.raises(errors.InvalidKey):
        phone.endpoint.claim(named, secret=SECRET, anchor=Key.generate())
    with pytest.raises(errors.InvalidArgument):
        sign_statement(phone.anchor, named, 0, bytes(8))
    with pytest.raises(errors.UnknownKey):
        sign_statement(Key.generate(), named, 0, bytes(8), release=bytes(16))
    with pytest.raises(errors.WrongState):
        phone.endpoint.reset_ownership()
    with pytest.raises(errors.InvalidArgument):
        Endpoint([(device.credential, device.key)], store=MemoryStore()).enable_setup(0, SECRET)
