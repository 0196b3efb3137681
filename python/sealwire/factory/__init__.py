"""What a factory does: setup codes on labels, credentials by the batch, receipts. Drawing QR codes needs `sealwire[factory]`."""

from .code import SetupCode

__all__ = ["SetupCode"]
