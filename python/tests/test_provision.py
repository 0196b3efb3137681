"""Factory batches: what they hold, judged by others' code: cbor2 and pyca (receipt), ZXing and PDFium (labels), a C compiler (images)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import cbor2
import pypdfium2
import pytest
import zxingcpp
from conftest import ROOT, unavailable
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from labels import picture, read, sheets, svg_modules
from PIL import Image

from sealwire import Credential, Endpoint, Identity, Key, TrustAnchor, load_credential
from sealwire.cli import FILES, INTERRUPTED, OK, REFUSED, USAGE, main
from sealwire.errors import AuthenticationFailed, Malformed, UnsupportedVersion
from sealwire.factory import SetupCode, image
from sealwire.factory.receipt import Receipt
from sealwire.factory.table import TableError, read_table
from sealwire.identity import load_credentials
from sealwire.primitives import sign1

COUNT = 35  # more labels than a page has


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Identity.generate("plant-7", curve="Ed25519").save("plant")
    Identity.generate("plant-issuer", curve="Ed25519").save("issuer")
    Identity.generate("hub").save("hub")
    rows = "".join(f"SN-{number:04},SENSE-4/{'AB'[number % 2]}\n" for number in range(COUNT))
    Path("devices.csv").write_text("serial,model\n" + rows)
    return tmp_path


def make(*more: str, csv_file: str = "devices.csv", output: str = "batch") -> int:
    return main(["provision", "--csv", csv_file, "--factory", "plant", "-o", output, *more])


def rows_of(path: str) -> List[Dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def connects(device: Endpoint, hub: Endpoint, thumbprint: bytes) -> bool:
    device.connect()
    for _ in range(6):
        for sender, receiver in ((device, hub), (hub, device)):
            while (frame := sender.poll_transmit()) is not None:
                receiver.handle_frame(frame.frame)
    return hub.find(thumbprint) is not None


def device_of(items: Dict[int, bytes], **more: Any) -> Endpoint:
    """A device that knows what its page says."""
    credential = Credential(items[image.CREDENTIAL])
    peers = [Credential(items[image.PEER])] if image.PEER in items else []
    anchors = [TrustAnchor(Credential(items[image.ANCHOR]))] if image.ANCHOR in items else []
    return Endpoint([(credential, Key.from_bytes(credential.curve, items[image.KEY]))], peers=peers, anchors=anchors, **more)


def test_a_batch_and_what_others_say_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert make("--hub", "hub.cred", "--json") == OK
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert told["count"] == COUNT and told["models"] == {"SENSE-4/A": 18, "SENSE-4/B": 17}
    devices, codes = rows_of("batch/devices.csv"), rows_of("batch/secret/codes.csv")
    assert [row["serial"] for row in devices] == [f"SN-{number:04}" for number in range(COUNT)] == [row["serial"] for row in codes]

    # What is secret is readable by its owner only, and nothing of it was printed.
    for path in Path("batch/secret").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(Path("batch/secret").stat().st_mode) == 0o700
    pages = {row["serial"]: image.read_page(Path(f"batch/secret/images/{row['serial']}.bin").read_bytes()) for row in devices}
    public = b"".join(path.read_bytes() for path in Path("batch").iterdir() if path.is_file()) + (shown.out + shown.err).encode()
    for code, items in zip(codes, pages.values()):
        assert code["code"][4:56].encode() not in public
        for secret in (items[image.KEY], items[image.SETUP]):
            assert secret not in public and secret.hex().encode() not in public
    assert len({items[image.KEY] for items in pages.values()}) == len({items[image.SETUP] for items in pages.values()}) == COUNT

    # One story everywhere.
    for row, code in zip(devices, codes):
        items, parsed = pages[row["serial"]], SetupCode.parse(code["code"])
        assert items[image.CREDENTIAL].hex() == row["credential"] and items[image.SERIAL].decode() == row["serial"]
        assert parsed.secret == items[image.SETUP] and parsed.thumbprint.hex() == row["thumbprint"] == Key.from_bytes("X25519", items[image.KEY]).thumbprint.hex()
        assert parsed.model == row["model"] == items[image.MODEL].decode() and items[image.INBOX].decode() == row["name"] == row["serial"].lower()
        claims = cbor2.loads(items[image.CREDENTIAL])
        assert claims[2] == row["name"] and len(claims[8][1][-2]) == 32
    peers = load_credentials("batch/peers.cred")
    assert [peer.data.hex() for peer in peers] == [row["credential"] for row in devices]

    # A device that was written from its page, and the hub that imported the batch.
    hub = Identity.load("hub")
    service = Endpoint([(hub.credential, hub.key)], peers=peers)
    assert connects(device_of(pages["SN-0017"]), service, peers[17].thumbprint)

    # The receipt, by cbor2 and pyca.
    data = Path("batch/receipt.cose").read_bytes()
    protected, unprotected, payload, signature = cbor2.loads(data)
    assert cbor2.loads(protected) == {1: -8} and unprotected == {4: load_credential("plant.cred").kid}
    signed = cbor2.dumps(["Signature1", protected, b"sealwire-receipt-1", payload])
    Ed25519PublicKey.from_public_bytes(load_credential("plant.cred").public).verify(signature, signed)
    says = cbor2.loads(payload)
    assert cbor2.dumps(says, canonical=True) == payload
    assert says.pop("date") - time.time() < 60
    assert says == {
        "version": 1, "batch": "batch", "count": COUNT, "models": told["models"], "kind": "ccs", "curve": "X25519", "issuer": None,
        "thumbprints": hashlib.sha256(b"".join(sorted(bytes.fromhex(row["thumbprint"]) for row in devices))).digest(),
        "files": hashlib.sha256(Path("batch/SHA256SUMS").read_bytes()).digest(),
    }
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd="batch", check=True)
    listed = {line.split("  ")[1] for line in Path("batch/SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS", "receipt.cose"} == {path.relative_to("batch").as_posix() for path in Path("batch").rglob("*") if path.is_file()}


def test_labels() -> None:
    assert make("--images", "none") == OK
    codes = {row["serial"]: row for row in rows_of("batch/secret/codes.csv")}
    document = pypdfium2.PdfDocument("batch/secret/labels.pdf")
    assert len(document) == 2 and document.get_page_size(0) == pytest.approx((595.28, 841.89), abs=0.01)
    found: List[str] = []
    for page, printed in zip(document, sheets(Path("batch/secret/labels.pdf"))):
        text = page.get_textpage().get_text_range()
        assert text.count("SENSE-4/") == len(printed) and "batch, page" in text
        assert printed == [(serial, codes[serial]["code"]) for serial, _ in printed]
        found += [serial for serial, _ in printed]
    assert found == list(codes)
    for serial, row in codes.items():
        drawing = Path(f"batch/secret/labels/{serial}.svg").read_text()
        assert f">{serial}</text>" in drawing and f">{row['model']}</text>" in drawing
        assert read(picture(svg_modules(drawing))) == row["code"]


@pytest.mark.parametrize("paper, label, size", [("letter", "25.4x30", (612, 792)), ("a4", "60x70", (595.28, 841.89))])
def test_paper_and_labels(paper: str, label: str, size: Any) -> None:
    assert make("--paper", paper, "--label", label, "--labels", "pdf", "--images", "none") == OK
    document = pypdfium2.PdfDocument("batch/secret/labels.pdf")
    assert document.get_page_size(0) == pytest.approx(size, abs=0.01)
    read_back = {one.text for page in document for one in zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())}
    assert read_back == {row["code"] for row in rows_of("batch/secret/codes.csv")}
    assert not Path("batch/secret/labels").exists()
    assert make("--label", "300x40", output="other") == REFUSED and not Path("other").exists()


READER = """
#include <stdio.h>
#include "settings.h"
static uint8_t page[2048];
static size_t page_length;
const uint8_t *board_settings(size_t *length) { *length = page_length; return page; }
int main(int count, char **names) {
  FILE *file = count == 2 ? fopen(names[1], "rb") : NULL;
  if (file == NULL) return 1;
  page_length = fread(page, 1, sizeof page, file);
  for (int kind = 1; kind < 255; kind++) {
    size_t length;
    const uint8_t *value = setting(kind, &length);
    if (value == NULL) continue;
    printf("%d ", kind);
    for (size_t i = 0; i < length; i++) printf("%02x", value[i]);
    printf("\\n");
  }
  return 0;
}
"""

WRITER = """
#include <stdio.h>
#include <string.h>
#include "sealwire.h"
#include "provision.h"
static void show(const char *name, const uint8_t *value, size_t length) {
  printf("%s ", name);
  for (size_t i = 0; i < length; i++) printf("%02x", value[i]);
  printf("\\n");
}
#define SHOW(name) show(#name, name, sizeof name)
int main(void) {
  printf("version %d\\nkind %d\\nsuite %d\\nserial %s\\nmodel %s\\ninbox %s\\n", PROVISION_VERSION, PROVISION_KIND, PROVISION_SUITE,
         PROVISION_SERIAL, PROVISION_MODEL, PROVISION_INBOX);
  SHOW(provision_device_key); SHOW(provision_device); SHOW(provision_setup_secret); SHOW(provision_hub); SHOW(provision_issuer);
  SHOW(provision_issuer_kid);
  return PROVISION_DEVICE_LENGTH == sizeof provision_device ? 0 : 1;
}
"""


def built(name: str, source: str, *more: str) -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        unavailable("no C compiler")
    Path(f"{name}.c").write_text(source)
    include = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'examples' / 'firmware'}"]
    subprocess.run([str(compiler), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *include, "-o", name, f"{name}.c", *more], check=True)
    return f"./{name}"


def test_the_firmware_reads_the_page() -> None:
    assert make("--hub", "hub.cred", "--labels", "none") == OK
    program = built("reader", READER, str(ROOT / "examples" / "firmware" / "settings.c"))
    for row in rows_of("batch/devices.csv")[:3]:
        path = f"batch/secret/images/{row['serial']}.bin"
        wanted = image.read_page(Path(path).read_bytes())
        lines = subprocess.run([program, path], check=True, capture_output=True, text=True).stdout.splitlines()
        assert {int(line.split(" ")[0]): bytes.fromhex(line.split(" ")[1]) for line in lines} == wanted
        assert set(wanted) == {image.KEY, image.CREDENTIAL, image.PEER, image.INBOX, image.SERIAL, image.MODEL, image.SETUP}
    kinds = dict(re.findall(r"SETTING_(\w+) = (\d+)", (ROOT / "examples" / "firmware" / "settings.h").read_text()))
    assert {name: int(number) for name, number in kinds.items()} == {name: getattr(image, name) for name in kinds}


@pytest.mark.parametrize("kind", ["X25519", "P-256"])
def test_headers_and_signed_credentials(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    Identity.generate("hub", curve=kind).save("hub", overwrite=True)
    more = ("--kind", kind, "--hub", "hub.cred", "--anchor", "issuer.cred", "--issuer", "issuer", "--lifetime", "10y", "--page-size", "2048")
    assert make(*more, "--images", "bin", "header", "--labels", "none", "--json") == OK
    assert json.loads(capsys.readouterr().out)["kind"] == "cwt"
    issuer = load_credential("issuer.cred")
    row = rows_of("batch/devices.csv")[7]
    items = image.read_page(Path(f"batch/secret/images/{row['serial']}.bin").read_bytes())
    made = Credential(items[image.CREDENTIAL])
    made.verify(TrustAnchor(issuer), int(time.time()))
    assert made.curve == kind and made.expires is not None and abs(made.expires - time.time() - 10 * 31557600) < 60
    shutil.copy(f"batch/secret/images/{row['serial']}.h", "provision.h")
    shown = dict(line.split(" ") for line in subprocess.run([built("writer", WRITER, "-I.")], check=True, capture_output=True, text=True).stdout.splitlines())
    assert shown == {
        "version": "1", "kind": {"X25519": "1", "P-256": "2"}[kind], "suite": {"X25519": "4", "P-256": "2"}[kind],
        "serial": row["serial"], "model": row["model"], "inbox": row["name"], "provision_device": row["credential"],
        "provision_device_key": items[image.KEY].hex(), "provision_setup_secret": items[image.SETUP].hex(),
        "provision_hub": items[image.PEER].hex(), "provision_issuer": issuer.data.hex(), "provision_issuer_kid": (issuer.kid or b"").hex(),
    }
    # The hub believes the issuer, and has never seen the device; the device knows the hub.
    hub = Identity.load("hub")
    service = Endpoint([(hub.credential, hub.key)], anchors=[TrustAnchor(issuer)])
    assert connects(device_of(items, by_value=True), service, made.thumbprint)
    # Or it has imported the batch, and the device names its credential only. The issuer is believed or not all the same.
    service = Endpoint([(hub.credential, hub.key)], peers=load_credentials("batch/peers.cred"), anchors=[TrustAnchor(issuer)])
    assert connects(device_of(items), service, made.thumbprint)
    assert main(["provision", "verify", "batch", "--factory", "plant.cred", "--issuer", "issuer.cred"]) == OK
    assert main(["provision", "verify", "batch", "--factory", "plant.cred", "--issuer", "plant.cred"]) == REFUSED


def test_devices_that_have_their_key() -> None:
    key = Key.generate("P-256")
    Path("one.csv").write_text(f"serial;public_key;lot\r\nE-1;{key.public.hex()};x\r\nE-2;;y\r\n", encoding="utf-8-sig")
    assert make("--kind", "P-256", "--labels", "none", "--ignore", "lot", csv_file="one.csv") == OK
    held, own = (image.read_page(Path(f"batch/secret/images/{serial}.bin").read_bytes()) for serial in ("E-1", "E-2"))
    assert image.KEY not in held and Credential(held[image.CREDENTIAL]).thumbprint == key.thumbprint and image.MODEL not in held
    assert image.KEY in own and own[image.SETUP] != held[image.SETUP]


HEX32 = "11" * 32


@pytest.mark.parametrize(
    "text, problems",
    [
        ("", [(1, "")]),
        ("serial\n", [(1, "")]),
        ("model\nX\n", [(1, "serial")]),
        ("serial,colour\nA,red\n", [(1, "colour")]),
        ("serial,serial\nA,B\n", [(1, "serial"), (1, "serial")]),
        ("serial,model\nA,X\nB\nC,Y,Z\n", [(3, ""), (4, "")]),
        ("serial\nA\n\n a \n", [(4, "serial"), (4, "name")]),
        ("serial\n../x\n", [(2, "serial"), (2, "serial")]),
        ("serial,name\nNUL,a\n.x,b\nx.,c\n", [(2, "serial"), (3, "serial"), (4, "serial")]),
        ("serial,model\nA,sense\nB," + "M" * 25 + "\n", [(2, "model"), (3, "model")]),
        ("serial,name\nA,Sensor\nB,x\nC,x\n", [(2, "name"), (4, "name")]),
        ("serial\nTHIS-SERIAL-IS-TOO-LONG\n", [(2, "serial")]),
        ("serial,model\n,M\nB,M\n", [(2, "serial")]),
        (f"serial,public_key\nA,{HEX32}\nB,zz\nC,11\nD,{HEX32.upper()}\n", [(3, "public_key"), (4, "public_key"), (5, "public_key")]),
        ('serial,model\n"A\n",M\nB,m\n', [(4, "model")]),
        ('serial,model\nA,"M\n', [(2, "")]),
    ],
)
def test_tables_that_are_wrong(text: str, problems: List[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TableError) as refused:
        read_table(text.encode())
    assert [(problem.line, problem.column) for problem in refused.value.problems] == problems, refused.value.problems
    Path("wrong.csv").write_text(text, newline="")
    before = sorted(os.listdir())
    assert make("--json", csv_file="wrong.csv") == REFUSED
    told = json.loads(capsys.readouterr().err)
    assert told["error"] == "invalid-argument" and [(one["line"], one["column"]) for one in told["problems"]] == problems
    assert sorted(os.listdir()) == before


def test_a_table_in_another_encoding() -> None:
    with pytest.raises(TableError) as refused:
        read_table("serial,model\nA,M\nÄ,M\n".encode("latin-1"))
    assert refused.value.problems[0].line == 3


def test_all_wrong_rows_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.csv").write_text("serial,model\n" + "".join(f"S{number},small\n" for number in range(50)))
    assert make(csv_file="wrong.csv") == REFUSED
    said = capsys.readouterr().err
    assert "line 2, column model" in said and "line 21, column model" in said and "and 30 more" in said and "nothing was made" in said


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    Identity.generate("dh").save("dh")
    before = sorted(os.listdir())
    assert main(["provision", "--csv", "devices.csv", "--factory", "dh", "-o", "batch"]) == REFUSED
    assert make("--page-size", "100") == REFUSED
    assert make("--lifetime", "1y") == REFUSED
    assert make("--issuer", "dh") == REFUSED
    assert make("--hub", "none.cred") == FILES
    assert make(csv_file="none.csv") == FILES
    assert make(output="none/batch") == FILES
    assert make(output="hub.key") == FILES
    assert main(["provision", "--csv", "devices.csv"]) == USAGE
    assert sorted(os.listdir()) == before
    Path("batch").mkdir()
    assert make() == FILES and os.listdir("batch") == []


def started(count: int, *more: str) -> "subprocess.Popen[str]":
    """A run that is in the middle of its work."""
    Path("many.csv").write_text("serial\n" + "".join(f"S{number}\n" for number in range(count)))
    command = [sys.executable, "-m", "sealwire.cli", "provision", "--csv", "many.csv", "--factory", "plant", "-o", "batch", *more]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 30
    while not list(Path().glob(".batch.partial/secret/labels/*.svg")):
        assert time.monotonic() < end and run.poll() is None, run.communicate()
        time.sleep(0.01)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: int) -> None:
    before = sorted([*os.listdir(), "many.csv"])
    before_it = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = started(9000, "--images", "none")
    os.kill(run.pid, number)
    said = run.communicate(timeout=60)
    # It drew no further: 9,000 labels take more than half a minute of a processor.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_it < 15
    assert run.returncode == INTERRUPTED and "run the same command again" in said[1] and "Traceback" not in said[1], said
    assert sorted(os.listdir()) == before


def test_killed_and_two_at_a_time() -> None:
    run = started(3000)
    assert make() == REFUSED  # busy
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert Path(".batch.partial").exists() and not Path("batch").exists()
    left = set(os.listdir(".batch.partial/secret/images"))
    assert make() == OK
    assert not [name for name in os.listdir() if name.startswith(".batch")]
    assert len(left) == 3000 and len(os.listdir("batch/secret/images")) == COUNT
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) == OK


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_cut, _flip, Path.unlink])
@pytest.mark.parametrize("name", ["receipt.cose", "SHA256SUMS", "devices.csv", "peers.cred", "secret/codes.csv", "secret/images/SN-0003.bin", "secret/labels.pdf"])
def test_what_was_altered(name: str, damage: Callable[[Path], None]) -> None:
    assert make("--labels", "pdf") == OK
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) == OK
    damage(Path("batch") / name)
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) in (REFUSED, FILES)


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert make("--name", "lot 7 of 2026") == OK
    capsys.readouterr()
    assert main(["provision", "verify", "batch", "--factory", "plant.cred", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "lot 7 of 2026" and told["count"] == COUNT and told["absent"] == 0 and told["verified"] == 2 * COUNT + 4
    assert main(["provision", "verify", "batch", "--factory", "issuer.cred"]) == REFUSED
    Path("batch/secret/images/more.bin").write_bytes(b"")
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) == REFUSED
    shutil.rmtree("batch/secret")
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) == REFUSED
    capsys.readouterr()
    assert main(["provision", "verify", "batch", "--factory", "plant.cred", "--public", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] == 2 and told["absent"] == 2 * COUNT + 2


def test_receipts_that_a_factory_should_not_sign() -> None:
    """Signed by the right key, and not what a receipt is."""
    factory = Identity.load("plant")
    good = {"version": 1, "batch": "b", "date": 1, "count": 1, "models": {"M": 1}, "thumbprints": b"", "files": b"", "kind": "ccs", "curve": "X25519", "issuer": None}

    def signed(payload: Any, aad: bytes = b"sealwire-receipt-1") -> bytes:
        return sign1(factory.key, payload if isinstance(payload, bytes) else cbor2.dumps(payload, canonical=True), external_aad=aad)

    assert Receipt.verify(signed(good), factory.credential).models == {"M": 1}
    wrong: List[Any] = [{**good, "version": 2}, {**good, "date": "1"}, {**good, "count": True}, {**good, "models": [1]}, {**good, "more": 1}, [1], b"", b"\xff"]
    wrong += [{name: value for name, value in good.items() if name != left_out} for left_out in good]
    for payload in wrong:
        with pytest.raises((Malformed, UnsupportedVersion)):
            Receipt.verify(signed(payload), factory.credential)
    with pytest.raises(AuthenticationFailed):
        Receipt.verify(signed(good, b"another use"), factory.credential)


def test_one_device_exchanged_by_who_can_write_the_files() -> None:
    """All files in order but the signature: the digests that lead to it no longer do."""
    assert make("--labels", "none", "--images", "none") == OK
    stranger = Identity.generate("sn-0003")
    rows = rows_of("batch/devices.csv")
    for name in ("devices.csv", "peers.cred"):
        text = Path(f"batch/{name}").read_text()
        text = text.replace(rows[3]["credential"], stranger.credential.data.hex()).replace(rows[3]["thumbprint"], stranger.thumbprint.hex())
        Path(f"batch/{name}").write_text(text)
    names = [line.split("  ")[1] for line in Path("batch/SHA256SUMS").read_text().splitlines()]
    sums = "".join(f"{hashlib.sha256(Path('batch', name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    Path("batch/SHA256SUMS").write_text(sums)
    assert main(["provision", "verify", "batch", "--factory", "plant.cred"]) == REFUSED


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_progress_on_a_terminal_and_nowhere_else() -> None:
    import pty

    command = [sys.executable, "-m", "sealwire.cli", "provision", "--csv", "devices.csv", "--factory", "plant", "-o"]
    outer, inner = pty.openpty()
    done = subprocess.run([*command, "one"], stdout=subprocess.PIPE, stderr=inner, check=True)
    os.close(inner)
    shown = os.read(outer, 65536).decode()
    os.close(outer)
    for what in ("credentials", "images", "labels"):
        assert re.search(rf"\r{what} +\[#+\] +{COUNT}/{COUNT}  00:00 left", shown), shown
    assert b"left" not in done.stdout
    assert subprocess.run([*command, "two"], capture_output=True, check=True).stderr == b""


def test_from_standard_input() -> None:
    command = [sys.executable, "-m", "sealwire.cli", "provision", "--csv", "-", "--factory", "plant", "-o", "batch", "--model", "M-1", "--json"]
    done = subprocess.run(command, input="serial\tname\nA 1\tx\n", capture_output=True, text=True, check=False)
    assert done.returncode == REFUSED and json.loads(done.stderr)["problems"][0]["column"] == "serial"
    done = subprocess.run(command, input="serial\tname\nA-1\tx\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["models"] == {"M-1": 1} and done.stderr == ""


def test_pages() -> None:
    items = {1: bytes(32), 200: b"", 9: b"X" * 300}
    assert image.read_page(image.page(items) + b"\xff" * 40) == items
    for wrong in (b"", b"SWF2\0", image.page(items)[:-9], b"SWF1\x01\x00", b"SWF1\x01\x00\x01a\x01\x00\x01b\x00"):
        with pytest.raises(Exception, match="malformed"):
            image.read_page(wrong)
