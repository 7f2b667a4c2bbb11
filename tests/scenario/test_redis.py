"""
test_redis - leases and marks in a Redis that dies, forgets, fails over, fills up or falls asleep

Two handlers make the same effects, lines in a file: `inside` runs in batches on lanes, `outside` one
event a runner. No event is ever lost; one comes twice only where onced says why.
"""

import collections
import signal

import pytest

from support.process import free_port, send_signal, wait_for
from support.redis_server import PASSWORD, USER, Redis, Sentinel

from .harness import BUILD, merge, run_tool, slowness
from .test_elsewhere import check_keys_in_order, effects, ids, wait_effects

PLUGINS = BUILD / "tests" / "support" / "plugins"
# What explains an effect that came twice.
CAUSES = ("onced_leases_taken_over_total", "onced_leases_lost_total", "onced_leases_forgotten_total",
          "onced_store_losses_total")


def with_redis(world, redis, kind="inside", changes=None):
    return {**merge({
        "onced": {"store": redis.url(), "store.user": USER, "store.password": PASSWORD},
        "consumer c": {"handler": kind, "ordering": "key"},
        f"handler {kind}": {"type": "plugin", "path": PLUGINS / f"{kind}.so",
                            "file": world.directory / "effects"},
    }, changes), "handler effect": None}


def start(world, redis, kind="inside", changes=None, env=None):
    onced = world.onced(with_redis(world, redis, kind, changes), env)
    onced.secrets.append(PASSWORD.encode())
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


@pytest.mark.threads
@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_each_event_takes_effect_once_and_is_marked(world, redis, kind):
    world.create_topics(partitions=3)
    records = world.produce_stream(1000, duplicates=0.2)
    onced = start(world, redis, kind)
    finish(world, onced, records)
    assert sorted(ids(world)) == sorted(wanted(records))
    assert rows(redis) == {"done": len(wanted(records))}
    check_keys_in_order(world, {record[0]: record[1] for record in records})


def test_a_socket_will_do_and_a_number_of_the_database(world, redis):
    world.create_topics()
    records = world.produce_stream(50)
    onced = start(world, redis, changes={"onced": {"store": f"redis+unix://{redis.socket_path}?db=3"}})
    finish(world, onced, records)
    with redis.client() as client:
        client.call("SELECT", 3)
        assert len(client.call("KEYS", "onced:id:*")) == 50


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_failures_park_hold_and_end_as_they_do_in_a_transaction(world, redis, kind):
    world.create_topics()
    gate = world.directory / "gate"
    gate.touch()
    world.produce_event("flaky", key=b"a", fault="retry:2")
    world.produce_event("behind", key=b"a")
    world.produce_event("poison", key=b"b", fault="reject")
    world.produce_event("free", key=b"d")
    world.kafka.flush()
    onced = start(world, redis, kind)
    wait_effects(world, 3)
    world.produce_event("held", key=b"c", fault=f"gate:{gate}")
    world.kafka.flush()
    onced.wait_metric(1, "onced_held")
    wait_for(lambda: len(world.dead_letters()) == 1, 20, "the dead letter is there")
    assert [e.id for e in effects(world) if e.id != "free"] == ["flaky", "behind"]
    assert {e.id: e.attempt for e in effects(world)}["flaky"] == 3
    wait_for(lambda: rows(redis)["running"] == 0, 10, "no claim is held by what waits")
    gate.unlink()
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.dead_letters()
    assert dict(letter.headers)["onced-event-id"] == b"poison"
    assert sorted(ids(world)) == ["behind", "flaky", "free", "held"]
    assert rows(redis) == {"done": 4, "dead": 1}


# ---- workers that die ----


@pytest.mark.failpoints
@pytest.mark.parametrize("stage, kind, most", [
    ("after_lease", "inside", 0), ("after_effect", "inside", 500), ("before_mark", "outside", 64),
    ("after_mark", "inside", 0)])
def test_killed_once_at(world, redis, stage, kind, most):
    """The successor finds its predecessor's leases by their token: nobody waits for their end."""
    world.create_topics(partitions=2)
    records = world.produce_stream(200)
    once = world.directory / "died"
    onced = start(world, redis, kind, {"consumer c": {"claim.lease": "10m", "batch.max": 50}}, env={
        "ONCED_FAILPOINT": f"{stage}:kill:2", "ONCED_FAILPOINT_ONCE": str(once)})
    finish(world, onced, records)
    assert once.exists(), f"no process ever came to {stage}"
    assert repeats(world) <= most
    assert rows(redis) == {"done": 200}
