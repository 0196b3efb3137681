"""The setup code on a device's label: who the device is, and the secret that proves that one has seen the label.

The core reads and writes its text (docs/PROTOCOL.md section 10.1), which is in the characters of a QR code's alphanumeric mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .._sealwire import read_setup_code, write_setup_code
from ..errors import InvalidArgument, Malformed

_PREFIX = "SW1:"
_BASE32 = 52  # characters of thumbprint and secret
MODEL_RULE = "a model has 0 to 24 characters of A-Z, 0-9, '.', '/' and '-'"


def valid_model(model: str) -> bool:
    """Whether a setup code can have this model."""
    try:
        write_setup_code(bytes(16), bytes(16), model)
    except (InvalidArgument, UnicodeEncodeError):
        return False
    return True


def _why(text: str) -> str:
    """What is wrong with a text that the core has refused, without repeating it."""
    body, colon, model = text[len(_PREFIX) :].partition(":")
    if not text.startswith(_PREFIX):
        return f"a setup code starts with {_PREFIX}"
    if not colon:
        return "a setup code has a colon before the model, also where there is no model"
    if len(body) != _BASE32:
        return f"a setup code has {_BASE32} characters of base32 between its colons, and here are {len(body)}"
    if not valid_model(model):
        return MODEL_RULE
    return "between its colons a setup code has base32: A-Z and 2-7, and no bits behind its end"


@dataclass(frozen=True)
class SetupCode:
    """A setup code. `str()` gives its text, which is as secret as the setup secret; `repr()` leaves the secret out."""

    thumbprint: bytes
    secret: bytes = field(repr=False)
    model: str = ""

    def __post_init__(self) -> None:
        if not valid_model(self.model):
            raise InvalidArgument(MODEL_RULE)
        write_setup_code(self.thumbprint, self.secret, self.model)

    def __str__(self) -> str:
        return write_setup_code(self.thumbprint, self.secret, self.model)

    @classmethod
    def parse(cls, text: str) -> SetupCode:
        """Reads the text of a label. Raises `Malformed`, which does not repeat the text."""
        try:
            return cls(*read_setup_code(text))
        except (Malformed, UnicodeEncodeError):
            pass
        raise Malformed(_why(text))


__all__ = ["MODEL_RULE", "SetupCode", "valid_model"]
