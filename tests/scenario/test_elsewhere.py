"""
test_elsewhere - handlers whose effects no transaction covers: claimed, made, marked

The handler is a plugin of the tests' that writes a line for each effect to a file.
"""

import signal

import pytest

from support.process import send_signal, wait_for

from . import events
from .elsewhere import (DEAD, DONE, RUNNING, check_keys_in_order, effects, ids, outside, rows, wait_effects,
                        wait_in_handlers)
from .harness import slowness


@pytest.mark.threads
def test_each_event_takes_effect_once_and_is_marked(world):
    world.create_topics(partitions=3)
    records = world.produce_stream(300, duplicates=0.2)
    onced = world.start(outside(world))
    world.wait_finished(onced)
    onced.assert_accounted()
    onced.stop()
    wanted = {record[0] for record in records}
    assert sorted(ids(world)) == sorted(wanted)
    assert rows(world, DONE) == len(wanted) and rows(world, RUNNING) == 0
    check_keys_in_order(world, {record[0]: record[1] for record in records})


@pytest.mark.failpoints
@pytest.mark.parametrize("stage, passes", [("after_lease", 3), ("after_effect", 20), ("before_mark", 5), ("after_mark", 5)])
def test_killed_once_at(world, stage, passes):
    """The successor finds its predecessor's leases by their token: nobody waits for their end."""
    world.create_topics(partitions=2)
    records = world.produce_stream(200)
    once = world.directory / "died"
    onced = world.start(outside(world, {"consumer c": {"claim.lease": "10m", "lanes": 4}}), env={
        "ONCED_FAILPOINT": f"{stage}:kill:{passes}", "ONCED_FAILPOINT_ONCE": str(once)})
    world.wait_finished(onced, 40)
    assert once.exists(), f"no process ever came to {stage}"
    assert onced.metrics().sum("onced_worker_exits_total") == 1
    onced.assert_accounted()
    onced.stop()
    made = ids(world)
    assert set(made) == {record[0] for record in records}
    # What was in hand: four running, and as many that were through and not marked yet.
    assert len(made) - len(set(made)) <= 8
    assert rows(world, DONE) == 200 and rows(world, RUNNING) == 0


def test_failures_park_hold_and_end_as_they_do_in_a_transaction(world):
    world.create_topics()
    gate = world.directory / "gate"
    gate.touch()
    world.produce_event("flaky", key=b"a", fault="retry:2")
    world.produce_event("behind", key=b"a")
    world.produce_event("poison", key=b"b", fault="reject")
    world.produce_event("free", key=b"d")
    world.kafka.flush()
    onced = world.start(outside(world))
    wait_effects(world, 3)
    # not before: while one is unavailable and no other has succeeded since, nobody's attempts count
    world.produce_event("held", key=b"c", fault=f"gate:{gate}")
    world.kafka.flush()
    onced.wait_metric(1, "onced_held")
    wait_for(lambda: len(world.dead_letters()) == 1, 20, "the dead letter is there")
    assert sorted(ids(world)) == ["behind", "flaky", "free"]
    assert [e.id for e in effects(world) if e.id != "free"] == ["flaky", "behind"]
    assert {e.id: e.attempt for e in effects(world)}["flaky"] == 3
    wait_for(lambda: rows(world, RUNNING) == 0, 10, "no claim is held by what waits")
    gate.unlink()
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.dead_letters()
    assert dict(letter.headers)["onced-event-id"] == b"poison"
    assert sorted(ids(world)) == ["behind", "flaky", "free", "held"]
    assert rows(world, DONE) == 4 and rows(world, DEAD) == 1


@pytest.mark.parametrize("store", ["postgresql:", "none:"])
def test_a_slow_event_holds_up_no_other(world, store):
    world.create_topics()
    for n in range(60):
        world.produce_event(f"e{n}", n, key=f"k{n}".encode(), fault="sleep:3000" if n == 5 else "sleep:1")
    world.kafka.flush()
    own = {"store": store, "store.user": None, "store.password": None} if store == "none:" else {}
    onced = world.start(outside(world, {"consumer c": {"lanes": 2}, "onced": own}))
    wait_effects(world, 60)
    assert ids(world)[-1] == "e5"
    world.wait_finished(onced)
    onced.stop()


def test_an_event_in_the_hand_of_another_worker_waits_and_is_a_duplicate(world):
    world.create_topics(partitions=2)
    for partition in range(2):
        world.produce_event("same", partition=partition, fault="sleep:1500")
    world.kafka.flush()
    onced = world.start(outside(world, {"consumer c": {"workers": 2, "partitions": "0 | 1"}}))
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_records_settled_total", result="duplicate") == 1
    onced.stop()
    assert ids(world) == ["same"]


def test_a_mark_waits_for_a_store_that_is_away(world):
    world.create_topics()
    for n in range(4):
        world.produce_event(f"e{n}", n, key=f"k{n}".encode(), fault="sleep:1500")
    world.kafka.flush()
    onced = world.start(outside(world, {"consumer c": {"claim.lease": "1m"}}))
    wait_for(lambda: rows(world, RUNNING) == 4, 20 * slowness(), "all are claimed")
    world.postgres.stop()
    wait_effects(world, 4)
    world.postgres.start()
    world.wait_finished(onced)
    onced.stop()
    assert sorted(ids(world)) == ["e0", "e1", "e2", "e3"]
    assert rows(world, DONE) == 4


def test_a_zombie_learns_that_its_leases_are_lost(world):
    world.create_topics(partitions=1)
    for n in range(3):
        world.produce_event(f"e{n}", n, key=f"k{n}".encode(), fault="sleep:2500")
    world.kafka.flush()
    changes = outside(world, {"consumer c": {"claim.lease": "2s", "instance.id": "off"}})
    zombie = world.start(changes)
    wait_in_handlers(zombie, 3)
    frozen = zombie.pids()
    for pid in frozen:
        send_signal(pid, signal.SIGSTOP)
    heir = world.start(changes)
    world.wait_finished(heir, 60)
    assert heir.metrics().sum("onced_leases_taken_over_total") == 3
    for pid in frozen:
        send_signal(pid, signal.SIGCONT)
    wait_effects(world, 6)
    zombie.wait_metric(3, "onced_leases_lost_total")
    zombie.stop()
    heir.stop()
    assert rows(world, DONE) == 3


def test_routes_to_both_kinds_share_a_consumer(world):
    world.create_topics(partitions=2)
    for n in range(200):
        kind = "call" if n % 3 == 0 else "order"
        world.kafka.produce(world.topic, events.envelope(f"e{n}", n, kind), f"k{n % 7}".encode())
    world.kafka.flush()
    changes = outside(world, {"consumer c": {"route.call": "outside", "handler": "effect"}})
    del changes["handler effect"]
    onced = world.start(changes)
    world.wait_finished(onced)
    onced.assert_accounted()
    onced.stop()
    outer, inner = effects(world), world.effects()
    assert {e.id for e in outer} == {f"e{n}" for n in range(0, 200, 3)} and len(outer) == 67
    assert {e.event_id for e in inner} == {f"e{n}" for n in range(200) if n % 3} and len(inner) == 133
    check_keys_in_order(world, {f"e{n}": n % 7 for n in range(200)})


@pytest.mark.parametrize("store", ["none:", "sqlite:"])
def test_any_store_will_do(world, store):
    world.create_topics()
    records = world.produce_stream(50)
    url = store + str(world.directory / "shop.db") if store == "sqlite:" else store
    onced = world.start(outside(world, {"onced": {
        "store": url, "store.user": None, "store.password": None}}))
    world.wait_finished(onced)
    onced.stop()
    assert sorted(effect.offset for effect in effects(world)) == list(range(50))
    assert sorted(ids(world)) == sorted(record[0] for record in records), "the handler knows each by its id"
