"""
producer - sends the stream at a pace, and keeps what the broker acknowledged

A process of its own, so that the pace is not the test program's. It is idempotent and waits for all replicas,
so that what it says was acknowledged lies in the topic once, in this order. `ledger` is what is believed
when the run is judged: the position of every acknowledged record, and its class. It is there after stop().
"""

import array
import multiprocessing
import time

import confluent_kafka
from support.process import die_with_parent

from .stream import Stream

QUEUE = 3000  # records that wait for a broker; after that the stream itself waits
STUCK_SECONDS = 20  # no broker is away for so long


class Producer:
    """The test program's end of it."""

    def __init__(self, bootstrap, topic, stream: Stream, per_second):
        context = multiprocessing.get_context("spawn")
        self.per_second = per_second
        self.ledger = {}  # (partition, offset) -> class
        self.failed = []  # records the broker never acknowledged, with the reason
        self._acknowledged = context.Value("q", 0, lock=False)
        self._held = context.Value("b", 0, lock=False)
        self._over = context.Event()
        self._answer, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_produce, name="producer", daemon=True,
            args=(bootstrap, topic, stream, per_second, self._acknowledged, self._held, self._over, theirs))

    def start(self):
        self._process.start()
        return self

    def stop(self, seconds=310):
        """Nothing more is sent; what was sent is acknowledged or given up."""
        self._over.set()
        if not self._answer.poll(seconds):
            raise TimeoutError(f"the producer did not end within {seconds} s")
        acknowledged, self.failed = self._answer.recv()
        self._process.join(seconds)
        for kind, (partitions, offsets) in acknowledged.items():
            self.ledger.update(dict.fromkeys(zip(partitions, offsets), kind))

    @property
    def acknowledged(self):
        return self._acknowledged.value

    @property
    def is_held(self):
        """Set by the watch: enough lies there that nobody has settled."""
        return bool(self._held.value)

    @is_held.setter
    def is_held(self, is_held):
        self._held.value = is_held


# ---- in its process ----


def _produce(bootstrap, topic, stream, per_second, acknowledged, held, over, answer):
    die_with_parent()
    sender = _Sender(bootstrap, topic, stream, acknowledged)
    sender.run(per_second, held, over)
    sender.end()
    answer.send((sender.acknowledged, sender.failed))


class _Sender:
    def __init__(self, bootstrap, topic, stream, count):
        self.topic = topic
        self.stream = stream
        self.numbers = 0
        self.failed = []
        self.acknowledged = {kind: (array.array("i"), array.array("q")) for kind in stream.kinds()}
        self._count = count
        self._told = {kind: self._delivered(kind) for kind in stream.kinds()}
        self._answered = 0.0
        self._bootstrap = bootstrap
        self.client = self._make_client()

    def _make_client(self):
        return confluent_kafka.Producer({
            "bootstrap.servers": self._bootstrap, "log_level": 0, "enable.idempotence": True,
            "linger.ms": 5, "message.max.bytes": 20_000_000, "message.timeout.ms": 300_000,
            "queue.buffering.max.messages": QUEUE, "partitioner": "murmur2_random",
            "topic.metadata.refresh.interval.ms": 2000,
            "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500})

    def _delivered(self, kind):
        partitions, offsets = self.acknowledged[kind]

        def told(error, message):
            if error is None:
                partitions.append(message.partition())
                offsets.append(message.offset())
                self._count.value += 1
                self._answered = time.monotonic()
            else:
                self.failed.append((kind, error.str()))
        return told

    def run(self, per_second, held, over):
        began = time.monotonic()
        while not over.wait(0.01):
            due = int((time.monotonic() - began) * per_second)
            # After a stall the pace is kept, not caught up with: a flood is another test.
            if due - self.numbers > per_second:
                began = time.monotonic() - self.numbers / per_second
                due = self.numbers + int(per_second / 10)
            while self.numbers < due and not held.value:
                self._send(self.stream.make(self.numbers), over)
                self.numbers += 1
            self.client.poll(0)

    def _send(self, made, over):
        refused_since = None
        while True:
            try:
                self.client.produce(
                    self.topic, made.value, made.key, headers=list(made.headers),
                    on_delivery=self._told[made.kind])
                return
            except BufferError:
                if over.is_set():
                    return
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - max(refused_since, self._answered) > STUCK_SECONDS:
                    self._give_up()
                    self.client = self._make_client()
                self.client.poll(0.1)

    def _give_up(self):
        """A client that a killed broker has brought to a standstill: nobody vouches for what it holds."""
        self.client.purge()
        self.client.flush(5)

    def end(self):
        if self.client.flush(60):
            self._give_up()
