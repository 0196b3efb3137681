#!/usr/bin/env python3
"""Packages for vendor SDKs: a zip for each processor, and one that is a Zephyr module.

    scripts/package.py build [TARGET ...]   writes build/packages/*.zip (all of them; `zephyr` for the module)
    scripts/package.py test                 builds the zip for Cortex-M4, unpacks it, and links and runs programs with it

A zip holds the headers, libsealwire.a in each flavour, a CMake package, and the licences. Needs what scripts/firmware.py needs.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import budget
import budget_page
import firmware

ROOT = firmware.ROOT
TEMPLATES = os.path.join("ffi-c", "packaging")
OUT = os.path.join("build", "packages")
HEADERS = ("sealwire.h", "sealwire_device.h", "sealwire_primitives.h")
# Those that firmware has run on; their names are the ones that the Zephyr module's CMakeLists.txt knows.
BARE = ("cortex-m0", "cortex-m3", "cortex-m4", "rv32imc")
STRING_H = ("memcpy", "memmove", "memset", "memcmp")
# GNU ld for several processors has to be told which.
EMULATION = {"rv32imc": ("-melf32lriscv",)}
ABOUT = {
    "device": "begins handshakes (method 3, suite 4: X25519, ChaCha20/Poly1305) with peers whose credentials it has; takes commands",
    "sensor": "the same without commands, the smallest",
    "device-issuers": "also with peers that an issuer vouches for",
    "device-p256": "as device, with suite 2: P-256, AES-CCM",
    "full": "every suite, method and kind of credential; answers handshakes too",
}
Files = Dict[str, bytes]


def read(path: str) -> bytes:
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read()


def version() -> str:
    """The project's version."""
    found = re.search(r'^version = "([0-9.]+)"$', read("Cargo.toml").decode(), re.M)
    if found is None:
        raise firmware.FirmwareError("no version in Cargo.toml")
    return found.group(1)


def licences(targets: Iterable[str]) -> Files:
    """The licence files of every crate inside the libraries: some ask that they be passed on."""
    files: Files = {}
    for target in targets:
        rust, flags = firmware.TARGETS[target].rust, firmware.TARGETS[target].rustflags
        done = subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", rust, "--no-default-features", "--features",
             ",".join("sealwire-ffi/" + feature for feature in firmware.features("full"))],
            env=dict(os.environ, RUSTFLAGS=" ".join(flags)),  # they choose crates too
            cwd=ROOT, stdout=subprocess.PIPE, universal_newlines=True, check=True)
        graph = json.loads(done.stdout)
        packages = {package["id"]: package for package in graph["packages"]}
        edges = {node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])] for node in graph["resolve"]["nodes"]}
        queue = [identifier for identifier, package in packages.items() if package["name"] == "sealwire-ffi"]
        seen = set(queue)
        while queue:
            package = packages[queue.pop()]
            new = [one for one in edges[package["id"]] if one not in seen]
            seen.update(new)
            queue += new
            if package["source"] is None:
                continue
            folder = os.path.dirname(package["manifest_path"])
            name = f"{package['name']}-{package['version']}"
            texts = [one for one in sorted(os.listdir(folder)) if re.match(r"(?i)licen[cs]e|copying|notice", one) and os.path.isfile(os.path.join(folder, one))]
            for text in texts:
                files[f"licences/{name}/{text}"] = read(os.path.join(folder, text))
            if not texts:
                files[f"licences/{name}/LICENCE"] = f"{name}: {package['license']}\n{package['repository']}\n".encode()
    return files


def fill(template: str, values: Dict[str, str]) -> bytes:
    """A template with its @NAME@ replaced."""
    return re.sub(r"@([A-Z]+)@", lambda match: values[match.group(1)], read(os.path.join(TEMPLATES, template)).decode()).encode()


def attributes(section: bytes) -> bytes:
    """Arm's build attributes with one added: Tag_ABI_VFP_args (28) = 3, "fits either way of passing floating-point arguments". The library
    passes none, and without the tag it is refused by projects for hard floating point, such as STM32CubeIDE's for a Cortex-M4."""
    whole, = struct.unpack_from("<I", section, 1)
    part, = struct.unpack_from("<I", section, 12)
    if section[:1] != b"A" or section[5:12] != b"aeabi\0\1" or whole != len(section) - 1 or part != whole - 10:
        raise firmware.FirmwareError("the compiler writes build attributes in another form")
    return b"A" + struct.pack("<I", whole + 2) + section[5:12] + struct.pack("<I", part + 2) + section[16:] + b"\x1c\x03"


def portable(name: str, library: str) -> bytes:
    """A library as one object: for every floating-point ABI, and with nothing to be seen from outside but our functions and, weakly, those
    of string.h, so that it links beside other libraries in Rust, which bring the same inner functions."""
    target = firmware.TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sealwire.o")
        roots = sorted(set(re.findall(r"[ *](sealwire_\w+)\(", "".join(read(f"include/{header}").decode() for header in HEADERS))) - {"sealwire_panic_hook"})
        budget.sh([target.tool("ld"), "-r", "--gc-sections", *(f"-u{root}" for root in (*roots, *STRING_H)), library, "-o", path, *EMULATION.get(name, ())])
        # The compiler's bitcode, which some archivers stumble over, goes too, and the mark that the stack is not executable: objects of bare
        # metal's gcc have none, and beside one that has it newer linkers warn of all the others.
        budget.sh([target.tool("objcopy"), "--wildcard", *(f"--keep-global-symbol={one}" for one in ("sealwire_*", *STRING_H, "__aeabi_mem*")), "--strip-debug",
                   "--remove-section=.llvmbc", "--remove-section=.llvmcmd", "--remove-section=.note.GNU-stack", path])
        if target.prefix == "arm-none-eabi-":
            section = path + ".attributes"
            budget.sh([target.tool("objcopy"), "--dump-section", f".ARM.attributes={section}", path])
            with open(section, "rb+") as file:
                changed = attributes(file.read())
                file.seek(0)
                file.write(changed)
            budget.sh([target.tool("objcopy"), "--update-section", f".ARM.attributes={section}", path])
        budget.sh([target.tool("ar"), "rcsD", os.path.join(folder, "libsealwire.a"), path])
        with open(os.path.join(folder, "libsealwire.a"), "rb") as file:
            return file.read()


def common() -> Files:
    files = {f"include/{name}": read(f"include/{name}") for name in HEADERS}
    files.update({name: read(name) for name in ("LICENSE-APACHE", "LICENSE-MIT")})
    return files


def for_target(name: str) -> Files:
    """What is in the zip for one processor."""
    target = firmware.TARGETS[name]
    files = common()
    for flavour in ABOUT:
        files[f"lib/{flavour}/libsealwire.a"] = portable(name, firmware.lib(name, flavour))
    values = {
        "VERSION": version(), "TITLE": target.title.split(",")[0], "FIRST": next(iter(ABOUT)), "FLAVOURS": " ".join(ABOUT),
        "LIBRARIES": ";".join(one[2:] for one in target.libraries), "WITH": "and " + " ".join(target.libraries), "CFLAGS": " ".join(target.cflags),
        "TABLE": budget_page.table(["flavour", "what it can"], [[flavour, what] for flavour, what in ABOUT.items()]).rstrip(),
    }
    for template, path in (("sealwireConfig.cmake", "lib/cmake/sealwire/sealwireConfig.cmake"),
                           ("sealwireConfigVersion.cmake", "lib/cmake/sealwire/sealwireConfigVersion.cmake"), ("README.md", "README.md")):
        files[path] = fill(template, values)
    files.update(licences([name]))
    return files


def for_zephyr() -> Files:
    """What is in the Zephyr module."""
    files = common()
    for name in BARE:
        for flavour in ABOUT:
            files[f"lib/{name}/{flavour}/libsealwire.a"] = portable(name, firmware.lib(name, flavour))
    for name in ("module.yml", "CMakeLists.txt", "Kconfig"):
        files[f"zephyr/{name}"] = read(os.path.join(TEMPLATES, "zephyr", name))
    files.update(licences(BARE))
    return files


def pack(name: str, files: Files) -> str:
    """Writes a zip, the same bytes for the same files; its path."""
    top = f"sealwire-{version()}-{name}"
    path = os.path.join(OUT, top + ".zip")
    os.makedirs(os.path.join(ROOT, OUT), exist_ok=True)
    with zipfile.ZipFile(os.path.join(ROOT, path), "w", zipfile.ZIP_DEFLATED) as archive:
        for inside in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{inside}", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[inside])
    return path


# ---- tests


class Checks:
    """Counts what was checked, and says what failed."""

    def __init__(self) -> None:
        self.ran = 0

    def command(self, what: str, *command: str) -> str:
        output = budget.sh(command)
        self.done(what)
        return output

    def done(self, what: str) -> None:
        self.ran += 1
        print(f"{what:<72} ok", flush=True)


def visible(library: str) -> List[Tuple[str, str]]:
    """Symbols that a library shows to others: kind and name."""
    rows = budget.sh(["arm-none-eabi-nm", "-g", "--defined-only", library]).splitlines()
    return [(parts[1], parts[2]) for parts in (row.split() for row in rows) if len(parts) == 3]


def check_symbols(checks: Checks, name: str, library: str) -> None:
    """Nothing but our names is defined strongly, and no panic handler at all, so that other Rust libraries can stand beside."""
    foreign = [symbol for kind, symbol in visible(library) if not symbol.startswith("sealwire_") and (kind not in "WV" or "panic" in symbol or "unwind" in symbol)]
    if foreign:
        raise budget.BudgetError(f"{name}: libsealwire.a also shows {', '.join(foreign[:5])}")
    if not any(symbol == "sealwire_endpoint_init" for _, symbol in visible(library)):
        raise budget.BudgetError(f"{name}: libsealwire.a shows nothing")
    checks.done(f"{name}: shows only sealwire_* and weak names of the C library")


def second_library() -> str:
    """Builds the other Rust library for Cortex-M4; its path."""
    target = firmware.TARGETS["cortex-m4"]
    rustc, from_source = firmware.toolchain(target)
    where = os.path.join(firmware.cargo_target_dir(), "second")
    environment = dict(os.environ, RUSTC=rustc, RUSTC_BOOTSTRAP="1", CARGO_TARGET_DIR=where)
    budget.sh(["cargo", "build", "--locked", "-q", "--release", "--manifest-path", "tests/packages/second/Cargo.toml", "--target", target.rust,
               *(["-Zbuild-std=core"] if from_source else [])], env=environment)
    return os.path.join(where, target.rust, "release", "libsecond.a")


def test_beside_another(checks: Checks, prefix: str) -> None:
    """Our library and another one in Rust, each with a panic handler inside, in one image."""
    path = os.path.join(OUT, "beside.elf")
    other = second_library()
    checks.command("linked with another Rust library, whole", "arm-none-eabi-gcc", *firmware.TARGETS["cortex-m4"].cflags, *firmware.CFLAGS, *firmware.BARE_CFLAGS,
                   f"-I{prefix}/include", "-Itests/budget", "tests/packages/beside.c", "tests/budget/board.c", "-Wl,--whole-archive", other,
                   f"{prefix}/lib/device/libsealwire.a", "-Wl,--no-whole-archive", "-lgcc", *firmware.LINK_FLAGS, "-T", "tests/budget/mps2.ld", "-o", path)
    checks.command("another Rust library: both answer", "qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "null",
                   "-semihosting-config", "enable=on,target=native", "-kernel", path)


def test_panic_hook(checks: Checks) -> None:
    """With the feature the library asks for the application's hook; without it, it asks for nothing of the kind."""
    target = firmware.TARGETS["cortex-m4"]
    rustc, from_source = firmware.toolchain(target)
    where = os.path.join(firmware.cargo_target_dir(), "panic-hook")
    environment = dict(os.environ, RUSTC=rustc, RUSTC_BOOTSTRAP="1", CARGO_TARGET_DIR=where, RUSTFLAGS=" ".join(target.rustflags))
    budget.sh(["cargo", "rustc", "--locked", "-q", "-p", "sealwire-ffi", "--lib", "--crate-type", "staticlib", "--no-default-features", "--features",
               ",".join((*firmware.features("device"), "panic-hook")), "--profile", "firmware", "--target", target.rust,
               *(["-Zbuild-std=core"] if from_source else [])], env=environment)
    for library, wanted in ((os.path.join(where, target.rust, "firmware", "libsealwire.a"), True), (firmware.lib("cortex-m4", "device"), False)):
        asked = "sealwire_panic_hook" in budget.sh(["arm-none-eabi-nm", "-u", library])
        if asked != wanted:
            raise budget.BudgetError(f"{library}: sealwire_panic_hook is {'' if asked else 'not '}asked for")
    checks.done("sealwire_panic_hook() is asked for with the feature, and only then")


def test_cmake(checks: Checks, prefix: str) -> None:
    """A CMake project finds the unpacked package by a toolchain file; its image talks with a hub."""
    peer, _ = budget.host_tools()
    budget.provision(peer, "x25519")
    build = os.path.join(OUT, "cmake")
    shutil.rmtree(os.path.join(ROOT, build), ignore_errors=True)
    # The image's memory is that of the smallest flavour.
    checks.command("CMake finds the package", "cmake", "-S", "tests/packages", "-B", build, "-DSEALWIRE_FLAVOUR=sensor", f"-DCMAKE_PREFIX_PATH={os.path.join(ROOT, prefix)}",
                   f"-DPROVISION={os.path.join(ROOT, budget.OUT, 'provision-x25519')}",
                   f"-DCMAKE_TOOLCHAIN_FILE={os.path.join(ROOT, 'tests', 'packages', 'cortex-m4.cmake')}")
    checks.command("CMake links the device's image", "cmake", "--build", build)
    budget.converse("mps2-an386", os.path.join(build, "device"), [peer, "x25519", "answer", "1"], None)
    checks.done("the device's image completes a handshake and a record")


def test_floating_point(checks: Checks, prefix: str) -> None:
    """Projects that pass floating-point arguments in registers link the library too, and for processors that are compatible upwards."""
    peer = os.path.join(budget.OUT, "peer")
    for cpu, fpu, machine in (("cortex-m4", "fpv4-sp-d16", "mps2-an386"), ("cortex-m7", "fpv5-d16", "mps2-an500"), ("cortex-m33", "fpv5-sp-d16", None)):
        path = os.path.join(OUT, cpu + "-hard.elf")
        checks.command(f"{cpu} with hard floating point links", "arm-none-eabi-gcc", "-mthumb", f"-mcpu={cpu}", f"-mfpu={fpu}", "-mfloat-abi=hard", *firmware.CFLAGS,
                       *firmware.BARE_CFLAGS, f"-I{prefix}/include", "-Itests/budget", f"-I{budget.OUT}/provision-x25519", "tests/budget/device.c", "tests/budget/board.c",
                       f"{prefix}/lib/sensor/libsealwire.a", "-lgcc", *firmware.LINK_FLAGS, "-T", "tests/budget/mps2.ld", "-o", path)
        if machine:
            budget.converse(machine, path, [peer, "x25519", "answer", "1"], None)
            checks.done(f"{cpu} with hard floating point: a handshake and a record")


def test_zephyr(checks: Checks) -> None:
    """Every library that the module's CMakeLists.txt can choose is one that is packed. Zephyr itself is not at hand."""
    text = read(os.path.join(TEMPLATES, "zephyr", "CMakeLists.txt")).decode()
    chosen = {kind: set(re.findall(rf"set\(sealwire_{kind} ([a-z0-9-]+)\)", text)) for kind in ("target", "flavour")}
    if chosen != {"target": set(BARE), "flavour": set(ABOUT)}:
        raise budget.BudgetError(f"zephyr/CMakeLists.txt chooses among {chosen}")
    checks.done("the Zephyr module chooses among what is packed")


def test() -> int:
    """The package for Cortex-M4, as an SDK would use it."""
    checks = Checks()
    path = pack("cortex-m4", for_target("cortex-m4"))
    unpacked = os.path.join(OUT, "unpacked")
    shutil.rmtree(os.path.join(ROOT, unpacked), ignore_errors=True)
    with zipfile.ZipFile(os.path.join(ROOT, path)) as archive:
        archive.extractall(os.path.join(ROOT, unpacked))
    prefix = os.path.join(unpacked, os.path.basename(path)[:-4])
    checks.done(f"{os.path.basename(path)}: {os.path.getsize(os.path.join(ROOT, path)):,} bytes")
    for flavour in ABOUT:
        check_symbols(checks, flavour, os.path.join(prefix, "lib", flavour, "libsealwire.a"))
    test_cmake(checks, prefix)
    test_floating_point(checks, prefix)
    test_beside_another(checks, prefix)
    test_panic_hook(checks)
    test_zephyr(checks)
    print(f"ran {checks.ran} checks")
    return 0


def build(names: Sequence[str]) -> int:
    """Writes the zips."""
    for name in names:
        path = pack(name, for_zephyr() if name == "zephyr" else for_target(name))
        print(f"{path}  {os.path.getsize(os.path.join(ROOT, path)):,} bytes", flush=True)
    return 0


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Packages of Sealwire for vendor SDKs.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("build", help="write build/packages/*.zip")
    one.add_argument("names", nargs="*", metavar="TARGET", help=", ".join([*BARE, "zephyr"]))
    commands.add_parser("test", help="use the package for Cortex-M4")
    options = parser.parse_args(arguments)
    try:
        if options.command == "test":
            return test()
        return build(options.names or [*BARE, "zephyr"])
    except (budget.BudgetError, firmware.FirmwareError, subprocess.CalledProcessError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
