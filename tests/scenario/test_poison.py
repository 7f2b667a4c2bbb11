"""
test_poison - records that cannot be applied reach the dead-letter topic as they were, and nothing waits for them
"""

import datetime
import os

import pytest

from . import checker, events
from .harness import run_tool


def run_to_end(world, changes=None, seconds=60):
    onced = world.start(changes)
    world.wait_finished(onced, seconds)
    onced.assert_accounted()
    shown = onced.metrics()
    onced.stop()
    return shown


POISON = {
    "no_json": (b"this is no json", "undecodable"),
    "cut_json": (events.envelope("cut")[:-3], "undecodable"),
    "not_utf8": (b'{"event_id": "\xff\xfe"}', "undecodable"),
    "two_ids": (b'{"event_id": "a1", "event_id": "a2", "payload": {"n": 1}}', "undecodable"),
    "rejected": (events.envelope("rejected", fault="22P02"), "rejected"),
    "check_failed": (events.envelope("check", fault="23514"), "rejected"),
    "no_such_field": (b'{"event_id": "nofield", "event_type": "t", "payload": {}}', "rejected"),
    "wrong_type": (b'{"event_id": "wrong", "event_type": "t", "payload": {"n": "seven"}}', "rejected"),
    "exhausted": (events.envelope("exhausted", fault="23503"), "exhausted"),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_dead_lettered_and_the_partition_moves_on(world, kind):
    value, reason = POISON[kind]
    world.create_topics(partitions=2)
    world.produce_event("before", partition=0)
    world.kafka.produce(world.topic, value, b"the key", headers=[("trace", b"abc")], timestamp_ms=1_600_000_000_001,
                        partition=0)
    for n in range(20):
        world.produce_event(f"behind-{n}", n, partition=0)
        world.produce_event(f"beside-{n}", n, partition=1)
    world.kafka.flush()
    onced = world.start({"retry": {"attempts": 3}})
    if reason == "exhausted":
        # The witness: another record of the handler succeeds after the first failure.
        onced.wait_metric(1, "onced_retries_total")
        world.produce_event("witness", partition=1)
        world.kafka.flush()
    world.wait_finished(onced)
    onced.assert_accounted()
    shown = onced.metrics()
    onced.stop()
    evidence = world.check_finished()
    [letter] = evidence.dead_letters
    assert letter.header("onced-reason").decode() == reason
    assert checker.origin(letter) == (world.topic, 0, 1)
    assert shown.sum("onced_dead_letters_total", reason=reason) == 1
    assert shown.settled("dead_lettered") == 1
    assert {f"behind-{n}" for n in range(20)} <= evidence.effect_ids


def test_dead_letter_headers_tell_the_story(world):
    world.create_topics()
    world.produce_event("ok")
    world.kafka.produce(world.topic, events.envelope("bad", fault="22P02"), b"the key",
                        headers=[("a", b"1"), ("a", b"2"), ("onced-reason", b"old"), ("null", None), ("", b"empty name")],
                        timestamp_ms=1_600_000_000_001)
    world.kafka.flush()
    run_to_end(world)
    [letter] = world.check_finished().dead_letters
    told = {name: value.decode() for name, value in letter.headers if name.startswith("onced-")}
    assert [n for n, _ in letter.headers].count("onced-reason") == 1
    assert told["onced-reason"] == "rejected"
    assert told["onced-code"] == "22P02"
    assert told["onced-attempts"] == "1"
    assert told["onced-topic"] == world.topic
    assert told["onced-partition"] == "0"
    assert told["onced-offset"] == "1"
    assert told["onced-timestamp"] == "1600000000001"
    assert told["onced-consumer"] == "c"
    assert told["onced-handler"] == "effect"
    assert told["onced-event-id"] == "bad"
    assert told["onced-host"] and told["onced-version"]
    assert 0 < len(told["onced-error"]) <= 1024
    first, last = (datetime.datetime.fromisoformat(told[f"onced-{w}-failure"].replace("Z", "+00:00"))
                   for w in ("first", "last"))
    now = datetime.datetime.now(datetime.timezone.utc)
    assert first <= last <= now and (now - first).total_seconds() < 600


def test_the_log_names_the_trace_of_a_dead_letter_and_of_a_retry(world):
    world.create_topics()
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    other = trace.replace(b"4bf9", b"5bf9")
    world.sql(events.flaky_counter("late"))
    world.kafka.produce(world.topic, events.envelope("bad", fault="22P02"), b"k", headers=[("traceparent", trace)])
    late = events.envelope("late", fault="flaky:1:23503")
    world.kafka.produce(world.topic, late, b"k", headers=[("traceparent", other)])
    world.kafka.flush()
    run_to_end(world)
    [letter] = world.check_finished().dead_letters
    assert letter.header("traceparent") == trace
    lines = world.started[0].log_path.read_text().splitlines()
    assert [line for line in lines if "dead letter" in line and f"traceparent={trace.decode()}" in line]
    assert [line for line in lines if "again_in=" in line and f"traceparent={other.decode()}" in line]


def test_plain_headers_are_added_where_asked(world):
    world.create_topics()
    world.produce_event("bad", fault="22P02")
    world.kafka.flush()
    run_to_end(world, {"consumer c": {"dlq.headers": "plain"}})
    [letter] = world.check_finished().dead_letters
    assert letter.header("x-original-topic").decode() == world.topic
    assert letter.header("x-original-partition") == b"0"
    assert letter.header("x-original-offset") == b"0"
    assert letter.header("x-error")


ODD = {
    "null_key": dict(value=b'{"event_id": "x1"}', key=None),
    "empty_key": dict(value=b'{"event_id": "x2"}', key=b""),
    "binary_key": dict(value=b'{"event_id": "x3"}', key=bytes(range(256))),
    "null_value": dict(value=None, key=b"k", headers=[("event_id", b"x4")]),
    "empty_value": dict(value=b"", key=b"k", headers=[("event_id", b"x5")]),
    "megabyte": dict(value=b'{"event_id": "x6", "fill": "' + b"x" * (1 << 20) + b'"}', key=b"k"),
    "thousand_headers": dict(value=b'{"event_id": "x7"}', key=b"k",
                             headers=[(f"h{n % 700}", os.urandom(n % 40)) for n in range(1000)]),
    "null_value_null_key_no_header": dict(value=None, key=None),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_records_are_dead_lettered_byte_for_byte(world, kind):
    world.create_topics()
    world.kafka.produce(world.topic, timestamp_ms=1_600_000_000_001, **ODD[kind])
    world.kafka.flush()
    run_to_end(world, {"handler effect": {"statement": "SELECT fault('22P02', :event_id?)"}})
    evidence = world.evidence()
    checker.check_dead_letters(evidence)
    [letter] = evidence.dead_letters
    assert letter.value == ODD[kind]["value"] and letter.key == ODD[kind]["key"]


@pytest.mark.parametrize("kind", ODD)
def test_odd_records_are_applied_by_a_handler_that_takes_them(world, kind):
    world.create_topics()
    world.sql("CREATE TABLE odd (event_id text, length bigint, size bigint)")
    world.kafka.produce(world.topic, **ODD[kind])
    world.kafka.flush()
    shown = run_to_end(world, {"handler effect": {"statement": (
        "INSERT INTO odd VALUES (:event_id?, length(:value::text), :offset)")}})
    assert shown.settled("done") == 1
    value = ODD[kind]["value"]
    assert world.sql("SELECT length FROM odd") == [(None if value is None else len(value),)]


def test_tombstones_may_be_skipped_by_name(world):
    world.create_topics()
    world.kafka.produce(world.topic, None, b"k")
    world.produce_event("after")
    world.kafka.flush()
    shown = run_to_end(world, {"consumer c": {"tombstone": "skip"}})
    assert (shown.settled("skipped"), shown.settled("done")) == (1, 1)


def test_event_without_a_route_is_dead_lettered(world):
    world.create_topics()
    world.kafka.produce(world.topic, events.envelope("lost", event_type="unknown"))
    world.kafka.produce(world.topic, events.envelope("found", event_type="order"))
    world.kafka.flush()
    run_to_end(world, {"consumer c": {"handler": None, "route.order": "effect"}})
    [letter] = world.check_finished().dead_letters
    assert letter.header("onced-reason") == b"unrouted"


def test_event_without_id_may_be_refused(world):
    world.create_topics()
    world.kafka.produce(world.topic, events.envelope(None))
    world.produce_event("with-id")
    world.kafka.flush()
    run_to_end(world, {"consumer c": {"event.missing": "dlq"}})
    [letter] = world.check_finished().dead_letters
    assert letter.header("onced-reason") == b"undecodable"


def test_statement_that_changes_another_number_of_rows_is_rejected(world):
    world.create_topics()
    world.sql("CREATE TABLE stock (id text, amount int)")
    world.sql("INSERT INTO stock VALUES ('k1', 0)")
    world.produce_event("known", key=b"k1")
    world.produce_event("unknown", key=b"k2")
    world.kafka.flush()
    run_to_end(world, {"handler effect": {
        "statement": "UPDATE stock SET amount = amount + 1 WHERE id = :key", "rows": "1"}})
    [letter] = world.dead_letters()
    assert letter.header("onced-event-id") == b"unknown"
    assert world.sql("SELECT amount FROM stock") == [(1,)]


def test_missing_dead_letter_topic_holds_until_it_exists(world):
    world.create_topics(partitions=2, dlq_partitions=0)
    for n in range(10):
        world.produce_event(f"a{n}", n, partition=0, **({"fault": "22P02"} if n == 4 else {}))
        world.produce_event(f"b{n}", n, partition=1)
    world.kafka.flush()
    onced = world.start()
    onced.wait_until(lambda: world.committed().get((world.topic, 1)) == 10, 60, "the other partition goes on")
    onced.wait_metric(1, "onced_held")
    onced.wait_until(lambda: world.dlq in onced.state_text(), 40, "status names the dead-letter topic")
    assert world.committed().get((world.topic, 0), 0) <= 4
    world.kafka.create_topic(world.dlq, 1)
    world.wait_finished(onced, 60)
    onced.wait_until(lambda: onced.metrics().sum("onced_held") == 0, 10, "nothing is held any more")
    onced.stop()
    evidence = world.check_finished()
    assert evidence.dead_positions == {(world.topic, 0, 4)}


def test_restart_while_the_dead_letter_topic_is_missing_forgets_nothing(world):
    world.create_topics(dlq_partitions=0)
    for n in range(10):
        world.produce_event(f"a{n}", n, **({"fault": "22P02"} if n == 4 else {}))
    world.kafka.flush()
    onced = world.start()
    onced.wait_metric(1, "onced_held")
    onced.stop()
    assert world.committed().get((world.topic, 0), 0) <= 4
    onced.start()
    onced.wait_metric(1, "onced_held")
    world.kafka.create_topic(world.dlq, 1)
    world.wait_finished(onced, 60)
    onced.stop()
    evidence = world.check_finished()
    assert evidence.dead_positions == {(world.topic, 0, 4)}


@pytest.mark.parametrize("policy", ["hold", "headers-only"])
def test_record_larger_than_the_dead_letter_topic_takes(world, policy):
    world.create_topics(dlq_partitions=0)
    world.kafka.create_topic(world.dlq, 1, max_message_bytes=4000)
    world.kafka.produce(world.topic, events.envelope("big", fault="22P02", fill="x" * 8000), b"key")
    world.produce_event("behind")
    world.kafka.flush()
    onced = world.start({"consumer c": {"dlq.oversized": policy}})
    if policy == "hold":
        onced.wait_metric(1, "onced_held")
        assert world.committed().get((world.topic, 0), 0) == 0
        onced.stop()
        assert world.dead_letters() == []
        return
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.dead_letters()
    assert not letter.value and letter.key == b"key"
    assert checker.origin(letter) == (world.topic, 0, 0)


def test_dead_letter_keeps_its_partition_where_there_are_as_many(world):
    world.create_topics(partitions=3, dlq_partitions=3)
    for partition in range(3):
        world.produce_event(f"bad-{partition}", partition=partition, fault="22P02")
    world.kafka.flush()
    run_to_end(world)
    for letter in world.check_finished().dead_letters:
        assert letter.partition == int(letter.header("onced-partition"))


def test_breaker_pauses_before_the_topic_drains_into_dead_letters(world):
    world.create_topics()
    for n in range(200):
        world.produce_event(f"bad-{n}", n, fault="22P02")
    world.kafka.flush()
    onced = world.start({"consumer c": {"dlq.breaker": "10 in 1m", "batch.max": 5}})
    onced.wait_metric(1, "onced_paused")
    onced.stop()
    letters = len(world.dead_letters())
    assert 10 <= letters <= 40, letters
    # Persistent: a restart does not go on.
    onced.start(wait=False)
    onced.wait_metric(1, "onced_paused")
    kept = len(world.dead_letters())
    assert kept <= letters + 10
    # Until it is resumed: then it goes on, with a breaker that counts from nothing.
    resumed = run_tool("--socket", onced.socket, "resume", "c", program="oncectl")
    assert resumed.returncode == 0, resumed.stderr
    onced.wait_until(lambda: len(world.dead_letters()) >= kept + 10, 20, "dead letters go on")
    onced.stop()
    assert len(world.dead_letters()) <= kept + 40
