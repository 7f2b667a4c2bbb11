"""
idle - members of a group with nothing to do: CPU and memory

Each waits until its group stands, settles for a few seconds, and is then watched.
"""

import os
import sys
import time

from confluent_kafka import KafkaException

from support.process import children_of

from . import chart, contender, figures
from .contender import Entry
from .meter import cpu_seconds, rss_bytes
from .stage import COORDINATOR_COMES, Stage

TITLE = "Idle"
SECONDS, SMALL_SECONDS = 45, 3
SETTLE_SECONDS = 5
DEFAULT_NAMES = ["onced", "limit", "go", "python"]


def switches(pid):
    """Wake-ups so far of a process, all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            total += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return total


def assigned(stage, group):
    """Partitions that members of the group own; none while a new broker makes the offsets topic."""
    try:
        return sum(len(owned) for _, owned in stage.kafka.describe_group(group)[1].values())
    except KafkaException as error:
        if error.args[0].code() not in COORDINATOR_COMES:
            raise
        return 0


def run(stage, who, seconds):
    topic = stage.new_topic("idle")
    database = stage.fresh_database()
    entry = Entry(stage, who, topic, database)
    try:
        deadline = time.monotonic() + 60
        while assigned(stage, entry.group) < 4:
            entry.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{who.name} did not join its group")
            time.sleep(0.1)
        time.sleep(SETTLE_SECONDS)
        pids = [entry.pid, *children_of(entry.pid)]
        cpu, woken, started = sum(map(cpu_seconds, pids)), sum(map(switches, pids)), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - started
        result = {"cpu_percent": 100 * (sum(map(cpu_seconds, pids)) - cpu) / took,
                  "wakes_per_second": (sum(map(switches, pids)) - woken) / took,
                  "rss_mb": sum(map(rss_bytes, pids)) / 1e6, "process_rss_mb": max(map(rss_bytes, pids)) / 1e6}
        entry.stop()
    finally:
        entry.close()
        stage.drop_database(database)
    return result


def measure(options):
    names = [n for n in (options.only or DEFAULT_NAMES) if n != "python-each"]
    runs = {}
    with Stage() as stage:
        for who in contender.available(names):
            # one look says enough: nothing competes
            runs[who.name] = [run(stage, who, SMALL_SECONDS if options.small else SECONDS)]
            print(f"  {who.name}: {runs[who.name][0]['cpu_percent']:.2f} %", file=sys.stderr)
    return {
        "words": {n: contender.ALL[n].words for n in runs}, "runs": runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in of[0]} for n, of in runs.items()},
    }


def show(result):
    return figures.table(["contender", "CPU % of a core", "wake-ups/s", "RSS MB, all", "RSS MB, largest"], [
        [n, *(figures.number(s[k]["median"]) for k in ("cpu_percent", "wakes_per_second", "rss_mb", "process_rss_mb"))]
        for n, s in result["summary"].items()])


def charts(result):
    return {"idle": chart.bars("Memory while idle, largest process (less is better)", "MB",
                               [(result["words"][n], s["process_rss_mb"]) for n, s in result["summary"].items()])}
