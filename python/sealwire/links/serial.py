"""Serial ports (UART, USB serial adapters) and pseudo-terminals, with UART framing."""

from __future__ import annotations

import os
from typing import Any, Tuple

from .base import MissingExtra
from .lines import Descriptor, LineLink, UartFraming


def open_port(path: str, baud: int) -> Any:
    """The port as pyserial's object, exclusively. Raises MissingExtra, OSError."""
    try:
        import serial
    except ImportError:
        raise MissingExtra("a serial port", "pyserial", "serial") from None
    return serial.Serial(path, baudrate=baud, timeout=0, exclusive=True)


class SerialLink(LineLink):
    """One device on a serial port. Tested against C programs over pseudo-terminals, which pyserial opens like any port."""

    @classmethod
    def open(cls, path: str, baud: int = 115200) -> SerialLink:
        """A serial port, by pyserial (`pip install 'sealwire[serial]'`). Raises MissingExtra, OSError."""
        opened = open_port(path, baud)
        return cls(Descriptor(path, opened.fileno(), opened.close), UartFraming())

    @classmethod
    def pty(cls) -> Tuple[SerialLink, str]:
        """A new pseudo-terminal: the link, and the path that a simulated device opens."""
        import pty
        import tty

        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        path = os.ttyname(theirs)

        def close() -> None:
            os.close(ours)
            os.close(theirs)

        return cls(Descriptor(f"pty:{path}", ours, close, waits_for_device=True), UartFraming()), path


__all__ = ["SerialLink", "open_port"]
