"""Where an endpoint keeps what must survive a restart.

The core calls :meth:`Store.save` before it uses a sequence number and before it delivers a message that a replay
could repeat. A store that loses such a write gives up the protection, so `save` must be durable when it returns, or
the caller must hold back every effect (frames, acknowledgements) until it is: that is what
:meth:`SqliteStore.transaction` is for.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import Dict, Iterator, Optional, Protocol, Union

from .errors import StorageFailed

_PATIENCE_S = 5.0


class Store(Protocol):
    """What an endpoint needs of a store. Keys are small integers.

    A store may also have `slots() -> int`, one above the highest key that it holds: `restore` then looks no further. Without it, every key
    below `max_sessions` is asked for.
    """

    @property
    def resists_rollback(self) -> bool:
        """True only if nobody can put back an older state: no backup restored, no machine snapshot, no copied disk."""

    def load(self, key: int) -> Optional[bytes]:
        """What was saved last under `key`, or None."""

    def save(self, key: int, data: bytes) -> None:
        """Replace what is under `key`; empty data removes it. All or nothing, and durable on return."""


class MemoryStore:
    """Keeps state in memory: sessions end with the process, as they must, and a new handshake follows."""

    def __init__(self, *, resists_rollback: bool = False) -> None:
        self._data: Dict[int, bytes] = {}
        self._resists_rollback = resists_rollback

    @property
    def resists_rollback(self) -> bool:
        return self._resists_rollback

    def load(self, key: int) -> Optional[bytes]:
        return self._data.get(key)

    def slots(self) -> int:
        return max(self._data, default=-1) + 1

    def save(self, key: int, data: bytes) -> None:
        if data:
            self._data[key] = bytes(data)
        else:
            self._data.pop(key, None)


class SqliteStore:
    """Keeps state in an SQLite database, in one transaction with the application's own tables if it wishes.

    >>> store = SqliteStore("app.db")
    >>> with store.transaction() as database:              # doctest: +SKIP
    ...     event = endpoint.handle_frame(frame)           # the replay edge is saved here ...
    ...     database.execute("INSERT INTO reading ...")    # ... together with the effect of the message ...
    ...     endpoint.commit(event.session, event.number)   # ... and its acknowledgement

    Send nothing that came out of the endpoint before the block has ended. If the block fails, the endpoint in memory
    is ahead of the database; the store then refuses further work, and the application makes a new endpoint and
    restores it.

    Another thread that uses the endpoint while the block runs waits, and if that takes 5 seconds or the block needs the
    endpoint meanwhile, gets StorageFailed: it can try again. A transaction that the application began by other means is
    refused: what is saved in it would not be durable.

    `resists_rollback`: True only if nobody can put back an older copy of the file; else every start makes a new handshake.
    """

    def __init__(
        self,
        database: Union[str, "os.PathLike[str]", sqlite3.Connection],
        *,
        table: str = "sealwire_state",
        resists_rollback: bool = False,
    ) -> None:
        if not table.isidentifier():
            raise ValueError("table must be an identifier")
        self._table = table
        self._resists_rollback = resists_rollback
        self._lock = threading.RLock()
        self._depth = 0
        self._failed = False
        self._owns = not isinstance(database, sqlite3.Connection)
        if isinstance(database, sqlite3.Connection):
            self._database = database
        else:
            path = os.fspath(database)
            if path not in ("", ":memory:"):
                with suppress(OSError):  # SQLite says better what is wrong. Its journal gets the same mode.
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # FULL: a write that returned has reached the disk, also through a power cut.
        self._database.isolation_level = None
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(f"PRAGMA busy_timeout={int(_PATIENCE_S * 1000)}")
        # Overwrite what is replaced: snapshots may hold keys.
        self._database.execute("PRAGMA secure_delete=ON")
        self._database.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (key INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT"
            if sqlite3.sqlite_version_info >= (3, 37)
            else f"CREATE TABLE IF NOT EXISTS {table} (key INTEGER PRIMARY KEY, data BLOB NOT NULL)"
        )

    @property
    def resists_rollback(self) -> bool:
        return self._resists_rollback

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for the application's own tables."""
        return self._database

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock, for a call of the endpoint. Not for ever: the thread in `transaction()` may be waiting for that endpoint."""
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise StorageFailed("another thread is in a transaction")
        try:
            yield
        finally:
            self._lock.release()

    def load(self, key: int) -> Optional[bytes]:
        with self._held():
            row = self._database.execute(f"SELECT data FROM {self._table} WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def slots(self) -> int:
        with self._held():
            row = self._database.execute(f"SELECT coalesce(max(key) + 1, 0) FROM {self._table}").fetchone()
        return int(row[0])

    def save(self, key: int, data: bytes) -> None:
        with self._held():
            if self._failed:
                raise StorageFailed("a transaction failed; make a new endpoint and restore it")
            if self._depth == 0 and self._database.in_transaction:
                raise StorageFailed("the database is in a transaction that did not begin with transaction()")
            if data:
                self._database.execute(
                    f"INSERT INTO {self._table} (key, data) VALUES (?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET data = excluded.data",
                    (key, bytes(data)),
                )
            else:
                self._database.execute(f"DELETE FROM {self._table} WHERE key = ?", (key,))

    def clear(self) -> int:
        """Forget every session, as after a backup was put back. Gives how many entries there were."""
        with self._lock:
            return self._database.execute(f"DELETE FROM {self._table}").rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in the block becomes durable together, when the outermost block ends."""
        with self._lock:
            if self._failed:
                raise StorageFailed("a transaction failed; make a new endpoint and restore it")
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._database
            except BaseException:
                self._depth -= 1
                self._failed = True
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                try:
                    self._database.execute("COMMIT")
                except BaseException:
                    self._failed = True
                    self._database.execute("ROLLBACK")
                    raise

    def close(self) -> None:
        """Close the connection if the store opened it."""
        if self._owns:
            with self._lock:
                self._database.close()


__all__ = ["Store", "MemoryStore", "SqliteStore"]
