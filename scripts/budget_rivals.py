#!/usr/bin/env python3
"""Other stacks as Initiators on the boards of scripts/budget.py: built from crates.io, run, measured the same way.

    scripts/budget_rivals.py [--targets cortex-m4,cortex-m0]

Prints what tests/budget.toml's [[rivals]] hold of them, and says where they differ by more than 5 %.
"""

import argparse
import os
import re
import sys
from typing import Dict, List, Optional

import budget
import firmware

FOLDER = os.path.join(budget.FOLDER, "rivals")
# Cargo's feature, and how the name begins in budget.toml.
RIVALS = {"lakers": "lakers ", "clatter": "clatter "}


def keys() -> str:
    """Writes the keys of lakers' two ends in Rust; the file's path."""
    peer, _ = budget.host_tools()
    text = budget.sh([peer, "p256", "provision"])
    arrays: Dict[str, str] = dict(re.findall(r"provision_(\w+)\[\d+\] = \{(.*?)\};", text))
    path = os.path.join(budget.ROOT, budget.OUT, "lakers_keys.rs")
    with open(path, "w", encoding="utf-8") as file:
        for name, source, kind in (("KEY_I", "device_key", "[u8; 32]"), ("KEY_R", "hub_key", "[u8; 32]"), ("CRED_I", "device", "&[u8]"), ("CRED_R", "hub", "&[u8]")):
            file.write(f"const {name}: {kind} = {'&' if kind[0] == '&' else ''}[{arrays[source]}];\n")
    return path


def build(rival: str, target: Optional[str], where: str, environment: Dict[str, str]) -> str:
    """The rival's library for a target, or its other end for the host; the path."""
    manifest = ["--locked", "-q", "--release", "--manifest-path", os.path.join(FOLDER, "Cargo.toml")]
    if target is None:
        budget.sh(["cargo", "build", *manifest, "--features", f"std,{rival}", "--bin", "rival-peer"], env=environment)
        return os.path.join(where, "release", "rival-peer")
    tools = firmware.TARGETS[target]
    rustc, from_source = firmware.toolchain(tools)
    cross = dict(environment, RUSTC=rustc, RUSTC_BOOTSTRAP="1", RUSTFLAGS=" ".join(tools.rustflags))
    budget.sh(["cargo", "rustc", *manifest, "--lib", "--crate-type", "staticlib", "--features", rival, "--target", tools.rust,
               *(["-Zbuild-std=core"] if from_source else [])], env=cross)
    return os.path.join(where, tools.rust, "release", "libsealwire_rivals.a")


def link(target: str, rival: str, library: str, suffix: str, defines: List[str]) -> str:
    """The image with a rival's library; its path."""
    tools = firmware.TARGETS[target]
    path = os.path.join(budget.OUT, target, f"rival-{rival}{suffix}.elf")
    os.makedirs(os.path.dirname(os.path.join(budget.ROOT, path)), exist_ok=True)
    budget.sh([tools.tool("gcc"), "-mthumb", f"-mcpu={budget.CPUS[target][0]}", *firmware.CFLAGS, *firmware.BARE_CFLAGS, f"-I{budget.FOLDER}", *defines,
               f"{budget.FOLDER}/rival.c", f"{budget.FOLDER}/board.c", library, *tools.libraries, *firmware.LINK_FLAGS, "-T", f"{budget.FOLDER}/mps2.ld", "-o", path])
    return path


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Rivals on Cortex-M.")
    parser.add_argument("--targets", default=",".join(budget.CPUS))
    options = parser.parse_args(arguments)
    noted = budget.load()["rivals"]
    differ = 0
    try:
        environment = dict(os.environ, RIVAL_KEYS=keys())
        for rival, beginning in RIVALS.items():
            where = os.path.join(firmware.cargo_target_dir(), "rivals", rival)
            environment["CARGO_TARGET_DIR"] = where
            peer = build(rival, None, where, environment)
            row = next(one for one in noted if one["name"].startswith(beginning))
            for target in options.targets.split(","):
                library = build(rival, target, where, environment)
                plain = link(target, rival, library, "", [])
                budget.converse(budget.CPUS[target][1], plain, [peer, "1"], None)
                run = link(target, rival, library, "-measured", ["-DMEASURED"])
                calls = budget.by_call(budget.converse(budget.CPUS[target][1], run, [peer, "1"], run + ".counts"))
                found = {"text": budget.sections(target, plain)["text"], "stack": max(most for _, most, _ in calls.values()),
                         "handshake": sum(count for _, _, count in calls.values())}
                print(f"{target} {row['name']}: " + ", ".join(f"{figure} {value:,}" for figure, value in found.items()), flush=True)
                for figure, value in found.items():
                    before = row.get(figure, {}).get(target)
                    if before is None or abs(value - before) * 20 > before:
                        differ += 1
                        print(f"  {figure}: {budget.BUDGET} says {'nothing' if before is None else f'{before:,}'}")
    except (budget.BudgetError, firmware.FirmwareError) as error:
        print(f"budget_rivals: {error}", file=sys.stderr)
        return 1
    print(f"{differ} figures differ from {budget.BUDGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
