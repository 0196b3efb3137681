"""Labels as a phone's camera sees them: read back by a decoder that nobody here wrote (ZXing), printed sheets drawn by PDFium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import pypdfium2
import zxingcpp
from PIL import Image


def read(image: Image.Image) -> str:
    """What the only barcode of a picture says."""
    found = zxingcpp.read_barcodes(image)
    assert len(found) == 1 and found[0].format == zxingcpp.BarcodeFormat.QRCode
    return str(found[0].text)


def picture(rows: Sequence[Sequence[int]], scale: int = 4) -> Image.Image:
    """Modules as a picture; 1 is dark."""
    image = Image.new("L", (len(rows[0]), len(rows)), 255)
    image.putdata([0 if module else 255 for row in rows for module in row])
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def svg_modules(text: str) -> List[List[int]]:
    """The modules that an SVG's second path draws."""
    view = re.search(r'viewBox="0 0 (\d+) ', text)
    paths = re.findall(r' d="([^"]+)"', text)
    assert view is not None and len(paths) == 2
    side = int(view.group(1))
    rows = [[0] * side for _ in range(side)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", paths[1]):
        rows[int(y)][int(x) : int(x) + int(length)] = [1] * int(length)
    return rows


def sheets(path: Path) -> Iterator[List[Tuple[str, str]]]:
    """What each page of a printed sheet says: for every label its serial, as PDFium finds the text, and its code."""
    for page in pypdfium2.PdfDocument(str(path)):
        serials = re.findall(r"SN-\d+", page.get_textpage().get_text_range())
        # Symbols from the top left, line by line, as the serials are in the text.
        barcodes = zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())
        placed = sorted(barcodes, key=lambda one: (round(one.position.top_left.y / 100), one.position.top_left.x))
        assert len(placed) == len(serials)
        yield list(zip(serials, (str(one.text) for one in placed)))
