#!/usr/bin/env python3
"""The whole path over every link: C device, link, gateway, Mosquitto, hub, with lost frames on the link.

Each row makes a handshake and sends 1,000 records, each acknowledged end to end; what the hub has stored is compared with what the
device sent. Adapters are those of the gateway; `simulated` says where a bus in this process stands for hardware.

usage: build/venv/bin/python tests/links/matrix.py --device PROGRAM [--links a,b] [--records 1000] [--loss 0.05] [--seed 1] [--jobs 2]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from buses import Loss
from mosquitto import Missing, Mosquitto  # tests/mosquitto.py
from rows import ROWS, Unavailable
from sealwire import Identity
from sealwire.broker import Broker
from sealwire.gateway import Gateway
from sealwire.hub import Hub

LIMIT_S = 100


async def one(options: argparse.Namespace) -> Dict[str, Any]:
    """One row."""
    row = ROWS[options.row]
    outcome: Dict[str, Any] = {"link": options.row, "mtu": row.mtu, "adapter": row.adapter}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hub_identity, own = Identity.generate("hub"), Identity.generate("device-1")
        hub_identity.save(folder / "hub")
        own.save(folder / "own")
        data = random.Random(options.seed).randbytes(2 * row.samples * options.records)
        (folder / "data").write_bytes(data)
        broker = Broker("127.0.0.1", options.broker)
        loss = Loss(options.loss, options.seed)
        async with Hub(folder / "hub.db", broker, realm=options.row, identities=[hub_identity], peers=[own.credential]) as hub:
            gateway = Gateway(broker, realm=options.row, hub="hub")
            await gateway.open()
            start = time.monotonic()
            try:
                theirs, close = await row.open(loss, gateway.attach)
            except Unavailable as why:
                await gateway.close()
                return {**outcome, "result": f"skipped: {why}"}
            try:
                status, log = await device(options, folder, theirs)
            finally:
                outcome["seconds"] = round(time.monotonic() - start, 1)
                outcome["link counters"] = [str(each.link.counters()) for each in gateway.attachments]
                await gateway.close()
                await close()
            outcome["result"] = check(hub, data, options.records, status, log)
            outcome["resent"] = next((line["resent"] for line in log if line.get("event") == "done"), 0)
            outcome["refused"] = sum(line.get("event") == "error" for line in log)
    return {**outcome, "frames": loss.frames, "lost": loss.lost}


async def device(options: argparse.Namespace, folder: Path, theirs: socket.socket) -> Tuple[int, List[Dict[str, Any]]]:
    """Runs the C device; gives its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(options.device, "--link", options.row, "--fd", str(theirs.fileno()), "--inbox", "device-1"),
        *("--key", f"{folder}/own.key", "--credential", f"{folder}/own.cred", "--peer", f"{folder}/hub.cred", "--by-reference"),
        *("--data", f"{folder}/data", "--chunk", str(ROWS[options.row].samples), "--rate", str(ROWS[options.row].rate), "--resend", str(ROWS[options.row].resend_ms), "--retry", str(ROWS[options.row].retry_ms), "--limit", str(LIMIT_S)),
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
    )
    theirs.close()
    try:
        _, text = await asyncio.wait_for(process.communicate(), LIMIT_S + 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    lines = text.decode("utf-8", "replace").splitlines()
    return process.returncode, [json.loads(line) if line.startswith("{") else {"text": line} for line in lines]


def check(hub: Hub, data: bytes, records: int, status: int, log: List[Dict[str, Any]]) -> str:
    """What the hub has, against what was sent."""
    if status != 0 or not log or log[-1].get("event") != "done":
        return f"the device gave up: {log[-1] if log else 'no output'}"
    if not any(line.get("event") == "established" for line in log):
        return "no handshake"
    parts = [message.payload for message in hub.data.messages(topic="ecg")]
    if len(parts) != records:
        return f"{len(parts)} of {records} records stored"
    whole = b"".join(part[4:] for part in sorted(parts))
    if whole != data:
        return "stored data differ from those sent"
    ends = [message.payload for message in hub.data.messages(topic="ecg/end")]
    return "ok" if ends == [(len(data) // 2).to_bytes(4, "big")] else "the end is missing"


async def all_rows(options: argparse.Namespace, names: List[str]) -> List[Dict[str, Any]]:
    """Every row in a process of its own, a few at a time."""
    turns = asyncio.Semaphore(options.jobs)

    async def row(name: str) -> Dict[str, Any]:
        async with turns:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, "--row", name, "--broker", str(options.broker), "--device", options.device),
                *("--records", str(options.records), "--loss", str(options.loss), "--seed", str(options.seed)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            text, errors = await process.communicate()
        try:
            return dict(json.loads(text.decode().strip().splitlines()[-1]))
        except (IndexError, ValueError):
            print(errors.decode("utf-8", "replace"), file=sys.stderr)
            return {"link": name, "mtu": ROWS[name].mtu, "adapter": ROWS[name].adapter, "result": f"status {process.returncode}"}

    return list(await asyncio.gather(*(row(name) for name in names)))


def show(outcomes: List[Dict[str, Any]], options: argparse.Namespace) -> int:
    """Prints the matrix; gives the number of rows that failed."""
    print(f"a handshake and {options.records:,} records over each link, {options.loss:.0%} of the link's frames lost (seed {options.seed})")
    print(f"{'link':<12} {'adapter':<34} {'MTU':>5} {'frames':>7} {'lost':>6} {'resent':>7} {'seconds':>8}  result")
    for outcome in outcomes:
        values = [outcome.get(name, "-") for name in ("frames", "lost", "resent", "seconds")]
        print(
            f"{outcome['link']:<12} {outcome['adapter']:<34} {outcome['mtu']:>5} {values[0]:>7} {values[1]:>6} {values[2]:>7} {values[3]:>8}"
            f"  {outcome['result']}"
        )
    for outcome in outcomes:
        if outcome["result"] != "ok" and "link counters" in outcome:
            print(f"{outcome['link']}: the gateway's links at the end: {outcome['link counters'] or 'none'}")
        if outcome["result"].startswith("skipped: "):
            print(f"skipped: {outcome['link']}: {outcome['result'][9:]}")
    return sum(not outcome["result"].startswith(("ok", "skipped")) for outcome in outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", required=True, metavar="PROGRAM", help="the C device, see scripts/c-links-device.sh")
    parser.add_argument("--links", help="only these, names with commas between")
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--loss", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--row", choices=sorted(ROWS), help=argparse.SUPPRESS)
    parser.add_argument("--broker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(asyncio.run(one(options))))
        return 0
    names = options.links.split(",") if options.links else list(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        try:
            broker = Mosquitto(Path(folder))
        except Missing as error:
            raise SystemExit(str(error)) from None
        broker.start()
        options.broker = broker.port
        try:
            outcomes = asyncio.run(all_rows(options, names))
        finally:
            broker.stop()
    failed = show(outcomes, options)
    print(f"ran {sum(outcome['result'] == 'ok' for outcome in outcomes) + failed} links, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
