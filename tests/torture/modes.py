"""
modes - where the dedup rows are and where the effects go, and what is promised for that

A mode says how a host is configured, how its effects are counted and read, and which promise holds. Effects
have event_id, topic, partition, offset, key, seq (the order in which they were made), at (seconds since the
epoch) and owner (who made it).
"""

import collections
import sqlite3
import time

from scenario.harness import BUILD, slowness
from support.pgbouncer_server import Pgbouncer
from support.process import wait_for
from support.redis_server import PASSWORD as REDIS_PASSWORD
from support.redis_server import SENTINEL_PASSWORD, Sentinel
from support.redis_server import USER as REDIS_USER
from support.redis_server import Redis as RedisServer

from . import disk, options
from .service import Service

Effect = collections.namedtuple("Effect", "seq event_id topic partition offset key at owner")

EXACTLY = "exactly once"
AT_LEAST = "at least once"
PLUGINS = BUILD / "tests" / "support" / "plugins"


class Mode:
    name = ""
    promise = AT_LEAST
    hosts = 2
    uses = frozenset()  # servers besides the broker
    per_second = 1000
    is_deduplicating = True
    has_owners = True  # an effect tells which process made it
    has_plugin = False  # code that may be to blame for what happens to a worker
    may_lose = False  # records may be deleted before they were applied
    weights = {}  # of classes of records, where they differ

    def prepare(self, stage):
        """Before the hosts are configured."""

    def changes(self, _stage, _host):
        """What is different from the scenarios' configuration, for the host of that name."""
        return {}

    def misbehaviour(self, kind, chance):
        """The payload of a record of that class that makes its handler misbehave."""
        return {"slow": {"fault": f"sleep:{chance.uniform(0.005, 0.06):.4f}"},
                "flaky": {"fault": "chance:0.2:23503"}, "poison": {"fault": "22P02"}}[kind]

    def effects(self, stage):
        """[Effect] in the order of seq."""
        raise NotImplementedError

    def close(self, stage):
        """After the hosts."""


MODES = {}


def mode(cls):
    assert cls.name in options.MODES
    MODES[cls.name] = cls
    return cls


@mode
class Postgres(Mode):
    """The dedup row and the effect in one transaction."""

    name = "postgres"
    promise = EXACTLY
    uses = frozenset({"postgres"})
    may_lose = True

    def prepare(self, stage):
        stage.sql("ALTER TABLE effects ADD COLUMN backend int DEFAULT pg_backend_pid()")
        if stage.servers.disk:
            stage.sql(f"ALTER TABLE effects SET TABLESPACE {disk.NAME}")

    def changes(self, stage, host):
        return {"onced": {"store": stage.postgres_url(host)}}

    def effects(self, stage):
        rows = stage.sql(
            'SELECT seq, event_id, topic, partition, "offset", key, extract(epoch FROM at)::float8, backend'
            " FROM effects ORDER BY seq")
        return [Effect(*row) for row in rows]


@mode
class Pooled(Postgres):
    """The same through a pooler that gives each transaction another connection."""

    name = "pgbouncer"
    uses = frozenset({"postgres", "pgbouncer"})
    has_owners = False

    def prepare(self, stage):
        super().prepare(stage)
        self.pooler = Pgbouncer(stage.postgres).start()
        for door in stage.servers.doors.find("postgres"):
            door.target_port = self.pooler.port

    def close(self, stage):
        for door in stage.servers.doors.find("postgres"):
            door.target_port = stage.postgres.port
        self.pooler.close()


@mode
class Sqlite(Mode):
    """The same in a file, for one host."""

    name = "sqlite"
    promise = EXACTLY
    has_owners = False
    hosts = 1
    per_second = 300
    weights = {"slow": 0, "flaky": 0}

    def prepare(self, stage):
        self.path = stage.directory / "store.sqlite"
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE effects (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id, topic, partition INT,"
                ' "offset" INT, key, n INT CHECK (n >= 0),'
                " at REAL DEFAULT ((julianday('now') - 2440587.5) * 86400.0))")

    def _connected(self):
        return sqlite3.connect(self.path, timeout=20)

    def misbehaviour(self, kind, chance):
        return {"n": -1} if kind == "poison" else {}

    def changes(self, stage, host):
        statement = """INSERT INTO effects (event_id, topic, partition, "offset", key, n)
            VALUES (:event_id?, :topic, :partition, :offset, :key?, :payload.n)"""
        return {"onced": {"store": f"sqlite:{self.path}", "store.user": None, "store.password": None},
                "handler effect": {"statement": statement}}

    def effects(self, stage):
        with self._connected() as connection:
            rows = connection.execute(
                'SELECT seq, event_id, topic, partition, "offset", key, at FROM effects ORDER BY seq')
            found = [Effect(*row, "worker") for row in rows.fetchall()]
        # By the clock of the host, as it was then.
        clock = stage.hosts[0].clock
        return [e._replace(at=clock.true_time(e.at)) for e in found] if clock else found


class _OverHttp(Mode):
    per_second = 200
    weights = {"huge": 1}

    def prepare(self, stage):
        self.service = Service().start()

    def changes(self, stage, host):
        return {
            "consumer c": {"handler": "send", "lanes": 8}, "handler effect": None,
            "handler send": {"type": "http", "url": self.service.url("/events"), "timeout": "5s",
                             "headers.x-position": "{topic}/{partition}/{offset}"},
        }

    def effects(self, stage):
        return [Effect(seq, *effect) for seq, effect in enumerate(self.service.effects)]

    def close(self, stage):
        self.service.close()


@mode
class Outside(_OverHttp):
    """Ids in PostgreSQL, effects in a service over HTTP."""

    name = "outside"
    uses = frozenset({"postgres"})

    def changes(self, stage, host):
        return {**super().changes(stage, host), "onced": {"store": stage.postgres_url(host)}}


@mode
class Nothing(_OverHttp):
    """No ids are remembered; effects in a service over HTTP."""

    name = "none"
    is_deduplicating = False

    def changes(self, stage, host):
        own = {"store": "none:", "store.user": None, "store.password": None, "store.migrate": None}
        return {**super().changes(stage, host), "onced": own}


@mode
class Redis(Mode):
    """Leases and marks in Redis; effects are lines that a plugin writes."""

    name = "redis"
    has_plugin = True
    uses = frozenset({"redis"})
    per_second = 300

    def prepare(self, stage):
        stage.servers.redis.call("FLUSHALL")
        self.kind = "inside" if stage.options.seed % 2 else "outside"
        self.path = stage.directory / "effects"

    def store(self, stage, host):
        return {"store": f"redis://127.0.0.1:{stage.servers.port_of('redis', host)}/0"}

    def changes(self, stage, host):
        return {
            "onced": {**self.store(stage, host), "store.user": REDIS_USER,
                      "store.password": REDIS_PASSWORD, "store.migrate": None},
            "consumer c": {"handler": self.kind}, "handler effect": None,
            f"handler {self.kind}": {
                "type": "plugin", "path": PLUGINS / f"{self.kind}.so", "file": self.path},
        }

    def misbehaviour(self, kind, chance):
        return {"slow": {"fault": f"sleep:{chance.randrange(5, 60)}"}, "flaky": {"fault": "retry:2"},
                "poison": {"fault": "reject"}}[kind]

    def effects(self, stage):
        shift = time.time() - time.monotonic()
        found = []
        with open(self.path, errors="replace") as lines:
            for seq, line in enumerate(lines):
                event_id, *numbers = line.rstrip("\n").rsplit(" ", 6)
                partition, offset, _, pid, _, ended_us = map(int, numbers)
                found.append(Effect(seq, None if event_id == "-" else event_id, stage.topic, partition, offset,
                                    None, ended_us / 1e6 + shift, pid))
        return found


@mode
class Watched(Redis):
    """The same with a replica, and a Sentinel that says which of the two is the master."""

    name = "sentinel"
    uses = frozenset({"sentinel"})

    def prepare(self, stage):
        super().prepare(stage)
        self.pair = [RedisServer().start()]
        self.pair.append(RedisServer(replica_of=self.pair[0]).start())
        self.sentinel = Sentinel(self.pair[0], wants_login=True).start()
        wait_for(self.is_whole, 30 * slowness(), "the Sentinel knows master and replica")

    def store(self, stage, host):
        return {"store": f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{self.sentinel.master_name}",
                "store.sentinel.user": "asker", "store.sentinel.password": SENTINEL_PASSWORD}

    def master(self):
        """Whom the Sentinel takes for it."""
        _, port = self.sentinel.call("SENTINEL", "get-master-addr-by-name", self.sentinel.master_name)
        return next(server for server in self.pair if server.port == int(port))

    def is_whole(self):
        """The master answers, the other one follows it, and the Sentinel knows."""
        master = self.master()
        [replica] = (server for server in self.pair if server is not master)
        known = self.sentinel.call("SENTINEL", "replicas", self.sentinel.master_name)
        return (bool(known) and master.is_ready() and replica.is_ready()
                and master.info("role") == "master" and replica.info("master_port") == str(master.port)
                and replica.info("master_link_status") == "up")

    def close(self, stage):
        for server in (self.sentinel, *self.pair):
            server.close()
