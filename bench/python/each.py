"""
each - the loop as it is written today: one transaction and one synchronous commit for each message

The plain way to be safe with confluent-kafka and psycopg: the id and the effect in one transaction,
the offset after it.
"""

import json
import os

import psycopg

from order import CLAIM, EFFECT, Stop, consumer, effect_parameters


def apply(connection, message):
    envelope = json.loads(message.value())
    with connection.transaction():
        claimed = connection.execute(CLAIM, (envelope["event_id"],), binary=True)
        if claimed.rowcount == 1:
            connection.execute(EFFECT, effect_parameters(envelope), binary=True)


def main():
    stop = Stop()
    source = consumer()
    with psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True) as connection:
        while not stop:
            message = source.poll(0.1)
            if message is None:
                continue
            if message.error():
                raise SystemExit(str(message.error()))
            apply(connection, message)
            source.commit(message, asynchronous=False)
    source.close()


main()
