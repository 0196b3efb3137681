"""The libraries in Python, a request a line: `cbor HEX` is answered by what cbor2 makes of it; a JSON object is a task of cose_tasks."""

import io
import json
import sys
from typing import Any

import cbor2
from cbor2 import CBORTag

# Tags that cbor2 would interpret; here every tag is a tag.
INTERPRETED = [0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799]
PLAIN_TAGS = {number: (lambda value, _immutable, number=number: CBORTag(number, value)) for number in INTERPRETED}


def head(major: int, argument: int) -> bytes:
    """As cbor2 writes it: that of an integer, with another major type."""
    number = cbor2.dumps(argument)
    return bytes([number[0] | major << 5]) + number[1:]


def canonical(value: Any) -> bytes:
    """RFC 8949 4.2.1. cbor2's own canonical form sorts by length first, after RFC 7049."""
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(canonical, value))
    if isinstance(value, (dict, cbor2.frozendict)):
        entries = sorted((canonical(key), canonical(item)) for key, item in value.items())
        return head(5, len(entries)) + b"".join(key + item for key, item in entries)
    if isinstance(value, CBORTag):
        return head(6, value.tag) + canonical(value.value)
    return cbor2.dumps(value, canonical=True)


def describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return "h" + value.hex()
    if isinstance(value, str):
        return "t" + value.encode().hex()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(describe, value)) + "]"
    if isinstance(value, (dict, cbor2.frozendict)):
        return "{" + ",".join(f"{describe(key)}:{describe(item)}" for key, item in value.items()) + "}"
    if isinstance(value, CBORTag):
        return f"{value.tag}({describe(value.value)})"
    return f"?{value!r}".replace(" ", "").replace("\n", "")


def whole(data: bytes, **options: Any) -> Any:
    file = io.BytesIO(data)
    value = cbor2.load(file, semantic_decoders=PLAIN_TAGS, immutable=True, **options)
    if file.tell() != len(data):
        raise cbor2.CBORDecodeError("there is more behind it")
    return value


def accepts(data: bytes, **options: Any) -> str:
    try:
        whole(data, **options)
    except (cbor2.CBORDecodeError, TypeError):
        return "0"
    return "1"


def judge_cbor(digits: str) -> str:
    """What cbor2 reads, written again and in words; and whether it takes the input with one of its own limits each switched on."""
    data = bytes.fromhex(digits)
    try:
        value = whole(data)
    except (cbor2.CBORDecodeError, TypeError) as error:
        return f"no {type(error).__name__}"
    limits = accepts(data, allow_indefinite=False) + accepts(data, allow_duplicate_keys=False) + accepts(data, max_depth=8)
    return f"yes {limits} {canonical(value).hex()} {describe(value)}"


def main() -> None:
    for line in sys.stdin:
        if line.startswith("cbor "):
            answer = judge_cbor(line.removeprefix("cbor ").strip())
        else:
            import cose_tasks

            answer = json.dumps(cose_tasks.run(json.loads(line)))
        sys.stdout.write(answer + "\n")


main()
