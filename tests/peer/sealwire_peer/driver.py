"""A driver for interop tests: one JSON object a line on stdin, one answer a line on stdout.

    $ python -m sealwire_peer
    {"op": "hello"}
    {"ok": true, "name": "sealwire_peer", "protocol": 1, "suites": [0, 2, 3, 4]}

Byte strings are hex. Every request has ``op``; those that concern a handshake or its session
have ``id``, a name of the caller's choosing (default "0"), so one process can hold many.
An answer is ``{"ok": true, ...}`` or ``{"ok": false, "error": reason, "detail": text}``; where an
EDHOC message was refused also ``error_message`` (the EDHOC error that answers it) and, if known,
``c_x`` (whom it addresses). Reasons: malformed, not_deterministic, unsupported_method,
unsupported_suite, unknown_credential, untrusted_credential, expired_credential,
unsupported_credential, own_credential, bad_mac, bad_signature, bad_key, decrypt,
critical_ead, identifiers_equal, unsupported_option, unsupported_frame, unsupported_version,
unknown_context, stale_epoch, replay, duplicate, exhausted, close, usage.
Fields in [brackets] may be left out.

Credentials
    keygen             curve, [private] -> private, x, y, thumbprint
                       (curve: "X25519", "P-256", "Ed25519")
    make_ccs           curve, private, [subject], [kid], [alg] -> cred
    issue_cwt          alg, issuer_key, [issuer_kid], curve, private, [subject], [kid],
                       [exp], [nbf] -> cred     (alg: -8 EdDSA, -7 ES256)
    issue_certificate  alg, issuer_key, issuer, curve, private, [subject], [serial], [not_before],
                       [not_after], [ca], [path_length], [key_usage], [critical] -> cred
                       (DER; names are one commonName; ca: true, false or, left out, no
                       basicConstraints; key_usage: ["digital_signature", ...]; critical: the OID
                       of one more critical extension)
    credential         cred -> kind, x, y, kid, subject, thumbprint, thumbprint_sha256
                       A cred is CBOR, a certificate its DER, here and below.

Handshake
    initiator          suite or suites_i, cred, key, [id_by], [chain], [own_creds], [peer_creds],
                       [anchors], [now], [method], [c_i], [ephemeral], [known_ead]
    responder          suite or suites_r, cred, key, [id_by], [chain], [own_creds], [peer_creds],
                       [anchors], [now], [methods], [known_ead]
                       id_by: "kid" (default), "value", "x5t", "x5t-256"; a certificate by value
                       goes as x5chain, with those of chain above it; method: 3 unless given;
                       methods: [3] unless given; own_creds: credentials of one's own besides cred,
                       which a peer must not show either
                       anchors: [{"cose_key": hex, "kid": hex, ["purposes": [text]]}], or "cert", a
                       authority's certificate, instead of cose_key; kid is for CWTs
                       known_ead: {"1": [labels], ...}: which labels are understood in EAD_n;
                       default the inbox items of PROTOCOL §4.1
                       ephemeral: a fixed ephemeral private key, for deterministic runs
    message_1          [ead_1] -> message, frame
    process_message_1  message or frame -> method, suite, c_i, ead_1
    message_2          c_r, [ead_2], [ephemeral] -> message, frame
    process_message_2  message or frame -> c_r, ead_2, peer
    message_3          [ead_3] -> message, frame
    process_message_3  message or frame -> ead_3, peer
    message_4          [ead_4] -> message, frame
    process_message_4  message or frame -> ead_4
                       EAD items are [label as on the wire, hex or null]; peer is what
                       "credential" answers, and cred. A frame's identifier is checked.
    values             -> values: every intermediate value so far, by RFC 9528's name
    exporter           label, [context], length -> output
    parse_error        message -> code, info

Session (from the end of the handshake on; §5)
    session            -> sid, send_epoch, epochs, thumbprint, peer_thumbprint
    keys               [epoch] -> master_secret, master_salt, sender_id, recipient_id,
                       sender_key, recipient_key, common_iv, prk_out
    protect            payload, [options], [number], [topic], [piv], [epoch] -> record
    protect_plaintext  plaintext, [confirmable], [with_options], [topic], [piv], [epoch] -> record
    unprotect          record, [topic] -> payload, number, options, piv, epoch, missing, late
                       options are {"key": value}; byte strings hex, key 13 text
    key_update         n_a, n_b -> epoch, prk_out   (starts to receive under the new epoch)
    send_epoch         epoch      what protect uses from now on
    drop_epoch         epoch
    restore_edge       edge, [epoch]    as after a restart: everything up to edge is Replay

Frames and links
    parse_frame        frame, identifier_length -> kind, identifier, body
    uart_encode        frame -> data
    uart_decode        data -> frames, dropped      (keeps state by id)
    stream_encode      frame -> data
    stream_decode      data, [limit] -> frames      (keeps state by id)

    forget             drops what "id" holds
    quit               ends the process (so does the end of stdin)
"""

from __future__ import annotations

import json
import sys
from typing import AbstractSet, Any, Callable, Dict, List, Optional, TextIO, Union

from . import cbor, certificate, cose, frame, link, record, suites
from .cose import Credential, Store, TrustAnchor
from .edhoc import Initiator, Own, Responder
from .errors import PeerError
from .wire import Ead, parse_error

Request = Dict[str, Any]
Answer = Dict[str, Any]

_CURVES = {"X25519": suites.X25519, "P-256": suites.P256, "Ed25519": suites.ED25519}
_FRAME_KINDS = {1: frame.MESSAGE_1, 2: frame.MESSAGE_2, 3: frame.MESSAGE_3, 4: frame.MESSAGE_4}


def _hex(request: Request, name: str) -> bytes:
    value = request.get(name)
    if not isinstance(value, str):
        raise PeerError("usage", f"{name}: hex expected")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise PeerError("usage", f"{name}: not hex") from None


def _hex_or(request: Request, name: str, default: Optional[bytes] = None) -> Optional[bytes]:
    return default if request.get(name) is None else _hex(request, name)


def _curve(request: Request) -> int:
    curve = _CURVES.get(request.get("curve", ""))
    if curve is None:
        raise PeerError("usage", f"curve: one of {', '.join(_CURVES)}")
    return curve


def _ead(request: Request, name: str) -> List[Ead]:
    items = request.get(name) or []
    return [(int(label), None if value is None else bytes.fromhex(value)) for label, value in items]


def _ead_json(items: List[Ead]) -> List[Any]:
    return [[label, None if value is None else value.hex()] for label, value in items]


def options_from_json(options: Dict[str, Any]) -> Dict[int, Any]:
    """Options as the driver takes them: hex where the table of §5.3 has byte strings."""

    def value_of(value: Any) -> Any:
        if isinstance(value, str):
            return bytes.fromhex(value)
        if isinstance(value, list):
            return [value_of(item) for item in value]
        return value

    return {
        int(key): value if int(key) == record.CONTENT_TYPE else value_of(value) for key, value in options.items()
    }


def options_to_json(options: Dict[int, Any]) -> Dict[str, Any]:
    """The reverse of ``options_from_json``."""

    def value_of(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, list):
            return [value_of(item) for item in value]
        return value

    return {str(key): value_of(value) for key, value in options.items()}


def _credential_json(credential: Credential) -> Answer:
    key = credential.key
    return {
        "cred": (credential.item if credential.certificate is None else credential.certificate.der).hex(),
        "kind": credential.kind,
        "x": key.x.hex(),
        "y": None if key.y is None else key.y.hex(),
        "kid": None if key.kid is None else key.kid.hex(),
        "subject": credential.subject,
        "thumbprint": key.thumbprint().hex(),
        "thumbprint_sha256": key.thumbprint_256().hex(),
    }


def _anchor(given: Request) -> TrustAnchor:
    if given.get("cert") is None:
        key = cose.parse_key(cbor.decode(_hex(given, "cose_key")))
    else:
        key = certificate.anchor_key(_hex(given, "cert"))
    purposes = frozenset(given.get("purposes", ["identity"]))
    return TrustAnchor(key, _hex_or(given, "kid", b"") or b"", purposes)


class Driver:
    """Holds the handshakes and sessions of one process; ``answer`` does one request."""

    def __init__(self) -> None:
        self._handshakes: Dict[str, Union[Initiator, Responder]] = {}
        self._sessions: Dict[str, record.Session] = {}
        self._uart: Dict[str, link.UartDecoder] = {}
        self._stream: Dict[str, link.StreamDecoder] = {}
        self._operations: Dict[str, Callable[[Request], Answer]] = {
            name[4:]: getattr(self, name) for name in dir(self) if name.startswith("_op_")
        }

    def answer(self, request: Any) -> Answer:
        """The answer to one request; never raises for what a request can hold."""
        try:
            if not isinstance(request, dict) or request.get("op") not in self._operations:
                raise PeerError("usage", "no such op")
            return {"ok": True, **self._operations[request["op"]](request)}
        except PeerError as error:
            refused: Answer = {"ok": False, "error": error.reason, "detail": error.detail}
            if error.error_message is not None:
                refused["error_message"] = error.error_message.hex()
            if error.c_x is not None:
                refused["c_x"] = error.c_x.hex()
            return refused
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return {"ok": False, "error": "usage", "detail": f"{type(error).__name__}: {error}"}

    # Lookups

    @staticmethod
    def _id(request: Request) -> str:
        return str(request.get("id", "0"))

    def _handshake(self, request: Request) -> Union[Initiator, Responder]:
        found = self._handshakes.get(self._id(request))
        if found is None:
            raise PeerError("usage", "no handshake of this id")
        return found

    def _initiator(self, request: Request) -> Initiator:
        found = self._handshake(request)
        if not isinstance(found, Initiator):
            raise PeerError("usage", "this id is a responder")
        return found

    def _responder(self, request: Request) -> Responder:
        found = self._handshake(request)
        if not isinstance(found, Responder):
            raise PeerError("usage", "this id is an initiator")
        return found

    def _session(self, request: Request) -> record.Session:
        name = self._id(request)
        if name not in self._sessions:
            self._sessions[name] = record.Session.of(self._handshake(request))
        return self._sessions[name]

    # Credentials

    def _op_hello(self, _: Request) -> Answer:
        return {"name": "sealwire_peer", "protocol": 1, "suites": sorted(suites.SUITES)}

    def _op_keygen(self, request: Request) -> Answer:
        curve = _curve(request)
        private = _hex_or(request, "private") or suites.random_private(curve)
        key = cose.key_from_private(curve, private)
        return {
            "private": private.hex(),
            "x": key.x.hex(),
            "y": None if key.y is None else key.y.hex(),
            "thumbprint": key.thumbprint().hex(),
        }

    def _op_make_ccs(self, request: Request) -> Answer:
        kid, alg = _hex_or(request, "kid"), request.get("alg")
        key = cose.key_from_private(_curve(request), _hex(request, "private"), kid, alg)
        return {"cred": cose.make_ccs(request.get("subject"), key).hex()}

    def _op_issue_cwt(self, request: Request) -> Answer:
        key = cose.key_from_private(_curve(request), _hex(request, "private"), _hex_or(request, "kid"))
        claims: Dict[int, Any] = {8: {1: key.to_map()}}
        for label, name in ((2, "subject"), (4, "exp"), (5, "nbf")):
            if request.get(name) is not None:
                claims[label] = request[name]
        issuer_kid = _hex_or(request, "issuer_kid")
        return {"cred": cose.issue_cwt(int(request["alg"]), _hex(request, "issuer_key"), issuer_kid, claims).hex()}

    def _op_issue_certificate(self, request: Request) -> Answer:
        key = cose.key_from_private(_curve(request), _hex(request, "private"))
        optional = ("serial", "not_before", "not_after", "ca", "path_length", "key_usage", "critical")
        der = certificate.issue(
            int(request["alg"]),
            _hex(request, "issuer_key"),
            str(request["issuer"]),
            key,
            request.get("subject"),
            **{name: request[name] for name in optional if request.get(name) is not None},
        )
        return {"cred": der.hex()}

    def _op_credential(self, request: Request) -> Answer:
        return _credential_json(cose.parse_credential(_hex(request, "cred")))

    # Handshake

    def _own(self, request: Request) -> Own:
        return Own(
            cose.parse_credential(_hex(request, "cred")),
            _hex(request, "key"),
            request.get("id_by", "kid"),
            tuple(bytes.fromhex(der) for der in request.get("chain", [])),
            tuple(cose.parse_credential(bytes.fromhex(item)) for item in request.get("own_creds", [])),
        )

    def _store(self, request: Request) -> Store:
        known = [cose.parse_credential(bytes.fromhex(item)) for item in request.get("peer_creds", [])]
        return Store(known, [_anchor(given) for given in request.get("anchors", [])], request.get("now"))

    @staticmethod
    def _known_ead(request: Request) -> Optional[Dict[int, AbstractSet[int]]]:
        given = request.get("known_ead")
        return None if given is None else {int(place): frozenset(labels) for place, labels in given.items()}

    @staticmethod
    def _suites(request: Request, plural: str) -> List[int]:
        chosen = request.get(plural) or [request["suite"]]
        if any(number not in suites.SUITES for number in chosen[-1:]):
            raise PeerError("usage", "a suite this peer does not have")
        return [int(number) for number in chosen]

    def _op_initiator(self, request: Request) -> Answer:
        self._op_forget(request)
        self._handshakes[self._id(request)] = Initiator(
            self._own(request),
            self._store(request),
            self._suites(request, "suites_i"),
            int(request.get("method", 3)),
            _hex_or(request, "c_i", b"\x00") or b"",
            _hex_or(request, "ephemeral"),
            self._known_ead(request),
        )
        return {}

    def _op_responder(self, request: Request) -> Answer:
        self._op_forget(request)
        self._handshakes[self._id(request)] = Responder(
            self._own(request),
            self._store(request),
            self._suites(request, "suites_r"),
            request.get("methods", [3]),
            self._known_ead(request),
        )
        return {}

    @staticmethod
    def _composed(message: bytes, n: int, identifier: bytes) -> Answer:
        return {"message": message.hex(), "frame": frame.compose(_FRAME_KINDS[n], identifier, message).hex()}

    @staticmethod
    def _received(request: Request, n: int, identifier: bytes) -> bytes:
        """The message given, out of its frame if it came in one."""
        if request.get("frame") is None:
            return _hex(request, "message")
        kind, addressee, body = frame.parse(_hex(request, "frame"), len(identifier))
        if kind != f"message_{n}":
            raise PeerError("malformed", f"a frame of {kind}")
        if addressee != identifier:
            raise PeerError("unknown_context", "the frame is for another identifier")
        return body

    @staticmethod
    def _peer(handshake: Union[Initiator, Responder]) -> Answer:
        assert handshake.peer is not None
        return _credential_json(handshake.peer)

    def _op_message_1(self, request: Request) -> Answer:
        return self._composed(self._initiator(request).message_1(_ead(request, "ead_1")), 1, b"")

    def _op_process_message_1(self, request: Request) -> Answer:
        responder = self._responder(request)
        responder.process_message_1(self._received(request, 1, b""))
        return {
            "method": responder.method,
            "suite": responder.suite.number,
            "c_i": responder.c_i.hex(),
            "ead_1": _ead_json(responder.peer_ead[1]),
        }

    def _op_message_2(self, request: Request) -> Answer:
        responder = self._responder(request)
        ephemeral = _hex_or(request, "ephemeral")
        message = responder.message_2(_hex(request, "c_r"), _ead(request, "ead_2"), ephemeral)
        return self._composed(message, 2, responder.c_i)

    def _op_process_message_2(self, request: Request) -> Answer:
        initiator = self._initiator(request)
        initiator.process_message_2(self._received(request, 2, initiator.c_i))
        ead = _ead_json(initiator.peer_ead[2])
        return {"c_r": initiator.c_r.hex(), "ead_2": ead, "peer": self._peer(initiator)}

    def _op_message_3(self, request: Request) -> Answer:
        initiator = self._initiator(request)
        return self._composed(initiator.message_3(_ead(request, "ead_3")), 3, initiator.c_r)

    def _op_process_message_3(self, request: Request) -> Answer:
        responder = self._responder(request)
        responder.process_message_3(self._received(request, 3, responder.c_r))
        return {"ead_3": _ead_json(responder.peer_ead[3]), "peer": self._peer(responder)}

    def _op_message_4(self, request: Request) -> Answer:
        responder = self._responder(request)
        return self._composed(responder.message_4(_ead(request, "ead_4")), 4, responder.c_i)

    def _op_process_message_4(self, request: Request) -> Answer:
        initiator = self._initiator(request)
        initiator.process_message_4(self._received(request, 4, initiator.c_i))
        return {"ead_4": _ead_json(initiator.peer_ead[4])}

    def _op_values(self, request: Request) -> Answer:
        return {"values": {name: value.hex() for name, value in self._handshake(request).values.items()}}

    def _op_exporter(self, request: Request) -> Answer:
        context = _hex_or(request, "context", b"") or b""
        output = self._handshake(request).exporter(int(request["label"]), context, int(request["length"]))
        return {"output": output.hex()}

    def _op_parse_error(self, request: Request) -> Answer:
        code, info = parse_error(_hex(request, "message"))
        return {"code": code, "info": info}

    # Session

    def _op_session(self, request: Request) -> Answer:
        session = self._session(request)
        return {
            "sid": session.sid.hex(),
            "send_epoch": session.send_epoch,
            "epochs": session.epochs,
            "thumbprint": session.own_thumbprint.hex(),
            "peer_thumbprint": session.peer_thumbprint.hex(),
        }

    def _op_keys(self, request: Request) -> Answer:
        session = self._session(request)
        epoch = int(request.get("epoch", session.send_epoch))
        keys = session.keys(epoch)
        names = "master_secret master_salt sender_id recipient_id sender_key recipient_key common_iv".split()
        return {"prk_out": session.prk_out(epoch).hex(), **{name: getattr(keys, name).hex() for name in names}}

    def _op_protect(self, request: Request) -> Answer:
        sealed = self._session(request).protect(
            _hex(request, "payload"),
            options_from_json(request.get("options") or {}),
            request.get("number"),
            request.get("topic"),
            request.get("piv"),
            request.get("epoch"),
        )
        return {"record": sealed.hex()}

    def _op_protect_plaintext(self, request: Request) -> Answer:
        sealed = self._session(request).protect_plaintext(
            _hex(request, "plaintext"),
            bool(request.get("confirmable", False)),
            bool(request.get("with_options", False)),
            request.get("topic"),
            request.get("piv"),
            request.get("epoch"),
        )
        return {"record": sealed.hex()}

    def _op_unprotect(self, request: Request) -> Answer:
        message = self._session(request).unprotect(_hex(request, "record"), request.get("topic"))
        return {
            "payload": message.payload.hex(),
            "number": message.number,
            "options": options_to_json(message.options),
            "piv": message.piv,
            "epoch": message.epoch,
            "missing": message.missing,
            "late": message.late,
        }

    def _op_key_update(self, request: Request) -> Answer:
        session = self._session(request)
        epoch = session.key_update(_hex(request, "n_a"), _hex(request, "n_b"))
        return {"epoch": epoch, "prk_out": session.prk_out(epoch).hex()}

    def _op_send_epoch(self, request: Request) -> Answer:
        session = self._session(request)
        session.keys(int(request["epoch"]))
        session.send_epoch = int(request["epoch"])
        return {}

    def _op_drop_epoch(self, request: Request) -> Answer:
        self._session(request).drop_epoch(int(request["epoch"]))
        return {}

    def _op_restore_edge(self, request: Request) -> Answer:
        session = self._session(request)
        session.restore_edge(int(request.get("epoch", session.send_epoch)), int(request["edge"]))
        return {}

    # Frames and links

    def _op_parse_frame(self, request: Request) -> Answer:
        kind, identifier, body = frame.parse(_hex(request, "frame"), int(request["identifier_length"]))
        return {"kind": kind, "identifier": identifier.hex(), "body": body.hex()}

    def _op_uart_encode(self, request: Request) -> Answer:
        return {"data": link.uart_encode(_hex(request, "frame")).hex()}

    def _op_uart_decode(self, request: Request) -> Answer:
        decoder = self._uart.setdefault(self._id(request), link.UartDecoder())
        frames = decoder.feed(_hex(request, "data"))
        return {"frames": [found.hex() for found in frames], "dropped": decoder.dropped}

    def _op_stream_encode(self, request: Request) -> Answer:
        return {"data": link.stream_encode(_hex(request, "frame")).hex()}

    def _op_stream_decode(self, request: Request) -> Answer:
        limit = int(request.get("limit", 0xFFFF))
        decoder = self._stream.setdefault(self._id(request), link.StreamDecoder(limit))
        return {"frames": [found.hex() for found in decoder.feed(_hex(request, "data"))]}

    def _op_forget(self, request: Request) -> Answer:
        name = self._id(request)
        self._handshakes.pop(name, None)
        self._sessions.pop(name, None)
        self._uart.pop(name, None)
        self._stream.pop(name, None)
        return {}


def main(source: Optional[TextIO] = None, sink: Optional[TextIO] = None) -> int:
    """Reads requests until the end of input or ``quit``."""
    source, sink = source or sys.stdin, sink or sys.stdout
    driver = Driver()
    for line in source:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
        except ValueError as error:
            request, answer = {}, {"ok": False, "error": "usage", "detail": f"not JSON: {error}"}
        else:
            quitting = isinstance(request, dict) and request.get("op") == "quit"
            answer = {"ok": True} if quitting else driver.answer(request)
        print(json.dumps(answer), file=sink, flush=True)
        if isinstance(request, dict) and request.get("op") == "quit":
            break
    return 0
