"""Handshakes among ourselves: every suite and method, and what must be refused."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

import pytest
from sealwire_peer import cbor, cose, edhoc, kdf, suites, wire
from sealwire_peer.cose import Store, TrustAnchor
from sealwire_peer.edhoc import Initiator, Own, Responder
from sealwire_peer.errors import PeerError
from sealwire_peer.handshake_vectors import fixed
from support import complete, credential, handshake


@pytest.mark.parametrize("suite", [0, 2, 3, 4])
@pytest.mark.parametrize("method", [0, 1, 2, 3])
@pytest.mark.parametrize("id_by", ["kid", "value"])
def test_every_suite_and_method(suite: int, method: int, id_by: str) -> None:
    _, initiator, responder = handshake(suite, method, id_by)
    complete(initiator, responder)
    assert initiator.prk_out == responder.prk_out
    assert initiator.sid == responder.sid
    assert initiator.exporter(33000, b"c", 40) == responder.exporter(33000, b"c", 40)
    assert initiator.exporter(33000, b"c", 40)[:20] != initiator.exporter(33001, b"c", 20)
    assert (initiator.peer, responder.peer) == (responder.own.credential, initiator.own.credential)


def test_sizes_of_a_method_3_handshake_by_kid() -> None:
    """RFC 9528's 37, 45 and 19 bytes with suite 2; suite 4's MACs, tags and a longer head cost 8, 17 and 8 more."""
    for suite, expected in ((2, [37, 45, 19, 9]), (4, [37, 53, 36, 17])):
        curve = suites.SUITES[suite].curve
        (cred_i, key_i), (cred_r, key_r) = credential(curve, "i", b"\x2b"), credential(curve, "r", b"\x0a")
        store = Store([cred_i, cred_r])
        initiator = Initiator(Own(cred_i, key_i), store, [suite], 3, b"\x01")
        complete(initiator, Responder(Own(cred_r, key_r), store, [suite]))
        assert [len(initiator.values[f"message_{n}"]) for n in (1, 2, 3, 4)] == expected


def test_long_plaintext_2_takes_several_keystreams() -> None:
    _, initiator, responder = handshake(4)
    responder.process_message_1(initiator.message_1())
    initiator.process_message_2(responder.message_2(b"\x02", [(edhoc.PADDING, bytes(20000))]))
    stream = responder.values["KEYSTREAM_2"]
    second = kdf.edhoc_kdf(responder.values["PRK_2e"], -1, responder.values["TH_2"], 8160)
    assert len(stream) > 20000 and stream[8160:16320] == second


# --- Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [2, 4])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_every_flipped_bit_is_refused(suite: int, n: int) -> None:
    """Whichever bit of message_2, 3 or 4 flips, the receiver refuses; the good one then still passes."""
    _, initiator, responder = handshake(suite)
    responder.process_message_1(initiator.message_1())
    message = responder.message_2(b"\x02")
    process: Callable[[bytes], None] = initiator.process_message_2
    if n > 2:
        initiator.process_message_2(message)
        message, process = initiator.message_3(), responder.process_message_3
    if n > 3:
        responder.process_message_3(message)
        message, process = responder.message_4(), initiator.process_message_4
    for bit in range(8 * len(message)):
        broken = bytearray(message)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PeerError) as refused:
            process(bytes(broken))
        assert refused.value.error_message is not None
    process(message)


def test_flipped_bit_in_message_1_shows_in_message_2() -> None:
    _, initiator, responder = handshake(4)
    message = bytearray(initiator.message_1())
    message[-1] ^= 0x02
    responder.process_message_1(bytes(message))
    with pytest.raises(PeerError):
        initiator.process_message_2(responder.message_2(b"\x04"))


@pytest.mark.parametrize("n", [2, 3])
def test_wrong_credential_under_the_same_kid(n: int) -> None:
    """A kid only selects: another key behind it makes the MAC fail."""
    _, initiator, responder = handshake(4)
    impostor, _ = credential(suites.X25519, "impostor", b"r" if n == 2 else b"i")
    party = initiator if n == 2 else responder
    party.store = Store([impostor])
    with pytest.raises(PeerError, match="bad_mac"):
        complete(initiator, responder)


def test_among_several_candidates_the_right_one_is_found() -> None:
    _, initiator, responder = handshake(4)
    impostor, _ = credential(suites.X25519, "impostor", b"r")
    initiator.store = Store([impostor] + initiator.store.credentials)
    complete(initiator, responder)
    assert initiator.peer == responder.own.credential


@pytest.mark.parametrize("n", [2, 3])
def test_unknown_credential_gives_error_3(n: int) -> None:
    _, initiator, responder = handshake(4)
    (initiator if n == 2 else responder).store = Store()
    with pytest.raises(PeerError, match="unknown_credential") as refused:
        complete(initiator, responder)
    assert refused.value.error_message is not None
    assert wire.parse_error(refused.value.error_message) == (3, True)


def test_ccs_by_value_must_be_known() -> None:
    _, initiator, responder = handshake(4, id_by="value")
    responder.store = Store()
    with pytest.raises(PeerError, match="unknown_credential"):
        complete(initiator, responder)


def test_own_credential_is_refused() -> None:
    cred, key = credential(suites.X25519, "same")
    store = Store([cred])
    with pytest.raises(PeerError, match="own_credential"):
        complete(Initiator(Own(cred, key), store, [4], 3, b"\x01"), Responder(Own(cred, key), store))


def test_equal_identifiers_abort_at_both_ends() -> None:
    _, initiator, responder = handshake(4)
    responder.process_message_1(initiator.message_1())
    with pytest.raises(PeerError, match="identifiers_equal"):
        responder.message_2(b"\x01")
    message = responder.message_2(b"\x02")
    initiator.c_i = b"\x02"
    with pytest.raises(PeerError, match="identifiers_equal"):
        initiator.process_message_2(message)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_ead(place: int) -> None:
    """Padding and unknown non-critical items pass, an unknown critical one aborts with error 1."""

    def run(items: List[wire.Ead]) -> Dict[int, List[wire.Ead]]:
        _, initiator, responder = handshake(4)
        ead: Dict[int, List[wire.Ead]] = {place: items}
        responder.process_message_1(initiator.message_1(ead.get(1, [])))
        initiator.process_message_2(responder.message_2(b"\x02", ead.get(2, [])))
        responder.process_message_3(initiator.message_3(ead.get(3, [])))
        initiator.process_message_4(responder.message_4(ead.get(4, [])))
        return {**initiator.peer_ead, **responder.peer_ead}

    received = run([(0, bytes(9)), (5, None), (40000, b"v"), (0, None)])
    assert received[place] == [(5, None), (40000, b"v")]
    with pytest.raises(PeerError, match="critical_ead") as refused:
        run([(-40000, b"v")])
    assert refused.value.error_message is not None
    assert wire.parse_error(refused.value.error_message)[0] == 1


def test_inbox_items() -> None:
    for value in (None, b"", b"a" * 17, b"Hub", b"a/b", b"a b"):
        _, initiator, responder = handshake(4)
        with pytest.raises(PeerError, match="malformed"):
            responder.process_message_1(initiator.message_1([(edhoc.INBOX_1, value)]))
    _, initiator, responder = handshake(4)
    with pytest.raises(PeerError, match="malformed"):
        responder.process_message_1(initiator.message_1([(edhoc.INBOX_1, b"a"), (edhoc.INBOX_1, b"b")]))
    _, initiator, responder = handshake(4)
    responder.process_message_1(initiator.message_1([(edhoc.INBOX_1, b"wearable-7")]))
    # Known in EAD_1 only: in EAD_2 the same label is an unknown critical item.
    with pytest.raises(PeerError, match="critical_ead"):
        initiator.process_message_2(responder.message_2(b"\x02", [(edhoc.INBOX_1, b"hub")]))


def test_suite_negotiation() -> None:
    cred_4, key_4 = credential(suites.X25519, "i")
    cred_2, key_2 = credential(suites.P256, "i")
    (r_4, rkey_4), (r_2, rkey_2) = credential(suites.X25519, "r"), credential(suites.P256, "r")
    store = Store([cred_4, cred_2, r_4, r_2])
    responder = Responder(Own(r_2, rkey_2), store, [2, 3])
    with pytest.raises(PeerError, match="unsupported_suite") as refused:
        responder.process_message_1(Initiator(Own(cred_4, key_4), store, [4], 3, b"\x01").message_1())
    assert refused.value.error_message == bytes.fromhex("02820203") and refused.value.c_x == b"\x01"
    complete(Initiator(Own(cred_2, key_2), store, [4, 2], 3, b"\x01"), responder)
    # Skipping a suite that R supports and I likes better is refused, against downgrade.
    with pytest.raises(PeerError, match="unsupported_suite"):
        Responder(Own(r_4, rkey_4), store, [4, 2]).process_message_1(
            Initiator(Own(cred_2, key_2), store, [4, 2], 3, b"\x01").message_1()
        )


def test_unsupported_method() -> None:
    _, initiator, responder = handshake(4)
    responder.methods = [0]
    with pytest.raises(PeerError, match="unsupported_method"):
        responder.process_message_1(initiator.message_1())


def test_error_messages() -> None:
    assert wire.parse_error(wire.error_message(1, "no")) == (1, "no")
    assert wire.parse_error(wire.error_message(2, [4, 2])) == (2, [4, 2])
    for broken in ("", "01", "0101", "0281", "028102", "03f4", "0316", "0103f5", "f561"):
        with pytest.raises(PeerError):
            wire.parse_error(bytes.fromhex(broken))


# --- Identifiers and credentials ------------------------------------------------------------


def test_identifiers_on_the_wire() -> None:
    for value in range(256):
        raw = bytes([value])
        encoded = wire.encode_identifier(raw)
        assert encoded == (raw if value <= 0x17 or 0x20 <= value <= 0x37 else b"\x41" + raw)
        assert wire.decode_identifier(encoded) == raw
    assert wire.decode_identifier(bytes.fromhex("420102")) == b"\x01\x02"
    for broken in ("410e", "4137", "1818", "3818", "6130", "f5", "80"):
        with pytest.raises(PeerError):
            wire.decode_identifier(bytes.fromhex(broken))


def test_every_key_has_one_encoding() -> None:
    """Second names of a number, points that are none or of small order; the field's largest numbers and the base points pass."""
    p25519, p256 = 2**255 - 19, 2**256 - 2**224 + 2**192 + 2**96 - 1
    little = [(suites.X25519, p25519 + 9), (suites.X25519, p25519), (suites.X25519, 2**255 + 9), (suites.ED25519, p25519 + 3)]
    little += [(suites.ED25519, number + sign) for number in (0, 1, p25519 - 1) for sign in (0, 2**255)]
    bad: List[Tuple[int, bytes, Optional[bytes]]] = [
        (curve, number.to_bytes(32, "little"), None) for curve, number in little
    ]
    order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
    bad.append((suites.ED25519, bytes.fromhex(order_8), None))
    x, y = suites.public_of(suites.P256, (1).to_bytes(32, "big"))
    assert y is not None
    other_y = (p256 - int.from_bytes(y, "big")).to_bytes(32, "big")
    suites.check_encoding(suites.P256, x, other_y)
    bad += [(suites.P256, x, y[:-1] + bytes([y[-1] ^ 1])), (suites.P256, p256.to_bytes(32, "big"), y)]
    for curve, first, second in bad:
        with pytest.raises(PeerError, match="bad_key"):
            suites.check_encoding(curve, first, second)
    suites.check_encoding(suites.X25519, (9).to_bytes(32, "little"))
    suites.check_encoding(suites.X25519, (p25519 - 2).to_bytes(32, "little"))
    suites.check_encoding(suites.ED25519, suites.public_of(suites.ED25519, bytes(32))[0])


def _cwt(alg: int, purposes: "frozenset[str]" = frozenset({"identity"})) -> Tuple[cose.Credential, TrustAnchor]:
    curve = suites.ED25519 if alg == suites.EDDSA else suites.P256
    issuer = fixed("an issuer")
    key = cose.key_from_private(suites.X25519, fixed("a subject"), b"s")
    claims = {2: "s", 4: 2000, 5: 1000, 8: {1: key.to_map()}}
    credential_ = cose.parse_credential(cose.issue_cwt(alg, issuer, b"ca", claims))
    return credential_, TrustAnchor(cose.key_from_private(curve, issuer), b"ca", purposes)


@pytest.mark.parametrize("alg", [suites.EDDSA, suites.ES256])
def test_cwt(alg: int) -> None:
    cwt, anchor = _cwt(alg)
    for now in (None, 1000, 1999):
        cose.verify_cwt(cwt, anchor, now)
    for now, detail in ((999, "not valid yet"), (2000, "has expired")):
        with pytest.raises(PeerError, match=f"expired_credential: .*{detail}"):
            cose.verify_cwt(cwt, anchor, now)
    by_value = cwt.id_cred("value")
    assert Store([], [anchor]).resolve(by_value) == [cwt]
    with pytest.raises(PeerError, match="untrusted_credential"):
        Store([cwt], []).resolve(by_value)
    with pytest.raises(PeerError, match="expired_credential"):
        Store([], [anchor], 2000).resolve(by_value)
    with pytest.raises(PeerError, match="untrusted_credential"):
        cose.verify_cwt(cwt, _cwt(alg, frozenset({"update"}))[1])
    broken = cose.parse_credential(cwt.item[:-1] + bytes([cwt.item[-1] ^ 1]))
    with pytest.raises(PeerError, match="bad_signature"):
        cose.verify_cwt(broken, anchor)


def test_es256_of_an_eddsa_anchor_is_refused() -> None:
    with pytest.raises(PeerError, match="bad_signature"):
        cose.verify_cwt(_cwt(suites.ES256)[0], _cwt(suites.EDDSA)[1])


def test_thumbprint_of_rfc_9679() -> None:
    """The example of RFC 9679 §6: the kid and the alg of a key do not count."""
    key = {
        1: 2,
        -1: 1,
        -2: bytes.fromhex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"),
        -3: bytes.fromhex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"),
        2: b"\x01",
        3: -7,
    }
    expected = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    assert cose.parse_key(key).thumbprint_256().hex() == expected


@pytest.mark.parametrize(
    "item",
    [
        {2: "no cnf"},
        {8: {2: b"no key"}},
        {8: {1: {1: 1, -1: 4, -2: b"short"}}},
        {8: {1: {1: 1, -1: 4, -2: bytes(32), -4: bytes(32)}}},
        {8: {1: {1: 2, -1: 1, -2: bytes(32), -3: True}}},
        {8: {1: {1: 2, -1: 4, -2: bytes(32)}}},
        [b"\xa0", {}, b"", b""],
        [b"\xa1\x01\x27", {5: b""}, b"", b""],
        7,
    ],
)
def test_credentials_that_are_refused(item: object) -> None:
    with pytest.raises(PeerError, match="malformed"):
        cose.parse_credential(cbor.encode(item))
