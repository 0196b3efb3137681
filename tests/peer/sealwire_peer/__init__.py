"""An independent second implementation of the Sealwire protocol, for tests.

Written from RFC 9528 (EDHOC), RFC 8613 (record keys and nonces), RFC 9679
(thumbprints) and ``docs/PROTOCOL.md`` only, on ``cryptography`` and ``cbor2``.
It shares no line and no author's view of the core: where the two agree, the
protocol page is what they agree on.

It is test code: it favours plain reading over speed, keeps every intermediate
value, and holds private keys as ordinary byte strings.
"""
