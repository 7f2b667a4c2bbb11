"""
embedded - a world whose store and effects are one SQLite file
"""

import sqlite3
import types

from . import checker

STATEMENT = """INSERT INTO effects (event_id, topic, partition, "offset", key, n)
VALUES (:event_id, :topic, :partition, :offset, :key, :payload.n)"""


class Embedded:
    """A world whose effects lie in a SQLite file beside the dedup rows."""

    def __init__(self, world):
        self.world = world
        self.path = world.directory / "store.sqlite"
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE effects (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id, topic, partition INT,"
            ' "offset" INT, key, n INT CHECK (n >= 0))')
        connection.commit()
        connection.close()

    def _connect(self):
        return sqlite3.connect(self.path, timeout=20)

    def effects(self):
        connection = self._connect()
        try:
            rows = connection.execute(
                'SELECT seq, event_id, topic, partition, "offset", key FROM effects ORDER BY seq').fetchall()
        finally:
            connection.close()
        names = ("seq", "event_id", "topic", "partition", "offset", "key")
        return [types.SimpleNamespace(**dict(zip(names, row))) for row in rows]

    def changes(self, **consumer):
        return {"onced": {"store": f"sqlite:{self.path}", "store.user": None, "store.password": None},
                "consumer c": consumer, "handler effect": {"statement": STATEMENT}}

    def check_finished(self):
        committed = self.world.committed()
        evidence = checker.Evidence(
            committed, self.world.kafka.read(self.world.topic), self.effects(), self.world.dead_letters())
        checker.check_finished(evidence, self.world.ends())
        return evidence
