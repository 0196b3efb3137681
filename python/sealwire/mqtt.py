"""An endpoint on an MQTT broker, for asyncio.

A :class:`Link` joins one endpoint to one broker: it subscribes to the endpoint's inbox, runs handshakes, sends and
receives records, sends again what was not acknowledged, and comes back by itself when the broker restarts. The broker
sees ciphertext only.

    async with Link.of(sensor, "mqtt://localhost", realm="plant7", peers=[hub_credential]) as link:
        hub = await link.connect("hub")
        await hub.publish("line/1/temperature", b"21.5")      # in place: on that topic, protected
        await hub.send("report", b"...")                      # addressed: to the hub's inbox, topic name encrypted too
        async for message in link.messages():
            print(message.topic, message.payload)
            message.commit()                                   # only now is it acknowledged, to the sender and the broker
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import AsyncIterator, Callable, ContextManager, Deque, Dict, Iterator, List, Optional, Sequence, Set, Tuple, Type, Union

from . import _sealwire as core
from .broker import Broker, Wire
from .events import Event as CoreEvent
from .errors import Busy, InvalidArgument, NoOffer, NoSpace, SealwireError, UnknownSession, WindowFull, WrongState
from .frames import valid_inbox
from .identity import Identity
from .link_values import Event, Message, Receipt, Refused, Unacknowledged
from .store import Store

Handler = Callable[[Event], None]
MAX_WAITING = 10_000
HEAL_AGAIN_S = 60.0
ANSWERS = (2, 4)
"""First bytes of what a Responder answers: message_2 and message_4."""
FLUSH_MS = 100
"""Longer than an acknowledgement waits for a record to ride on."""


class Session:
    """A session with an authenticated peer. It follows the peer: when a newer session replaces it, it sends there."""

    def __init__(self, link: "Link", handle: int, peer: bytes) -> None:
        self.link = link
        self.handle = handle
        self.peer = peer
        self.open = True

    async def send(
        self,
        topic: str,
        payload: bytes,
        *,
        confirmable: bool = True,
        content_type: Optional[str] = None,
        expiry_s: Optional[int] = None,
    ) -> Receipt:
        """Send to the peer's inbox; the broker learns neither topic nor payload. Waits while 64 are unacknowledged."""
        return await self.link._send(self, topic, payload, confirmable=confirmable, content_type=content_type, expiry_s=expiry_s)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        confirmable: bool = True,
        content_type: Optional[str] = None,
        expiry_s: Optional[int] = None,
    ) -> Receipt:
        """Publish protected on the application's own topic (relative to the realm), for this peer to read."""
        return await self.link._send(
            self, topic, payload, in_place=True, confirmable=confirmable, content_type=content_type, expiry_s=expiry_s
        )

    async def command(self, topic: str, payload: bytes, *, timeout: float = 30.0) -> Receipt:
        """Send a command, which the peer obeys only while it is fresh. Waits for the peer's offer. Raises NoOffer."""
        return await self.link._command(self, topic, payload, timeout)

    def info(self) -> core.SessionInfo:
        """State of the session; no secrets."""
        return self.link.endpoint.session(self.handle)

    def update_keys(self) -> None:
        """Ask for new keys; the event KeyUpdated follows."""
        self.link.endpoint.key_update(self.handle)
        self.link.pump()

    def export(self, label: int, context: bytes, length: int) -> bytes:
        """Key material for the application (EDHOC exporter); labels 33000 and above."""
        return self.link.endpoint.export(self.handle, label, context, length)

    def close(self) -> None:
        """End the session here and erase its keys."""
        self.link._close_session(self)


class Link:
    """Joins one endpoint to one broker. Use it as an async context manager, from one event loop.

    `subscriptions` are topic filters relative to the realm for records in place. `bridge_prefix` is what a bridge puts
    before every topic on this broker. `transaction` gives a context in which a frame and the events it causes are handled, such as
    `SqliteStore.transaction`; `handler` is called inside it, and nothing is sent before it has ended. Without a
    handler, events are read with :meth:`events` or :meth:`messages`.
    """

    def __init__(
        self,
        endpoint: core.Endpoint,
        broker: Union[Broker, str],
        *,
        realm: str,
        inbox: str,
        subscriptions: Sequence[str] = (),
        bridge_prefix: str = "",
        handler: Optional[Handler] = None,
        transaction: Optional[Callable[[], ContextManager[object]]] = None,
    ) -> None:
        if not realm or realm.startswith("/") or realm.endswith("/") or set(realm) & set("+#"):
            raise InvalidArgument(f"realm {realm!r}: a topic name without wildcards and outer slashes")
        if set(bridge_prefix) & set("+#"):
            raise InvalidArgument("the bridge prefix cannot hold wildcards")
        self.endpoint = endpoint
        self.broker = Broker.parse(broker) if isinstance(broker, str) else broker
        self.realm = realm
        self.inbox = inbox
        self.dropped = 0
        self._root = f"{bridge_prefix}{realm}/"
        self._subscriptions = list(subscriptions)
        self._handler = handler
        self._transaction = transaction if transaction is not None else nullcontext
        self._sessions: Dict[int, Session] = {}
        self._sent: Dict[int, Dict[int, Unacknowledged]] = {}
        self._pubacks: Deque[Tuple[int, int, Optional[Tuple[int, int]]]] = deque()
        self._handshakes: Dict[int, "asyncio.Future[Session]"] = {}
        self._events: Deque[Event] = deque()
        self._depth = 0
        self._outbox: List[Tuple[str, bytes, int]] = []
        self._healing: Dict[str, bytes] = {}
        self._claimed: Set[bytes] = set()
        # Made when the link opens: before CPython 3.10 an event belongs to the loop it was made in.
        self._arrival: asyncio.Event
        self._changed: asyncio.Event
        self._opened = False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._failure: Optional[BaseException] = None
        self._refusal: Optional[SealwireError] = None
        self._wire: Optional[Wire] = None
        self._closed = False

    @classmethod
    def of(
        cls,
        identity: Identity,
        broker: Union[Broker, str],
        *,
        realm: str,
        peers: Sequence[core.Credential] = (),
        anchors: Sequence[core.TrustAnchor] = (),
        store: Optional[Store] = None,
        offers: bool = False,
        method: int = 3,
        by_value: bool = False,
        subscriptions: Sequence[str] = (),
        bridge_prefix: str = "",
    ) -> "Link":
        """A link with an endpoint of its own; the inbox is the subject of the credential. `offers`: take commands. `method`, `by_value`: as
        for :class:`sealwire.Endpoint`; a signing identity begins with method 1 where the peer has a static Diffie-Hellman key, else 0.
        """
        endpoint = core.Endpoint(
            [(identity.credential, identity.key)],
            peers=list(peers),
            anchors=list(anchors),
            store=store,
            inbox=identity.name,
            mqtt=True,
            identifier_len=2,
            offers=offers,
            method=method,
            by_value=by_value,
        )
        return cls(
            endpoint, broker, realm=realm, inbox=identity.name, subscriptions=subscriptions, bridge_prefix=bridge_prefix
        )

    # ---- life

    async def __aenter__(self) -> "Link":
        await self.open()
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def open(self, timeout: float = 15.0) -> None:
        """Log in to the broker, subscribe, and take up stored sessions. Raises ConnectionError or TimeoutError."""
        if self._wire is not None:
            raise WrongState("the link is open")
        self._arrival, self._changed, self._opened = asyncio.Event(), asyncio.Event(), True
        with self.scope():
            self.endpoint.restore()
            self._drain()
        self._wire = Wire(self.broker, on_message=self._arrived, on_up=self._up)
        filters = {f"{self._root}in/{self.inbox}": 1}
        filters.update({f"{self._root}{topic}": 1 for topic in self._subscriptions})
        try:
            await self._wire.open(filters, timeout)
        except BaseException:
            self._wire = None
            raise
        self.pump()

    async def close(self) -> None:
        """Leave the broker; sessions stay in the store. Acknowledgements that wait for a record to ride on are sent."""
        if not self._closed and self.connected:
            self._quietly(self._flush)
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wire is not None:
            await self._wire.close()
            self._wire = None
        for waiting in self._handshakes.values():
            waiting.cancel()
        for messages in self._sent.values():
            for message in messages.values():
                message.done.cancel()
        if self._opened:
            self._arrival.set()
            self._changed.set()

    def _flush(self) -> None:
        with self.scope():
            self.endpoint.handle_timeout(now=self.endpoint.now() + FLUSH_MS)
        self.pump()

    @property
    def connected(self) -> bool:
        """Whether the broker is reachable at the moment."""
        return self._wire is not None and self._wire.connected

    # ---- use

    async def connect(self, inbox: str, *, peer: Optional[bytes] = None, timeout: float = 30.0) -> Session:
        """Handshake with the endpoint behind `inbox`; with `peer` only that identity will do.

        Raises the typed reason, also if an answer was refused here, HandshakeFailed when nobody answered, or TimeoutError.
        """
        return await self._established(lambda: self.endpoint.connect(inbox, peer=peer), inbox, timeout)

    async def claim(
        self,
        inbox: str,
        device: bytes,
        *,
        secret: Optional[bytes] = None,
        release: Optional[bytes] = None,
        delegation: Optional[bytes] = None,
        anchor: Optional[core.Key] = None,
        timeout: float = 30.0,
    ) -> Session:
        """Handshake with the device behind `inbox`, of which only its thumbprint is known, to be let in as for :meth:`sealwire.Endpoint.claim`.
        It goes on until the device's button is pressed, as long as the endpoint repeats its messages. What an owner is told is the event
        `Ownership`.

        Raises PeerError when the device refused, and otherwise as :meth:`connect`.
        """
        session = await self._established(
            lambda: self.endpoint.claim(device, route=inbox, secret=secret, release=release, delegation=delegation, anchor=anchor),
            inbox,
            timeout,
        )
        self._claimed.add(session.peer)
        return session

    async def _established(self, start: Callable[[], int], inbox: str, timeout: float) -> Session:
        self._check()
        self._refusal = None
        handshake = start()
        waiting: "asyncio.Future[Session]" = asyncio.get_running_loop().create_future()
        self._handshakes[handshake] = waiting
        self.pump()
        try:
            return await asyncio.wait_for(waiting, timeout)
        except asyncio.TimeoutError:
            if self._refusal is not None:
                # Not at once: anybody can send an answer that is refused before the right one comes.
                raise self._refusal from None
            raise TimeoutError(f"no session with {inbox} in {timeout:g} s; is it running, and do both ends know each other?") from None
        except asyncio.CancelledError:
            self._check()
            raise
        finally:
            self._handshakes.pop(handshake, None)

    def sessions(self) -> List[Session]:
        """The sessions that can send."""
        return [session for session in set(self._sessions.values()) if session.open]

    def session_with(self, peer: bytes) -> Optional[Session]:
        """The session with a peer, if there is one."""
        return next((session for session in self.sessions() if session.peer == peer), None)

    async def subscribe(self, topic: str) -> None:
        """Subscribe to a topic filter relative to the realm, for records in place."""
        if self._wire is None:
            raise WrongState("the link is not open")
        self._subscriptions.append(topic)
        self._wire.subscribe(f"{self._root}{topic}")

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens, in order, until the link is closed."""
        while True:
            while self._events:
                yield self._events.popleft()
            self._check()
            if self._closed:
                return
            self._arrival.clear()
            await self._arrival.wait()

    async def messages(self) -> AsyncIterator[Message]:
        """Only the messages."""
        async for event in self.events():
            if isinstance(event, Message):
                yield event

    def commit(self, message: Message) -> None:
        """See :meth:`Message.commit`."""
        if message.number is None:
            return
        with self.scope():
            try:
                self.endpoint.commit(message.handle, message.number, origin=message.origin)
            except UnknownSession:
                pass  # the session ended meanwhile; the message comes again under its successor
            key = (message.handle, message.number)
            self._pubacks = deque((mid, qos, None if waits_for == key else waits_for) for mid, qos, waits_for in self._pubacks)
        if not self._depth:
            asyncio.get_running_loop().call_soon(self._quietly, self.pump)

    def pump(self) -> None:
        """Send what the endpoint has to send, and set the timer. Called by itself; harmless at any time."""
        wire = self._wire
        if wire is None or self._closed:
            return
        if self._depth:
            return  # the scope that is open pumps when it ends
        while True:
            with self.scope():
                self._collect()
                self._drain()
            if not self._outbox:
                break
            outbox, self._outbox = self._outbox, []
            for topic, frame, qos in outbox:
                wire.publish(topic, frame, qos, f"{self._root}in/{self.inbox}")
        self._flush_pubacks()
        due = self.endpoint.poll_timeout()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max(0.0, (due - self.endpoint.now()) / 1000)
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _collect(self) -> None:
        while True:
            transmit = self.endpoint.poll_transmit()
            if transmit is None:
                return
            route = transmit.route.decode("ascii")
            if route:
                self._outbox.append((f"{self._root}in/{route}", transmit.frame, 1 if transmit.handshake else 0))

    # ---- sending

    def try_send(
        self,
        session: Session,
        topic: str,
        payload: bytes,
        *,
        in_place: bool = False,
        confirmable: bool = True,
        command: bool = False,
        content_type: Optional[str] = None,
        expiry_s: Optional[int] = None,
    ) -> Receipt:
        """Send without waiting; for handlers and transactions. Raises WindowFull, NoOffer or another typed error."""
        self._check()
        if not session.open:
            raise UnknownSession("the session has ended")
        message = self._unacknowledged(payload, topic, in_place, command, content_type, expiry_s)
        number = self._protect(session.handle, message, confirmable, None)
        if number is None:
            message.done.cancel()
            receipt = Receipt(session.handle, None, None)
        else:
            self._sent.setdefault(session.handle, {})[number] = message
            receipt = Receipt(session.handle, number, message.done)
        self.pump()
        return receipt

    def adopt(
        self, session: Session, number: int, topic: str, payload: bytes, *, in_place: bool = False, command: bool = False
    ) -> Receipt:
        """Take over a message that was sent before a restart and is not acknowledged: it is sent again when that is due."""
        message = self._unacknowledged(payload, topic, in_place, command, None, None)
        self._sent.setdefault(session.handle, {})[number] = message
        return Receipt(session.handle, number, message.done)

    def _unacknowledged(
        self, payload: bytes, topic: str, in_place: bool, command: bool, content_type: Optional[str], expiry_s: Optional[int]
    ) -> Unacknowledged:
        done: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        return Unacknowledged(bytes(payload), topic, in_place, command, False, expiry_s, content_type, None, done)

    async def _send(
        self,
        session: Session,
        topic: str,
        payload: bytes,
        *,
        in_place: bool = False,
        confirmable: bool = True,
        command: bool = False,
        content_type: Optional[str] = None,
        expiry_s: Optional[int] = None,
    ) -> Receipt:
        while True:
            try:
                return self.try_send(
                    session,
                    topic,
                    payload,
                    in_place=in_place,
                    confirmable=confirmable,
                    command=command,
                    content_type=content_type,
                    expiry_s=expiry_s,
                )
            except WindowFull:
                self._changed.clear()
                await self._changed.wait()

    async def _command(self, session: Session, topic: str, payload: bytes, timeout: float) -> Receipt:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            try:
                return await self._send(session, topic, payload, command=True)
            except NoOffer:
                self.pump()
                left = deadline - loop.time()
                if left <= 0:
                    raise
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), min(left, 1.0))
                except asyncio.TimeoutError:
                    continue

    def _protect(self, handle: int, message: Unacknowledged, confirmable: bool, number: Optional[int]) -> Optional[int]:
        sent = self.endpoint.send(
            handle,
            message.payload,
            topic=message.topic if message.topic or message.in_place else None,
            in_place=message.in_place,
            command=message.command,
            confirmable=confirmable,
            retain=message.retain,
            expiry_s=message.expiry_s,
            content_type=message.content_type,
            number=number,
            origin=message.origin,
        )
        place = message.topic if message.in_place else f"in/{sent.route.decode('ascii')}"
        self._outbox.append((f"{self._root}{place}", sent.frame, 1 if confirmable else 0))
        return sent.number

    def _resend(self, handle: int, number: int) -> None:
        message = self._sent.get(handle, {}).get(number)
        if message is None:
            return
        try:
            self._protect(handle, message, True, number)
        except NoOffer:
            return  # the endpoint has asked for an offer and will report Resend again
        except SealwireError as error:
            if not message.done.done():
                message.done.set_exception(error)

    def _close_session(self, session: Session) -> None:
        if session.open:
            session.open = False
            try:
                self.endpoint.close(session.handle)
            except UnknownSession:
                pass  # it had ended at this moment
            self._forget(session.handle, UnknownSession("the session was closed"))
            self.pump()

    # ---- receiving

    def _arrived(self, topic: str, frame: bytes, mid: int, qos: int, reply: Optional[str]) -> None:
        if not self._closed:
            self._quietly(lambda: self._handle(topic, frame, mid, qos, reply))

    def _quietly(self, work: Callable[[], None]) -> None:
        """For callbacks of the event loop: a failure of the store has been noted for whoever reads events."""
        if self._failure is None:
            try:
                work()
            except Exception as error:
                if self._failure is not error:
                    raise

    def _handle(self, topic: str, frame: bytes, mid: int, qos: int, reply: Optional[str]) -> None:
        relative = topic[len(self._root) :] if topic.startswith(self._root) else None
        if relative is None or not frame:
            self._puback(mid, qos, None)
            return
        addressed = relative == f"in/{self.inbox}"
        with self.scope():
            try:
                event = self.endpoint.handle_frame(
                    frame, topic=None if addressed else relative, route=self._way_back(reply) if addressed else None
                )
            except SealwireError as error:
                if error.number >= 400:
                    raise
                self._puback(mid, qos, None)
                if frame[0] in ANSWERS:
                    self._refusal = error
                self._emit(Refused(error, relative, frame))
            else:
                if isinstance(event, core.Message):
                    self._puback(mid, qos, None if event.number is None else (event.session, event.number))
                    self._message(event, relative, addressed)
                else:
                    self._puback(mid, qos, None)
                    if event is not None:
                        self._event(event)
            self._drain()
        self.pump()

    def _way_back(self, reply: Optional[str]) -> Optional[str]:
        """The inbox that an unauthenticated Response Topic names; only unknown-context and errors ever go there."""
        inbox = reply[len(self._root) + 3 :] if reply is not None and reply.startswith(f"{self._root}in/") else ""
        return inbox if valid_inbox(inbox) else None

    def _message(self, event: core.Message, relative: str, addressed: bool) -> None:
        session = self._session(event.session, event.peer)
        topic = event.topic if addressed else relative
        self._emit(
            Message(
                session,
                topic if topic is not None else "",
                event.payload,
                not addressed,
                event.command,
                event.number,
                event.origin,
                event.missing,
                event.late,
                event.retain,
                event.expiry_s,
                event.content_type,
                event.session,
            )
        )

    def _drain(self) -> None:
        while True:
            event = self.endpoint.poll_event()
            if event is None:
                return
            if not isinstance(event, core.Message):
                self._event(event)

    def _event(self, event: CoreEvent) -> None:
        if isinstance(event, core.Message):
            return
        if isinstance(event, core.Established):
            session = self._session(event.session, event.peer)
            waiting = None if event.handshake is None else self._handshakes.get(event.handshake)
            if waiting is not None and not waiting.done():
                waiting.set_result(session)
        elif isinstance(event, core.Acknowledged):
            sent = self._sent.get(event.session, {})
            for number in [number for number in sent if event.covers(number)]:
                message = sent.pop(number)
                if not message.done.done():
                    message.done.set_result(None)
            self._changed.set()
        elif isinstance(event, core.Resend):
            self._resend(event.session, event.number)
        elif isinstance(event, core.CommandReady):
            self._changed.set()
        elif isinstance(event, core.Replaced):
            self._replaced(event)
        elif isinstance(event, core.PeerSilent):
            self._heal(event.session)
        elif isinstance(event, core.Closed):
            session_or_none = self._sessions.pop(event.session, None)
            if session_or_none is not None:
                session_or_none.open = False
            self._forget(event.session, event.reason)
            self._changed.set()
        elif isinstance(event, core.HandshakeFailed):
            waiting = None if event.handshake is None else self._handshakes.get(event.handshake)
            if waiting is not None and not waiting.done():
                waiting.set_exception(event.reason)
        self._emit(event)

    def _heal(self, handle: int) -> None:
        """The peer may have lost its state, and with MQTT 3.1.1 it has no way to say so: a new handshake heals that."""
        info = self.endpoint.session(handle)
        route = info.route.decode("ascii")
        if route and route not in self._healing:
            self._healing[route] = info.peer
            try:
                if info.peer in self._claimed:
                    self.endpoint.claim(info.peer, route=route)
                else:
                    self.endpoint.connect(route, peer=info.peer)
            except (Busy, NoSpace):
                pass  # a handshake is under way, or there is no room now; the timer below tries again
            asyncio.get_running_loop().call_later(HEAL_AGAIN_S, self._quietly, lambda: self._heal_again(route))

    def _heal_again(self, route: str) -> None:
        peer = self._healing.pop(route, None)
        handle = None if peer is None or self._closed else self.endpoint.find(peer)
        if handle is not None and self.endpoint.session(handle).unacknowledged:
            self._heal(handle)
            self.pump()

    def _replaced(self, event: core.Replaced) -> None:
        old = self._sessions.pop(event.old, None)
        new = self._sessions.get(event.new)
        if old is not None:
            old.handle = event.new
            if new is None:
                self._sessions[event.new] = old
            elif new is not old:
                # One object per peer: whoever holds the older one goes on with it.
                self._sessions[event.new] = old
                new.open = True
        for number, message in sorted(self._sent.pop(event.old, {}).items()):
            if message.origin is None:
                message.origin = (event.sid, number)
            try:
                again = self._protect(event.new, message, True, None)
            except SealwireError as error:
                if not message.done.done():
                    message.done.set_exception(error)
                continue
            if again is not None:
                self._sent.setdefault(event.new, {})[again] = message
        self._changed.set()

    def _session(self, handle: int, peer: bytes) -> Session:
        return self._sessions.setdefault(handle, Session(self, handle, peer))

    def _forget(self, handle: int, reason: BaseException) -> None:
        for message in self._sent.pop(handle, {}).values():
            if not message.done.done():
                message.done.set_exception(reason)

    def _emit(self, event: Event) -> None:
        if self._handler is not None:
            self._handler(event)
            return
        numbered = isinstance(event, Message) and event.number is not None
        if len(self._events) >= MAX_WAITING and not (numbered or isinstance(event, (core.Ownership, core.OwnershipChanged))):
            # Confirmable messages are bounded by their window, and strangers bring no ownership about; anything else is dropped rather than
            # hoarded.
            self.dropped += 1
            return
        self._events.append(event)
        self._arrival.set()

    # ---- acknowledgements to the broker follow the application's commit, in order of arrival

    def _puback(self, mid: int, qos: int, waits_for: Optional[Tuple[int, int]]) -> None:
        if qos > 0:
            self._pubacks.append((mid, qos, waits_for))
            if not self._depth:
                self._flush_pubacks()

    def _flush_pubacks(self) -> None:
        while self._pubacks and self._pubacks[0][2] is None:
            mid, qos, _ = self._pubacks.popleft()
            if self._wire is not None:
                self._wire.acknowledge(mid, qos)

    # ---- time and failure

    def _tick(self) -> None:
        self._timer = None
        self._quietly(self._let_time_pass)

    def _let_time_pass(self) -> None:
        with self.scope():
            self.endpoint.handle_timeout()
            self._drain()
        self.pump()

    def _up(self, again: bool) -> None:
        if again:
            # What the broker had in flight to us will be sent again under new packet identifiers.
            self._pubacks.clear()
        self._quietly(self.pump)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """One transaction for several calls: nothing leaves before it has ended.

        An exception that leaves the block ends the link, since memory is then ahead of the store; whoever waits gets
        the reason.
        """
        self._check()
        self._depth += 1
        try:
            with self._transaction():
                yield
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._depth -= 1

    def _fail(self, reason: BaseException) -> None:
        self._failure = reason
        for waiting in self._handshakes.values():
            if not waiting.done():
                waiting.set_exception(reason)
        for handle in list(self._sent):
            self._forget(handle, reason)
        self._arrival.set()
        self._changed.set()

    def _check(self) -> None:
        if not self._opened:
            raise WrongState("the link is not open")
        if self._failure is not None:
            raise self._failure


def _retrieve(done: "asyncio.Future[None]") -> None:
    """Nobody has to wait for a receipt; a failure nobody asked for is no warning."""
    if not done.cancelled():
        done.exception()


__all__ = ["Broker", "Event", "Link", "Message", "Receipt", "Refused", "Session"]
