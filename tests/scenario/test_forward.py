"""
test_forward - events written to another topic: each one, in order, as it came; and what the target does to it
"""

import collections
import json
import signal
import time

import pytest

from support.process import send_signal, wait_for

from . import checker
from .harness import run_tool, slowness

RUNNING = "SELECT event_id FROM onced.processed_events WHERE outcome = 2"


class Target:
    """The topic that is forwarded to."""

    def __init__(self, world):
        self.world = world
        self.kafka = world.kafka
        self.name = f"{world.name}.out"

    def create(self, partitions=4, **config):
        self.kafka.create_topic(self.name, partitions, **config)
        return self

    def records(self):
        return self.kafka.read(self.name)

    def count(self):
        return sum(self.kafka.end_offsets(self.name).values())


@pytest.fixture
def target(world):
    made = Target(world)
    yield made
    world.kafka.start()
    if world.kafka.partition_count(made.name):
        world.kafka.delete_topic(made.name)


def sections(target, handler=None, consumer=None):
    return {
        "handler effect": None,
        "handler copy": {"type": "forward", "topic": target.name, **(handler or {})},
        "consumer c": {"handler": "copy", "ordering": "key", **(consumer or {})},
    }


def finish(world, onced, seconds=120):
    world.wait_finished(onced, seconds)
    onced.assert_accounted()
    onced.stop()
    checker.check_dead_letters(world.evidence())


def check_order(records):
    """Of one key, all in one partition, and no number behind a larger one: repeats stand together."""
    last = {}
    for record in records:
        n = json.loads(record.value)["payload"]["n"]
        partition, before = last.get(record.key, (record.partition, -1))
        assert record.partition == partition, f"{record.key} is in two partitions"
        assert n >= before, f"{record.key}: {n} behind {before}"
        last[record.key] = (partition, n)


def repeats(records):
    """{event id: how often more than once}"""
    seen = collections.Counter(checker.event_id_of(record) for record in records)
    return {event_id: n - 1 for event_id, n in seen.items() if n > 1}


def ids(records):
    return {checker.event_id_of(record) for record in records}


def test_each_event_is_written_once_and_in_order(world, target):
    world.create_topics(partitions=3)
    target.create()
    made = world.produce_stream(5000, keys=50)
    onced = world.start(sections(target))
    finish(world, onced)
    written = target.records()
    assert len(written) == 5000 and ids(written) == {record[0] for record in made}
    check_order(written)
    assert len({record.partition for record in written}) == 4
    source = {record.value: record for record in world.kafka.read(world.topic)}
    for record in written:
        original = source[record.value]
        assert (record.key, record.timestamp_ms) == (original.key, original.timestamp_ms)


def test_a_record_goes_on_as_it_came_but_for_what_is_configured(world, target):
    world.create_topics(partitions=3)
    target.create(3)
    blob = bytes(range(256)) + b"\xff\xfe"
    headers = [("trace", b"1"), ("onced-replay", b"x"), ("trace", blob), ("none", None), ("", b""), ("tenant", b"a"),
               ("tenant", b"b"), ("event_id", b"binary")]
    time_ms = int(time.time() * 1000) - 3_600_000
    world.kafka.produce(world.topic, b"no json \x00\xff", b"\x00\xffkey", headers, timestamp_ms=time_ms, partition=2)
    world.kafka.produce(world.topic, None, b"tombstone", partition=1)
    world.kafka.produce(world.topic, b"", None, [("event_id", b"mine")], partition=0)
    world.kafka.flush()
    onced = world.start(sections(target, {
        "partition": "same", "headers.tenant": "t{partition}", "headers.event_id": "{event_id?}"}))
    finish(world, onced)
    [nothing, tombstone, full] = target.records()
    kept = (("trace", b"1"), ("trace", blob), ("none", None), ("", b""), ("tenant", b"t2"), ("event_id", b"binary"))
    assert (full.partition, full.key, full.value) == (2, b"\x00\xffkey", b"no json \x00\xff")
    assert (full.headers, full.timestamp_ms) == (kept, time_ms)
    assert (tombstone.partition, tombstone.key, tombstone.value) == (1, b"tombstone", None)
    assert tombstone.headers == (("tenant", b"t1"),)
    assert (nothing.partition, nothing.key, nothing.value) == (0, None, b"")
    assert nothing.headers == (("tenant", b"t0"), ("event_id", b"mine"))


def test_a_killed_workers_events_in_hand_may_come_twice_and_no_others(world, target):
    world.create_topics(partitions=3)
    target.create()
    made = world.produce_stream(2000, keys=50)
    onced = world.start(sections(target, consumer={"lanes": 4}))
    wait_for(lambda: target.count() >= 200, 60 * slowness(), "some are forwarded")
    [worker] = onced.worker_pids()
    send_signal(worker, signal.SIGSTOP)
    in_hand = {bytes(row[0]).decode() for row in world.sql(RUNNING)}
    send_signal(worker, signal.SIGKILL)
    assert target.count() < 2000, "it was killed midway"
    world.wait_finished(onced, 120)
    taken_over = onced.metrics().sum("onced_leases_taken_over_total")
    finish(world, onced)
    written = target.records()
    assert ids(written) == {record[0] for record in made}
    check_order(written)
    twice = repeats(written)
    assert set(twice) <= in_hand and set(twice.values()) <= {1}
    # Four were under way, and as many were claimed ahead or through and not marked yet.
    assert len(twice) <= taken_over <= len(in_hand) <= 12, (twice, taken_over, in_hand)


def test_a_broker_that_restarts_loses_nothing(world, target):
    world.create_topics(partitions=3)
    target.create()
    made = world.produce_stream(2000, keys=50)
    onced = world.start(sections(target, {"timeout": "5s"}, {"lanes": 4}))
    wait_for(lambda: target.count() >= 200, 60 * slowness(), "some are forwarded")
    before = onced.worker_pids()
    assert target.count() < 2000, "it restarts midway"
    world.kafka.restart(graceful=False)
    world.wait_finished(onced, 120)
    assert onced.worker_pids() == before
    finish(world, onced)
    written = target.records()
    assert ids(written) == {record[0] for record in made}
    check_order(written)
    # A request whose answer was lost is repeated by the producer, and told apart by the broker.
    assert sum(repeats(written).values()) <= 4
    assert world.dead_letters() == []


def test_a_target_that_is_missing_holds_and_flows_when_it_is_there(world, target):
    world.create_topics()
    made = world.produce_stream(100)
    onced = world.start(sections(target, {"timeout": "3s"}))
    onced.wait_metric(1, "onced_held", 60)
    onced.wait_until(lambda: "create the topic" in json.dumps(onced.status()), 30, "status says what to do")
    assert onced.metrics().sum("onced_retries_total") == 0
    target.create()
    finish(world, onced)
    written = target.records()
    assert ids(written) == {record[0] for record in made} and repeats(written) == {}
    check_order(written)
    assert world.dead_letters() == []


def test_a_record_too_large_for_the_target_is_alone_in_its_fate(world, target):
    """Requests of several records are refused, too: none of those in them is to blame."""
    world.create_topics(partitions=3)
    target.create(1, max_message_bytes=2500)
    for n in range(300):
        world.produce_event(f"e{n}", n, key=f"k{n % 60}".encode(), note="x" * (4000 if n == 150 else 800))
    world.kafka.flush()
    onced = world.start(sections(target, consumer={"lanes": 32}))
    finish(world, onced)
    [letter] = world.dead_letters()
    told = dict(letter.headers)
    assert (told["onced-event-id"], told["onced-reason"], told["onced-code"]) == (b"e150", b"rejected", b"too-large")
    assert json.loads(letter.value)["payload"]["n"] == 150
    written = target.records()
    assert ids(written) == {f"e{n}" for n in range(300) if n != 150} and repeats(written) == {}
    check_order(written)


def test_no_answer_within_the_timeout_settles_nothing(world, target):
    world.create_topics(partitions=2)
    target.create()
    made = world.produce_stream(2000, keys=50)
    onced = world.start(sections(target, {"timeout": "1500ms"}))
    wait_for(lambda: target.count() >= 100, 60 * slowness(), "some are forwarded")
    world.kafka.sigstop()
    try:
        onced.wait_metric(1, "onced_held", 60)
        settled = onced.metrics().sum("onced_records_settled_total")
    finally:
        world.kafka.sigcont()
    assert settled < 2000
    finish(world, onced)
    written = target.records()
    assert ids(written) == {record[0] for record in made}
    check_order(written)
    assert set(repeats(written).values()) <= set(range(1, 10))
    assert world.dead_letters() == []


def test_a_rehearsal_really_writes(world, target):
    world.create_topics()
    target.create()
    config = world.onced(sections(target, {"key": "{payload.n}"})).write_config()
    path = world.directory / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (
        {"event_id": "a", "payload": {"n": 1}}, {"event_id": "b", "payload": {}})))
    done = run_tool("test-handler", "-c", config, "--handler", "copy", "--events", path)
    said = done.stdout.splitlines()
    assert said[0] == "the effects of this handler are made elsewhere: they are real", done.stderr
    assert said[1] == "line 1: done, event a" and said[2].startswith("line 2: reject, event b, missing"), done.stdout
    [record] = target.records()
    assert (record.key, json.loads(record.value)) == (b"1", {"event_id": "a", "payload": {"n": 1}})
