"""
witness - a member of the group of a onced that sees its rebalances
"""

import time

import confluent_kafka


class Witness:
    """A member of the same group that counts the rebalances it sees."""

    def __init__(self, world):
        self.calls = 0
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": world.kafka.bootstrap, "group.id": world.group, "group.instance.id": "witness",
            "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "enable.auto.commit": False,
            "partition.assignment.strategy": "range,roundrobin", "log_level": 0})
        self.assigned = []
        self.consumer.subscribe([world.topic], on_assign=self._assign, on_revoke=self._revoke)

    def _assign(self, consumer, partitions):
        self.calls += 1
        self.assigned = [p.partition for p in partitions]
        consumer.assign(partitions)
        consumer.pause(partitions)

    def _revoke(self, consumer, _partitions):
        self.assigned = []
        consumer.unassign()

    def poll(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.consumer.poll(0.05)
