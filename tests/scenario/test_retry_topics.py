"""
test_retry_topics - records that fail wait in topics, the others go on, and nobody is tried early
"""

import pytest

from .elsewhere import RUNNING, effects, ids, outside, rows
from .harness import WallClock, run_tool
from .tiers import Tiers


@pytest.fixture
def tiers(world):
    made = Tiers(world)
    yield made
    made.close()


def origin(record):
    return tuple(record.header(f"onced-{name}") for name in ("topic", "partition", "offset"))


def milliseconds(header):
    """Of a day, which no scenario lasts."""
    hours, minutes, seconds = header.decode().split("T")[1].rstrip("Z").split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def assert_never_early(world, tiers):
    """Each next try, seen by what it left, is a delay or more after the record was written."""
    records = tiers.records()
    assert records
    tries = {}  # (origin, attempts) -> when that try failed; a crash may repeat it
    for _, record in records:
        key = (origin(record), int(record.header("onced-attempts")))
        tries.setdefault(key, []).append(milliseconds(record.header("onced-last-failure")))
    for letter in world.dead_letters():
        key = (origin(letter), int(letter.header("onced-attempts")))
        tries.setdefault(key, []).append(milliseconds(letter.header("onced-last-failure")))
    applied = {(row[0].encode(), str(row[1]).encode(), str(row[2]).encode()): int(row[3]) for row in world.sql(
        'SELECT topic, partition, "offset", (extract(epoch from at) * 1000)::bigint FROM effects')}
    written = {}
    for ms, record in records:
        assert record.timestamp_ms > 0
        due = milliseconds(record.header("onced-retry-due"))
        assert abs(due - (record.timestamp_ms % 86_400_000 + ms)) <= 1, "due a delay after it was written"
        key = (origin(record), int(record.header("onced-attempts")))
        written[key] = min(written.get(key, 1 << 62), record.timestamp_ms + ms)
    for (where, attempts), ripe in written.items():
        for failed in tries.get((where, attempts + 1), []):
            assert failed >= ripe % 86_400_000 - 1, f"{where} was tried {ripe % 86_400_000 - failed} ms early"
    return written, applied


def assert_effects_not_early(written, applied):
    last = {}
    for (where, _), ripe in written.items():
        last[where] = max(last.get(where, 0), ripe)
    checked = 0
    for where, ripe in last.items():
        if where in applied:
            assert applied[where] >= ripe - 1, f"{where} took effect {ripe - applied[where]} ms early"
            checked += 1
    return checked


def test_flaky_settles_in_a_tier_and_poison_goes_through_all_of_them(world, tiers):
    world.create_topics(partitions=2)
    tiers.create()
    for n in range(5):
        world.produce_event(f"flaky-{n}", n, partition=n % 2, fault="flaky:2:23503")
    world.produce_event("short", partition=0, fault="flaky:1:23503")
    world.kafka.produce(world.topic, b'{"event_id":"poison","payload":{"n":1,"fault":"23503"}}', b"own-key",
                        headers=[("own", b"\xff\x00"), ("own", None)], timestamp_ms=1_700_000_000_123, partition=1)
    # Known by its position alone, and no event of its own.
    world.kafka.produce(world.topic, b'{"payload":{"n":2,"fault":"23503"}}', b"k", partition=0)
    world.produce_stream(200, keys=10)
    tiers.trickle()
    # alone in its transaction, a record is tried once each time: `flaky` counts tries
    onced = world.start(tiers.changes(**{"batch.max": 1}))
    tiers_first, tiers_last = tiers.topics
    onced.wait_until(lambda: len(world.dead_letters()) == 2, 60, "poison ends as dead letters")
    onced.wait_until(lambda: world.sql("SELECT count(*) FROM effects WHERE event_id LIKE 'flaky-%%'")[0][0] == 5,
                     60, "the flaky ones are done")
    tiers.end_trickle()
    tiers.wait_finished(onced)
    shown = onced.metrics()
    assert shown.settled("dead_lettered") == 2
    # 5 flaky twice, one once, poison twice each: nothing else was ever put aside
    assert shown.settled("deferred") == 5 * 2 + 1 + 2 * 2
    onced.assert_accounted()
    onced.stop()
    evidence = world.check_finished(ordering="none")
    assert evidence.effect_ids == {f"flaky-{n}" for n in range(5)} | {"short"} | {
        r for r in evidence.effect_ids if r.startswith(("e", "t-"))}
    assert len(evidence.effects) == 6 + 200 + tiers.sent
    for letter in evidence.dead_letters:
        assert letter.header("onced-reason") == b"exhausted"
        assert letter.header("onced-attempts") == b"3"
        assert letter.header("onced-topic") == world.topic.encode()
        assert letter.header("onced-retry-due") is None
        first, last = (milliseconds(letter.header(f"onced-{which}-failure")) for which in ("first", "last"))
        assert last - first >= 1300
    # what lies in the retry topics is the record, byte for byte, and never twice
    [waited] = [r for _, r in tiers.records() if r.topic == tiers_first and r.key == b"own-key"]
    [again] = [r for _, r in tiers.records() if r.topic == tiers_last and r.key == b"own-key"]
    for copy, attempts in ((waited, b"1"), (again, b"2")):
        assert [h for h in copy.headers if not h[0].startswith("onced-")] == [("own", b"\xff\x00"), ("own", None)]
        assert copy.header("onced-attempts") == attempts
        assert copy.header("onced-timestamp") == b"1700000000123"
        assert copy.header("onced-event-id") == b"poison"
    written, applied = assert_never_early(world, tiers)
    assert assert_effects_not_early(written, applied) == 6
    # the others went on meanwhile
    slow = min(at for where, at in applied.items() if any(w == where for w, _ in written))
    assert any(at < slow for where, at in applied.items() if int(where[2]) > 5)


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", ["before_retry_produce", "after_retry_produce", "after_retry_ack"])
def test_killed_between_retry_topic_and_offset(world, tiers, stage):
    world.create_topics(partitions=2)
    tiers.create()
    for n in range(12):
        world.produce_event(f"flaky-{n}", n, partition=n % 2, fault="flaky:2:23503")
    world.kafka.produce(world.topic, b'{"payload":{"n":2,"fault":"23503"}}', b"k", partition=0)
    world.produce_stream(100, keys=10)
    tiers.trickle()
    once = world.directory / "died"
    onced = world.start(tiers.changes(**{"batch.max": 20, "commit.interval": "30ms"}), env={
        "ONCED_FAILPOINT": f"{stage}:kill:5", "ONCED_FAILPOINT_ONCE": str(once)})
    onced.wait_until(lambda: world.dead_letters(), 90, "poison is a dead letter")
    tiers.end_trickle()
    tiers.wait_finished(onced, 90)
    assert once.exists(), f"no process ever came to {stage}"
    assert onced.metrics().sum("onced_worker_exits_total") == 1
    onced.assert_accounted()
    onced.stop()
    evidence = world.check_finished(ordering="none")
    assert len(evidence.effects) == 12 + 100 + tiers.sent
    assert len(evidence.dead_positions) == 1
    assert_never_early(world, tiers)


def test_records_wait_on_over_restart_and_rebalance(world, tiers):
    world.create_topics(partitions=2)
    tiers.create()
    for n in range(30):
        world.produce_event(f"flaky-{n}", n, partition=n % 2, fault="flaky:2:23503")
    world.produce_stream(100, keys=10)
    tiers.trickle()
    options = tiers.changes(**{"instance.id": "off"})
    onced = world.start(options)
    onced.wait_until(lambda: tiers.records(), 30, "records wait")
    onced.stop()
    onced.start()
    second = world.start(options)
    onced.wait_until(lambda: world.sql("SELECT count(*) FROM effects WHERE event_id LIKE 'flaky-%%'")[0][0] == 30,
                     90, "the flaky ones are done")
    tiers.end_trickle()
    tiers.wait_finished(onced)
    onced.stop()
    second.stop()
    evidence = world.check_finished(ordering="none")
    assert len(evidence.effects) == 30 + 100 + tiers.sent
    assert evidence.dead_letters == []
    assert_never_early(world, tiers)


def test_a_missing_retry_topic_holds_its_records_and_no_others(world, tiers):
    world.create_topics(partitions=2)
    missing = next(iter(tiers.topics))
    tiers.create(leave_out={missing})
    world.produce_event("flaky", partition=0, fault="flaky:1:23503")
    world.produce_stream(50, keys=10)
    tiers.trickle()
    onced = world.start(tiers.changes())
    onced.wait_until(lambda: world.effect_count() >= 50, 30, "the others go on")
    onced.wait_until(lambda: missing in (onced.workers()[0].get("dlq") or ""), 60, "the status names it")
    assert world.kafka.partition_count(missing) == 0, "nobody makes it"
    assert world.sql("SELECT count(*) FROM effects WHERE event_id = 'flaky'") == [(0,)]
    world.kafka.create_topic(missing, 2, max_message_bytes=10_000_000)
    onced.wait_until(lambda: world.sql("SELECT count(*) FROM effects WHERE event_id = 'flaky'") == [(1,)],
                     90, "it goes on by itself")
    tiers.end_trickle()
    tiers.wait_finished(onced)
    world.finish(onced, ordering="none")


def test_an_outage_does_not_pour_the_topic_into_retry_topics(world, tiers):
    world.create_topics(partitions=2)
    tiers.create()
    world.sql("INSERT INTO gates VALUES ('g', '23503')")
    for n in range(600):
        world.produce_event(f"e{n}", n, partition=n % 2, fault="gate:g")
    world.kafka.flush()
    onced = world.start(tiers.changes())
    onced.wait_metric(1, "onced_outage")
    onced.wait_until(lambda: onced.metrics().sum("onced_held") > 0, 30, "records are held")
    world.sql("DELETE FROM gates")
    tiers.wait_finished(onced)
    assert len(tiers.records()) < 60
    world.finish(onced, ordering="none")
    assert world.effect_count() == 600
    assert world.dead_letters() == []


def test_check_config_says_what_is_given_up(world, tiers):
    onced = world.onced(tiers.changes())
    told = run_tool("--check-config", "-c", onced.write_config())
    assert told.returncode == 0
    for topic in tiers.topics:
        assert topic in told.stdout
    assert "does not keep their order" in told.stdout


def test_effects_elsewhere_wait_in_retry_topics_too(world, tiers):
    world.create_topics(partitions=2)
    tiers.create()
    records = world.produce_stream(60, keys=10)
    for n in range(6):
        world.produce_event(f"slow-{n}", n, partition=n % 2, fault="retry:2")
    world.produce_event("bad", partition=0, fault="retry:99")
    tiers.trickle()
    onced = world.start(outside(world, tiers.changes(lanes=4)))
    onced.wait_until(lambda: world.dead_letters(), 60, "what never succeeds is a dead letter")
    onced.wait_until(lambda: len([i for i in ids(world) if i.startswith("slow-")]) == 6, 60, "the slow ones are done")
    tiers.end_trickle()
    tiers.wait_finished(onced)
    assert onced.metrics().settled("deferred") == 6 * 2 + 2
    onced.assert_accounted()
    onced.stop()
    made = effects(world)
    assert len(made) == len({e.id for e in made}) == len(records) + 6 + tiers.sent
    positions = {(r.partition, r.offset) for r in world.kafka.read(world.topic)}
    for effect in made:
        assert effect.attempt == (3 if effect.id.startswith("slow-") else 1)
        assert (effect.partition, effect.offset) in positions
    [letter] = world.dead_letters()
    assert letter.header("onced-reason") == b"exhausted" and letter.header("onced-attempts") == b"3"
    assert_never_early(world, tiers)
    assert rows(world, RUNNING) == 0


def test_a_retry_topic_is_closed_for_long_and_opened_in_time(world, tiers):
    """Longer than 5 s: the library is paused meanwhile, and more comes in. Too few fail to look like an outage."""
    tiers.use({"6500ms": 6500})
    world.create_topics(partitions=2)
    tiers.create()
    tiers.trickle()
    onced = world.start(tiers.changes(**{"batch.max": 1}))
    for wave in range(2):
        for n in range(4):
            world.produce_event(f"flaky-{wave}-{n}", n, partition=n % 2, fault="flaky:1:23503")
        world.kafka.flush()
        onced.wait_until(lambda: len(tiers.records()) == 4 * (wave + 1), 30, "the wave waits")
    before = onced.metrics()
    assert world.sql("SELECT count(*) FROM effects WHERE event_id LIKE 'flaky-%%'") == [(0,)]
    onced.wait_until(lambda: world.sql("SELECT count(*) FROM effects WHERE event_id LIKE 'flaky-%%'") == [(8,)],
                     60, "they are done")
    shown = onced.metrics()
    assert shown.settled("deferred") == 8
    assert shown.sum("onced_rebalances_total") == before.sum("onced_rebalances_total")
    tiers.end_trickle()
    tiers.wait_finished(onced)
    world.finish(onced, ordering="none")
    written, applied = assert_never_early(world, tiers)
    assert assert_effects_not_early(written, applied) == 8
    assert world.dead_letters() == []


HOUR_MS = 3_600_000


def times_of_effects(world, prefix):
    """{event id: when, by the database's clock, which nobody sets}"""
    return dict(world.sql("SELECT event_id, (extract(epoch from at) * 1000)::bigint FROM effects"
                          " WHERE event_id LIKE %s", [f"{prefix}-%"]))


def test_a_wall_clock_that_jumps_makes_nothing_early_and_nothing_wait_for_hours(world, tiers):
    """An hour ahead while records wait, then an hour behind; what is written meanwhile has a stamp of the clock."""
    delay_ms = 3000
    tiers.use({"3s": delay_ms})
    world.create_topics(partitions=2)
    tiers.create()
    clock = WallClock(world.directory / "clock")
    onced = world.onced(tiers.changes(**{"batch.max": 1}))
    onced.wall_clock = clock
    onced.start()
    topic = next(iter(tiers.topics))
    ahead = {}  # prefix: of the clock, when its records were written
    for prefix, before, after in (("true", 0, HOUR_MS), ("ahead", HOUR_MS, -HOUR_MS), ("behind", -HOUR_MS, 0)):
        count = sum(world.kafka.end_offsets(topic).values())
        for n in range(6):
            world.produce_event(f"{prefix}-{n}", n, partition=n % 2, fault="flaky:1:23503")
        world.kafka.flush()
        onced.wait_until(lambda: sum(world.kafka.end_offsets(topic).values()) == count + 6, 30, f"{prefix}: they wait")
        assert times_of_effects(world, prefix) == {}
        ahead[prefix] = before
        clock.set_ahead(after)
        onced.wait_until(lambda: len(times_of_effects(world, prefix)) == 6, 30, f"{prefix}: they are done")
    written = {}
    for _, record in tiers.records():
        event_id = record.header("onced-event-id").decode()
        written[event_id] = record.timestamp_ms - ahead[event_id.split("-")[0]]
    assert len(written) == 18
    for prefix, by in ahead.items():
        for event_id, at in times_of_effects(world, prefix).items():
            assert at >= written[event_id] + delay_ms - 1, f"{event_id} took effect early"
        stamps = [r.timestamp_ms for _, r in tiers.records() if r.header("onced-event-id").startswith(prefix.encode())]
        assert all(abs(stamp - by - times_of_effects(world, "true")["true-0"]) < HOUR_MS / 2 for stamp in stamps), \
            f"{prefix}: the clock did not jump"
    tiers.wait_finished(onced)
    world.finish(onced, ordering="none")
    assert world.dead_letters() == []
