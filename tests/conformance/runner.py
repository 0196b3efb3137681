"""Runs the scenarios over the Python package.

    python tests/conformance/runner.py [NAME]

One line for each scenario: its name, "pass", "fail" or "skip", and why; the exit code says whether one failed.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, List, Optional

import sealwire
from scenarios import WHO, Scenario, load
from sealwire import Credential, Endpoint, Key, SealwireError, TrustAnchor, read_setup_code, sign_statement
from sealwire.errors import Pending, StorageFailed, UnknownKey
from sealwire.primitives import agree

CAN = {"external-keys", "identities", "label-by-kid"}
ROOM = {"max_sessions": 4, "max_handshakes": 2}
LISTS = ("identities", "peers", "anchors")
APART = (*LISTS, "store", "authorize", "external_keys", "start", "label")
RECORD = 8
"""Where a device keeps its ownership, above the sessions."""
Step = Dict[str, Any]
EVENT_NAMES = {
    "Message": "message", "Established": "established", "Acknowledged": "acknowledged", "Resend": "resend", "CommandReady": "command_ready",
    "KeyUpdated": "key_updated", "Replaced": "replaced", "Closed": "closed", "HandshakeFailed": "handshake_failed", "PeerSilent": "peer_silent",
    "Ownership": "ownership", "OwnershipChanged": "ownership_changed",
}


class Failed(Exception):
    """An expectation was not met."""


def check(good: bool, what: str) -> None:
    if not good:
        raise Failed(what)


class Refused:
    """A frame that was refused while frames were carried."""

    def __init__(self, reason: SealwireError) -> None:
        self.reason = reason


class Memory:
    """A store that can be made to fail."""

    def __init__(self, durable: bool) -> None:
        self.resists_rollback = durable
        self.data: Dict[int, bytes] = {}
        self.fails = False
        self.last = 0

    def load(self, key: int) -> Optional[bytes]:
        return self.data.get(key)

    def slots(self) -> int:
        return max(self.data, default=-1) + 1

    def save(self, key: int, data: bytes) -> None:
        if self.fails:
            if self.last == 0:
                raise StorageFailed("made to fail")
            self.last -= 1
        if data:
            self.data[key] = bytes(data)
        else:
            self.data.pop(key, None)


class Party:
    """One endpoint of a scenario, with its surroundings."""

    def __init__(self, name: str, config: Step, identities: Dict[str, Step]) -> None:
        self.name, self.config, self.identities = name, config, identities
        self.store = Memory(config.get("store", "durable") == "durable")
        self.kept: Dict[str, Dict[int, bytes]] = {}
        self.key_answer = "works"
        self.events: List[Any] = []
        self.current = self.handshake = 0
        self.named: Dict[str, int] = {}
        self.sids: Dict[int, bytes] = {}
        self.told: Dict[str, sealwire.Ownership] = {}
        self.endpoint: Optional[Endpoint] = None

    def _key(self, known: Step) -> Key:
        private = bytes.fromhex(known["private"])
        if not self.config.get("external_keys"):
            return Key.from_bytes(known["kind"], private)

        def answer(peer: bytes) -> bytes:
            if self.key_answer == "pending":
                raise Pending
            if self.key_answer == "fails":
                raise UnknownKey
            return agree(known["kind"], private, peer)

        return Key.external(known["kind"], bytes.fromhex(known["public"]), agree=answer)

    def make(self) -> None:
        """A new endpoint over the store."""
        def credential(name: str) -> Credential:
            return Credential(bytes.fromhex(self.identities[name]["credential"]))

        settings = {name: value for name, value in self.config.items() if name not in APART}
        settings.setdefault("trust_clock", False)
        verdict = self.config.get("authorize", "default")
        if verdict != "default":
            settings["authorize"] = lambda peer: verdict == "allow"
        self.endpoint = Endpoint(
            [(credential(name), self._key(self.identities[name])) for name in self.config["identities"]],
            peers=[credential(name) for name in self.config.get("peers", [])],
            anchors=[TrustAnchor(credential(name), ["identity"]) for name in self.config.get("anchors", [])],
            store=self.store, **ROOM, **settings)

    @property
    def core(self) -> Endpoint:
        assert self.endpoint is not None, f"{self.name} was not started"
        return self.endpoint

    def session(self, name: Optional[str]) -> int:
        if name == "only":
            (found,) = self.core.sessions()
            return found
        return self.current if name is None else self.named[name]

    def collect(self) -> None:
        """Takes the events there are."""
        while self.endpoint is not None:
            event = self.endpoint.poll_event()
            if event is None:
                return
            if isinstance(event, sealwire.Established):
                self.current = event.session
                self.sids[event.session] = self.endpoint.session(event.session, now=0).sid
            elif isinstance(event, sealwire.Replaced):
                self.current = event.new
            elif isinstance(event, sealwire.Ownership):
                self.told[""] = event
            self.events.append(event)


class World:
    """A scenario under way."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.now = scenario, 1_000
        known = scenario.fixtures.identities
        self.parties = {name: Party(name, config, known) for name, config in scenario.endpoints.items()}
        self.values: Dict[str, bytes] = {}

    def run(self) -> None:
        for party in self.parties.values():
            if party.config.get("start", True):
                self.do({"do": "start", "at": party.name})
        for place, step in enumerate(self.scenario.steps):
            try:
                self.do(step)
            except (Failed, SealwireError, AssertionError, KeyError, TypeError) as error:
                raise Failed(f"step {place + 1} {step}: {type(error).__name__} {error}") from error
        for party in self.parties.values():
            check(not party.events, f"{party.name} has {party.events} left over")

    def do(self, step: Step) -> None:
        party = self.parties.get(step.get("at", step.get("to", "")))
        method: Callable[[Step, Any], None] = getattr(self, f"do_{step['do']}")
        raised: Optional[SealwireError] = None
        try:
            method(step, party)
        except SealwireError as error:
            raised = error
        if party is not None:
            party.collect()
        wanted = step.get("error")
        if wanted is None and raised is not None:
            raise raised
        check(wanted is None or (raised is not None and raised.name == wanted), f"{wanted} expected, got {raised!r}")
        if raised is not None:
            check(sealwire.errors.BY_NUMBER[raised.number] is type(raised), f"{raised!r} has another's number")

    # ---- life of an endpoint

    def do_start(self, step: Step, party: Party) -> None:
        party.endpoint = None
        party.events.clear()
        party.make()
        if "label" in party.config:
            party.core.enable_setup(RECORD, read_setup_code(party.config["label"])[1])
        count = party.core.restore(now=self.now)
        check(count == step.get("sessions", 0), f"{count} sessions restored")

    def do_restart(self, step: Step, party: Party) -> None:
        if "store" in step:
            party.store.resists_rollback = step["store"] == "durable"
        self.do_start(step, party)

    def do_connect(self, step: Step, party: Party) -> None:
        peer = bytes.fromhex(step["peer"]) if "peer" in step else None
        party.handshake = party.core.connect(step.get("to"), peer=peer, now=self.now)

    def do_cancel(self, step: Step, party: Party) -> None:
        party.core.cancel(party.handshake)

    def do_resume(self, step: Step, party: Party) -> None:
        party.core.resume_pending(now=self.now)

    def do_tick(self, step: Step, party: Party) -> None:
        party.core.handle_timeout(now=self.now)

    # ---- frames

    def do_poll(self, step: Step, party: Party) -> None:
        transmit = party.core.poll_transmit(now=self.now)
        if step.get("none"):
            check(transmit is None, f"{transmit} to send")
            return
        check(transmit is not None, "nothing to send")
        assert transmit is not None
        check(step.get("handshake", transmit.handshake) == transmit.handshake, f"handshake: {transmit.handshake}")
        self.values[step["frame"]] = transmit.frame

    def do_deliver(self, step: Step, party: Party) -> None:
        for _ in range(step.get("count", 1)):
            event = party.core.handle_frame(self.values[step["frame"]], route=step.get("from"), topic=step.get("topic"), now=self.now)
            if event is not None:
                party.events.append(event)

    def do_settle(self, step: Step, _: Optional[Party]) -> None:
        for _round in range(100):
            moved = False
            for party in self.parties.values():
                if party.endpoint is None:
                    continue
                party.collect()
                while True:
                    transmit = party.core.poll_transmit(now=self.now)
                    if transmit is None:
                        break
                    moved = True
                    if step.get("lose") not in ("all", party.name):
                        self.carry(party, transmit.route, transmit.frame)
            if not moved:
                return
        raise Failed("frames without end")

    def carry(self, sender: Party, route: bytes, frame: bytes) -> None:
        others = [party for party in self.parties.values() if party is not sender and party.endpoint is not None]
        network = self.scenario.network
        name = route.decode()
        if network == "routes":
            others = [party for party in others if party.name == name]
        elif network == "mqtt":
            others = [party for party in others if name in (party.config.get("inbox"), party.config.get("reply_inbox"))]
        for party in others[:1]:
            try:
                event = party.core.handle_frame(frame, route=sender.name if network == "routes" else None, now=self.now)
            except SealwireError as error:
                event = Refused(error)  # type: ignore[assignment]
            if event is not None:
                party.events.append(event)
            party.collect()

    def do_pass(self, step: Step, _: Optional[Party]) -> None:
        end = self.now + step["ms"]
        while True:
            self.do_settle(step, None)
            if self.now >= end:
                return
            running = [party for party in self.parties.values() if party.endpoint is not None]
            due = [time for time in (party.core.poll_timeout() for party in running) if time is not None]
            self.now = min(end, max(self.now + 1, min(due))) if due else end
            for party in running:
                party.core.handle_timeout(now=self.now)

    def do_wait(self, step: Step, _: Optional[Party]) -> None:
        self.now += step["ms"]

    def do_alter(self, step: Step, _: Optional[Party]) -> None:
        frame = bytearray(self.values[step["frame"]])
        if "like" in step:
            frame[step["byte"]] = self.values[step["like"]][step["byte"]]
        else:
            frame[step["byte"]] ^= step["xor"]
        self.values[step.get("as", step["frame"])] = bytes(frame)

    def do_cut(self, step: Step, _: Optional[Party]) -> None:
        self.values[step.get("as", step["frame"])] = self.values[step["frame"]][: step["length"]]

    def do_raw(self, step: Step, _: Optional[Party]) -> None:
        self.values[step["frame"]] = bytes.fromhex(step["bytes"])

    # ---- sessions

    def origin(self, step: Step, party: Party) -> Any:
        return (party.sids[party.named[step["origin"]]], step["origin_number"]) if "origin" in step else None

    def do_send(self, step: Step, party: Party) -> None:
        options = ("topic", "in_place", "confirmable", "command", "retain", "expiry_s", "content_type", "number")
        for _ in range(step.get("count", 1)):
            sent = party.core.send(
                party.session(step.get("session")), step["payload"].encode(), origin=self.origin(step, party), now=self.now,
                **{name: step[name] for name in options if name in step})
            check("given" not in step or sent.number == step["given"], f"number {sent.number}")
            self.values[step.get("frame", "")] = sent.frame

    def do_commit(self, step: Step, party: Party) -> None:
        if "origin" in step:
            # The receiver knows the sender's session by the name that the message brought; both ends have the same.
            party.core.commit(party.session(step.get("session")), step["number"], origin=self.origin(step, party), now=self.now)
        else:
            party.core.commit(party.session(step.get("session")), step["number"], now=self.now)

    def do_abandon(self, step: Step, party: Party) -> None:
        party.core.abandon(party.session(step.get("session")), step["number"])

    def do_key_update(self, step: Step, party: Party) -> None:
        party.core.key_update(party.session(step.get("session")), now=self.now)

    def do_close(self, step: Step, party: Party) -> None:
        party.core.close(party.session(step.get("session")))

    def do_export(self, step: Step, party: Party) -> None:
        secret = party.core.export(party.session(step.get("session")), step["label"], step.get("context", "").encode(), step["length"])
        check(len(secret) == step["length"], f"{len(secret)} bytes")
        self.values[step.get("as", "")] = secret

    def do_same(self, step: Step, _: Optional[Party]) -> None:
        check(self.values[step["first"]] == self.values[step["second"]], "they differ")

    def do_differ(self, step: Step, _: Optional[Party]) -> None:
        check(self.values[step["first"]] != self.values[step["second"]], "they are the same")

    # ---- setup and ownership

    def do_open_setup(self, step: Step, party: Party) -> None:
        party.core.open_setup(until=self.now + step["ms"] if "ms" in step else None, now=self.now)

    def do_close_setup(self, _: Step, party: Party) -> None:
        party.core.close_setup()

    def do_claim(self, step: Step, party: Party) -> None:
        shown: Dict[str, Any] = {name: self.values[step[name]] for name in ("release", "delegation") if name in step}
        if "code" in step:
            device, shown["secret"], _ = read_setup_code(step["code"])
        else:
            device = bytes.fromhex(step["device"])
        if "anchor_kind" in step:
            shown["anchor"] = Key.from_bytes(step["anchor_kind"], bytes.fromhex(step["anchor_private"]))
        party.handshake = party.core.claim(device, route=step.get("to"), now=self.now, **shown)

    def do_sign_statement(self, step: Step, party: Party) -> None:
        told = party.told[step.get("told", "")]
        about = {name: bytes.fromhex(step[name]) for name in ("release", "delegation") if name in step}
        key = Key.from_bytes(step["key_kind"], bytes.fromhex(step["key_private"]))
        self.values[step["as"]] = sign_statement(key, bytes.fromhex(step["device"]), step.get("epoch", told.epoch), told.nonce, **about)

    def do_revoke(self, step: Step, party: Party) -> None:
        party.core.revoke(bytes.fromhex(step["delegate"]))

    def do_reset_ownership(self, _: Step, party: Party) -> None:
        party.core.reset_ownership()

    def do_ownership(self, step: Step, party: Party) -> None:
        state = party.core.ownership()
        self.equal("none", state is None, step.get("none", False))
        if state is None:
            return
        found = {"epoch": state.epoch, "owner": state.owner, "delegates": sorted(one.hex() for one in state.delegates)}
        for name in found.keys() & step.keys():
            self.equal(name, found[name], step[name])

    def do_standing(self, step: Step, party: Party) -> None:
        self.equal("standing", party.core.standing(bytes.fromhex(step["peer"])) or "none", step["is"])

    # ---- looking

    def do_expect(self, step: Step, party: Party) -> None:
        party.collect()
        seen, party.events = party.events, []
        names = [EVENT_NAMES.get(type(event).__name__, "refused") for event in seen]
        wanted = [event["event"] for event in step["events"]]
        check(names == wanted, f"events {[str(getattr(e, 'reason', e)) for e in seen]}")
        for event, fields in zip(seen, step["events"]):
            for name, value in fields.items():
                if name != "event":
                    self.match(party, event, name, value)

    def match(self, party: Party, event: Any, name: str, value: Any) -> None:
        if name == "as" and isinstance(event, sealwire.Ownership):
            party.told[value] = event
        elif name == "as":
            party.named[value] = event.new if isinstance(event, sealwire.Replaced) else event.session
        elif name in ("covers", "misses"):
            check(all(event.covers(number) == (name == "covers") for number in value), f"{event} does not {name[:-1]} {value}")
        elif name in ("session", "old"):
            check(getattr(event, name) == party.named[value], f"{name}: {event}")
        elif name == "reason":
            check(event.reason.name == value, f"reason {event.reason!r}")
        elif name == "started":
            check((event.handshake is not None) == value, f"handshake {event.handshake}")
        elif name == "origin":
            check(event.origin is not None and event.origin[0] == party.sids[party.named[value]], f"origin {event.origin}")
        elif name == "origin_number":
            check(event.origin is not None and event.origin[1] == value, f"origin {event.origin}")
        else:
            self.equal(name, getattr(event, name), value)

    def equal(self, name: str, found: Any, value: Any) -> None:
        if isinstance(found, bytes):
            found = found.hex() if name in WHO else found.decode()
        check(found == value, f"{name} is {found!r}, not {value!r}")

    def do_clear(self, step: Step, party: Party) -> None:
        party.collect()
        party.events.clear()

    def do_counters(self, step: Step, party: Party) -> None:
        counters = party.core.counters()
        for name, value in step.items():
            if name not in ("do", "at"):
                self.equal(name, counters[name], value)

    def do_session(self, step: Step, party: Party) -> None:
        info = party.core.session(party.session(step.get("session")), now=self.now)
        for name, value in step.items():
            if name not in ("do", "at", "session", "error"):
                self.equal(name, getattr(info, name), value)

    def do_sessions(self, step: Step, party: Party) -> None:
        self.equal("sessions", len(party.core.sessions()), step["count"])

    def do_find(self, step: Step, party: Party) -> None:
        self.equal("session", party.core.find(bytes.fromhex(step["peer"])), None if step.get("none") else party.session(step.get("session")))

    def do_credential(self, step: Step, _: Optional[Party]) -> None:
        Credential(bytes.fromhex(step["credential"]))

    # ---- surroundings

    def do_store_fails(self, step: Step, party: Party) -> None:
        party.store.fails, party.store.last = step["on"], step.get("after", 0)

    def do_store_set(self, step: Step, party: Party) -> None:
        party.store.data[step.get("slot", 0)] = bytes.fromhex(step["stored"])

    def do_store_alter(self, step: Step, party: Party) -> None:
        for key, data in party.store.data.items():
            changed = bytearray(data)
            changed[step["byte"]] ^= step["xor"]
            party.store.data[key] = bytes(changed)

    def do_store_keep(self, step: Step, party: Party) -> None:
        party.kept[step["as"]] = dict(party.store.data)

    def do_store_put(self, step: Step, party: Party) -> None:
        party.store.data = dict(party.kept[step["from"]])

    def do_key(self, step: Step, party: Party) -> None:
        party.key_answer = step["answer"]


def main() -> int:
    failed = 0
    for scenario in load(sys.argv[1] if len(sys.argv) > 1 else None):
        lacks = [need for need in scenario.needs if need not in CAN]
        outcome, why = "pass", ""
        if lacks:
            outcome, why = "skip", ",".join(lacks)
        else:
            try:
                World(scenario).run()
            except Failed as reason:
                outcome, why = "fail", str(reason).replace("\n", " ").replace("\t", " ")
                failed += 1
        print(f"{scenario.name}\t{outcome}\t{why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
