"""What scripts/bench.py measured, as text, as the tables of docs/PERFORMANCE.md, and as a plot."""

import os
import re
import statistics
from html import escape

NAMES = {
    "sealwire-4": "Sealwire, suite 4", "sealwire-2": "Sealwire, suite 2", "edhoc-4": "Sealwire, suite 4, messages only",
    "edhoc-2": "Sealwire, suite 2, messages only", "lakers-2": "lakers, suite 2", "snow-xx": "snow, Noise XX",
    "chacha20poly1305": "bare chacha20poly1305", "snow": "snow, Noise transport", "ccm": "bare ccm + aes",
}
WORK = {"handshake": "handshake", "record-64": "record of 64 B", "record-1024": "record of 1 KiB"}


def time_of(microseconds):
    if microseconds >= 100:
        return f"{microseconds:,.0f} µs"
    return f"{microseconds:.1f} µs" if microseconds >= 10 else f"{microseconds:.2f} µs"


def verdict(ratio, target):
    if target is None:
        return ""
    return f"≥ {target:g}: {'reached' if ratio >= target else 'missed'}"


def rust_table(rows):
    yield "work of both ends, one thread | ours | time | rival | time | ratio of speeds (quartiles) | aimed at"
    for row in rows:
        low, high = row["quartiles"]
        yield " | ".join([WORK[row["group"]], NAMES[row["ours"]], time_of(row["ours_us"]), NAMES[row["rival"]], time_of(row["theirs_us"]),
                          f"{row['ratio']:.2f} ({low:.2f}–{high:.2f})", verdict(row["ratio"], row["target"])])


def instruction_table(counted):
    yield "work of both ends | who | instructions | of Sealwire's, suite 4"
    for name, count in counted.items():
        group, who = name.split("/")
        yield " | ".join([WORK[group], NAMES[who], f"{count:,.0f}", f"{count / counted[group + '/sealwire-4']:.2f}"])


def python_table(python):
    yield "CPython, one thread | ours | rival | time | ratio of speeds | aimed at"
    for row in python["rows"]:
        yield " | ".join([row["name"], time_of(row["ours_us"]), row["rival"], time_of(row["theirs_us"]), f"{row['ratio']:.2f}",
                          verdict(row["ratio"], row["target"])])


def machine_text(result):
    m = result["machine"]
    versions = [f"{name} {version}" for name, version in result["crates"].items()]
    if "python" in result:
        versions += [f"{name} {version}" for name, version in result["python"]["versions"].items()]
        versions.append(f"CPython {result['python']['python']}")
    details = ", ".join(part for part in (m["family"], " ".join(m["features"])) if part)
    return (f"Machine: {m['processor']} ({details}), {m['processors']} processors, {m['system']}, load {m['load']}; Rust {m['rustc']}, "
            f"release profile, no `target-cpu`.\nBuilt and run together: {', '.join(versions)}.")


def wire_text(wire):
    shown = []
    for suite in ("2", "4"):
        frames = wire[f"frames-{suite}"]
        # A frame is its type and the message; from the second on, the recipient's identifier too.
        messages = [frames[0] - 1, frames[1] - 2, frames[2] - 2]
        shown.append(f"suite {suite}: messages {' + '.join(map(str, messages))} = {sum(messages)}, "
                     f"frames with message_4 {' + '.join(map(str, frames))} = {sum(frames)}")
    return "; ".join(shown)


def aligned(table):
    rows = [line.split(" | ") for line in table]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(table):
    head, *rows = list(table)
    rule = " | ".join("---" for _ in head.split(" | "))
    return "\n".join(f"| {line} |" for line in [head, rule, *rows])


def show(result):
    print(machine_text(result).replace("`", ""))
    print(f"\nBytes, credentials by kid: {wire_text(result['wire'])}")
    print("\n" + aligned(rust_table(result["rows"])))
    if "python" in result:
        print("\n" + aligned(python_table(result["python"])))
    else:
        print("\nPython half: left out")
    counted = result["instructions"]
    print("\n" + (aligned(instruction_table(counted)) if isinstance(counted, dict) else f"skipped: instructions are not counted, {counted}"))


# ---- docs


def write_docs(root, result):
    page = os.path.join(root, "docs", "PERFORMANCE.md")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    blocks = {
        "machine": machine_text(result),
        "rust": markdown(rust_table(result["rows"])),
        "python": markdown(python_table(result["python"])),
        "instructions": markdown(instruction_table(result["instructions"])),
    }
    for name, block in blocks.items():
        marked = re.compile(rf"(<!-- bench: {name} -->\n).*?(<!-- end -->)", re.S)
        text, found = marked.subn(lambda match: f"{match[1]}\n{block}\n\n{match[2]}", text)
        if found != 1:
            raise SystemExit(f"docs/PERFORMANCE.md: {found} blocks named {name}")
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(root, "docs", "performance.svg"), "w", encoding="utf-8") as file:
        file.write(plot(result))


# ---- plot

WIDTH, LEFT, RIGHT, BAR, GAP = 860, 300, 110, 20, 6
OURS, THEIRS, TEXT, FAINT = "#1f6f8b", "#c9b18a", "#222222", "#666666"


def panels(result):
    """Title, and name with operations per second, of everything that is drawn."""
    for group in result["groups"]:
        speeds = [(NAMES[one["name"]], 1e9 / statistics.median(one["batches"])) for one in group["operations"]]
        yield f"{WORK[group['name']]}: per second, both ends, one thread (Rust)", speeds
    rows = result["python"]["rows"]
    for title, found in (("handshake", [r for r in rows if "handshake" in r["name"]]), ("record of 64 B", [r for r in rows if "64 B" in r["name"]])):
        speeds = [("Sealwire, " + row["name"].split(", ", 1)[-1], 1e6 / row["ours_us"]) for row in found]
        speeds.append((found[0]["rival"], 1e6 / statistics.median(row["theirs_us"] for row in found)))
        yield f"{title}: per second, both ends, one thread (Python)", speeds


def plot(result):
    parts, y = [], 30
    for title, speeds in panels(result):
        y += 10
        parts.append(f'<text x="20" y="{y}" font-weight="bold">{escape(title)}</text>')
        y += 12
        most = max(speed for _, speed in speeds)
        for name, speed in speeds:
            length = max(round((WIDTH - LEFT - RIGHT) * speed / most), 1)
            colour = OURS if name.startswith("Sealwire") else THEIRS
            parts.append(f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length}" height="{BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + length + 8}" y="{y + 15}" fill="{FAINT}">{speed:,.0f}</text>')
            y += BAR + GAP
        y += 14
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" font-family="sans-serif" '
            f'font-size="13" fill="{TEXT}">\n<title>Sealwire and its rivals: operations per second</title>\n'
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")
