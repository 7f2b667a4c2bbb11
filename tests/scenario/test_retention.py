"""
test_retention - old ids are forgotten while workers work, die and freeze, and none that may come again
"""

import signal

import pytest

from support.process import send_signal

from .embedded import Embedded

# A pass each 6 s. Longer than anything here takes: what is not made old on purpose is remembered.
KEEP = {"consumer c": {"dedup.retention": "2m", "workers": 2, "batch.max": 50}, "retry": {"deadline": "30s"}}


def rows_left(world, condition="true"):
    return world.sql(f"SELECT count(*) FROM onced.processed_events WHERE {condition}")[0][0]


def grow_old(world):
    world.sql("UPDATE onced.processed_events SET at = at - interval '1 day'")


def remember_more(world, rows):
    """Other ids of records that were committed: more than a step looks at."""
    world.sql("INSERT INTO onced.processed_events (at, record_offset, record_timestamp_ms, partition, topic, scope, outcome, key)"
              " SELECT p.at, p.record_offset, p.record_timestamp_ms, p.partition, p.topic, p.scope, p.outcome, md5('more' || n)::uuid"
              " FROM (SELECT * FROM onced.processed_events WHERE record_offset = 0 LIMIT 1) p,"
              f" generate_series(1, {rows}) n")


@pytest.mark.threads
def test_old_ids_are_swept_under_load_and_kills(world):
    world.create_topics(partitions=4)
    first = world.produce_stream(3000, keys=40, duplicates=0.02, prefix="old")
    onced = world.start(KEEP)
    world.wait_finished(onced)
    ids = len({event_id for event_id, _, _ in first})
    onced.wait_until(lambda: world.sql(
        "SELECT coalesce(sum(committed), 0) FROM onced.partitions_seen")[0][0] >= len(first), 20,
        "the store knows what was committed")
    grow_old(world)
    for round_ in range(3):
        world.produce_stream(400, keys=40, duplicates=0.05, seed=round_, prefix=f"new{round_}")
        world.wait_effects(ids + round_ * 350 + 50)
        pid = onced.worker_pids()[round_ % 2]
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
    onced.wait_until(lambda: rows_left(world, "at < now() - interval '1 hour'") == 0, 90, "old rows are gone")
    world.wait_finished(onced)
    # those of the three rounds are young
    assert rows_left(world) == world.effect_count() - ids
    # a worker that was killed right after its step had no time to count it
    assert 0 < onced.metrics().sum("onced_dedup_swept_total") <= ids
    world.finish(onced)


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.failpoints
def test_a_worker_frozen_in_the_middle_of_a_sweep(world):
    """It stops between its turn and its step; the next one goes on, and what it does when it thaws deletes nothing young."""
    keep = {"consumer c": {"dedup.retention": "5m", "instance.id": "off"}, "retry": KEEP["retry"]}
    world.create_topics(partitions=2)
    world.produce_stream(4000, keys=40, prefix="old")
    before = world.start({"consumer c": {"dedup.retention": "off"}})
    world.wait_finished(before)
    before.wait_until(lambda: world.sql(
        "SELECT coalesce(sum(committed), 0) FROM onced.partitions_seen")[0][0] >= 4000, 20, "offsets are known")
    before.stop()
    remember_more(world, 40000)
    grow_old(world)
    frozen = world.onced(keep, env={"ONCED_FAILPOINT": "in_sweep:stop:2"}).start(wait=False)
    frozen.wait_until(lambda: any(is_stopped(pid) for pid in frozen.worker_pids()), 30, "it stops in its second step")
    pids = frozen.pids()
    for pid in pids:
        send_signal(pid, signal.SIGSTOP)
    assert rows_left(world) > 0, "it stopped before the end; its first step may have found nothing"
    heir = world.start(keep)
    heir.wait_until(lambda: rows_left(world) == 0, 60, "another goes on where it stopped")
    world.sql("VACUUM onced.processed_events")  # young rows lie where the frozen step will look
    world.produce_stream(1500, keys=40, prefix="young")
    world.wait_finished(heir)
    ended = world.sql("SELECT ended_at FROM onced.sweeps")
    for pid in pids:
        send_signal(pid, signal.SIGCONT)
    frozen.wait_ready(60)
    heir.wait_until(lambda: world.sql("SELECT ended_at FROM onced.sweeps") > ended, 60, "a pass later")
    assert rows_left(world) == 1500 and world.effect_count() == 5500
    frozen.stop()
    world.finish(heir)


def test_ids_above_the_committed_offset_are_kept(world):
    world.create_topics()
    world.produce_event("stuck", fault="flaky:100000:23503")
    world.kafka.flush()
    changes = {"consumer c": {**KEEP["consumer c"], "ordering": "key"},
               "retry": {"attempts": 0, "deadline": "0", "delay": "50ms", "delay.max": "1s"}}
    onced = world.start(changes)
    onced.wait_metric(1, "onced_retries_total")
    world.produce_stream(200, keys=20, prefix="behind")
    world.wait_effects(200)
    grow_old(world)
    passes = "SELECT ended_at FROM onced.sweeps"
    before = world.sql(passes)
    onced.wait_until(lambda: world.sql(passes) not in (before, []), 60, "another pass is over")
    assert rows_left(world) == 200
    # after a crash they come again, and are recognised
    for pid in onced.worker_pids():
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
    onced.wait_metric(200, "onced_records_settled_total", result="duplicate")
    assert world.effect_count() == 200
    onced.stop()
    world.check_always("key")


def test_sqlite_forgets_between_its_batches(world):
    embedded = Embedded(world)
    world.create_topics(partitions=2)
    onced = world.start({**embedded.changes(**KEEP["consumer c"]), "retry": KEEP["retry"]})
    world.produce_stream(1200, keys=20, prefix="old")
    world.wait_finished(onced)
    connection = embedded._connect()
    onced.wait_until(lambda: connection.execute(
        "SELECT total(committed) FROM onced_partitions_seen").fetchone()[0] >= 1200, 20, "offsets are known")
    connection.execute("UPDATE onced_processed_events SET at = at - 86400000")
    connection.commit()
    world.produce_stream(600, keys=20, duplicates=0.05, prefix="new")
    onced.wait_metric(1200, "onced_dedup_swept_total", 60)
    world.wait_finished(onced)
    left = connection.execute("SELECT count(*) FROM onced_processed_events").fetchone()[0]
    assert left == len(embedded.effects()) - 1200
    connection.close()
    onced.stop()
    embedded.check_finished()
