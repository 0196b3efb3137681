"""Shared by the tests: where the vectors are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def vectors(name: str) -> Any:
    """A vector file of ``tests/vectors``."""
    return json.loads((VECTORS / name).read_text())
