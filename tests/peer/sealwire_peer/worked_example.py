"""The worked example of ``docs/PROTOCOL.md`` §9, put together from a real run.

The handshake is "suite-4-kid" of ``peer_edhoc.json``. Every annotated line is cut out of the
bytes that were sent, and the cuts are checked to add up to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import cbor, record
from .errors import PeerError
from .handshake_vectors import Run, fixed, runs

PAGE = Path(__file__).resolve().parent.parent.parent.parent / "docs" / "PROTOCOL.md"
BEGIN = "<!-- worked example begin -->"
END = "<!-- worked example end -->"

_WIDTH = 24
"""Bytes of hex a line."""

Part = Tuple[bytes, str]


def _lines(data: bytes, note: str) -> List[str]:
    """One annotated piece: hex to the left, the note beside its first line."""
    pieces = [data[at : at + _WIDTH].hex() for at in range(0, len(data), _WIDTH)] or ["(empty)"]
    head = f"{pieces[0]:<{2 * _WIDTH}}  {note}"
    return [head.rstrip()] + pieces[1:]


def _block(parts: Sequence[Part]) -> List[str]:
    lines = ["```"]
    for data, note in parts:
        lines += _lines(data, note)
    return lines + ["```", ""]


def _cut(title: str, whole: bytes, parts: Sequence[Part]) -> List[str]:
    """A titled block whose parts are exactly ``whole``."""
    joined = b"".join(data for data, _ in parts)
    if joined != whole:
        raise PeerError("usage", f"{title}: the parts are not the whole")
    return [f"**{title}** ({len(whole)} bytes): `{whole.hex()}`", ""] + _block(parts)


def _handshake(run: Run) -> List[str]:
    v = run.initiator.values
    frames = run.frames()
    tag = run.initiator.suite.aead.tag_length
    lines: List[str] = []
    lines += _cut(
        "message_1, I to R",
        frames["message_1"],
        [
            (b"\x01", "frame: message_1"),
            (b"\x03", "METHOD 3"),
            (b"\x04", "SUITES_I: 4"),
            (cbor.bstr(v["G_X"]), "G_X"),
            (run.c_i, "C_I = h'0e', as a one-byte integer"),
        ],
    )
    lines += _block(
        [
            (v["TH_2"], "TH_2 = H(G_Y, H(message_1))"),
            (v["PRK_2e"], "PRK_2e"),
            (v["PRK_3e2m"], "PRK_3e2m"),
            (v["MAC_2"], "MAC_2"),
            (v["PLAINTEXT_2"], "PLAINTEXT_2 = C_R, kid of R, MAC_2"),
        ]
    )
    lines += _cut(
        "message_2, R to I",
        frames["message_2"],
        [
            (b"\x02", "frame: message_2"),
            (run.c_i, "C_I"),
            (v["message_2"][:2], "byte string"),
            (v["G_Y"], "G_Y"),
            (v["CIPHERTEXT_2"], "CIPHERTEXT_2 = PLAINTEXT_2 XOR KEYSTREAM_2"),
        ],
    )
    lines += _block(
        [
            (v["TH_3"], "TH_3 = H(TH_2, PLAINTEXT_2, CRED_R)"),
            (v["PRK_4e3m"], "PRK_4e3m"),
            (v["MAC_3"], "MAC_3"),
            (v["PLAINTEXT_3"], "PLAINTEXT_3 = kid of I, MAC_3"),
            (v["K_3"], "K_3"),
            (v["IV_3"], "IV_3"),
        ]
    )
    lines += _cut(
        "message_3, I to R",
        frames["message_3"],
        [
            (b"\x03", "frame: message_3"),
            (run.c_r, "C_R"),
            (v["message_3"][: -len(v["CIPHERTEXT_3"])], "byte string"),
            (v["CIPHERTEXT_3"][:-tag], "ciphertext"),
            (v["CIPHERTEXT_3"][-tag:], "tag"),
        ],
    )
    lines += _block(
        [
            (v["TH_4"], "TH_4 = H(TH_3, PLAINTEXT_3, CRED_I)"),
            (run.initiator.sid, "sid = TH_4[0..8]"),
            (v["K_4"], "K_4"),
            (v["IV_4"], "IV_4"),
        ]
    )
    lines += _cut(
        "message_4, R to I",
        frames["message_4"],
        [
            (b"\x04", "frame: message_4"),
            (run.c_i, "C_I"),
            (v["message_4"][:1], "byte string"),
            (v["CIPHERTEXT_4"], "tag of an empty plaintext"),
        ],
    )
    return lines


def _keys(i: record.Session, epoch: int, prk_note: str) -> List[str]:
    keys = i.keys(epoch)
    return _block(
        [
            (i.prk_out(epoch), prk_note),
            (keys.master_secret, "record Master Secret, exporter label 32768"),
            (keys.master_salt, "record Master Salt, exporter label 32769"),
            (keys.sender_key, f"key from I to R, Sender ID h'{keys.sender_id.hex()}'"),
            (keys.recipient_key, f"key from R to I, Sender ID h'{keys.recipient_id.hex()}'"),
            (keys.common_iv, "Common IV"),
        ]
    )


class _Talk:
    """Sends records both ways and writes each down."""

    def __init__(self, run: Run) -> None:
        i, r = run.sessions()
        self.ends = {"I": (i, r), "R": (r, i)}
        self.lines: List[str] = []

    def send(
        self,
        sender: str,
        title: str,
        payload: bytes = b"",
        options: Optional[Dict[int, Any]] = None,
        notes: Sequence[Part] = (),
        number: Optional[int] = None,
        epoch: int = 0,
    ) -> None:
        session, other = self.ends[sender]
        sealed = session.protect(payload, options, number, epoch=epoch)
        opened = other.unprotect(sealed)
        assert (opened.payload, opened.options, opened.number) == (payload, options or {}, number)
        keys = session.keys(epoch)
        head, ciphertext = record.parse_header(sealed, len(keys.sender_id))
        size = session.aead.tag_length
        flags = f"01 p={head.phase} a={int(head.confirmable)} x={int(head.options)} nnn={head.raw[0] & 7}"
        parts: List[Part] = [
            (head.raw[:1], flags),
            (head.kid, "recipient's identifier"),
            (head.raw[1 + len(head.kid) :], "Partial IV"),
            (ciphertext[:-size], "ciphertext"),
            (ciphertext[-size:], "tag"),
        ]
        arrow = "I to R" if sender == "I" else "R to I"
        self.lines += _cut(f"{title}, {arrow}", sealed, [part for part in parts if part[0]])
        plaintext = record.compose_plaintext(number, options or {}, payload)
        inside: List[Part] = [] if number is None else [(cbor.encode(number), f"message number {number}")]
        inside += list(notes)
        if payload:
            inside.append((payload, f'payload "{payload.decode()}"'))
        if b"".join(data for data, _ in inside) != plaintext:
            raise PeerError("usage", f"{title}: the parts are not the plaintext")
        aad = record.record_aad(
            session.aead, head.raw, epoch, session.own_thumbprint, session.peer_thumbprint, None
        )
        nonce = record.nonce(keys.common_iv, keys.sender_id, record.piv_bytes(head.piv))
        self.lines += ["plaintext, nonce, AAD:", ""]
        self.lines += _block(inside + [(nonce, "nonce"), (aad, "AAD")])


def _records(run: Run) -> List[str]:
    R = record
    talk = _Talk(run)
    i, r = talk.ends["I"]
    talk.lines += ["Record keys of epoch 0:", ""] + _keys(i, 0, "PRK_out")
    talk.send("I", "A plain record", b"hello")
    offer = fixed("worked example offer", 8)
    talk.send(
        "I",
        "A confirmable record, which also offers a receiver nonce",
        b"72 bpm",
        {R.OFFER: offer},
        [(b"\xa1", "options: a map of one"), (cbor.sequence(R.OFFER, offer), "3 offer")],
        number=0,
    )
    talk.send(
        "R",
        "A command that answers the offer and acknowledges number 0",
        b"stop",
        {R.KIND: R.COMMAND, R.TOPIC: b"pump", R.ANSWER: offer, R.ACK: [0, 0]},
        [
            (b"\xa4", "options: a map of four"),
            (b"\x00\x01", "0 kind: command"),
            (cbor.sequence(R.TOPIC, b"pump"), '1 topic: "pump"'),
            (cbor.sequence(R.ANSWER, offer), "4 answer"),
            (cbor.sequence(R.ACK, [0, 0]), "5 ack: top 0, none missing"),
        ],
    )
    n_a, n_b = fixed("worked example n_a", 8), fixed("worked example n_b", 8)
    control: Part = (b"\x00\x02", "0 kind: control")
    talk.send(
        "I",
        "Key update: request",
        b"",
        {R.KIND: R.CONTROL, R.UPDATE_REQUEST: [1, n_a]},
        [
            (b"\xa2", "options: a map of two"),
            control,
            (cbor.sequence(R.UPDATE_REQUEST, [1, n_a]), "8 update-request: epoch 1, n_a"),
        ],
    )
    talk.send(
        "R",
        "Key update: response",
        b"",
        {R.KIND: R.CONTROL, R.UPDATE_RESPONSE: [1, n_a, n_b]},
        [
            (b"\xa2", "options: a map of two"),
            control,
            (cbor.sequence(R.UPDATE_RESPONSE, [1, n_a, n_b]), "9 update-response: epoch 1, n_a, n_b"),
        ],
    )
    i.key_update(n_a, n_b)
    r.key_update(n_a, n_b)
    talk.lines += ["Context of the update, and the keys of epoch 1:", ""]
    talk.lines += _block([(R.update_context(1, n_a, n_b), "1, n_a, n_b")])
    talk.lines += _keys(i, 1, "PRK_out' = EDHOC_KDF(PRK_out, 11, context, 32)")
    talk.send("I", "The first record under epoch 1", b"new keys", epoch=1)
    return talk.lines


def text() -> str:
    """The example, between its markers."""
    run = next(run for run in runs() if run.name == "suite-4-kid")
    lines = [
        BEGIN,
        "",
        "Suite 4, method 3, credentials by kid, over links. Generated by `tests/peer` "
        "(`python -m sealwire_peer.vectors --worked-example`) and compared with this page by a test. "
        "Nothing here is secret; use none of these keys.",
        "",
    ]
    for name, who, ephemeral, (credential, private) in (
        ("I", "wearable-7", run.x, run.i),
        ("R", "hub", run.y, run.r),
    ):
        lines += [f"{name}, {who}:", ""]
        lines += _block(
            [
                (private, "private static key, X25519"),
                (credential.key.x, "public static key"),
                (credential.item, "CRED: a CCS"),
                (credential.id_cred("kid"), "ID_CRED"),
                (credential.key.thumbprint(), "thumbprint"),
                (ephemeral, "private ephemeral key"),
            ]
        )
    lines += _handshake(run) + _records(run)
    return "\n".join(lines + [END])


def files() -> Dict[Path, str]:
    """The protocol page with the example in its place."""
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN not in page:
        page = page.rstrip() + f"\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    return {PAGE: before + text() + rest.split(END, 1)[1]}
