"""
tiers - the retry topics of a world
"""

import threading

DELAYS_MS = {"300ms": 300, "1s": 1000}


class Tiers:
    """The retry topics of a world, and a trickle of good records that are witnesses of all others."""

    def __init__(self, world):
        self.world = world
        self.use(DELAYS_MS)
        self.stop = threading.Event()
        self.sent = 0

    def use(self, delays_ms):
        self.delays_ms = delays_ms
        self.topics = {f"{self.world.group}.retry.{name}": ms for name, ms in delays_ms.items()}

    def create(self, partitions=2, leave_out=()):
        for topic in self.topics:
            if topic not in leave_out:
                self.world.kafka.create_topic(topic, partitions, max_message_bytes=10_000_000)

    def changes(self, **more):
        return {"consumer c": {"ordering": "none", "lanes": 2, "retry.topics": ", ".join(self.delays_ms), **more}}

    def trickle(self):
        def run():
            while not self.stop.wait(0.05):
                self.world.kafka.produce(self.world.topic, b'{"event_id":"t-%d","payload":{"n":1}}' % self.sent)
                self.sent += 1
        self.thread = threading.Thread(target=run)
        self.thread.start()

    def end_trickle(self):
        self.stop.set()
        if hasattr(self, "thread"):
            self.thread.join()
        self.world.kafka.flush()

    def lag(self):
        return sum(self.world.kafka.lag(self.world.group, topic) for topic in self.topics)

    def wait_finished(self, onced, seconds=60):
        onced.wait_until(lambda: self.world.lag() == 0 and self.lag() == 0, seconds, "nothing waits anywhere")

    def records(self):
        """[(delay, record)] of all retry topics, shortest delay first."""
        return [(ms, r) for topic, ms in self.topics.items() for r in self.world.kafka.read(topic)]

    def close(self):
        self.end_trickle()
        for topic in self.topics:
            if self.world.kafka.is_running() and self.world.kafka.partition_count(topic):
                self.world.kafka.delete_topic(topic)
