#!/usr/bin/env python3
"""Hold the pages against the tree: every command runs, every example is one that is compiled or run, every link leads somewhere.

In README.md, docs/*.md and the README files below examples/:

- a fence ```sh is run with `sh -e`, the blocks of one page one after another, in a scratch directory that shows the tree;
- a fence ```c, ```kotlin, ```python, ```rust or ```swift follows a comment `<!-- from: PATH -->` and stands in that file word for word,
  or (Python) a comment `<!-- run -->` and is run;
- a comment `<!-- not run: REASON -->` before a fence exempts it;
- a relative link names a file that exists, and a heading in it if it has an anchor.

usage: tests/docs/check.py [--no-run]
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FENCE = re.compile(
    r"(?:^<!-- (?P<note>(?:from: |not run: |run\b)[^\n]*?) ?-->\n(?:[ \t]*\n)*)?^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.M | re.S)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
CODE = ("c", "kotlin", "python", "rust", "swift")
LIMIT_S = 300


def pages():
    yield "README.md"
    for folder in ("docs", "examples", "python", "tests"):
        for where, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = sorted(f for f in folders if f not in ("build", "target", "node_modules") and not f.startswith("."))
            for name in sorted(names):
                if name.endswith(".md"):
                    yield os.path.relpath(os.path.join(where, name), ROOT)


def slug(title):
    return re.sub(r"[^\w\- ]", "", title.strip().lower().replace("`", "")).replace(" ", "-")


def broken_links(page, text):
    prose = FENCE.sub("", text)
    for link in LINK.findall(prose):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        file = os.path.normpath(os.path.join(ROOT, os.path.dirname(page), path)) if path else os.path.join(ROOT, page)
        if not os.path.exists(file):
            yield f"{page}: link to {link}, which does not exist"
        elif anchor and file.endswith(".md"):
            with open(file, encoding="utf-8") as other:
                headings = {slug(title) for title in re.findall(r"^#+ (.+)$", other.read(), re.M)}
            if anchor not in headings:
                yield f"{page}: link to {link}: no such heading"


def lines_of(text):
    """The lines without outer indentation and trailing space, to compare an excerpt with its source."""
    return [line.rstrip() for line in textwrap.dedent(text).strip("\n").split("\n")]


def stands_in(excerpt, source):
    """Whether the excerpt's lines follow one another in the source, at any indentation."""
    wanted = lines_of(excerpt)
    have = source.split("\n")
    for start in range(len(have) - len(wanted) + 1):
        if lines_of("\n".join(have[start:start + len(wanted)])) == wanted:
            return True
    return False


def scratch_for(page):
    """A directory that shows the tree by links, so that files a command writes do not land in it."""
    scratch = os.path.join(ROOT, "build", "doc-test", page.replace("/", "-"))
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    for name in os.listdir(ROOT):
        if name not in (".git",):
            os.symlink(os.path.join(ROOT, name), os.path.join(scratch, name))
    return scratch


def run_block(argv, scratch):
    environment = dict(os.environ)
    environment["PATH"] = os.path.join(ROOT, "build", "venv", "bin") + os.pathsep + environment.get("PATH", "")
    try:
        done = subprocess.run(argv, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as late:
        return f"not finished after {LIMIT_S} s\n{late.stdout or ''}"
    return None if done.returncode == 0 else f"exit status {done.returncode}\n{done.stdout[-3000:]}"


def main(arguments):
    run = "--no-run" not in arguments
    bad = []
    links = compared = executed = exempt = 0
    for page in pages():
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            text = file.read()
        links += len(LINK.findall(text))
        bad += broken_links(page, text)
        scratch = None
        for fence in FENCE.finditer(text):
            language, note, body = fence["language"], fence["note"] or "", textwrap.dedent(fence["body"])
            line = text.count("\n", 0, fence.start("language")) + 1
            where = f"{page}:{line}"
            if note.startswith("not run: "):
                exempt += 1
            elif language in CODE and note.startswith("from: "):
                source = note[len("from: "):].strip()
                try:
                    with open(os.path.join(ROOT, source), encoding="utf-8") as file:
                        whole = file.read()
                except OSError as error:
                    bad.append(f"{where}: {source}: {error.strerror}")
                    continue
                compared += 1
                if not stands_in(body, whole):
                    bad.append(f"{where}: differs from {source}")
            elif language == "sh" or (language == "python" and note == "run"):
                if not run:
                    continue
                scratch = scratch or scratch_for(page)
                start = time.monotonic()
                argv = ["sh", "-e", "-c", body] if language == "sh" else [os.path.join(ROOT, "build", "venv", "bin", "python"), "-c", body]
                problem = run_block(argv, scratch)
                executed += 1
                print(f"{where}: {'failed' if problem else 'ok'}, {time.monotonic() - start:.1f} s", flush=True)
                if problem:
                    bad.append(f"{where}: {problem}")
            elif language in CODE:
                bad.append(f"{where}: a {language} example that is neither taken from a tested file nor run")
    print("\n".join(bad), end="\n" if bad else "")
    print(f"{links} links, {compared} examples compared, {executed} blocks run, {exempt} exempt")
    print(f"ran {links + compared + executed} checks")
    return 1 if bad or not links else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
