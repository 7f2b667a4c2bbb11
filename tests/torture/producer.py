"""
producer - sends the stream at a pace, and keeps what the broker acknowledged

Runs in a thread of its own, on a client of its own. It is idempotent and waits for all replicas, so
that what it says was acknowledged lies in the topic once, in this order. `ledger` is what is believed
when the run is judged: the position of every acknowledged record, and its class.
"""

import threading
import time

import confluent_kafka

from .stream import Stream


QUEUE = 3000  # records that wait for a broker; after that the stream itself waits


class Producer:
    def __init__(self, bootstrap, topic, stream: Stream, per_second):
        self.topic = topic
        self.stream = stream
        self.per_second = per_second
        self.ledger = {}  # (partition, offset) -> class
        self.numbers = 0
        self.is_held = False  # by the watch: enough lies there that nobody has settled
        self.failed = []  # records the broker never acknowledged, with the reason
        self._over = threading.Event()
        self._client = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "log_level": 0, "enable.idempotence": True,
            "linger.ms": 5, "message.max.bytes": 20_000_000, "message.timeout.ms": 300_000,
            "queue.buffering.max.messages": QUEUE, "partitioner": "murmur2_random",
            "topic.metadata.refresh.interval.ms": 2000,
            "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500})
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self, seconds=310):
        """Nothing more is sent; what was sent is acknowledged or given up."""
        self._over.set()
        self._thread.join()
        left = self._client.flush(seconds)
        if left:
            raise TimeoutError(f"{left} records were not acknowledged within {seconds} s")

    @property
    def acknowledged(self):
        return len(self.ledger)

    def _delivered(self, kind):
        def told(error, message):
            if error is None:
                self.ledger[message.partition(), message.offset()] = kind
            else:
                self.failed.append((kind, error.str()))
        return told

    def _run(self):
        began = time.monotonic()
        while not self._over.wait(0.01):
            due = int((time.monotonic() - began) * self.per_second)
            # After a stall the pace is kept, not caught up with: a flood is another test.
            if due - self.numbers > self.per_second:
                began = time.monotonic() - self.numbers / self.per_second
                due = self.numbers + int(self.per_second / 10)
            while self.numbers < due and not self.is_held:
                self._send(self.stream.make(self.numbers))
                self.numbers += 1
            self._client.poll(0)

    def _send(self, made):
        while True:
            try:
                self._client.produce(
                    self.topic, made.value, made.key, headers=list(made.headers),
                    on_delivery=self._delivered(made.kind))
                return
            except BufferError:
                if self._over.is_set():
                    return
                self._client.poll(0.1)
