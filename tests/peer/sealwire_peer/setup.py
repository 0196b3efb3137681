"""Setup and ownership, PROTOCOL §10: code, tag, statements, items and the stored record."""

from __future__ import annotations

import base64
import hmac
import re
import struct
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from . import cbor, kdf, suites
from .cose import sig_structure
from .errors import PeerError
from .key import CoseKey

EAD_SETUP, EAD_RELEASE, EAD_DELEGATION, EAD_OWNERSHIP = -32770, -32771, -32772, 32773
RELEASE, DELEGATION = "sealwire-release-1", "sealwire-delegation-1"

_CODE = re.compile(r"SW1:([A-Z2-7]{52}):([A-Z0-9./-]{0,24})\Z")


def print_code(device: bytes, secret: bytes, model: str) -> str:
    """What the label says (§10.1)."""
    text = base64.b32encode(device + secret).decode().rstrip("=")
    return f"SW1:{text}:{model}"


def read_code(code: str) -> Tuple[bytes, bytes, str]:
    """Thumbprint, secret and model of a code in its one spelling."""
    found = _CODE.match(code)
    if not found:
        raise PeerError("malformed", "not a setup code")
    both = base64.b32decode(found.group(1) + "====")
    if print_code(both[:16], both[16:], found.group(2)) != code:
        raise PeerError("malformed", "bits left over")
    return both[:16], both[16:], found.group(2)


def tag_key(secret: bytes, th_3: bytes) -> bytes:
    """K of §10.3."""
    return kdf.expand(kdf.extract(th_3, secret), b"sealwire-setup-1", 32)


def tag(secret: bytes, th_3: bytes, cred_i: bytes, cred_r: bytes) -> bytes:
    """What shows knowledge of the setup secret."""
    return hmac.digest(tag_key(secret, th_3), suites.sha256(cred_i) + suites.sha256(cred_r), "sha256")


def payload(label: str, device: bytes, epoch: int, about: bytes, nonce: bytes) -> bytes:
    """What an owner signs (§10.4, §10.5); it is not sent."""
    return cbor.encode([label, device, epoch, about, nonce])


def state(alg: int, private: bytes, content: bytes) -> bytes:
    """A COSE_Sign1 with detached payload."""
    protected = cbor.encode({1: alg})
    signature = suites.sign(alg, private, sig_structure(protected, b"", content))
    return cbor.encode([protected, {}, None, signature])


def check_statement(statement: bytes, anchor: CoseKey, content: bytes) -> None:
    """Raises unless the anchor has signed this."""
    alg = suites.EDDSA if anchor.curve == suites.ED25519 else suites.ES256
    protected, unprotected, detached, signature = cbor.decode(statement)
    if protected != cbor.encode({1: alg}) or unprotected != {} or detached is not None:
        raise PeerError("authentication_failed", "not a statement")
    suites.verify(alg, anchor.x, anchor.y, sig_structure(protected, b"", content), signature)


def item_value(first: bytes, anchor: Optional[CoseKey]) -> bytes:
    """The value of a setup or release item: tag as a byte string, or statement, then the anchor if there is one."""
    return first + (cbor.encode(anchor.required()) if anchor else b"")


def mark(cred_i: bytes) -> bytes:
    """How a device knows a credential again."""
    return suites.sha256(cred_i)[:16]


@dataclass(frozen=True)
class Ownership:
    """The state of a device (§10.2). Parties are thumbprint and mark."""

    epoch: int = 0
    nonce: bytes = bytes(8)
    owner: Optional[Tuple[bytes, bytes]] = None
    anchor: Optional[CoseKey] = None
    delegates: Sequence[Tuple[bytes, bytes]] = ()
    wiping: bool = False

    def told(self) -> bytes:
        """The value of the ownership item."""
        return cbor.sequence(self.epoch, self.nonce)

    def record(self) -> bytes:
        """The stored record (§10.7)."""
        flags = (1 if self.owner else 0) | (2 if self.wiping else 0)
        parties: List[Tuple[bytes, bytes]] = [*self.delegates, *[(bytes(16), bytes(16))] * 3][:3]
        curve, x, y = (self.anchor.curve, self.anchor.x, self.anchor.y or bytes(32)) if self.anchor else (0, bytes(32), bytes(32))
        head = struct.pack(">BBI8s", 1, flags, self.epoch, self.nonce)
        content = head + b"".join(self.owner or (bytes(16), bytes(16))) + bytes([curve]) + x + y
        content += b"".join(part for party in parties for part in party)
        return content + suites.sha256(content)[:8]
