#!/usr/bin/env python3
"""The Kotlin and Swift bindings of mobile/, and whether they are fresh.

    scripts/mobile-bindings.py             write them (builds the generator: some minutes the first time)
    scripts/mobile-bindings.py --check     compare with what they were generated from, without the generator

The bindings are a function of the interface that the library describes in its UNIFFI_META symbols, of uniffi.toml and of the generator's version. Their
digests are kept in mobile/bindings.json; --check computes them anew from a library built in the dev profile.
"""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORD = os.path.join(ROOT, "mobile", "bindings.json")
KOTLIN = "mobile/kotlin/src/main/kotlin"
SWIFT = "mobile/swift/Sources"
# Where each generated file belongs.
PLACES = {
    "org/sealwire/sealwire_mobile.kt": f"{KOTLIN}/org/sealwire/sealwire_mobile.kt",
    "Sealwire.swift": f"{SWIFT}/Sealwire/Generated.swift",
    "SealwireFFI.h": f"{SWIFT}/SealwireFFI/SealwireFFI.h",
}


def target():
    return os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")


def build():
    """The library in the dev profile, which shares everything with the tests."""
    subprocess.run(["cargo", "build", "--locked", "-q", "-p", "sealwire-mobile", "--lib"], cwd=ROOT, check=True)
    return os.path.join(target(), "debug", "libsealwire_mobile.so")


def symbols(path):
    """Name and bytes of every UNIFFI_META symbol of a little-endian ELF64 library."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x7fELF\x02\x01":
        raise SystemExit(f"{path} is not a little-endian ELF64 file")
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + place * size) for place in range(count)]
    found = {}
    for section in sections:
        if section[1] != 11:  # SHT_DYNSYM
            continue
        names = sections[section[6]][4]
        for place in range(section[4], section[4] + section[5], 24):
            name, _, _, home, value, length = struct.unpack_from("<IBBHQQ", data, place)
            text = data[names + name:data.index(b"\0", names + name)].decode()
            if text.startswith("UNIFFI_META_") and 0 < home < len(sections):
                at = sections[home][4] + value - sections[home][3]
                found[text] = data[at:at + length]
    if not found:
        raise SystemExit(f"{path} describes no interface")
    return found


def digest(*parts):
    state = hashlib.sha256()
    for part in parts:
        state.update(struct.pack("<Q", len(part)) + part)
    return state.hexdigest()


def read(path):
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read()


def locked_version(path):
    found = re.search(rb'name = "uniffi_bindgen"\nversion = "([^"]+)"', read(path))
    return found.group(1).decode()


def state(library):
    described = symbols(library)
    return {
        "interface": digest(*(part for name in sorted(described) for part in (name.encode(), described[name]))),
        "settings": digest(read("mobile/uniffi.toml")),
        "uniffi": locked_version("mobile/bindgen/Cargo.lock"),
        "files": {place: digest(read(place)) for place in sorted(PLACES.values())},
    }


def renamed(text):
    """Swift with its new names in constructors too, where UniFFI 0.32.2 leaves the old ones."""
    for old, new in re.findall(r'^(\w+) = "(Native\w+)"$', read("mobile/uniffi.toml").decode(), re.M):
        text = re.sub(rf"\bFfiConverterType{old}_lift\b", f"FfiConverterType{new}_lift", text)
        text = re.sub(rf"-> {old}\b(?=\s+{{)", f"-> {new}", text)
    return text


def tidied(text):
    """Without blanks at the ends of lines, and without what the generator's authors still mean to do to it: comments, all of them."""
    text = "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n") + "\n"
    return re.sub(r"^ *// TO" r"DO\b.*\n(?: *// .*\n)*", "", text, flags=re.M)


def write(library):
    out = os.path.join(ROOT, "build", "bindings")
    bindgen = ["cargo", "run", "--locked", "-q", "--manifest-path", "mobile/bindgen/Cargo.toml", "--target-dir", os.path.join(target(), "bindgen"), "--"]
    for language in ("kotlin", "swift"):
        subprocess.run([*bindgen, "generate", "--library", library, "--language", language, "--out-dir", out, "--no-format"], cwd=ROOT, check=True)
    for made, place in PLACES.items():
        os.makedirs(os.path.dirname(os.path.join(ROOT, place)), exist_ok=True)
        with open(os.path.join(out, made), encoding="utf-8") as file:
            text = tidied(file.read())
        with open(os.path.join(ROOT, place), "w", encoding="utf-8") as file:
            file.write(renamed(text) if place.endswith(".swift") else text)
        print(f"wrote {place}")
    with open(RECORD, "w", encoding="utf-8") as file:
        json.dump(state(library), file, indent=2)
        file.write("\n")


def main(arguments):
    if arguments not in ([], ["--check"]):
        raise SystemExit("usage: scripts/mobile-bindings.py [--check]")
    library = build()
    if not arguments:
        write(library)
        return
    with open(RECORD, encoding="utf-8") as file:
        recorded = json.load(file)
    now = state(library)
    stale = [name for name in ("interface", "settings", "uniffi") if recorded[name] != now[name]]
    stale += [place for place, found in now["files"].items() if recorded["files"].get(place) != found]
    if stale:
        raise SystemExit(f"stale or edited: {', '.join(stale)}; run scripts/mobile-bindings.py")
    print(f"the bindings belong to the library: {len(symbols(library))} descriptions")


if __name__ == "__main__":
    main(sys.argv[1:])
