"""
operate - what an operator asks of a onced, and the load under which he does
"""

import json
import time

from . import events
from .harness import run_tool
from .meanwhile import Meanwhile


def oncectl(onced, *words, expect=0, **options):
    result = run_tool("--socket", onced.socket, *words, program="oncectl", **options)
    assert result.returncode == expect, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{onced.log_tail()}"
    return result.stdout


def asked(onced, *words, expect=0):
    return json.loads(oncectl(onced, *words, "--json", expect=expect))


class Load(Meanwhile):
    """Produces: `rate` events a second, spread over keys."""

    pause = 0.05

    def __init__(self, world, prefix, rate=400):
        self.world, self.prefix, self.rate = world, prefix, rate
        super().__init__()
        self.count = 0

    def step(self):
        for _ in range(max(1, self.rate // 20)):
            event_id = f"{self.prefix}-{self.count}"
            self.world.kafka.produce(
                self.world.topic, events.envelope(event_id, self.count), b"k%d" % (self.count % 97))
            self.count += 1
        self.world.kafka.flush()


def stands_still(world, seconds=1.0):
    """No effect in so long: the count of effects is what it was."""
    before = world.effect_count()
    time.sleep(seconds)
    return world.effect_count() == before
