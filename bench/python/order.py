"""
order - what both Python contenders share: their consumer, their SQL, one order from its envelope
"""

import os
import signal

from confluent_kafka import Consumer

CLAIM = "INSERT INTO processed (event_id) VALUES (%s) ON CONFLICT DO NOTHING"
CLAIM_ALL = ("INSERT INTO processed (event_id) SELECT unnest(%s::uuid[])"
             " ON CONFLICT DO NOTHING RETURNING event_id")
EFFECT = ("INSERT INTO orders (event_id, order_id, customer, amount, currency, placed_us)"
          " VALUES (%s, %s, %s, %s, %s, %s)")


def effect_parameters(envelope):
    order = envelope["payload"]
    return (envelope["event_id"], order["order_id"], order["customer"], order["amount"],
            order["currency"], order["placed_us"])


def consumer(**settings):
    """Subscribed, offsets by hand. A deep queue: a full one stalls fetching in some versions."""
    made = Consumer({
        "bootstrap.servers": os.environ["BENCH_KAFKA"], "group.id": os.environ["BENCH_GROUP"],
        "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "queued.min.messages": 1_000_000, **settings})
    made.subscribe([os.environ["BENCH_TOPIC"]])
    return made


class Stop:
    """False until SIGTERM."""

    def __init__(self):
        self._is_asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_):
        self._is_asked = True

    def __bool__(self):
        return self._is_asked
