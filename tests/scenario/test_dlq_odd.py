"""
test_dlq_odd - dead letters that are not as onced writes them, logs that end oddly, and an operator whose terminal goes away
"""

import json
import signal
import subprocess

import confluent_kafka

from support.process import wait_for

from . import events
from .dlq import dead_ids, effects_by_id, expect_all_applied_once, marks, open_gate, tool_only, with_letters
from .harness import slowness


def put(world, event_id, *headers):
    world.kafka.produce(world.dlq, events.envelope(event_id, 1), b"k", headers=list(headers), partition=0)
    world.kafka.flush()


def test_letter_whose_headers_are_nonsense_is_left_and_stops_no_other(world):
    """What a header says is asked of no broker, and draws nothing on a terminal."""
    dlq = tool_only(world)
    good = (("onced-reason", b"rejected"), ("onced-topic", world.topic.encode()), ("onced-consumer", b"c"))
    put(world, "good-1", *good)
    put(world, "drawn", good[0], ("onced-topic", b"\x1b[2J\x1b]0;gone\x07"), good[2])
    put(world, "ended", good[0], ("onced-topic", world.topic.encode() + b"\0x"), good[2])
    put(world, "empty", good[0], ("onced-topic", b""), good[2])
    put(world, "null", ("onced-reason", None), ("onced-topic", None), ("onced-partition", b"9" * 30), good[2])
    put(world, "twice", *good, ("onced-topic", b"no-such-topic"))
    put(world, "good-2", *good, ("onced-partition", b"1"), ("onced-offset", b"-4"))
    listed = dlq.run("list", "c")
    assert "\x1b" not in listed.stdout and "7 dead letters" in listed.stdout
    told = dlq.run("replay", "c")
    assert "--yes sends 2" in told.stderr, told
    assert "\x1b" not in told.stdout + told.stderr
    result = dlq.run("replay", "c", "--yes", "--no-wait")
    assert "2 of 2 sent" in result.stderr
    sent = [json.loads(record.value)["event_id"] for record in world.kafka.read(world.topic)]
    assert sent == ["good-1", "good-2"]
    assert dlq.open_count() == 5


def test_letter_that_names_no_consumer_is_not_hidden(world):
    dlq = tool_only(world)
    put(world, "nobodys", ("onced-reason", b"rejected"), ("onced-topic", world.topic.encode()))
    put(world, "others", ("onced-reason", b"rejected"), ("onced-topic", world.topic.encode()), ("onced-consumer", b"d"))
    assert [letter["event_id"] for letter in dlq.listed("c")] == [None]
    assert "1 of 1 sent" in dlq.run("replay", "c", "--yes", "--no-wait").stderr
    assert len(dlq.listed("--topic", world.dlq)) == 1, "the letter of another one is"


def test_replay_waits_for_what_it_sent_and_nothing_else(world):
    """A log that ends in the marker of a transaction has an end that nobody commits."""
    onced, dlq = with_letters(world, 10)
    producer = confluent_kafka.Producer({"bootstrap.servers": world.kafka.bootstrap, "transactional.id": world.name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(world.topic, events.envelope("aside", 1), b"k", partition=1)
    producer.commit_transaction(30)
    wait_for(lambda: effects_by_id(world)["aside"], 60 * slowness(), "the consumer has it")
    open_gate(world)
    result = dlq.replay("--position", f"{world.topic}:0:0-1000", "--wait", "10s")
    assert "5 of 5 sent, 0 failed again" in result.stderr and "stopped" not in result.stderr
    onced.stop()


def test_replay_whose_terminal_goes_away_leaves_the_rest_open_and_sends_nothing_twice(world):
    count = 200
    onced, dlq = with_letters(world, count)
    open_gate(world)
    process = dlq.start("replay", "c", "--yes", "--rate", "100")
    wait_for(lambda: effects_by_id(world)["gate-dead-30"], 60 * slowness(), "the replay is at work")
    process.send_signal(signal.SIGPIPE)  # as if nobody read what it tells
    wait_for(lambda: effects_by_id(world)["gate-dead-60"], 60 * slowness(), "it goes on")
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=60 * slowness())
    assert process.returncode == 1 and "interrupted" in said
    replayed = sum(last - first + 1 for mark in marks(world) for first, last in mark["offsets"])
    sent = [r for r in world.kafka.read(world.topic) if r.header("onced-replay")]
    assert 0 < len(sent) == replayed < count
    dlq.replay()
    expect_all_applied_once(world, dead_ids(count))
    assert len([r for r in world.kafka.read(world.topic) if r.header("onced-replay")]) == count
    onced.stop()


def test_import_that_cannot_be_read_twice_is_refused(world):
    """All lines are read before anything is sent: a pipe would be found empty then."""
    dlq = tool_only(world)
    put(world, "one", ("onced-reason", b"rejected"), ("onced-topic", world.topic.encode()), ("onced-consumer", b"c"))
    lines = dlq.run("export", "c").stdout
    assert len(lines.splitlines()) == 1
    result = subprocess.run(dlq.command("import", "c", "--file", "/dev/stdin"), input=lines, capture_output=True, text=True,
                            timeout=120 * slowness(), env=dlq.environment())
    assert result.returncode == 1 and "no pipe" in result.stderr, result
    assert dlq.open_count() == 1


def test_audit_counts_no_more_than_a_mark_can_be_about(world):
    dlq = tool_only(world)
    put(world, "one", ("onced-reason", b"rejected"), ("onced-topic", world.topic.encode()), ("onced-consumer", b"c"))
    for ranges in ([[0, 2**63 - 1]], [[-2**63, 2**63 - 1], [7, 3], ["0", None], 3, [0, 0]]):
        mark = {"mark": "discarded", "id": "x", "at": "2026-01-02T03:04:05Z", "by": "somebody", "why": "w", "to": "", "offsets": ranges}
        world.kafka.produce(world.dlq, json.dumps(mark).encode(), b"k", headers=[("onced-mark", b"discarded")], partition=0)
    world.kafka.flush()
    [run] = json.loads(dlq.run("audit", "c", "--json").stdout)
    assert run["letters"] == 2
    assert dlq.open_count() == 0
