"""
world - one scenario's surroundings: a fresh database, fresh topics, and the onced that works on them

Broker and database server are shared by the session; names are not, so that scenarios do not see each
other.
"""

import itertools
import types
import uuid

from support.postgres_server import PASSWORD, USER

from . import checker, events
from .harness import Onced, merge, slowness
from support.process import wait_for


class World:
    def __init__(self, kafka, postgres, directory):
        self.kafka = kafka
        self.postgres = postgres
        self.directory = directory
        self.name = "t" + uuid.uuid4().hex[:10]
        self.database = self.name
        self.topic = f"{self.name}.in"
        self.dlq = f"{self.name}.dlq"
        self.group = f"{self.name}-group"
        self.started = []
        self._number = itertools.count()
        postgres.create_database(self.database)
        self.sql(events.SCHEMA)

    # ---- database ----

    def sql(self, statement, parameters=None):
        return self.postgres.execute(statement, parameters, self.database)

    def effects(self):
        rows = self.sql('SELECT seq, event_id, topic, partition, "offset", key, n, note, fault, txid'
                        " FROM effects ORDER BY seq")
        names = ("seq", "event_id", "topic", "partition", "offset", "key", "n", "note", "fault", "txid")
        return [types.SimpleNamespace(**dict(zip(names, row))) for row in rows]

    def effect_count(self):
        return self.sql("SELECT count(*) FROM effects")[0][0]

    # ---- topics ----

    def create_topics(self, partitions=1, dlq_partitions=1):
        self.kafka.create_topic(self.topic, partitions, max_message_bytes=10_000_000)
        if dlq_partitions:
            self.kafka.create_topic(self.dlq, dlq_partitions, max_message_bytes=10_000_000)
        return self

    def produce(self, *records, flush=True):
        """(event id, key, value) tuples, as events.stream() makes them, by key."""
        for _, key, value in records:
            self.kafka.produce(self.topic, value, key)
        if flush:
            self.kafka.flush()

    def produce_stream(self, count, **options):
        records = list(events.stream(count, **options))
        self.produce(*records)
        return records

    def produce_event(self, event_id, n=0, key=None, partition=None, **payload):
        if str(payload.get("fault", "")).startswith("flaky:"):
            self.sql(events.flaky_counter(event_id))
        self.kafka.produce(self.topic, events.envelope(event_id, n, **payload), key, partition=partition)

    def dead_letters(self):
        return self.kafka.read(self.dlq) if self.kafka.partition_count(self.dlq) else []

    # ---- onced ----

    def sections(self, changes=None):
        base = {
            "onced": {
                "store": self.postgres.url(self.database),
                "store.user": USER,
                "store.password": PASSWORD,
                "store.migrate": "yes",
                "store.lock.timeout": "2s",
                "log.format": "logfmt",
                "log.level": "debug",
                "drain.timeout": "25s",
                # Faults are what is tested: the restart throttle has its own test.
                "restart.intensity": "1000 in 1m",
            },
            "kafka": {
                "bootstrap.servers": self.kafka.bootstrap,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 500,
            },
            "consumer c": {
                "topics": self.topic,
                "group.id": self.group,
                "handler": "effect",
                "dlq.topic": self.dlq,
                "commit.interval": "100ms",
                "dlq.breaker": "off",
                "offset.initial": "earliest",
                # As `auto` would choose on a host; a bare one without a machine id has dynamic members.
                "instance.id": "static-%n",
            },
            "handler effect": {"type": "sql", "statement": events.STATEMENT},
            "retry": {"delay": "50ms", "delay.max": "500ms", "attempts": 5},
        }
        return merge(base, changes)

    def onced(self, changes=None, env=None):
        """Not started yet; its own directory below the scenario's."""
        return self.onced_with(self.sections(changes), env, [PASSWORD])

    def onced_with(self, sections, env=None, secrets=()):
        """The same with a configuration of its own."""
        made = Onced(self.directory / f"onced{next(self._number)}", sections, env, secrets)
        self.started.append(made)
        return made

    def start(self, changes=None, env=None):
        return self.onced(changes, env).start()

    def close(self):
        for onced in self.started:
            onced.kill_everything()
        for topic in (self.topic, self.dlq):
            if self.kafka.is_running() and self.kafka.partition_count(topic):
                self.kafka.delete_topic(topic)
        self.postgres.drop_database(self.database)

    # ---- what came of it ----

    def committed(self):
        return {(self.topic, p): o for p, o in self.kafka.committed(self.group, self.topic).items()}

    def ends(self):
        return {(self.topic, p): end for p, end in self.kafka.end_offsets(self.topic).items()}

    def evidence(self):
        """Offsets first: everything below them was settled before the rest is read."""
        committed = self.committed()
        return checker.Evidence(
            committed, self.kafka.read(self.topic), self.effects(), self.dead_letters())

    def lag(self):
        committed = self.committed()
        return sum(end - committed.get(where, 0) for where, end in self.ends().items())

    def wait_finished(self, onced, seconds=60):
        """The group has committed everything that lies in the topic."""
        onced.wait_until(lambda: self.lag() == 0, seconds, f"the lag of {self.group} is 0")

    def wait_effects(self, at_least, seconds=30):
        wait_for(lambda: self.effect_count() >= at_least, seconds * slowness(), f"{at_least} effects")

    def check_always(self, ordering="partition"):
        checker.check_always(self.evidence(), ordering)

    def check_finished(self, ordering="partition"):
        evidence = self.evidence()
        checker.check_finished(evidence, self.ends(), ordering)
        return evidence

    def finish(self, onced, seconds=60, ordering="partition"):
        """The usual end: everything done, sums right, drained, and every promise kept."""
        self.wait_finished(onced, seconds)
        onced.assert_accounted()
        onced.stop()
        return self.check_finished(ordering)
