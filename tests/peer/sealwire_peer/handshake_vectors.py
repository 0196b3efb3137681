"""The deterministic handshakes behind ``peer_edhoc.json``, and what every generator shares."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from . import cbor, cose, edhoc, frame, kdf, record, suites
from .cose import Credential, Store, TrustAnchor
from .edhoc import EXPORT_SALT, EXPORT_SECRET, Initiator, Own, Responder
from .wire import Ead

ABOUT = {
    "source": "docs/PROTOCOL.md, RFC 9528, RFC 8613; no outside vectors exist for these",
    "generator": "tests/peer: python -m sealwire_peer.vectors (independent Python implementation)",
    "verified_by": "the core, by computing every value anew; tests/peer, by regenerating the file",
}


def fixed(label: str, length: int = 32) -> bytes:
    """Bytes that only the label decides; nothing secret, nothing random."""
    return kdf.expand(kdf.extract(b"sealwire test vectors", label.encode()), b"", length)


# --- Credentials -----------------------------------------------------------------------


def issuers() -> Dict[str, Tuple[int, bytes, TrustAnchor]]:
    """Two issuers: (algorithm, private key, anchor)."""
    found: Dict[str, Tuple[int, bytes, TrustAnchor]] = {}
    for name, alg, curve, kid in (
        ("ed25519", suites.EDDSA, suites.ED25519, b"ca1"),
        ("p256", suites.ES256, suites.P256, b"ca2"),
    ):
        private = fixed(f"issuer {name}")
        found[name] = (alg, private, TrustAnchor(cose.key_from_private(curve, private), kid))
    return found


def make_credential(
    kind: str, curve: int, subject: str, kid: bytes, issuer: Optional[str] = None
) -> Tuple[Credential, bytes]:
    """A credential and its private key."""
    private = fixed(f"static {curve} {subject}")
    key = cose.key_from_private(curve, private, kid)
    if kind == "ccs":
        return cose.parse_credential(cose.make_ccs(subject, key)), private
    assert issuer is not None
    alg, issuer_private, anchor = issuers()[issuer]
    claims = {1: f"issuer-{issuer}", 2: subject, 4: 2000000000, 6: 1700000000, 7: kid, 8: {1: key.to_map()}}
    return cose.parse_credential(cose.issue_cwt(alg, issuer_private, anchor.kid, claims)), private


def describe_credential(credential: Credential, private: bytes, id_by: str) -> Dict[str, Any]:
    """What a reader needs to rebuild a party."""
    key = credential.key
    return {
        "kind": credential.kind,
        "cred": credential.item,
        "private": private,
        "curve": {suites.X25519: "X25519", suites.P256: "P-256"}[key.curve],
        "x": key.x,
        "y": key.y,
        "kid": key.kid,
        "subject": credential.subject,
        "thumbprint": key.thumbprint(),
        "thumbprint_sha256": key.thumbprint_256(),
        "id_by": id_by,
        "id_cred": credential.id_cred(id_by),
    }


# --- Handshakes -------------------------------------------------------------------------

# What both ends hold in the end, by RFC 9528's names.
_NAMES = (
    "G_X G_Y message_1 H_message_1 G_XY TH_2 PRK_2e SALT_3e2m G_RX PRK_3e2m context_2 MAC_2 Signature_or_MAC_2 "
    "PLAINTEXT_2 KEYSTREAM_2 CIPHERTEXT_2 message_2 TH_3 SALT_4e3m G_IY PRK_4e3m context_3 MAC_3 Signature_or_MAC_3 "
    "PLAINTEXT_3 A_3 K_3 IV_3 CIPHERTEXT_3 message_3 TH_4 PLAINTEXT_4 A_4 K_4 IV_4 CIPHERTEXT_4 message_4 "
    "PRK_out PRK_exporter"
).split()


class Run:
    """One finished deterministic handshake."""

    def __init__(
        self,
        name: str,
        suite: int,
        i: Tuple[Credential, bytes],
        r: Tuple[Credential, bytes],
        id_by: Tuple[str, str],
        c_i: bytes,
        c_r: bytes,
        ead: Optional[Dict[int, List[Ead]]] = None,
        suites_i: Optional[List[int]] = None,
    ) -> None:
        self.name, self.suite, self.i, self.r, self.id_by = name, suite, i, r, id_by
        self.c_i, self.c_r = c_i, c_r
        self.ead = ead or {}
        self.suites_i = suites_i or [suite]
        anchors = [anchor for _, _, anchor in issuers().values()]
        # A CWT by value needs no database, a CCS always does.
        known_to_i = [r[0]] if id_by[1] == "kid" or r[0].kind == "ccs" else []
        known_to_r = [i[0]] if id_by[0] == "kid" or i[0].kind == "ccs" else []
        curve = suites.SUITES[suite].curve
        self.x, self.y = (self._ephemeral(curve, end) for end in ("x", "y"))
        self.initiator = Initiator(
            Own(i[0], i[1], id_by[0]), Store(known_to_i, anchors), self.suites_i, 3, c_i, self.x
        )
        self.responder = Responder(Own(r[0], r[1], id_by[1]), Store(known_to_r, anchors), [suite])
        self.responder.process_message_1(self.initiator.message_1(self.ead.get(1, [])))
        self.initiator.process_message_2(self.responder.message_2(c_r, self.ead.get(2, []), self.y))
        self.responder.process_message_3(self.initiator.message_3(self.ead.get(3, [])))
        self.initiator.process_message_4(self.responder.message_4(self.ead.get(4, [])))
        for key in _NAMES:
            assert self.initiator.values[key] == self.responder.values[key], key
        assert self.initiator.peer == r[0] and self.responder.peer == i[0]

    def _ephemeral(self, curve: int, end: str) -> bytes:
        # Such a value is below the order of P-256 but for a chance of 2^-32; suites would refuse it.
        return fixed(f"ephemeral {curve} {self.name} {end}")

    def frames(self) -> Dict[str, bytes]:
        """The four frames of PROTOCOL §3."""
        v = self.initiator.values
        return {
            "message_1": frame.compose(frame.MESSAGE_1, b"", v["message_1"]),
            "message_2": frame.compose(frame.MESSAGE_2, self.c_i, v["message_2"]),
            "message_3": frame.compose(frame.MESSAGE_3, self.c_r, v["message_3"]),
            "message_4": frame.compose(frame.MESSAGE_4, self.c_i, v["message_4"]),
        }

    def sessions(self) -> Tuple[record.Session, record.Session]:
        """The record sessions of I and R."""
        return record.Session.of(self.initiator), record.Session.of(self.responder)

    def describe(self) -> Dict[str, Any]:
        """The case as it stands in the file."""
        app = suites.SUITES[self.suite].app_aead
        n_a, n_b = fixed(f"n_a {self.name}", 8), fixed(f"n_b {self.name}", 8)
        context = record.update_context(1, n_a, n_b)
        updated = kdf.key_update(self.initiator.prk_out, context)
        exported = [
            (EXPORT_SECRET, b"", app.key_length),
            (EXPORT_SALT, b"", record.SALT_LENGTH),
            (33000, b"application", 48),
        ]
        return {
            "name": self.name,
            "method": 3,
            "suite": self.suite,
            "suites_i": self.suites_i,
            "suites_r": [self.suite],
            "c_i": self.c_i,
            "c_r": self.c_r,
            "x": self.x,
            "y": self.y,
            "initiator": describe_credential(self.i[0], self.i[1], self.id_by[0]),
            "responder": describe_credential(self.r[0], self.r[1], self.id_by[1]),
            **{f"ead_{n}": [list(item) for item in self.ead.get(n, [])] for n in (1, 2, 3, 4)},
            "values": {key: self.initiator.values[key] for key in _NAMES},
            "sid": self.initiator.sid,
            "frames": self.frames(),
            "exporter": [
                {"label": label, "context": ctx, "length": n, "output": self.initiator.exporter(label, ctx, n)}
                for label, ctx, n in exported
            ],
            "key_update": {
                "epoch": 1,
                "n_a": n_a,
                "n_b": n_b,
                "context": context,
                "PRK_out": updated,
                "PRK_exporter": kdf.prk_exporter(updated),
                "exporter": [
                    {"label": label, "context": ctx, "length": n, "output": kdf.exporter(updated, label, ctx, n)}
                    for label, ctx, n in exported
                ],
            },
        }


def runs() -> List[Run]:
    """Every handshake of the file."""
    x, p = suites.X25519, suites.P256
    ead: Dict[int, List[Ead]] = {
        1: [(edhoc.INBOX_1, b"wearable-7")],
        2: [(edhoc.INBOX_2, b"hub-2"), (40000, None)],
        3: [(edhoc.PADDING, bytes(5)), (40001, b"\x01\x02")],
        4: [(edhoc.PADDING, b"")],
    }
    return [
        Run(
            "suite-4-kid",
            4,
            make_credential("ccs", x, "wearable-7", b"\x2b"),
            make_credential("ccs", x, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0e",
            b"\x27",
        ),
        Run(
            "suite-4-long-kid-long-identifiers",
            4,
            make_credential("ccs", x, "pump-1", b"pump-1"),
            make_credential("ccs", x, "hub", b"\x18"),
            ("kid", "kid"),
            b"\x01\x02",
            b"\xff\x00\x10\x20",
        ),
        Run(
            "suite-4-kccs-by-value",
            4,
            make_credential("ccs", x, "wearable-7", b"\x2b"),
            make_credential("ccs", x, "hub", b"\x0a"),
            ("value", "value"),
            b"\x00",
            b"\x17",
        ),
        Run(
            "suite-4-kcwt-by-value-with-ead",
            4,
            make_credential("cwt", x, "wearable-7", b"\x2b", "ed25519"),
            make_credential("cwt", x, "hub", b"\x0a", "p256"),
            ("value", "value"),
            b"\x05",
            b"\x37",
            ead,
        ),
        Run(
            "suite-4-cwt-by-kid",
            4,
            make_credential("cwt", x, "wearable-7", b"\x2b", "ed25519"),
            make_credential("cwt", x, "hub", b"hub-key", "ed25519"),
            ("kid", "kid"),
            b"\x10",
            b"\x20",
        ),
        Run(
            "suite-2-kid",
            2,
            make_credential("ccs", p, "wearable-7", b"\x2b"),
            make_credential("ccs", p, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0e",
            b"\x27",
        ),
        Run(
            "suite-2-after-error-2",
            2,
            make_credential("ccs", p, "wearable-7", b"\x2b"),
            make_credential("ccs", p, "hub", b"\x0a"),
            ("kid", "kid"),
            b"\x0f",
            b"\x01",
            suites_i=[4, 2],
        ),
        Run(
            "suite-2-kccs-by-value-long-identifiers",
            2,
            make_credential("ccs", p, "pump-1", b"pump-1"),
            make_credential("ccs", p, "hub", b"\x18"),
            ("value", "value"),
            b"\x0a\x0b\x0c",
            b"\x0a\x0b",
        ),
        Run(
            "suite-2-kcwt-by-value-with-ead",
            2,
            make_credential("cwt", p, "wearable-7", b"\x2b", "p256"),
            make_credential("cwt", p, "hub", b"\x0a", "ed25519"),
            ("value", "value"),
            b"\x05",
            b"\x37",
            ead,
        ),
    ]


def edhoc_file() -> Dict[str, Any]:
    """peer_edhoc.json."""
    anchors = [
        {
            "name": name,
            "alg": alg,
            "curve": {suites.ED25519: "Ed25519", suites.P256: "P-256"}[anchor.key.curve],
            "private": private,
            "x": anchor.key.x,
            "y": anchor.key.y,
            "kid": anchor.kid,
            "purposes": sorted(anchor.purposes),
            "cose_key": cbor.encode(anchor.key.to_map()),
        }
        for name, (alg, private, anchor) in issuers().items()
    ]
    return {
        **ABOUT,
        "note": "Hex throughout. handshakes: method 3 with every value. EAD items are [label as on the wire, value or null]. CWTs expire at 2000000000. "
        "In suite-2-after-error-2 the first message_1 (SUITES_I = 4) was answered by error 0202.",
        "anchors": anchors,
        "handshakes": [run.describe() for run in runs()],
    }
