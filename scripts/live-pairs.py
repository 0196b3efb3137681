#!/usr/bin/env python3
"""An app in Kotlin (a JVM) and one in Swift (an executable, in the Debian root) talk over a real Mosquitto, and both are killed and come back.

    scripts/live-pairs.py

Each way round once: who begins the handshake, and the version of MQTT, differ. Wants what the suites `mobile` and `swift` have built, and compiles
again only what is older than its sources. SEALWIRE names the command of the Python package, which makes the keys. Prints a line for each pair.
Python's standard library only.
"""

import glob
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "tests"))

from mosquitto import Mosquitto  # noqa: E402  tests/mosquitto.py

SEALWIRE = os.environ.get("SEALWIRE") or os.path.join(ROOT, "build", "venv", "bin", "sealwire")
FOLDER = os.path.join(ROOT, "build", "live-pairs")
KOTLIN = os.path.join(ROOT, "mobile", "kotlin")
LIMIT_S = 40
# What a broker delivers twice after somebody was killed.
HARMLESS = ("Duplicate", "Replay")


class Wrong(Exception):
    pass


def kotlin():
    """The command of a JVM with the classes of the tests, which Maven has compiled."""
    sources = glob.glob(os.path.join(KOTLIN, "src", "**", "*.kt"), recursive=True)
    main = os.path.join(KOTLIN, "target", "test-classes", "org", "sealwire", "LivePairKt.class")
    if not os.path.exists(main) or max(map(os.path.getmtime, sources)) > os.path.getmtime(main):
        subprocess.run(["sh", "scripts/mobile-jvm.sh", "-q", "test-compile"], cwd=ROOT, check=True, stdout=sys.stderr,
                       env=dict(os.environ, MOBILE_NO_TESTS="1"))
    reports = os.path.join(KOTLIN, "target", "surefire-reports", "TEST-*.xml")
    if not glob.glob(reports):
        subprocess.run(["mvn", "-B", "-q", "-f", os.path.join(KOTLIN, "pom.xml"), "surefire:test", "-Dtest=EndpointTest"], cwd=ROOT, check=True,
                       stdout=sys.stderr)
    # Where Maven keeps what the package depends on, the report of a test run says.
    with open(glob.glob(reports)[0], encoding="utf-8") as file:
        path = re.search(r'name="surefire.test.class.path" value="([^"]+)"', file.read()).group(1)
    return ["java", "-cp", path, "org.sealwire.LivePairKt"]


def swift():
    out = os.path.join(ROOT, "build", "swift")
    enter = ["sh", os.path.join(ROOT, "scripts", "swift-root.sh")]
    # As scripts/swift-test.sh, whose products are used again.
    build = ["swift", "build", "--package-path", "mobile/swift", "--scratch-path", f"{out}/package", "--product", "live-pair"]
    flags = ["-Xswiftc", "-warnings-as-errors", "-Xlinker", f"-L{out}/lib", "-Xlinker", "-rpath", "-Xlinker", f"{out}/lib"]
    subprocess.run([*enter, *build, *flags], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    # Each word is passed on as it is, and the root's shell becomes the program: who kills the process kills that.
    return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', FOLDER, f"{out}/package/debug/live-pair"]


class Party:
    """One app, and what it says."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.process = None

    def start(self):
        with open(f"{self.name}.err", "ab") as errors:
            self.process = subprocess.Popen(self.command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            universal_newlines=True, bufsize=1)
        self.said, self.waiting = queue.Queue(), []
        threading.Thread(target=self._read, args=(self.process.stdout, self.said), daemon=True).start()
        self.expect("ready")

    def _read(self, stream, said):
        for line in stream:
            self.log.append(f"{self.name} says\t{line}")
            said.put(tuple(line.rstrip("\n").split("\t")))
        said.put(("end",))

    def do(self, *fields):
        self.log.append("\t".join((self.name, *fields)) + "\n")
        self.process.stdin.write("\t".join(fields) + "\n")

    def expect(self, *fields):
        """Waits until it has said this; other lines are kept for later."""
        until = time.monotonic() + LIMIT_S
        while fields not in self.waiting:
            try:
                line = self.said.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                line = ("silence",)
            if (line[0] in ("silence", "end", "failed", "ended") and line != fields) or (line[0] == "refused" and line[1] not in HARMLESS):
                raise Wrong(f"{self.name}: {fields} was to come, and not {line}; kept: {self.waiting}")
            self.waiting.append(line)
        self.waiting.remove(fields)

    def silent_about(self, *fields):
        """It has not said this, and does not within a while in which it could."""
        time.sleep(0.3)
        while not self.said.empty():
            self.waiting.append(self.said.get())
        if fields in self.waiting:
            raise Wrong(f"{self.name} said {fields} too early")

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def end(self):
        self.process.stdin.close()
        self.expect("closed")
        self.expect("end")
        if self.process.wait(10) != 0:
            raise Wrong(f"{self.name} ended with {self.process.returncode}")
        extra = [line for line in self.waiting if line[0] != "refused"]
        if extra:
            raise Wrong(f"{self.name} also said {extra}")


def exchange(one, other, how, topic, text):
    """A confirmable message, which is acknowledged when it has been committed, and not before."""
    one.do(how, topic, text)
    one.expect("sent", text)
    other.expect("got", {"send": "addressed", "publish": "in place", "command": "command"}[how], topic, text, one.name)
    one.silent_about("committed", text)
    other.do("commit")
    one.expect("committed", text)


def comes_back(one, other):
    """`one` is killed with a message that it has not committed, and another is sent while it is away: both arrive, in the same session."""
    first, second = (f"{when} {one.name} was killed" for when in ("before", "while"))
    other.do("send", "note", first)
    one.expect("got", "addressed", "note", first, other.name)
    one.kill()
    other.do("send", "note", second)
    other.expect("sent", first)
    other.expect("sent", second)
    one.start()
    one.expect("session", "resumed", other.name)
    for text in (first, second):
        one.expect("got", "addressed", "note", text, other.name)
        one.do("commit")
        other.expect("committed", text)


def talk(one, other):
    """`one` begins. Gives the number of messages."""
    one.start()
    other.start()
    one.do("connect")
    one.expect("session", "new", other.name)
    other.expect("session", "new", one.name)
    count = 0
    for how, topic in (("send", "note"), ("publish", "{}/pulse"), ("command", "lamp")):
        for sender, receiver in ((one, other), (other, one)):
            exchange(sender, receiver, how, topic.format(sender.name), f"{how} from {sender.name}")
            count += 1
    one.do("keys")
    one.expect("epoch", "1")
    other.expect("epoch", "1")
    for killed, stays in ((one, other), (other, one)):
        comes_back(killed, stays)
        exchange(killed, stays, "send", "note", f"{killed.name} is back")
        count += 3
    # Each was started anew after the only handshake; nothing that came in did not verify.
    for party in (one, other):
        party.do("counters")
        party.expect("counters", "0", "0")
        party.end()
    return count


def lacks():
    """What this machine does not have, or nothing."""
    missing = [name for name in ("java", "mvn", "unshare") if shutil.which(name) is None]
    root = os.environ.get("SEALWIRE_SWIFT_ROOT") or os.path.join(ROOT, "build", "swift", "root")
    if not os.path.exists(os.path.join(root, ".sealwire-packages")):
        missing.append("a root with Swift (scripts/swift-root.sh makes it)")
    return ", ".join(missing)


def main():
    if lacks():
        print(f"skipped: not on this machine: {lacks()}")
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    commands = {"kotlin": kotlin(), "swift": swift()}
    os.chdir(FOLDER)
    for name in commands:
        subprocess.run([SEALWIRE, "keygen", name], check=True, stdout=subprocess.DEVNULL)
    broker = Mosquitto(Path(FOLDER))
    broker.start()
    failed, ran, parties = False, 0, []
    try:
        for (one, other), version in ((("kotlin", "swift"), "3"), (("swift", "kotlin"), "5")):
            for name in commands:
                shutil.rmtree(f"{name}.state", ignore_errors=True)
            log = []
            pair = [Party(name, [*commands[name], name, peer, str(broker.port), version], log) for name, peer in ((one, other), (other, one))]
            parties += pair
            start, title = time.monotonic(), f"{one} begins, {other} answers, MQTT {'5' if version == '5' else '3.1.1'}"
            try:
                count = talk(*pair)
                print(f"{title:<44} ok: 1 handshake, {count} messages, each killed once, {time.monotonic() - start:.1f} s")
                ran += 1
            except (Wrong, OSError) as why:
                failed = True
                print(f"{title:<44} FAILED: {why}\n{''.join(log[-30:])}")
    finally:
        broker.stop()
        for process in [party.process for party in parties if party.process]:
            if process.poll() is None:
                process.kill()
                process.wait(10)
    print(f"ran {ran} pairs")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
