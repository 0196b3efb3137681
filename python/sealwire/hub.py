"""A service at which devices report, on SQLite.

Every message is stored in the transaction that also advances the replay edge and marks the message as committed; only
then is it acknowledged. So a hub that is killed at any moment loses nothing and stores nothing twice.
"""

from __future__ import annotations

import asyncio
import os
import time
from types import TracebackType
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Type, Union

from . import _sealwire as core
from .broker import Broker
from .errors import NoOffer, SealwireError, WindowFull
from .hubdata import HubData, StoredCommand
from .identity import Identity
from .mqtt import Event, Link, Message, Receipt, Refused, Session

Observer = Callable[[Event], None]


class Hub:
    """Runs the service between `open` and `close`, or as an async context manager.

    Sessions end with the process, and devices make a new handshake when they notice. `resists_rollback=True` keeps them, and
    is a promise: no older copy of the database (backup, machine snapshot, cloned disk) is ever put back without
    `sealwire hub restore`. Broken, it lets nonces repeat: records become readable and can be forged. `observer` sees every
    event after it has been stored.
    """

    def __init__(
        self,
        database: Union[str, "os.PathLike[str]"],
        broker: Broker,
        *,
        realm: str,
        identities: Sequence[Identity],
        peers: Iterable[core.Credential] = (),
        anchors: Iterable[core.TrustAnchor] = (),
        inbox: Optional[str] = None,
        method: int = 3,
        by_value: bool = False,
        subscriptions: Sequence[str] = (),
        bridge_prefix: str = "",
        resists_rollback: bool = False,
        authorize: Optional[Callable[[core.Peer], bool]] = None,
        observer: Optional[Observer] = None,
    ) -> None:
        self.inbox = inbox or identities[0].name
        self.data = HubData(database, resists_rollback=resists_rollback)
        self._observer = observer
        self._subjects: Dict[bytes, Optional[str]] = {}
        self._authorize = authorize
        self._change = 0
        self._tasks: "set[asyncio.Task[None]]" = set()
        self.endpoint = core.Endpoint(
            [(identity.credential, identity.key) for identity in identities],
            peers=[*peers, *self._imported()],
            anchors=list(anchors),
            store=self.data.store,
            authorize=self._admit,
            inbox=self.inbox,
            mqtt=True,
            identifier_len=3,
            method=method,
            by_value=by_value,
        )
        self.link = Link(
            self.endpoint,
            broker,
            realm=realm,
            inbox=self.inbox,
            subscriptions=subscriptions,
            bridge_prefix=bridge_prefix,
            handler=self._event,
            transaction=self.data.store.transaction,
        )

    async def __aenter__(self) -> "Hub":
        await self.open()
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def open(self, timeout: float = 15.0) -> None:
        """Take up stored sessions, log in to the broker, start serving."""
        self.data.sessions_down()
        await self.link.open(timeout)
        for command in self.data.commands("sent"):
            if not any(session.info().sid == command.sid for session in self.link.sessions()):
                self.data.set_command(command.id, "unknown", reason="the session ended before an answer")
        self._spawn(self._serve_commands())

    async def close(self) -> None:
        """Stop. With `resists_rollback` the sessions stay in the database."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.close()
        self.data.close()

    async def run(self) -> None:
        """Serve until cancelled, or until the database fails; then raises the reason."""
        async for _ in self.link.events():
            continue

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _imported(self) -> List[core.Credential]:
        """The credentials in the database, at the start."""
        stored = self.data.credentials()
        self._change = max((item.change for item in stored), default=0)
        return [core.Credential(item.data) for item in stored if item.removed is None]

    def _take_changes(self) -> None:
        """Takes up what `sealwire hub import` and `forget` have done since."""
        for item in self.data.credentials(self._change):
            self._change = item.change
            if item.removed is None:
                self.endpoint.add_peer(core.Credential(item.data))
                continue
            self.endpoint.remove_peer(item.thumbprint)
            for session in self.link.sessions():
                if session.peer == item.thumbprint:
                    session.close()
                    self.data.session_down(session.handle, "forgotten")

    # ---- events, inside the transaction of the frame that caused them

    def _admit(self, peer: core.Peer) -> bool:
        if peer.inbox is not None and peer.inbox != peer.subject:
            return False
        if self._authorize is not None and not self._authorize(peer):
            return False
        self._subjects[peer.thumbprint] = peer.subject
        return True

    def _event(self, event: Event) -> None:
        if isinstance(event, Message):
            self.data.add_message(
                event.peer,
                event.topic,
                event.payload,
                number=event.number,
                in_place=event.in_place,
                missing=event.missing,
                late=event.late,
                content_type=event.content_type,
            )
            event.commit()
        elif isinstance(event, Refused):
            if event.error.name != "duplicate":
                self.data.add_incident(event.error.name, event.topic)
        elif isinstance(event, core.Established):
            info = self.endpoint.session(event.session)
            inbox = info.route.decode("ascii")
            self.data.session_up(event.peer, self._subjects.get(event.peer), inbox, event.session, info.sid)
            if event.resumed:
                self._adopt(event.session, info.sid)
        elif isinstance(event, core.Replaced):
            # The successor is reported by its own Established event.
            self.data.session_down(event.old, "replaced")
        elif isinstance(event, core.Closed):
            self.data.session_down(event.session, event.reason.name)
            self.data.add_incident(event.reason.name, "", "session closed")
        elif isinstance(event, core.HandshakeFailed):
            self.data.add_incident(event.reason.name, event.route.decode("ascii", "replace"), "handshake")
        if self._observer is not None:
            self._observer(event)

    def _adopt(self, handle: int, sid: bytes) -> None:
        session = next((session for session in self.link.sessions() if session.handle == handle), None)
        if session is None:
            return
        for command in self.data.commands("sent"):
            if command.sid == sid and command.number is not None:
                receipt = self.link.adopt(session, command.number, command.topic, command.payload, command=True)
                self._spawn(self._follow(command, receipt))

    # ---- commands

    def _session_for(self, peer: str) -> Optional[Session]:
        sessions = self.link.sessions()
        for session in sessions:
            if session.peer.hex() == peer.lower():
                return session
        subjects = {stored.thumbprint: stored.subject for stored in self.data.peers()}
        named = [session for session in sessions if subjects.get(session.peer) == peer]
        return named[0] if len(named) == 1 else None

    async def _serve_commands(self) -> None:
        while True:
            self.data.flush_incidents(over=True)
            self._take_changes()
            for command in self.data.commands("queued"):
                if command.expires <= time.time():
                    self.data.set_command(command.id, "failed", reason="no session in time")
                    continue
                session = self._session_for(command.peer)
                if session is not None:
                    self._start(command, session)
            await asyncio.sleep(0.2)

    def _start(self, command: StoredCommand, session: Session) -> None:
        # One transaction: the number that the command uses, and which command used it.
        with self.link.scope():
            try:
                receipt = self.link.try_send(session, command.topic, command.payload, command=True)
            except (NoOffer, WindowFull):
                receipt = None
            except SealwireError as error:
                if error.number >= 400:
                    raise
                self.data.set_command(command.id, "failed", reason=error.name)
                return
            if receipt is not None:
                self.data.set_command(command.id, "sent", sid=session.info().sid, number=receipt.number)
        self.link.pump()
        if receipt is not None:
            self._spawn(self._follow(command, receipt))

    async def _follow(self, command: StoredCommand, receipt: Receipt) -> None:
        try:
            await receipt.wait()
        except SealwireError as error:
            self.data.set_command(command.id, "unknown", reason=error.name)
        else:
            self.data.set_command(command.id, "done")


__all__ = ["Hub"]
