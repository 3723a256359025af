"""Where the forge keeps everything but git: one SQLite file with one writer at a time."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

from cdock.forge import schema

BUSY_LIMIT: Final = 20.0
"""Seconds that a change waits for a writer in another process, such as an admin command."""


def system_now() -> datetime:
    """The time of the machine, in UTC."""
    return datetime.now(UTC)


def text_of(moment: datetime) -> str:
    """A moment as GitHub writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> datetime:
    """The opposite of `text_of`; takes every ISO 8601 form and reads one without a zone as UTC.

    Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"'{text}' is out of range in UTC") from error


class Tx:
    """One transaction: what the domain's functions read and write through.

    `now` is the time of the whole transaction, so that everything done in it carries one time.
    """

    def __init__(self, connection: sqlite3.Connection, *, now: datetime, repos_root: Path) -> None:
        self._connection = connection
        self.now = now.replace(microsecond=0)
        self.stamp = text_of(now)
        self.repos_root = repos_root
        self.notices: list[Any] = []
        """What happened in it, for those who tell others (see `domain.notices`)."""

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of an answer, if there is one."""
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of an answer."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        """Change something; gives the number of rows changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **columns: object) -> int:
        """Add one row and give its id. Names come from our own code, values are always bound."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        return int(self._connection.execute(sql, tuple(columns.values())).lastrowid or 0)

    def update(self, table: str, row_id: int, **columns: object) -> None:
        """Change columns of the row with this id."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self._connection.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*columns.values(), row_id))  # noqa: S608

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the transaction: when it raises, what it changed is undone, and what came before stays."""
        self._connection.execute("SAVEPOINT attempt")
        noticed = len(self.notices)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO attempt")
            del self.notices[noticed:]
            raise
        finally:
            self._connection.execute("RELEASE attempt")


class Listener(Protocol):
    """Somebody who wants to know what happens (see `domain.notices`)."""

    def hear(self, tx: Tx) -> None:
        """A change with notices is about to be kept; what is written here is kept with it."""

    def kept(self) -> None:
        """That change was kept."""


class Store:
    """The forge's data directory, open.

    Any thread may call `read` and `write`; each gets a connection of its own from a pool that grows as needed.
    """

    def __init__(self, data_dir: Path, *, now: Callable[[], datetime] = system_now) -> None:
        """Open the directory, creating it and its tables when they are missing.

        Raises ValueError when the database was written by a version with a later schema.
        """
        self.data_dir = data_dir
        self.repos_root = data_dir / "repos"
        self.repos_root.mkdir(parents=True, exist_ok=True)
        self._path = data_dir / "forge.db"
        self._now = now
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        # Threads of this process take turns here: SQLite's own waiting polls, and is not fair.
        self._turn = threading.Lock()
        self._listener: Listener | None = None
        self._create()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A consistent view of the store. It must not be used to change anything."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield self._transaction(connection)
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A change: all of it is kept when the block ends, none of it when it raises."""
        with self._turn, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                tx = self._transaction(connection)
                yield tx
                listener = self._listener if tx.notices else None
                if listener is not None:
                    listener.hear(tx)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        if listener is not None:
            listener.kept()

    def listen(self, listener: Listener | None) -> None:
        """From now on tell this listener, and no other, what happens in changes made here."""
        self._listener = listener

    def now(self) -> datetime:
        """The time of this store, which need not be the machine's."""
        return self._now()

    def back_up(self) -> None:
        """Copy the database beside itself, over the copy of the last time."""
        fresh = self._path.with_name(".forge.db.backup")
        with self._connection() as connection, closing(sqlite3.connect(fresh)) as copy:
            connection.backup(copy)
        fresh.replace(self.data_dir / "forge.db.backup")

    def close(self) -> None:
        """Close the idle connections; call it when no transaction is open any more."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transaction(self, connection: sqlite3.Connection) -> Tx:
        return Tx(connection, now=self._now(), repos_root=self.repos_root)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._open()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_LIMIT, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        # NORMAL loses nothing when the process dies, and at most the last changes when the machine does.
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        )
        return connection

    def _create(self) -> None:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                version = int(connection.execute("PRAGMA user_version").fetchone()[0])
                if version > schema.VERSION:
                    raise ValueError(
                        f"{self._path} has schema {version}, this forge reads up to {schema.VERSION}: "
                        "use the version of cdock that wrote it, or another --data directory"
                    )
                for step in schema.STEPS[version:]:
                    for statement in step.statements.split(";\n"):
                        connection.execute(statement)
                    for table, number in step.first_ids.items():
                        connection.execute(
                            "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number)
                        )
                connection.execute(f"PRAGMA user_version = {schema.VERSION}")
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
