"""
kafka_client - what the tests do to a broker: topics, records, offsets, groups

Synchronous and loud: each call returns when the broker has answered and raises when it refused. One
admin client, one producer and short-lived consumers per address.
"""

import dataclasses
import time

import confluent_kafka
from confluent_kafka import Consumer, ElectionType, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec

from .process import wait_for

NO_OFFSET = -1001

# A coordinator that moves or has just started says so; asking again is the cure.
_PASSING = {
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._WAIT_COORD, KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
}


def _java_hash(text):
    """String.hashCode(), as the broker has it."""
    value = 0
    for unit in text:
        value = (31 * value + ord(unit)) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _patiently(call, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except KafkaException as error:
            if error.args[0].code() not in _PASSING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in the topic. `headers` keeps order and duplicates."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()

    def header(self, name):
        """The last header of that name, or None where there is none (a null value is b"")."""
        found = None
        for key, value in self.headers:
            if key == name:
                found = value if value is not None else b""
        return found

    def position(self):
        return (self.topic, self.partition, self.offset)


class KafkaClient:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self._admin = None
        self._producer = None
        self._readers = {}

    # ---- clients ----

    def _common(self):
        return {"bootstrap.servers": self.bootstrap, "log_level": 0,
                "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200,
                "topic.metadata.refresh.sparse": True}

    @property
    def admin(self):
        if self._admin is None:
            self._admin = AdminClient(self._common())
        return self._admin

    @property
    def producer(self):
        if self._producer is None:
            self._producer = Producer({
                **self._common(), "acks": "all", "linger.ms": 5, "message.max.bytes": 20_000_000,
                "queue.buffering.max.messages": 2_000_000, "partitioner": "murmur2_random"})
        return self._producer

    def _consumer(self, **settings):
        return Consumer({
            **self._common(), "group.id": "onced-tests-reader", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "enable.partition.eof": True, "fetch.wait.max.ms": 50, "isolation.level": "read_committed",
            "fetch.message.max.bytes": 20_000_000, **settings})

    def close_clients(self):
        for reader in self._readers.values():
            reader.close()
        self._admin = None
        self._producer = None
        self._readers = {}

    # ---- topics ----

    def create_topic(self, name, partitions=1, replicas=None, **config):
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replicas or -1,
                         config={k.replace("_", "."): str(v) for k, v in config.items()})
        for future in self.admin.create_topics([topic], request_timeout=20).values():
            future.result()
        wait_for(lambda: self.partition_count(name) == partitions, 20, f"topic {name} has its leaders")
        return name

    def delete_topic(self, name):
        for future in self.admin.delete_topics([name], request_timeout=20).values():
            future.result()
        wait_for(lambda: self.partition_count(name) == 0, 20, f"topic {name} is gone")

    def partition_count(self, name):
        """Partitions that have a leader; 0 for an unknown topic."""
        topic = self.admin.list_topics(name, timeout=20).topics.get(name)
        if topic is None or topic.error is not None:
            return 0
        return sum(1 for p in topic.partitions.values() if p.error is None and p.leader >= 0)

    def partition_total(self, name):
        """All it has, also those without a leader just now."""
        return len(self.admin.list_topics(name, timeout=20).topics[name].partitions)

    def add_partitions(self, name, total):
        for future in self.admin.create_partitions([NewPartitions(name, total)]).values():
            future.result()
        wait_for(lambda: self.partition_count(name) == total, 20, f"topic {name} has {total} partitions")

    def delete_records(self, topic, partition, before):
        """Everything below `before` is gone when this returns."""
        futures = self.admin.delete_records([TopicPartition(topic, partition, before)])
        for future in futures.values():
            future.result()

    # ---- records ----

    def produce(self, topic, value=b"", key=None, headers=None, timestamp_ms=None, partition=None):
        """Queue one record; flush() sends and checks. Returns nothing: positions come from read()."""
        options = {"value": value, "key": key, "headers": headers, "on_delivery": self._delivered}
        if timestamp_ms is not None:
            options["timestamp"] = timestamp_ms
        if partition is not None:
            options["partition"] = partition
        while True:
            try:
                self.producer.produce(topic, **options)
                return
            except BufferError:
                self.producer.poll(0.1)

    @staticmethod
    def _delivered(error, _message):
        if error is not None:
            raise KafkaException(error)

    def flush(self, seconds=60):
        left = self.producer.flush(seconds)
        if left:
            raise TimeoutError(f"{left} records were not acknowledged within {seconds} s")

    def watermarks(self, topic):
        """{partition: (first offset, end offset)} by one admin call each."""
        partitions = [TopicPartition(topic, p) for p in range(self.partition_count(topic))]
        low = self._list_offsets(partitions, OffsetSpec.earliest())
        high = self._list_offsets(partitions, OffsetSpec.latest())
        return {p.partition: (low[p.partition], high[p.partition]) for p in partitions}

    def _list_offsets(self, partitions, spec):
        if not partitions:
            return {}
        futures = self.admin.list_offsets({p: spec for p in partitions}, request_timeout=20)
        return {p.partition: future.result().offset for p, future in futures.items()}

    def end_offsets(self, topic):
        return {p: end for p, (_, end) in self.watermarks(topic).items()}

    def read(self, topic, seconds=60, begin=None, **settings):
        """The whole topic as it is now, or what lies behind `begin`, by partition and offset."""
        marks = {p: (max(low, (begin or {}).get(p, low)), high)
                 for p, (low, high) in self.watermarks(topic).items()}
        marks = {p: m for p, m in marks.items() if m[0] < m[1]}
        if not marks:
            return []
        consumer = self._consumer(**settings)
        records = []
        try:
            consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in marks.items()])
            deadline = time.monotonic() + seconds
            while marks:
                self._read_some(consumer, marks, records)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"cannot read {topic} to its end: partitions {sorted(marks)} are missing")
        finally:
            consumer.close()
        records.sort(key=lambda r: (r.partition, r.offset))
        return records

    @staticmethod
    def _read_some(consumer, marks, records):
        for message in consumer.consume(1000, timeout=0.2):
            error = message.error()
            if error is None:
                records.append(Record(
                    message.topic(), message.partition(), message.offset(), message.timestamp()[1],
                    message.key(), message.value(), tuple(message.headers() or ())))
            elif error.code() == KafkaError._PARTITION_EOF:
                marks.pop(message.partition(), None)
            else:
                raise KafkaException(error)

    # ---- groups ----

    def committed(self, group, topic):
        """{partition: committed offset}; a partition without a commit is missing."""
        return {p: offset for p, (offset, _) in self.committed_with_metadata(group, topic).items()}

    def _reader(self, group):
        """
        A consumer that never subscribes, for a group's offsets. (The admin client's calls for them crash the
        library when the coordinator has moved, as after a restart of the broker.)
        """
        if group not in self._readers:
            self._readers[group] = self._consumer(**{"group.id": group})
        return self._readers[group]

    def committed_with_metadata(self, group, topic):
        """{partition: (offset, metadata)}; a partition without a commit is missing."""
        partitions = [TopicPartition(topic, p) for p in range(self.partition_count(topic))]
        if not partitions:
            return {}
        answer = _patiently(lambda: self._reader(group).committed(partitions, timeout=10))
        return {p.partition: (p.offset, p.metadata) for p in answer if p.offset >= 0}

    def committed_fast(self, group, topic, partitions, seconds=4):
        """As committed(), asked once: raises where no answer comes soon."""
        asked = [TopicPartition(topic, p) for p in range(partitions)]
        answer = self._reader(group).committed(asked, timeout=seconds)
        return {p.partition: p.offset for p in answer if p.error is None and p.offset >= 0}

    def end_offsets_fast(self, topic, partitions, seconds=4):
        """As end_offsets(), asked once: raises where no answer comes soon."""
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for p in range(partitions)}
        futures = self.admin.list_offsets(asked, request_timeout=seconds)
        ends = {p.partition: future.result().offset for p, future in futures.items()}
        # A broker that is just starting answers so for a partition it does not lead yet.
        if any(end < 0 for end in ends.values()):
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        return ends

    def set_committed(self, group, topic, offsets):
        """Only for a group without members (static ones stay a session timeout): refused otherwise."""
        partitions = [TopicPartition(topic, p, o) for p, o in offsets.items()]
        reader = self._reader(group)
        for partition in _patiently(lambda: reader.commit(offsets=partitions, asynchronous=False)):
            if partition.error is not None:
                raise KafkaException(partition.error)

    def describe_group(self, group):
        """State and members: {member id: (instance id, [(topic, partition), ...])}."""
        future = next(iter(self.admin.describe_consumer_groups([group], request_timeout=20).values()))
        answer = future.result()
        members = {}
        for member in answer.members:
            assigned = member.assignment.topic_partitions if member.assignment else []
            members[member.member_id] = (
                member.group_instance_id, sorted((p.topic, p.partition) for p in assigned))
        return answer.state.name, members

    def coordinator_of(self, group):
        """
        Number of the broker that coordinates it: the leader of the partition that has its commits. (What the
        admin client finds out by asking for the coordinator it does not ask again when that has moved.)
        """
        offsets = self.admin.list_topics("__consumer_offsets", timeout=20).topics["__consumer_offsets"]
        return offsets.partitions[abs(_java_hash(group)) % len(offsets.partitions)].leader

    def elect_preferred_leaders(self):
        """Where another broker leads than the first of its replicas; returns how many that were."""
        answer = self.admin.elect_leaders(ElectionType.PREFERRED, None, request_timeout=20).result()
        return sum(1 for error in answer.values() if error is None)

    def lag(self, group, topic):
        """Sum over partitions of end minus committed (an uncommitted one counts from its start)."""
        committed = self.committed(group, topic)
        return sum(max(0, end - committed.get(p, low))
                   for p, (low, end) in self.watermarks(topic).items())
