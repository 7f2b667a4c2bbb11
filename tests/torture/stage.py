"""
stage - the surroundings of one round: servers, topics, several onced, and what is expected of them

A World of the scenario tests with more than one host. The servers live longer than a round; names do not.
"""

import dataclasses
import pathlib
import time

import psycopg2
from scenario.harness import merge
from scenario.world import World
from support.postgres_server import PASSWORD

from .host import Host

WORKERS = 2  # of each host


@dataclasses.dataclass
class Death:
    """A process that a fault has killed, or may have: what it had is known before."""

    at: float
    pid: int
    host: str
    slot: int
    partitions: frozenset
    by_supervisor: bool = False  # its supervisor died, too: nobody is there to write an obituary
    is_certain: bool = True  # False: it may die of this, and need not


class Stage(World):
    def __init__(self, servers, mode, options, directory):
        super().__init__(servers.kafka, servers.postgres, directory)
        self.servers = servers
        self.mode = mode
        self.options = options
        self.partitions = options.partitions
        self.dlq_partitions = 2
        self.deaths = []
        self.hosts = []
        self._watching = None

    # ---- set-up ----

    def prepare(self):
        self.create_topics(self.partitions, self.dlq_partitions)
        self.mode.prepare(self)
        for number in range(self.mode.hosts):
            self.hosts.append(self._host("abcdef"[number]))
        return self

    def _host(self, name):
        instance = f"{name}-%n" if self.options.is_static else "off"
        changes = {
            "onced": {"restart.intensity": "1000 in 1m", "log.level": "info",
                      "store.idle.timeout": "3s"},
            "consumer c": {"workers": WORKERS, "instance.id": instance,
                           "assignment": self.options.assignment, "batch.max": 100},
            # What fails by chance shall succeed in the end.
            "retry": {"attempts": 10},
        }
        sections = self.sections(merge(changes, self.mode.changes(self)))
        host = Host(name, self.directory / f"host-{name}", sections, secrets=[PASSWORD])
        self.started.append(host)
        return host

    def start_hosts(self):
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            host.wait_ready(60)

    def is_complete(self):
        """Every partition has an owner."""
        owned = [p for host in self.hosts for slot in range(WORKERS) for p in host.partitions_of(slot)]
        return sorted(owned) == list(range(self.partitions))

    # ---- what faults say and ask ----

    def expect_death(self, worker, host, **how):
        """Said right before it happens. `worker` is its entry in the status."""
        slot = worker["slot"]
        self.deaths.append(
            Death(time.time(), worker["pid"], host.name, slot, host.partitions_of(slot), **how))

    # ---- looking ----

    def effects_count(self):
        return self.mode.effects_count(self)

    def query_or_none(self, sql):
        """For the watch: one connection that is kept, and no answer where there is none soon."""
        try:
            if self._watching is None:
                self._watching = self.postgres.connect(
                    self.database, connect_timeout=2, options="-c statement_timeout=2000")
            with self._watching.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except psycopg2.Error:
            self._watching = None
            return None

    def rss_kib(self):
        """Of all processes of all hosts; a process that goes meanwhile counts nothing."""
        total = 0
        for host in self.hosts:
            for pid in host.pids():
                try:
                    text = pathlib.Path(f"/proc/{pid}/statm").read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                total += int(text.split()[1]) * 4
        return total

    def descriptors(self):
        """{host: (descriptors, threads)} of the supervisors."""
        found = {}
        for host in self.hosts:
            base = pathlib.Path(f"/proc/{host.pid}")
            found[host.name] = (len(list((base / "fd").iterdir())), len(list((base / "task").iterdir())))
        return found

    # ---- the end ----

    def close(self):
        if self._watching is not None:
            self._watching.close()
        self.mode.close(self)
        super().close()
