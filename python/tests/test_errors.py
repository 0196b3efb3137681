"""`sealwire.errors` says what the core says."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT

from sealwire import errors
from sealwire._sealwire import errors_table


def test_every_error_of_the_core_has_its_class() -> None:
    table = errors_table()
    assert len(table) == len(errors.BY_NUMBER) > 40
    for number, name, hint in table:
        kind = errors.BY_NUMBER[number]
        assert (kind.number, kind.name, kind.hint) == (number, name, hint)
        assert kind.__name__ == "".join(part.capitalize() for part in name.split("-"))
        assert issubclass(kind, errors.SealwireError) and kind.__doc__


def test_generated_file_is_current() -> None:
    subprocess.run([sys.executable, str(ROOT / "scripts" / "py-errors.py"), "--check"], check=True)


def test_texts() -> None:
    error = errors.from_number(302, "of yesterday")
    assert isinstance(error, errors.Replay) and "of yesterday" in str(error) and error.hint in str(error)
    unknown = errors.from_number(998)
    assert type(unknown) is errors.SealwireError and "998" in str(unknown)
