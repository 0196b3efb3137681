#!/usr/bin/env python3
"""Render the C headers' comments and declarations as one HTML page: the C reference of `make docs`.

    scripts/header_to_html.py OUT.html include/sealwire.h [MORE.h ...]

Understands what cbindgen writes: a comment stands directly before the declaration or #define that it describes; a comment
followed by a blank line stands for itself.
"""

import html
import os
import re
import sys
import textwrap

NAME = re.compile(r"\b(sealwire_\w+|SEALWIRE_\w+)\b")
CODE = re.compile(r"`([^`]+)`")

STYLE = """
body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
pre{background:#f4f4f1;padding:.6rem .8rem;overflow-x:auto;font-size:14px}code{background:#f4f4f1;font-size:90%}
h2{border-top:2px solid #888;padding-top:.5rem}h3{margin-bottom:.2rem;font-family:monospace}a{color:#05507a}
nav{columns:3;font:14px monospace}nav a{display:block;text-decoration:none}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}pre,code{background:#23262b}a{color:#7cc4ee}}
"""


def clean(comment):
    """The text of a comment without its stars and its own indentation."""
    lines = [re.sub(r"^ ?\* ?", "", line.rstrip()) for line in comment.strip("*").strip("\n").split("\n")]
    return textwrap.dedent("\n".join(lines)).strip()


def declaration_end(text, start):
    """Where the declaration that begins at `start` ends: after a ';' outside braces; comments do not count."""
    depth = 0
    position = start
    while position < len(text):
        if text.startswith("/*", position):
            position = text.index("*/", position) + 2
            continue
        character = text[position]
        depth += (character in "{(") - (character in "})")
        position += 1
        if character == ";" and depth == 0:
            return position
    return len(text)


def declarations(text):
    """Split a header into (comment, declaration) pairs in their order; a note has no declaration."""
    items = []
    comment = ""
    position = 0
    while position < len(text):
        if text[position] in " \t\n":
            if comment and text.startswith("\n\n", position - 1):
                items.append((comment, ""))
                comment = ""
            position += 1
        elif text.startswith("/*", position):
            if comment:
                items.append((comment, ""))
            end = text.index("*/", position)
            comment = clean(text[position + 2:end])
            position = end + 2
            # The newline that ends the comment's own line is not a blank line.
            if text.startswith("\n", position) and not text.startswith("\n\n", position):
                position += 1
        elif text[position] == "#":
            end = position
            while True:
                end = text.find("\n", end)
                end = len(text) if end < 0 else end
                if not text[:end].endswith("\\"):
                    break
                end += 1
            line = text[position:end]
            # Include guards and compiler switches are no part of the reference.
            if re.match(r"#\s*define\s+(SEALWIRE_\w+)[ (]", line) and comment:
                items.append((comment, line))
                comment = ""
            position = end
        elif text.startswith(('extern "C" {', "}"), position):
            position = text.index("\n", position) if "\n" in text[position:] else len(text)
        else:
            end = declaration_end(text, position)
            items.append((comment, text[position:end].strip()))
            comment = ""
            position = end
    if comment:
        items.append((comment, ""))
    return [item for item in items if item[0] or NAME.search(item[1])]


def prose(comment):
    out = []
    fenced = False
    paragraph = []

    def flush():
        if paragraph:
            body = CODE.sub(r"<code>\1</code>", html.escape(" ".join(paragraph)))
            out.append(f"<p>{body}</p>")
            paragraph.clear()

    for line in comment.split("\n"):
        if line.startswith("```"):
            flush()
            fenced = not fenced
            out.append("<pre>" if fenced else "</pre>")
        elif fenced:
            out.append(html.escape(line))
        elif not line.strip():
            flush()
        elif line.startswith(("# ", "## ")):
            flush()
            out.append(f"<h4>{html.escape(line.lstrip('# '))}</h4>")
        elif re.match(r"[A-Z][\w/]+ {2,}\S", line):  # a row of the conventions: a word, then its text
            flush()
            word, rest = line.split(None, 1)
            paragraph.append(f"{word}: {rest}")
        elif line.startswith("- "):
            flush()
            paragraph.append(line.strip())
            flush()
        else:
            paragraph.append(line.strip())
    flush()
    if fenced:
        out.append("</pre>")
    return "\n".join(out)


def declared_name(declaration):
    define = re.match(r"#\s*define\s+(\w+)", declaration)
    if define:
        return define.group(1)
    bare = re.sub(r"/\*.*?\*/", "", declaration, flags=re.S)
    if "{" in bare:
        named = re.match(r"(?:typedef\s+)?(?:struct|enum|union)\s+(\w+)", bare) or re.search(r"(\w+)\s*;\s*$", bare)
        return named.group(1)
    function = re.search(r"\b(sealwire_\w+)\s*\(", bare)
    return function.group(1) if function else None


def main(arguments):
    if len(arguments) < 2:
        raise SystemExit(__doc__)
    out, headers = arguments[0], arguments[1:]
    body = []
    contents = []
    documented = 0
    for header in headers:
        with open(header, encoding="utf-8") as file:
            items = declarations(file.read())
        title = os.path.basename(header)
        body.append(f"<h2>{title}</h2>")
        for comment, declaration in items:
            name = declared_name(declaration) if declaration else None
            if name:
                body.append(f'<h3 id="{name}">{name}</h3>')
                contents.append(f'<a href="#{name}">{name}</a>')
                documented += bool(comment)
            if comment:
                body.append(prose(comment))
            if declaration:
                body.append(f"<pre>{html.escape(declaration)}</pre>")
    if not contents:
        raise SystemExit("no declarations found")
    page = (f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Sealwire: C reference</title><style>{STYLE}</style><h1>Sealwire: C reference</h1>"
            f"<nav>{''.join(contents)}</nav>{''.join(body)}</html>\n")
    with open(out, "w", encoding="utf-8") as file:
        file.write(page)
    print(f"{out}: {len(contents)} names, {documented} with a comment")


if __name__ == "__main__":
    main(sys.argv[1:])
