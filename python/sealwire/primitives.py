"""The pieces, for code that owns its own loop, for tests against other implementations, and for tools.

Handshake steps (:class:`Initiator`, :class:`Responder`), records without an endpoint (:class:`Records`), the framing of links, COSE_Sign1,
and the algorithms. Nothing here stores anything: replay protection across restarts is what :class:`sealwire.Endpoint` adds.
"""

from __future__ import annotations

from ._sealwire import (
    Completed,
    Fragmenter,
    Initiator,
    IsoTp,
    LinkCounters,
    Reassembler,
    Records,
    Responder,
    Rs485Controller,
    Rs485Device,
    SentCounters,
    SpiExchange,
    UartDecoder,
    agree,
    ethernet_decode,
    ethernet_encode,
    open,
    seal,
    sign1,
    uart_encode,
    verify1,
)

__all__ = [
    "Completed",
    "Fragmenter",
    "Initiator",
    "IsoTp",
    "LinkCounters",
    "Reassembler",
    "Records",
    "Responder",
    "Rs485Controller",
    "Rs485Device",
    "SentCounters",
    "SpiExchange",
    "UartDecoder",
    "agree",
    "ethernet_decode",
    "ethernet_encode",
    "open",
    "seal",
    "sign1",
    "uart_encode",
    "verify1",
]
