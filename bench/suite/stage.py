"""
stage - broker and database of the benchmark, and the tables and topics of a run

Both servers are set for measuring, not for testing: the broker with a compiling JVM and a gigabyte,
the database durable, with the memory of a small production server. Autovacuum is off, so that it does
not fall into one contender's run and spare the other.
"""

import itertools
import os
import pathlib
import subprocess
import tempfile
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from support.kafka_server import Kafka
from support.postgres_server import PASSWORD, USER, Postgres

from . import workload

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONCED_BUILD", ROOT / "build-bench")).resolve()

KAFKA_SETTINGS = {
    # Kafka 4.0 and 4.1 hold every offset commit for 5 ms by default: no contender shall pay for that.
    "group.coordinator.append.linger.ms": 0,
}
POSTGRES_SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "deadlock_timeout": "1s",
    "checkpoint_timeout": "30min",
    "log_min_messages": "error",
}
COORDINATOR_COMES = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR)
BASE = "base"  # the database that fresh ones are copies of


class BenchKafka(Kafka):
    def command(self):
        own = [a for a in super().command() if not a.startswith(("-Xm", "-XX"))]
        return [own[0], "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", *own[1:]]


class Stage:
    def __init__(self, has_database=True, postgres_settings=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="onced-bench-"))
        self._number = itertools.count(1)
        self._workloads = {}
        self._asker = None
        self.kafka = BenchKafka(settings=KAFKA_SETTINGS).start()
        self.postgres = None
        if has_database:
            self.postgres = Postgres(durable=True, settings={**POSTGRES_SETTINGS, **(postgres_settings or {})}).start()
            self.make_base(BASE)

    def close(self):
        self._close_asker()
        if self.postgres:
            self.postgres.close()
        self.kafka.close()
        subprocess.run(["rm", "-rf", str(self.directory)], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- databases ----

    def make_base(self, name):
        """All tables that any contender needs, onced's own by its own tool."""
        self.postgres.create_database(name)
        self.postgres.execute(workload.SCHEMA, database=name)
        config = self.directory / f"{name}.ini"
        config.write_text(
            f"[onced]\nstore = {self.postgres.url(name)}\nstore.user = {USER}\nstore.password = {PASSWORD}\n"
            f"[kafka]\nbootstrap.servers = {self.kafka.bootstrap}\n"
            "[consumer c]\ntopics = orders\nhandler = effect\ndlq.topic = none\n"
            "[handler effect]\ntype = log\n")
        config.chmod(0o600)
        subprocess.run([str(BUILD / "oncectl"), "migrate", "-c", str(config)], check=True, stdout=subprocess.DEVNULL)

    def fresh_database(self, base=BASE):
        """A copy of the base, all of it on disk: no checkpoint is left over for the run."""
        name = f"run{next(self._number)}"
        self.postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE "{base}" STRATEGY file_copy')
        self.postgres.execute("CHECKPOINT")
        return name

    def drop_database(self, name):
        self.postgres.drop_database(name)

    def make_old_claims(self, name, rows):
        """A base whose claim table remembers that many other events."""
        self.postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE "{BASE}"')
        self.postgres.execute(
            "INSERT INTO onced.processed_events (at, record_offset, record_timestamp_ms, partition, topic, scope,"
            " outcome, key, event_id)"
            " SELECT now() - interval '1 day', n, 0, 0, 1, 1, 0, md5('old' || n)::uuid, decode(md5(n::text), 'hex')"
            f" FROM generate_series(1, {int(rows)}) AS n", database=name)
        self.postgres.execute("VACUUM (FREEZE, ANALYZE) onced.processed_events", database=name)
        self.postgres.execute("CHECKPOINT")

    # ---- topics ----

    def orders(self, count, partitions=4, poison=0.0):
        """The topic with this workload, filled at its first use."""
        topic = f"orders-{count}-p{partitions}-x{poison}"
        if topic not in self._workloads:
            self._workloads[topic] = workload.fill(self.kafka, topic, count, partitions, poison)
        return self._workloads[topic]

    def small_records(self, count, partitions=8):
        topic = f"small-{count}"
        if topic not in self._workloads:
            self._workloads[topic] = workload.fill_small(self.kafka, topic, count, partitions)
        return self._workloads[topic]

    def new_topic(self, label, partitions=4):
        return self.kafka.create_topic(f"{label}-{next(self._number)}", partitions)

    def new_group(self, label):
        return f"{label}-{next(self._number)}"

    # ---- progress ----

    def committed(self, group, topic):
        """
        {partition: offset}; nothing yet while a new broker still makes the topic that offsets live in.
        Asked as a consumer that never joins: the admin client's way crashes while the coordinator loads.
        """
        partitions = [TopicPartition(topic, p) for p in range(self.kafka.partition_count(topic))]
        if self._asker is None or self._asker[0] != group:
            self._close_asker()
            self._asker = (group, Consumer({
                "bootstrap.servers": self.kafka.bootstrap, "group.id": group, "log_level": 0}))
        try:
            return {p.partition: p.offset for p in self._asker[1].committed(partitions, timeout=10) if p.offset >= 0}
        except KafkaException as error:
            if error.args[0].code() not in COORDINATOR_COMES:
                raise
            return {}

    def _close_asker(self):
        if self._asker is not None:
            self._asker[1].close()
            self._asker = None

    def wait_committed(self, group, topic, is_alive, seconds):
        """Until the group has committed the topic's end. `is_alive` raises when nobody works on it."""
        ends = self.kafka.end_offsets(topic)
        deadline = time.monotonic() + seconds
        while True:
            committed = self.committed(group, topic)
            if all(committed.get(p, 0) == end for p, end in ends.items()):
                return
            is_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{group} did not finish {topic} within {seconds} s: {committed} of {ends}")
            time.sleep(0.1)
