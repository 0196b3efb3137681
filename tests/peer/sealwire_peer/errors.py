"""The one exception of this package, with a stable reason a test can match."""

from __future__ import annotations

from typing import Optional


class PeerError(Exception):
    """Something was refused.

    ``reason`` is a short stable word; ``detail`` is for people. When the refusal
    is of an EDHOC message, ``error_message`` holds the EDHOC error message
    (RFC 9528 §6) that answers it, and ``c_x`` the addressee's identifier if known.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        error_message: Optional[bytes] = None,
        c_x: Optional[bytes] = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.error_message = error_message
        self.c_x = c_x
