"""
modes - where the dedup rows are and where the effects go, and what is promised for that

A mode says how a host is configured, how its effects are counted and read, and which promise holds. Effects
have event_id, topic, partition, offset, key, seq (the order in which they were made), at (seconds since the
epoch) and owner (who made it).
"""

import collections

Effect = collections.namedtuple("Effect", "seq event_id topic partition offset key at owner")

EXACTLY = "exactly once"
AT_LEAST = "at least once"


class Mode:
    name = ""
    promise = AT_LEAST
    hosts = 2
    uses = frozenset()  # servers besides the broker
    per_second = 1000

    def prepare(self, stage):
        """Before the hosts are configured."""

    def changes(self, _stage):
        return {}

    def effects_count(self, stage):
        """How many there are by now, None where that cannot be told."""
        raise NotImplementedError

    def effects(self, stage):
        """[Effect] in the order of seq."""
        raise NotImplementedError

    def close(self, stage):
        """After the hosts."""


MODES = {}


def mode(cls):
    MODES[cls.name] = cls
    return cls


@mode
class Postgres(Mode):
    """The dedup row and the effect in one transaction."""

    name = "postgres"
    promise = EXACTLY
    uses = frozenset({"postgres"})

    def prepare(self, stage):
        stage.sql("ALTER TABLE effects ADD COLUMN backend int DEFAULT pg_backend_pid()")

    def effects_count(self, stage):
        rows = stage.query_or_none("SELECT last_value FROM effects_seq_seq")
        return rows[0][0] if rows else None

    def effects(self, stage):
        rows = stage.sql(
            'SELECT seq, event_id, topic, partition, "offset", key, extract(epoch FROM at)::float8, backend'
            " FROM effects ORDER BY seq")
        return [Effect(*row) for row in rows]
