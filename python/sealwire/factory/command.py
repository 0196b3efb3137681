"""`sealwire qr` and `sealwire provision`."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Tuple, Union

from ..errors import InvalidArgument, Malformed
from ..identity import Identity, load_credential, others_can_read, read_hex, write_private
from .audit import verify_batch
from .batch import PEERS, SECRET, Plan, make_batch
from .code import SetupCode
from .image import LONGEST
from .receipt import Receipt
from .table import TableError, read_table

if TYPE_CHECKING:
    from ..cli import Output

_OK, _REFUSED, _USAGE, _INTERRUPTED = 0, 1, 2, 130
_NEEDS = "sealwire: this needs {}: pip install 'sealwire[factory]'"


def write_secret(path: Union[str, Path], data: bytes, *, force: bool) -> None:
    """Write a file that only its owner may read; never through a link, never over a file unless told to."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(os.fspath(path), flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), 0o600)
        file.write(data)


# ---- qr


def _setup_secret(path: str, make: bool) -> bytes:
    if make:
        secret = secrets.token_bytes(16)
        write_private(path, f"# sealwire setup secret\n{secret.hex()}\n")
        return secret
    secret = read_hex(path)
    if len(secret) != 16:
        raise Malformed(f"{path} holds {len(secret)} bytes, not the 16 of a setup secret")
    if others_can_read(path):
        print(f"warning: others can read {path}; chmod 600 it", file=sys.stderr)
    return secret


def _code_from(options: argparse.Namespace) -> SetupCode:
    """The setup code that the options say."""
    if options.credential is not None:
        if options.secret is None or options.code is not None:
            raise InvalidArgument("--credential goes with --secret FILE, and without a code")
        thumbprint = load_credential(options.credential).thumbprint
        return SetupCode(thumbprint, _setup_secret(options.secret, options.new_secret), options.model)
    if options.secret is not None or options.new_secret or options.model:
        raise InvalidArgument("--secret, --new-secret and --model go with --credential")
    if options.code is None:
        raise InvalidArgument("a setup code, - to read one from standard input, or --credential")
    return SetupCode.parse(sys.stdin.readline().strip() if options.code == "-" else options.code)


def run_qr(options: argparse.Namespace, out: Output) -> int:
    """A setup code as a QR code."""
    try:
        from .qr import Symbol
    except ImportError as error:
        print(_NEEDS.format(error.name), file=sys.stderr)
        return _USAGE
    for path in (options.svg, options.png):
        if path is not None and os.path.lexists(path) and not options.force:
            raise FileExistsError(17, "exists; use --force to replace it", path)
    code = _code_from(options)
    symbol = Symbol(str(code))
    if options.svg is not None:
        write_secret(options.svg, symbol.svg([code.model] if code.model else []).encode(), force=options.force)
    if options.png is not None:
        write_secret(options.png, symbol.png(scale=options.scale), force=options.force)
    files = {"svg": options.svg, "png": options.png}
    values = {"code": str(code), "thumbprint": code.thumbprint.hex(), "model": code.model, "symbol": symbol.designator, **files}
    written = [f"{path}  QR code; whoever sees it can pair with the device" for path in files.values() if path is not None]
    if written:
        out.give(values, *written)
    else:
        colour = sys.stdout.isatty() if options.colour is None else bool(options.colour)
        drawn = symbol.terminal(colour=colour, invert=options.invert)
        out.give(values, drawn, str(code), f"thumbprint {code.thumbprint.hex()}{'  model ' + code.model if code.model else ''}")
    return _OK


def _scale(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of pixels from 1 to 100")
    return int(text)


def add_qr(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The parser of `sealwire qr`."""
    one = commands.add_parser("qr", help="show a setup code as a QR code, in the terminal or in a file")
    one.add_argument("code", nargs="?", help="setup code (SW1:...), or - for standard input, which other users of this machine cannot see")
    one.add_argument("--credential", metavar="FILE", help="make the code from a device's credential and --secret")
    one.add_argument("--secret", metavar="FILE", help="setup secret, 16 bytes as hexadecimal text")
    one.add_argument("--new-secret", action="store_true", help="make the secret, and write it to --secret FILE")
    one.add_argument("--model", default="", help="with --credential: 0 to 24 of A-Z, 0-9, '.', '/' and '-'")
    one.add_argument("--svg", metavar="FILE", help="write an SVG drawing instead")
    one.add_argument("--png", metavar="FILE", help="write a PNG image instead")
    one.add_argument("--scale", type=_scale, default=8, metavar="PIXELS", help="pixels to a module of the PNG (8)")
    one.add_argument("--force", action="store_true", help="replace existing files")
    one.add_argument("--colour", action=argparse.BooleanOptionalAction, default=None, help="set the terminal's colours, so that it is dark on light (default: if it is a terminal)")
    one.add_argument("--invert", action="store_true", help="without colours: for a terminal that is light on dark")
    one.set_defaults(run=run_qr)
    return one


# ---- provision


class _Bar:
    """How far the work is, on standard error, if that is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._next = 0.0
        self._what, self._begun = "", 0.0

    def __call__(self, what: str, count: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._begun = what, now
        if not self._shown or (now < self._next and count < total):
            return
        self._next = now + 0.1
        left = (now - self._begun) * (total - count) / count
        full = 30 * count // total
        line = f"\r{what:<11} [{'#' * full}{'.' * (30 - full)}] {count:>7,}/{total:,}  {int(left) // 60:02}:{int(left) % 60:02} left "
        print(line, end="\n" if count == total else "", file=sys.stderr, flush=True)


def _size(text: str) -> Tuple[float, float]:
    width, _, height = text.lower().partition("x")
    try:
        return float(width), float(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: width x height in millimetres, such as 38x45") from None


def _terminated(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _warn_of_readers(stem: str) -> None:
    if others_can_read(f"{stem}.key"):
        print(f"warning: others can read {stem}.key; chmod 600 it", file=sys.stderr)


def _plan(options: argparse.Namespace) -> Plan:
    _warn_of_readers(options.factory)
    if options.issuer is not None:
        _warn_of_readers(options.issuer)
    return Plan(
        name=options.name or os.path.basename(os.path.abspath(options.output)),
        factory=Identity.load(options.factory),
        kind=options.kind,
        issuer=None if options.issuer is None else Identity.load(options.issuer),
        lifetime=options.lifetime,
        hub=None if options.hub is None else load_credential(options.hub),
        anchor=None if options.anchor is None else load_credential(options.anchor),
        images=[name for name in options.images if name != "none"],
        svg="svg" in options.labels,
        pdf="pdf" in options.labels,
        paper=options.paper,
        label_mm=options.label,
        page_size=options.page_size,
    )


def run_provision(options: argparse.Namespace, out: Output) -> int:
    """A factory batch."""
    if options.csv is None or options.output is None or options.factory is None:
        print("sealwire: --csv FILE, --factory STEM and -o BATCH, or `sealwire provision verify`", file=sys.stderr)
        return _USAGE
    plan = _plan(options)
    if plan.svg or plan.pdf:
        try:
            from . import qr  # noqa: F401
        except ImportError as error:
            print(_NEEDS.format(error.name), file=sys.stderr)
            return _USAGE
    source = sys.stdin.buffer.read() if options.csv == "-" else Path(options.csv).read_bytes()
    try:
        rows = read_table(source, model=options.model, kind=plan.kind, ignored=options.ignore)
    except TableError as error:
        if out.as_json:
            print(json.dumps({"error": error.name, "text": str(error.args[0]), "problems": [vars(problem) for problem in error.problems]}), file=sys.stderr)
        else:
            print(f"sealwire: {options.csv}: nothing was made, since\n{error.args[0]}", file=sys.stderr)
        return _REFUSED
    begun = time.monotonic()
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        receipt = make_batch(rows, plan, Path(options.output), _Bar(out.as_json))
    except KeyboardInterrupt:
        if os.path.lexists(options.output):  # it came too late
            print(f"\nsealwire: interrupted, and {options.output} is complete", file=sys.stderr)
            return _INTERRUPTED
        print(f"\nsealwire: interrupted; {options.output} was not made, and its keys are gone: run the same command again", file=sys.stderr)
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    values = {"batch": options.output, **_told(receipt), "seconds": round(time.monotonic() - begun, 1)}
    models = ", ".join(f"{count} of {model or 'no model'}" for model, count in sorted(receipt.models.items()))
    out.give(
        values,
        f"{options.output}  {receipt.count} devices ({models}) in {values['seconds']} s",
        f"{options.output}/{SECRET}  codes, labels, images: secret; remove them when labels are printed and devices are written",
        f"{options.output}/{PEERS}  for the hub: sealwire hub import",
        f"receipt signed by {plan.factory.name}, {plan.factory.thumbprint.hex()}",
    )
    return _OK


def _told(receipt: Receipt) -> Dict[str, Any]:
    """A receipt for output."""
    values = {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(receipt).items()}
    return {"name": values.pop("batch"), **values}


def run_verify(options: argparse.Namespace, out: Output) -> int:
    """Whether a batch is what its receipt says."""
    issuer = None if options.issuer is None else load_credential(options.issuer)
    verdict = verify_batch(Path(options.batch), load_credential(options.factory), issuer=issuer, public=options.public, progress=_Bar(out.as_json))
    receipt = verdict.receipt
    out.give(
        {**_told(receipt), "verified": verdict.files - verdict.absent, "absent": verdict.absent},
        f"{receipt.batch}: {receipt.count} devices, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(receipt.date))}",
        f"{verdict.files - verdict.absent} files are those of the receipt" + (f"; {verdict.absent} secret ones are not here" if verdict.absent else ""),
    )
    return _OK


def _seconds(text: str) -> int:
    from ..cli import duration

    return duration(text)


def add_provision(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> List[argparse.ArgumentParser]:
    """The parsers of `sealwire provision`."""
    one = commands.add_parser("provision", help="make a factory batch: credentials, setup codes, labels and images of many devices, and a signed receipt")
    one.add_argument("--csv", metavar="FILE", help="table of devices, or - for standard input; columns: serial, and if you like model, name (default: the serial in lower case), public_key (hexadecimal: the device has its key already)")
    one.add_argument("-o", "--output", metavar="BATCH", help="directory to make; it appears whole or not at all")
    one.add_argument("--factory", metavar="STEM", help="STEM.key and STEM.cred of the factory, which signs the receipt (`sealwire keygen --issuer`)")
    one.add_argument("--name", help="name of the batch (default: that of the directory)")
    one.add_argument("--model", default="", help="model of rows that have none")
    one.add_argument("--ignore", action="append", default=[], metavar="COLUMN", help="a column of the table that is for others; may be repeated")
    one.add_argument("--kind", choices=["X25519", "P-256", "Ed25519", "ES256"], default="X25519", help="kind of the devices' keys (X25519)")
    one.add_argument("--issuer", metavar="STEM", help="STEM.key and STEM.cred of an issuer, who signs the credentials (CWT; default: unsigned CCS)")
    one.add_argument("--lifetime", type=_seconds, metavar="TIME", help="of signed credentials, such as 10y (default: no end)")
    one.add_argument("--hub", metavar="FILE", help="credential of the hub, for the images")
    one.add_argument("--anchor", metavar="FILE", help="credential of the issuer whom the devices believe, for the images")
    one.add_argument("--images", nargs="+", choices=["bin", "header", "none"], default=["bin"], help="a page for the flash, a C header, or neither (bin)")
    one.add_argument("--page-size", type=int, default=LONGEST, metavar="BYTES", help=f"room for the page in the flash ({LONGEST})")
    one.add_argument("--labels", nargs="+", choices=["pdf", "svg", "none"], default=["pdf", "svg"], help="a sheet to print, a drawing for each device, or neither (both)")
    one.add_argument("--paper", choices=["a4", "letter"], default="a4", help="of the sheet (a4)")
    one.add_argument("--label", type=_size, default=(38.0, 45.0), metavar="WxH", help="size of a label in millimetres (38x45)")
    one.set_defaults(run=run_provision)
    what = one.add_subparsers(dest="what", metavar="verify")
    two = what.add_parser("verify", help="verify a batch by its receipt")
    two.add_argument("batch", help="directory of the batch")
    two.add_argument("--factory", required=True, metavar="FILE", help="credential of the factory")
    two.add_argument("--issuer", metavar="FILE", help="credential of the issuer: verify every credential too")
    two.add_argument("--public", action="store_true", help="the directory with the secrets need not be here")
    two.set_defaults(run=run_verify)
    return [one, two]


__all__ = ["add_provision", "add_qr", "run_provision", "run_qr", "run_verify"]
