"""The compiled part. Import from `sealwire`; this module's layout is private."""

from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union, final

from typing_extensions import Buffer

from .store import Store

__all__ = [
    "ABI_VERSION",
    "Acknowledged",
    "Closed",
    "CommandReady",
    "Credential",
    "Endpoint",
    "Established",
    "HandshakeFailed",
    "Key",
    "KeyUpdated",
    "Message",
    "Peer",
    "PeerSilent",
    "Replaced",
    "Resend",
    "Sent",
    "SessionInfo",
    "Transmit",
    "TrustAnchor",
    "UartDecoder",
    "VERSION",
    "errors_table",
    "uart_encode",
]
