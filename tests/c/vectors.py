#!/usr/bin/env python3
"""Writes tests/c/vectors.h from tests/vectors; with --verify only compares."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"


def array(name, text):
    data = bytes.fromhex(text)
    lines = [", ".join(f"0x{byte:02x}" for byte in data[i : i + 16]) for i in range(0, len(data), 16)]
    body = ",\n    ".join(lines)
    return f"static const uint8_t {name}[{len(data)}] = {{\n    {body}}};\n"


def named(items, name):
    return next(item for item in items if item["name"] == name)


def main():
    edhoc = json.loads((VECTORS / "peer_edhoc.json").read_text())
    records = json.loads((VECTORS / "peer_records.json").read_text())
    x509 = json.loads((VECTORS / "x509.json").read_text())
    out = [
        "/* From tests/vectors/peer_edhoc.json, peer_records.json and x509.json by tests/c/vectors.py; do not edit. The vectors were made by the",
        "   independent implementation under tests/peer, the certificates by OpenSSL and pyca cryptography. */",
        "#ifndef VECTORS_H",
        "#define VECTORS_H",
        "",
        '#include "sealwire.h"',
        "",
    ]
    issuer = named(edhoc["anchors"], "ed25519")
    out += [array("vector_issuer", issuer["cose_key"]), array("vector_issuer_kid", issuer["kid"])]
    device = named(edhoc["handshakes"], "suite-4-kcwt-by-value-with-ead")["initiator"]
    out += [array("vector_device_cwt", device["cred"]), array("vector_device_key", device["private"])]
    certificate = named(x509["vectors"], "X25519 under Ed25519")
    out += [array("vector_certificate", certificate["path"][0]), array("vector_authority", x509["anchors"][certificate["anchors"][0]])]
    out += [array("vector_certificate_key", certificate["private"]), array("vector_certificate_hash", certificate["reads"]["x5t"])]
    fields = ["x", "y", "c_i", "c_r"]
    fields += [f"{role}_{what}" for role in ("initiator", "responder") for what in ("cred", "key", "thumbprint")]
    fields += ["message_1", "message_2", "message_3", "message_4", "sid", "exported", "record", "payload", "answer", "answer_payload"]
    rows = []
    for suite, kind in (("4", "X25519"), ("2", "P256")):
        handshake = named(edhoc["handshakes"], f"suite-{suite}-kid")
        kept = named(records["sets"], f"suite-{suite}-kid")["records"]
        values = {name: handshake[name] for name in ("x", "y", "c_i", "c_r", "sid")}
        for role in ("initiator", "responder"):
            party = handshake[role]
            values |= {f"{role}_cred": party["cred"], f"{role}_key": party["private"], f"{role}_thumbprint": party["thumbprint"]}
        values |= {f"message_{number}": handshake["values"][f"message_{number}"] for number in range(1, 5)}
        values |= {"exported": handshake["exporter"][0]["output"]}
        values |= {"record": named(kept, "first")["record"], "payload": named(kept, "first")["payload"]}
        values |= {"answer": named(kept, "answer")["record"], "answer_payload": named(kept, "answer")["payload"]}
        out += [array(f"vector_{suite}_{field}", values[field]) for field in fields]
        cells = ",\n     ".join(f"{{vector_{suite}_{field}, sizeof vector_{suite}_{field}}}" for field in fields)
        rows.append(f"    {{{suite}, SEALWIRE_KEY_{kind},\n     {cells}}}")
    members = "\n".join(f"  sealwire_bytes {field};" for field in fields)
    out += ["/* A handshake by key identifiers, and a record each way. */"]
    out += [f"typedef struct handshake_vector {{\n  uint8_t suite;\n  int32_t kind;\n{members}\n}} handshake_vector;\n"]
    table = ",\n".join(rows)
    out += [f"static const handshake_vector handshake_vectors[{len(rows)}] = {{\n{table}}};\n"]
    out += ["#endif", ""]
    text = "\n".join(out)
    path = HERE / "vectors.h"
    if "--verify" in sys.argv[1:]:
        if path.read_text() != text:
            sys.exit("tests/c/vectors.h is stale; run tests/c/vectors.py")
    else:
        path.write_text(text)


main()
