"""
transactional - what Kafka transactions cost the forward handler, by the size of a batch

Without them each of 16 lanes waits for the acknowledgement of its own record; with them the only lane
writes a batch, waits for all of it, and commits it with its offsets. Every run has to have written each
record once, as a read_committed reader sees it.
"""

import sys

from . import chart, contender, figures, noop
from .contender import Entry
from .meter import Meter
from .run import WrongResult
from .stage import Stage

TITLE = "Forwarding in Kafka transactions"
DEFAULT_COUNT, SMALL_COUNT = 200_000, 1_000
VARIANTS = {
    "plain, 16 lanes": {},
    "plain, order of keys": {"ordering": "key"},
    "transactions of 50": {"transactional": "yes", "batch.max": 50},
    "transactions of 500": {"transactional": "yes", "batch.max": 500},
    "transactions of 5000": {"transactional": "yes", "batch.max": 5000},
}


def forward(stage, work, consumer):
    target = stage.new_topic("forwarded")
    entry = Entry(stage, contender.ONCED, work.topic, None, sections={
        "onced": {"log.level": "warning"}, "consumer c": consumer,
        "handler effect": {"type": "forward", "topic": target, "statement": None}})
    try:
        with Meter({"worker": entry.pid}, "worker") as meter:
            span = noop.watch(entry, work.count)
        entry.stop()
    finally:
        entry.close()
    written = len(stage.kafka.read(target, seconds=300))
    stage.kafka.delete_topic(target)
    if written != work.count:
        raise WrongResult(f"{written} of {work.count} records are in the target")
    seconds = max(span["end"] - span["start"], 0.02)
    return {"per_second": (span["records"] or work.count) / seconds,
            "cpu_per_million": meter.cpu_between("worker", 0, span["end"]) * 1e6 / work.count}


def measure(options):
    runs = {label: [] for label in VARIANTS}
    with Stage(has_database=False) as stage:
        work = stage.orders(options.count)
        if not options.small:
            forward(stage, work, VARIANTS["transactions of 500"])
        for number in range(options.pairs):
            labels = list(VARIANTS) if number % 2 == 0 else list(reversed(VARIANTS))
            for label in labels:
                runs[label].append(forward(stage, work, VARIANTS[label]))
                print(f"  {label}: {figures.number(runs[label][-1]['per_second'])} msg/s", file=sys.stderr)
    return {
        "count": work.count, "runs": runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in of[0]} for n, of in runs.items()},
    }


def show(result):
    return figures.table(["forward", "msg/s", "CPU s/M"], [
        [n, *(figures.text(s[k]) for k in ("per_second", "cpu_per_million"))] for n, s in result["summary"].items()])


def charts(result):
    return {"transactional": chart.bars("Records forwarded per second (more is better)", "msg/s", [
        (n, s["per_second"]) for n, s in result["summary"].items()])}
