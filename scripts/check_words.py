#!/usr/bin/env python3
"""Refuse words in public names that the project says differently.

Reads `pub` items of the Rust crates, the names in include/*.h, and the public names of the Python package. A name is
split into its words (snake_case, CamelCase) and each word is looked up.
"""

import ast
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# word -> what is said instead
NEVER = {
    "client": "endpoint or peer", "node": "endpoint or peer", "master": "Initiator or Responder", "prepare": "compose or process",
    "tunnel": "session", "connection": "session, or connection identifier", "cert": "credential", "encrypt": "protect",
    "rotate": "key update", "room": "group", "channel": "group", "packet": "message, record, frame or fragment",
    "acl": "policy", "quote": "evidence", "proof": "evidence",
}
# Two words together that a standard fixes.
FIXED_PAIRS = {("master", "secret"), ("master", "salt")}  # RFC 8613's inputs of the key derivation
NEVER_PAIRS = {("session", "id"): "connection identifier, or the session itself"}

# Names that other people's standards or libraries fix, and the reason.
ALLOWED = {
    "client_id": "MQTT's name of the field",
    "publish_packet": "MQTT's name of what it sends",
}

RUST_ITEM = re.compile(
    r"^\s*pub (?:const |async |unsafe |extern \"C\" )*(?:fn|struct|enum|trait|type|const|static|mod|union) (\w+)"
    r"|^\s*pub (?:r#)?(\w+)\s*:", re.M)
RUST_VARIANT_BLOCK = re.compile(r"^\s*pub enum \w+[^{;]*\{(.*?)^\s*\}", re.M | re.S)
RUST_VARIANT = re.compile(r"^\s{4,}([A-Z]\w*)\s*(?:[,({=]|$)", re.M)
C_NAME = re.compile(r"\b(sealwire_\w+|SEALWIRE_\w+)\b")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def files(*roots, suffixes):
    for root in roots:
        for folder, folders, names in os.walk(os.path.join(ROOT, root)):
            folders[:] = sorted(f for f in folders if f not in ("target", "build", "__pycache__", "tests"))
            for name in sorted(names):
                if name.endswith(suffixes) and name != "tests.rs":
                    yield os.path.join(folder, name)


def rust_names(text):
    # Test modules are not public.
    text = text.split("#[cfg(test)]\nmod ")[0]
    for item, field in RUST_ITEM.findall(text):
        yield item or field
    for block in RUST_VARIANT_BLOCK.findall(text):
        yield from RUST_VARIANT.findall(block)


def python_names(text):
    def visit(body):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if not node.name.startswith("_") or node.name == "__init__":
                    yield node.name
                    arguments = node.args
                    for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs:
                        yield argument.arg
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name
                yield from visit(node.body)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and not target.id.startswith("_"):
                        yield target.id
    yield from visit(ast.parse(text).body)


def complaints(name):
    if name.lower() in ALLOWED:
        return
    words = [word.lower() for word in WORD.findall(name)]
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        pair = NEVER_PAIRS.get((word, following))
        if pair:
            yield f"'{word} {following}': say {pair}"
        if (word, following) in FIXED_PAIRS:
            continue
        if word == "connection" and following in ("id", "ids", "identifier", "identifiers"):
            continue
        if word in NEVER:
            yield f"'{word}': say {NEVER[word]}"


def main():
    checked = 0
    bad = []
    sources = (
        (files("core/src", "ffi-c/src", suffixes=(".rs",)), rust_names),
        (files("include", suffixes=(".h",)), lambda text: C_NAME.findall(text)),
        (files("python/sealwire", suffixes=(".py", ".pyi")), python_names),
    )
    for paths, names in sources:
        for path in paths:
            if os.path.basename(path).startswith("_") and path.endswith(".py") and not path.endswith("__init__.py"):
                continue  # a private module
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for name in dict.fromkeys(names(text)):
                checked += 1
                bad += [f"{os.path.relpath(path, ROOT)}: {name}: {complaint}" for complaint in complaints(name)]
    print("\n".join(bad), end="\n" if bad else "")
    print(f"ran {checked} names")
    return 1 if bad or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
