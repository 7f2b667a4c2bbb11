"""
operate - what an operator asks of a onced, and the load under which he does
"""

import json
import threading
import time

from . import events
from .harness import run_tool


def oncectl(onced, *words, expect=0, **options):
    result = run_tool("--socket", onced.socket, *words, program="oncectl", **options)
    assert result.returncode == expect, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{onced.log_tail()}"
    return result.stdout


def asked(onced, *words, expect=0):
    return json.loads(oncectl(onced, *words, "--json", expect=expect))


class Load:
    """Produces while the block runs: `rate` events a second, spread over keys."""

    def __init__(self, world, prefix, rate=400):
        self.world, self.prefix, self.rate = world, prefix, rate
        self.over = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.wait(0.05):
            for _ in range(max(1, self.rate // 20)):
                event_id = f"{self.prefix}-{self.count}"
                self.world.kafka.produce(
                    self.world.topic, events.envelope(event_id, self.count), b"k%d" % (self.count % 97))
                self.count += 1
            self.world.kafka.flush()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def stands_still(world, seconds=1.0):
    """No effect in so long: the count of effects is what it was."""
    before = world.effect_count()
    time.sleep(seconds)
    return world.effect_count() == before
