#!/usr/bin/env python3
"""Render README.md and docs/*.md as plain HTML pages with an index: the pages of `make docs`. Standard library only.

Understands the Markdown these pages use: headings, paragraphs, lists, tables, fenced code, inline code, bold, italics, links,
pictures of docs/.
"""

import html
import os
import re
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from header_to_html import STYLE  # noqa: E402

INLINE_CODE = re.compile(r"(`+)(.+?)\1")
PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)\s]+)\)")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def slug(text):
    return re.sub(r"[^a-z0-9 -]", "", text.lower()).replace(" ", "-")


def inline(text):
    kept = []

    def keep(found):
        kept.append(f"<code>{html.escape(found.group(2))}</code>")
        return f"\0{len(kept) - 1}\0"

    text = html.escape(INLINE_CODE.sub(keep, text), quote=False)
    text = PICTURE.sub(r'<img src="\2" alt="\1">', text)
    text = LINK.sub(lambda m: f'<a href="{target(m.group(2))}">{m.group(1)}</a>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<!\w)\*(\S[^*]*?)\*(?!\w)", r"<i>\1</i>", text)
    return re.sub("\0(\\d+)\0", lambda m: kept[int(m.group(1))], text)


def target(link):
    if re.match(r"[a-z]+:", link) or link.startswith("#"):
        return link
    path, _, anchor = link.partition("#")
    name = os.path.basename(path)
    return (name[:-3] + ".html" if name.endswith(".md") else path) + ("#" + anchor if anchor else "")


def render(text):
    out = []
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("```"):
            code = []
            index += 1
            while index < len(lines) and not lines[index].startswith("```"):
                code.append(lines[index])
                index += 1
            out.append(f"<pre>{html.escape(chr(10).join(code))}</pre>")
        elif line.startswith("<!--"):
            while "-->" not in lines[index]:
                index += 1
        elif re.match(r"#{1,6} ", line):
            level = len(line) - len(line.lstrip("#"))
            title = line[level:].strip()
            out.append(f'<h{level} id="{slug(title)}">{inline(title)}</h{level}>')
        elif line.startswith("|"):
            rows = []
            while index < len(lines) and lines[index].startswith("|"):
                rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", lines[index].strip().strip("|"))])
                index += 1
            index -= 1
            out.append("<table>")
            for number, row in enumerate(rows):
                if number == 1 and all(re.fullmatch(r":?-+:?", cell) for cell in row):
                    continue
                tag = "th" if number == 0 else "td"
                out.append("<tr>" + "".join(f"<{tag}>{inline(cell)}</{tag}>" for cell in row) + "</tr>")
            out.append("</table>")
        elif re.match(r"\s*([-*]|\d+\.) ", line):
            tag = "ol" if re.match(r"\s*\d", line) else "ul"
            items = []
            while index < len(lines) and lines[index].strip():
                if re.match(r"\s*([-*]|\d+\.) ", lines[index]):
                    items.append(re.sub(r"^\s*([-*]|\d+\.) ", "", lines[index]))
                else:
                    items[-1] += " " + lines[index].strip()
                index += 1
            out.append(f"<{tag}>" + "".join(f"<li>{inline(item)}</li>" for item in items) + f"</{tag}>")
        elif line.strip():
            paragraph = []
            while index < len(lines) and lines[index].strip() and not lines[index].startswith(("```", "|", "#")):
                paragraph.append(lines[index].strip())
                index += 1
            index -= 1
            out.append(f"<p>{inline(' '.join(paragraph))}</p>")
        index += 1
    return "\n".join(out)


def page(title, body):
    extra = "table{border-collapse:collapse;font-size:15px}td,th{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    return (f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{html.escape(title)}</title><style>{STYLE}{extra}</style>{body}</html>\n")


def main(arguments):
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    out = arguments[0]
    os.makedirs(out, exist_ok=True)
    sources = ["README.md", "SECURITY.md", "CHANGELOG.md"]
    for folder, folders, names in os.walk(os.path.join(ROOT, "docs")):
        folders.sort()
        sources += sorted(os.path.relpath(os.path.join(folder, name), ROOT) for name in names if name.endswith(".md"))
        for name in names:
            if name.endswith(".svg"):
                shutil.copy(os.path.join(folder, name), out)
    links = []
    for source in sources:
        path = os.path.join(ROOT, source)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        found = re.search(r"^# (.+)$", text, re.M)
        title = found.group(1) if found else source
        name = os.path.basename(source)[:-3] + ".html"
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(page(title, f'<p><a href="index.html">Contents</a></p>{render(text)}'))
        links.append(f'<li><a href="{name}">{html.escape(title)}</a></li>')
    references = [("rust/sealwire_core/index.html", "Rust reference"), ("c/index.html", "C reference"), ("python/sealwire.html", "Python reference")]
    links += [f'<li><a href="{link}">{title}</a></li>' for link, title in references if os.path.exists(os.path.join(out, link))]
    with open(os.path.join(out, "index.html"), "w", encoding="utf-8") as file:
        file.write(page("Sealwire", f"<h1>Sealwire</h1><ul>{''.join(links)}</ul>"))
    print(f"ran {len(links)} pages")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
