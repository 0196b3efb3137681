"""Records: RFC 8613's own vectors, then our form, window, options and key update."""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

import pytest
from sealwire_peer import record, suites
from sealwire_peer.errors import PeerError
from support import handshake, sessions

# RFC 8613 C.1 to C.3: (salt, ID context, client's ID, server's ID, client's key, server's key, Common IV, nonces).
_SECRET = bytes(range(1, 17))
_SALT = bytes.fromhex("9e7ca92223786340")
RFC8613: Dict[str, Tuple[bytes, Optional[bytes], bytes, bytes, str, str, str, str, str]] = {
    "C.1": (
        _SALT,
        None,
        b"",
        b"\x01",
        "f0910ed7295e6ad4b54fc793154302ff",
        "ffb14e093c94c9cac9471648b4f98710",
        "4622d4dd6d944168eefb54987c",
        "4622d4dd6d944168eefb54987c",
        "4722d4dd6d944169eefb54987c",
    ),
    "C.2": (
        b"",
        None,
        b"\x00",
        b"\x01",
        "321b26943253c7ffb6003b0b64d74041",
        "e57b5635815177cd679ab4bcec9d7dda",
        "be35ae297d2dace910c52e99f9",
        "bf35ae297d2dace910c52e99f9",
        "bf35ae297d2dace810c52e99f9",
    ),
    "C.3": (
        _SALT,
        bytes.fromhex("37cbf3210017a2d3"),
        b"",
        b"\x01",
        "af2a1300a5e95788b356336eeecd2b92",
        "e39a0c7c77b43f03b4b39ab9a268699f",
        "2ca58fb85ff1b81c0b7181b85e",
        "2ca58fb85ff1b81c0b7181b85e",
        "2da58fb85ff1b81d0b7181b85e",
    ),
}


@pytest.mark.parametrize("name", RFC8613)
def test_rfc_8613_key_derivation(name: str) -> None:
    salt, context, client, server, client_key, server_key, iv, client_nonce, server_nonce = RFC8613[name]
    aead = suites.AES_CCM_16_64_128

    def derived(identifier: bytes, kind: str, length: int) -> bytes:
        return record.derive(_SECRET, salt, identifier, context, aead.alg, kind, length)

    assert derived(client, "Key", 16).hex() == client_key
    assert derived(server, "Key", 16).hex() == server_key
    common_iv = derived(b"", "IV", 13)
    assert common_iv.hex() == iv
    assert record.nonce(common_iv, client, b"\0").hex() == client_nonce
    assert record.nonce(common_iv, server, b"\0").hex() == server_nonce
    if context is None:
        keys = record.derive_keys(aead, 0, _SECRET, salt, client, server)
        assert (keys.sender_key.hex(), keys.recipient_key.hex(), keys.common_iv.hex()) == (client_key, server_key, iv)


@pytest.mark.parametrize("suite", [4, 2])
def test_both_ways_with_everything(suite: int) -> None:
    i, r = sessions(suite)
    options = {record.KIND: record.COMMAND, record.TOPIC: b"door", record.ANSWER: bytes(8)}
    message = r.unprotect(i.protect(b"open", options, number=5))
    assert (message.payload, message.options, message.number, message.piv) == (b"open", options, 5, 0)
    assert i.unprotect(r.protect(b"", topic="a/b"), "a/b").payload == b""
    with pytest.raises(PeerError, match="decrypt"):
        i.unprotect(r.protect(b"", topic="a/b"), "a/c")


@pytest.mark.parametrize("suite, tag", [(4, 16), (2, 8)])
def test_overhead(suite: int, tag: int) -> None:
    i, _ = sessions(suite)
    assert len(i.protect(bytes(100), piv=255)) == 100 + 3 + tag
    assert len(i.protect(bytes(100), piv=65535)) == 100 + 4 + tag
    assert len(i.protect(bytes(100), number=23, piv=256)) == 100 + 5 + tag


@pytest.mark.parametrize("suite", [4, 2])
def test_every_bit_counts(suite: int) -> None:
    i, r = sessions(suite)
    good = i.protect(b"abc", {record.OFFER: bytes(8)}, number=1, topic="t", piv=300)
    for bit in range(8 * len(good)):
        broken = bytearray(good)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PeerError):
            r.unprotect(bytes(broken), "t")
    assert r.unprotect(good, "t").payload == b"abc"


def test_reflection_is_refused() -> None:
    i, _ = sessions(4)
    with pytest.raises(PeerError, match="unknown_context"):
        i.unprotect(i.protect(b"mirror"))


def test_the_last_partial_iv() -> None:
    for suite, last in ((4, record.MAX_PIV), (2, record.MAX_PIV_SHORT_TAG)):
        i, r = sessions(suite)
        assert r.unprotect(i.protect(b"x", piv=last)).piv == last
        with pytest.raises(PeerError, match="exhausted"):
            i.protect(b"x")


def test_window_against_a_set() -> None:
    """Every order of arrival gives what a plain set of numbers would give."""
    state = 1
    for _ in range(300):
        window, highest = record.Window(), -1
        seen: Set[int] = set()
        for _ in range(200):
            state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            number = max(0, highest + (state >> 33) % 90 - 80)
            expected = "replay" if number <= highest - 64 else "duplicate" if number in seen else "ok"
            try:
                window.check(number)
            except PeerError as refused:
                assert refused.reason == expected
                continue
            assert expected == "ok"
            missing, late = window.accept(number)
            assert missing == max(0, number - highest - 1) and late == (number < highest)
            seen.add(number)
            highest = max(highest, number)


def test_missing_late_duplicate_replay() -> None:
    i, r = sessions(4)
    held = [i.protect(bytes([n])) for n in range(80)]
    assert r.unprotect(held[3]).missing == 3
    late = r.unprotect(held[1])
    assert (late.missing, late.late) == (0, True)
    with pytest.raises(PeerError, match="duplicate"):
        r.unprotect(held[3])
    assert r.unprotect(held[79]).missing == 75
    with pytest.raises(PeerError, match="replay"):
        r.unprotect(held[15])
    assert r.unprotect(held[16]).late


def test_restored_edge_and_resume() -> None:
    i, r = sessions(4)
    r.restore_edge(0, 1000)
    with pytest.raises(PeerError, match="replay"):
        r.unprotect(i.protect(b"", piv=1000))
    resumed = {record.KIND: record.CONTROL, record.RESUMED: bytes(8)}
    assert r.unprotect(i.protect(b"", resumed, piv=1500)).missing == 0
    assert r.unprotect(i.protect(b"x", piv=1502)).missing == 1


def test_key_update_with_records_in_flight() -> None:
    i, r = sessions(4)
    n_a, n_b = bytes(8), bytes([1] * 8)
    old = i.protect(b"sent under epoch 0")
    assert r.key_update(n_a, n_b) == i.key_update(n_a, n_b) == 1
    assert r.unprotect(old).epoch == 0
    i.send_epoch = 1
    fresh = r.unprotect(i.protect(b"new"))
    assert (fresh.epoch, fresh.piv) == (1, 0)
    r.drop_epoch(0)
    with pytest.raises(PeerError, match="stale_epoch"):
        r.unprotect(i.protect(b"late", epoch=0))
    assert i.prk_out(1) == r.prk_out(1) != i.prk_out(0)


def test_the_epoch_is_authenticated_beyond_its_lowest_bit() -> None:
    i, r = sessions(4)
    for n in range(2):
        i.key_update(bytes([n] * 8), bytes(8))
        r.key_update(bytes([n] * 8), bytes(8))
    r.drop_epoch(2)
    with pytest.raises(PeerError, match="decrypt"):
        r.unprotect(i.protect(b"x", epoch=2))


def _refused(plaintext: bytes, confirmable: bool = False, options: bool = True) -> str:
    i, r = sessions(4)
    with pytest.raises(PeerError) as refused:
        r.unprotect(i.protect_plaintext(plaintext, confirmable, options))
    # The tag verified, so the Partial IV is used up all the same.
    with pytest.raises(PeerError, match="duplicate"):
        r.unprotect(i.protect(b"x", piv=0))
    return refused.value.reason


def test_options_that_are_refused() -> None:
    cases: List[Tuple[str, str]] = [
        ("a0", "malformed"),
        ("a110f5", "unsupported_option"),
        ("a20ff50bf5", "malformed"),
        ("a20bf50bf5", "malformed"),
        ("bf0bf5ff", "not_deterministic"),
        ("a1180bf5", "not_deterministic"),
        ("a10003", "malformed"),
        ("a10147", "malformed"),
        ("a10cf5", "malformed"),
        ("a10a80", "malformed"),
        ("a10d60", "malformed"),
        ("a1000278", "malformed"),
    ]
    for text, reason in cases:
        assert _refused(bytes.fromhex(text)) == reason, text
    assert _refused(bytes.fromhex("00a10002"), confirmable=True) == "malformed"
    assert _refused(b"", confirmable=True, options=False) == "malformed"


def test_forms_that_are_refused() -> None:
    i, r = sessions(4)
    good = i.protect(b"x")
    for broken in (b"", good[:2], good[:3], good[:18], b"\x45" + good[1:], b"\x41" + good[1:2] + b"\0\0" + good[3:]):
        with pytest.raises(PeerError, match="malformed"):
            r.unprotect(broken)
    assert r.unprotect(good).payload == b"x"


def test_session_of_an_unfinished_handshake() -> None:
    with pytest.raises(PeerError, match="usage"):
        record.Session.of(handshake(4)[2])
