"""The framing of links, which is part of the compiled module: its types stand in the stub beside this file."""

from ._sealwire import LinkCounters, UartDecoder, uart_encode

__all__ = ["LinkCounters", "UartDecoder", "uart_encode"]
