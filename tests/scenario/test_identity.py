"""
test_identity - where ids come from, one id with two contents, and dead letters that are sent again
"""

import json
import sqlite3

import pytest

from . import checker, events
from .dlq import send_again

ANY_VALUE = {"handler effect": {"statement": (
    'INSERT INTO effects (event_id, topic, partition, "offset") VALUES (:event_id?, :topic, :partition, :offset)')}}


def run_to_end(world, changes=None):
    onced = world.start(changes)
    world.wait_finished(onced)
    onced.assert_accounted()
    shown = onced.metrics()
    onced.stop()
    return shown


def structured(event_id, source="/shop", **data):
    return json.dumps({"specversion": "1.0", "id": event_id, "source": source, "type": "order", "data": data}).encode()


def ids(world):
    return sorted(effect.event_id for effect in world.effects())


def test_ids_are_found_where_cloudevents_and_others_put_them(world):
    world.create_topics()
    records = [
        (b"no json at all", [("ce_id", b"binary"), ("ce_source", b"/shop")]),
        (b"no json at all", [("ce_id", b"binary"), ("ce_source", b"/shop")]),
        (b"no json at all", [("ce_id", b"binary"), ("ce_source", b"/bank")]),
        (structured("structured"), []),
        (structured("structured"), [("content-type", b"application/cloudevents+json")]),
        (structured("structured", "/bank"), []),
        (events.envelope("json"), [("event_id", b"header")]),
        (events.envelope("json"), []),
        (events.envelope("js\\u006fn").replace(b"\\\\", b"\\"), []),
        (b'{"event_id": 17}', []),
        (b'{"event_id": 17.0}', []),
    ]
    for value, headers in records:
        world.kafka.produce(world.topic, value, headers=headers)
    world.kafka.flush()
    shown = run_to_end(world, ANY_VALUE)
    assert ids(world) == ["17", "17.0", "binary", "binary", "header", "json", "structured", "structured"]
    assert shown.settled("duplicate") == 3
    assert world.dead_letters() == []


def test_debeziums_header_and_a_tenants_are_taken_where_they_are_named(world):
    world.create_topics()
    for tenant in (b"a", b"b", b"a"):
        world.kafka.produce(world.topic, b'{"n": 1}', headers=[("id", b"outbox-1"), ("tenant", tenant)])
    world.kafka.flush()
    run_to_end(world, {**ANY_VALUE, "consumer c": {"event.id": "header:id", "event.source": "header:tenant"}})
    assert ids(world) == ["outbox-1", "outbox-1"]


@pytest.mark.parametrize("policy, done, dead", [("position", 2, 0), ("none", 2, 0), ("dlq", 0, 2)])
def test_a_record_without_an_id_goes_by_the_policy(world, policy, done, dead):
    world.create_topics()
    for _ in range(2):
        world.kafka.produce(world.topic, b'{"payload": {"n": 1}}')
    world.kafka.flush()
    onced = world.start({"consumer c": {"event.missing": policy}})
    world.wait_finished(onced)
    shown = onced.metrics()
    assert (shown.settled("done"), shown.settled("dead_lettered")) == (done, dead)
    rows = {"position": [(0, 2)], "none": [], "dlq": [(1, 2)]}
    assert world.sql("SELECT outcome, count(*) FROM onced.processed_events GROUP BY 1") == rows[policy]
    onced.stop()
    assert world.effect_count() == done
    assert all(letter.header("onced-reason") == b"undecodable" for letter in world.dead_letters())


def test_another_content_under_a_known_id_is_a_dead_letter(world):
    world.create_topics(partitions=2)
    first, same = events.envelope("twice", 1), events.envelope("twice", 1)
    other = events.envelope("twice", 2, note="\u00e4 \\ \" \x7f")
    onced = world.start()
    world.kafka.produce(world.topic, first, partition=0)
    world.kafka.flush()
    world.wait_effects(1)
    world.kafka.produce(world.topic, same, partition=1)
    world.kafka.produce(world.topic, other, b"the key", headers=[("trace", b"\x00\xff"), ("null", None)],
                        timestamp_ms=1_600_000_000_001, partition=1)
    # In one batch: the later one waits for the first, and then collides.
    for n in (1, 2, 1):
        world.kafka.produce(world.topic, events.envelope("batch", n), partition=0)
    world.kafka.flush()
    world.wait_finished(onced)
    onced.assert_accounted()
    shown = onced.metrics()
    onced.stop()
    assert shown.sum("onced_dead_letters_total", reason="collision") == 2
    assert shown.settled("duplicate") == 2
    assert [(e.event_id, e.n) for e in world.effects()] == [("twice", 1), ("batch", 1)]
    evidence = world.check_finished()
    letters = {letter.header("onced-event-id"): letter for letter in evidence.dead_letters}
    assert set(letters) == {b"twice", b"batch"}
    letter = letters[b"twice"]
    assert letter.value == other and letter.key == b"the key" and letter.timestamp_ms == 1_600_000_000_001
    assert checker.foreign_headers(letter) == (("trace", b"\x00\xff"), ("null", None))
    assert letter.header("onced-reason") == b"collision"
    assert letter.header("onced-attempts") == b"1"
    # The first one's row stays; each decision has a row of its own.
    rows = world.sql("SELECT event_id, outcome FROM onced.events ORDER BY event_id NULLS LAST")
    assert rows == [("batch", "done"), ("twice", "done"), (None, "dlq"), (None, "dlq")]


@pytest.mark.parametrize("digest, collides", [("payload", False), ("value", True), ("off", False)])
def test_what_is_compared_is_the_consumers_choice(world, digest, collides):
    world.create_topics()
    for stamp in (b"1", b"2"):
        world.kafka.produce(world.topic, b'{"event_id": "e", "sent": ' + stamp + b', "payload": {"n": 1}}')
    world.kafka.flush()
    shown = run_to_end(world, {"consumer c": {"event.digest": digest}})
    assert (shown.settled("dead_lettered"), shown.settled("duplicate")) == ((1, 0) if collides else (0, 1))


def test_a_replay_takes_its_dead_letter_over(world):
    world.create_topics()
    world.sql("INSERT INTO gates VALUES ('shut', '22P02')")
    world.kafka.produce(world.topic, events.envelope("a", 1, fault="gate:shut"), b"k", headers=[("trace", b"t")])
    world.kafka.flush()
    onced = world.start()
    world.wait_finished(onced)
    [letter] = world.dead_letters()
    send_again(world, letter)
    world.wait_finished(onced)
    [_, again] = world.dead_letters()
    assert again.header("onced-offset") == b"1" and again.header("onced-event-id") == b"a"
    assert [v for name, v in again.headers if name == "onced-replay"] == [b"1"], "kept once, as a guard against loops"
    world.sql("DELETE FROM gates")
    send_again(world, again, events.envelope("a", 2, fault="gate:shut"))
    world.wait_finished(onced)
    assert [(e.event_id, e.n) for e in world.effects()] == [("a", 2)]
    assert world.sql("SELECT outcome, record_offset FROM onced.events") == [("done", 2)]
    # What took effect is a duplicate, sent again or not; the content that failed collides now.
    send_again(world, again, events.envelope("a", 2, fault="gate:shut"))
    send_again(world, again)
    world.wait_finished(onced)
    shown = onced.metrics()
    onced.assert_accounted()
    onced.stop()
    assert (shown.settled("done"), shown.settled("duplicate"), shown.settled("dead_lettered")) == (1, 1, 3)
    assert world.effect_count() == 1
    assert [letter.header("onced-reason") for letter in world.dead_letters()] == [b"rejected", b"rejected", b"collision"]


def test_a_consumer_may_have_a_store_of_its_own(world):
    world.create_topics()
    file = world.directory / "own.db"
    for _ in range(2):
        world.produce_event("same")
    world.kafka.flush()
    onced = world.start({
        "consumer own": {"topics": world.topic, "group.id": f"{world.group}-own", "handler": "say", "dlq.topic": "none",
                         "dedup.scope": "c", "store": f"sqlite:{file}", "offset.initial": "earliest",
                         "commit.interval": "100ms"},
        "handler say": {"type": "log"},
    })
    world.wait_finished(onced)
    onced.wait_metric(1, "onced_records_settled_total", consumer="own", result="duplicate")
    onced.stop()
    assert world.sql("SELECT scope, event_id, outcome FROM onced.events") == [("c", "same", "done")]
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT scope, event_id, outcome FROM onced_events").fetchall() == [("c", "same", "done")]
