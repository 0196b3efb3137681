"""Handshake steps, records and algorithms, which are part of the compiled module: their types stand in the stub beside this file."""

from ._sealwire import (
    Completed,
    Initiator,
    Records,
    Responder,
    agree,
    open,
    seal,
    sign1,
    verify1,
)

__all__ = [
    "Completed",
    "Initiator",
    "Records",
    "Responder",
    "agree",
    "open",
    "seal",
    "sign1",
    "verify1",
]
