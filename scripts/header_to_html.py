#!/usr/bin/env python3
"""Render the C headers' comments and declarations as one HTML page: the C reference of `make docs`.

    scripts/header_to_html.py OUT.html include/sealwire.h [MORE.h ...]

Understands what cbindgen writes: /** ... */ before declarations, #define with a comment, and free-standing comments.
"""

import html
import os
import re
import sys

TOKEN = re.compile(
    r"/\*\*(?P<doc>.*?)\*/"
    r"|/\*(?P<plain>.*?)\*/"
    r"|(?P<define>^[ \t]*#[ \t]*define[^\n]*(?:\\\n[^\n]*)*)"
    r"|(?P<directive>^[ \t]*#[^\n]*(?:\\\n[^\n]*)*)"
    r"|(?P<line>//[^\n]*)",
    re.S | re.M)
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
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.strip("\n").split("\n")]
    return "\n".join(lines).strip()


def declarations(text):
    """Split a header into (comment, declaration) pairs in their order."""
    items = []
    comment = ""
    position = 0
    while position < len(text):
        token = TOKEN.search(text, position)
        end = token.start() if token else len(text)
        code = text[position:end]
        # Declarations end at ';' outside braces.
        depth = 0
        start = 0
        for index, character in enumerate(code):
            depth += (character == "{") - (character == "}")
            if character == ";" and depth == 0:
                piece = code[start:index + 1].strip()
                if NAME.search(piece):
                    items.append((comment, piece))
                    comment = ""
                start = index + 1
        rest = code[start:]
        if depth > 0 or (token and rest.strip() and not rest.strip().startswith("}") and NAME.search(rest)):
            # A struct or enum with comments inside: take it whole, up to its closing line.
            begin = position + start
            close = re.compile(r"^\}[^;]*;|;\s*$", re.M).search(text, begin)
            stop = close.end() if close else len(text)
            items.append((comment, text[begin:stop].strip()))
            comment = ""
            position = stop
            continue
        if token is None:
            break
        if token.group("doc") is not None:
            if comment:
                items.append((comment, ""))
            comment = clean(token.group("doc"))
        elif token.group("plain") is not None:
            note = clean(token.group("plain"))
            if len(note) > 40 and not comment:
                items.append((note, ""))
        elif token.group("define") is not None and NAME.search(token.group("define")):
            items.append((comment, token.group("define").strip()))
            comment = ""
        position = token.end()
    return [item for item in items if item[0] or item[1]]


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
        elif line.lstrip().startswith(("- ", "* ")) or line.startswith("  "):
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
    function = re.search(r"\b(sealwire_\w+)\s*\(", declaration)
    if function and "{" not in declaration.split("(")[0]:
        return function.group(1)
    typedef = re.search(r"(\w+)\s*;\s*$", declaration)
    named = re.match(r"(?:typedef\s+)?(?:struct|enum|union)\s+(\w+)", declaration)
    if named:
        return named.group(1)
    return typedef.group(1) if typedef else None


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
