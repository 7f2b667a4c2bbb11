"""
dlq - `oncectl dlq` in a scenario: run it, read what it leaves, and say what is true of it

A mark is a record in the dead-letter topic that is no dead letter.
"""

import json
import subprocess

from . import checker
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
