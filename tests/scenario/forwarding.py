"""
forwarding - a consumer that forwards in Kafka transactions, and what its readers must see
"""

import collections
import json

from support.process import wait_for

from . import checker
from .harness import slowness


def sections(target, handler=None, consumer=None, onced=None):
    return {
        "onced": {"store": "none:", "store.user": None, "store.password": None, "store.migrate": None,
                  "store.lock.timeout": None, **(onced or {})},
        "kafka producer": {"transaction.timeout.ms": 6000},
        "handler effect": None,
        "handler copy": {"type": "forward", "topic": target, "headers.event_id": "{event_id}", **(handler or {})},
        "consumer c": {"handler": "copy", "transactional": "yes", "batch.max": 40, **(consumer or {})},
    }


def numbers(records):
    """{key: [n in the order of the log]}"""
    found = collections.defaultdict(list)
    for record in records:
        found[record.key].append(json.loads(record.value)["payload"]["n"])
    return found


def check_once(world, target, made):
    """Each id once, of each key in order; what came of aborted transactions is for others to see."""
    written = world.kafka.read(target)
    seen = collections.Counter(checker.event_id_of(record) for record in written)
    assert seen == collections.Counter(record[0] for record in made)
    for key, found in numbers(written).items():
        assert found == sorted(found), key
    raw = world.kafka.read(target, **{"isolation.level": "read_uncommitted"})
    assert len(raw) >= len(written)
    return len(raw) - len(written)


def committed(world):
    """How many records came through: their offsets are committed with what was made of them."""
    return sum(max(0, offset) for offset in world.committed().values())


def wait_committed(world, at_least):
    wait_for(lambda: committed(world) >= at_least, 90 * slowness(), f"{at_least} records are committed")


def finish(world, onced, seconds=120):
    world.wait_finished(onced, seconds)
    onced.assert_accounted()


def check_never_ahead(world, target):
    """What the group has committed is there to be read: an offset came with its records."""
    committed = world.committed()
    ids = {checker.event_id_of(record) for record in world.kafka.read(target)}
    for record in world.kafka.read(world.topic):
        if record.offset < committed.get((world.topic, record.partition), 0):
            assert checker.event_id_of(record) in ids, record.position()
