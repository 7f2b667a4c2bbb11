"""
side - a second input topic with a trickle of records, which is deleted and made anew under load

A new topic begins with the offsets of the old one, and with none of its records: what is applied of it is known
by the key, which no record of any of them shares. A third of them have no event id: only position and time
tell them apart. What was acknowledged since the last topic was made must be there and applied; what earlier
ones had may be lost with them.
"""

import collections
import dataclasses
import threading
import time

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import NewTopic
from scenario.events import envelope

from . import eventlog

PER_SECOND = 25
ANSWER_SECONDS = 5  # a broker that does not answer within it is away


@dataclasses.dataclass(frozen=True)
class SideEvidence:
    """What lies around of it after a round."""

    acknowledged: set  # keys of records sent since the last topic was made
    records: list
    effects: list
    dead_letters: list
    committed: dict  # {partition: offset}
    ends: dict
    forgotten: set  # partitions that had a committed offset when the last topic but one was deleted
    told: set  # partitions of which a host has said since that their offset is lost


class Side:
    PARTITIONS = 2
    # Where a new topic has grown past the old offset before anybody looks again nothing tells them apart.
    OLD_ENOUGH = 50

    def __init__(self, stage):
        self.stage = stage
        self.kafka = stage.kafka
        self.name = f"{stage.name}.side"
        self._deleting = self._deleted = (0.0, set())  # (when, partitions whose committed offset went with it)
        self._topic_id = None
        self._made = 0  # how many there were before this one
        self._acknowledged = collections.defaultdict(set)  # {how many there were: keys}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trickle, name="side", daemon=True)

    # ---- the topic ----

    def prepare(self):
        self.kafka.create_topic(self.name, self.PARTITIONS)
        self._topic_id = self._ask_id()

    def _ask_id(self):
        """Of the topic that has the name now; None: there is none."""
        asked = self.kafka.admin.describe_topics(TopicCollection([self.name]), request_timeout=ANSWER_SECONDS)
        try:
            return str(asked[self.name].result().topic_id)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise

    def is_old_enough(self):
        committed = self.kafka.committed_fast(self.stage.group, self.name, self.PARTITIONS)
        return (self._ask_id() == self._topic_id
                and all(committed.get(p, 0) >= self.OLD_ENOUGH for p in range(self.PARTITIONS)))

    def delete(self):
        """What the group has committed is forgotten with it."""
        self._deleting = time.time(), set(range(self.PARTITIONS))
        [deleted] = self.kafka.admin.delete_topics([self.name], request_timeout=ANSWER_SECONDS).values()
        deleted.result()

    def is_there(self):
        """Another one, with a leader for each partition. Where there is none it is made."""
        now = self._ask_id()
        if now is None:
            topic = NewTopic(self.name, num_partitions=self.PARTITIONS, replication_factor=-1)
            [created] = self.kafka.admin.create_topics([topic], request_timeout=ANSWER_SECONDS).values()
            created.result()
            return False
        if now != self._topic_id:
            self._topic_id, self._deleted = now, self._deleting
            self._made += 1
        return self.kafka.partition_count(self.name) == self.PARTITIONS

    # ---- its records ----

    def start(self):
        self._thread.start()

    def _trickle(self):
        # Nothing is sent twice: what a broker did not acknowledge counts as not sent.
        client = confluent_kafka.Producer({
            "bootstrap.servers": self.kafka.bootstrap, "log_level": 0, "acks": "all", "retries": 0, "linger.ms": 5,
            "message.timeout.ms": 20_000, "topic.metadata.refresh.interval.ms": 500,
            "topic.metadata.propagation.max.ms": 500, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500})
        number = 0
        while not self._over.wait(1 / PER_SECOND):
            key = f"side-{number}"
            event_id = f"{self.stage.name}-{key}" if number % 3 else None
            try:
                client.produce(self.name, envelope(event_id, number), key, on_delivery=self._heard(key))
            except (BufferError, KafkaException):
                pass  # the topic is away
            number += 1
            client.poll(0)
        client.flush(30)

    def _heard(self, key):
        made = self._made

        def told(error, _message):
            if error is None:
                self._acknowledged[made].add(key)
        return told

    def stop(self):
        self._over.set()
        self._thread.join(60)

    # ---- what came of it ----

    def is_done(self):
        """Somebody has each partition, and has committed it to its end."""
        owned = [p for host in self.stage.hosts for p in host.partitions_of(topic=self.name)]
        ends = self.kafka.end_offsets(self.name)
        return (sorted(owned) == list(range(self.PARTITIONS)) == sorted(ends)
                and self.kafka.committed(self.stage.group, self.name) == ends)

    def evidence(self, effects, dead_letters):
        deleted_at, forgotten = self._deleted
        told = {p for host in self.stage.hosts for p in eventlog.told_lost(host.log_path, self.name, deleted_at)}
        committed = self.kafka.committed(self.stage.group, self.name)
        return SideEvidence(
            acknowledged=self._acknowledged[self._made], records=self.kafka.read(self.name),
            effects=effects, dead_letters=dead_letters, committed=committed, ends=self.kafka.end_offsets(self.name),
            forgotten=forgotten, told=told)
