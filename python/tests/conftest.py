"""Fixtures: identities, a real Mosquitto, TLS files, an event loop per test."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Coroutine, Dict, Iterator, List, NoReturn, Optional, TypeVar

import pytest

from sealwire import Identity

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from mosquitto import Missing, Mosquitto, free_port  # noqa: E402  tests/mosquitto.py

T = TypeVar("T")


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where everything is required (make test on the reference system)."""
    if os.environ.get("SEALWIRE_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(work: Coroutine[Any, Any, T], limit: float = 60.0) -> T:
    """Run a coroutine with a time limit."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, limit)

    return asyncio.run(bounded())


async def until(done: Callable[[], bool], limit: float = 15.0) -> None:
    """Wait until something holds; fails when it does not in time."""
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.02)


StartMosquitto = Callable[..., Mosquitto]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[StartMosquitto]:
    """Start brokers: `mosquitto(*lines, port=...)`; without lines, open to everybody."""
    started: List[Mosquitto] = []

    def start(*lines: str, port: Optional[int] = None) -> Mosquitto:
        number = port if port is not None else free_port()
        try:
            broker = Mosquitto(tmp_path, [line.replace("PORT", str(number)) for line in lines], number)
        except Missing as error:
            unavailable(str(error))
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """A root, a server's and a user's TLS files, made for this run."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.timezone.utc)
    files: Dict[str, Path] = {}

    def write(name: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate) -> None:
        files[f"{name}.pem"] = folder / f"{name}.pem"
        files[f"{name}.key"] = folder / f"{name}.key"
        files[f"{name}.pem"].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        files[f"{name}.key"].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def make(name: str, issuer: Optional[x509.Name], signer: Optional[ec.EllipticCurvePrivateKey], ca: bool) -> Any:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signing = signer or key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        )
        if ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        made = builder.sign(signing, hashes.SHA256())
        write(name, key, made)
        return subject, key

    root, root_key = make("root", None, None, True)
    make("server", root, root_key, False)
    make("user", root, root_key, False)
    return files


@pytest.fixture(scope="session")
def hub() -> Identity:
    """A hub's identity."""
    return Identity.generate("hub")


@pytest.fixture(scope="session")
def sensor() -> Identity:
    """A sensor's identity."""
    return Identity.generate("sensor")
