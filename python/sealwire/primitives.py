"""The pieces, for code that owns its own loop, for tests against other implementations, and for tools.

Handshake steps (:class:`Initiator`, :class:`Responder`), records without an endpoint (:class:`Records`), UART framing, and the
algorithms. Nothing here stores anything: replay protection across restarts is what :class:`sealwire.Endpoint` adds.
"""

from __future__ import annotations

from ._sealwire import Completed, Initiator, Records, Responder, UartDecoder, agree, open, seal, uart_encode

__all__ = ["Completed", "Initiator", "Records", "Responder", "UartDecoder", "agree", "open", "seal", "uart_encode"]
