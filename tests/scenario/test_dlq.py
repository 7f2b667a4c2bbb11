"""
test_dlq - an operator and his dead letters: look, replay, discard

A gate in the database is the cause that records die of; opening it is the repair.
"""

import collections
import json
import signal
import struct

import confluent_kafka
import pytest

from support.process import wait_for

from . import checker, events
from .dlq import (
    Dlq, close_gate, dead_ids, effects_by_id, expect_all_applied_once, fill, is_mark, letters, marks, open_gate, tool_only, with_letters)
from .harness import slowness
from .rebuilding import FROM, rebuild


def test_replay_after_the_repair_applies_each_once_and_again_changes_nothing(world):
    count = 2000
    onced, dlq = with_letters(world, count)
    before = {r.header("onced-event-id"): r for r in letters(world)}
    assert len(before) == count and dlq.lag() == count
    open_gate(world)

    told = dlq.run("replay", "c")
    assert f"--yes sends {count}" in told.stderr and "22P02" in told.stdout
    assert dlq.open_count() == count, "a dry run changed something"

    result = dlq.replay("--rate", "5000")
    assert f"{count} of {count} sent, 0 failed again" in result.stderr
    expect_all_applied_once(world, dead_ids(count))
    assert dlq.lag() == 0 and dlq.open_count() == 0

    # What was sent is what had died, byte for byte, with its id and the replay's.
    sent = [r for r in world.kafka.read(world.topic) if r.header("onced-replay")]
    assert len(sent) == count
    for record in sent:
        letter = before[record.header("onced-event-id")]
        assert (record.key, record.value, record.timestamp_ms) == (letter.key, letter.value, letter.timestamp_ms)
        assert record.partition == int(letter.header("onced-partition"))
        own = [h for h in record.headers if h[0] not in ("onced-replay", "onced-event-id")]
        assert own == list(checker.foreign_headers(letter))
        assert record.header("onced-replay").decode().endswith(" n=1")

    # Again, settled ones too: every one is recognised.
    dlq.replay("--all")
    expect_all_applied_once(world, dead_ids(count))
    assert len(letters(world)) == count
    audit = json.loads(dlq.run("audit", "c", "--json").stdout)
    assert [(run["mark"], run["letters"], run["why"]) for run in audit] == [("replayed", count, "test")] * 2
    onced.stop()


STAGES = ["dlq_sent:kill:700", "dlq_acknowledged:kill:2", "dlq_marked:kill:1", "dlq_committed:kill:2"]


@pytest.mark.failpoints
def test_replay_killed_at_every_stage_goes_on_where_it_was(world):
    count = 1500
    onced, dlq = with_letters(world, count)
    open_gate(world)
    for stage in STAGES:
        dlq.replay(env={"ONCED_FAILPOINT": stage}, expect=-signal.SIGKILL)
        open_before = dlq.open_count()
        assert 0 < open_before <= count, stage
    left = dlq.open_count()
    assert left < count, "nothing was settled before the kills"
    result = dlq.replay()
    assert f"{left} of {left} sent, 0 failed again" in result.stderr
    expect_all_applied_once(world, dead_ids(count))
    assert dlq.lag() == 0
    onced.stop()


def test_replay_stops_by_itself_while_the_cause_persists(world):
    count = 300
    onced, dlq = with_letters(world, count)
    result = dlq.replay("--max-failures", "5", expect=1)
    assert "too many failed again" in result.stderr
    replayed = sum(last - first + 1 for mark in marks(world) for first, last in mark["offsets"])
    assert 5 <= replayed <= 100, "it begins with a small window"
    # Those that failed again are dead letters again, which tell of the replay; nothing is lost.
    onced.wait_metric(count + replayed, "onced_dead_letters_total")
    world.wait_finished(onced)
    again = [r for r in letters(world) if r.header("onced-replay")]
    assert len(again) == replayed
    assert {r.header("onced-replay").decode().split(" ")[1] for r in again} == {"n=1"}
    assert dlq.open_count() == count

    open_gate(world)
    dlq.replay()
    expect_all_applied_once(world, dead_ids(count))
    assert dlq.open_count() == 0
    onced.stop()


def test_record_that_was_replayed_too_often_is_left(world):
    onced, dlq = with_letters(world, 3)
    for _ in range(2):
        dlq.replay("--max-failures", "99", "--max-replays", "2")
    result = dlq.replay("--max-failures", "99", "--max-replays", "2")
    assert "replayed too often" in result.stdout
    assert {letter["replays"] for letter in dlq.listed("c")} == {2}
    assert "where the dead letters lie" in dlq.replay("--to", world.dlq, expect=2).stderr
    onced.stop()


def test_filtered_replay_leaves_the_others_open(world):
    count = 100
    onced, dlq = with_letters(world, count)
    close_gate(world, "other", "23514")
    fill(world, count, gate="other")
    world.kafka.produce(world.topic, b"no JSON", b"k", partition=0)
    world.kafka.flush()
    onced.wait_metric(2 * count + 1, "onced_dead_letters_total", seconds=60)
    open_gate(world)
    open_gate(world, "other")

    reasons = collections.Counter((r["reason"], r["code"]) for r in dlq.listed("c"))
    assert reasons == {("rejected", "22P02"): count, ("rejected", "23514"): count, ("undecodable", None): 1}
    dlq.replay("--code", "23514", "--reason", "rejected")
    expect_all_applied_once(world, dead_ids(count, "other"))
    assert not set(dead_ids(count)) & set(effects_by_id(world)), "a letter that was not meant was replayed"
    assert dlq.open_count() == count + 1

    dlq.replay("--where", "payload.n=17", "--limit", "1")
    [other] = [r for r in dlq.listed("c", "--event-id", "gate-dead-19")]
    position = f"{other['from_topic']}:{other['from_partition']}:{other['from_offset']}"
    dlq.replay("--position", position)
    assert dlq.open_count() == count - 1
    expect_all_applied_once(world, ["gate-dead-17", "gate-dead-19"])

    dlq.replay("--reason", "rejected")
    expect_all_applied_once(world, dead_ids(count))
    [left] = dlq.listed("c")
    assert left["reason"] == "undecodable"
    page = dlq.run("show", f"{world.dlq}:{left['partition']}:{left['offset']}").stdout
    assert "undecodable" in page and "no JSON" in page
    assert dlq.run("show", "c", f"{world.topic}:{left['from_partition']}:{left['from_offset']}").stdout == page

    # One that nobody will repair.
    assert "needs --why" in dlq.run("discard", "c", "--yes", expect=2).stderr
    dlq.run("discard", "c", "--why", "garbage of a test")
    assert dlq.open_count() == 1
    dlq.run("discard", "c", "--yes", "--why", "garbage of a test")
    assert dlq.open_count() == 0 and dlq.lag() == 0
    [kept] = dlq.listed("c", "--all", "--reason", "undecodable")
    assert kept["state"] == "discarded"
    [mark] = [m for m in marks(world) if m["mark"] == "discarded"]
    assert mark["why"] == "garbage of a test" and mark["by"]
    onced.stop()


def test_export_comes_back_byte_for_byte(world):
    onced, dlq = with_letters(world, 20)
    world.kafka.produce(world.topic, bytes(range(256)), b"\xff\x00", headers=[("n", None), ("", b"\xfe")], partition=0)
    world.kafka.produce(world.topic, None, None, partition=1)
    world.kafka.flush()
    onced.wait_metric(21, "onced_dead_letters_total")
    world.wait_finished(onced)
    before = letters(world)
    path = onced.directory / "letters.jsonl"
    dlq.run("export", "c", "--file", path)
    assert dlq.run("export", "c").stdout == path.read_text()

    other = f"{world.name}.copy"
    world.kafka.create_topic(other, 2, max_message_bytes=10_000_000)
    dlq.run("import", "--topic", other, "--file", path)
    assert [(r.partition, r.key, r.value, r.headers, r.timestamp_ms) for r in letters(world, other)] == \
        [(r.partition, r.key, r.value, r.headers, r.timestamp_ms) for r in before]

    path.write_text(path.read_text().replace('"value"', '"valeu"', 1))
    assert "letters.jsonl:1: no `value`" in dlq.run("import", "--topic", other, "--file", path, expect=1).stderr
    assert len(letters(world, other)) == len(before), "a faulty file was sent in part"
    world.kafka.delete_topic(other)
    onced.stop()


def spring_headers(topic, partition, offset):
    return [("kafka_dlt-original-topic", topic.encode()),
            ("kafka_dlt-original-partition", struct.pack(">i", partition)),
            ("kafka_dlt-original-offset", struct.pack(">q", offset)),
            ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
            ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
            ("kafka_dlt-exception-message", b"Listener failed")]


def connect_headers(topic, partition, offset):
    return [("__connect.errors.topic", topic.encode()), ("__connect.errors.partition", str(partition).encode()),
            ("__connect.errors.offset", str(offset).encode()),
            ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
            ("__connect.errors.stage", b"VALUE_CONVERTER")]


def test_dead_letters_of_spring_and_connect_are_replayed(world):
    world.create_topics(partitions=2)
    old = f"{world.name}.old"
    world.kafka.create_topic(old, 1)
    for n in range(10):
        for kind, headers in (("spring", spring_headers), ("connect", connect_headers)):
            world.kafka.produce(old, events.envelope(f"{kind}-{n}", n), b"k",
                                headers=[("trace", b"t"), *headers(world.topic, n % 2, 100 + n)])
    world.kafka.produce(old, events.envelope("lost", 1), b"k", headers=[
        ("kafka_dlt-original-topic", world.topic.encode()), ("kafka_dlt-original-partition", b"\x00\x01")])
    world.kafka.produce(old, events.envelope("nowhere", 1), b"k")
    world.kafka.flush()
    onced = world.start()
    dlq = Dlq(world, onced)
    listed = dlq.listed("--topic", old)
    assert collections.Counter(r["format"] for r in listed) == {"spring": 11, "connect": 10, "unknown": 1}
    assert {(r["from_topic"], r["from_partition"], r["from_offset"]) for r in listed if r["event_id"].startswith("spring")} == \
        {(world.topic, n % 2, 100 + n) for n in range(10)}
    assert len(dlq.listed("--topic", old, "--code", "IllegalStateException")) == 10

    result = dlq.replay("--topic", old)
    assert "its origin is unknown" in result.stdout
    expect_all_applied_once(world, ["lost"] + [f"{k}-{n}" for n in range(10) for k in ("spring", "connect")])
    for record in world.kafka.read(world.topic):
        assert [name for name, _ in record.headers if name != "trace"] == ["onced-replay"]
    [left] = dlq.listed("--topic", old)
    assert left["event_id"] == "nowhere"
    dlq.run("replay", "c", "--topic", old, "--to", world.topic, "--yes")
    expect_all_applied_once(world, ["nowhere"])
    assert dlq.listed("--topic", old) == [] and dlq.lag(old) == 0
    world.kafka.delete_topic(old)
    onced.stop()


def test_others_who_read_the_topic_are_named_and_a_silent_consumer_is_told(world):
    onced, dlq = with_letters(world, 20)
    world.kafka.set_committed(f"{world.name}-other", world.topic, {0: 1})
    open_gate(world)
    onced.stop()
    result = dlq.replay("--wait", "2s", expect=4)
    assert f"{world.name}-other" in result.stderr and "does not move" in result.stderr
    # What was sent is settled here; the consumer applies it when it is back.
    assert dlq.open_count() == 0
    onced.start()
    world.wait_finished(onced)
    expect_all_applied_once(world, dead_ids(20))
    onced.stop()


def test_interrupted_replay_leaves_the_rest_open(world):
    count = 200
    onced, dlq = with_letters(world, count)
    open_gate(world)
    process = dlq.start("replay", "c", "--yes", "--rate", "100")
    wait_for(lambda: effects_by_id(world)["gate-dead-30"], 60 * slowness(), "the replay is at work")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted" in said
    replayed = sum(last - first + 1 for mark in marks(world) for first, last in mark["offsets"])
    assert 0 < replayed < count
    assert dlq.open_count() == count - replayed
    dlq.replay()
    expect_all_applied_once(world, dead_ids(count))
    onced.stop()


def test_replay_that_loses_its_broker_goes_on_when_told_again(world):
    count = 200
    onced, dlq = with_letters(world, count)
    open_gate(world)
    process = dlq.start("replay", "c", "--yes", "--rate", "50")
    wait_for(lambda: effects_by_id(world)["gate-dead-10"], 60 * slowness(), "the replay is at work")
    world.kafka.sigstop()
    try:
        _, said = process.communicate(timeout=120 * slowness())
    finally:
        world.kafka.sigcont()
    assert process.returncode in (1, 3) and "goes on" in said
    # Just back, a broker has no leaders yet, which the tool says with its status.
    wait_for(lambda: dlq.start("list", "c").wait(60) == 0, 120 * slowness(), "the broker answers again")
    assert dlq.open_count() > 0
    dlq.replay()
    expect_all_applied_once(world, dead_ids(count))
    onced.stop()


def put_letters(world, count, topic=None, producer=None):
    """As a onced would have left them; nobody runs."""
    for n in range(count):
        headers = [("onced-reason", b"rejected"), ("onced-code", b"22P02"), ("onced-topic", world.topic.encode()),
                   ("onced-partition", b"%d" % (n % 2)), ("onced-offset", b"%d" % n), ("onced-consumer", b"c"),
                   ("onced-event-id", b"dead-%d" % n)]
        if producer:
            producer.produce(topic or world.dlq, events.envelope(f"dead-{n}", n), b"k", headers=headers, partition=n % 2)
        else:
            world.kafka.produce(topic or world.dlq, events.envelope(f"dead-{n}", n), b"k", headers, partition=n % 2)
    (producer or world.kafka).flush()


@pytest.mark.failpoints
def test_discard_killed_at_every_stage_settles_each_once(world):
    """Two partitions, marked 1,000 letters at a time; what a killed run did is told of that run."""
    count = 3500
    dlq = tool_only(world)
    put_letters(world, count)
    discard = ("discard", "c", "--yes", "--why")
    left = count
    for n, (stage, may_settle) in enumerate((
            ("dlq_acknowledged:kill:1", False), ("dlq_mark_sent:kill:1", True), ("dlq_marked:kill:1", True),
            ("dlq_committed:kill:1", True), ("dlq_acknowledged:kill:2", True))):
        dlq.run(*discard, f"run {n}", env={"ONCED_FAILPOINT": stage}, expect=-signal.SIGKILL)
        before, left = left, dlq.open_count()
        assert left <= before and (may_settle or left == before), stage
    assert 0 < left < count
    assert f"{left} of {left}" in dlq.run(*discard, "the last").stderr
    assert dlq.open_count() == 0 and dlq.lag() == 0
    settled = collections.Counter(
        (record.partition, offset) for record in world.kafka.read(world.dlq) if is_mark(record)
        for first, last in json.loads(record.value)["offsets"] for offset in range(first, last + 1))
    assert set(settled.values()) == {1}, "settled more than once"
    assert set(settled) == {(r.partition, r.offset) for r in letters(world)}
    audit = json.loads(dlq.run("audit", "c", "--json").stdout)
    assert sum(run["letters"] for run in audit) == count
    assert {run["mark"] for run in audit} == {"discarded"} and all(run["by"] and run["at"] for run in audit)
    assert {"run 2", "run 3", "run 4", "the last"} <= {run["why"] for run in audit}
    assert {letter["state"] for letter in dlq.listed("c", "--all")} == {"discarded"}
    assert "no dead letter is meant" in dlq.run("replay", "c").stdout
    assert "0 of 0" in dlq.run(*discard, "again").stderr
    assert sum(run["letters"] for run in json.loads(dlq.run("audit", "c", "--json").stdout)) == count


def test_letters_of_a_transaction_are_none_before_it_is_committed(world):
    """An open one hides what is behind it, and nothing hidden is settled; an aborted one leaves nothing."""
    dlq = tool_only(world)
    put_letters(world, 10)
    producer = confluent_kafka.Producer({
        "bootstrap.servers": world.kafka.bootstrap, "transactional.id": world.name, "transaction.timeout.ms": 60_000})
    producer.init_transactions(30)
    producer.begin_transaction()
    put_letters(world, 6, producer=producer)
    producer.abort_transaction(30)
    assert dlq.open_count() == 10
    producer.begin_transaction()
    put_letters(world, 4, producer=producer)
    put_letters(world, 2)
    dlq.run("discard", "c", "--yes", "--why", "seen", "--limit", "3")
    dlq.run("discard", "c", "--yes", "--why", "seen")
    assert dlq.open_count() == 0
    producer.commit_transaction(30)
    assert dlq.open_count() == 6, "what nobody could see was settled"
    dlq.run("discard", "c", "--yes", "--why", "now")
    assert dlq.open_count() == 0 and dlq.lag() == 0
    assert sum(run["letters"] for run in json.loads(dlq.run("audit", "c", "--json").stdout)) == 16


def test_letters_imported_twice_take_effect_once(world):
    onced, dlq = with_letters(world, 30)
    path = onced.directory / "letters.jsonl"
    dlq.run("export", "c", "--file", path)
    for _ in range(2):
        dlq.run("import", "c", "--file", path)
    assert dlq.open_count() == 90
    open_gate(world)
    assert "90 of 90 sent, 0 failed again" in dlq.replay().stderr
    expect_all_applied_once(world, dead_ids(30))
    assert len(letters(world)) == 90 and dlq.open_count() == 0
    onced.stop()


def test_rebuild_applies_an_event_and_its_replay_once(world):
    """Both lie in the log: the record that died of its time, and what was sent again."""
    onced, dlq = with_letters(world, 40, {"consumer c": {"rebuild.sql": "TRUNCATE effects"}})
    open_gate(world)
    dlq.replay()
    expect_all_applied_once(world, dead_ids(40))
    rebuild(onced, *FROM)
    world.wait_finished(onced, 60)
    expect_all_applied_once(world, dead_ids(40))
    assert world.effect_count() == 80 and len(letters(world)) == 40
    # And where the cause is back while it is built: dead once more, open, and not lost.
    close_gate(world)
    rebuild(onced, *FROM)
    world.wait_finished(onced, 60)
    onced.wait_until(lambda: dlq.open_count() >= 40, 60, "they are dead letters again")
    assert not set(dead_ids(40)) & set(effects_by_id(world))
    open_gate(world)
    dlq.replay()
    expect_all_applied_once(world, dead_ids(40))
    assert world.effect_count() == 80
    onced.stop()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.failpoints
def test_a_hundred_thousand_letters_killed_and_replayed_twice(world):
    count = 100_000
    onced, dlq = with_letters(world, count)
    open_gate(world)
    for stage in ("dlq_sent:kill:30000", "dlq_marked:kill:20", "dlq_committed:kill:5"):
        dlq.replay(env={"ONCED_FAILPOINT": stage}, expect=-signal.SIGKILL, timeout=300)
    dlq.replay(timeout=600)
    dlq.replay("--all", timeout=600)
    expect_all_applied_once(world, dead_ids(count))
    assert dlq.open_count() == 0 and dlq.lag() == 0
    onced.stop()
