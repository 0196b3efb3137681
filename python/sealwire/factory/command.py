"""`sealwire qr` and `sealwire provision`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Union

from ..errors import InvalidArgument, Malformed
from ..identity import load_credential, others_can_read, read_hex, write_private
from .code import SetupCode

if TYPE_CHECKING:
    from ..cli import Output

_OK, _USAGE = 0, 2
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


__all__ = ["add_qr", "run_qr"]
