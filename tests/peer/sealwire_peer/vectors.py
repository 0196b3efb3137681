"""Writes the vectors that the core is held against: ``python -m sealwire_peer.vectors``.

Without arguments it writes ``tests/vectors/peer_edhoc.json``, ``peer_records.json`` and ``setup.json``; with
``--check`` it compares instead and fails on a difference; with ``--worked-example`` it puts the
worked example into ``docs/PROTOCOL.md`` §9 (together with ``--check``: compares).

Everything is derived from fixed labels, so a second run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from . import matrix_vectors
from .handshake_vectors import edhoc_file
from .record_vectors import records_file
from .setup_vectors import setup_file

TESTS = Path(__file__).resolve().parent.parent.parent
VECTORS = TESTS / "vectors"


def jsonable(value: Any) -> Any:
    """Byte strings as hex, maps with string keys."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return value


def files() -> Dict[Path, str]:
    """Every generated vector file with its text."""
    handshakes = edhoc_file()
    handshakes["note"] += f" {matrix_vectors.NOTE}"
    made = {"peer_edhoc.json": {**handshakes, **matrix_vectors.described()}, "peer_records.json": records_file(), "setup.json": setup_file()}
    return {
        VECTORS / name: json.dumps(jsonable(content), indent=1, ensure_ascii=False) + "\n"
        for name, content in made.items()
    }


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sealwire_peer.vectors", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--worked-example", action="store_true", help="the worked example of docs/PROTOCOL.md")
    chosen = parser.parse_args(arguments)
    if chosen.worked_example:
        from . import worked_example

        made = worked_example.files()
    else:
        made = files()
    stale = 0
    for path, text in made.items():
        if not chosen.check:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
        elif path.read_text(encoding="utf-8") != text:
            print(f"{path.name} differs from what the generator gives", file=sys.stderr)
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
