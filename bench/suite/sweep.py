"""
sweep - a million expired ids are forgotten beside the work: what that costs it, and what a million rows take

Each pair works a backlog over the same table twice: once with dedup.retention = off, once with a retention that
lets all old rows go while the backlog is worked. CPU is that of Postgres and the worker from start until the
backlog is done and the rows are gone, so that what is swept after the last order counts, too. The goal: sweeping
adds at most a fifth to the CPU of a million claims.
"""

import sys
import time

from . import chart, contender, figures
from .contender import Entry
from .meter import Meter
from .run import WrongResult, check
from .stage import Stage

TITLE = "Sweeping a million expired ids"
DEFAULT_COUNT, SMALL_COUNT = 1_000_000, 2_000
LIMIT = 1.2  # of the CPU of a million claims, at a million swept
# Rows of a day are old, what a run makes is not.
RETENTION = {"off": "off", "sweeping": "1h"}
KEYS = ("seconds", "worker_cpu_per_million", "postgres_cpu_per_million", "cpu_per_million")


def _number(stage, database, sql):
    return float(stage.postgres.execute(sql, database=database)[0][0] or 0)


def _left(stage, database):
    return _number(stage, database,
                   "SELECT count(*) FROM onced.processed_events WHERE at < now() - interval '12 hours'")


def _let_go(stage, name, group):
    """The old rows lie below what their group committed."""
    for statement in (
            "INSERT INTO onced.topics (cluster_id, topic) VALUES ('old', 'old')",
            f"INSERT INTO onced.scopes (scope, group_id) VALUES ('c', '{group}')",
            "INSERT INTO onced.partitions_seen (group_id, topic, partition, committed)"
            f" VALUES ('{group}', 1, 0, 9000000000000)"):
        stage.postgres.execute(statement, database=name)


def _is_pass_over(stage, database):
    """Asked of the sweeper's own row: counting a million rows again and again would be most of what is measured."""
    return _number(stage, database, "SELECT count(*) FROM onced.sweeps WHERE isfinite(ended_at)") > 0


def _wait_swept(stage, entry, seconds):
    deadline = time.monotonic() + seconds
    while not _is_pass_over(stage, entry.database):
        entry.must_run()
        if time.monotonic() > deadline:
            raise WrongResult(f"{_left(stage, entry.database):.0f} expired ids are still there after {seconds:.0f} s")
        time.sleep(0.5)


def _one(stage, work, kind, rows):
    database = stage.fresh_database("old")
    group = stage.new_group(kind)
    _let_go(stage, database, group)
    began = time.time()
    entry = Entry(stage, contender.ONCED, work.topic, database, sections={
        "consumer c": {"dedup.retention": RETENTION[kind], "group.id": group}, "retry": {"deadline": "30m"}})
    entry.group = group
    trees = {"worker": entry.pid, "postgres": stage.postgres.process.pid}
    limit = 120 + (work.count + rows) / 200
    try:
        with Meter(trees, "worker") as meter:
            stage.wait_committed(group, work.topic, entry.must_run, limit)
            worked = time.time()
            if kind == "sweeping":
                _wait_swept(stage, entry, limit)
            ended = time.time()
        left = _left(stage, database)
        wanted = 0 if kind == "sweeping" else rows
        if left != wanted:
            raise WrongResult(f"{kind}: {left:.0f} expired ids are left, must be {wanted}")
        entry.stop()
        check(stage, entry, work)
    finally:
        entry.close()
        stage.drop_database(database)
    scale = 1e6 / work.count
    cpu = {name: meter.cpu_between(name, began, ended) for name in trees}
    return {"seconds": worked - began, "swept_seconds": ended - began,
            "worker_cpu_per_million": cpu["worker"] * scale, "postgres_cpu_per_million": cpu["postgres"] * scale,
            "cpu_per_million": sum(cpu.values()) * scale}


def _growth(stage, rows):
    """Bytes a row, of the table and of its index."""
    table, index = (_number(stage, "old", f"SELECT {size}('onced.processed_events')")
                    for size in ("pg_table_size", "pg_indexes_size"))
    return {"table_bytes_per_row": table / rows, "index_bytes_per_row": index / rows}


def measure(options):
    rows = options.count
    runs = {kind: [] for kind in RETENTION}
    with Stage() as stage:
        work = stage.orders(options.count)
        stage.make_old_claims("old", rows)
        growth = _growth(stage, rows)
        if not options.small:
            _one(stage, work, "off", rows)  # the broker's compiler warms up
        for number in range(options.pairs):
            for kind in (list(RETENTION) if number % 2 == 0 else reversed(list(RETENTION))):
                result = _one(stage, work, kind, rows)
                runs[kind].append(result)
                print(f"  {kind}: {result['cpu_per_million']:.2f} CPU s/M, {result['seconds']:.1f} s,"
                      f" swept after {result['swept_seconds']:.1f} s", file=sys.stderr)
    return {
        "count": options.count, "runs": runs, "growth": growth,
        "summary": {kind: {k: figures.spread([r[k] for r in of]) for k in (*KEYS, "swept_seconds")}
                    for kind, of in runs.items()},
        "ratio": figures.ratios([(hard["cpu_per_million"], plain["cpu_per_million"])
                                 for plain, hard in zip(runs["off"], runs["sweeping"])]),
    }


def show(result):
    summary = result["summary"]
    table = figures.table(
        ["dedup.retention", "worker CPU s/M", "Postgres CPU s/M", "both", "seconds", "share of off"],
        [[kind, *(figures.text(s[k]) for k in ("worker_cpu_per_million", "postgres_cpu_per_million",
                                               "cpu_per_million", "seconds")),
          figures.text(result["ratio"]) if kind == "sweeping" else "-"] for kind, s in summary.items()])
    growth = result["growth"]
    median = result["ratio"]["median"]
    verdict = "within" if median <= LIMIT else "MORE THAN"
    return (f"{table}\n\n{figures.number(result['count'])} expired ids were gone after"
            f" {figures.text(summary['sweeping']['swept_seconds'])} s from the start. A row takes"
            f" {growth['table_bytes_per_row']:.0f} bytes in the table and {growth['index_bytes_per_row']:.0f} in its"
            f" indexes. CPU grew by {100 * (median - 1):.0f} %, {verdict} the goal of {100 * (LIMIT - 1):.0f} %.")


def charts(result):
    return {"sweep": chart.bars("Sweeping beside the work", "CPU s per million", [
        (f"dedup.retention {'= off' if kind == 'off' else 'lets a million rows go'}", s["cpu_per_million"])
        for kind, s in result["summary"].items()])}
