"""
kill - kill -9 of the worker under a steady stream: how long until its partitions settle again

For each partition, the time from the kill to the start of the first transaction that another process
committed (claims carry it). The slowest partition counts. Nothing may be lost or applied twice.
"""

import os
import signal
import sys
import time

from . import chart, contender, figures, workload
from .contender import Entry
from .latency import wait_working
from .run import WrongResult
from .stage import Stage

TITLE = "kill -9 of a worker"
PER_SECOND = 2_000
PERIOD_SECONDS = 4.0
KILLS, SMALL_KILLS = 12, 2
# The restart throttle has its own tests; a death every few seconds for ever is not what it is for.
SECTIONS = {"onced": {"restart.intensity": "1000 in 1m"}}
BACK = """
SELECT partition, min(extract(epoch FROM at))::float8 FROM onced.processed_events
WHERE at > to_timestamp(%s) GROUP BY partition"""


class Killer:
    """Asked between two records; kills when it is time."""

    def __init__(self, entry):
        self._entry = entry
        self._due = time.monotonic() + PERIOD_SECONDS / 2
        self.moments = []

    def __call__(self):
        if time.monotonic() < self._due:
            return
        self._due += PERIOD_SECONDS
        pids = self._entry.onced.worker_pids()
        os.kill(pids[0], signal.SIGKILL)
        self.moments.append(time.time())


def run(stage, kills):
    topic = stage.new_topic("kill")
    database = stage.fresh_database()
    entry = Entry(stage, contender.ONCED, topic, database, sections=SECTIONS)
    try:
        wait_working(stage, entry, topic)
        killer = Killer(entry)
        count = 20 + workload.pace(stage.kafka, topic, 4, PER_SECOND, kills * PERIOD_SECONDS, while_running=killer)
        stage.wait_committed(entry.group, topic, entry.must_run, 60)
        entry.stop()
        rows, ids = stage.postgres.execute(
            "SELECT count(*), count(DISTINCT event_id) FROM orders", database=database)[0]
        if (rows, ids) != (count, count):
            raise WrongResult(f"{rows} effects of {ids} ids, must be {count}")
        back = [dict(stage.postgres.execute(BACK, (moment,), database)) for moment in killer.moments]
    finally:
        entry.close()
        stage.drop_database(database)
    return [max(first.values()) - moment for moment, first in zip(killer.moments, back)]


def measure(options):
    with Stage() as stage:
        seconds = run(stage, SMALL_KILLS if options.small else KILLS)
    print("  " + " ".join(f"{s:.3f}" for s in seconds), file=sys.stderr)
    return {"seconds": seconds, "summary": figures.spread([1e3 * s for s in seconds])}


def show(result):
    return f"settling again after {figures.text(result['summary'])} ms, {result['summary']['n']} kills"


def charts(result):
    return {"kill": chart.bars("From kill -9 to settling again, slowest partition", "ms",
                               [("onced, one worker, four partitions", result["summary"])])}
