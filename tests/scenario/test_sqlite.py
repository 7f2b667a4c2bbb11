"""
test_sqlite - the same promises with the embedded store
"""

import pytest

from support.process import send_signal

from .embedded import Embedded


@pytest.fixture
def embedded(world):
    return Embedded(world)


def test_events_with_duplicates_and_poison_once(world, embedded):
    world.create_topics(partitions=3)
    records = world.produce_stream(1500, keys=30, duplicates=0.02)
    world.produce_event("negative", -1, key=b"k1")
    world.kafka.flush()
    onced = world.start(embedded.changes())
    world.wait_finished(onced)
    onced.assert_accounted()
    onced.stop()
    evidence = embedded.check_finished()
    assert evidence.effect_ids == {event_id for event_id, _, _ in records}
    [letter] = evidence.dead_letters
    assert letter.header("onced-event-id") == b"negative"


def test_workers_killed_under_load(world, embedded):
    world.create_topics(partitions=2)
    onced = world.start(embedded.changes(workers=2, **{"batch.max": 20}))
    for round_ in range(4):
        world.produce_stream(300, keys=20, seed=round_, duplicates=0.02, prefix=f"s{round_}")
        wanted = len(embedded.effects()) + 50
        onced.wait_until(lambda: len(embedded.effects()) >= wanted or world.lag() == 0, 60, "some effects")
        pid = onced.worker_pids()[round_ % 2]
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
    world.wait_finished(onced, 90)
    onced.stop()
    embedded.check_finished()


def test_writer_that_holds_the_file_is_waited_for(world, embedded):
    world.create_topics()
    onced = world.start(embedded.changes())
    # where a partition starts is written down, too
    onced.wait_until(lambda: [p["state"] for p in onced.partitions().values()] == ["running"],
                     30, "the partition is open")
    other = embedded._connect()
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    world.produce_stream(100)
    onced.wait_metric(1, "onced_in_flight")
    onced.wait_until(lambda: onced.metrics().sum("onced_store_errors_total") >= 1
                     or onced.metrics().sum("onced_held") >= 1, 30, "the wait is visible")
    other.execute("ROLLBACK")
    other.close()
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_retries_total") == 0
    onced.stop()
    embedded.check_finished()


def test_second_daemon_on_the_same_file_is_refused(world, embedded):
    world.create_topics()
    first = world.start(embedded.changes())
    second = world.onced(embedded.changes())
    second.start(wait=False)
    assert second.wait_exit(60) != 0
    first.stop()
