"""
test_room - what waits keeps only its own: the others have room, and what was kept back is not forgotten
"""

import pytest


def gate(world, name, code="23503"):
    world.sql("INSERT INTO gates VALUES (%s, %s)", (name, code))


def open_gates(world):
    world.sql("DELETE FROM gates")


@pytest.mark.parametrize("limits", [
    {"in_flight.max": 100},
    {"in_flight.bytes": "1MiB"},
], ids=["records", "bytes"])
def test_a_waiting_partition_leaves_room_for_the_others(world, limits):
    world.create_topics(partitions=2)
    gate(world, "first")
    for n in range(300):
        world.produce_event(f"a{n}", n, partition=0, fault="gate:first" if n == 0 else None, note="x" * 20_000)
    world.kafka.flush()
    onced = world.start({"consumer c": limits, "retry": {"attempts": 0}})
    onced.wait_metric(1, "onced_retries_total")
    onced.wait_metric(10, "onced_in_flight")
    for n in range(300):
        world.produce_event(f"b{n}", n, partition=1, note="x" * 20_000)
    world.kafka.flush()
    onced.wait_until(lambda: world.committed().get((world.topic, 1)) == 300, 30, "the other partition is done")
    assert world.committed().get((world.topic, 0), 0) == 0
    open_gates(world)
    world.finish(onced)


@pytest.mark.parametrize("limits", [{"ahead.max": 50}, {"in_flight.max": 50}], ids=["ahead", "in_flight"])
def test_what_was_kept_back_goes_on_although_nothing_new_comes(world, limits):
    world.create_topics()
    gate(world, "first")
    for n in range(200):
        world.produce_event(f"a{n}", n, key=f"k{n}".encode(), fault="gate:first" if n == 0 else None)
    world.kafka.flush()
    onced = world.start({"consumer c": {**limits, "ordering": "key"}, "retry": {"attempts": 0}})
    world.wait_effects(49)
    open_gates(world)
    world.finish(onced, ordering="key")
    assert len({e.event_id for e in world.effects()}) == 200
