"""
watch - looks at a run from outside, twice a second: what was produced, committed

Runs in a thread with a client of its own. What cannot be asked during a fault
is missing from that sample. The order of questions matters: committed offsets first, then the end of the
dead letters, so that whatever lay below an offset can be held to what came later.
"""

import collections
import dataclasses
import threading
import time

import confluent_kafka
from support.kafka_client import KafkaClient


@dataclasses.dataclass
class Sample:
    at: float  # seconds since the epoch
    produced: int
    committed: dict | None = None  # {partition: offset}
    dead_ends: dict | None = None  # {partition: end} of the dead letters, asked after `committed`
    lag: int | None = None
    rss_kib: int = 0


class Watch:
    EVERY = 0.5
    BACKLOG_SECONDS = 8  # a longer one would measure the machine when it is worked off
    STALL = 15.0  # longer than all questions of a sample may take

    def __init__(self, stage, producer):
        self.stage = stage
        self.producer = producer
        self.samples = []
        self.errors = collections.Counter()
        self.stalls = []  # (from, to): the machine itself stood still, which explains a lot
        self._client = KafkaClient(stage.kafka.bootstrap)
        self._partitions = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._over.set()
        self._thread.join()
        self._client.close_clients()

    def _run(self):
        last = time.time()
        while not self._over.wait(self.EVERY):
            sample = Sample(time.time(), self.producer.acknowledged)
            if sample.at - last > self.STALL:
                self.stalls.append((last, sample.at))
            last = sample.at
            self._look(sample)
            self.samples.append(sample)

    def _look(self, sample):
        try:
            committed, dead_ends, ends = self.offsets()
            sample.at, sample.committed, sample.dead_ends = time.time(), committed, dead_ends
            sample.lag = sum(end - committed.get(p, 0) for p, end in ends.items())
            self.producer.is_held = sample.lag > self.producer.per_second * self.BACKLOG_SECONDS
        except confluent_kafka.KafkaException as error:
            self.errors[error.args[0].name()] += 1
            # What a client remembers of a broker that is another one now only costs time.
            self._client.close_clients()
        sample.rss_kib = self.stage.rss_kib()

    def offsets(self):
        """(committed, ends of the dead letters, ends of the input), in this order."""
        stage = self.stage
        committed = self._client.committed_fast(stage.group, stage.topic, stage.partitions)
        dead_ends = self._client.end_offsets_fast(stage.dlq, stage.dlq_partitions)
        ends = self._client.end_offsets_fast(stage.topic, stage.partitions)
        return committed, dead_ends, ends
