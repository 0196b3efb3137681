"""What ``setup.json`` holds: PROTOCOL §10 with fixed inputs."""

from __future__ import annotations

from typing import Any, Dict, List

from . import cbor, setup, suites
from .cose import make_ccs
from .handshake_vectors import ABOUT, fixed
from .key import CoseKey, key_from_private


def _codes() -> Dict[str, Any]:
    good: List[Dict[str, Any]] = []
    for device, secret, model in (
        (bytes(range(16)), bytes(range(0xF0, 0x100)), "SW-HR/1.0"),
        (bytes(16), bytes(16), ""),
        (b"\xff" * 16, b"\xff" * 16, "ABCDEFGHIJKLMNOPQRSTUVWX"),
        (fixed("setup device", 16), fixed("setup secret", 16), "0189./-"),
    ):
        good.append({"device": device, "secret": secret, "model": model, "code": setup.print_code(device, secret, model)})
    code = str(good[1]["code"])
    bad = ["", "SW1:", code[:-1], code.lower(), "SW2" + code[3:], code[:55] + "B:", code[:54] + "=" + code[55:], code[:54] + "1" + code[55:]]
    bad += [code[:55] + ":", code + "a", code + " ", code + "_", code + "A" * 25, " " + code, code + "\n"]
    return {"good": good, "bad": bad}


def _tags() -> List[Dict[str, Any]]:
    made = []
    for name, subject_i, subject_r in (("phone and device", "phone", "wearable-7"), ("other parties", "phone-2", "pump")):
        secret, th_3 = fixed(f"setup {name} secret", 16), fixed(f"setup {name} TH_3", 32)
        creds = [
            make_ccs(subject, key_from_private(suites.X25519, fixed(f"setup {name} {subject}", 32), kid=bytes([place])))
            for place, subject in ((1, subject_i), (2, subject_r))
        ]
        made.append(
            {
                "name": name,
                "secret": secret,
                "th_3": th_3,
                "cred_i": creds[0],
                "cred_r": creds[1],
                "k": setup.tag_key(secret, th_3),
                "tag": setup.tag(secret, th_3, creds[0], creds[1]),
                "mark": setup.mark(creds[0]),
            }
        )
    return made


def _anchor(label: str) -> CoseKey:
    return key_from_private(suites.ED25519, fixed(label, 32))


def _statements() -> List[Dict[str, Any]]:
    made = []
    for label in (setup.RELEASE, setup.DELEGATION):
        for epoch in (0, 23, 24, 70000, 2**32 - 1):
            for alg, curve in ((suites.EDDSA, suites.ED25519), (suites.ES256, suites.P256)):
                private = fixed("setup owner signs", 32)
                device, about, nonce = fixed("setup device", 16), fixed("setup about", 16), fixed(f"setup nonce {epoch}", 8)
                content = setup.payload(label, device, epoch, about, nonce)
                made.append(
                    {
                        "label": label,
                        "alg": alg,
                        "private": private,
                        "anchor": cbor.encode(key_from_private(curve, private).required()),
                        "device": device,
                        "epoch": epoch,
                        "about": about,
                        "nonce": nonce,
                        "payload": content,
                        "statement": setup.state(alg, private, content),
                    }
                )
    return made


def _items() -> List[Dict[str, Any]]:
    anchor = _anchor("setup owner signs")
    tag = cbor.bstr(_tags()[0]["tag"])
    statement = _statements()[0]["statement"]
    told = setup.Ownership(epoch=70000, nonce=fixed("setup nonce", 8)).told()
    made = []
    for name, label, value in (
        ("setup", setup.EAD_SETUP, tag),
        ("setup with an anchor", setup.EAD_SETUP, setup.item_value(tag, anchor)),
        ("release with an anchor", setup.EAD_RELEASE, setup.item_value(statement, anchor)),
        ("delegation", setup.EAD_DELEGATION, statement),
        ("ownership", setup.EAD_OWNERSHIP, told),
    ):
        made.append({"name": name, "label": label, "value": value, "ead": cbor.sequence(label, value)})
    return made


def _records() -> List[Dict[str, Any]]:
    def party(name: str) -> Any:
        return (fixed(f"setup {name} thumbprint", 16), fixed(f"setup {name} mark", 16))

    ed25519 = _anchor("setup owner signs")
    p256 = key_from_private(suites.P256, fixed("setup owner signs on P-256", 32))
    nonce = fixed("setup record nonce", 8)
    owner, delegates = party("owner"), [party(f"delegate {place}") for place in range(3)]
    states = {
        "never owned": setup.Ownership(),
        "owned": setup.Ownership(0, nonce, owner, ed25519),
        "without an anchor": setup.Ownership(1, nonce, owner),
        "anchor on P-256, two delegates": setup.Ownership(70000, nonce, owner, p256, delegates[:2]),
        "three delegates, wiping": setup.Ownership(2, nonce, owner, ed25519, delegates, True),
        "reset, wiping": setup.Ownership(2**32 - 1, nonce, wiping=True),
    }
    return [
        {
            "name": name,
            "epoch": state.epoch,
            "nonce": state.nonce,
            "owner": state.owner,
            "anchor": cbor.encode(state.anchor.required()) if state.anchor else None,
            "delegates": state.delegates,
            "wiping": state.wiping,
            "record": state.record(),
        }
        for name, state in states.items()
    ]


def setup_file() -> Dict[str, Any]:
    """The file's content."""
    return {
        **ABOUT,
        "verified_by": "core/src/setup/tests.rs and tests/peer/test_setup.py",
        "note": "Setup and ownership (docs/PROTOCOL.md section 10). cred_i and cred_r are CBOR items; parties are thumbprint and mark; ES256 is deterministic (RFC 6979).",
        "codes": _codes(),
        "tags": _tags(),
        "statements": _statements(),
        "items": _items(),
        "records": _records(),
    }
