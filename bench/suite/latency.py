"""
latency - orders at a steady 1,000 a second, from the producer's call to the commit in the database

Each order carries the microsecond at which it was handed to the producer. The database notes when the
transaction that wrote a row committed (track_commit_timestamp, taken just before the commit record is
flushed): nobody polls, and no contender is asked. Both clocks are this machine's.
"""

import dataclasses
import sys
import time

from . import chart, contender, figures, workload
from .contender import Entry
from .meter import Meter
from .run import WrongResult
from .stage import Stage

TITLE = "Latency at a steady rate"
PER_SECOND = 1_000
SECONDS, SMALL_SECONDS = 15, 3
WARM_UP_SECONDS = 2
SHARES = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)]
DELAYS = """
SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1e6)::bigint - placed_us, placed_us FROM orders"""
LINGER = dataclasses.replace(
    contender.ONCED, name="onced-linger", words="onced, batch.linger = 5ms",
    sections={"consumer c": {"batch.linger": "5ms"}})
DEFAULT_NAMES = ["onced", "limit", "go", "python"]


def wait_working(stage, entry, topic):
    """A first order went through: the group stands and connections are open."""
    workload.pace(stage.kafka, topic, 4, 20, 1, first_number=10**9)
    stage.wait_committed(entry.group, topic, entry.must_run, 60)


def run(stage, who, seconds):
    topic = stage.new_topic("paced")
    database = stage.fresh_database()
    entry = Entry(stage, who, topic, database)
    trees = {"worker": entry.pid, "postgres": stage.postgres.process.pid}
    try:
        wait_working(stage, entry, topic)
        started = time.time()
        with Meter(trees, "worker") as meter:
            count = workload.pace(stage.kafka, topic, 4, PER_SECOND, seconds)
        ended = time.time()
        stage.wait_committed(entry.group, topic, entry.must_run, 60)
        entry.stop()
        rows = stage.postgres.execute(DELAYS, database=database)
    finally:
        entry.close()
        stage.drop_database(database)
    steady = sorted(d for d, placed in rows if placed >= (started + WARM_UP_SECONDS) * 1e6)
    if len(rows) != count + 20:
        raise WrongResult(f"{who.name}: {len(rows)} effects of {count + 20} orders")
    return {
        **{name: figures.percentile(steady, share) / 1e3 for name, share in SHARES}, "max": steady[-1] / 1e3,
        "worker_cpu_percent": 100 * meter.cpu_between("worker", started, ended) / (ended - started),
        "postgres_cpu_percent": 100 * meter.cpu_between("postgres", started, ended) / (ended - started),
    }


def measure(options):
    names = [n for n in (options.only or DEFAULT_NAMES) if n != "python-each"]
    everyone = contender.available(names) + [LINGER]
    runs = {who.name: [] for who in everyone}
    with Stage(postgres_settings={"track_commit_timestamp": "on"}) as stage:
        if not options.small:
            run(stage, contender.ONCED, SECONDS)  # the broker's compiler warms up
        for _ in range(options.pairs):
            for who in everyone:
                runs[who.name].append(run(stage, who, SMALL_SECONDS if options.small else SECONDS))
                print(f"  {who.name}: p99 {runs[who.name][-1]['p99']:.2f} ms", file=sys.stderr)
    keys = list(next(iter(runs.values()))[0])
    return {
        "per_second": PER_SECOND, "words": {w.name: w.words for w in everyone}, "runs": runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in keys} for n, of in runs.items()},
    }


def show(result):
    keys = ["p50", "p90", "p99", "p999", "max", "worker_cpu_percent", "postgres_cpu_percent"]
    return figures.table(["contender", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms", "worker CPU %", "Postgres CPU %"],
                         [[n, *(figures.text(s[k]) for k in keys)] for n, s in result["summary"].items()])


def charts(result):
    return {"latency": chart.bars("99 of 100 orders are committed within (less is better)", "ms",
                                  [(result["words"][n], s["p99"]) for n, s in result["summary"].items()])}
