"""
noop - small records, no store, an effect that is nothing: what the machinery itself costs

onced runs with `store = none:` and the log handler at a log level that writes nothing; its rate is
taken from its own counters, read every 20 ms. The bare loop counts and throws away.
"""

import json
import subprocess
import sys
import time

from scenario import control

from . import chart, contender, figures
from .contender import Entry
from .meter import Meter
from .stage import BUILD, Stage

TITLE = "Doing nothing, fast"
COUNT, SMALL_COUNT = 5_000_000, 50_000
SECTIONS = {"onced": {"log.level": "warning"}, "handler effect": {"type": "log", "statement": None}}


def settled(entry):
    try:
        return control.metrics(entry.onced.socket).sum("onced_records_settled_total")
    except control.NotReachable:
        return 0


def watch(entry, count):
    """Seconds from the first look that saw progress to the end, and the records in between."""
    first = None
    deadline = time.monotonic() + 120
    while True:
        seen, now = settled(entry), time.time()
        if seen and first is None:
            first = (seen, now)
        if seen >= count:
            return {"records": seen - first[0], "start": first[1], "end": now}
        entry.must_run()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{seen} of {count} records are settled")
        time.sleep(0.02)


def run_onced(stage, work):
    entry = Entry(stage, contender.ONCED, work.topic, None, sections=SECTIONS)
    try:
        with Meter({"worker": entry.pid}, "worker") as meter:
            span = watch(entry, work.count)
        entry.stop()
    finally:
        entry.close()
    # seen whole at the first look: the span is too short to say anything
    seconds = max(span["end"] - span["start"], 0.02)
    return {"per_second": (span["records"] or work.count) / seconds,
            "cpu_per_million": meter.cpu_between("worker", 0, span["end"]) * 1e6 / work.count,
            "rss_mb": meter.peak_rss_bytes / 1e6}


def run_bare(stage, work):
    process = subprocess.Popen(
        [str(BUILD / "bench" / "noop")], stdout=subprocess.PIPE, text=True,
        env={"BENCH_KAFKA": stage.kafka.bootstrap, "BENCH_TOPIC": work.topic, "BENCH_GROUP": stage.new_group("noop"),
             "BENCH_COUNT": str(work.count)})
    with Meter({"worker": process.pid}, "worker") as meter:
        output, _ = process.communicate(timeout=120)
    if process.returncode != 0:
        raise RuntimeError(f"noop ended with {process.returncode}")
    answer = json.loads(output)
    cpu = meter.cpu_between("worker", 0, meter.last_alive("worker"))
    return {"per_second": answer["records"] / max(answer["took_us"] / 1e6, 1e-6),
            "cpu_per_million": cpu * 1e6 / work.count, "rss_mb": meter.peak_rss_bytes / 1e6}


def measure(options):
    runs = {"onced": [], "bare": []}
    with Stage(has_database=False) as stage:
        work = stage.small_records(SMALL_COUNT if options.small else COUNT)
        if not options.small:
            run_bare(stage, work)
        for _ in range(options.pairs):
            runs["onced"].append(run_onced(stage, work))
            runs["bare"].append(run_bare(stage, work))
            print(f"  onced {figures.number(runs['onced'][-1]['per_second'])},"
                  f" bare {figures.number(runs['bare'][-1]['per_second'])} msg/s", file=sys.stderr)
    return {
        "count": work.count, "runs": runs,
        "words": {"onced": "onced, store = none:, two lanes", "bare": "bare C consumer loop"},
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in of[0]} for n, of in runs.items()},
        "ratio": figures.ratios([(a["per_second"], b["per_second"]) for a, b in zip(runs["onced"], runs["bare"])]),
    }


def show(result):
    table = figures.table(["contender", "msg/s", "CPU s/M", "RSS MB"], [
        [n, *(figures.text(s[k]) for k in ("per_second", "cpu_per_million", "rss_mb"))]
        for n, s in result["summary"].items()])
    return f"{table}\n\nonced / bare: {figures.text(result['ratio'])}"


def charts(result):
    return {"noop": chart.bars("Records per second without a store (more is better)", "msg/s",
                               [(result["words"][n], s["per_second"]) for n, s in result["summary"].items()])}
