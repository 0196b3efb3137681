#!/usr/bin/env python3
"""Hold the errors of every language against core/src/error.rs: the same names but for casing, the same numbers, none missing, none more.

C has them negated, as constants; Python, Kotlin and Swift have a class or case each. Kotlin's end in Exception where the core's end in Error, as UniFFI
writes them. The numbers of Kotlin and Swift come from the core when the program runs: there tests/conformance compares them.
Python's standard library only.
"""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENTRY = re.compile(r'^    (\w+) = (\d+), "([a-z0-9-]+)", "', re.MULTILINE)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def kebab(name):
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


def block(text, head):
    """From `head` to the end of its braces."""
    start = text.index(head)
    depth = 0
    for place in range(text.index("{", start), len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    raise SystemExit(f"no end of {head}")


def core():
    return {name: (int(number), text) for name, number, text in ENTRY.findall(read("core/src/error.rs"))}


def c(path):
    """Kebab-case name and number of each status of a header, but for success."""
    found = re.findall(r"^#define SEALWIRE_([A-Z0-9_]+) -(\d+)$", read(path), re.MULTILINE)
    return {name.lower().replace("_", "-"): int(number) for name, number in found if not name.startswith("ALGORITHM_")}


def python():
    found = {}
    for node in ast.parse(read("python/sealwire/errors.py")).body:
        if isinstance(node, ast.ClassDef) and node.name != "SealwireError":
            fields = {item.targets[0].id: item.value.value for item in node.body if isinstance(item, ast.Assign)}
            found[node.name] = (fields["number"], fields["name"])
    return found


def kotlin():
    source = block(read("mobile/kotlin/src/main/kotlin/org/sealwire/sealwire_mobile.kt"), "sealed class SealwireException")
    return re.findall(r"^    class (\w+)\(", source, re.MULTILINE)


def swift():
    source = read("mobile/swift/Sources/Sealwire/Generated.swift")
    return re.findall(r"^    case (\w+)\(?", block(source, "enum SealwireError"), re.MULTILINE)


def main():
    wanted = core()
    wrong = []
    ran = 0

    def same(what, found, expected):
        nonlocal ran
        ran += len(expected)
        if isinstance(expected, list):
            found, expected = dict.fromkeys(found), dict.fromkeys(expected)
        wrong.extend(f"{what}: {name} is missing" for name in expected if name not in found)
        wrong.extend(f"{what}: {name} is none of error.rs" for name in found if name not in expected)
        wrong.extend(f"{what}: {name} is {found[name]}, not {value}" for name, value in expected.items() if name in found and found[name] != value)

    declared = len(re.findall(r"^    \w+ = \d+,", read("core/src/error.rs"), re.MULTILINE))
    if declared != len(wanted) or not wanted:
        wrong.append(f"error.rs: {declared} errors declared, {len(wanted)} understood")
    wrong.extend(f"error.rs: {name} is {text}, not {kebab(name)}" for name, (_, text) in wanted.items() if text != kebab(name))
    numbers = {text: number for number, text in wanted.values()}
    same("include/sealwire.h", c("include/sealwire.h"), numbers)
    for header in sorted((ROOT / "include").glob("*.h")):
        # Other headers may have some of them again.
        found = c(f"include/{header.name}")
        same(f"include/{header.name}", found, {name: number for name, number in numbers.items() if name in found})
    same("python/sealwire/errors.py", python(), wanted)
    same("Kotlin", kotlin(), [re.sub("Error$", "Exception", name) for name in wanted])
    same("Swift", swift(), list(wanted))
    print("\n".join([*wrong, f"ran {ran} names of errors"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
