"""The list of devices to be made: a CSV file, checked whole before anything is made of it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Collection, Dict, List, Optional, Sequence, Tuple

from .._sealwire import Key
from ..errors import InvalidArgument, SealwireError
from ..frames import valid_inbox
from .code import MODEL_RULE, valid_model

COLUMNS = ("serial", "model", "name", "public_key")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
# What a file must not be called on one system or another.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_SHOWN = 20


@dataclass(frozen=True)
class Row:
    """One device to be made. `public` is its public key, where it has its key already."""

    line: int
    serial: str
    model: str
    name: str
    public: Optional[bytes] = None


@dataclass(frozen=True)
class Problem:
    """What is wrong where; `column` is empty for a whole line."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}{', column ' + self.column if self.column else ''}: {self.text}"


class TableError(InvalidArgument):
    """Rows that cannot be made; `problems` has all of them, in order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        shown = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            shown.append(f"and {len(self.problems) - _SHOWN} more")
        super().__init__("\n".join(shown))


class _Checker:
    def __init__(self, columns: Sequence[str], model: str, kind: str) -> None:
        self.columns = columns
        self.model = model
        self.kind = kind
        self.problems: List[Problem] = []
        self.rows: List[Row] = []
        self._seen: Dict[Tuple[str, str], int] = {}

    def bad(self, line: int, column: str, text: str) -> None:
        self.problems.append(Problem(line, column, text))

    def _once(self, line: int, column: str, value: str) -> None:
        first = self._seen.setdefault((column, value.lower()), line)
        if first != line:
            self.bad(line, column, f"{value!r} is in line {first} already")

    def row(self, line: int, cells: Sequence[str]) -> None:
        """Checks one row, and keeps it."""
        if len(cells) != len(self.columns):
            self.bad(line, "", f"{len(cells)} columns, and the first line has {len(self.columns)}")
            return
        values = {column: cell.strip() for column, cell in zip(self.columns, cells)}
        serial = values["serial"]
        if not serial:
            self.bad(line, "serial", "empty")
        elif not _SERIAL.fullmatch(serial) or _RESERVED.fullmatch(serial) or serial.endswith("."):
            self.bad(line, "serial", f"{serial!r}: 1 to 40 of A-Z, a-z, 0-9, '.', '_' and '-', and fit for the name of a file")
        else:
            self._once(line, "serial", serial)
        model = values.get("model", "") or self.model
        if not valid_model(model):
            self.bad(line, "model", f"{model!r}: {MODEL_RULE}")
        name = values.get("name", "") or serial.lower()
        where = "name" if values.get("name") else "serial"
        if serial and not valid_inbox(name):
            more = "" if where == "name" else "; give the device one in a column `name`"
            self.bad(line, where, f"{name!r} is no name of a device: 1 to 16 of a-z, 0-9 and '-'{more}")
        elif serial:
            self._once(line, "name", name)
        self.rows.append(Row(line, serial, model, name, self._public(line, values.get("public_key", ""))))

    def _public(self, line: int, text: str) -> Optional[bytes]:
        if not text:
            return None
        try:
            public = Key.external(self.kind, bytes.fromhex(text)).public
        except ValueError:
            self.bad(line, "public_key", "not hexadecimal text")
        except SealwireError as error:
            self.bad(line, "public_key", f"no public key of {self.kind}: {error.name}")
        else:
            self._once(line, "public_key", public.hex())
            return public
        return None


def _columns(header: Sequence[str], ignored: Collection[str], problems: List[Problem]) -> List[str]:
    columns = [cell.strip().lower() for cell in header]
    for column in columns:
        if column not in COLUMNS and column not in ignored:
            problems.append(Problem(1, column, f"not a column of this table ({', '.join(COLUMNS)}); leave it out or --ignore it"))
        elif column and columns.count(column) > 1 and column in COLUMNS:
            problems.append(Problem(1, column, "twice"))
    if "serial" not in columns:
        problems.append(Problem(1, "serial", "missing"))
    return columns


def read_table(data: bytes, *, model: str = "", kind: str = "X25519", ignored: Collection[str] = ()) -> List[Row]:
    """The rows of a CSV file: UTF-8, the first line names the columns, separated by commas, semicolons or tabs.

    `model` is that of rows without one, `kind` that of the public keys in the table. Raises `TableError`, with every row
    that cannot be made.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError([Problem(data.count(b"\n", 0, error.start) + 1, "", "not UTF-8; save the table as CSV UTF-8")]) from None
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    problems: List[Problem] = []
    checker: Optional[_Checker] = None
    line = 1
    try:
        for cells in reader:
            if checker is None:
                columns = _columns(cells, {name.lower() for name in ignored}, problems)
                if problems:
                    raise TableError(problems)
                checker = _Checker(columns, model, kind)
            elif any(cell.strip() for cell in cells):
                checker.row(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError([*(checker.problems if checker else []), Problem(line, "", f"no CSV: {error}")]) from None
    if checker is None or not (checker.rows or checker.problems):
        raise TableError([Problem(1, "", "no devices in the table")])
    if checker.problems:
        raise TableError(checker.problems)
    return checker.rows


__all__ = ["COLUMNS", "Problem", "Row", "TableError", "read_table"]
