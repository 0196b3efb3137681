"""Handshakes, exporters and records against other implementations: lakers, and the second one in tests/peer."""

from __future__ import annotations

import sys
from typing import Any, List, Optional, Tuple

import pytest
from conftest import ROOT, unavailable

from sealwire import Credential, Identity, TrustAnchor, errors
from sealwire.primitives import Completed, Initiator, Responder

sys.path.insert(0, str(ROOT / "tests" / "peer"))
CURVES = {2: "P-256", 4: "X25519"}
EXPORTED = [(0, b"", 16), (1, b"", 8), (23, b"context", 48)]


def lakers_module() -> Any:
    try:
        import lakers
    except ImportError:
        unavailable("lakers-python is not installed (it has wheels for CPython 3.10 and later)")
    return lakers


def peer_module(name: str) -> Any:
    try:
        import importlib

        return importlib.import_module(f"sealwire_peer.{name}")
    except ImportError as error:
        unavailable(f"the second implementation cannot be imported: {error}")


# ---- lakers: suite 2


def lakers_agrees(theirs: Any, done: Completed) -> None:
    # lakers 0.6 writes a label as one byte without a CBOR head, so only labels up to 23 can be compared.
    for label, context, length in EXPORTED:
        assert bytes(theirs.edhoc_exporter(label, list(context), length)) == done.exporter(label, context, length)


@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_responds(by_value: bool) -> None:
    lakers = lakers_module()
    i, r = Identity.generate("dev", curve="P-256"), Identity.generate("hub", curve="P-256")
    i = Identity(Credential.ccs(i.key, "dev", b"\x2b"), i.key)
    r = Identity(Credential.ccs(r.key, "hub", b"\x0a"), r.key)
    transfer = lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference
    ours = Initiator(i.credential, i.key, peers=[r.credential], suite=2, by_value=by_value)
    theirs = lakers.EdhocResponder(r.key.private_bytes(), lakers.Credential(r.credential.data))
    theirs.process_message_1(ours.compose_message_1(b"\x0e", [(0, b"padding")]))
    message_3 = ours.process_message_2(theirs.prepare_message_2(transfer, [0x27], []))
    id_cred_i, _ = theirs.parse_message_3(message_3)
    theirs.verify_message_3(lakers.credential_check_or_fetch(id_cred_i, lakers.Credential(i.credential.data)))
    done = ours.process_message_4(theirs.prepare_message_4([]))
    assert (done.peer, done.own) == (r.thumbprint, i.thumbprint)
    lakers_agrees(theirs, done)


@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_initiates(by_value: bool) -> None:
    lakers = lakers_module()
    i, r = Identity.generate("dev", curve="P-256"), Identity.generate("hub", curve="P-256")
    i = Identity(Credential.ccs(i.key, "dev", b"\x2b"), i.key)
    r = Identity(Credential.ccs(r.key, "hub", b"\x0a"), r.key)
    transfer = lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference
    ours = Responder(r.credential, r.key, peers=[i.credential], suites=[2], by_value=by_value)
    theirs = lakers.EdhocInitiator()
    message_2 = ours.process_message_1(theirs.prepare_message_1([0x0E], []), b"\x27")
    _, id_cred_r, _ = theirs.parse_message_2(message_2)
    valid = lakers.credential_check_or_fetch(id_cred_r, lakers.Credential(r.credential.data))
    theirs.verify_message_2(i.key.private_bytes(), lakers.Credential(i.credential.data), valid)
    message_3, _ = theirs.prepare_message_3(transfer, [])
    message_4, done = ours.process_message_3(message_3)
    theirs.process_message_4(message_4)
    assert done.peer == i.thumbprint
    lakers_agrees(theirs, done)


# ---- the second implementation: suites 2 and 4, records too


def identities(suite: int, issued: bool) -> Tuple[Identity, Identity, Optional[Identity]]:
    i, r = Identity.generate("dev", curve=CURVES[suite]), Identity.generate("hub", curve=CURVES[suite])
    if not issued:
        return i, r, None
    issuer = Identity.generate("issuer", curve={2: "ES256", 4: "Ed25519"}[suite])
    kid = issuer.credential.kid
    assert kid is not None

    def sign(who: Identity, name: str) -> Identity:
        return Identity(Credential.cwt(who.key, name, b"\x31\x32", issuer=issuer.key, issuer_kid=kid), who.key)

    return sign(i, "dev"), sign(r, "hub"), issuer


def peer_store(*credentials: Identity, issuer: Optional[Identity]) -> Any:
    cose = peer_module("cose")
    anchors = []
    if issuer is not None:
        inside = cose.parse_credential(issuer.credential.data)
        anchors.append(cose.TrustAnchor(inside.key, issuer.credential.kid, frozenset({"identity"})))
    found = [] if issuer is not None else [cose.parse_credential(one.credential.data) for one in credentials]
    return cose.Store(found, anchors)


def own(identity: Identity, by_value: bool) -> Any:
    edhoc, cose = peer_module("edhoc"), peer_module("cose")
    return edhoc.Own(cose.parse_credential(identity.credential.data), identity.key.private_bytes(), "value" if by_value else "kid")


def records_both_ways(theirs: Any, done: Completed) -> None:
    record = peer_module("record")
    session = record.Session.of(theirs)
    ours = done.records()
    with pytest.raises(errors.WrongState):  # Others would use the same nonces again.
        done.records()
    for index in range(70):
        payload = b"%d" % index * index
        got = session.unprotect(ours.protect(payload))
        assert got.payload == payload
        back = ours.unprotect(session.protect(payload[::-1]))
        assert back["payload"] == payload[::-1] and back["partial_iv"] == index
    topic = "line/1/temperature"
    assert session.unprotect(ours.protect(b"x", topic=topic), topic=topic).payload == b"x"
    assert ours.unprotect(session.protect(b"y", topic=topic), topic=topic)["payload"] == b"y"
    with pytest.raises(errors.DecryptFailed):
        ours.unprotect(session.protect(b"z", topic="line/2"), topic=topic)
    hidden = session.unprotect(ours.protect(b"x", addressed="ecg", confirmable=True))
    assert hidden.number == 0 and hidden.options[record.TOPIC] == b"ecg"
    flipped = bytearray(session.protect(b"altered"))
    flipped[-1] ^= 1
    with pytest.raises(errors.DecryptFailed):
        ours.unprotect(flipped)


@pytest.mark.parametrize("issued", [False, True])
@pytest.mark.parametrize("suite", [4, 2])
def test_second_implementation_responds(suite: int, issued: bool) -> None:
    edhoc = peer_module("edhoc")
    i, r, issuer = identities(suite, issued)
    anchors: List[TrustAnchor] = [] if issuer is None else [TrustAnchor(issuer.credential)]
    ours = Initiator(i.credential, i.key, peers=[] if issued else [r.credential], anchors=anchors, suite=suite, by_value=issued)
    theirs = edhoc.Responder(own(r, issued), peer_store(i, issuer=issuer), [suite])
    theirs.process_message_1(ours.compose_message_1(b"\x0e"))
    message_3 = ours.process_message_2(theirs.message_2(b"\x27"))
    theirs.process_message_3(message_3)
    done = ours.process_message_4(theirs.message_4())
    assert done.th_4 == theirs.values["TH_4"] and done.peer == r.thumbprint
    for label in (0, 23, 24, 255, 32768, 33000, 70000):
        assert done.exporter(label, b"context", 100) == theirs.exporter(label, b"context", 100)
    records_both_ways(theirs, done)


@pytest.mark.parametrize("issued", [False, True])
@pytest.mark.parametrize("suite", [4, 2])
def test_second_implementation_initiates(suite: int, issued: bool) -> None:
    edhoc = peer_module("edhoc")
    i, r, issuer = identities(suite, issued)
    anchors: List[TrustAnchor] = [] if issuer is None else [TrustAnchor(issuer.credential)]
    ours = Responder(r.credential, r.key, peers=[] if issued else [i.credential], anchors=anchors, suites=[suite], by_value=issued)
    theirs = edhoc.Initiator(own(i, issued), peer_store(r, issuer=issuer), [suite], 3, b"\x0e")
    message_2 = ours.process_message_1(theirs.message_1([(-32768, b"dev"), (0, b"pad")]), b"\x27")
    assert (-32768, b"dev") in ours.ead
    theirs.process_message_2(message_2)
    message_4, done = ours.process_message_3(theirs.message_3())
    theirs.process_message_4(message_4)
    assert done.th_4 == theirs.values["TH_4"] and done.peer == i.thumbprint
    records_both_ways(theirs, done)


# ---- every method and suite: keys that sign, and static Diffie-Hellman keys


DH = {4: "X25519", 0: "X25519", 2: "P-256", 3: "P-256"}
SIGNS = {4: "Ed25519", 0: "Ed25519", 2: "ES256", 3: "ES256"}


def of_method(method: int, suite: int) -> Tuple[Identity, Identity]:
    i = Identity.generate("dev", curve=(SIGNS if method in (0, 1) else DH)[suite])
    return i, Identity.generate("hub", curve=(SIGNS if method in (0, 2) else DH)[suite])


@pytest.mark.parametrize("suite", [4, 2, 3, 0])
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_methods_and_suites_with_the_second_implementation(method: int, suite: int) -> None:
    edhoc = peer_module("edhoc")
    i, r = of_method(method, suite)
    ours = Initiator(i.credential, i.key, peers=[r.credential], method=method, suite=suite)
    theirs = edhoc.Responder(own(r, False), peer_store(i, issuer=None), [suite], methods=[method])
    theirs.process_message_1(ours.compose_message_1(b"\x0e"))
    theirs.process_message_3(ours.process_message_2(theirs.message_2(b"\x27")))
    done = ours.process_message_4(theirs.message_4())
    assert (done.method, done.suite, done.peer, done.th_4) == (method, suite, r.thumbprint, theirs.values["TH_4"])
    records_both_ways(theirs, done)
    answering = Responder(r.credential, r.key, peers=[i.credential], suites=[suite])
    beginning = edhoc.Initiator(own(i, False), peer_store(r, issuer=None), [suite], method, b"\x0e")
    beginning.process_message_2(answering.process_message_1(beginning.message_1(), b"\x27"))
    message_4, done = answering.process_message_3(beginning.message_3())
    beginning.process_message_4(message_4)
    assert (done.method, done.peer, done.th_4) == (method, i.thumbprint, beginning.values["TH_4"])
    records_both_ways(beginning, done)
    choosy = Responder(r.credential, r.key, peers=[i.credential], suites=[suite], methods=[one for one in range(4) if one != method])
    with pytest.raises(errors.UnsupportedMethod):
        choosy.process_message_1(beginning.message_1(), b"\x27")


def test_a_message_that_fails_leaves_the_state_usable() -> None:
    i, r, _ = identities(4, False)
    ours = Initiator(i.credential, i.key, peers=[r.credential])
    theirs = Responder(r.credential, r.key, peers=[i.credential])
    with pytest.raises(errors.WrongState):
        ours.process_message_2(b"\x40")
    message_2 = theirs.process_message_1(ours.compose_message_1(b"\x0e"), b"\x27")
    altered = bytearray(message_2)
    altered[-1] ^= 1
    with pytest.raises(errors.AuthenticationFailed):
        ours.process_message_2(altered)
    message_3 = ours.process_message_2(message_2)
    with pytest.raises(errors.SealwireError):
        theirs.process_message_3(message_3[:-1] + b"\x00")
    message_4, done = theirs.process_message_3(message_3)
    assert ours.process_message_4(message_4).prk_out == done.prk_out
    with pytest.raises(errors.SameIdentifier):
        theirs.process_message_1(Initiator(i.credential, i.key).compose_message_1(b"\x27"), b"\x27")


