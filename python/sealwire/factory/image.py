"""What one device is told at its provisioning: a page for its flash, or a C header.

The page, version 1, is `SWF1`, then items of one byte of kind, two of length (big-endian) and the value, then a byte 0. A
reader passes over kinds that it does not know; examples/firmware/settings.c is one.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import InvalidArgument, Malformed

MARK = b"SWF1"
KEY = 1
"""Own private key, 32 bytes; left out where the device has it in a secure element."""
CREDENTIAL = 2
PEER = 3
"""Credential of the hub."""
INBOX = 4
INTERVAL = 5
LIFETIME = 6
SAMPLES = 7
SERIAL = 8
MODEL = 9
SETUP = 10
"""Setup secret, 16 bytes."""
ANCHOR = 11
"""Credential of an issuer to believe."""
LONGEST = 1024
"""What the boards of examples/firmware set aside for the page."""


def page(items: Mapping[int, bytes], *, size: int = LONGEST) -> bytes:
    """The page with these items. Raises `InvalidArgument` if they are longer than `size`."""
    if not all(kind in range(1, 255) and len(value) < 1 << 16 for kind, value in items.items()):
        raise InvalidArgument("kinds are 1 to 254, values shorter than 64 KiB")
    made = MARK + b"".join(bytes([kind]) + len(value).to_bytes(2, "big") + value for kind, value in sorted(items.items())) + b"\0"
    if len(made) > size:
        raise InvalidArgument(f"the page has {len(made)} bytes, more than {size}")
    return made


def read_page(data: bytes) -> Dict[int, bytes]:
    """The items of a page; whatever follows its end is passed over. Raises `Malformed`."""
    if not data.startswith(MARK):
        raise Malformed("no page of settings, version 1")
    items: Dict[int, bytes] = {}
    at = len(MARK)
    while at < len(data) and data[at] not in (0, 0xFF):
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        value = data[at + 3 : at + 3 + length]
        if at + 3 > len(data) or len(value) != length or data[at] in items:
            raise Malformed("a page of settings ends early, or has a kind twice")
        items[data[at]] = value
        at += 3 + length
    return items


# kind, name in a header
_ARRAYS: Tuple[Tuple[int, str], ...] = (
    (KEY, "provision_device_key"),
    (CREDENTIAL, "provision_device"),
    (SETUP, "provision_setup_secret"),
    (PEER, "provision_hub"),
    (ANCHOR, "provision_issuer"),
)


def header(items: Mapping[int, bytes], *, kind: str, issuer_kid: Optional[bytes] = None) -> str:
    """The same as a C header, version 1: an array for each item, with the macros PROVISION_*; what is absent has neither."""
    serial, model, inbox = (items.get(number, b"").decode("ascii") for number in (SERIAL, MODEL, INBOX))
    p256 = kind in ("P-256", "ES256")
    number = {"X25519": "SEALWIRE_KEY_X25519", "P-256": "SEALWIRE_KEY_P256", "Ed25519": "SEALWIRE_KEY_ED25519", "ES256": "SEALWIRE_KEY_ES256"}[kind]
    lines: List[str] = [
        f"/* Provisioning of {serial}, by `sealwire provision`.{' Secret: it holds a private key or a setup secret.' if KEY in items or SETUP in items else ''} */",
        "#ifndef PROVISION_H",
        "#define PROVISION_H",
        "",
        "#include <stdint.h>",
        "",
        "#define PROVISION_VERSION 1",
        f'#define PROVISION_SERIAL "{serial}"',
        f'#define PROVISION_MODEL "{model}"',
        f'#define PROVISION_INBOX "{inbox}"',
        f"#define PROVISION_KIND {number}",
        f"#define PROVISION_SUITE {'SEALWIRE_SUITE_P256_CCM' if p256 else 'SEALWIRE_SUITE_X25519_CHACHA'}",
    ]
    arrays = [(name, items[number]) for number, name in _ARRAYS if number in items]
    if ANCHOR in items and issuer_kid is not None:
        arrays.append(("provision_issuer_kid", issuer_kid))
    for name, value in arrays:
        lines += ["", f"#define {name.upper()}_LENGTH {len(value)}", f"static const uint8_t {name}[{len(value)}] = {{"]
        lines += ["  " + " ".join(f"0x{byte:02x}," for byte in value[at : at + 16]) for at in range(0, len(value), 16)]
        lines.append("};")
    return "\n".join([*lines, "", "#endif", ""])


__all__ = ["ANCHOR", "CREDENTIAL", "INBOX", "INTERVAL", "KEY", "LIFETIME", "LONGEST", "MODEL", "PEER", "SAMPLES", "SERIAL", "SETUP", "header", "page", "read_page"]
