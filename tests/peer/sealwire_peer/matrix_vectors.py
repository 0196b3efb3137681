"""The part of ``peer_edhoc.json`` that covers every method, suite and way to name a credential."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from . import certificate, cose, edhoc, suites
from .cose import Credential, Store
from .edhoc import Initiator, Own, Responder
from .handshake_vectors import fixed, issuers

NOTE = (
    "matrix: every method (0 to 3), suite (0, 2, 3, 4) and way to name a credential: kid (a CCS by {4: kid}), kccs (a CCS "
    "by value), kcwt (a CWT by value; I's signed by the anchor ed25519, R's by p256), x5t (a certificate by {34: [-15, "
    "hash]}), x5chain (the same certificate as {33: bstr}; I's signed by the anchor ed25519, R's by p256; both names "
    "of an issuer are issuer-NAME). Both ends use the same way; initiator and responder name an entry of parties, whose "
    "cred is CBOR, a certificate's its DER, and whose key is X25519, P-256 (for Diffie-Hellman), Ed25519 or ES256. x and y "
    "are the private ephemeral keys; ES256 signatures have the nonce of RFC 6979; there is no EAD; message_1 to message_4 "
    "are CBOR without frames; exporter holds EDHOC_Exporter of labels 0, 1 and 2 with context h'' and length 32."
)

WAYS = ("kid", "kccs", "kcwt", "x5t", "x5chain")
_ISSUER = {"wearable-7": "ed25519", "hub": "p256"}
_KID = {"wearable-7": b"\x2b", "hub": b"\x0a"}


def key_name(suite: int, static: bool) -> str:
    """What kind of key authenticates in this suite."""
    if suites.SUITES[suite].curve == suites.P256:
        return "P-256" if static else "ES256"
    return "X25519" if static else "Ed25519"


_CURVES = {"X25519": suites.X25519, "P-256": suites.P256, "Ed25519": suites.ED25519, "ES256": suites.P256}


class Party:
    """Somebody with a credential of one kind."""

    def __init__(self, subject: str, key: str, kind: str) -> None:
        self.name = f"{subject}-{key}-{kind}"
        self.subject, self.key, self.kind = subject, key, kind
        self.private = fixed(f"matrix {key} {subject}")
        public = cose.key_from_private(_CURVES[key], self.private, _KID[subject])
        issuer = _ISSUER[subject]
        alg, issuer_private, anchor = issuers()[issuer]
        if kind == "ccs":
            self.cred = cose.make_ccs(subject, public)
        elif kind == "cwt":
            claims = {2: subject, 4: 2000000000, 8: {1: public.to_map()}}
            self.cred = cose.issue_cwt(alg, issuer_private, anchor.kid, claims)
        else:
            self.cred = certificate.issue(alg, issuer_private, f"issuer-{issuer}", public, subject)
        self.credential: Credential = cose.parse_credential(self.cred)

    def describe(self) -> Dict[str, Any]:
        """As it stands in the file."""
        return {
            "kind": self.kind,
            "key": self.key,
            "subject": self.subject,
            "kid": self.credential.kid,
            "private": self.private,
            "cred": self.cred,
            "thumbprint": self.credential.key.thumbprint(),
        }


_KIND = {"kid": "ccs", "kccs": "ccs", "kcwt": "cwt", "x5t": "x509", "x5chain": "x509"}
_ID_BY = {"kid": "kid", "kccs": "value", "kcwt": "value", "x5t": "x5t", "x5chain": "value"}


class Cell:
    """One finished handshake of the matrix."""

    def __init__(self, method: int, suite: int, way: str) -> None:
        self.method, self.suite, self.way = method, suite, way
        self.name = f"method-{method}-suite-{suite}-{way}"
        keys = key_name(suite, edhoc.initiator_is_static(method)), key_name(suite, edhoc.responder_is_static(method))
        self.i, self.r = Party("wearable-7", keys[0], _KIND[way]), Party("hub", keys[1], _KIND[way])
        curve = suites.SUITES[suite].curve
        # Such a value is below the order of P-256 but for a chance of 2^-32; suites would refuse it.
        self.x, self.y = fixed(f"{curve} {self.name} x"), fixed(f"{curve} {self.name} y")
        self.c_i, self.c_r = self._identifiers()
        self.initiator = Initiator(self._own(self.i), self._store(self.r), [suite], method, self.c_i, self.x)
        self.responder = Responder(self._own(self.r), self._store(self.i), [suite], [method])
        self._run()

    def _identifiers(self) -> Tuple[bytes, bytes]:
        # One-byte integers, other single bytes and longer identifiers take turns.
        turn = WAYS.index(self.way) + self.method
        pairs: List[Tuple[bytes, bytes]] = [(b"\x0e", b"\x27"), (b"\xff", b"\x00"), (b"\x01\x02", b"\x37"), (b"\x17", b"\xaa\xbb\xcc\xdd")]
        return pairs[turn % len(pairs)]

    def _own(self, party: Party) -> Own:
        return Own(party.credential, party.private, _ID_BY[self.way])

    def _store(self, peer: Party) -> Store:
        # What an issuer signed and what comes by value needs no database.
        known = [] if self.way in ("kcwt", "x5chain") else [peer.credential]
        return Store(known, [anchor for _, _, anchor in issuers().values()], 1900000000)

    def _run(self) -> None:
        i, r = self.initiator, self.responder
        r.process_message_1(i.message_1())
        i.process_message_2(r.message_2(self.c_r, ephemeral=self.y))
        r.process_message_3(i.message_3())
        i.process_message_4(r.message_4())
        for name in ("TH_2", "TH_3", "TH_4", "PRK_out", "PLAINTEXT_2", "PLAINTEXT_3"):
            assert i.values[name] == r.values[name], name
        assert (i.peer, r.peer) == (self.r.credential, self.i.credential)

    def describe(self) -> Dict[str, Any]:
        """The case as it stands in the file."""
        names = "message_1 message_2 message_3 message_4 PLAINTEXT_2 PLAINTEXT_3 TH_2 TH_3 TH_4 PRK_out".split()
        return {
            "name": self.name,
            "method": self.method,
            "suite": self.suite,
            "way": self.way,
            "initiator": self.i.name,
            "responder": self.r.name,
            "c_i": self.c_i,
            "c_r": self.c_r,
            "x": self.x,
            "y": self.y,
            **{name: self.initiator.values[name] for name in names},
            "exporter": [self.initiator.exporter(label, b"", 32) for label in (0, 1, 2)],
        }


def matrix() -> List[Cell]:
    """Every cell, in order."""
    return [Cell(method, suite, way) for method in range(4) for suite in (0, 2, 3, 4) for way in WAYS]


def described() -> Dict[str, Any]:
    """What ``peer_edhoc.json`` holds of the matrix."""
    run = matrix()
    parties = {party.name: party.describe() for cell in run for party in (cell.i, cell.r)}
    return {"parties": dict(sorted(parties.items())), "matrix": [cell.describe() for cell in run]}
