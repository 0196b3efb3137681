"""Writes tests/vectors/x509.json: certificates made by OpenSSL's command line and by pyca cryptography, and broken ones made by hand.

    pip install cryptography && python tests/generators/x509.py [--check]

Signatures on P-256 and RSA keys differ from run to run, so a run makes another file of the same meaning; the one committed is what counts.
--check writes nothing: it holds every vector of the committed file against `openssl verify` and against how cryptography reads it.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

TARGET = pathlib.Path(__file__).parents[1] / "vectors" / "x509.json"
NOW = 1_800_000_000  # 2027-01-15
START, END = datetime.datetime(2026, 1, 1), datetime.datetime(2036, 1, 1)
DER = serialization.Encoding.DER
Make = Callable[..., bytes]


# The key of the common root certificate, RFC 9529 section 2.
RFC_9529_ROOT_KEY = "2b7b3e8057c8642944d06afe7a71d1c9bf961b6292bac4b04f91669bbb713be4"
# RFC 8410 section 10.2, and the private key of section 10.3 with whose public key it verifies.
RFC_8410 = (
    "3082012c3081dfa00302010202085601474a2a8dc330300506032b657030193117301506035504030c0e4945544620546573742044656d6f301e170d3136303830"
    "313132313932345a170d3430313233313233353935395a30193117301506035504030c0e4945544620546573742044656d6f302a300506032b656e032100852"
    "0f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6aa3453043300f0603551d130101ff04053003010100300e0603551d0f0101000403"
    "0203083020" "0603551d0e010100041604149b1f5eeded043385e4f7bc623c5975b90bc8bb3b300506032b6570034100af2301feddc9e6ffc1cca73d74d648a43"
    "98082cddb69b14e4d06ecf81a25ce50d4c2c3eb746c4edd8346856ec86f3dce1a1865c57ac27b50a0c35007f5e7d907")
RFC_8410_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"))


# ---- keys, from fixed seeds

def seed(name: str) -> bytes:
    return hashlib.sha256(b"x509 vectors: " + name.encode()).digest()


def ed(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed(name))


def p256(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(seed(name), "big") >> 1, ec.SECP256R1())


def xdh(name: str) -> x25519.X25519PrivateKey:
    return x25519.X25519PrivateKey.from_private_bytes(seed(name))


ROOT, ROOT_P256, OTHER = ed("root"), p256("root"), ed("other root")
LEAF, LEAF_P256, LEAF_X = ed("leaf"), p256("leaf"), xdh("leaf")
MIDDLE, MIDDLE_P256 = ed("middle"), p256("middle")


def public(key: Any) -> dict[str, str]:
    """A public key as the vectors have it, or nothing for other kinds."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        numbers = key.public_numbers()
        return {"curve": "P-256", "x": f"{numbers.x:064x}", "y": f"{numbers.y:064x}"}
    if isinstance(key, (ed25519.Ed25519PublicKey, x25519.X25519PublicKey)):
        curve = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "X25519"
        return {"curve": curve, "x": key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()}
    return {}


# ---- by cryptography

def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*names: str) -> x509.KeyUsage:
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
             "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in names for name in every})


def pyca(key: Any, by: Any, *, subject: str | x509.Name = "device-1", issuer: str | x509.Name = "Root", start: Any = START, end: Any = END,
         extensions: tuple[tuple[Any, bool], ...] = ()) -> bytes:
    builder = x509.CertificateBuilder().serial_number(int.from_bytes(seed(repr((subject, issuer)))[:8], "big"))
    builder = builder.subject_name(named(subject) if isinstance(subject, str) else subject)
    builder = builder.issuer_name(named(issuer) if isinstance(issuer, str) else issuer)
    builder = builder.not_valid_before(start).not_valid_after(end).public_key(key.public_key())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    algorithm = None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    if isinstance(by, ec.EllipticCurvePrivateKey) and isinstance(by.curve, ec.SECP384R1):
        algorithm = hashes.SHA384()
    return builder.sign(by, algorithm).public_bytes(DER)


SIGNS = (usage("digital_signature"), True)
AGREES = (usage("key_agreement"), True)
ISSUES = (usage("key_cert_sign", "crl_sign"), True)
NO_AUTHORITY = (x509.BasicConstraints(ca=False, path_length=None), True)


def authority(path_len: int | None = None) -> tuple[Any, bool]:
    return (x509.BasicConstraints(ca=True, path_length=path_len), True)


# ---- by OpenSSL

def openssl(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], check=check, text=True, capture_output=True)


def by_openssl(key: Any, by: Any, subject: str, extensions: str, issuer: str = "/CN=Root") -> bytes:
    """`openssl x509 -req`, or with -force_pubkey for keys that cannot sign a request."""
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (at / "ca.key").write_bytes(by.private_bytes(*pem))
        (at / "key.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        (at / "extensions").write_text(extensions)
        openssl("req", "-new", "-x509", "-key", f"{at}/ca.key", "-subj", issuer, "-days", "1", "-out", f"{at}/ca.pem")
        openssl("req", "-new", "-key", f"{at}/ca.key", "-subj", subject, "-out", f"{at}/request")
        openssl("x509", "-req", "-in", f"{at}/request", "-force_pubkey", f"{at}/key.pub", "-CA", f"{at}/ca.pem", "-CAkey", f"{at}/ca.key",
                "-set_serial", "0x0102030405", "-days", "9000", "-outform", "DER", "-out", f"{at}/out",
                *(["-extfile", f"{at}/extensions"] if extensions else []))
        return (at / "out").read_bytes()


# ---- by hand: DER put together, so that anything can be wrong with it

def tlv(tag: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    if len(value) < 128:
        return bytes([tag, len(value)]) + value
    size = (len(value).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(value).to_bytes(size, "big") + value


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytes([40 * first + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return tlv(6, out)


def extension(dotted: str, value: bytes, critical: bytes = b"") -> bytes:
    return tlv(0x30, oid(dotted), critical, tlv(4, value))


TRUE, FALSE = b"\x01\x01\xff", b"\x01\x01\x00"
SEQUENCE, SET = 0x30, 0x31
ED25519, ECDSA = tlv(SEQUENCE, oid("1.3.101.112")), tlv(SEQUENCE, oid("1.2.840.10045.4.3.2"))
KEY_USAGE, BASIC = "2.5.29.15", "2.5.29.19"
CN = "2.5.4.3"


def attribute(dotted: str, value: str, tag: int = 0x0C) -> bytes:
    return tlv(SEQUENCE, oid(dotted), tlv(tag, value.encode()))


def rdn(*attributes: bytes) -> bytes:
    return tlv(SET, *attributes)


def spki(key: Any) -> bytes:
    return key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


PARTS: dict[str, bytes] = {
    "version": bytes.fromhex("a003020102"),
    "serial": bytes.fromhex("02020102"),
    "algorithm": ED25519,
    "issuer": tlv(SEQUENCE, rdn(attribute(CN, "Root"))),
    "not_before": tlv(0x17, b"260101000000Z"),
    "not_after": tlv(0x17, b"360101000000Z"),
    "subject": tlv(SEQUENCE, rdn(attribute(CN, "device-1"))),
    "key": spki(LEAF),
    "unique": b"",
    "extensions": tlv(0xA3, tlv(SEQUENCE, extension(KEY_USAGE, bytes.fromhex("03020780"), TRUE))),
}


def hand(*, by: Any = ROOT, outer_algorithm: bytes | None = None, signature: Callable[[bytes], bytes] | None = None, after: bytes = b"",
         inside: bytes = b"", **changed: bytes) -> bytes:
    """A certificate of these parts. It is good if nothing is changed."""
    parts = {**PARTS, **changed}
    validity = tlv(SEQUENCE, parts["not_before"], parts["not_after"])
    signed = tlv(SEQUENCE, *(parts[name] for name in ("version", "serial", "algorithm", "issuer")), validity,
                 *(parts[name] for name in ("subject", "key", "unique", "extensions")), inside)
    if isinstance(by, ec.EllipticCurvePrivateKey):
        made = by.sign(signed, ec.ECDSA(hashes.SHA256()))
    else:
        made = by.sign(signed)
    if signature:
        made = signature(made)
    return tlv(SEQUENCE, signed, outer_algorithm or parts["algorithm"], tlv(3, b"\0" + made)) + after


def integers(change: Callable[[int, int], tuple[bytes, bytes]], after: bytes = b"") -> Callable[[bytes], bytes]:
    def apply(signature: bytes) -> bytes:
        r, s = change(*decode_dss_signature(signature))
        return tlv(SEQUENCE, tlv(2, r), tlv(2, s), after)
    return apply


def minimal(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def extensions(*list_: bytes) -> bytes:
    return tlv(0xA3, tlv(SEQUENCE, *list_))


def key_info(algorithm: bytes, key: bytes) -> bytes:
    return tlv(SEQUENCE, algorithm, tlv(3, b"\0" + key))


def p256_info(key: bytes) -> bytes:
    return key_info(tlv(SEQUENCE, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), key)


def with_short_r() -> bytes:
    """An ES256 certificate whose r needs 31 bytes or fewer: one in 256."""
    for number in range(20000):
        made = hand(by=ROOT_P256, algorithm=ECDSA, serial=tlv(2, minimal(number + 1)))
        signature = x509.load_der_x509_certificate(made).signature
        if decode_dss_signature(signature)[0] < 1 << 248:
            return made
    raise AssertionError("one in 256 has it")


def fitted(size: int) -> bytes:
    """A certificate of this many bytes, by an extension that means nothing."""
    for filling in range(size):
        made = hand(extensions=extensions(extension("1.2.3.4", tlv(4, bytes(filling)))))
        if len(made) == size:
            return made
    raise AssertionError("there is one")


def rfc_9529() -> tuple[list[bytes], bytes]:
    """The certificates of trace 1, and one that stands for the root's: with its key and name, which are all that section 2 prints in full."""
    trace = json.loads((TARGET.parent / "rfc9529.json").read_text(encoding="utf-8"))["trace_1"]["values"]
    leaves = [bytes.fromhex(trace[name])[2:] for name in ("CRED_I", "CRED_R")]
    authority_ = extensions(extension(BASIC, tlv(SEQUENCE, TRUE), TRUE))
    root = hand(by=OTHER, subject=tlv(SEQUENCE, rdn(attribute(CN, "EDHOC Root Ed25519"))), extensions=authority_,
                key=key_info(ED25519, bytes.fromhex(RFC_9529_ROOT_KEY)))
    return leaves, root


def vectors() -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    root = pyca(ROOT, ROOT, subject="Root", extensions=(authority(), ISSUES))
    root_p256 = pyca(ROOT_P256, ROOT_P256, subject="Root", extensions=(authority(), ISSUES))
    other = pyca(OTHER, OTHER, subject="Root", extensions=(authority(), ISSUES))

    def add(name: str, made_by: str, path: bytes | list[bytes], expected: str = "ok", use: str = "sign", anchors: tuple[bytes, ...] = (root,),
            now: int = NOW) -> None:
        path = path if isinstance(path, list) else [path]
        out.append({"name": name, "made_by": made_by, "path": [c.hex() for c in path], "anchors": [c.hex() for c in anchors], "now": now,
                    "use": use, "expected": expected})

    def bad(name: str, expected: str, path: bytes | list[bytes], **more: Any) -> None:
        add(name, more.pop("made_by", "hand"), path, expected, **more)

    both = (root, root_p256)

    # OpenSSL
    add("Ed25519 under Ed25519", "openssl", by_openssl(LEAF, ROOT, "/CN=device-1", "keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n"))
    add("P-256 under P-256", "openssl", by_openssl(LEAF_P256, ROOT_P256, "/CN=device-2", "keyUsage=critical,digitalSignature\n"), anchors=both)
    add("X25519 under Ed25519", "openssl", by_openssl(LEAF_X, ROOT, "/CN=device-3", "keyUsage=critical,keyAgreement\n"), use="agree")
    add("P-256 for key agreement under Ed25519", "openssl", by_openssl(LEAF_P256, ROOT, "/CN=device-4", "keyUsage=keyAgreement\n"), use="agree")
    add("extensions that are passed over", "openssl",
        by_openssl(LEAF, ROOT, "/C=DE/O=Sealwire tests/OU=Ä/CN=device-5", "subjectAltName=DNS:device-5.example\nsubjectKeyIdentifier=hash\n"
                   "authorityKeyIdentifier=keyid\nextendedKeyUsage=clientAuth\ncertificatePolicies=1.2.3.4\n"))
    add("several usages, all nine bits", "openssl",
        by_openssl(LEAF_P256, ROOT_P256, "/CN=device-6", "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,"
                   "keyCertSign,cRLSign,encipherOnly,decipherOnly\n"), anchors=both, use="agree")
    bad("version 1", "unsupported-credential", by_openssl(LEAF, ROOT, "/CN=device-1", ""), made_by="openssl")

    # cryptography
    plain = pyca(LEAF, ROOT)
    add("no extensions", "cryptography", plain)
    add("no keyUsage, P-256 signs", "cryptography", pyca(LEAF_P256, ROOT, extensions=(NO_AUTHORITY,)))
    add("no keyUsage, P-256 agrees", "cryptography", pyca(LEAF_P256, ROOT, extensions=(NO_AUTHORITY,)), use="agree")
    add("no common name", "cryptography", pyca(LEAF, ROOT, subject=x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "0815")])))
    add("empty subject", "cryptography", pyca(LEAF, ROOT, subject=x509.Name([])))
    add("ends in 2060: GeneralizedTime", "cryptography", pyca(LEAF, ROOT, end=datetime.datetime(2060, 2, 29, 23, 59, 59)))
    add("no well-defined end: 9999", "cryptography", pyca(LEAF, ROOT, end=datetime.datetime(9999, 12, 31, 23, 59, 59)))
    add("first second", "cryptography", plain, now=int(START.replace(tzinfo=datetime.timezone.utc).timestamp()))
    add("last second", "cryptography", plain, now=int(END.replace(tzinfo=datetime.timezone.utc).timestamp()))
    add("the anchor with the other key is tried first", "cryptography", plain, anchors=(other, root_p256, root))
    middle = pyca(MIDDLE, ROOT, subject="Middle", extensions=(authority(0), ISSUES))
    under = pyca(LEAF, MIDDLE, issuer="Middle", extensions=(SIGNS,))
    add("one intermediate, pathLen 0", "cryptography", [under, middle])
    add("the anchor's own certificate in the path", "cryptography", [plain, root])
    upper = pyca(MIDDLE_P256, ROOT, subject="Upper", extensions=(authority(1), ISSUES))
    lower = pyca(MIDDLE, MIDDLE_P256, subject="Middle", issuer="Upper", extensions=(authority(), (usage("key_cert_sign"), False)))
    add("two intermediates, both algorithms", "cryptography", [under, lower, upper])
    add("an intermediate without keyUsage", "cryptography", [under, pyca(MIDDLE, ROOT, subject="Middle", extensions=(authority(),))])

    bad("expired", "expired-credential", plain, now=int(END.replace(tzinfo=datetime.timezone.utc).timestamp()) + 1, made_by="cryptography")
    bad("not valid yet", "expired-credential", plain, now=int(START.replace(tzinfo=datetime.timezone.utc).timestamp()) - 1, made_by="cryptography")
    bad("an intermediate has expired", "expired-credential",
        [under, pyca(MIDDLE, ROOT, subject="Middle", end=datetime.datetime(2026, 6, 1), extensions=(authority(0), ISSUES))], made_by="cryptography")
    bad("signed by another key under the same name", "untrusted-credential", pyca(LEAF, OTHER), made_by="cryptography")
    bad("signed by itself", "untrusted-credential", pyca(LEAF, LEAF), made_by="cryptography")
    bad("an authority's certificate as the peer's", "untrusted-credential", pyca(LEAF, ROOT, extensions=(authority(),)), made_by="cryptography")
    bad("the key may only agree", "untrusted-credential", pyca(LEAF_P256, ROOT, extensions=(AGREES,)), made_by="cryptography")
    bad("the key may only sign", "untrusted-credential", pyca(LEAF_P256, ROOT, extensions=(SIGNS,)), use="agree", made_by="cryptography")
    bad("the key cannot sign", "untrusted-credential", pyca(LEAF_X, ROOT), made_by="cryptography")
    bad("the key cannot agree", "untrusted-credential", pyca(LEAF, ROOT), use="agree", made_by="cryptography")
    bad("the intermediate may not issue", "untrusted-credential",
        [under, pyca(MIDDLE, ROOT, subject="Middle", extensions=(authority(), SIGNS))], made_by="cryptography")
    bad("the intermediate is no authority", "untrusted-credential",
        [under, pyca(MIDDLE, ROOT, subject="Middle", extensions=(NO_AUTHORITY, ISSUES))], made_by="cryptography")
    bad("the intermediate has no basicConstraints", "untrusted-credential",
        [under, pyca(MIDDLE, ROOT, subject="Middle", extensions=(ISSUES,))], made_by="cryptography")
    bad("names differ in case", "untrusted-credential", [under, pyca(MIDDLE, ROOT, subject="middle", extensions=(authority(0), ISSUES))],
        made_by="cryptography")
    bad("names do not chain", "untrusted-credential", [under, pyca(MIDDLE, ROOT, subject="Between", extensions=(authority(0), ISSUES))],
        made_by="cryptography")
    bad("keys do not chain", "untrusted-credential", [under, pyca(OTHER, ROOT, subject="Middle", extensions=(authority(0), ISSUES))],
        made_by="cryptography")
    bad("wrong order", "untrusted-credential", [under, upper, lower], made_by="cryptography")
    bad("pathLen exceeded", "untrusted-credential",
        [under, lower, pyca(MIDDLE_P256, ROOT, subject="Upper", extensions=(authority(0), ISSUES))], made_by="cryptography")
    bad("the intermediate is left out", "untrusted-credential", under, made_by="cryptography")
    bad("four certificates", "unsupported-credential", [under, lower, upper, root], made_by="cryptography")
    bad("critical extendedKeyUsage", "unsupported-credential",
        pyca(LEAF, ROOT, extensions=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), True),)), made_by="cryptography")
    bad("unknown critical extension", "unsupported-credential",
        pyca(LEAF, ROOT, extensions=((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), True),)), made_by="cryptography")
    names = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example")], excluded_subtrees=None)
    bad("an intermediate with nameConstraints, not critical", "unsupported-credential",
        [under, pyca(MIDDLE, ROOT, subject="Middle", extensions=(authority(0), ISSUES, (names, False)))], made_by="cryptography")
    rsa_key = rsa.generate_private_key(65537, 1024)
    bad("RSA key", "unsupported-credential", pyca(rsa_key, ROOT), made_by="cryptography")
    rsa_root = pyca(rsa_key, rsa_key, subject="Root", extensions=(authority(), ISSUES))
    bad("RSA signature", "unsupported-credential", pyca(LEAF, rsa_key), anchors=(rsa_root,), made_by="cryptography")
    p384 = ec.derive_private_key(int.from_bytes(seed("384"), "big"), ec.SECP384R1())
    bad("P-384 key", "unsupported-credential", pyca(p384, ROOT), made_by="cryptography")
    p384_root = pyca(p384, p384, subject="Root", extensions=(authority(), ISSUES))
    bad("P-384 signature", "unsupported-credential", pyca(LEAF, p384), anchors=(p384_root,), made_by="cryptography")
    two = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("device-1", "hub")])
    bad("two common names", "unsupported-credential", pyca(LEAF, ROOT, subject=two), made_by="cryptography")
    joined = x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "device-1"),
                                                         x509.NameAttribute(NameOID.SERIAL_NUMBER, "1")])])
    bad("two attributes in one part of the name", "unsupported-credential", pyca(LEAF, ROOT, subject=joined), made_by="cryptography")
    long = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "o" * 64)] * 4 + [x509.NameAttribute(NameOID.COMMON_NAME, "device-1")])
    too_long = pyca(LEAF, ROOT, subject=long)
    assert len(too_long) > 512
    bad("too long", "unsupported-credential", too_long, made_by="cryptography")

    # by hand
    add("by hand, Ed25519", "hand", hand())
    add("by hand, P-256", "hand", hand(by=ROOT_P256, algorithm=ECDSA), anchors=both)
    add("by hand, r of 31 bytes", "hand", with_short_r(), anchors=both)
    add("PrintableString", "hand", hand(subject=tlv(SEQUENCE, rdn(attribute(CN, "device-1", 0x13)))))
    add("512 bytes", "hand", fitted(512))
    bad("513 bytes", "unsupported-credential", fitted(513))
    good = hand()
    bad("altered signature", "untrusted-credential", good[:-1] + bytes([good[-1] ^ 1]))
    bad("altered name", "untrusted-credential", good.replace(b"device-1", b"device-2"))
    bad("a byte after it", "malformed", hand(after=b"\0"))
    bad("a byte missing", "malformed", good[:-1])
    bad("nothing", "malformed", b"")
    bad("something after the extensions", "malformed", hand(inside=b"\5\0"))
    assert good[1] == 0x81
    bad("length not minimal", "malformed", b"\x30\x82\0" + good[2:])
    bad("length of the serial number not minimal", "malformed", hand(serial=b"\x02\x81\x02\x01\x02"))
    bad("BER: indefinite length", "malformed", b"\x30\x80" + good[3:] + b"\0\0")
    bad("BER: indefinite length inside", "malformed", hand(subject=b"\x30\x80" + PARTS["subject"][2:] + b"\0\0"))
    bad("BER: TRUE as 01", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("03020780"), b"\1\1\1"))))
    bad("BER: constructed string", "malformed", hand(subject=tlv(SEQUENCE, rdn(tlv(SEQUENCE, oid(CN), tlv(0x2C, tlv(0x0C, b"device-1")))))))
    bad("FALSE written out, critical", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("03020780"), FALSE))))
    bad("FALSE written out, cA", "malformed", hand(extensions=extensions(extension(BASIC, tlv(SEQUENCE, FALSE), TRUE))))
    bad("keyUsage with a zero bit at its end", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("03020080"), TRUE))))
    bad("keyUsage with a zero byte at its end", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("0303078000"), TRUE))))
    bad("keyUsage without bits", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("030100"), TRUE))))
    bad("keyUsage with unused bits set", "malformed", hand(extensions=extensions(extension(KEY_USAGE, bytes.fromhex("03020781"), TRUE))))
    twice = extension(KEY_USAGE, bytes.fromhex("03020780"), TRUE)
    bad("keyUsage twice", "malformed", hand(extensions=extensions(twice, twice)))
    unknown = extension("1.2.3.4", b"\5\0")
    bad("an unknown extension twice", "malformed", hand(extensions=extensions(unknown, twice, unknown)))
    bad("no extension in the list", "malformed", hand(extensions=extensions()))
    bad("pathLen without cA", "malformed", hand(extensions=extensions(extension(BASIC, tlv(SEQUENCE, bytes.fromhex("020100")), TRUE))))
    bad("negative pathLen", "malformed", hand(extensions=extensions(extension(BASIC, tlv(SEQUENCE, TRUE, bytes.fromhex("0201ff")), TRUE))))
    bad("other algorithm outside", "malformed", hand(outer_algorithm=ECDSA))
    bad("parameters of Ed25519", "unsupported-credential", hand(algorithm=tlv(SEQUENCE, oid("1.3.101.112"), b"\5\0")))
    bad("parameters of ecdsa-with-SHA256", "unsupported-credential", hand(by=ROOT_P256, algorithm=tlv(SEQUENCE, oid("1.2.840.10045.4.3.2"), b"\5\0")),
        anchors=both)
    bad("Ed25519 by an anchor for P-256", "untrusted-credential", hand(by=ROOT_P256, algorithm=ECDSA))
    bad("version 2", "unsupported-credential", hand(version=bytes.fromhex("a003020101")))
    bad("version 1, written out", "unsupported-credential", hand(version=bytes.fromhex("a003020100")))
    bad("serial number 0", "unsupported-credential", hand(serial=bytes.fromhex("020100")))
    bad("negative serial number", "malformed", hand(serial=bytes.fromhex("020180")))
    bad("serial number of 21 bytes", "unsupported-credential", hand(serial=tlv(2, b"\1" * 21)))
    add("serial number of 20 bytes, first bit set", "hand", hand(serial=tlv(2, b"\0" + b"\xff" * 20)))
    bad("serial number with a leading zero", "malformed", hand(serial=bytes.fromhex("02020001")))
    bad("issuer's unique identifier", "unsupported-credential", hand(unique=bytes.fromhex("810200aa")))
    bad("time without seconds", "malformed", hand(not_after=tlv(0x17, b"3601010000Z")))
    bad("time with an offset", "malformed", hand(not_after=tlv(0x17, b"360101000000+0100")))
    bad("time with a fraction", "malformed", hand(not_after=tlv(0x18, b"20360101000000.5Z")))
    bad("no such day", "malformed", hand(not_after=tlv(0x17, b"350229000000Z")))
    bad("key of 31 bytes", "malformed", hand(key=key_info(ED25519, bytes(31))))
    bad("X25519 key that is not canonical", "invalid-key",
        hand(key=key_info(tlv(SEQUENCE, oid("1.3.101.110")), b"\xed" + b"\xff" * 30 + b"\x7f"), extensions=b""), use="agree")
    point = LEAF_P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    squeezed = LEAF_P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    bad("compressed point", "unsupported-credential", hand(key=p256_info(squeezed)))
    bad("hybrid point", "malformed", hand(key=p256_info(bytes([6 | point[-1] & 1]) + point[1:])))
    bad("not a point", "invalid-key", hand(key=p256_info(point[:-1] + bytes([point[-1] ^ 1]))))
    bad("the point at infinity", "malformed", hand(key=p256_info(b"\0")))
    bad("commonName as a TeletexString", "unsupported-credential", hand(subject=tlv(SEQUENCE, rdn(attribute(CN, "device-1", 0x14)))))
    bad("commonName that is not UTF-8", "malformed", hand(subject=tlv(SEQUENCE, rdn(tlv(SEQUENCE, oid(CN), tlv(0x0C, b"\xff"))))))
    bad("empty set in a name", "malformed", hand(subject=tlv(SEQUENCE, rdn())))
    for name, change, after in (
        ("r padded", lambda r, s: (b"\0" + minimal(r), minimal(s)), b""),
        ("s padded", lambda r, s: (minimal(r), b"\0" + minimal(s)), b""),
        ("r negative", lambda r, s: (minimal(r | 1 << 255)[1:], minimal(s)), b""),
        ("s zero", lambda r, s: (minimal(r), b"\0"), b""),
        ("s empty", lambda r, s: (minimal(r), b""), b""),
        ("r of 33 bytes", lambda r, s: (minimal(r + (1 << 256)), minimal(s)), b""),
        ("something after s", lambda r, s: (minimal(r), minimal(s)), b"\5\0"),
    ):
        bad(f"ECDSA: {name}", "malformed", hand(by=ROOT_P256, algorithm=ECDSA, signature=integers(change, after)), anchors=both)
    bad("ECDSA: r and s swapped", "untrusted-credential", hand(by=ROOT_P256, algorithm=ECDSA, signature=integers(lambda r, s: (minimal(s), minimal(r)))),
        anchors=both)
    bad("ECDSA: s not below the order", "untrusted-credential",
        hand(by=ROOT_P256, algorithm=ECDSA, signature=integers(lambda r, s: (minimal(r), minimal((1 << 256) - 1)))), anchors=both)
    bad("ECDSA: r ‖ s as COSE has it", "malformed",
        hand(by=ROOT_P256, algorithm=ECDSA, signature=lambda made: b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(made))), anchors=both)
    bad("signature of 63 bytes", "malformed", hand(signature=lambda made: made[:-1]))
    # RFC 8410 section 10.2: the signature is good, but its extensions write FALSE out (errata 6936 and 7070).
    demo = pyca(RFC_8410_KEY, RFC_8410_KEY, subject="IETF Test Demo", issuer="IETF Test Demo", extensions=(authority(),))
    bad("RFC 8410 section 10.2", "malformed", bytes.fromhex(RFC_8410), use="agree", made_by="RFC 8410", anchors=(demo,))

    leaves, edhoc_root = rfc_9529()
    for role, leaf in zip(("Initiator", "Responder"), leaves):
        add(f"RFC 9529 section 2, {role}", "RFC 9529", leaf, anchors=(edhoc_root,))
    return out


# What `openssl verify` judges otherwise. It is not asked what a key is to be used for, nor whether it is an authority's; it sorts the path, and
# compares names regardless of case.
OPENSSL_ACCEPTS = {
    "an authority's certificate as the peer's", "the key may only agree", "the key may only sign", "the key cannot sign", "the key cannot agree",
    "names differ in case", "wrong order",
}
OPENSSL_REFUSES = {"last second": "it counts as expired there"}


def openssl_accepts(vector: dict[str, Any]) -> bool:
    """Whether OpenSSL verifies the path up to one of the anchors."""
    def pem(der: str) -> str:
        return x509_pem(bytes.fromhex(der))

    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        (at / "leaf").write_text(pem(vector["path"][0]))
        (at / "between").write_text("".join(map(pem, vector["path"][1:])))
        for anchor in vector["anchors"]:
            (at / "anchor").write_text(pem(anchor))
            between = ["-untrusted", f"{at}/between"] if vector["path"][1:] else []
            done = openssl("verify", "-partial_chain", "-attime", str(vector["now"]), "-trusted", f"{at}/anchor", *between, f"{at}/leaf", check=False)
            if done.returncode == 0:
                return True
    return False


def x509_pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[at:at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def reading(der: bytes) -> dict[str, Any]:
    """What cryptography reads in a certificate."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    out: dict[str, Any] = {
        "key": public(certificate.public_key()), "common_name": names[0].value if names else None,
        "not_before": int(certificate.not_valid_before_utc.timestamp()), "not_after": int(certificate.not_valid_after_utc.timestamp()),
        "serial": f"{certificate.serial_number:x}", "x5t": certificate.fingerprint(hashes.SHA256()).hex(), "usage": None,
    }
    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        out["usage"] = {"digital_signature": found.digital_signature, "key_agreement": found.key_agreement, "key_cert_sign": found.key_cert_sign}
    except x509.ExtensionNotFound:
        pass
    return out


def check(all_: list[dict[str, Any]]) -> None:
    for vector in all_:
        name, expected = vector["name"], vector["expected"]
        accepted = openssl_accepts(vector) if all(vector["path"]) else False
        if expected == "ok":
            assert accepted or name in OPENSSL_REFUSES, f"{name}: OpenSSL refuses it"
            assert vector["reads"] == reading(bytes.fromhex(vector["path"][0])), name
        elif expected in ("expired-credential", "untrusted-credential"):
            assert accepted == (name in OPENSSL_ACCEPTS), f"{name}: OpenSSL {'accepts' if accepted else 'refuses'} it"


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        document = json.loads(TARGET.read_text(encoding="utf-8"))
        check([{**vector, "anchors": [document["anchors"][number] for number in vector["anchors"]]} for vector in document["vectors"]])
        print(f"ran {len(document['vectors'])} checks")
        return
    made = vectors()
    for vector in made:
        if vector["expected"] == "ok":
            vector["reads"] = reading(bytes.fromhex(vector["path"][0]))
    next(vector for vector in made if vector["name"] == "X25519 under Ed25519")["private"] = seed("leaf").hex()
    check(made)
    anchors = list(dict.fromkeys(anchor for vector in made for anchor in vector["anchors"]))
    for vector in made:
        vector["anchors"] = [anchors.index(anchor) for anchor in vector["anchors"]]
    document = {
        "source": "certificates of OpenSSL's command line, of pyca cryptography and of RFC 9529 and 8410; those with defects are put together by hand",
        "generator": "tests/generators/x509.py",
        "verified_by": "openssl verify and cryptography (tests/generators/x509.py --check), and the core",
        "note": "anchors are numbers of certificates in the list of that name; use: whether the method lets the holder sign or agree",
        "anchors": anchors,
        "vectors": made,
    }
    TARGET.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
