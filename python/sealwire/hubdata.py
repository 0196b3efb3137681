"""The hub's database: what was received, what is to be sent, what was refused."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

from ._sealwire import Credential
from .errors import InvalidArgument, StorageFailed, UnsupportedState
from .store import SqliteStore

SCHEMA = 3
_TABLES = """
CREATE TABLE IF NOT EXISTS peer (
    thumbprint BLOB PRIMARY KEY, subject TEXT, inbox TEXT, sid BLOB, session INTEGER, since REAL, last_seen REAL,
    missing INTEGER NOT NULL DEFAULT 0, reason TEXT
);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, received REAL NOT NULL, peer BLOB NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    number INTEGER, in_place INTEGER NOT NULL, missing INTEGER NOT NULL, late INTEGER NOT NULL, content_type TEXT
);
CREATE INDEX IF NOT EXISTS message_by_topic ON message (topic, id);
CREATE TABLE IF NOT EXISTS command (
    id INTEGER PRIMARY KEY, created REAL NOT NULL, updated REAL NOT NULL, peer TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, state TEXT NOT NULL, expires REAL NOT NULL, sid BLOB, number INTEGER, reason TEXT
);
CREATE INDEX IF NOT EXISTS command_by_state ON command (state, id);
CREATE TABLE IF NOT EXISTS incident (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, error TEXT NOT NULL, topic TEXT NOT NULL, detail TEXT, count INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX IF NOT EXISTS incident_by_kind ON incident (error, detail, id);
CREATE TABLE IF NOT EXISTS credential (
    data BLOB PRIMARY KEY, thumbprint BLOB NOT NULL, subject TEXT, imported REAL NOT NULL, removed REAL, change INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS credential_by_change ON credential (change);
CREATE INDEX IF NOT EXISTS credential_by_thumbprint ON credential (thumbprint);
"""
_PERIOD_S = 60
"""Incidents of one kind on one topic in so long are one row."""
_TOPICS = 4
"""Rows of one kind for single topics in one period; further topics share one."""
_ROWS_PER_KIND = 1_000
OTHER_TOPICS = "(other topics)"


@dataclass(frozen=True)
class StoredMessage:
    """A message as stored."""

    id: int
    received: float
    peer: bytes
    subject: Optional[str]
    topic: str
    payload: bytes
    number: Optional[int]
    in_place: bool
    missing: int
    late: bool
    content_type: Optional[str]


@dataclass(frozen=True)
class StoredCommand:
    """A command and how far it is: queued, sent, done, failed or unknown (sent, and the session ended before an answer)."""

    id: int
    created: float
    updated: float
    peer: str
    topic: str
    payload: bytes
    state: str
    expires: float
    sid: Optional[bytes]
    number: Optional[int]
    reason: Optional[str]


@dataclass(frozen=True)
class StoredPeer:
    """A peer that has had a session here."""

    thumbprint: bytes
    subject: Optional[str]
    inbox: Optional[str]
    session: Optional[int]
    since: float
    last_seen: float
    missing: int
    reason: Optional[str]


@dataclass(frozen=True)
class StoredCredential:
    """A peer's credential that was imported, and perhaps removed later. `change` numbers imports and removals."""

    data: bytes
    thumbprint: bytes
    subject: Optional[str]
    imported: float
    removed: Optional[float]
    change: int


@dataclass(frozen=True)
class Incident:
    """What was refused `count` times for one reason on one topic within a minute, the first time at `at`."""

    id: int
    at: float
    error: str
    topic: str
    detail: Optional[str]
    count: int


@dataclass
class _Tally:
    """A row of the running period: incidents that are counted here, and not in the database yet."""

    id: int
    more: int = 0


class HubData:
    """The database of one hub. The running hub writes; the command line reads it and queues commands beside it."""

    def __init__(self, path: Union[str, "os.PathLike[str]"], *, create: bool = True, resists_rollback: bool = False) -> None:
        if not create and not os.path.exists(path):
            raise FileNotFoundError(2, "no hub database", os.fspath(path))
        self.store = SqliteStore(path, resists_rollback=resists_rollback)
        self._database = self.store.database
        version = int(self._database.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA:
            self.store.close()
            raise UnsupportedState(f"the database has schema {version}, this version knows {SCHEMA}")
        self._period = -1
        self._tallies: Dict[Tuple[str, Optional[str], str], _Tally] = {}
        if version == 1:
            self._database.execute("ALTER TABLE incident ADD COLUMN count INTEGER NOT NULL DEFAULT 1")
        self._database.executescript(_TABLES)
        self._database.execute(f"PRAGMA user_version={SCHEMA}")

    def close(self) -> None:
        """Close the database; incidents that were only counted are written first."""
        try:
            with suppress(StorageFailed):  # after a transaction that failed nothing is written any more
                self.flush_incidents()
        finally:
            self.store.close()

    # ---- written by the hub, inside its transactions

    def add_message(
        self,
        peer: bytes,
        topic: str,
        payload: bytes,
        *,
        number: Optional[int],
        in_place: bool,
        missing: int,
        late: bool,
        content_type: Optional[str],
    ) -> None:
        """Store a message."""
        now = time.time()
        self._database.execute(
            "INSERT INTO message (received, peer, topic, payload, number, in_place, missing, late, content_type) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (now, peer, topic, payload, number, in_place, missing, late, content_type),
        )
        self._database.execute("UPDATE peer SET last_seen = ?, missing = missing + ? WHERE thumbprint = ?", (now, missing, peer))

    def add_incident(self, error: str, topic: str, detail: Optional[str] = None) -> None:
        """Note what was refused.

        Strangers can cause incidents at any rate, so the first of its kind and topic in a minute is written and the others
        are counted in memory. `error` and `detail` make the kind; a kind has a quota of rows of its own, so that one cannot
        push out another.
        """
        now = time.time()
        if self._period != int(now // _PERIOD_S):
            self.flush_incidents()
            self._period = int(now // _PERIOD_S)
        if (error, detail, topic) not in self._tallies and sum(key[:2] == (error, detail) for key in self._tallies) >= _TOPICS:
            topic = OTHER_TOPICS
        tally = self._tallies.get((error, detail, topic))
        if tally is not None:
            tally.more += 1
            return
        row = self._database.execute("INSERT INTO incident (at, error, topic, detail) VALUES (?, ?, ?, ?)", (now, error, topic, detail))
        if row.lastrowid is None:
            raise sqlite3.DatabaseError("no row number")
        self._tallies[error, detail, topic] = _Tally(row.lastrowid)
        self._database.execute(
            "DELETE FROM incident WHERE error = ?1 AND detail IS ?2 AND id <= "
            "(SELECT id FROM incident WHERE error = ?1 AND detail IS ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
            (error, detail, _ROWS_PER_KIND),
        )

    def flush_incidents(self, *, over: bool = False) -> None:
        """Write what was only counted. `over`: only if the minute is over; for calling often."""
        if over and self._period == int(time.time() // _PERIOD_S):
            return
        counted = [(tally.more, tally.id) for tally in self._tallies.values() if tally.more]
        self._tallies.clear()
        if counted:
            with self.store.transaction():
                self._database.executemany("UPDATE incident SET count = count + ? WHERE id = ?", counted)

    def session_up(self, peer: bytes, subject: Optional[str], inbox: str, session: int, sid: bytes) -> None:
        """A peer has a session."""
        now = time.time()
        self._database.execute(
            "INSERT INTO peer (thumbprint, subject, inbox, sid, session, since, last_seen) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (thumbprint) DO UPDATE SET subject = coalesce(excluded.subject, subject), inbox = excluded.inbox, "
            "sid = excluded.sid, session = excluded.session, since = excluded.since, last_seen = excluded.last_seen, reason = NULL",
            (peer, subject, inbox, sid, session, now, now),
        )

    def session_down(self, session: int, reason: str) -> None:
        """A session has ended."""
        self._database.execute("UPDATE peer SET session = NULL, reason = ? WHERE session = ?", (reason, session))

    def sessions_down(self) -> None:
        """No session is known to be up; done at the start, before stored sessions come back."""
        self._database.execute("UPDATE peer SET session = NULL")

    def set_command(
        self,
        command: int,
        state: str,
        *,
        sid: Optional[bytes] = None,
        number: Optional[int] = None,
        reason: Optional[str] = None,
    ) -> None:
        """Note how far a command is."""
        self._database.execute(
            "UPDATE command SET state = ?, updated = ?, sid = coalesce(?, sid), number = coalesce(?, number), reason = ? WHERE id = ?",
            (state, time.time(), sid, number, reason, command),
        )

    # ---- for everybody

    def queue_command(self, peer: str, topic: str, payload: bytes, *, lifetime_s: float = 3600.0) -> int:
        """Queue a command for a peer, named by thumbprint (32 hexadecimal digits) or subject. Gives its number."""
        now = time.time()
        row = self._database.execute(
            "INSERT INTO command (created, updated, peer, topic, payload, state, expires) VALUES (?, ?, ?, ?, ?, 'queued', ?)",
            (now, now, peer, topic, payload, now + lifetime_s),
        )
        if row.lastrowid is None:
            raise sqlite3.DatabaseError("no row number")
        return row.lastrowid

    def commands(self, state: Optional[str] = None) -> List[StoredCommand]:
        """Commands, oldest first."""
        rows = self._database.execute(
            "SELECT id, created, updated, peer, topic, payload, state, expires, sid, number, reason FROM command "
            "WHERE ?1 IS NULL OR state = ?1 ORDER BY id",
            (state,),
        )
        return [StoredCommand(*row) for row in rows]

    def messages(self, *, topic: Optional[str] = None, after: int = 0, limit: int = -1) -> Iterator[StoredMessage]:
        """Messages, oldest first."""
        rows = self._database.execute(
            "SELECT message.id, received, peer, subject, topic, payload, number, in_place, message.missing, late, content_type "
            "FROM message LEFT JOIN peer ON peer.thumbprint = message.peer "
            "WHERE message.id > ?1 AND (?2 IS NULL OR topic = ?2) ORDER BY message.id LIMIT ?3",
            (after, topic, limit),
        )
        for row in rows:
            number, received, peer, subject, name, payload, sequence, in_place, missing, late, content_type = row
            yield StoredMessage(
                number, received, peer, subject, name, payload, sequence, bool(in_place), missing, bool(late), content_type
            )

    def peers(self) -> List[StoredPeer]:
        """Peers, by name."""
        rows = self._database.execute(
            "SELECT thumbprint, subject, inbox, session, since, last_seen, missing, reason FROM peer ORDER BY subject, thumbprint"
        )
        return [StoredPeer(*row) for row in rows]

    def incidents(self, limit: int = 100, *, error: Optional[str] = None) -> List[Incident]:
        """What was refused, newest first; `error` keeps one reason. A running hub writes its counts once a minute."""
        rows = self._database.execute(
            "SELECT id, at, error, topic, detail, count FROM incident WHERE ?1 IS NULL OR error = ?1 ORDER BY id DESC LIMIT ?2",
            (error, limit),
        )
        counted = {tally.id: tally.more for tally in self._tallies.values()}
        return [Incident(number, at, name, topic, detail, count + counted.get(number, 0)) for number, at, name, topic, detail, count in rows]

    def import_credentials(self, credentials: Iterable[Credential]) -> int:
        """Store peers' credentials; a running hub takes them up. Gives how many were not there."""
        now = time.time()
        fresh = 0
        with self.store.transaction() as database:
            change = self._next_change(database)
            for credential in credentials:
                row = database.execute(
                    "INSERT INTO credential (data, thumbprint, subject, imported, change) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (data) DO UPDATE SET imported = excluded.imported, removed = NULL, change = excluded.change "
                    "WHERE removed IS NOT NULL",
                    (credential.data, credential.thumbprint, credential.subject, now, change),
                )
                fresh += row.rowcount
        return fresh

    def forget_credentials(self, peer: str) -> int:
        """Remove a peer's imported credentials, named by thumbprint or subject; a running hub ends its sessions. Gives how many."""
        with self.store.transaction() as database:
            row = database.execute(
                "UPDATE credential SET removed = ?, change = ? WHERE removed IS NULL AND (lower(hex(thumbprint)) = ? OR subject = ?)",
                (time.time(), self._next_change(database), peer.lower(), peer),
            )
            return row.rowcount

    @staticmethod
    def _next_change(database: sqlite3.Connection) -> int:
        return int(database.execute("SELECT coalesce(max(change), 0) + 1 FROM credential").fetchone()[0])

    def credentials(self, after: int = 0) -> List[StoredCredential]:
        """Imported credentials, those removed too, whose last change is a later one."""
        rows = self._database.execute(
            "SELECT data, thumbprint, subject, imported, removed, change FROM credential WHERE change > ? ORDER BY change, subject", (after,)
        )
        return [StoredCredential(*row) for row in rows]

    def restore(self) -> int:
        """After a backup was put back: discard every session, since old sequence numbers must never be used again."""
        with self.store.transaction() as database:
            discarded = self.store.clear()
            database.execute("UPDATE peer SET session = NULL, reason = 'restored from a backup'")
            database.execute("UPDATE command SET state = 'unknown', reason = 'restored from a backup' WHERE state = 'sent'")
        return discarded


__all__ = ["HubData", "Incident", "StoredCommand", "StoredCredential", "StoredMessage", "StoredPeer"]
