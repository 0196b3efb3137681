"""How to reach an MQTT broker: address, protocol version, TLS, log-in, WebSocket.

Sealwire adds to the broker's own security and does not replace it: use TLS and a log-in where the broker offers them.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .errors import InvalidArgument

PathLike = Union[str, "os.PathLike[str]"]
OnMessage = Callable[[str, bytes, int, int, Optional[str]], None]
_SCHEMES = {"mqtt": (1883, False, False), "mqtts": (8883, True, False), "ws": (80, False, True), "wss": (443, True, True)}


@dataclass(frozen=True)
class Broker:
    """One broker and how to log in to it.

    `version` is "3.1.1" or "5". `tls` turns TLS on; `ca` is a PEM file of trusted roots (default: the system's),
    `certificate` and `private_key` are PEM files for a client certificate. `context` replaces all of them.
    """

    host: str
    port: Optional[int] = None
    version: str = "3.1.1"
    username: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    tls: bool = False
    ca: Optional[PathLike] = None
    certificate: Optional[PathLike] = None
    private_key: Optional[PathLike] = None
    context: Optional[ssl.SSLContext] = field(default=None, repr=False)
    websocket: bool = False
    path: str = "/mqtt"
    keepalive: int = 30
    client_id: str = ""

    def __post_init__(self) -> None:
        if self.version not in ("3.1.1", "5"):
            raise InvalidArgument(f"MQTT version {self.version!r}; it must be 3.1.1 or 5")
        if not self.host:
            raise InvalidArgument("the broker needs a host name")
        if self.private_key is not None and self.certificate is None:
            raise InvalidArgument("a private key without a client certificate")

    @classmethod
    def parse(cls, url: str, **settings: Any) -> Broker:
        """From `mqtt://[user[:password]@]host[:port]`, or `mqtts`, `ws`, `wss` (with a path); `settings` add fields."""
        if "://" not in url:
            url = f"mqtt://{url}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidArgument(f"broker address {url!r}: {error}") from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise InvalidArgument(f"broker address {url!r}; write mqtt://host:port, mqtts://, ws:// or wss://")
        _, tls, websocket = _SCHEMES[parts.scheme]
        values: dict[str, Any] = {"host": parts.hostname, "port": port, "tls": tls, "websocket": websocket}
        if parts.username is not None:
            values["username"] = unquote(parts.username)
        if parts.password is not None:
            values["password"] = unquote(parts.password)
        if websocket and parts.path not in ("", "/"):
            values["path"] = parts.path
        values.update({name: value for name, value in settings.items() if value is not None})
        return cls(**values)

    @property
    def effective_port(self) -> int:
        """The port, or the usual one for the transport."""
        if self.port is not None:
            return self.port
        scheme = {(False, False): "mqtt", (True, False): "mqtts", (False, True): "ws", (True, True): "wss"}
        return _SCHEMES[scheme[self.encrypted, self.websocket]][0]

    @property
    def encrypted(self) -> bool:
        """Whether TLS is used."""
        return self.tls or self.context is not None or self.ca is not None or self.certificate is not None

    def ssl_context(self) -> Optional[ssl.SSLContext]:
        """The TLS settings, or None without TLS."""
        if self.context is not None:
            return self.context
        if not self.encrypted:
            return None
        context = ssl.create_default_context(cafile=os.fspath(self.ca) if self.ca is not None else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            key = os.fspath(self.private_key) if self.private_key is not None else None
            context.load_cert_chain(os.fspath(self.certificate), key)
        return context

    def make(self) -> paho.Client:
        """A paho object with these settings, with manual acknowledgements, not yet connected."""
        made = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if self.version == "5" else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if self.websocket else "tcp",
            manual_ack=True,
        )
        context = self.ssl_context()
        if context is not None:
            made.tls_set_context(context)
        if self.username is not None:
            made.username_pw_set(self.username, self.password)
        if self.websocket:
            made.ws_set_options(path=self.path)
        made.reconnect_delay_set(min_delay=1, max_delay=8)
        return made


PATIENCE_S = 2.0
"""How long a broker that refuses connections is tried when a link opens."""


class Wire:
    """A connection to a broker that comes back by itself. Callbacks run in the event loop it was made in.

    `on_message(topic, payload, mid, qos, reply)` gets every message, with the Response Topic of MQTT 5 if there is one; call
    :meth:`acknowledge` once the message needs no redelivery. `on_up(again)` is called after each log-in, when the subscriptions stand.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        on_message: OnMessage,
        on_up: Optional[Callable[[bool], None]] = None,
        on_down: Optional[Callable[[str], None]] = None,
    ) -> None:
        self.broker = broker
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._filters: dict[str, int] = {}
        self._first: asyncio.Future[None] = self._loop.create_future()
        self._began = 0.0
        self._ups = 0
        self._closing = False
        self.connected = False
        self._paho = broker.make()
        self._paho.on_connect = self._connected
        self._paho.on_connect_fail = self._connect_failed
        self._paho.on_disconnect = self._disconnected
        self._paho.on_message = self._arrived
        self._paho.on_subscribe = self._subscribed
        self._awaiting: dict[int, str] = {}

    async def open(self, filters: dict[str, int], timeout: float = 15.0) -> None:
        """Connect and subscribe. Raises ConnectionError with the broker's reason, or TimeoutError."""
        self._filters = dict(filters)
        self._began = self._loop.time()
        clean: dict[str, Any] = {"clean_start": True} if self.broker.version == "5" else {}
        try:
            self._paho.connect_async(self.broker.host, self.broker.effective_port, self.broker.keepalive, **clean)
            self._paho.loop_start()
            await asyncio.wait_for(asyncio.shield(self._first), timeout)
        except asyncio.TimeoutError:
            await self.close()
            raise TimeoutError(
                f"no answer from the broker at {self.broker.host}:{self.broker.effective_port} in {timeout:g} s"
            ) from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect and end the thread."""
        self._closing = True
        if self._first.done():
            if not self._first.cancelled():
                self._first.exception()
        else:
            self._first.cancel()
        self._paho.disconnect()
        await self._loop.run_in_executor(None, self._paho.loop_stop)
        self.connected = False

    def publish(self, topic: str, payload: bytes, qos: int, reply: Optional[str] = None) -> None:
        """Send; with QoS 1 it is kept and sent again through a reconnect, with QoS 0 it is lost while disconnected.

        `reply` is the Response Topic; MQTT 3.1.1 has none.
        """
        properties: Optional[Properties] = None
        if reply is not None and self.broker.version == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic = reply
        self._paho.publish(topic, payload, qos=qos, retain=False, properties=properties)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        """Subscribe now and after every reconnect."""
        self._filters[topic] = qos
        if self.connected:
            self._paho.subscribe(topic, qos)

    def unsubscribe(self, topic: str) -> None:
        """Take a subscription back."""
        if self._filters.pop(topic, None) is not None and self.connected:
            self._paho.unsubscribe(topic)

    def acknowledge(self, mid: int, qos: int) -> None:
        """Tell the broker that the message needs no redelivery. Order follows the order of calls."""
        if qos > 0:
            self._paho.ack(mid, qos)

    # The rest runs in paho's thread and only passes things on.

    def _post(self, function: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(function, *arguments)
            except RuntimeError:
                return  # the loop closed between the check and the call: nobody is left to tell

    def _connected(self, _paho: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._post(self._refused, str(reason))
            return
        topics = [(topic, qos) for topic, qos in self._filters.items()]
        if not topics:
            self._post(self._up)
            return
        _, mid = self._paho.subscribe(topics)
        if mid is not None:
            self._awaiting[mid] = ", ".join(topic for topic, _ in topics)

    def _subscribed(self, _paho: object, _data: object, mid: int, reasons: Any, _properties: object) -> None:
        topics = self._awaiting.pop(mid, None)
        if topics is None:
            return
        if any(reason.is_failure for reason in reasons):
            self._post(self._refused, f"subscription to {topics} refused by the broker's access rules")
        else:
            self._post(self._up)

    def _connect_failed(self, _paho: object, _data: object) -> None:
        self._post(self._unreachable)

    def _disconnected(self, _paho: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self._post(self._down, str(reason))

    def _arrived(self, _paho: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._paho.ack(message.mid, message.qos)
            return
        reply = getattr(message.properties, "ResponseTopic", None) if message.properties is not None else None
        self._post(self._on_message, topic, bytes(message.payload), message.mid, message.qos, reply)

    # In the event loop.

    def _up(self) -> None:
        self.connected = True
        self._ups += 1
        if not self._first.done():
            self._first.set_result(None)
        if self._on_up is not None:
            self._on_up(self._ups > 1)

    def _down(self, reason: str) -> None:
        self.connected = False
        if self._on_down is not None and not self._closing:
            self._on_down(reason)

    def _unreachable(self) -> None:
        # One that starts at the same time gets another chance or two.
        if not self._first.done() and self._loop.time() - self._began >= PATIENCE_S:
            self._first.set_exception(
                ConnectionRefusedError(f"no broker answers at {self.broker.host}:{self.broker.effective_port}")
            )
        self._down("the broker cannot be reached")

    def _refused(self, reason: str) -> None:
        self.connected = False
        if not self._first.done():
            self._first.set_exception(ConnectionRefusedError(f"the broker refused: {reason}"))
        elif self._on_down is not None and not self._closing:
            self._on_down(reason)


__all__ = ["Broker", "Wire"]
