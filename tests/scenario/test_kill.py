"""
test_kill - a worker dies by SIGKILL at every stage of the unit of work, and in between

The effects table has no unique key, so an effect applied twice shows; the topic, the dead letters and
the committed offsets show what was lost.
"""

import random

import pytest

from support.process import is_alive, send_signal

# Name of the point, and at which pass the first process to get there dies.
STAGES = {
    "after_poll": 2,
    "after_take": 4,
    "after_begin": 4,
    "after_claim": 4,
    "after_handle": 4,
    "before_commit": 4,
    "after_commit": 4,
    "before_settle": 4,
    "before_offset_commit": 2,
    "after_offset_commit": 2,
    "before_dlq_produce": 3,
    "after_dlq_produce": 3,
    "after_dlq_ack": 3,
}
SMALL_BATCHES = {"batch.max": 20, "lanes": 2, "commit.interval": "30ms"}


def produce_with_poison(world, count=600, every=60):
    """2 % duplicates, and poison that is rejected now and then."""
    records = world.produce_stream(count, keys=20, duplicates=0.02)
    for n in range(count // every):
        world.produce_event(f"poison-{n}", n, key=f"k{n}".encode(), fault="22P02")
    world.kafka.flush()
    return {event_id for event_id, _, _ in records}, count // every


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", STAGES)
def test_killed_once_at(world, stage):
    world.create_topics(partitions=2)
    # Poison first and last: the dead-letter stages are passed early and while others work.
    world.produce_event("first-poison", fault="22P02", partition=0)
    good, poison = produce_with_poison(world)
    once = world.directory / "died"
    onced = world.start({"consumer c": SMALL_BATCHES}, env={
        "ONCED_FAILPOINT": f"{stage}:kill:{STAGES[stage]}", "ONCED_FAILPOINT_ONCE": str(once)})
    world.wait_finished(onced, 90)
    assert once.exists(), f"no process ever came to {stage}"
    assert onced.metrics().sum("onced_worker_exits_total") == 1
    onced.assert_accounted()
    onced.stop()
    evidence = world.check_finished()
    assert evidence.effect_ids == good
    assert len(evidence.dead_positions) == poison + 1


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", ["after_commit", "before_settle", "before_commit"])
def test_killed_again_and_again_at(world, stage):
    """
    Every process dies at its 60th pass: the work is done by many short lives, each long enough for a
    commit to come back. Without poison: a dead letter needs a connection, for which they are too short.
    """
    world.create_topics(partitions=2)
    records = world.produce_stream(800, keys=20, duplicates=0.02)
    onced = world.start({"consumer c": {**SMALL_BATCHES, "batch.max": 5, "commit.interval": "1ms"}},
                        env={"ONCED_FAILPOINT": f"{stage}:kill:60"})
    world.wait_finished(onced, 60)
    assert onced.metrics().sum("onced_worker_exits_total") >= 2
    onced.stop()
    evidence = world.check_finished()
    assert evidence.effect_ids == {event_id for event_id, _, _ in records}


def test_killed_at_random_moments_under_load(world):
    world.create_topics(partitions=4)
    chance = random.Random(7)
    onced = world.start({"consumer c": {"workers": 2, **SMALL_BATCHES}})
    for round_ in range(8):
        wanted = world.effect_count() + chance.randint(1, 300)
        world.produce_stream(400, keys=40, duplicates=0.02, seed=round_, prefix=f"r{round_}")
        onced.wait_until(lambda: world.effect_count() >= wanted or world.lag() == 0, 60, "some effects")
        pid = chance.choice(onced.worker_pids())
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
        world.check_always()
    world.finish(onced, 90)


def test_a_killed_worker_is_replaced_and_named(world):
    world.create_topics(partitions=2)
    world.produce_stream(50)
    onced = world.start()
    world.wait_finished(onced)
    [before] = onced.worker_pids()
    send_signal(before, 9)
    onced.wait_until(lambda: onced.worker_pids() not in ([], [before]), 20, "another worker runs")
    assert not is_alive(before)
    world.produce_stream(50, prefix="after")
    world.finish(onced)
    assert world.effect_count() == 100
