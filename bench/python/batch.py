"""
batch - the same in Python as fast as it gets without leaving the language

Batches of up to 500, a fast JSON library, all ids claimed by one statement, effects through a
prepared statement in pipeline mode, one transaction a batch, offsets committed in the background.
"""

import os

import orjson
import psycopg

from order import CLAIM_ALL, EFFECT, Stop, consumer, effect_parameters

BATCH_MAX = 500


def apply(connection, messages):
    events = {}
    for message in messages:
        envelope = orjson.loads(message.value())
        events.setdefault(envelope["event_id"], envelope)
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        cursor.execute(CLAIM_ALL, (sorted(events),), binary=False)
        new = {str(row[0]) for row in cursor}
        cursor.executemany(EFFECT, [effect_parameters(e) for i, e in events.items() if i in new])


def good(messages):
    for message in messages:
        if message.error():
            raise SystemExit(str(message.error()))
    return messages


def take(source):
    """Wait for one message, then take what is there."""
    first = source.consume(1, timeout=0.1)
    return good(first + source.consume(BATCH_MAX - 1, timeout=0)) if first else []


def main():
    stop = Stop()
    source = consumer()
    with psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True, prepare_threshold=0) as connection:
        while not stop:
            messages = take(source)
            if messages:
                apply(connection, messages)
                last = {m.partition(): m for m in messages}
                for message in last.values():
                    source.commit(message, asynchronous=True)
    source.close()


main()
