"""QR codes (ISO/IEC 18004) of setup codes: in a terminal, as SVG, as PNG. The encoder is segno."""

from __future__ import annotations

import io
from typing import Iterator, Sequence, Tuple
from xml.sax.saxutils import escape

import segno

QUIET = 4
"""Light modules that the standard wants around a symbol."""
_ERROR_CORRECTION = "M"  # a label may lose 15 % of its modules
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"  # the colours of a terminal may be the other way round, or anything
_RESET = "\x1b[0m"
_HALVES = (" ", "▄", "▀", "█")


class Symbol:
    """A QR code: `rows` of modules, 1 is dark."""

    def __init__(self, text: str) -> None:
        self._code = segno.make(text, error=_ERROR_CORRECTION, micro=False, boost_error=False)
        self.rows: Tuple[bytes, ...] = tuple(bytes(row) for row in self._code.matrix)
        self.designator = str(self._code.designator)

    @property
    def size(self) -> int:
        """Modules on a side, without the quiet zone."""
        return len(self.rows)

    def runs(self) -> Iterator[Tuple[int, int, int]]:
        """Dark modules, as (x, y, how many to the right)."""
        for y, row in enumerate(self.rows):
            x = row.find(1)
            while x >= 0:
                end = row.find(0, x)
                end = len(row) if end < 0 else end
                yield x, y, end - x
                x = row.find(1, end)

    def terminal(self, *, colour: bool, invert: bool = False) -> str:
        """Two modules to a character. With `colour` the symbol is dark on light whatever the terminal's colours are; without,
        ink is the terminal's foreground, so that a light-on-dark terminal needs `invert`."""
        side = self.size + 2 * QUIET
        blank = bytes(side)
        edge = bytes(QUIET)
        rows = [blank] * QUIET + [edge + row + edge for row in self.rows] + [blank] * QUIET
        if len(rows) % 2:
            rows.append(blank)
        flip = 3 if invert and not colour else 0
        lines = []
        for upper, lower in zip(rows[::2], rows[1::2]):
            line = "".join(_HALVES[(2 * a + b) ^ flip] for a, b in zip(upper, lower))
            lines.append(f"{_BLACK_ON_WHITE}{line}{_RESET}" if colour else line)
        return "\n".join(lines)

    def svg(self, lines: Sequence[str] = (), *, width_mm: float = 25.0) -> str:
        """A drawing `width_mm` wide, with lines of text below the symbol."""
        side = self.size + 2 * QUIET
        path = "".join(f"M{x + QUIET} {y + QUIET}h{length}v1h-{length}z" for x, y, length in self.runs())
        step = 3.2
        height = side + step * len(lines) + (1 if lines else 0)
        texts = "".join(
            f'<text x="{side / 2:g}" y="{side + step * (number + 0.6):g}" textLength="{min(side - 2, 1.6 * len(line)):g}" '
            f'lengthAdjust="spacingAndGlyphs">{escape(line)}</text>'
            for number, line in enumerate(lines)
            if line
        )
        if texts:
            texts = f'<g font-family="Helvetica,Arial,sans-serif" font-size="2.8" text-anchor="middle">{texts}</g>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_mm:g}mm" height="{width_mm * height / side:.2f}mm" '
            f'viewBox="0 0 {side} {height:g}"><path fill="#fff" d="M0 0h{side}v{height:g}H0z"/><path d="{path}"/>{texts}</svg>\n'
        )

    def png(self, *, scale: int = 8) -> bytes:
        """An image with `scale` pixels to a module."""
        out = io.BytesIO()
        self._code.save(out, kind="png", scale=scale, border=QUIET)
        return out.getvalue()


__all__ = ["QUIET", "Symbol"]
