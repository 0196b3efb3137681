"""docs/SIZE.md, written from tests/budget.toml."""

from typing import Any, Dict, List, Optional, Sequence

CPUS = {"cortex-m4": "Cortex-M4", "cortex-m0": "Cortex-M0+"}

INTRODUCTION = """# Size on a microcontroller

Written by `scripts/budget.py docs` from [tests/budget.toml](../tests/budget.toml); do not edit. `make test SUITES=budget` links and runs every image below and
fails when a figure is beyond the one noted here by more than a small margin (0.5 % of the code, 64 bytes of stack, 1 % of the instructions), or when code that can panic comes
in anew. Bytes and instructions; 1 kB is 1,000 bytes. A target that is missed says so.

## Images

| image | what it does |
| --- | --- |
| device (flavour `sensor`) | `sealwire_device.h`: begins handshakes (method 3, suite 4) with the hub it knows, sends and takes records, confirmable ones too, keeps its session in flash, talks over a UART |
| endpoint (flavour `sensor`) | the same through `sealwire.h`, which has room for more sessions and peers: an endpoint that begins handshakes (method 3, suite 4) with a hub it knows, sends and takes records, keeps its session in flash, talks over a UART; no commands, which flavour `device` adds |
| device-primitives | `sealwire_primitives.h` with a loop of its own: handshake as Initiator, records, a store in flash, UART framing; no retransmission of single messages, no resuming |
| device-issuers | endpoint that takes commands too, and whose hub is vouched for by an issuer (Ed25519) |
| device-p256 | endpoint that takes commands too, with suite 2: P-256, AES-CCM |
| full | every suite, method, kind of credential, both roles |

They are whole images ([tests/budget](../tests/budget)): vector table, start-up, a UART driver, a clock, a driver for flash, the application, the library of
`scripts/firmware.py lib TARGET FLAVOUR`. Libraries are compiled with opt-level z, fat LTO and one code unit, the images with -Os and --gc-sections. *small*: Rust's own library compiled with
`optimize_for_size`, and panics as a bare trap (`immediate-abort`). Rows of Cortex-M0+ are Armv6-M code; its instructions and stack are counted on an emulated Cortex-M3, which executes the same code.
"""

METHOD = """## How it is measured

- *text, data, bss*: `size` of the image. The bss of an image contains its endpoint, the UART's buffers and a frame. Before it is weighed the image has to work: in QEMU (mps2-an385 and an386),
  its UART joined to a hub on the host, it completes a handshake and gets its record back.
- *endpoint*: memory that the application declares for an endpoint with one session and one handshake (`SEALWIRE_ENDPOINT_SIZE_WITH(1, 0, 256)`; 512 where the hub's credential comes in the
  handshake; for endpoint what `sealwire_endpoint_size(1, 256)` says, which is less). All but full define `SEALWIRE_CONNECT_ONLY`. For device: a `sealwire_device`. For device-primitives: handshake and context.
- *stack*: memory below the caller's stack pointer is painted before each call, and looked at after it; the most that any call of the library took, callbacks included.
- *handshake, send, receive, restore*: instructions, counted one by one by a plugin of QEMU between two marks around each call. Handshake: every call from connect until nothing more waits
  to be sent, the stored session included, without UART framing. Records: the second of each sort; the first also reserves numbers in the store. The hub's and the device's random sources are fixed, and time stands
  still, so the counts repeat exactly. An instruction is not a cycle.
- *panics*: functions of the image that exist to panic, by `nm`. `make budget` writes who calls each into build/budget/calls.txt.

What others reach is listed with the same flags; `make budget-rivals` builds the first two for these boards and runs them. Their images have start-up code, a UART, and the calls that are counted, without flash,\nframing or retransmission.
"""


def number(value: Optional[int]) -> str:
    return "" if value is None else f"{value:,}"


def against(value: Optional[int], target: Optional[int]) -> str:
    """A figure, and whether its target is met."""
    if value is None:
        return ""
    if target is None:
        return f"{value:,}"
    return f"{value:,} (target {target:,}: {'met' if value <= target else '**missed**'})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def page(budget: Dict[str, Any], images: Sequence[str]) -> str:
    """The page's text."""
    text = INTRODUCTION
    for target, title in CPUS.items():
        figures = budget["figures"].get(target, {})
        aims = budget.get("targets", {}).get(target, {})
        present = [name for name in images if name in figures]
        memory: List[List[str]] = []
        work: List[List[str]] = []
        for name in present:
            row, aim = figures[name], aims.get(name, {})
            memory.append([name, *(against(row.get(one), aim.get(one)) for one in ("text", "text_small", "data", "bss", "memory", "stack")), str(len(row["panics"]))])
            work.append([name, *(against(row.get(one), aim.get(one)) for one in
                                 ("handshake", "handshake_responder", "send_64", "receive_64", "send_1024", "receive_1024", "restore"))])
        text += f"\n## {title}\n\n" + table(["image", "text", "text, small", "data", "bss", "endpoint", "stack", "panics"], memory)
        text += "\nInstructions:\n\n" + table(
            ["image", "handshake, Initiator", "handshake, Responder", "send 64 B", "receive 64 B", "send 1 KiB", "receive 1 KiB", "restore a session"], work)
    text += "\n" + METHOD + "\n## Others\n\n" + table(
        ["", "text M4", "text M0+", "text M4, small", "stack M4", "stack M0+", "handshake M4", "handshake M0+", "source"],
        [[row["name"], number(row["text"].get("cortex-m4")), number(row["text"].get("cortex-m0")), number(row.get("text_small")),
          number(row.get("stack", {}).get("cortex-m4")), number(row.get("stack", {}).get("cortex-m0")),
          number(row.get("handshake", {}).get("cortex-m4")), number(row.get("handshake", {}).get("cortex-m0")), row["source"]] for row in budget["rivals"]])
    names = sorted({panic for target in CPUS for row in budget["figures"].get(target, {}).values() for panic in row["panics"]})
    if names:
        causes = budget.get("panics", {})
        text += "\n## Panics that are linked\n\n" + table(["function", "forced by"], [[f"`{name}`", causes.get(name, "")] for name in names])
    return text
