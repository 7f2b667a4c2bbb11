"""
dlq - `oncectl dlq` in a scenario: run it, read what it leaves, and say what is true of it

A mark is a record in the dead-letter topic that is no dead letter.
"""

import collections
import json
import subprocess

from . import checker, events
from .harness import BUILD, slowness

MARK = "onced-mark"


def is_mark(record):
    return bool(record.headers) and record.headers[0][0] == MARK


def marks(world, topic=None):
    return [json.loads(r.value) for r in world.kafka.read(topic or world.dlq) if is_mark(r)]


def letters(world, topic=None):
    return [r for r in world.kafka.read(topic or world.dlq) if not is_mark(r)]


class Dlq:
    """oncectl with the configuration of one onced."""

    def __init__(self, world, onced):
        self.world = world
        self.onced = onced

    def command(self, verb, *arguments):
        return [str(BUILD / "oncectl"), "dlq", verb, "-c", str(self.onced.config), *map(str, arguments)]

    def environment(self, extra=None):
        return {**self.onced._environment(), **(extra or {})}

    def run(self, verb, *arguments, expect=0, env=None, timeout=120):
        result = subprocess.run(
            self.command(verb, *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout * slowness(), env=self.environment(env))
        assert result.returncode == expect, (
            f"dlq {verb} {arguments} ended with {result.returncode}, not {expect}\n"
            f"{result.stdout[-3000:]}{result.stderr[-3000:]}{self.onced.log_tail(20)}")
        self.onced.check_reports()
        return result

    def start(self, verb, *arguments, env=None):
        """Not waited for."""
        return subprocess.Popen(
            self.command(verb, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=self.environment(env))

    def listed(self, *arguments):
        """What `list --json` says, a dict a letter."""
        return [json.loads(line) for line in self.run("list", "--json", *arguments).stdout.splitlines()]

    def open_count(self, *arguments):
        return len(self.listed("c", *arguments))

    def replay(self, *arguments, **options):
        return self.run("replay", "c", "--yes", "--why", "test", *arguments, **options)

    def lag(self, topic=None):
        topic = topic or self.world.dlq
        return self.world.kafka.lag(f"onced-dlq-{topic}", topic)


def send_again(world, letter, value=None):
    """What a tool for replays does: its own headers, and the id that the dead letter names."""
    headers = [("onced-replay", b"1"), ("onced-event-id", letter.header("onced-event-id"))]
    headers += checker.foreign_headers(letter)
    world.kafka.produce(world.topic, letter.value if value is None else value, letter.key, headers=headers)
    world.kafka.flush()


def close_gate(world, name="gate", code="22P02"):
    world.sql("INSERT INTO gates VALUES (%s, %s)", [name, code])


def open_gate(world, name="gate"):
    world.sql("DELETE FROM gates WHERE name = %s", [name])


def fill(world, count, partitions=2, gate="gate", first=0):
    """So many records die of the gate, and as many between them do not."""
    for n in range(first, first + count):
        for kind, fault in (("dead", {"fault": f"gate:{gate}"}), ("fine", {})):
            world.kafka.produce(
                world.topic, events.envelope(f"{gate}-{kind}-{n}", n, **fault), f"k{n % 7}".encode(),
                headers=[("trace", f"t{n}".encode())], partition=n % partitions, timestamp_ms=1_700_000_000_000 + n)
    world.kafka.flush()


def with_letters(world, count, changes=None, gate="gate", code="22P02"):
    world.create_topics(partitions=2, dlq_partitions=2)
    close_gate(world, gate, code)
    fill(world, count, gate=gate)
    onced = world.start(changes)
    onced.wait_metric(count, "onced_dead_letters_total", seconds=60 + count / 50)
    world.wait_finished(onced, 60)
    return onced, Dlq(world, onced)


def effects_by_id(world):
    return collections.Counter(e.event_id for e in world.effects())


def expect_all_applied_once(world, ids):
    count = effects_by_id(world)
    assert set(ids) <= set(count), f"{len(set(ids) - set(count))} of {len(ids)} have no effect"
    twice = [event_id for event_id, n in count.items() if n != 1]
    assert not twice, f"{len(twice)} took effect more than once: {twice[:5]}"


def dead_ids(count, gate="gate"):
    return [f"{gate}-dead-{n}" for n in range(count)]


def tool_only(world):
    """oncectl with a configuration whose onced does not run."""
    world.create_topics(partitions=2, dlq_partitions=2)
    onced = world.onced()
    onced.write_config()
    onced.log_path.touch()
    return Dlq(world, onced)
