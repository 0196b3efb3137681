"""The setup code on a device's label: who the device is, and the secret that proves that one has seen the label.

As text `SW1:` + base32 + `:` + model, all in the characters of a QR code's alphanumeric mode. The base32 (RFC 4648, upper
case, without padding) is that of the device's key thumbprint, 16 bytes, followed by its setup secret, 16 bytes.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from ..errors import InvalidArgument, Malformed

PREFIX = "SW1:"
THUMBPRINT = 16
SECRET = 16
MODEL = re.compile(r"[A-Z0-9./-]{0,24}")
MODEL_RULE = "a model has 0 to 24 characters of A-Z, 0-9, '.', '/' and '-'"
_BODY = re.compile(r"[A-Z2-7]{52}")


@dataclass(frozen=True)
class SetupCode:
    """A setup code. `str()` gives its text, which is as secret as the setup secret; `repr()` leaves the secret out."""

    thumbprint: bytes
    secret: bytes = field(repr=False)
    model: str = ""

    def __post_init__(self) -> None:
        if len(self.thumbprint) != THUMBPRINT or len(self.secret) != SECRET:
            raise InvalidArgument("a setup code has a thumbprint and a secret of 16 bytes each")
        if not MODEL.fullmatch(self.model):
            raise InvalidArgument(MODEL_RULE)

    def __str__(self) -> str:
        body = base64.b32encode(self.thumbprint + self.secret).decode("ascii").rstrip("=")
        return f"{PREFIX}{body}:{self.model}"

    @classmethod
    def parse(cls, text: str) -> SetupCode:
        """Reads the text of a label. Raises `Malformed`, which does not repeat the text."""
        if not text.startswith(PREFIX):
            raise Malformed(f"a setup code starts with {PREFIX}")
        body, colon, model = text[len(PREFIX) :].partition(":")
        if not colon:
            raise Malformed("a setup code has a colon before the model, also where there is no model")
        if not _BODY.fullmatch(body):
            raise Malformed("a setup code has 52 characters of base32, upper case, between its colons")
        raw = base64.b32decode(body + "====")
        # The last character carries one bit. Its other four must be 0, so that a code has one text only.
        if base64.b32encode(raw).decode("ascii").rstrip("=") != body:
            raise Malformed("the base32 of a setup code has bits behind its end")
        if not MODEL.fullmatch(model):
            raise Malformed(MODEL_RULE)
        return cls(raw[:THUMBPRINT], raw[THUMBPRINT:], model)


__all__ = ["MODEL", "MODEL_RULE", "SetupCode"]
