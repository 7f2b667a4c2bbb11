"""
redis - dedup in Redis with an effect that is nothing: what leases and marks cost

onced runs with the log handler at a log level that writes nothing, orders as they are; each run has a
Redis of its own. Beside it the loop that asks Redis once for each message and loses events when it
dies. Every run must have told each id apart: as many new ones as there are.
"""

import json
import subprocess
import sys
import time

from scenario import control
from support.redis_server import PASSWORD, USER, Redis

from . import chart, contender, figures
from .contender import Entry
from .meter import Meter
from .noop import watch
from .run import WrongResult
from .stage import Stage

TITLE = "Dedup in Redis"
COUNT, SMALL_COUNT = 2_000_000, 20_000
EACH_SHARE = 0.05  # the slow loop gets less


def sections(redis):
    return {"onced": {"store": redis.url(), "store.user": USER, "store.password": PASSWORD,
                      "log.level": "warning"},
            "handler effect": {"type": "log", "statement": None}}


def expect(name, found, wanted):
    if found != wanted:
        raise WrongResult(f"{name}: {found} ids were new, {wanted} there are")


def run_onced(stage, work):
    redis = Redis().start()
    entry = Entry(stage, contender.ONCED, work.topic, None, sections=sections(redis))
    try:
        with Meter({"worker": entry.pid, "redis": redis.process.pid}, "worker") as meter:
            span = watch(entry, work.count)
        metrics = control.metrics(entry.onced.socket)
        expect("onced", int(metrics.sum("onced_records_settled_total", result="done")), work.unique)
        entry.stop()
    finally:
        entry.close()
        redis.close()
    seconds = max(span["end"] - span["start"], 0.02)
    return {"per_second": (span["records"] or work.count) / seconds,
            "cpu_per_million": meter.cpu_between("worker", 0, span["end"]) * 1e6 / work.count,
            "redis_cpu_per_million": meter.cpu_between("redis", 0, span["end"]) * 1e6 / work.count}


def run_each(stage, work):
    redis = Redis(rights="~* +@all").start()
    try:
        process = subprocess.Popen(
            [sys.executable, str(contender.HERE / "python" / "redis_each.py")], stdout=subprocess.PIPE, text=True,
            env={"BENCH_KAFKA": stage.kafka.bootstrap, "BENCH_TOPIC": work.topic,
                 "BENCH_GROUP": stage.new_group("redis-each"), "BENCH_COUNT": str(work.count),
                 "BENCH_REDIS": str(redis.port), "BENCH_LOGIN": f"{USER}:{PASSWORD}"})
        with Meter({"worker": process.pid, "redis": redis.process.pid}, "worker") as meter:
            output, _ = process.communicate(timeout=300)
            end = time.time()
        if process.returncode != 0:
            raise RuntimeError(f"redis_each ended with {process.returncode}")
    finally:
        redis.close()
    answer = json.loads(output)
    expect("redis_each", answer["new"], work.unique)
    return {"per_second": answer["records"] / max(answer["seconds"], 1e-6),
            "cpu_per_million": meter.cpu_between("worker", 0, meter.last_alive("worker")) * 1e6 / work.count,
            "redis_cpu_per_million": meter.cpu_between("redis", 0, end) * 1e6 / work.count}


def measure(options):
    runs = {"onced": [], "each": []}
    count = options.count or (SMALL_COUNT if options.small else COUNT)
    with Stage(has_database=False) as stage:
        work = stage.orders(count)
        few = stage.orders(max(int(count * EACH_SHARE), 2000))
        for _ in range(options.pairs):
            runs["onced"].append(run_onced(stage, work))
            runs["each"].append(run_each(stage, few))
            print(f"  onced {figures.number(runs['onced'][-1]['per_second'])},"
                  f" each {figures.number(runs['each'][-1]['per_second'])} msg/s", file=sys.stderr)
    return {
        "count": work.count, "runs": runs,
        "words": {"onced": "onced, leases and marks, two lanes", "each": "Python, SET NX once a message"},
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in of[0]} for n, of in runs.items()},
        "ratio": figures.ratios([(a["per_second"], b["per_second"]) for a, b in zip(runs["onced"], runs["each"])]),
    }


def show(result):
    keys = ("per_second", "cpu_per_million", "redis_cpu_per_million")
    table = figures.table(["contender", "msg/s", "CPU s/M", "Redis CPU s/M"], [
        [n, *(figures.text(s[k]) for k in keys)] for n, s in result["summary"].items()])
    return f"{table}\n\nonced / once a message: {figures.text(result['ratio'])}"


def charts(result):
    return {"redis": chart.bars("Records per second with dedup in Redis (more is better)", "msg/s",
                                [(result["words"][n], s["per_second"]) for n, s in result["summary"].items()])}
