"""
throughput - a backlog of orders, onced beside each rival in turn

A pair is two runs next to each other in time, in alternating order; ratios are taken within pairs, so
that a busy neighbour of the machine falls out.
"""

import dataclasses
import sys

from . import chart, contender, figures
from .run import run
from .stage import Stage

TITLE = "Draining a backlog"
DEFAULT_COUNT = 300_000
SMALL_COUNT = 4_000
SHOWN = [
    ("per_second", "msg/s"), ("worker_cpu_per_million", "worker CPU s/M"),
    ("postgres_cpu_per_million", "Postgres CPU s/M"), ("rss_mb", "RSS MB, all its processes"),
    ("process_rss_mb", "RSS MB, largest"),
]


def one(stage, who, count):
    result = run(stage, who, stage.orders(max(100, int(count * who.share))))
    print(f"  {who.name}: {figures.number(result.per_second)} msg/s", file=sys.stderr)
    return dataclasses.asdict(result)


def pair(stage, number, rival, count):
    """(onced, rival), whoever ran first."""
    both = [contender.ONCED, rival] if number % 2 == 0 else [rival, contender.ONCED]
    results = {who.name: one(stage, who, count) for who in both}
    return results["onced"], results[rival.name]


def measure(options):
    rivals = [who for who in contender.available(options.only or contender.ALL) if who is not contender.ONCED]
    runs = {"onced": []}
    pairs = {}
    with Stage() as stage:
        if not options.small:
            one(stage, contender.ONCED, options.count)  # the broker's compiler warms up
        for number in range(options.pairs):
            for rival in rivals:
                own, other = pair(stage, number, rival, options.count)
                runs["onced"].append(own)
                runs.setdefault(rival.name, []).append(other)
                pairs.setdefault(rival.name, []).append((own["per_second"], other["per_second"]))
        if not rivals:
            runs["onced"] = [one(stage, contender.ONCED, options.count) for _ in range(options.pairs)]
        value_bytes = stage.orders(options.count).value_bytes
    return {
        "count": options.count, "value_bytes": value_bytes, "words": {n: contender.ALL[n].words for n in runs},
        "summary": {name: {key: figures.spread([r[key] for r in of]) for key, _ in SHOWN} for name, of in runs.items()},
        "ratios": {name: figures.ratios(of) for name, of in pairs.items()},
        "runs": runs,
    }


def show(result):
    names = list(result["summary"])
    rows = [[name, *(figures.text(result["summary"][name][key]) for key, _ in SHOWN),
             figures.text(result["ratios"][name]) if name in result["ratios"] else "-"] for name in names]
    return figures.table(["contender", *(words for _, words in SHOWN), "onced / it"], rows)


def charts(result):
    def bars(key):
        return [(result["words"][n], s[key]) for n, s in result["summary"].items()]
    return {
        "throughput": chart.bars("Orders applied per second (more is better)", "msg/s", bars("per_second")),
        "worker-cpu": chart.bars("CPU of the worker per million orders (less is better)", "CPU seconds",
                                 bars("worker_cpu_per_million")),
        "memory": chart.bars("Peak memory under backlog, all processes (less is better)", "MB", bars("rss_mb")),
    }
