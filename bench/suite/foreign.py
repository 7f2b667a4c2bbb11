"""
foreign - exec and http handlers whose effect takes 5 ms, beside the loop that a user would write

Child and target are C programs that cost next to nothing (bench/foreign); each effect is a record of
24 bytes in a file: order number, when it was placed, when it was made. Rates and delays are taken
from there, CPU from the clocks of onced's own processes, children apart. While one event takes its
full timeout, others flow at half of what the lanes could do, and their delays are held against those
of the seconds before.
"""

import os
import pathlib
import random
import struct
import subprocess
import sys
import time

from support.process import children_of, die_with_parent, free_port, wait_for

from . import chart, contender, figures, workload
from .contender import Entry
from .run import WrongResult
from .stage import BUILD, Stage

TITLE = "Effects elsewhere: 5 ms each, by exec and http"
TAKES_SECONDS = 0.005
PLACES = [(kind, store) for kind in ("exec", "http") for store in ("none", "postgres")]
SMALL_PLACES = [("exec", "postgres"), ("http", "none")]
LANES, SMALL_LANES = [1, 8, 64], [8]
PARTITIONS = 4
# Records of a run, some seconds of work; {"python": of the loop}.
COUNTS = {1: 1_000, 8: 6_000, 64: 40_000, "python": 800}
SMALL_COUNTS = {8: 200, "python": 60}
# What one event that is not answered does to others.
STUCK_LANES = 8
STUCK_PER_SECOND = 800
STUCK_SECONDS, SMALL_STUCK_SECONDS = 4, 1
RECORD = struct.Struct("=QQQ")
COMMAND = BUILD / "bench" / "foreign-child"


# ---- effects and CPU ----

class Effects:
    """The file that child or target writes."""

    def __init__(self, path):
        self.path = path

    def count(self):
        return self.path.stat().st_size // RECORD.size if self.path.exists() else 0

    def all(self):
        """(number, placed_us, done_us) in the order in which they were made."""
        return list(RECORD.iter_unpack(self.path.read_bytes()))


def cpu_clock_seconds(pid):
    """CPU of one process, all its threads, to the nanosecond; children not included."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def own_cpu_seconds(entry):
    """Of the contender's processes, without those that make the effects."""
    pids = [p for p in [entry.pid, *children_of(entry.pid)] if _program(p) != COMMAND.name]
    return sum(map(cpu_clock_seconds, pids))


def _program(pid):
    try:
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return None


def machine_seconds():
    """(busy, all) of all cores so far."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


class Moment:
    def __init__(self, entry, effects):
        self.count = effects.count()
        self.at = time.monotonic()
        self.cpu = own_cpu_seconds(entry)
        self.busy, self.all = machine_seconds()


# ---- who does it ----

class Target:
    """The HTTP service of one run; nothing for exec."""

    def __init__(self, kind, effects):
        self.port = free_port() if kind == "http" else None
        self.process = None
        if kind == "http":
            self.process = subprocess.Popen(
                [str(BUILD / "bench" / "foreign-target"), str(self.port)], preexec_fn=die_with_parent,
                env={**os.environ, "BENCH_EFFECTS": str(effects.path)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/orders"


def onced(kind, lanes, effects, target, timeout_seconds):
    handler = {"statement": None, "type": kind, "timeout": f"{timeout_seconds}s"}
    if kind == "exec":
        handler.update({"command": COMMAND, "env.BENCH_EFFECTS": effects.path})
    else:
        handler.update({"url": target.url})
    return contender.Contender(
        f"onced-{kind}-{lanes}", "", contender.OWN_CLAIMS,
        sections={"consumer c": {"ordering": "key", "lanes": lanes}, "handler effect": handler})


def python(kind, store, effects, target):
    return contender.Contender(
        f"python-{kind}", "", contender.PLAIN_CLAIMS, (sys.executable, str(contender.HERE / "python" / "foreign.py")),
        (("BENCH_KIND", kind), ("BENCH_EFFECTS", str(effects.path)), ("BENCH_COMMAND", str(COMMAND)),
         ("BENCH_URL", target.url), ("BENCH_STORE", "1" if store == "postgres" else "")))


class Run:
    """One contender at work on a topic of its own, with a fresh database if it has one."""

    def __init__(self, stage, who, kind, store, timeout_seconds=20):
        self._stage = stage
        self.label = f"{who}, {kind}, {store}"
        directory = stage.directory / stage.new_group("effects")
        directory.mkdir()
        self.effects = Effects(directory / "effects")
        self.topic = stage.new_topic("foreign", PARTITIONS)
        self.made = 0
        self._database = stage.fresh_database() if store == "postgres" else None
        self._target = Target(kind, self.effects)
        self._contender = python(kind, store, self.effects, self._target) if who == "python" else onced(
            kind, who, self.effects, self._target, timeout_seconds)
        self.entry = None

    def __enter__(self):
        return self

    def start(self):
        self.entry = Entry(self._stage, self._contender, self.topic, self._database)

    def __exit__(self, *_):
        if self.entry:
            self.entry.close()
        self._target.__exit__()
        if self._database:
            self._stage.drop_database(self._database)

    def fill(self, count):
        sender = workload.producer(self._stage.kafka.bootstrap, **{"linger.ms": 50})
        chance = random.Random(5)
        for number in range(count):
            self._send(sender, *workload.envelope(chance, number, placed_us=1))
        workload.flush(sender)

    def _send(self, sender, key, value):
        workload.send(sender, self.topic, workload.partition_of(key, PARTITIONS), key, value)
        self.made += 1

    def pace(self, seconds, seed, is_one_stuck=False):
        """Orders at a steady rate, the first of them perhaps one that is not answered."""
        sender = workload.producer(self._stage.kafka.bootstrap, **{"linger.ms": 0})
        chance = random.Random(seed)
        started = time.monotonic()
        for n in range(int(seconds * STUCK_PER_SECOND)):
            time.sleep(max(0.0, started + n / STUCK_PER_SECOND - time.monotonic()))
            key, value = workload.envelope(chance, self.made, placed_us=time.time_ns() // 1000)
            if is_one_stuck and n == 0:
                key, value = b"stuck", value.replace(b'"note":', b'"stuck":true,"note":')
            self._send(sender, key, value)
            sender.poll(0)
        workload.flush(sender)

    def wait_effects(self, count, seconds):
        def are_there():
            self.entry.must_run()
            return self.effects.count() >= count
        wait_for(are_there, seconds, f"{count} effects of {self.label}", every=0.01)

    def finish(self):
        """Hold it to what must be there; the effects."""
        self._stage.wait_committed(self.entry.group, self.topic, self.entry.must_run, 60)
        self.entry.stop()
        made = self.effects.all()
        if sorted(number for number, *_ in made) != list(range(self.made)):
            raise WrongResult(f"{self.label}: {len(made)} effects of {len({n for n, *_ in made})} orders, must be"
                              f" {self.made}")
        return made


def throughput(stage, who, kind, store, count):
    """Between the moments at which two and nine tenths of the effects were made."""
    with Run(stage, who, kind, store) as run:
        run.fill(count)
        run.start()
        run.wait_effects(count // 5, 60)
        start = Moment(run.entry, run.effects)
        run.wait_effects(count * 9 // 10, 120)
        end = Moment(run.entry, run.effects)
        run.finish()
    seconds, effects = end.at - start.at, end.count - start.count
    lanes = 1 if who == "python" else who
    return {"per_second": effects / seconds, "share_percent": 100 * effects / seconds / (lanes / TAKES_SECONDS),
            "cpu_us": 1e6 * (end.cpu - start.cpu) / effects,
            "core_percent": 100 * (end.cpu - start.cpu) / seconds,
            "machine_percent": 100 * (end.busy - start.busy) / max(end.all - start.all, 1)}


def delays_ms(effects, numbers):
    return sorted((done - placed) / 1e3 for number, placed, done in effects if number in numbers)


def stuck(stage, kind, store, seconds):
    """p99 of others' delays before, and while one event takes its full timeout."""
    with Run(stage, STUCK_LANES, kind, store, timeout_seconds=seconds) as run:
        run.start()
        run.pace(1, 1)
        run.wait_effects(run.made, 60)
        run.pace(1, 2)  # connections are open, children are there
        first = run.made
        run.pace(seconds, 3)
        middle = run.made
        run.pace(seconds, 4, is_one_stuck=True)
        end = run.made
        effects = run.finish()
    before = delays_ms(effects, range(first, middle))
    during = delays_ms(effects, range(middle + 1, end))
    took = delays_ms(effects, [middle])[0] / 1e3
    if took < seconds:
        raise WrongResult(f"{run.label}: the event that was to be stuck took {took:.1f} s")
    return {"before": figures.percentile(before, 0.99), "during": figures.percentile(during, 0.99)}


# ---- all of it ----

def measure(options):
    lanes_wanted, counts = (SMALL_LANES, SMALL_COUNTS) if options.small else (LANES, COUNTS)
    stuck_seconds = SMALL_STUCK_SECONDS if options.small else STUCK_SECONDS
    runs, pairs, stuck_runs = {}, {}, {}
    with Stage() as stage:
        for _ in range(options.pairs):
            for kind, store in SMALL_PLACES if options.small else PLACES:
                results = {}
                for who in ["python", *lanes_wanted]:
                    results[who] = throughput(stage, who, kind, store, counts[who])
                    runs.setdefault(f"{kind} {store} {who}", []).append(results[who])
                    print(f"  {kind} {store} {who}: {results[who]['per_second']:.0f}/s,"
                          f" {results[who]['cpu_us']:.0f} us", file=sys.stderr)
                for lanes in lanes_wanted:
                    pairs.setdefault(f"{kind} {store} {lanes}", []).append(
                        (results[lanes]["cpu_us"], results["python"]["cpu_us"]))
                found = stuck(stage, kind, store, stuck_seconds)
                stuck_runs.setdefault(f"{kind} {store}", []).append(found)
                print(f"  {kind} {store}: p99 {found['before']:.1f} ms, {found['during']:.1f} ms beside one that is stuck",
                      file=sys.stderr)
    return {
        "counts": {str(who): count for who, count in counts.items()}, "runs": runs, "stuck_runs": stuck_runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in of[0]} for n, of in runs.items()},
        "cpu_ratios": {n: figures.ratios(of) for n, of in pairs.items()},
        "stuck": {n: {**{k: figures.spread([r[k] for r in of]) for k in of[0]},
                      "ratio": figures.ratios([(r["during"], r["before"]) for r in of])}
                  for n, of in stuck_runs.items()},
    }


def show(result):
    keys = ["per_second", "share_percent", "cpu_us", "core_percent", "machine_percent"]
    rows = []
    for name, summary in result["summary"].items():
        kind, store, who = name.split()
        share = result["cpu_ratios"].get(name)
        rows.append([kind, store, "Python loop" if who == "python" else f"onced, {who} lane{'s'[:who != '1']}",
                     *(figures.text(summary[k]) for k in keys), figures.text(share) if share else "-"])
    first = figures.table(["handler", "store", "contender", "events/s", "% of lanes / 5 ms", "own CPU us/event",
                           "own CPU, % of a core", "machine busy %", "CPU, onced / Python"], rows)
    second = figures.table(["handler", "store", "p99 ms before", "p99 ms beside a stuck event", "ratio"], [
        [*name.split(), *(figures.text(of[k]) for k in ("before", "during", "ratio"))]
        for name, of in result["stuck"].items()])
    return f"{first}\n\n{second}"


def charts(result):
    def words(name):
        kind, store, who = name.split()
        who = "Python loop" if who == "python" else f"onced, {who} lane{'s'[:who != '1']}"
        return f"{who}, {kind}, {'Postgres' if store == 'postgres' else 'no store'}"
    return {
        "foreign": chart.bars("Events per second whose effect takes 5 ms (more is better)", "/s", [
            (words(n), s["per_second"]) for n, s in result["summary"].items()]),
        "foreign-cpu": chart.bars("CPU per event, without what makes the effect (less is better)", "us", [
            (words(n), s["cpu_us"]) for n, s in result["summary"].items()]),
    }
