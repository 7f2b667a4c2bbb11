"""
redis_store - a onced that keeps its leases and marks in a Redis, and what they leave
"""

import collections

from support.redis_server import PASSWORD, SENTINEL_PASSWORD, USER

from .elsewhere import ids
from .harness import BUILD, merge

PLUGINS = BUILD / "tests" / "support" / "plugins"
# What explains an effect that came twice.
CAUSES = ("onced_leases_taken_over_total", "onced_leases_lost_total", "onced_leases_forgotten_total",
          "onced_store_losses_total")


def with_redis(world, redis, kind="inside", changes=None):
    return {**merge({
        "onced": {"store": redis.url(), "store.user": USER, "store.password": PASSWORD,
                  "store.reconnect.max": "100ms"},
        "consumer c": {"handler": kind, "ordering": "key"},
        f"handler {kind}": {"type": "plugin", "path": PLUGINS / f"{kind}.so",
                            "file": world.directory / "effects"},
    }, changes), "handler effect": None}


def start(world, redis, kind="inside", changes=None, env=None):
    onced = world.onced(with_redis(world, redis, kind, changes), env)
    onced.secrets += [PASSWORD.encode(), SENTINEL_PASSWORD.encode()]
    return onced.start()


def rows(redis):
    """How many ids are done, dead letters, leased."""
    counts = collections.Counter()
    with redis.client() as client:
        for key in client.call("KEYS", "onced:id:*"):
            counts[{b"R": "running", b"P": "running", b"D": "done", b"X": "dead"}[
                client.call("GET", key)[:1]]] += 1
    return counts


def wanted(records):
    return {record[0] for record in records}


def repeats(world):
    return sum(count - 1 for count in collections.Counter(ids(world)).values())


def explained(onced):
    return sum(onced.metrics().sum(cause) for cause in CAUSES)


def finish(world, onced, records):
    """Everything came, and what came twice is explained."""
    world.wait_finished(onced, 90)
    onced.assert_accounted()
    assert set(ids(world)) == wanted(records)
    if repeats(world):
        assert explained(onced) > 0
    onced.stop()
