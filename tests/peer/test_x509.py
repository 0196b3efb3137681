"""Certificates: one of another implementation's, the profile of PROTOCOL §2, and chains in handshakes."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from sealwire_peer import cbor, certificate, cose, suites
from sealwire_peer.cose import Credential, Store, TrustAnchor
from sealwire_peer.edhoc import Initiator, Own, Responder
from sealwire_peer.errors import PeerError
from sealwire_peer.handshake_vectors import fixed
from sealwire_peer.matrix_vectors import key_name
from support import complete, vectors

# A root and a leaf of libedhoc's tests (github.com/kamil-kielbasa/libedhoc, MIT, suite 2), made with OpenSSL.
OUTSIDE_ROOT = bytes.fromhex(
    "308201a130820147a00302010202146b5e32f90bac29e6e613871a3ead12aec0c8e5ff300a06082a8648ce3d040302303f31233021060355"
    "040a0c1a6c69626564686f6320696e746567726174696f6e2074657374733118301606035504030c0f4544484f4320526f6f742043412032"
    "301e170d3236303732343230303635385a170d3336303732313230303635385a303f31233021060355040a0c1a6c69626564686f6320696e"
    "746567726174696f6e2074657374733118301606035504030c0f4544484f4320526f6f7420434120323059301306072a8648ce3d02010608"
    "2a8648ce3d0301070342000408a84280522c1ee41731c18e9cc6ec3b4e91c7160f0499da8f1aed0ef1c0bcc57089a97e9380e44756e6ef05"
    "106b1a711d244038ed0332b378e8e3a521b2c62ea321301f301d0603551d0e041604142986137d183bfff41137d5aca9336ca1b97672c630"
    "0a06082a8648ce3d0403020348003045022100dbef1a550b81b838e386e99d326ee8fedd17ccdef764b4b814fb5daa8248ce3902207c9917"
    "f17207812a16b887d344a937e6e3b9296ccccd7e02fdf6159e9b96ee31"
)
OUTSIDE_LEAF = bytes.fromhex(
    "308201b030820155a003020102020111300a06082a8648ce3d040302303f31233021060355040a0c1a6c69626564686f6320696e74656772"
    "6174696f6e2074657374733118301606035504030c0f4544484f4320526f6f742043412032301e170d3236303732343230303635385a170d"
    "3336303732313230303635385a303f31233021060355040a0c1a6c69626564686f6320696e746567726174696f6e20746573747331183016"
    "06035504030c0f4544484f4320696e69746961746f723059301306072a8648ce3d020106082a8648ce3d030107034200048c230b34442b9d"
    "86426c250b02b739c8609755e2003aec92ce2abe33093a0ec6123df5d5a3c70f5ea344ee95286c00124a435c2be792a7efcd1118afab2d49"
    "ada3423040301d0603551d0e04160414204e96331156fae1146c0e524f4ccf4b3d44c015301f0603551d230418301680142986137d183bff"
    "f41137d5aca9336ca1b97672c6300a06082a8648ce3d0403020349003046022100d35fa6318b45d89086f9bb989ddd2c5b4959627137b5d4"
    "4050061679efe13993022100df6bc139329fae248456f9224c5108c306ac4ec72449fa86d4323c9b4b9112c1"
)
OUTSIDE_X5T = bytes.fromhex("054ba1731ba3812a")


def test_a_chain_of_another_implementation() -> None:
    root, leaf = certificate.parse(OUTSIDE_ROOT), certificate.parse(OUTSIDE_LEAF)
    assert leaf.subject_name == "EDHOC initiator" and leaf.key.x.hex().startswith("8c230b34")
    assert cose.x5t(OUTSIDE_LEAF, -15) == [-15, OUTSIDE_X5T]
    anchor = TrustAnchor(root.key)
    by_value = cbor.encode({cose.X5CHAIN: OUTSIDE_LEAF})
    assert Store([], [anchor], 1790000000).resolve(by_value) == [cose.parse_credential(OUTSIDE_LEAF)]
    for now, detail in ((1700000000, "not valid yet"), (2110000000, "has expired")):
        with pytest.raises(PeerError, match=f"expired_credential.*{detail}"):
            Store([], [anchor], now).resolve(by_value)
    # This root has no basicConstraints: an anchor it may be, an intermediate not.
    with pytest.raises(PeerError, match="untrusted_credential: an intermediate"):
        certificate.verify_chain([leaf, root], [], None)


def _verdict(case: Dict[str, Any], anchors: Sequence[Optional[TrustAnchor]]) -> str:
    path = [bytes.fromhex(der) for der in case["path"]]
    item = cbor.encode({cose.X5CHAIN: path if len(path) > 1 else path[0]})
    trusted = [anchor for anchor in (anchors[at] for at in case["anchors"]) if anchor is not None]
    static = case["use"] == "agree"
    try:
        (found,) = Store([], trusted, case["now"]).resolve(item)
    except PeerError as error:
        return error.reason
    if not any(found.serves(suite, static) for suite in suites.SUITES.values()):
        return "untrusted_credential"
    public = {"curve": {4: "X25519", 6: "Ed25519", 1: "P-256"}[found.key.curve], "x": found.key.x.hex()}
    assert {name: case["reads"]["key"][name] for name in public} == public
    return "ok"


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_certificates_that_the_core_is_held_against() -> None:
    """Made by OpenSSL, pyca, two RFCs and by hand: the same verdicts. What cannot be read may be called by several names."""
    content = vectors("x509.json")
    anchors: List[Optional[TrustAnchor]] = []
    for der in content["anchors"]:
        try:
            anchors.append(TrustAnchor(certificate.parse(bytes.fromhex(der)).key))
        except PeerError as error:  # the RSA and the P-384 key
            assert error.reason == "unsupported_credential"
            anchors.append(None)
    assert anchors.count(None) == 2
    unreadable = {"malformed", "unsupported_credential", "bad_key", "invalid_key"}
    for case in content["vectors"]:
        found, expected = _verdict(case, anchors), case["expected"].replace("-", "_")
        assert found == expected or {found, expected} <= unreadable, (case["name"], found, expected)
    assert len(content["vectors"]) > 100


# --- The profile --------------------------------------------------------------------------

CA = {"ed25519": (suites.EDDSA, suites.ED25519), "p256": (suites.ES256, suites.P256)}


def _key(name: str, curve: int = suites.P256) -> Tuple[bytes, cose.CoseKey]:
    private = fixed(f"x509 {curve} {name}")
    return private, cose.key_from_private(curve, private)


def _issue(by: str, kind: str, name: str, curve: int, **more: Any) -> bytes:
    alg, issuer_curve = CA[kind]
    return certificate.issue(alg, _key(by, issuer_curve)[0], by, _key(name, curve)[1], name, **more)


def _anchor(name: str, kind: str, purpose: str = "identity") -> TrustAnchor:
    return TrustAnchor(_key(name, CA[kind][1])[1], purposes=frozenset({purpose}))


def _resolve(chain: Sequence[bytes], anchors: Sequence[TrustAnchor], now: Optional[int] = None) -> List[Credential]:
    item = cbor.encode({cose.X5CHAIN: chain[0] if len(chain) == 1 else list(chain)})
    return Store([], list(anchors), now).resolve(item)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
@pytest.mark.parametrize("curve", [suites.X25519, suites.ED25519, suites.P256])
def test_every_key_under_every_issuer(kind: str, curve: int) -> None:
    leaf = _issue("root", kind, "leaf", curve)
    (found,) = _resolve([leaf], [_anchor("root", kind)])
    assert (found.subject, found.key.curve, found.item) == ("leaf", curve, cbor.bstr(leaf))
    assert found.key.thumbprint() == _key("leaf", curve)[1].thumbprint()
    assert leaf == _issue("root", kind, "leaf", curve), "issuing is deterministic"
    other = "p256" if kind == "ed25519" else "ed25519"
    for anchors in ([], [_anchor("other", kind)], [_anchor("root", other)], [_anchor("root", kind, "update")]):
        with pytest.raises(PeerError, match="untrusted_credential"):
            _resolve([leaf], anchors)
    broken = leaf[:-1] + bytes([leaf[-1] ^ 1])
    with pytest.raises(PeerError, match="untrusted_credential"):
        _resolve([broken], [_anchor("root", kind)])


def _chain(leaf_by: str = "two", **more: Any) -> List[bytes]:
    """A leaf below two intermediates of different kinds."""
    ca: Any = {"ca": True, "key_usage": ["key_cert_sign"]}
    return [
        _issue(leaf_by, "p256", "leaf", suites.X25519),
        _issue("one", "ed25519", "two", suites.P256, **{**ca, "path_length": 0, **more}),
        _issue("root", "p256", "one", suites.ED25519, **{**ca, "path_length": 1}),
    ]


def test_chains() -> None:
    chain = _chain()
    assert _resolve(chain, [_anchor("root", "p256")], 1900000000)[0].subject == "leaf"
    # Trust may begin at an intermediate, if the chain ends below it.
    assert _resolve(chain[:2], [_anchor("one", "ed25519")])[0].subject == "leaf"
    assert _resolve(chain[:1], [_anchor("two", "p256")])[0].subject == "leaf"
    for shown, anchor in ((chain[:2], _anchor("root", "p256")), (chain, _anchor("one", "ed25519"))):
        with pytest.raises(PeerError, match="untrusted_credential"):
            _resolve(shown, [anchor])


def test_anchors() -> None:
    """The key of an authority's certificate; of those that could have signed, four are tried."""
    cases: List[Tuple[int, Dict[str, Any], bool]] = [
        (suites.P256, {"ca": True}, True),
        (suites.ED25519, {"ca": True, "key_usage": ["key_cert_sign"]}, True),
        (suites.P256, {}, False),
        (suites.P256, {"ca": False}, False),
        (suites.P256, {"ca": True, "key_usage": ["digital_signature"]}, False),
        (suites.X25519, {"ca": True}, False),
    ]
    for curve, more, fits in cases:
        der = _issue("anybody", "p256", "root", curve, **more)
        if fits:
            assert certificate.anchor_key(der) == _key("root", curve)[1]
        else:
            with pytest.raises(PeerError, match="untrusted_credential"):
                certificate.anchor_key(der)
    leaf, right = _issue("root", "p256", "leaf", suites.X25519), _anchor("root", "p256")
    others = [_anchor(str(number), "p256") for number in range(4)]
    assert _resolve([leaf], [*others[:3], _anchor("root", "ed25519"), right])
    with pytest.raises(PeerError, match="untrusted_credential: no trust anchor"):
        _resolve([leaf], [*others, right])


@pytest.mark.parametrize(
    "chain, detail",
    [
        (_chain(ca=False), "may not issue"),
        (_chain(ca=None, path_length=None), "may not issue"),
        (_chain(key_usage=["digital_signature"]), "may not issue"),
        (_chain("somebody"), "do not match"),
        ([_chain()[0], _chain()[2], _chain()[1]], "do not match"),
        (_chain()[:2] + [_issue("root", "p256", "one", suites.ED25519, ca=True, path_length=0)], "pathLen"),
    ],
)
def test_chains_that_are_refused(chain: List[bytes], detail: str) -> None:
    with pytest.raises(PeerError, match=f"untrusted_credential: .*{detail}"):
        _resolve(chain, [_anchor("root", "p256")])


def test_a_chain_whose_names_match_and_whose_signature_does_not() -> None:
    chain = _chain()
    alg, curve = CA["p256"]
    chain[0] = certificate.issue(alg, _key("another", curve)[0], "two", _key("leaf", suites.X25519)[1], "leaf")
    with pytest.raises(PeerError, match="untrusted_credential: a certificate that the next one did not sign"):
        _resolve(chain, [_anchor("root", "p256")])


def test_time_counts_for_every_certificate() -> None:
    chain = _chain(not_after=1800000000)
    assert _resolve(chain, [_anchor("root", "p256")], 1800000000)
    assert _resolve(chain, [_anchor("root", "p256")], None)
    with pytest.raises(PeerError, match="expired_credential"):
        _resolve(chain, [_anchor("root", "p256")], 1800000001)


def test_leaves_that_are_refused() -> None:
    anchors = [_anchor("root", "p256")]
    ca = _issue("root", "p256", "leaf", suites.X25519, ca=True)
    for store in (Store([], anchors), Store([cose.parse_credential(ca)])):
        with pytest.raises(PeerError, match="untrusted_credential: a CA"):
            store.resolve(cbor.encode({cose.X5CHAIN: ca}))
    assert _resolve([_issue("root", "p256", "leaf", suites.X25519, ca=False)], anchors)
    for reason, der in (
        ("unsupported_credential", _issue("root", "p256", "leaf", suites.X25519, critical="1.3.6.1.4.1.32473.1")),
        ("unsupported_credential", certificate.issue(suites.EDDSA, bytes(32), "x" * 64, _key("a")[1], "y" * 64) + bytes(400)),
        ("malformed", _issue("root", "p256", "leaf", suites.X25519)[:-1]),
        ("malformed", b"\x30\x03\x02\x01\x01"),
        ("malformed", b""),
    ):
        with pytest.raises(PeerError, match=reason):
            _resolve([der], anchors)


def test_ways_of_naming_that_are_refused() -> None:
    leaf = _issue("root", "p256", "leaf", suites.X25519)
    store = Store([cose.parse_credential(leaf)], [_anchor("root", "p256")])
    for alg in (-15, -16):
        assert store.resolve(cbor.encode({cose.X5T: cose.x5t(leaf, alg)}))[0].subject == "leaf"
    refused: List[Tuple[Any, str]] = [
        ({cose.X5T: [-15, bytes(8)]}, "unknown_credential"),
        ({cose.X5T: [-15, bytes(32)]}, "malformed"),
        ({cose.X5T: [-16, bytes(8)]}, "malformed"),
        ({cose.X5T: [-14, bytes(20)]}, "unsupported_credential"),
        ({cose.X5T: [-15, bytes(8), 0]}, "malformed"),
        ({cose.X5T: bytes(8)}, "malformed"),
        ({cose.X5CHAIN: [leaf]}, "malformed"),
        ({cose.X5CHAIN: []}, "malformed"),
        ({cose.X5CHAIN: 1}, "malformed"),
        ({cose.X5CHAIN: [leaf, 1]}, "malformed"),
        ({cose.X5CHAIN: [leaf] * 4}, "unsupported_credential"),
        ({35: "coap://x"}, "unsupported_credential"),
        ({4: b"a", 5: b"b"}, "unsupported_credential"),
        ({14: {2: "no key"}}, "malformed"),
    ]
    for members, reason in refused:
        with pytest.raises(PeerError, match=reason):
            store.resolve(cbor.encode(members))


# --- Handshakes -------------------------------------------------------------------------


def _party(suite: int, static: bool, name: str, **more: Any) -> Tuple[bytes, bytes]:
    curve = {"X25519": suites.X25519, "Ed25519": suites.ED25519}.get(key_name(suite, static), suites.P256)
    return _issue("root", "p256", name, curve, **more), _key(name, curve)[0]


def _handshake(suite: int, method: int, by: str, chained: bool = False, **more: Any) -> Tuple[Initiator, Responder]:
    owns: List[Own] = []
    for name, static in (("i", method in (2, 3)), ("r", method in (1, 3))):
        der, private = _party(suite, static, name, **more)
        chain: Tuple[bytes, ...] = ()
        if chained:
            curve = cose.parse_credential(der).key.curve
            der = _issue("two", "p256", name, curve)
            chain = tuple(_chain()[1:])
        owns.append(Own(cose.parse_credential(der), private, by, chain))
    store = Store([own.credential for own in owns] if by.startswith("x5t") else [], [_anchor("root", "p256")], 1900000000)
    return Initiator(owns[0], store, [suite], method, b"\x01"), Responder(owns[1], store, [suite], [method])


@pytest.mark.parametrize("suite", [0, 2, 3, 4])
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_every_suite_and_method(suite: int, method: int) -> None:
    for by, chained in (("x5t", False), ("x5t-256", False), ("value", False), ("value", True)):
        initiator, responder = _handshake(suite, method, by, chained)
        complete(initiator, responder)
        assert initiator.prk_out == responder.prk_out
        assert initiator.peer is not None and initiator.peer.subject == "r"


@pytest.mark.parametrize("method", [0, 3])
def test_key_usage_must_allow_what_the_method_does(method: int) -> None:
    right, wrong = ("digital_signature", "key_agreement") if method == 0 else ("key_agreement", "digital_signature")
    complete(*_handshake(2, method, "value", key_usage=[right]))
    complete(*_handshake(2, method, "value", key_usage=[right, wrong]))
    initiator, responder = _handshake(2, method, "value")
    der, private = _party(2, method == 3, "i", key_usage=[wrong])
    initiator.own = Own(cose.parse_credential(der), private, "value")
    with pytest.raises(PeerError, match="untrusted_credential: a key of the wrong kind"):
        complete(initiator, responder)


def test_a_responder_without_a_key_for_the_method() -> None:
    initiator, _ = _handshake(4, 3, "value")
    _, responder = _handshake(4, 0, "value")
    responder.methods = [3]
    with pytest.raises(PeerError, match="unsupported_method: no credential of our own"):
        responder.process_message_1(initiator.message_1())


def test_alg_of_a_cose_key() -> None:
    """Absent, or of what the method does: ECDH (-34 to -25), or exactly the suite's signature."""
    x25519, ed25519, p256 = (_key("k", curve)[1] for curve in (suites.X25519, suites.ED25519, suites.P256))
    table = [
        (x25519, 4, True, (None, -25, -34), (-24, -35, -8, "ECDH")),
        (ed25519, 4, False, (None, -8), (-7, -25)),
        (p256, 2, True, (None, -27), (-7,)),
        (p256, 2, False, (None, -7), (-8, -27)),
    ]
    for key, suite, static, good, bad in table:
        for alg in (*good, *bad):
            item = cbor.encode({8: {1: {**key.to_map(), 3: alg}}}) if alg is not None else cose.make_ccs(None, key)
            assert cose.parse_credential(item).serves(suites.SUITES[suite], static) == (alg in good), alg
            assert cose.parse_credential(item).key.thumbprint() == key.thumbprint()
    assert not x25519.serves(suites.SUITES[4], False) and not ed25519.serves(suites.SUITES[4], True)


def test_neither_of_our_own_keys_may_come_back() -> None:
    initiator, responder = _handshake(4, 0, "value")
    mine = initiator.own
    responder.own = Own(responder.own.credential, responder.own.private, "value", others=(mine.credential,))
    with pytest.raises(PeerError, match="own_credential"):
        complete(initiator, responder)


@pytest.mark.parametrize("n", [2, 3])
def test_a_signature_of_another_key_is_refused(n: int) -> None:
    for suite in (2, 4):
        initiator, responder = _handshake(suite, 0, "x5t")
        liar = responder if n == 2 else initiator
        wrong = _key("liar", liar.own.credential.key.curve)[0]
        liar.own = Own(liar.own.credential, wrong, "x5t")
        with pytest.raises(PeerError, match="bad_signature"):
            complete(initiator, responder)


def test_expired_in_a_handshake_is_answered_by_error_1() -> None:
    initiator, responder = _handshake(2, 0, "value")
    initiator.store = Store([], initiator.store.anchors, 2000000001)
    with pytest.raises(PeerError, match="expired_credential") as refused:
        complete(initiator, responder)
    assert refused.value.error_message is not None and refused.value.error_message[0] == 1
