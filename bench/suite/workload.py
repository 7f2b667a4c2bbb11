"""
workload - the orders that all contenders apply, the same bytes at every run

An order envelope of about 270 bytes; 20,000 customers are the keys, a customer's orders stay in one
partition. Two of a hundred records repeat one of the last 5,000. Some may be poison: their amount is
negative, which a CHECK of the effects table refuses.
"""

import dataclasses
import json
import random
import time
import uuid
import zlib

from confluent_kafka import Producer

KEYS = 20_000
DUPLICATE_SHARE = 0.02
DUPLICATE_REACH = 5_000

# No unique key: a repeated effect shows as a second row. An index, as such a table would have.
SCHEMA = """
CREATE TABLE orders (
    event_id uuid NOT NULL,
    order_id bigint NOT NULL,
    customer text NOT NULL,
    amount numeric(12, 2) NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    placed_us bigint NOT NULL);
CREATE INDEX orders_order_id ON orders (order_id);
CREATE TABLE processed (event_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
"""

STATEMENT = """INSERT INTO orders (event_id, order_id, customer, amount, currency, placed_us)
VALUES (:event_id, :payload.order_id, :payload.customer, :payload.amount, :payload.currency,
:payload.placed_us)"""


@dataclasses.dataclass(frozen=True)
class Workload:
    """A topic's contents, and what must come of them."""

    topic: str
    count: int  # records
    unique: int  # event ids
    poison: int  # of them refused by the database
    order_id_sum: int  # over the good unique ones
    value_bytes: int  # mean size of a value


def envelope(chance, number, is_poison=False, placed_us=None):
    """(key, value) of one order."""
    customer = f"c-{chance.randrange(KEYS):06d}"
    cents = chance.randrange(100, 100_000)
    event_id = uuid.UUID(int=chance.getrandbits(128), version=4)
    value = (
        f'{{"event_id":"{event_id}","event_type":"order.placed","timestamp":"2026-01-01T00:00:00Z",'
        f'"schema_version":1,"payload":{{"order_id":{number},"customer":"{customer}",'
        f'"amount":{"-" if is_poison else ""}{cents // 100}.{cents % 100:02d},"currency":"EUR",'
        f'"placed_us":{placed_us or 1_767_225_600_000_000 + number * 1000},'
        f'"note":"{chance.getrandbits(96):024x}"}}}}')
    return customer.encode(), value.encode()


def partition_of(key, partitions):
    """Ours, so that it does not depend on a client's choice."""
    return zlib.crc32(key) % partitions


def records(count, poison=0.0, seed=1):
    """(key, value, order number or None for a repeat, is poison) for each record."""
    chance = random.Random(seed)
    recent = []
    for number in range(count):
        if recent and chance.random() < DUPLICATE_SHARE:
            key, value, is_poison = chance.choice(recent)
            yield key, value, None, is_poison
            continue
        is_poison = chance.random() < poison
        key, value = envelope(chance, number, is_poison)
        yield key, value, number, is_poison
        if len(recent) < DUPLICATE_REACH:
            recent.append((key, value, is_poison))
        else:
            recent[number % DUPLICATE_REACH] = (key, value, is_poison)


def producer(bootstrap, **settings):
    return Producer({
        "bootstrap.servers": bootstrap, "acks": "all", "compression.type": "lz4",
        "queue.buffering.max.messages": 2_000_000, **settings})


def send(sender, topic, partition, key, value):
    while True:
        try:
            sender.produce(topic, value=value, key=key, partition=partition)
            return
        except BufferError:
            sender.poll(0.05)


def flush(sender):
    if sender.flush(120):
        raise TimeoutError("the broker did not take all records")


def fill(kafka, topic, count, partitions=4, poison=0.0):
    """Create the topic and put the workload into it."""
    kafka.create_topic(topic, partitions)
    sender = producer(kafka.bootstrap, **{"linger.ms": 50, "batch.size": 1_000_000})
    unique = poisoned = total = size = 0
    for key, value, number, is_poison in records(count, poison):
        send(sender, topic, partition_of(key, partitions), key, value)
        size += len(value)
        if number is not None:
            unique += 1
            poisoned += is_poison
            total += 0 if is_poison else number
        if size % 64 == 0:
            sender.poll(0)
    flush(sender)
    return Workload(topic, count, unique, poisoned, total, size // max(count, 1))


def fill_small(kafka, topic, count, partitions=8, size=100):
    """Records without meaning, for what does nothing with them."""
    kafka.create_topic(topic, partitions)
    sender = producer(kafka.bootstrap, **{"linger.ms": 50, "batch.size": 1_000_000})
    chance = random.Random(2)
    values = [json.dumps({"n": chance.getrandbits(64), "text": "x" * size}).encode()[:size] for _ in range(997)]
    for number in range(count):
        send(sender, topic, number % partitions, None, values[number % len(values)])
    flush(sender)
    return Workload(topic, count, count, 0, 0, size)


def pace(kafka, topic, partitions, per_second, seconds, first_number=0, while_running=lambda: None):
    """
    Orders at a steady rate, each stamped with the microsecond at which it was handed to the producer.
    `while_running` is called behind each, and ends it with False. Returns how many.
    """
    sender = producer(kafka.bootstrap, **{"linger.ms": 0})
    chance = random.Random(3 + first_number)
    started = time.monotonic()
    count = int(per_second * seconds)
    for number in range(count):
        due = started + number / per_second
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        key, value = envelope(chance, first_number + number, placed_us=time.time_ns() // 1000)
        send(sender, topic, partition_of(key, partitions), key, value)
        sender.poll(0)
        if while_running() is False:
            count = number + 1
            break
    flush(sender)
    return count
