"""The framing of links, which is part of the compiled module: its types stand in the stub beside this file."""

from ._sealwire import (
    Fragmenter,
    IsoTp,
    LinkCounters,
    Reassembler,
    Rs485Controller,
    Rs485Device,
    SentCounters,
    SpiExchange,
    UartDecoder,
    ethernet_decode,
    ethernet_encode,
    uart_encode,
)

__all__ = [
    "Fragmenter",
    "IsoTp",
    "LinkCounters",
    "Reassembler",
    "Rs485Controller",
    "Rs485Device",
    "SentCounters",
    "SpiExchange",
    "UartDecoder",
    "ethernet_decode",
    "ethernet_encode",
    "uart_encode",
]
