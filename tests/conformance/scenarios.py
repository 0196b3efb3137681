"""Reads the scenarios and the fixtures, checks their form, and gives them as lists of plain steps, or as the text that runners without JSON read.

    python tests/conformance/scenarios.py OUTPUT    writes the text form; README.md says what it looks like
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any, Dict, Iterator, List, Optional

HERE = pathlib.Path(__file__).resolve().parent
FORMAT = 1
Step = Dict[str, Any]

# ---- the form

CONFIG = {
    "identities": list, "peers": list, "anchors": list, "store": str, "authorize": str, "external_keys": bool, "suites": list, "method": int,
    "methods": list, "inbox": str, "reply_inbox": str, "mqtt": bool, "by_value": bool, "identifier_len": int, "reserve": int, "edge": int,
    "offers": bool, "command_lifetime_ms": int, "handshake_interval_ms": int, "handshake_attempts": int, "half_open_ms": int,
    "resend_interval_ms": int, "ack_delay_ms": int, "ping_after_ms": int, "silent_attempts": int, "key_update_after": int, "reconnect": bool,
    "trust_clock": bool, "start": bool, "label": str,
}
SESSION = {"session": str, "error": str}
STEPS: Dict[str, Dict[str, type]] = {
    "start": {"at": str, "sessions": int, "error": str},
    "restart": {"at": str, "sessions": int, "store": str, "error": str},
    "connect": {"at": str, "to": str, "peer": str, "error": str},
    "cancel": {"at": str, "error": str},
    "poll": {"at": str, "frame": str, "handshake": bool, "none": bool, "error": str},
    "deliver": {"to": str, "frame": str, "from": str, "topic": str, "count": int, "error": str},
    "send": {
        "at": str, "payload": str, "frame": str, "confirmable": bool, "command": bool, "topic": str, "in_place": bool, "retain": bool, "expiry_s": int,
        "content_type": str, "number": int, "origin": str, "origin_number": int, "count": int, "given": int, "capacity": int, **SESSION,
    },
    "settle": {"lose": str},
    "pass": {"ms": int, "lose": str},
    "wait": {"ms": int},
    "tick": {"at": str, "error": str},
    "commit": {"at": str, "number": int, "origin": str, "origin_number": int, **SESSION},
    "abandon": {"at": str, "number": int, **SESSION},
    "key_update": {"at": str, **SESSION},
    "close": {"at": str, **SESSION},
    "export": {"at": str, "label": int, "context": str, "length": int, "as": str, **SESSION},
    "same": {"first": str, "second": str},
    "differ": {"first": str, "second": str},
    "alter": {"frame": str, "as": str, "byte": int, "xor": int, "like": str},
    "cut": {"frame": str, "as": str, "length": int},
    "raw": {"frame": str, "bytes": str},
    "expect": {"at": str, "events": list},
    "clear": {"at": str},
    "counters": {
        "at": str, **{name: int for name in (
            "frames", "records", "malformed", "unknown_context", "decrypt_failed", "replay", "duplicate", "stale", "unsupported_option", "missing",
            "late", "handshakes", "handshakes_failed", "handshake_ignored", "evicted", "peer_errors", "unknown_context_received", "corrupt",
            "storage_failed")},
    },
    "session": {
        "at": str, "role": str, "suite": int, "epoch": int, "confirmed": bool, "unacknowledged": int, "command_ready": bool, "next_number": int,
        "peer": str, "own": str, "route": str, **SESSION,
    },
    "sessions": {"at": str, "count": int},
    "find": {"at": str, "peer": str, "none": bool, "session": str},
    "open_setup": {"at": str, "ms": int, "error": str},
    "close_setup": {"at": str, "error": str},
    "claim": {"at": str, "to": str, "device": str, "code": str, "release": str, "delegation": str, "anchor": str, "error": str},
    "sign_statement": {"at": str, "key": str, "device": str, "told": str, "epoch": int, "release": str, "delegation": str, "as": str, "error": str},
    "revoke": {"at": str, "delegate": str, "error": str},
    "reset_ownership": {"at": str, "error": str},
    "ownership": {"at": str, "epoch": int, "owner": str, "delegates": list, "none": bool},
    "standing": {"at": str, "peer": str, "is": str},
    "store_fails": {"at": str, "on": bool, "after": int},
    "store_set": {"at": str, "stored": str, "slot": int},
    "store_alter": {"at": str, "byte": int, "xor": int},
    "store_keep": {"at": str, "as": str},
    "store_put": {"at": str, "from": str},
    "random_fails": {"at": str, "on": bool},
    "key": {"at": str, "answer": str},
    "resume": {"at": str, "error": str},
    "credential": {"credential": str, "error": str},
    "header_version": {"error": str},
}
"""What each step may say; README.md says what it means."""
EVENTS: Dict[str, Dict[str, type]] = {
    "message": {
        "payload": str, "number": int, "command": bool, "topic": str, "missing": int, "late": bool, "retain": bool, "expiry_s": int, "content_type": str,
        "session": str, "peer": str, "origin": str, "origin_number": int,
    },
    "established": {"role": str, "resumed": bool, "peer": str, "as": str, "started": bool},
    "acknowledged": {"top": int, "covers": list, "misses": list, "session": str},
    "resend": {"number": int, "through": int, "session": str},
    "command_ready": {"session": str},
    "key_updated": {"epoch": int, "session": str},
    "replaced": {"old": str, "as": str},
    "closed": {"reason": str, "session": str, "peer": str, "route": str},
    "handshake_failed": {"reason": str, "route": str},
    "peer_silent": {"session": str},
    "ownership": {"session": str, "peer": str, "epoch": int, "as": str},
    "ownership_changed": {"epoch": int, "owner": str},
    "refused": {"reason": str},
}
WHO = ("peer", "own", "owner", "delegate", "device")
"""Fields that name an identity and mean its thumbprint."""
NEEDS = ("external-keys", "random", "small-buffers", "header-version", "identities", "label-by-kid")


class Wrong(Exception):
    """A scenario is not of the form."""


def _check(where: str, given: Step, known: Dict[str, type], beside: str) -> None:
    for name, value in given.items():
        if name == beside:
            continue
        if name not in known:
            raise Wrong(f"{where}: {name!r} is not known; there are {', '.join(known)}")
        if value is not None and (not isinstance(value, known[name]) or isinstance(value, bool) != (known[name] is bool)):
            raise Wrong(f"{where}: {name} is {known[name].__name__}")


class Fixtures:
    """Keys, credentials, stored sessions and frames by name."""

    def __init__(self) -> None:
        content = json.loads((HERE / "fixtures.json").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise Wrong(f"fixtures.json is of format {content['format']}")
        self.identities: Dict[str, Step] = content["identities"]
        self.codes: Dict[str, str] = content["codes"]
        self.credentials: Dict[str, str] = content["credentials"]
        self.stored: Dict[str, str] = content["stored"]
        self.frames: Dict[str, str] = content["frames"]


class Scenario:
    """One scenario, its names resolved and its macros expanded."""

    def __init__(self, group: str, given: Step, fixtures: Fixtures) -> None:
        self.name = f"{group}/{given['name']}"
        self.needs: List[str] = given.get("needs", [])
        self.network: str = given.get("network", "link")
        self.endpoints: Dict[str, Step] = {
            name: {**config, "label": fixtures.codes[config["label"]]} if "label" in config else config for name, config in given["endpoints"].items()
        }
        self.fixtures = fixtures
        _check(self.name, given, {"name": str, "needs": list, "network": str, "endpoints": dict, "steps": list}, "why")
        if self.network not in ("link", "routes", "mqtt") or not set(self.needs) <= set(NEEDS):
            raise Wrong(f"{self.name}: network or needs")
        for name, config in self.endpoints.items():
            _check(f"{self.name}: {name}", config, CONFIG, "")
            unknown = [one for one in config["identities"] + config.get("peers", []) + config.get("anchors", []) if one not in fixtures.identities]
            if unknown:
                raise Wrong(f"{self.name}: {unknown} are not in fixtures.json")
        self.steps: List[Step] = []
        for step in given["steps"]:
            for plain in self._expand(step):
                self.steps.append(self._resolve(plain))
        used = {step["frame"] for step in self.steps if "frame" in step} & set(fixtures.frames)
        self.steps[:0] = [{"do": "raw", "frame": name, "bytes": fixtures.frames[name]} for name in fixtures.frames if name in used]
        self.errors = {step["error"] for step in self.steps if "error" in step}
        events = [event for step in self.steps for event in step.get("events", [])]
        self.errors |= {event["reason"] for event in events if "reason" in event}

    @staticmethod
    def _expand(step: Step) -> Iterator[Step]:
        if "through" in step:
            plain = {name: value for name, value in step.items() if name != "through"}
            yield from ({**plain, "number": number} for number in range(step["number"], step["through"] + 1))
            return
        if step["do"] not in ("join", "own"):
            yield step
            return
        start, end = step["from"], step["to"]
        named = {"as": step["as"]} if "as" in step else {}
        if step["do"] == "own":
            yield {"do": "open_setup", "at": end}
            yield {"do": "claim", "at": start, "to": end, "code": step["code"], **({"anchor": step["anchor"]} if "anchor" in step else {})}
            yield {"do": "settle"}
            yield {"do": "expect", "at": start, "events": [{"event": "established", **named}, {"event": "ownership"}]}
            yield {"do": "expect", "at": end, "events": [{"event": "ownership_changed"}, {"event": "established", **named}]}
            return
        yield {"do": "connect", "at": start, **({"to": step["route"]} if "route" in step else {})}
        yield {"do": "settle"}
        yield {"do": "expect", "at": start, "events": [{"event": "established", "role": "initiator", "resumed": False, "started": True, **named}]}
        yield {"do": "expect", "at": end, "events": [{"event": "established", "role": "responder", "resumed": False, "started": False, **named}]}

    def _resolve(self, step: Step) -> Step:
        where = f"{self.name}: {step}"
        if step["do"] not in STEPS:
            raise Wrong(f"{where}: no such step")
        _check(where, step, STEPS[step["do"]], "do")
        for name in ("at", "to", "from"):
            if name in step and step["do"] not in ("connect", "store_put") and step[name] not in self.endpoints:
                raise Wrong(f"{where}: no endpoint {step[name]!r}")
        made = {name: value for name, value in step.items() if name != "events"}
        if "events" in step:
            made["events"] = []
            for event in step["events"]:
                _check(where, event, EVENTS[event["event"]], "event")
                for number in range(event.get("number", 0), event["through"] + 1) if "through" in event else [event.get("number")]:
                    plain = {name: value for name, value in event.items() if name != "through"}
                    made["events"].append(self._thumbprints({**plain, **({"number": number} if "number" in plain else {})}))
        if "credential" in made:
            known = self.fixtures.credentials
            name = made["credential"]
            made["credential"] = known[name] if name in known else self.fixtures.identities[name]["credential"]
        if "stored" in made:
            made["stored"] = self.fixtures.stored[made["stored"]]
        if "code" in made:
            made["code"] = self.fixtures.codes[made["code"]]
        for name in ("key", "anchor"):
            if name in made and step["do"] in ("claim", "sign_statement"):
                known = self.fixtures.identities[made.pop(name)]
                made.update({f"{name}_{part}": known[part] for part in ("kind", "private", "credential")})
        if step["do"] == "sign_statement":
            made.update({name: self.fixtures.identities[made[name]]["thumbprint"] for name in ("release", "delegation") if name in made})
        return self._thumbprints(made)

    def _thumbprints(self, given: Step) -> Step:
        def one(name: str, value: Any) -> Any:
            if name == "delegates":
                return sorted(self.fixtures.identities[who]["thumbprint"] for who in value)
            return self.fixtures.identities[value]["thumbprint"] if name in WHO and value is not None else value

        return {name: one(name, value) for name, value in given.items()}


def each(given: Step) -> Iterator[Step]:
    """The scenario, or one for each value of its parameter: `each` has a name and a list, and `$name` stands for a value."""
    if "each" not in given:
        yield given
        return
    ((parameter, values),) = given["each"].items()
    plain = {name: value for name, value in given.items() if name not in ("each", "steps")}
    for value in values:
        steps = [{key: value if field == f"${parameter}" else field for key, field in step.items()} for step in given["steps"]]
        yield {**plain, "name": f"{given['name']}, {parameter} {value}", "steps": steps}


def groups() -> List[str]:
    """The files of scenarios, in order."""
    return [path.stem for path in sorted((HERE / "scenarios").glob("*.json"))]


def load(only: Optional[str] = None) -> List[Scenario]:
    """Every scenario, or those whose name contains `only`."""
    fixtures = Fixtures()
    found: List[Scenario] = []
    for group in groups():
        content = json.loads((HERE / "scenarios" / f"{group}.json").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise Wrong(f"{group}.json is of format {content['format']}")
        found.extend(Scenario(group, given, fixtures) for one in content["scenarios"] for given in each(one))
    names = [one.name for one in found]
    if len(set(names)) != len(names):
        raise Wrong(f"two scenarios of one name: {sorted(name for name in names if names.count(name) > 1)}")
    return [one for one in found if only is None or only in one.name]


# ---- the text form

def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    text = str(value)
    if "\t" in text or "\n" in text:
        raise Wrong(f"{text!r} cannot stand in the text form")
    return text


def error_numbers() -> Dict[str, int]:
    """Every error of core/src/error.rs: its name and its number."""
    source = (HERE.parent.parent / "core/src/error.rs").read_text(encoding="utf-8")
    return {name: int(number) for number, name in re.findall(r'^    \w+ = (\d+), "([a-z0-9-]+)",', source, re.MULTILINE)}


def _line(verb: str, fields: Step) -> str:
    return "\t".join([verb, *(f"{name}={_text(value)}" for name, value in fields.items())]) + "\n"


def text_form(scenarios: List[Scenario]) -> str:
    """All of it as lines: a word, then name=value, tabs between."""
    out = [_line("format", {"number": FORMAT})]
    numbers = error_numbers()
    for one in scenarios:
        out.append(_line("scenario", {"name": one.name, "network": one.network, "needs": one.needs}))
        for name, config in one.endpoints.items():
            lists = ("identities", "peers", "anchors")
            out.append(_line("endpoint", {"name": name, **{key: value for key, value in config.items() if key not in lists}}))
            for identity in config["identities"]:
                known = one.fixtures.identities[identity]
                out.append(_line("own", {key: known[key] for key in ("kind", "private", "public", "credential")}))
            for key, word in (("peers", "peer"), ("anchors", "anchor")):
                out.extend(_line(word, {"credential": one.fixtures.identities[name]["credential"]}) for name in config.get(key, []))
        for step in one.steps:
            events = step.get("events")
            plain = {key: value for key, value in step.items() if key not in ("do", "events")}
            if "error" in plain:
                plain["error_number"] = numbers[plain["error"]]
            out.append(_line(step["do"], {**plain, **({} if events is None else {"count": len(events)})}))
            out.extend(_line("event", event) for event in events or [])
        out.append("end\n")
    return "".join(out)


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(text_form(load()), encoding="utf-8")
