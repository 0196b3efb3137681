"""The command line: `sealwire keygen | issue | qr | provision | inspect | hub | gateway | demo`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, Optional

from . import _sealwire as core
from .broker import Broker
from .errors import InvalidArgument, SealwireError
from .frames import valid_inbox
from .identity import Identity, load_credential, load_credentials, load_key, others_can_read, save_credential, save_key

OK, REFUSED, USAGE, FILES, NETWORK, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = """exit status:
  0  done
  1  refused, with the typed reason; for `demo`: a check failed
  2  wrong usage
  3  a file or device cannot be read or written
  4  the broker cannot be reached or refuses
  130  interrupted"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 31557600}


def duration(text: str) -> int:
    """Seconds from `90d`, `12h`, `30m`, `3600s` or a bare number of seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdigit() or int(number) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90d, 12h, 30m or 3600s")
    return int(number) * _UNITS[unit]


def inbox_name(text: str) -> str:
    """An inbox name."""
    if not valid_inbox(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no inbox name: 1 to 16 of a-z, 0-9 and -")
    return text


class Output:
    """Prints either lines for people or one JSON value for programs."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def give(self, values: Any, *lines: str) -> None:
        """The result."""
        if self.as_json:
            print(json.dumps(values, indent=2))
        else:
            for line in lines:
                print(line)


def plain(value: object) -> Any:
    """A dataclass's fields, bytes as hexadecimal text."""
    return {name: item.hex() if isinstance(item, bytes) else item for name, item in vars(value).items()}


def describe(credential: core.Credential) -> Dict[str, Any]:
    """What a credential says, for output."""
    return {
        "kind": credential.kind,
        "subject": credential.subject,
        "curve": credential.curve,
        "thumbprint": credential.thumbprint.hex(),
        "kid": None if credential.kid is None else credential.kid.hex(),
        "bytes": len(credential.data),
    }


# ---- keygen and issue


def keygen(options: argparse.Namespace, out: Output) -> int:
    """A new key with an unsigned credential."""
    name = options.name or os.path.basename(options.stem)
    kind = options.kind or ("Ed25519" if options.issuer else "X25519")
    if options.issuer and kind not in ("Ed25519", "ES256"):
        raise InvalidArgument("issuers have an Ed25519 or ES256 key")
    if not options.issuer and not valid_inbox(name):
        print(f"note: {name!r} cannot serve as an inbox on MQTT (1 to 16 of a-z, 0-9 and -)", file=sys.stderr)
    identity = Identity.generate(name, curve=kind)
    existing = [f"{options.stem}{suffix}" for suffix in (".key", ".cred") if os.path.exists(f"{options.stem}{suffix}")]
    if existing and not options.force:
        raise FileExistsError(17, "exists; use --force to replace the key for good", existing[0])
    identity.save(options.stem, overwrite=options.force)
    values = {"key": f"{options.stem}.key", "credential": f"{options.stem}.cred", **describe(identity.credential)}
    out.give(
        values,
        f"{options.stem}.key   private key, {kind}; keep it secret",
        f"{options.stem}.cred  credential of {name}; give it to the peers",
        f"thumbprint {identity.thumbprint.hex()}",
    )
    return OK


def issue(options: argparse.Namespace, out: Output) -> int:
    """A credential signed by an issuer."""
    issuer_credential = load_credential(f"{options.issuer}.cred")
    issuer_key = load_key(f"{options.issuer}.key")
    issuer = Identity(issuer_credential, issuer_key)
    if issuer.credential.kid is None:
        raise InvalidArgument("the issuer's credential has no kid")
    source = load_credential(options.credential)
    key = core.Key.external(source.curve, source.public)
    now = int(time.time())
    made = core.Credential.cwt(
        key,
        options.name or source.subject or "",
        source.kid if source.kid is not None else key.thumbprint[:4],
        issuer=issuer.key,
        issuer_kid=issuer.credential.kid,
        issuer_name=issuer.name or None,
        expires=None if options.lifetime is None else now + options.lifetime,
        issued_at=now,
    )
    made.verify(core.TrustAnchor(issuer.credential), now)
    target = options.output or options.credential
    save_credential(target, made, overwrite=options.force or options.output is None)
    values = {"credential": target, "issuer": issuer.name, "expires": made.expires, **describe(made)}
    until = "without end" if made.expires is None else time.strftime("until %Y-%m-%d %H:%M UTC", time.gmtime(made.expires))
    out.give(
        values,
        f"{target}  credential of {made.subject}, signed by {issuer.name}, {until}, {len(made.data)} bytes",
        f"thumbprint {made.thumbprint.hex()}",
    )
    return OK


def inspect(options: argparse.Namespace, out: Output) -> int:
    """Bytes, field by field."""
    from .inspect import read_input, tables

    inputs = [read_input(text) for text in options.input]
    secrets = json.loads(Path(options.secrets).read_text(encoding="utf-8")) if options.secrets else {}
    found = tables(inputs, kind=options.kind, identifier_len=options.identifier_len, secrets=secrets)
    out.give([table.as_json() for table in found], *(table.as_text() for table in found))
    return OK


# ---- services


def broker_from(options: argparse.Namespace) -> Broker:
    """The broker that the options describe."""
    password = options.password
    if options.password_file:
        password = Path(options.password_file).read_text(encoding="utf-8").rstrip("\n")
    return Broker.parse(
        options.broker,
        version=options.mqtt,
        username=options.username,
        password=password,
        ca=options.ca,
        certificate=options.certificate,
        private_key=options.private_key,
    )


def realm_name(text: str) -> str:
    """For the parser: the first part of all topics."""
    if not text or text.startswith("/") or text.endswith("/") or set(text) & set("+#"):
        raise argparse.ArgumentTypeError(f"{text!r}: a topic name without wildcards and outer slashes")
    return text


def run_until_signal(work: Callable[[], Awaitable[int]]) -> int:
    """Runs a service until it ends or SIGINT or SIGTERM comes."""

    async def main() -> int:
        task = asyncio.ensure_future(work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, task.cancel)
            except (NotImplementedError, RuntimeError):
                break  # Windows: the interpreter's own handling of Ctrl-C remains
        try:
            return await task
        except asyncio.CancelledError:
            return OK

    return asyncio.run(main())


def gateway(options: argparse.Namespace, out: Output) -> int:
    """Devices on links to MQTT."""
    from .gateway import Gateway
    from .links import command

    async def serve() -> int:
        carrier = Gateway(broker_from(options), realm=options.realm, hub=options.to, bridge_prefix=options.bridge_prefix)
        await carrier.open()
        source: Optional[command.Source] = None
        try:
            source = await command.open_links(options, lambda link: carrier.attach(link, options.inbox))
            print(json.dumps({"event": "ready", "port": source.where}) if out.as_json else f"carrying frames between {source.where} and {options.broker}", flush=True)
            while source.makes_more or carrier.attachments:
                await asyncio.sleep(0.5)
            print("the device is gone", file=sys.stderr)
            return FILES
        finally:
            if source is not None:
                await source.close()
            await carrier.close()

    return run_until_signal(serve)


def hub_run(options: argparse.Namespace, out: Output) -> int:
    """The service."""
    from .hub import Hub
    from .mqtt import Event, Message, Refused

    if others_can_read(f"{options.identity}.key"):
        print(f"warning: others can read {options.identity}.key; chmod 600 it", file=sys.stderr)

    def show(event: Event) -> None:
        if isinstance(event, Message):
            values = {"event": "message", "peer": event.peer.hex(), "topic": event.topic, "bytes": len(event.payload), "missing": event.missing}
        elif isinstance(event, Refused):
            values = {"event": "refused", "error": event.error.name, "topic": event.topic}
        else:
            values = {"event": type(event).__name__.lower()}
            for name in ("peer", "session", "reason", "number"):
                value = getattr(event, name, None)
                if value is not None:
                    values[name] = value.hex() if isinstance(value, bytes) else getattr(value, "name", value)
        if out.as_json:
            print(json.dumps(values), flush=True)
        elif options.verbose or not isinstance(event, (Message, core.Acknowledged)):
            print(" ".join(f"{name}={value}" for name, value in values.items()), flush=True)

    async def serve() -> int:
        service = Hub(
            options.db,
            broker_from(options),
            realm=options.realm,
            identities=[Identity.load(options.identity)],
            peers=[load_credential(path) for path in options.peer],
            anchors=[core.TrustAnchor(load_credential(path)) for path in options.anchor],
            inbox=options.inbox,
            by_value=options.by_value,
            subscriptions=options.subscribe,
            bridge_prefix=options.bridge_prefix,
            resists_rollback=options.resists_rollback,
            observer=show,
        )
        if not options.peer and not options.anchor and not service.data.credentials():
            print("warning: without --peer, --anchor and `sealwire hub import` nobody can open a session", file=sys.stderr)
        async with service:
            ready = {"event": "ready", "inbox": f"{options.realm}/in/{service.inbox}"}
            print(json.dumps(ready) if out.as_json else f"serving {ready['inbox']}", flush=True)
            await service.run()
        return OK

    return run_until_signal(serve)


def when(at: float) -> str:
    """A time of this machine's clock, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def hub_show(options: argparse.Namespace, out: Output) -> int:
    """Read the database of a hub."""
    from .hubdata import HubData

    data = HubData(options.db, create=False)
    try:
        if options.what == "messages":
            messages = list(data.messages(topic=options.topic, after=options.after, limit=options.limit))
            lines = [
                f"{item.id:>6} {when(item.received)} {item.subject or item.peer.hex()[:8]:<12} {item.topic:<20} {len(item.payload):>5} bytes"
                + (f"  missing {item.missing}" if item.missing else "")
                + ("  late" if item.late else "")
                for item in messages
            ]
            out.give([plain(item) for item in messages], *lines)
        elif options.what == "credentials":
            credentials = data.credentials()
            lines = [
                f"{item.thumbprint.hex()} {item.subject or '-':<16} imported {when(item.imported)}"
                + (f", forgotten {when(item.removed)}" if item.removed is not None else "")
                for item in credentials
            ]
            out.give([plain(item) for item in credentials], *lines)
        elif options.what == "sessions":
            peers = data.peers()
            lines = [
                f"{item.thumbprint.hex()} {item.subject or '-':<12} {'up' if item.session is not None else item.reason or 'down':<12} "
                f"last seen {when(item.last_seen)}  missing {item.missing}"
                for item in peers
            ]
            out.give([plain(item) for item in peers], *lines)
        elif options.what == "commands":
            commands = data.commands()
            lines = [f"{item.id:>6} {when(item.created)} {item.peer:<12} {item.topic:<20} {item.state} {item.reason or ''}" for item in commands]
            out.give([plain(item) for item in commands], *lines)
        else:
            incidents = data.incidents(options.limit, error=options.error)
            lines = [f"{item.id:>6} {when(item.at)} {item.count:>7} x {item.error:<20} {item.topic} {item.detail or ''}" for item in incidents]
            out.give([plain(item) for item in incidents], *lines)
    finally:
        data.close()
    return OK


def hub_send(options: argparse.Namespace, out: Output) -> int:
    """Queue a command for a running hub."""
    from .hubdata import HubData

    payload = bytes.fromhex(options.payload) if options.hex else options.payload.encode()
    data = HubData(options.db, create=False)
    try:
        number = data.queue_command(options.to, options.topic, payload, lifetime_s=options.expires)
        state = "queued"
        end = time.monotonic() + options.wait
        while options.wait and time.monotonic() < end and state in ("queued", "sent"):
            time.sleep(0.1)
            state = next(command.state for command in data.commands() if command.id == number)
    finally:
        data.close()
    out.give({"command": number, "state": state}, f"command {number}: {state}")
    return OK if state == "done" or not options.wait else REFUSED


def hub_import(options: argparse.Namespace, out: Output) -> int:
    """Peers' credentials into the database of a hub, which may be running."""
    from .hubdata import HubData

    found = [credential for path in options.file for credential in load_credentials(path)]
    data = HubData(options.db)
    try:
        fresh = data.import_credentials(found)
    finally:
        data.close()
    out.give({"imported": fresh, "known": len(found) - fresh}, f"{fresh} credentials imported, {len(found) - fresh} were there already")
    return OK


def hub_forget(options: argparse.Namespace, out: Output) -> int:
    """Take imported credentials of a peer away."""
    from .hubdata import HubData

    data = HubData(options.db, create=False)
    try:
        gone = data.forget_credentials(options.peer)
    finally:
        data.close()
    out.give({"forgotten": gone}, f"{gone} credentials forgotten" if gone else f"no credential of {options.peer} had been imported")
    return OK if gone else REFUSED


def hub_restore(options: argparse.Namespace, out: Output) -> int:
    """After a backup was put back."""
    from .hubdata import HubData

    data = HubData(options.db, create=False)
    try:
        discarded = data.restore()
    finally:
        data.close()
    out.give({"discarded": discarded}, f"{discarded} sessions discarded; devices will make new handshakes")
    return OK


def demo(options: argparse.Namespace, out: Output) -> int:
    """The demonstration."""
    try:
        from .demo.show import run
    except ImportError as error:
        print(f"sealwire: the demo needs {error.name}: pip install 'sealwire[demo]'", file=sys.stderr)
        return USAGE
    return run(options, out.as_json)


# ---- arguments


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json for every command."""
    parser.add_argument("--json", action="store_true", help="machine-readable output")


def add_broker(parser: argparse.ArgumentParser) -> None:
    """How to reach the broker."""
    group = parser.add_argument_group("broker")
    group.add_argument("--broker", required=True, metavar="URL", help="mqtt://HOST[:PORT], mqtts://, ws:// or wss://")
    group.add_argument("--realm", required=True, type=realm_name, help="first part of all topics")
    group.add_argument("--mqtt", choices=["3.1.1", "5"], default="3.1.1", help="protocol version (3.1.1)")
    group.add_argument("--username")
    group.add_argument("--password", help="better: --password-file")
    group.add_argument("--password-file", metavar="FILE")
    group.add_argument("--ca", metavar="FILE", help="PEM file of trusted roots")
    group.add_argument("--certificate", metavar="FILE", help="PEM file for TLS log-in")
    group.add_argument("--private-key", metavar="FILE", help="PEM file of its private key")
    group.add_argument("--bridge-prefix", default="", metavar="PREFIX", help="what a bridge puts before all topics here")


def build_parser() -> argparse.ArgumentParser:
    """All commands."""
    from .factory.command import add_provision, add_qr
    from .links import command

    parser = argparse.ArgumentParser(
        prog="sealwire",
        description="End-to-end security for connected devices over MQTT and serial lines.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sealwire {core.VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser("keygen", help="make a private key and its credential")
    one.add_argument("stem", help="writes STEM.key and STEM.cred")
    one.add_argument("--name", help="subject of the credential; on MQTT also the inbox (default: the file name)")
    one.add_argument("--kind", choices=["X25519", "P-256", "Ed25519", "ES256"], help="X25519 and P-256 authenticate by Diffie-Hellman, Ed25519 and ES256 by signature; default X25519, for issuers Ed25519")
    one.add_argument("--issuer", action="store_true", help="a key that signs credentials of others")
    one.add_argument("--force", action="store_true", help="replace existing files; the old key is lost")
    add_json(one)
    one.set_defaults(run=keygen)

    one = commands.add_parser("issue", help="sign a credential as an issuer")
    one.add_argument("credential", help="credential file that names the key and the subject")
    one.add_argument("--issuer", required=True, metavar="STEM", help="STEM.key and STEM.cred of the issuer")
    one.add_argument("--name", help="another subject")
    one.add_argument("--lifetime", type=duration, metavar="TIME", help="such as 90d, 1y (default: no end)")
    one.add_argument("-o", "--output", metavar="FILE", help="default: replace the credential file")
    one.add_argument("--force", action="store_true", help="replace an existing output file")
    add_json(one)
    one.set_defaults(run=issue)

    add_json(add_qr(commands))
    for one in add_provision(commands):
        add_json(one)

    one = commands.add_parser("inspect", help="show credentials, handshake messages and records field by field")
    one.add_argument("input", nargs="+", help="a file (hexadecimal or binary), hexadecimal text, or - for standard input; several make a conversation")
    one.add_argument("--as", dest="kind", choices=["credential", "frame", "message_1", "message_2", "message_3", "message_4", "cbor"], help="default: by the first bytes")
    one.add_argument("--identifier-len", type=int, default=1, choices=[1, 2, 3, 4], help="bytes in the recipients' identifiers (1)")
    one.add_argument("--secrets", metavar="FILE", help="JSON file with keys, to decrypt; see docs/howto/inspect.md")
    add_json(one)
    one.set_defaults(run=inspect)

    one = commands.add_parser(
        "gateway",
        help="carry frames between devices on links and a broker; sees only ciphertext",
        epilog=command.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_options(one)
    one.add_argument("--inbox", type=inbox_name, help="inbox of the device (default: learnt from its first message)")
    one.add_argument("--to", type=inbox_name, default="hub", help="inbox of the hub (hub)")
    add_broker(one)
    add_json(one)
    one.set_defaults(run=gateway)

    hub = commands.add_parser("hub", help="the service at which devices report").add_subparsers(dest="what", required=True, metavar="ACTION")
    one = hub.add_parser("run", help="serve")
    one.add_argument("--db", required=True, metavar="FILE", help="SQLite database; made if missing")
    one.add_argument("--identity", required=True, metavar="STEM", help="STEM.key and STEM.cred of the hub")
    one.add_argument("--peer", action="append", default=[], metavar="FILE", help="credential of a peer; may be repeated; many at once: `sealwire hub import`")
    one.add_argument("--anchor", action="append", default=[], metavar="FILE", help="credential of an issuer; may be repeated")
    one.add_argument("--inbox", type=inbox_name, help="default: the subject of the credential")
    one.add_argument("--by-value", action="store_true", help="show the own credential whole: for devices that know its issuer only")
    one.add_argument("--subscribe", action="append", default=[], metavar="FILTER", help="topics in place, relative to the realm")
    one.add_argument("--resists-rollback", action="store_true", help="keep sessions over restarts of the hub (default: devices make new handshakes); you promise that no older copy of the database, be it a backup, a machine snapshot or a cloned disk, is ever put back without `sealwire hub restore`: if one is, records become readable and can be forged")
    one.add_argument("--verbose", action="store_true", help="print messages too")
    add_broker(one)
    add_json(one)
    one.set_defaults(run=hub_run)
    for name, text in (("messages", "what was received; with --json the payloads too"), ("sessions", "who has a session"), ("credentials", "peers that were imported"), ("commands", "commands and how far they are"), ("incidents", "what was refused, and how often in that minute; the newest first")):
        one = hub.add_parser(name, help=text)
        one.add_argument("--db", required=True, metavar="FILE", help="database of the hub")
        if name == "messages":
            one.add_argument("--topic", help="only of this topic")
            one.add_argument("--after", type=int, default=0, metavar="ID", help="only later ones")
            one.add_argument("--limit", type=int, default=-1, help="at most so many")
        elif name == "incidents":
            one.add_argument("--error", metavar="NAME", help="only of this reason, such as lost-state")
            one.add_argument("--limit", type=int, default=100, help="at most so many (100)")
        add_json(one)
        one.set_defaults(run=hub_show)
    one = hub.add_parser("send", help="queue a command for the running hub")
    one.add_argument("--db", required=True, metavar="FILE", help="database of the hub")
    one.add_argument("--to", required=True, help="subject or thumbprint of the peer; until it has a session the command waits")
    one.add_argument("--topic", required=True, help="what the command is, for the peer")
    one.add_argument("payload", help="text, or see --hex")
    one.add_argument("--hex", action="store_true", help="the payload is hexadecimal text")
    one.add_argument("--expires", type=duration, default=3600, metavar="TIME", help="give up if not sent by then (1h)")
    one.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="wait until the peer has committed it, else exit with 1")
    add_json(one)
    one.set_defaults(run=hub_send)
    one = hub.add_parser("import", help="take up the credentials of many peers, such as a factory's batch; a running hub knows them at once")
    one.add_argument("--db", required=True, metavar="FILE", help="database of the hub; made if missing")
    one.add_argument("file", nargs="+", help="credentials as hexadecimal text, one in a line")
    add_json(one)
    one.set_defaults(run=hub_import)
    one = hub.add_parser("forget", help="take the imported credentials of a peer away, and end its sessions")
    one.add_argument("--db", required=True, metavar="FILE", help="database of the hub")
    one.add_argument("peer", help="subject or thumbprint")
    add_json(one)
    one.set_defaults(run=hub_forget)
    one = hub.add_parser("restore", help="after putting back a backup: discard every session, so that no sequence number is used twice")
    one.add_argument("--db", required=True, metavar="FILE", help="database of the hub")
    add_json(one)
    one.set_defaults(run=hub_restore)

    one = commands.add_parser("demo", help="everything at once, on this machine, with a man in the middle (under 2 minutes)")
    one.add_argument("--wearable", metavar="PROGRAM", help="run this wearable (default: one in Python)")
    one.add_argument("--mqtt-device", metavar="PROGRAM", help="also run this device, which speaks MQTT itself")
    one.add_argument("--data", metavar="FILE", help="another recording: int16 little-endian at 360 Hz")
    one.add_argument("--rate", type=float, default=8.0, help="messages of 90 samples per second (8: twice real time)")
    one.add_argument("--plain", action="store_true", help="no screen drawing, as when the output is no terminal")
    add_json(one)
    one.set_defaults(run=demo)
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs one command; gives the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options, Output(options.json)))
    except SealwireError as error:
        # The hints are for programs; where there is a detail, it says more to a person at a terminal.
        status, text = REFUSED, f"{error.name}: {error.args[0]}" if error.args else str(error)
        name: Optional[str] = error.name
    except (ConnectionError, TimeoutError) as error:
        status, text, name = NETWORK, str(error), "network"
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        network = error.errno is not None and error.filename is None
        status, text, name = (NETWORK if network else FILES), f"{where}{error.strerror or error}", "network" if network else "file"
    except sqlite3.DatabaseError as error:
        status, text, name = FILES, f"{getattr(options, 'db', 'database')}: {error}", "file"
    except (ValueError, json.JSONDecodeError) as error:
        status, text, name = USAGE, str(error), "usage"
    except KeyboardInterrupt:
        return INTERRUPTED
    print(json.dumps({"error": name, "text": text}) if options.json else f"sealwire: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
