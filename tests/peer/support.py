"""Shared by the tests: the vectors, and ready parties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional, Tuple

from sealwire_peer import cose, record, suites
from sealwire_peer.cose import Credential, Store
from sealwire_peer.edhoc import Initiator, Own, Responder
from sealwire_peer.handshake_vectors import fixed

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def vectors(name: str) -> Any:
    """A vector file of ``tests/vectors``."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def credential(curve: int, name: str, kid: Optional[bytes] = None) -> Tuple[Credential, bytes]:
    """A CCS and its private key."""
    private = fixed(f"test {curve} {name}")
    key = cose.key_from_private(curve, private, name.encode() if kid is None else kid)
    return cose.parse_credential(cose.make_ccs(name, key)), private


def curve_for(suite: int, static: bool) -> int:
    """The curve of a credential in this suite, for static DH or for signatures."""
    if static or suites.SUITES[suite].signature == suites.ES256:
        return suites.SUITES[suite].curve
    return suites.ED25519


def handshake(suite: int, method: int = 3, id_by: str = "kid") -> Tuple[Store, Initiator, Responder]:
    """Two parties that know each other; nothing has been sent."""
    cred_i, key_i = credential(curve_for(suite, method in (2, 3)), "i")
    cred_r, key_r = credential(curve_for(suite, method in (1, 3)), "r")
    store = Store([cred_i, cred_r])
    initiator = Initiator(Own(cred_i, key_i, id_by), store, [suite], method, b"\x01")
    return store, initiator, Responder(Own(cred_r, key_r, id_by), store, [suite], [method])


def complete(initiator: Initiator, responder: Responder, c_r: bytes = b"\x02") -> None:
    """Runs all four messages."""
    responder.process_message_1(initiator.message_1())
    initiator.process_message_2(responder.message_2(c_r))
    responder.process_message_3(initiator.message_3())
    initiator.process_message_4(responder.message_4())


def sessions(suite: int) -> Tuple[record.Session, record.Session]:
    """The record sessions of a finished handshake: I's and R's."""
    _, initiator, responder = handshake(suite)
    complete(initiator, responder)
    return record.Session.of(initiator), record.Session.of(responder)
