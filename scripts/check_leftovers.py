#!/usr/bin/env python3
"""Refuse leftovers in tracked files: unfinished marks, paths of one machine, oversized sources, conflict marks."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = (".rs", ".py", ".pyi", ".c", ".h", ".sh", ".toml", ".kt", ".swift")
MAX_LINES = 800

# Spelt in pieces so that this file does not find itself.
MARKS = [
    (re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|X" + "XX|HA" + r"CK)\b"), "an unfinished mark"),
    (re.compile(r"\b(to" + "do|unim" + r"plemented)!\s*\("), "an unfinished mark"),
    (re.compile(r"(?<![\w.])/(wo" + "rk|ro" + "ot|ho" + r"me)/[a-z]"), "a path of one machine"),
    (re.compile(r"/t" + r"mp/(?!\$|\{)[a-z]"), "a path of one machine"),
    (re.compile(r"^(<<<<" + r"<<<|>>>>" + r">>>) ", re.M), "a conflict mark"),
    (re.compile(r"[ \t]+$", re.M), "trailing white space"),
]
GENERATED = ("mobile/kotlin/src/main/kotlin/org/sealwire/sealwire_mobile.kt", "mobile/swift/Sources/Sealwire/Generated.swift",
             "mobile/swift/Sources/SealwireFFI/SealwireFFI.h")
# Licence texts and binary data are other people's.
UNCHECKED = re.compile(r"^(LICENSE-.*|.*\.(i16le|bin|png)|Cargo\.lock)$")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed.returncode == 0 and listed.stdout:
        return listed.stdout.decode().split("\0")[:-1]
    found = []  # a source archive without git
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in ("target", "build", "dist", "__pycache__", "node_modules")]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return found


def main():
    bad = []
    paths = [path for path in tracked() if not UNCHECKED.match(os.path.basename(path)) and os.path.isfile(os.path.join(ROOT, path))]
    for path in paths:
        try:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError:
            bad.append(f"{path}: not UTF-8")
            continue
        for pattern, what in MARKS:
            for found in pattern.finditer(text):
                if what == "trailing white space" and path.endswith(".md"):
                    continue
                line = text.count("\n", 0, found.start()) + 1
                bad.append(f"{path}:{line}: {what}")
        lines = text.count("\n")
        # Headers and bindings are generated and complete by intent.
        if path.endswith(SOURCE) and not path.startswith("include/") and path not in GENERATED and lines > MAX_LINES:
            bad.append(f"{path}: {lines} lines, more than {MAX_LINES}")
        if text and not text.endswith("\n"):
            bad.append(f"{path}: no newline at the end")
    print("\n".join(bad), end="\n" if bad else "")
    print(f"ran {len(paths)} files")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
