"""
outage - load without end, and what is said of an outage under it
"""

import time

# Used up within a fifth of a second.
QUICK = {"attempts": 2, "delay": "50ms", "delay.max": "100ms", "jitter": "none"}
GATE = {"fault": "gate:g"}


class Load:
    """Events without end, `per_step` a step; by key, each with a number that only grows."""

    def __init__(self, world, keys=40, per_step=20, payload=None):
        self.world, self.keys, self.per_step, self.made = world, keys, per_step, 0
        self.payload = GATE if payload is None else payload

    def step(self):
        for _ in range(self.per_step):
            n = self.made
            self.made += 1
            self.world.produce_event(f"e{n}", n, key=f"k{n % self.keys}".encode(), **self.payload)
        self.world.kafka.flush()

    def lasts(self, seconds):
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, 2 * seconds + 30, "it lasts")

    def until(self, predicate, seconds, what):
        deadline = time.monotonic() + seconds
        while not predicate():
            assert time.monotonic() < deadline, f"in vain: {what}"
            self.step()
            time.sleep(0.05)


def is_outage(onced):
    return onced.metrics().sum("onced_outage") == 1


def said(onced, words):
    return [line for line in onced.log_path.read_text(errors="replace").splitlines() if words in line]


def assert_nothing_dead(world, onced):
    assert onced.metrics().sum("onced_dead_letters_total") == 0
    assert world.dead_letters() == []


def assert_told_once(onced, handler, code):
    """Begin and end of the one outage, with their figures."""
    [begin], [end] = said(onced, "different records fail"), said(onced, "outage is over")
    assert f"handler={handler}" in begin and f"code={code}" in begin and "records=" in begin
    assert f"handler={handler}" in end and "lasted=" in end and "probes=" in end
