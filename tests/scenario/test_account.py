"""
test_account - consumed = settled + abandoned + in flight, in every single scrape, whatever happens
"""

import http.client
import random
import signal

from support.process import send_signal
from . import control
from .listener import ask, listening
from .meanwhile import Meanwhile


class Scraper(Meanwhile):
    """Scrapes without a pause, and holds each answer to the sum."""

    pause = 0.01

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.wrong, self.count, self.last = [], 0, {}

    def _check(self, metrics):
        for labels, consumed in metrics.select("onced_records_consumed_total"):
            unaccounted = metrics.unaccounted(**labels)
            if unaccounted != 0:
                self.wrong.append((labels, unaccounted))
            where = (labels["topic"], labels["partition"])
            if consumed < self.last.get(where, 0):
                self.wrong.append((labels, "went back"))
            self.last[where] = consumed
        self.count += 1

    def step(self):
        try:
            code, text = ask(self.port, "/metrics")
        except (OSError, http.client.HTTPException):
            return
        if code == 200:
            self._check(control.Metrics(text))


def test_every_scrape_adds_up_through_kills_and_rebalances(world):
    world.create_topics(partitions=6)
    port, changes = listening()
    dynamic = {"consumer c": {"workers": 2, "instance.id": "off", "batch.max": 20}}
    onced = world.start({**changes, **dynamic})
    onced.wait_assigned(6)
    with Scraper(port) as scraper:
        for round_number in range(3):
            world.produce_stream(1500, keys=50, prefix=f"r{round_number}-")
            pid = random.choice(onced.worker_pids())
            send_signal(pid, signal.SIGKILL)
            onced.wait_worker_exit(pid)
            onced.wait_ready(60)
        # Partitions that go away take their gauges along and leave their counters.
        other = world.start({"consumer c": dynamic["consumer c"]})
        onced.wait_until(lambda: len(onced.partitions()) == 3, 60, "another daemon took half of them")
        shown = onced.metrics()
        assert len(shown.select("onced_records_consumed_total")) == 6
        assert len(shown.select("onced_paused")) == 3
        world.wait_finished(onced)
    assert not scraper.wrong, scraper.wrong[:5]
    assert scraper.count > 30
    other.stop()
    onced.wait_assigned(6, 60)
    world.finish(onced)
