"""Whether a batch is what its receipt says."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Set

from .._sealwire import Credential, TrustAnchor
from ..errors import AuthenticationFailed, Malformed
from ..identity import load_credentials
from .batch import DEVICE_COLUMNS, DEVICES, PEERS, RECEIPT, SECRET, SUMS, Progress
from .receipt import Receipt, digest_of

_LINE = re.compile(r"([0-9a-f]{64})  ([\x21-\x7e]+)")


@dataclass(frozen=True)
class Verdict:
    """A batch that is as its receipt says. `absent`: files that are not here, which only `public` lets pass."""

    receipt: Receipt
    files: int
    absent: int


def _sums(text: bytes) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for number, line in enumerate(text.decode("ascii", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match.group(2) in found or ".." in match.group(2).split("/") or match.group(2).startswith("/"):
            raise Malformed(f"{SUMS}, line {number}")
        found[match.group(2)] = match.group(1)
    return found


def _files(batch: Path, sums: Dict[str, str], public: bool, progress: Progress) -> int:
    """Compares every file; gives how many are absent."""
    absent = 0
    for count, (name, digest) in enumerate(sums.items(), 1):
        path = batch / name
        if public and name.startswith(f"{SECRET}/") and not (batch / SECRET).exists():
            absent += 1
        elif not path.is_file():
            raise AuthenticationFailed(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise AuthenticationFailed(f"{name} is not the file that was signed")
        progress("files", count, len(sums))
    for path in batch.rglob("*"):
        name = path.relative_to(batch).as_posix()
        if not path.is_dir() and name not in sums and name not in (SUMS, RECEIPT):
            raise AuthenticationFailed(f"{name} does not belong to the batch")
    return absent


def _devices(batch: Path, receipt: Receipt, issuer: Optional[Credential]) -> None:
    """Compares the devices with the receipt."""
    rows = list(csv.reader(io.StringIO((batch / DEVICES).read_text(encoding="utf-8"), newline="")))
    if not rows or tuple(rows[0]) != DEVICE_COLUMNS:
        raise Malformed(f"{DEVICES} has other columns")
    thumbprints: Set[bytes] = set()
    credentials: Set[Credential] = set()
    models: Dict[str, int] = {}
    anchor = TrustAnchor(issuer) if issuer is not None else None
    for line, (serial, model, name, thumbprint, data) in enumerate(rows[1:], 2):
        credential = Credential(bytes.fromhex(data))
        if credential.thumbprint.hex() != thumbprint or credential.subject != name or credential.kind != receipt.kind:
            raise AuthenticationFailed(f"{DEVICES}, line {line}: the credential of {serial} says something else")
        if anchor is not None:
            # In the time of the receipt: a batch stays what it was when its credentials end.
            credential.verify(anchor, receipt.date)
        thumbprints.add(credential.thumbprint)
        credentials.add(credential)
        models[model] = models.get(model, 0) + 1
    if not len(rows) - 1 == len(thumbprints) == receipt.count or models != receipt.models or digest_of(thumbprints) != receipt.thumbprints:
        raise AuthenticationFailed("the devices are not those of the receipt")
    if set(load_credentials(batch / PEERS)) != credentials:
        raise AuthenticationFailed(f"{PEERS} has other credentials than {DEVICES}")


def verify_batch(
    batch: Path,
    factory: Credential,
    *,
    issuer: Optional[Credential] = None,
    public: bool = False,
    progress: Progress = lambda what, count, total: None,
) -> Verdict:
    """Verifies the receipt by the factory's credential, and every file and device by the receipt.

    `issuer`: also every credential, by who issued it. `public`: the directory of secrets need not be here. Raises
    AuthenticationFailed or another typed reason, or OSError.
    """
    receipt = Receipt.verify((batch / RECEIPT).read_bytes(), factory)
    listing = (batch / SUMS).read_bytes()
    if hashlib.sha256(listing).digest() != receipt.files:
        raise AuthenticationFailed(f"{SUMS} is not the file that was signed")
    sums = _sums(listing)
    absent = _files(batch, sums, public, progress)
    _devices(batch, receipt, issuer)
    return Verdict(receipt, len(sums), absent)


__all__ = ["Verdict", "verify_batch"]
