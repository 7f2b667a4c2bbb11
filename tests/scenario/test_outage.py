"""
test_outage - the target of a handler is away: nothing is dead-lettered, nothing is lost, nobody hammers

Attempts and delays are so small that every record would be used up in a moment.
"""

import contextlib
import json
import time

import pytest

from .harness import run_tool
from .outage import GATE, QUICK, Load, assert_nothing_dead, assert_told_once, is_outage, said

TARGET = {"retry": QUICK, "consumer c": {"ordering": "key", "lanes": 2, "batch.max": 50},
          "onced": {"store.statement.timeout": "300ms", "store.lock.timeout": "5s"}}


def close_gate(world, code="57014"):
    world.sql("INSERT INTO gates VALUES ('g', %s)", (code,))


def open_gate(world):
    world.sql("DELETE FROM gates")


@contextlib.contextmanager
def gate(world):
    """Every statement fails at once."""
    close_gate(world)
    try:
        yield
    finally:
        open_gate(world)


@contextlib.contextmanager
def lock(world):
    """Every statement takes until its timeout."""
    connection = world.postgres.connect(world.database)
    try:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE effects IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


@pytest.mark.parametrize("outage, seconds", [
    (gate, 10), (lock, 4), pytest.param(gate, 60, marks=pytest.mark.slow), pytest.param(lock, 60, marks=pytest.mark.slow)])
def test_outage_under_load_dead_letters_nothing_and_loses_nothing(world, outage, seconds):
    world.create_topics(partitions=4)
    onced = world.start(TARGET)
    load = Load(world)
    load.until(lambda: world.effect_count() > 200, 60, "records flow")
    with outage(world):
        load.until(lambda: is_outage(onced), 60, "the outage is seen")
        calls = world.sql("SELECT last_value FROM calls")[0][0]
        load.lasts(seconds)
        # Some were under way when it was decided; then a probe a second.
        assert world.sql("SELECT last_value FROM calls")[0][0] - calls < 20 + 2 * seconds
        [found] = onced.workers()[0]["outages"]
        assert found["handler"] == "effect" and found["seconds"] > 3 and found["probes"] >= 2
        assert "57014" in found["text"]
        shown = run_tool("--socket", onced.socket, "status", program="oncectl").stdout
        assert "outage of handler effect" in shown
        as_json = run_tool("--socket", onced.socket, "--json", "status", program="oncectl").stdout
        assert json.loads(as_json)["consumers"][0]["state"] == "held"
        assert_nothing_dead(world, onced)
        before = onced.metrics().settled()
    onced.wait_until(lambda: onced.metrics().settled() > before, 2, "they flow again")
    onced.wait_until(lambda: not is_outage(onced), 2, "it ended by itself")
    world.finish(onced, 60, ordering="key")
    assert world.effect_count() == load.made
    assert world.dead_letters() == []
    assert_told_once(onced, "effect", "57014")


def test_outage_on_few_strands_is_seen_too(world):
    world.create_topics(partitions=3)
    for n in range(300):
        world.produce_event(f"e{n}", n, partition=n % 3, **GATE)
    world.kafka.flush()
    close_gate(world)
    onced = world.start({"retry": {**QUICK, "deadline": "2s"}})
    onced.wait_until(lambda: is_outage(onced), 30, "the outage is seen")
    time.sleep(2.5)  # longer than the deadline: what is held has time
    assert_nothing_dead(world, onced)
    open_gate(world)
    world.finish(onced)
    assert world.effect_count() == 300


def test_one_poison_among_thousands_is_dead_lettered_while_the_rest_flows(world):
    world.create_topics(partitions=4)
    onced = world.start(TARGET)
    load = Load(world, per_step=100)
    load.until(lambda: world.effect_count() > 1000, 60, "records flow")
    world.produce_event("poison", key=b"poison", fault="23503")
    load.until(lambda: onced.metrics().sum("onced_dead_letters_total") == 1, 60, "the poison ends")
    load.until(lambda: load.made > 3000, 60, "thousands")
    evidence = world.finish(onced, ordering="key")
    [letter] = evidence.dead_letters
    assert letter.header("onced-reason") == b"exhausted"
    assert letter.header("onced-event-id") == b"poison"
    assert int(letter.header("onced-attempts")) >= 2
    assert world.effect_count() == load.made
    assert said(onced, "different records fail") == []


def test_flapping_target_gets_everything_done(world):
    world.create_topics(partitions=4)
    onced = world.start({**TARGET, "retry": {"attempts": 10, "delay": "100ms", "delay.max": "500ms"}})
    load = Load(world)
    load.until(lambda: world.effect_count() > 100, 60, "records flow")
    for _ in range(4):
        before = world.effect_count()
        with gate(world):
            end = time.monotonic() + 0.7
            load.until(lambda: time.monotonic() > end, 30, "down")
        load.until(lambda: world.effect_count() > before, 30, "something is done while it is up")
    world.finish(onced, 90, ordering="key")
    assert world.effect_count() == load.made
    assert world.dead_letters() == []


def test_restart_in_the_middle_of_an_outage_forgets_nothing(world):
    world.create_topics(partitions=4)
    onced = world.start(TARGET)
    load = Load(world)
    load.until(lambda: world.effect_count() > 100, 60, "records flow")
    with gate(world):
        load.until(lambda: is_outage(onced), 60, "the outage is seen")
        for _ in range(3):
            onced.stop()
            onced.start()
            load.until(lambda: is_outage(onced), 60, "the outage is seen again")
            assert_nothing_dead(world, onced)
    world.finish(onced, 60, ordering="key")
    assert world.effect_count() == load.made
    assert world.dead_letters() == []


def test_operators_error_is_probed_by_one_record_and_ends_with_its_cause(world):
    """A missing table: UNAVAILABLE, held and probed like an outage."""
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"ordering": "key", "lanes": 2}})
    load = Load(world)
    load.until(lambda: world.effect_count() > 100, 60, "records flow")
    world.sql("ALTER TABLE effects RENAME TO away")
    load.until(lambda: is_outage(onced), 60, "the outage is seen")
    onced.wait_until(lambda: "42P01" in onced.workers()[0]["outages"][0]["text"], 5, "status says what to fix")
    assert onced.metrics().sum("onced_retries_total") == 0
    world.sql("ALTER TABLE away RENAME TO effects")
    world.finish(onced, 60, ordering="key")
    assert world.effect_count() == load.made
    assert world.dead_letters() == []
