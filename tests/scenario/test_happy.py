"""
test_happy - events arrive once, in order, whatever way their ids repeat
"""

import pytest

from . import checker, events


def settled(onced):
    shown = onced.metrics()
    return {r: shown.settled(r) for r in ("done", "duplicate", "skipped", "dead_lettered") if shown.settled(r)}


@pytest.mark.threads
def test_every_event_takes_effect_once_among_two_percent_duplicates(world):
    world.create_topics(partitions=4)
    records = world.produce_stream(3000, keys=50, duplicates=0.02)
    unique = {event_id for event_id, _, _ in records}
    onced = world.start()
    world.wait_finished(onced)
    onced.assert_accounted()
    assert settled(onced) == {"done": len(unique), "duplicate": len(records) - len(unique)}
    assert onced.metrics().sum("onced_consumer_lag") == 0
    onced.stop()
    evidence = world.check_finished()
    assert evidence.effect_ids == unique


def test_an_id_twice_in_one_batch_takes_effect_once(world):
    world.create_topics()
    ids = ["a", "b", "a", "c", "a", "b"]
    world.produce(*[(i, b"k", events.envelope(i)) for i in ids])
    onced = world.start()
    world.wait_finished(onced)
    assert settled(onced) == {"done": 3, "duplicate": 3}
    onced.stop()
    evidence = world.check_finished()
    assert [(e.event_id, e.offset) for e in evidence.effects] == [("a", 0), ("b", 1), ("c", 3)]


def test_an_id_in_two_partitions_at_once_takes_effect_once(world):
    world.create_topics(partitions=2)
    for n in range(400):
        for partition in (0, 1):
            world.produce_event(f"twin-{n}", n, partition=partition)
    world.kafka.flush()
    onced = world.start({"consumer c": {"lanes": 2, "batch.max": 20}})
    world.wait_finished(onced)
    assert settled(onced) == {"done": 400, "duplicate": 400}
    onced.stop()
    world.check_finished()


def test_an_id_repeated_after_a_restart_takes_effect_once(world):
    world.create_topics(partitions=2)
    records = world.produce_stream(200)
    onced = world.start()
    world.wait_finished(onced)
    onced.stop()
    world.produce(*records)
    onced.start()
    world.wait_finished(onced)
    assert world.effect_count() == 200
    onced.stop()
    world.check_finished()


def test_replayed_positions_of_events_without_id_take_effect_once(world):
    world.create_topics()
    for n in range(50):
        world.kafka.produce(world.topic, events.envelope(None, n), b"k")
    world.kafka.flush()
    onced = world.start({"consumer c": {"instance.id": "off"}})
    world.wait_finished(onced)
    onced.stop()
    world.kafka.set_committed(world.group, world.topic, {0: 10})
    onced.start()
    world.wait_finished(onced)
    assert settled(onced).get("duplicate", 0) >= 40
    onced.stop()
    world.check_finished()
    assert world.effect_count() == 50


def test_header_id_goes_before_the_id_in_the_value(world):
    world.create_topics()
    for n in range(3):
        world.kafka.produce(world.topic, events.envelope(f"body-{n}", n), headers=[("event_id", b"head")])
    world.kafka.flush()
    onced = world.start()
    world.finish(onced)
    assert [e.event_id for e in world.effects()] == ["head"]


@pytest.mark.parametrize("ordering", ["partition", "key", "none"])
def test_order_holds_with_many_lanes(world, ordering):
    world.create_topics(partitions=3)
    world.produce_stream(3000, keys=40)
    onced = world.start({"consumer c": {"ordering": ordering, "lanes": 4, "batch.max": 30}})
    world.finish(onced, ordering=ordering)


def test_two_consumers_of_one_topic_each_apply_every_event(world):
    world.create_topics(partitions=2)
    world.sql("CREATE TABLE seen (event_id text)")
    world.produce_stream(300)
    onced = world.start({
        "consumer d": {"topics": world.topic, "group.id": f"{world.group}-d", "handler": "see",
                       "dlq.topic": world.dlq, "commit.interval": "100ms"},
        "handler see": {"type": "sql", "statement": "INSERT INTO seen VALUES (:event_id)"},
    })
    onced.wait_until(lambda: world.kafka.lag(f"{world.group}-d", world.topic) == 0, 60, "consumer d is done")
    world.finish(onced)
    assert world.sql("SELECT count(*), count(DISTINCT event_id) FROM seen") == [(300, 300)]


def test_routes_choose_the_handler_by_event_type(world):
    world.create_topics()
    world.sql("CREATE TABLE refunds (event_id text)")
    for n in range(10):
        kind = "refund" if n % 2 else "order"
        world.kafka.produce(world.topic, events.envelope(f"r{n}", n, event_type=kind), b"k")
    world.kafka.flush()
    onced = world.start({
        "consumer c": {"route.refund": "refund"},
        "handler refund": {"type": "sql", "statement": "INSERT INTO refunds VALUES (:event_id)"},
    })
    world.wait_finished(onced)
    onced.stop()
    assert [e.event_id for e in world.effects()] == ["r0", "r2", "r4", "r6", "r8"]
    assert world.sql("SELECT event_id FROM refunds ORDER BY 1") == [("r1",), ("r3",), ("r5",), ("r7",), ("r9",)]


def test_values_arrive_exact_and_only_bound(world):
    world.create_topics()
    world.sql("CREATE TABLE exact (amount numeric, note text, body jsonb, flag bool, nothing text, at bigint)")
    nasty = "Robert'); DROP TABLE exact;-- :payload.n $1 \\ \u00e9\u6f22\U0001f600 \" end"
    value = events.envelope("exact", note=nasty, flag=True, nothing=None).replace(
        b'"n": 0', b'"n": 0, "amount": 12345678901234567890.123456789012345678')
    world.kafka.produce(world.topic, value, b"k", timestamp_ms=1_700_000_000_123)
    world.kafka.flush()
    onced = world.start({"handler effect": {"statement": (
        "INSERT INTO exact -- a comment with :payload.n\n"
        "VALUES (:payload.amount::numeric, :payload.note, :payload::jsonb, :payload.flag::bool,\n"
        ":payload.nothing, :timestamp_ms)")}})
    world.wait_finished(onced)
    onced.stop()
    [(amount, note, body, flag, nothing, at)] = world.sql("SELECT amount::text, note, body, flag, nothing, at FROM exact")
    assert amount == "12345678901234567890.123456789012345678"
    assert (note, body["note"], flag, nothing, at) == (nasty, nasty, True, None, 1_700_000_000_123)


def test_several_statements_of_one_handler_are_one_effect(world):
    world.create_topics()
    world.sql("CREATE TABLE ledger (event_id text, side text)")
    world.produce_stream(100)
    onced = world.start({"handler effect": {"statement": (
        "INSERT INTO ledger VALUES (:event_id, 'debit');\n"
        "INSERT INTO ledger VALUES (:event_id, 'credit')")}})
    world.wait_finished(onced)
    onced.stop()
    assert world.sql("SELECT count(*), count(DISTINCT event_id) FROM ledger") == [(200, 100)]


def test_without_a_store_the_log_handler_settles_everything(world):
    world.create_topics(partitions=2)
    world.produce_stream(500)
    onced = world.start({"onced": {"store": "none:", "store.user": None, "store.password": None,
                                   "store.migrate": None},
                         "handler effect": {"type": "log", "statement": None}})
    world.wait_finished(onced)
    onced.assert_accounted()
    assert settled(onced) == {"done": 500}
    onced.stop()
    checker.check_committed_to_end(world.evidence(), world.ends())


def test_offset_initial_latest_starts_at_the_end(world):
    world.create_topics(partitions=2)
    world.produce_stream(100, prefix="old")
    onced = world.start({"consumer c": {"offset.initial": "latest"}})
    onced.wait_until(lambda: len(world.committed()) == 2, 20, "the start offsets are committed")
    world.produce_stream(100, prefix="new")
    world.wait_finished(onced)
    onced.stop()
    assert {e.event_id.split("-")[0] for e in world.effects()} == {"new"}
    assert world.effect_count() == 100
