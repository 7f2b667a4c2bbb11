"""
stage - the surroundings of one round: servers, topics, several onced, and what is expected of them

A World of the scenario tests with more than one host. The servers live longer than a round; names do not.
"""

import dataclasses
import pathlib
import time

from confluent_kafka import KafkaException
from scenario.harness import merge, run_tool
from scenario.world import World

from . import cgroup
from .clock import Clock
from .host import PLANTED, Host
from .side import Side


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
        self.side = Side(self) if options.has_side else None
        self.deleted = {}  # {partition: offset}: what lay below it was deleted by retention
        self.kept = []  # records as they were before that

    # ---- set-up ----

    def prepare(self):
        self.create_topics(self.partitions, self.dlq_partitions)
        self.mode.prepare(self)
        if self.side:
            self.side.prepare()
        for number in range(self.mode.hosts):
            self.hosts.append(self._host("abcdef"[number]))
        return self

    def _host(self, name):
        instance = f"{name}-%n" if self.options.is_static else "off"
        changes = {
            "onced": {"log.level": "info", "store.idle.timeout": "3s"},
            "kafka": {"bootstrap.servers": self.servers.bootstrap_of(name)},
            "consumer c": {"workers": self.options.workers, "instance.id": instance,
                           "assignment": self.options.assignment, "batch.max": 100,
                           "offset.lost": "earliest" if self.mode.may_lose and not self.options.is_held else None},
            # What fails by chance shall succeed in the end.
            "retry": {"attempts": 10},
        }
        if self.side:
            changes["consumer c"]["topics"] = f"{self.topic}, {self.side.name}"
        if self.options.assignment == "consumer":
            # The brokers have the times.
            changes["kafka"].update({"session.timeout.ms": None, "heartbeat.interval.ms": None})
        sections = self.sections(merge(changes, self.mode.changes(self, name)))
        environment = None if self.options.assignment == "eager" else self.servers.newest
        host = Host(name, self.topic, self.directory / f"host-{name}", sections, environment, PLANTED)
        if self.servers.has_groups:
            host.memory = cgroup.make(f"torture-{self.name}-{name}")
            host.prepare = host.memory.join
        if self.options.is_clocked:
            host.clock = Clock(self.directory / f"clock-{name}")
            host.wall_clock = host.clock.wall
        self.started.append(host)
        return host

    def postgres_url(self, host):
        """Through that host's door."""
        return f"postgresql://127.0.0.1:{self.servers.port_of('postgres', host)}/{self.database}"

    def start_hosts(self):
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            host.wait_ready(60)

    def is_complete(self):
        """Every partition has an owner, and of the side topic nothing is left to do."""
        owned = [p for host in self.hosts for slot in range(self.options.workers) for p in host.partitions_of(slot)]
        return sorted(owned) == list(range(self.partitions)) and (not self.side or self.side.is_done())

    # ---- what faults say and ask ----

    def expect_death(self, worker, host, **how):
        """Said right before it happens. `worker` is its entry in the status."""
        slot = worker["slot"]
        self.deaths.append(
            Death(time.time(), worker["pid"], host.name, slot, host.partitions_of(slot), **how))

    def has_work(self):
        """Whether any host has records in hand just now."""
        return any(host.busy_slots() for host in self.hosts)

    def resume_all(self):
        """Every consumer of every host that can be reached."""
        for host in self.hosts:
            if host.is_reachable():
                run_tool("resume", "c", "--socket", host.socket, program="oncectl", timeout=20)

    def answer_held(self):
        """
        What an operator does about partitions whose offset is lost: they go on with what there is. During another
        fault it may be refused, and is tried again. Returns how many there were.
        """
        lost = [(host, f"{self.topic}:{partition}") for host in self.hosts for partition in host.lost_partitions()]
        for host, where in lost:
            for words in (("pause", f"c:{where}", "--reason", "its offset is lost"),
                          ("offsets", "set", "c", where, "--to", "earliest"), ("resume", f"c:{where}")):
                run_tool(*words, "--socket", host.socket, program="oncectl", timeout=20)
        return len(lost)

    def keep_records(self):
        """Before some are deleted: the judge wants to see them, too."""
        self.kept += self.kafka.read(self.topic)

    def inputs(self):
        """Every record that ever was, by partition and offset."""
        found = {record.position(): record for record in (*self.kept, *self.kafka.read(self.topic))}
        return [found[position] for position in sorted(found)]

    def deleted_unsettled(self, inputs):
        """Positions that nobody has to settle any more."""
        return {r.position() for r in inputs if r.offset < self.deleted.get(r.partition, 0)}

    # ---- looking ----

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

    def membership(self):
        """Settings of a client that the group takes as a member."""
        if self.options.assignment == "consumer":
            return {"group.protocol": "consumer"}
        assignors = {"eager": "range,roundrobin", "cooperative": "cooperative-sticky"}
        return {"partition.assignment.strategy": assignors[self.options.assignment],
                "session.timeout.ms": 6000, "heartbeat.interval.ms": 500}

    def descriptors(self):
        """{host: (descriptors, threads)} of the supervisors."""
        found = {}
        for host in self.hosts:
            base = pathlib.Path(f"/proc/{host.pid}")
            found[host.name] = (len(list((base / "fd").iterdir())), len(list((base / "task").iterdir())))
        return found

    # ---- the end ----

    def close(self):
        self.mode.close(self)
        try:
            super().close()
            if self.side and self.kafka.is_running() and self.kafka.partition_count(self.side.name):
                self.kafka.delete_topic(self.side.name)
        except KafkaException as error:
            # Topics that stay harm nobody: their names are this round's. Its verdict is made.
            print(f"topics of {self.name} are left behind: {error}", flush=True)
        for host in self.hosts:
            if host.memory:
                host.memory.close()
