"""Against a third implementation: lakers (suite 2, method 3, CCS), live, in both roles."""

from __future__ import annotations

from typing import Any

import pytest
from sealwire_peer import kdf, suites
from sealwire_peer.cose import Store
from sealwire_peer.edhoc import Initiator, Own, Responder
from support import credential

# Ready-made for CPython 3.10 and later only; from there on requirements.txt installs it.
lakers: Any = pytest.importorskip("lakers")

I, I_KEY = credential(suites.P256, "wearable-7", b"\x2b")
R, R_KEY = credential(suites.P256, "hub", b"\x0a")
STORE = Store([I, R])

# lakers 0.6 writes a label as one byte without a CBOR head, so from 24 on it is wrong.
EXPORTED = [(0, b"", 16), (1, b"", 8), (23, b"context", 48)]


def _agree(ours: "Initiator | Responder", theirs: Any) -> None:
    for label, context, length in EXPORTED:
        assert bytes(theirs.edhoc_exporter(label, list(context), length)) == ours.exporter(label, context, length)
    updated = bytes(theirs.edhoc_key_update(list(b"sixteen bytes...")))
    assert updated == kdf.key_update(ours.prk_out, b"sixteen bytes...")


@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_responds(by_value: bool) -> None:
    transfer = lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference
    ours = Initiator(Own(I, I_KEY, "value" if by_value else "kid"), STORE, [2], 3, b"\x0e")
    theirs = lakers.EdhocResponder(R_KEY, lakers.Credential(R.item))
    theirs.process_message_1(ours.message_1([(0, b"padding")]))
    ours.process_message_2(theirs.prepare_message_2(transfer, [0x27], []))
    assert (ours.c_r, ours.peer) == (b"\x27", R)
    id_cred_i, _ = theirs.parse_message_3(ours.message_3())
    valid = lakers.credential_check_or_fetch(id_cred_i, lakers.Credential(I.item))
    theirs.verify_message_3(valid)
    ours.process_message_4(theirs.prepare_message_4([]))
    _agree(ours, theirs)


@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_initiates(by_value: bool) -> None:
    transfer = lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference
    ours = Responder(Own(R, R_KEY, "value" if by_value else "kid"), STORE, [2])
    theirs = lakers.EdhocInitiator()
    ours.process_message_1(theirs.prepare_message_1([0x0E], []))
    c_r, id_cred_r, _ = theirs.parse_message_2(ours.message_2(b"\x27"))
    assert bytes(c_r) == b"\x27"
    valid = lakers.credential_check_or_fetch(id_cred_r, lakers.Credential(R.item))
    theirs.verify_message_2(I_KEY, lakers.Credential(I.item), valid)
    message_3, _ = theirs.prepare_message_3(transfer, [])
    ours.process_message_3(message_3)
    assert ours.peer == I
    theirs.process_message_4(ours.message_4())
    _agree(ours, theirs)
