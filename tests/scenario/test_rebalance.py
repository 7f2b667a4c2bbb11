"""
test_rebalance - partitions move, appear, vanish; listed partitions stay where they are
"""

import pytest

from support.process import send_signal
from . import checker, events

SMALL = {"batch.max": 20}
QUICK_METADATA = {"kafka": {"topic.metadata.refresh.interval.ms": 1000}}


@pytest.mark.threads
def test_two_workers_share_a_topic(world):
    world.create_topics(partitions=8)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(8)
    state, members = world.kafka.describe_group(world.group)
    assert state == "STABLE"
    assert sorted(len(assigned) for _, assigned in members.values()) == [4, 4]
    world.produce_stream(2000, keys=100)
    world.finish(onced)


def test_a_member_joins_and_leaves_while_others_work(world):
    world.create_topics(partitions=6)
    world.produce_stream(3000, keys=60)
    changes = {"consumer c": {**SMALL, "workers": 2}}
    onced = world.start(changes)
    third = world.onced({"consumer c": {**SMALL, "workers": 1, "instance.id": "off"}})
    for round_ in range(2):
        world.wait_effects(100)
        third.start()
        third.wait_until(lambda: len(third.partitions()) > 0, 40, "the newcomer has partitions")
        world.produce_stream(500, keys=60, seed=round_, prefix=f"join{round_}")
        world.check_always()
        third.stop()
    onced.wait_assigned(6)
    world.finish(onced)


def test_listed_partitions_belong_to_their_worker(world):
    world.create_topics(partitions=4)
    world.produce_stream(400, keys=40)
    onced = world.start({"consumer c": {"workers": 2, "partitions": "0-1 | 2-3"}})
    onced.wait_assigned(4)
    world.wait_finished(onced)
    assert world.kafka.describe_group(world.group)[1] == {}, "listed partitions need no group membership"
    pids = onced.worker_pids()
    assert len(pids) == 2
    send_signal(pids[0], 9)
    onced.wait_worker_exit(pids[0])
    world.produce_stream(400, keys=40, prefix="after")
    world.finish(onced)


def test_added_partitions_are_read_from_their_beginning(world):
    world.create_topics(partitions=2)
    onced = world.start({**QUICK_METADATA, "consumer c": {"offset.initial": "latest"}})
    onced.wait_until(lambda: len(world.committed()) == 2, 20, "start offsets are committed")
    world.kafka.add_partitions(world.topic, 4)
    for partition in range(4):
        for n in range(50):
            world.produce_event(f"p{partition}-{n}", n, partition=partition)
    world.kafka.flush()
    onced.wait_assigned(4, 40)
    world.finish(onced)
    assert world.effect_count() == 200


def test_a_recreated_topic_is_another_topic(world):
    """Same name, same offsets, other events: nothing of them is taken for a repeat."""
    world.create_topics(partitions=2)
    world.produce_stream(100, prefix="before")
    onced = world.start({**QUICK_METADATA, "consumer c": {"offset.lost": "earliest"}})
    world.wait_finished(onced)
    checker.check_finished(world.evidence(), world.ends())
    world.kafka.delete_topic(world.topic)
    onced.wait_until(lambda: not onced.partitions(), 40, "the partitions are gone")
    world.kafka.create_topic(world.topic, 2)
    for n in range(100):
        # Without id: only the position could be confused.
        world.kafka.produce(world.topic, events.envelope(None, 1000 + n), partition=n % 2)
    world.kafka.flush()
    onced.wait_until(lambda: world.effect_count() == 200, 60, "the new topic's events take effect")
    world.wait_finished(onced)
    onced.stop(seconds=40)
    assert world.sql("SELECT count(DISTINCT n) FROM effects WHERE n >= 1000") == [(100,)]


def test_two_topics_of_one_consumer(world):
    world.create_topics(partitions=2)
    other = f"{world.name}.other"
    world.kafka.create_topic(other, 3)
    try:
        for n in range(100):
            world.produce_event(f"a{n}", n, key=b"k%d" % n)
            world.kafka.produce(other, events.envelope(f"b{n}", n), b"k%d" % n)
        world.kafka.flush()
        onced = world.start({"consumer c": {"topics": f"{world.topic}, {other}"}})
        onced.wait_assigned(5)
        onced.wait_until(lambda: world.kafka.lag(world.group, other) == 0, 60, "the other topic is done")
        world.wait_finished(onced)
        onced.stop()
        assert world.sql("SELECT count(*), count(DISTINCT event_id) FROM effects") == [(200, 200)]
    finally:
        world.kafka.delete_topic(other)


def test_a_listed_partition_that_does_not_exist_stops_no_other(world):
    world.create_topics(partitions=2)
    world.produce_stream(200, keys=20)
    onced = world.start({"consumer c": {"partitions": "0-2"}})
    onced.wait_until(lambda: world.lag() == 0, 30, "the partitions that exist are consumed")
    shown = onced.partitions()[(world.topic, 2)]
    assert "no partition 2" in str(shown), shown
    onced.stop()
    world.check_finished()


def test_a_topic_that_does_not_exist_stops_no_other(world):
    world.create_topics(partitions=2)
    world.produce_stream(200, keys=20)
    onced = world.start({"consumer c": {"topics": f"{world.name}.missing, {world.topic}", "partitions": "0-1"}})
    onced.wait_until(lambda: world.lag() == 0, 60, "the topic that exists is consumed")
    onced.stop()
    world.check_finished()
