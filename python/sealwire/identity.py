"""Keys and credentials in files.

A private key is the hexadecimal text of its 32 raw bytes, in a file only its owner may read. A credential is the
hexadecimal text of its CBOR. White space and lines that start with `#` are ignored in both; such a line tells what kind
of key a key file holds.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import List, Union

from ._sealwire import Credential, Key
from .errors import Malformed, SealwireError, UnknownKey

PathLike = Union[str, "os.PathLike[str]"]
KINDS = ("X25519", "P-256", "Ed25519", "ES256")
KEY_LINE = re.compile(r"^#\s*sealwire private key, (\S+)\s*$", re.MULTILINE)


def parse_hex(text: str, where: str = "text") -> bytes:
    """The bytes of a hexadecimal text, without comments and white space."""
    digits = "".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    try:
        return bytes.fromhex("".join(digits.split()))
    except ValueError:
        raise Malformed(f"{where} is not hexadecimal text") from None


def read_hex(path: PathLike) -> bytes:
    """The bytes of a hexadecimal file. Raises OSError or Malformed."""
    file = Path(path)
    try:
        text = file.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise Malformed(f"{file} is not hexadecimal text") from None
    return parse_hex(text, str(file))


def write_private(path: PathLike, text: str, *, overwrite: bool = False) -> None:
    """Write a file that only its owner may read; never through a link, never over a file unless told to."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(os.fspath(path), flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def save_key(path: PathLike, key: Key, *, overwrite: bool = False) -> None:
    """Write a private key file, mode 0600."""
    write_private(
        path, f"# sealwire private key, {key.kind}\n{key.private_bytes().hex()}\n", overwrite=overwrite
    )


def save_credential(path: PathLike, credential: Credential, *, overwrite: bool = False) -> None:
    """Write a credential file."""
    with open(path, "w" if overwrite else "x", encoding="ascii") as file:
        subject = credential.subject or ""
        if subject.isprintable() and subject.isascii() and subject:
            file.write(f"# {credential.kind.upper()} of {subject}\n")
        file.write(f"{credential.data.hex()}\n")


def load_credential(path: PathLike) -> Credential:
    """Read a credential file. Raises OSError, Malformed or another typed error."""
    raw = read_hex(path)
    try:
        return Credential(raw)
    except SealwireError as error:
        raise type(error)(f"{path} holds no usable credential") from None


def load_credentials(path: PathLike) -> List[Credential]:
    """Read a file of many credentials, one in a line. Raises OSError, or Malformed and other typed errors that name the line."""
    file = Path(path)
    found = []
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        raise Malformed(f"{file} is not hexadecimal text") from None
    for number, line in enumerate(lines, 1):
        raw = parse_hex(line, f"{file}, line {number}")
        try:
            if raw:
                found.append(Credential(raw))
        except SealwireError as error:
            raise type(error)(f"{file}, line {number} is no usable credential") from None
    return found


def load_key(path: PathLike, default: str = "X25519") -> Key:
    """Read a private key file. Its first comment line says what kind of key it is; without one it is a `default`."""
    raw = read_hex(path)
    found = KEY_LINE.search(Path(path).read_text(encoding="ascii"))
    if len(raw) != 32:
        raise Malformed(f"{path} holds {len(raw)} bytes, not the 32 of a private key")
    return Key.from_bytes(found.group(1) if found else default, raw)


def others_can_read(path: PathLike) -> bool:
    """True if group or others may read the file; worth a warning for a private key."""
    if os.name != "posix":
        return False
    return bool(os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH))


@dataclass(frozen=True)
class Identity:
    """An endpoint's own credential with its private key."""

    credential: Credential
    key: Key

    def __post_init__(self) -> None:
        if self.key.public != self.credential.public:
            raise UnknownKey("the private key does not belong to the credential")

    @property
    def name(self) -> str:
        """The credential's subject."""
        return self.credential.subject or ""

    @property
    def thumbprint(self) -> bytes:
        """Who this is: the first 16 bytes of the RFC 9679 thumbprint of the public key."""
        return self.credential.thumbprint

    @classmethod
    def load(cls, stem: PathLike) -> Identity:
        """Read `STEM.key` and `STEM.cred`, as `sealwire keygen STEM` writes them."""
        credential = load_credential(f"{os.fspath(stem)}.cred")
        return cls(credential, load_key(f"{os.fspath(stem)}.key", credential.curve))

    @classmethod
    def generate(cls, name: str, *, curve: str = "X25519") -> Identity:
        """A new key with an unsigned credential (CCS) naming it; the kid is four bytes of the thumbprint."""
        key = Key.generate(curve)
        return cls(Credential.ccs(key, name, key.thumbprint[:4]), key)

    def save(self, stem: PathLike, *, overwrite: bool = False) -> None:
        """Write `STEM.key` (mode 0600) and `STEM.cred`."""
        save_key(f"{os.fspath(stem)}.key", self.key, overwrite=overwrite)
        save_credential(f"{os.fspath(stem)}.cred", self.credential, overwrite=overwrite)


__all__ = [
    "KINDS",
    "Identity",
    "load_credential",
    "load_credentials",
    "load_key",
    "others_can_read",
    "parse_hex",
    "read_hex",
    "save_credential",
    "save_key",
    "write_private",
]
