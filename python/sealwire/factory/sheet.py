"""Labels as a printable PDF (ISO 32000, 1.4): rectangles, and one of the fonts that every reader has."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, List, Optional, Sequence, Tuple, Type, Union

from ..errors import InvalidArgument
from .qr import QUIET, Symbol

PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
_MM = 72 / 25.4
_MARGIN_MM = 8.0
_FOOT_MM = 6.0
_CHARACTER = 0.6  # a character of Courier is as wide as so many of its heights


def _text(value: str) -> str:
    """A string of a content stream."""
    return "(" + value.encode("ascii", "replace").decode().replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") + ")"


def draw(symbol: Symbol, lines: Sequence[str], width_mm: float, height_mm: float) -> bytes:
    """The operators that draw one label, from its lower left corner: frame, symbol on top, lines below it."""
    width, height = width_mm * _MM, height_mm * _MM
    line = 2.6 * _MM
    below = line * len(lines) + 0.6 * _MM
    side = symbol.size + 2 * QUIET
    module = min(width, height - below) / side
    left, top = (width - module * side) / 2, height
    out = [f"q 0.2 w 0.8 G 0 0 {width:.2f} {height:.2f} re S Q q {module:.4f} 0 0 {-module:.4f} {left:.2f} {top:.2f} cm"]
    out += [f"{x + QUIET} {y + QUIET} {length} 1 re" for x, y, length in symbol.runs()]
    out.append("f Q")
    for number, value in enumerate(lines):
        size = min(2.4 * _MM, (width - 2 * _MM) / (_CHARACTER * max(1, len(value))))
        x = (width - size * _CHARACTER * len(value)) / 2
        out.append(f"BT /F {size:.2f} Tf {x:.2f} {below - line * (number + 0.8):.2f} Td {_text(value)} Tj ET")
    return " ".join(out).encode("ascii")


class Sheet:
    """A PDF file of labels, written page by page."""

    def __init__(self, path: Union[str, Path], *, title: str, paper: str = "a4", label_mm: Tuple[float, float] = (38.0, 45.0)) -> None:
        self.width_mm, self.height_mm = PAPERS[paper]
        self.label_mm = label_mm
        self.columns = int((self.width_mm - 2 * _MARGIN_MM) // label_mm[0])
        self.lines = int((self.height_mm - 2 * _MARGIN_MM - _FOOT_MM) // label_mm[1])
        if min(label_mm) < 12 or self.columns < 1 or self.lines < 1:
            raise InvalidArgument("a label is at least 12 mm wide and high, and fits on the paper")
        self.title = title
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._offsets: List[int] = []
        self._pages: List[int] = []
        self._labels: List[bytes] = []
        self._position = 0
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        # 1 catalogue, 2 pages, 3 font, 4 information; the first two are written at the end.
        self._offsets = [0, 0]
        self._object(b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>")
        self._object(f"<< /Title {_text(title)} /Producer (sealwire) >>".encode("ascii"))

    @property
    def per_page(self) -> int:
        """Labels on a page."""
        return self.columns * self.lines

    def add(self, drawn: bytes) -> None:
        """Puts the next label, as `draw` gives it."""
        self._labels.append(drawn)
        if len(self._labels) == self.per_page:
            self._page()

    def close(self) -> None:
        """Completes the file."""
        if self._labels:
            self._page()
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._object(b"<< /Type /Catalog /Pages 2 0 R >>", 1)
        self._object(
            f"<< /Type /Pages /Count {len(self._pages)} /MediaBox [0 0 {self.width_mm * _MM:.2f} {self.height_mm * _MM:.2f}] "
            f"/Resources << /Font << /F 3 0 R >> >> /Kids [{kids}] >>".encode("ascii"),
            2,
        )
        start = self._position
        table = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets)
        count = len(self._offsets) + 1
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF\n".encode("ascii"))
        self._file.close()

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)

    def _object(self, content: bytes, number: int = 0) -> int:
        if not number:
            self._offsets.append(0)
            number = len(self._offsets)
        self._offsets[number - 1] = self._position
        self._write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        return number

    def _page(self) -> None:
        left = (self.width_mm - self.columns * self.label_mm[0]) / 2
        out = []
        for place, drawn in enumerate(self._labels):
            x = left + self.label_mm[0] * (place % self.columns)
            y = self.height_mm - _MARGIN_MM - self.label_mm[1] * (place // self.columns + 1)
            out.append(b"q 1 0 0 1 %.2f %.2f cm %s Q" % (x * _MM, y * _MM, drawn))
        foot = f"BT /F 7 Tf {left * _MM:.2f} {_MARGIN_MM * _MM:.2f} Td {_text(f'{self.title}, page {len(self._pages) + 1}')} Tj ET"
        stream = zlib.compress(b"\n".join([*out, foot.encode("ascii")]))
        content = self._object(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream))
        self._pages.append(self._object(b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R >>" % content))
        self._labels.clear()


__all__ = ["PAPERS", "Sheet", "draw"]
