"""A factory batch: credentials, setup codes, labels and images of many devices, in a directory that appears whole or not at all.

    BATCH/receipt.cose          signed by the factory: sealwire.factory.receipt
    BATCH/SHA256SUMS            of every other file, as `sha256sum --check` reads it
    BATCH/devices.csv           serial, model, name, thumbprint and credential of every device
    BATCH/peers.cred            the credentials for `sealwire hub import`
    BATCH/secret/               readable by its owner only:
        codes.csv               serial, model and setup code
        labels.pdf, labels/     labels to print, and each as SERIAL.svg
        images/                 SERIAL.bin, a page for the flash, or SERIAL.h: sealwire.factory.image
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Generator, Iterator, List, Optional, Sequence, Tuple

from .._sealwire import Credential, Key, TrustAnchor
from ..errors import Busy, InvalidArgument
from ..identity import Identity
from . import image
from .code import SetupCode
from .receipt import Receipt, digest_of
from .table import Row

SECRET = "secret"
RECEIPT = "receipt.cose"
SUMS = "SHA256SUMS"
DEVICES = "devices.csv"
PEERS = "peers.cred"
CODES = f"{SECRET}/codes.csv"
LABELS = f"{SECRET}/labels.pdf"
DEVICE_COLUMNS = ("serial", "model", "name", "thumbprint", "credential")
IMAGES = {"bin": ".bin", "header": ".h"}
_TO_SHARE = 200  # labels below which other processes are not worth their start
_CHUNK = 32

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What a batch is made of, beside its devices."""

    name: str
    factory: Identity
    kind: str = "X25519"
    issuer: Optional[Identity] = None
    lifetime: Optional[int] = None
    hub: Optional[Credential] = None
    anchor: Optional[Credential] = None
    images: Sequence[str] = ("bin",)
    svg: bool = True
    pdf: bool = True
    paper: str = "a4"
    label_mm: Tuple[float, float] = (38.0, 45.0)
    page_size: int = image.LONGEST


@dataclass(frozen=True)
class Made:
    """One device of a batch. `key` is absent where the device has its key already."""

    row: Row
    credential: Credential
    code: SetupCode
    key: Optional[Key]


# ---- one device


def make_device(row: Row, plan: Plan, now: int) -> Made:
    """Keys, credential and setup secret of one device."""
    own = Key.generate(plan.kind) if row.public is None else None
    key = own if own is not None else Key.external(plan.kind, row.public or b"")
    kid = key.thumbprint[:4]
    if plan.issuer is None:
        credential = Credential.ccs(key, row.name, kid)
    else:
        issuer = plan.issuer
        if issuer.credential.kid is None:
            raise InvalidArgument("the issuer's credential has no kid")
        credential = Credential.cwt(
            key,
            row.name,
            kid,
            issuer=issuer.key,
            issuer_kid=issuer.credential.kid,
            issuer_name=issuer.name or None,
            expires=None if plan.lifetime is None else now + plan.lifetime,
            issued_at=now,
        )
    return Made(row, credential, SetupCode(credential.thumbprint, secrets.token_bytes(16), row.model), own)


def settings_of(made: Made, plan: Plan) -> Dict[int, bytes]:
    """The items of a device's page."""
    items = {
        image.CREDENTIAL: made.credential.data,
        image.INBOX: made.row.name.encode("ascii"),
        image.SERIAL: made.row.serial.encode("ascii"),
        image.SETUP: made.code.secret,
    }
    if made.row.model:
        items[image.MODEL] = made.row.model.encode("ascii")
    if made.key is not None:
        items[image.KEY] = made.key.private_bytes()
    if plan.hub is not None:
        items[image.PEER] = plan.hub.data
    if plan.anchor is not None:
        items[image.ANCHOR] = plan.anchor.data
    return items


def _label(task: Tuple[str, Sequence[str], Optional[Tuple[float, float]], bool]) -> Tuple[bytes, bytes]:
    """A label as drawn for the sheet, and as SVG."""
    from .qr import Symbol
    from .sheet import draw

    code, lines, label_mm, svg = task
    symbol = Symbol(code)
    drawn = draw(symbol, lines, *label_mm) if label_mm is not None else b""
    return drawn, symbol.svg(lines).encode() if svg else b""


def _deaf() -> None:
    """A worker leaves Ctrl-C to the process that it works for, and has not its way of being terminated."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _labels(tasks: Sequence[Tuple[str, Sequence[str], Optional[Tuple[float, float]], bool]]) -> Generator[Tuple[bytes, bytes], None, None]:
    workers = os.cpu_count() or 1
    if len(tasks) < _TO_SHARE or workers < 2:
        yield from map(_label, tasks)
        return
    pool = ProcessPoolExecutor(workers, initializer=_deaf)
    try:
        yield from pool.map(_label, tasks, chunksize=_CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


# ---- the directory


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Nobody else makes this batch meanwhile, or `Busy`."""
    path = target.parent / f".{target.name}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # Windows: there two runs at a time are not noticed
        except OSError:
            raise Busy(f"another run is making {target}") from None
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(path)
    finally:
        os.close(lock)


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A directory to fill, which becomes `target` if the block ends well, and else goes away.

    What a run that was killed left behind, the next one removes.
    """
    if not target.parent.is_dir():
        raise NotADirectoryError(20, "is no directory", str(target.parent))
    partial = target.parent / f".{target.name}.partial"
    with _alone(target):
        if os.path.lexists(target):
            raise FileExistsError(17, "exists; a batch is never overwritten, so name another place", str(target))
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            if hasattr(os, "sync"):
                os.sync()
            os.rename(partial, target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


class _Files:
    """Files of a batch, each with its digest."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sums: Dict[str, str] = {}

    def folder(self, name: str) -> None:
        (self.root / name).mkdir(mode=0o700)

    def write(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self.root / name, flags, 0o600 if name.startswith(SECRET) else 0o666), "wb") as file:
            file.write(data)
        self.sums[name] = hashlib.sha256(data).hexdigest()

    def adopt(self, name: str) -> None:
        """Counts in a file that was written by other means."""
        digest = hashlib.sha256()
        with open(self.root / name, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        self.sums[name] = digest.hexdigest()

    def listing(self) -> bytes:
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(self.sums.items())).encode("ascii")


def _csv(header: Sequence[str], rows: Iterator[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def _write_images(files: _Files, devices: Sequence[Made], plan: Plan, progress: Progress) -> None:
    files.folder(f"{SECRET}/images")
    anchor_kid = plan.anchor.kid if plan.anchor is not None else None
    for count, made in enumerate(devices, 1):
        items = settings_of(made, plan)
        stem = f"{SECRET}/images/{made.row.serial}"
        if "bin" in plan.images:
            files.write(f"{stem}{IMAGES['bin']}", image.page(items, size=plan.page_size))
        if "header" in plan.images:
            text = image.header(items, kind=plan.kind, issuer_kid=anchor_kid)
            files.write(f"{stem}{IMAGES['header']}", text.encode("ascii"))
        progress("images", count, len(devices))


def _write_labels(files: _Files, devices: Sequence[Made], plan: Plan, progress: Progress) -> None:
    from .sheet import Sheet

    if plan.svg:
        files.folder(f"{SECRET}/labels")
    shown = [(str(made.code), [line for line in (made.row.serial, made.row.model) if line], plan.label_mm if plan.pdf else None, plan.svg) for made in devices]
    sheet = Sheet(files.root / LABELS, title=plan.name, paper=plan.paper, label_mm=plan.label_mm) if plan.pdf else None
    try:
        with closing(_labels(shown)) as labels:
            for count, (made, (drawn, svg)) in enumerate(zip(devices, labels), 1):
                if sheet is not None:
                    sheet.add(drawn)
                if plan.svg:
                    files.write(f"{SECRET}/labels/{made.row.serial}.svg", svg)
                progress("labels", count, len(devices))
    finally:
        if sheet is not None:
            sheet.close()
    if plan.pdf:
        files.adopt(LABELS)


def _check(plan: Plan, now: int) -> None:
    """What would fail at the last step fails at the first."""
    if set(plan.images) - set(IMAGES) or not plan.name.isprintable() or not plan.name.isascii() or not 1 <= len(plan.name) <= 64:
        raise InvalidArgument("a batch has a name of 1 to 64 printable ASCII characters, and images `bin` or `header`")
    Receipt(plan.name, now, 0, {}, b"", b"", "", "", None).sign(plan.factory)
    if plan.lifetime is not None and plan.issuer is None:
        raise InvalidArgument("a lifetime goes with an issuer")
    if plan.anchor is not None:
        TrustAnchor(plan.anchor)
    if plan.hub is not None and plan.hub.kind == "x509":
        raise InvalidArgument("the hub's credential is a CCS or CWT here")


def make_batch(rows: Sequence[Row], plan: Plan, target: Path, progress: Progress = lambda what, count, total: None) -> Receipt:
    """Makes the batch directory `target`, whose parent exists. Raises InvalidArgument, Busy or OSError; nothing is there then."""
    now = int(time.time())
    _check(plan, now)
    with _appearing(target) as root:
        files = _Files(root)
        files.folder(SECRET)
        devices: List[Made] = []
        anchor = TrustAnchor(plan.issuer.credential) if plan.issuer is not None else None
        for row in rows:
            made = make_device(row, plan, now)
            if anchor is not None and not devices:
                made.credential.verify(anchor, now)
            devices.append(made)
            progress("credentials", len(devices), len(rows))
        if plan.images:
            _write_images(files, devices, plan, progress)
        if plan.svg or plan.pdf:
            _write_labels(files, devices, plan, progress)
        listed = ((made.row.serial, made.row.model, made.row.name, made.credential.thumbprint.hex(), made.credential.data.hex()) for made in devices)
        files.write(DEVICES, _csv(DEVICE_COLUMNS, listed))
        files.write(CODES, _csv(("serial", "model", "code"), ((made.row.serial, made.row.model, str(made.code)) for made in devices)))
        peers = "".join(f"# {made.row.serial} {made.credential.thumbprint.hex()}\n{made.credential.data.hex()}\n" for made in devices)
        files.write(PEERS, f"# {plan.name}: {len(devices)} credentials, for sealwire hub import\n{peers}".encode("ascii"))
        models: Dict[str, int] = {}
        for made in devices:
            models[made.row.model] = models.get(made.row.model, 0) + 1
        listing = files.listing()
        receipt = Receipt(
            batch=plan.name,
            date=now,
            count=len(devices),
            models=models,
            thumbprints=digest_of(made.credential.thumbprint for made in devices),
            files=hashlib.sha256(listing).digest(),
            kind=devices[0].credential.kind,
            curve=devices[0].credential.curve,
            issuer=plan.issuer.thumbprint if plan.issuer is not None else None,
        )
        files.write(SUMS, listing)
        files.write(RECEIPT, receipt.sign(plan.factory))
    return receipt


__all__ = ["CODES", "DEVICES", "DEVICE_COLUMNS", "LABELS", "Made", "PEERS", "Plan", "RECEIPT", "SECRET", "SUMS", "make_batch", "make_device", "settings_of"]
