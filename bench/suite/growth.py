"""
growth - the same backlog on 1, 4 and 64 partitions, worked by 1, 2 and 4 worker processes
"""

import dataclasses
import sys

from . import chart, contender, figures
from .run import run
from .stage import Stage

TITLE = "Partitions and workers"
PARTITIONS = [1, 4, 64]
WORKERS = [1, 2, 4]
DEFAULT_COUNT, SMALL_COUNT = 300_000, 2_000


def measure(options):
    runs = {}
    with Stage() as stage:
        if not options.small:
            run(stage, contender.ONCED, stage.orders(options.count))  # the broker's compiler warms up
        for _ in range(options.pairs):
            for partitions in PARTITIONS:
                work = stage.orders(options.count, partitions)
                for workers in WORKERS:
                    result = run(stage, contender.ONCED, work, sections={"consumer c": {"workers": workers}})
                    runs.setdefault(f"{partitions}/{workers}", []).append(dataclasses.asdict(result))
                    print(f"  {partitions} partitions, {workers} workers: {figures.number(result.per_second)} msg/s",
                          file=sys.stderr)
    return {
        "count": options.count, "runs": runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in ("per_second", "rss_mb")}
                    for n, of in runs.items()},
    }


def show(result):
    return figures.table(["partitions", *(f"{w} workers" for w in WORKERS)], [
        [p, *(figures.text(result["summary"][f"{p}/{w}"]["per_second"]) for w in WORKERS)] for p in PARTITIONS])


def _count(number, word):
    return f"{number} {word}{'s' if number > 1 else ''}"


def charts(result):
    def medians(partitions):
        return [result["summary"][f"{partitions}/{w}"]["per_second"]["median"] for w in WORKERS]
    series = [(f"onced, {_count(p, 'partition')}", medians(p)) for p in PARTITIONS]
    ticks = [_count(w, "worker") for w in WORKERS]
    return {"growth": chart.steps("Orders per second by workers", "msg/s", ticks, series)}
