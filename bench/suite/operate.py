"""
operate - what an operator's verbs cost the records: drain, rolling restart, reload, an outage, a crowd

Everything is judged by what the database holds: claims carry the time at which their transaction
began, so that a standstill is a gap between them, and a repeat is a duplicate onced counted itself.
Each figure has its bound; one that is over it is shown, and a repeat, a loss or a dead letter is a
wrong result.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time

from scenario.crowd import Crowd
from support.process import free_port

from . import chart, contender, figures, workload
from .contender import Entry
from .latency import wait_working
from .run import WrongResult
from .stage import BUILD, Stage

TITLE = "Verbs in the middle of the work"
DEFAULT_COUNT, SMALL_COUNT = 1_000_000, 5_000
PER_SECOND = 2_000
IN_HAND_SECONDS = 0.5
AWAY_SECONDS, SMALL_AWAY_SECONDS = 60, 6
CALM_SECONDS = 5
CONNECTIONS = 1_000
# Bounds: of seconds at most, of shares at least.
BOUNDS = {"drain": IN_HAND_SECONDS + 1, "restart": 1.0, "reload": 1.0, "reload-share": 0.9, "away": 2.0, "crowd-share": 0.9}
WORDS = {
    "drain": f"drain of a busy consumer, {IN_HAND_SECONDS} s in hand, s",
    "restart": "rolling restart: longest standstill of a partition, s",
    "reload": "reload of one consumer: longest standstill of the other, s",
    "reload-share": "reload of one consumer: the other's rate, share of what came",
    "away": "database away: from its return to the next effect, s",
    "crowd-share": f"rate among {CONNECTIONS} hostile connections, share of undisturbed",
}

# So slow is an effect: what is in hand takes its time.
SLOW = f"""
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({IN_HAND_SECONDS}); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION slow()"""
CLAIMS = "onced.events e WHERE e.scope = %s"
# The moments of the window belong to it: what stands at its end counts.
GAP = f"""
SELECT coalesce(max(gap), 0)::float8 FROM (
    SELECT extract(epoch FROM e.at - lag(e.at) OVER (PARTITION BY e.partition ORDER BY e.at)) AS gap, e.at FROM {CLAIMS}
) gaps WHERE at BETWEEN to_timestamp(%s) AND to_timestamp(%s)"""
COUNT = f"SELECT count(*) FROM {CLAIMS} AND at >= to_timestamp(%s) AND at < to_timestamp(%s)"

# What came meanwhile, by the moment at which it was handed to the producer.
OFFERED = "SELECT count(DISTINCT event_id) FROM orders WHERE placed_us >= %s AND placed_us < %s"


@contextlib.contextmanager
def entry_on(stage, topic, sections=None, schema=None):
    """onced at work on a fresh database, and gone afterwards."""
    database = stage.fresh_database()
    if schema:
        stage.postgres.execute(schema, database=database)
    entry = Entry(stage, contender.ONCED, topic, database, sections=sections)
    try:
        yield entry
    finally:
        entry.close()
        stage.drop_database(database)


def query(stage, entry, sql, *parameters):
    return stage.postgres.execute(sql, parameters, entry.database)[0][0]


def oncectl(entry, *words):
    """Seconds it took, and its answer."""
    began = time.monotonic()
    done = subprocess.run([str(BUILD / "oncectl"), "--socket", str(entry.onced.socket), "--json", *words],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"oncectl {' '.join(words)}: {done.returncode} {done.stderr}")
    return time.monotonic() - began, json.loads(done.stdout)


class Load:
    """Orders at a steady rate in a thread, until it is told to end."""

    def __init__(self, stage, topic):
        self._arguments = (stage.kafka, topic, 4, PER_SECOND, 3600)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        workload.pace(*self._arguments, while_running=lambda: not self._over.is_set())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def check_end(stage, entry, consumers=1):
    """All is settled, once, and none is a dead letter."""
    stage.wait_committed(entry.group, entry.topic, entry.must_run, 120)
    metrics = entry.onced.metrics()
    duplicates = metrics.sum("onced_records_settled_total", consumer="c", result="duplicate")
    letters = sum(stage.kafka.end_offsets(entry.dlq).values())
    effects, ids = stage.postgres.execute("SELECT count(*), count(DISTINCT event_id) FROM orders", database=entry.database)[0]
    records = sum(stage.kafka.end_offsets(entry.topic).values())
    if duplicates or letters or ids != records or effects != consumers * records:
        raise WrongResult(f"{entry.topic}: {records} records, {ids} ids, {effects} effects, {duplicates:.0f} repeated, "
                          f"{letters} dead letters")
    entry.stop()


# ---- the measurements: each gives {name: figure} ----

def drain(stage, _options):
    topic = stage.new_topic("drain")
    workload.pace(stage.kafka, topic, 4, 100, 1)
    with entry_on(stage, topic, {"consumer c": {"batch.max": 1, "lanes": 4}}, SLOW) as entry:
        deadline = time.monotonic() + 60
        while query(stage, entry, "SELECT count(*) FROM orders") < 8:
            entry.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError("nothing was applied")
            time.sleep(0.1)
        took, said = oncectl(entry, "drain", "c", "--wait", "--timeout", "60s")
        effects = query(stage, entry, "SELECT count(*) FROM orders")
        committed = sum(stage.committed(entry.group, topic).values())
        if said["state"] != "done" or committed != effects:
            raise WrongResult(f"drained with {effects} effects and {committed} records committed")
        stage.postgres.execute("DROP TRIGGER slow ON orders", database=entry.database)
        oncectl(entry, "resume", "c")
        check_end(stage, entry)
    return {"drain": took}


def restart(stage, _options):
    topic = stage.new_topic("restart")
    with entry_on(stage, topic, {"consumer c": {"workers": 2}}) as entry:
        wait_working(stage, entry, topic)
        with Load(stage, topic):
            time.sleep(CALM_SECONDS)
            began = time.time()
            oncectl(entry, "restart", "c", "--wait", "--timeout", "120s")
            time.sleep(2)
            ended = time.time()
        gap = query(stage, entry, GAP, "c", began, ended)
        check_end(stage, entry)
    return {"restart": gap}


def reload(stage, _options):
    topic = stage.new_topic("reload")
    other = {"topics": topic, "group.id": stage.new_group("other"), "handler": "effect", "dlq.topic": "none"}
    with entry_on(stage, topic, {"consumer other": other}) as entry:
        wait_working(stage, entry, topic)
        stage.wait_committed(other["group.id"], topic, entry.must_run, 60)
        with Load(stage, topic):
            time.sleep(CALM_SECONDS)
            entry.onced.sections["consumer c"]["batch.max"] = 200
            entry.onced.write_config()
            began = time.time()
            _, said = oncectl(entry, "reload", "--wait", "--timeout", "120s")
            time.sleep(2)
            ended = time.time()
        actions = {consumer["name"]: consumer["action"] for consumer in said["consumers"]}
        if actions != {"c": "rolled", "other": "unchanged"}:
            raise WrongResult(f"the reload did {actions}")
        gap = query(stage, entry, GAP, "other", began, ended)
        stage.wait_committed(other["group.id"], topic, entry.must_run, 120)
        applied = query(stage, entry, COUNT, "other", began, ended)
        offered = query(stage, entry, OFFERED, began * 1e6, ended * 1e6)
        check_end(stage, entry, consumers=2)
    return {"reload": gap, "reload-share": applied / offered}


def away(stage, options):
    topic = stage.new_topic("away")
    with entry_on(stage, topic) as entry:
        wait_working(stage, entry, topic)
        with Load(stage, topic):
            time.sleep(CALM_SECONDS)
            stage.postgres.stop()
            time.sleep(SMALL_AWAY_SECONDS if options.small else AWAY_SECONDS)
            stage.postgres.start()
            back = time.time()
            while not query(stage, entry, COUNT, "c", back - 1, back + 3600):
                entry.must_run()
                time.sleep(0.05)
        first = query(stage, entry, f"SELECT extract(epoch FROM min(at))::float8 FROM {CLAIMS} AND at > to_timestamp(%s)",
                      "c", back - 1)
        check_end(stage, entry)
    return {"away": max(first - back, 0)}


def rate(stage, work, is_crowded):
    port = free_port()
    with entry_on(stage, work.topic, {"onced": {"http.listen": f"127.0.0.1:{port}"}}) as entry:
        entry.onced.wait_until(entry.onced.socket.exists, 30, "the control socket is there")
        crowd = Crowd([("127.0.0.1", port), entry.onced.socket], CONNECTIONS, per_second=20)
        with crowd if is_crowded else contextlib.nullcontext():
            stage.wait_committed(entry.group, work.topic, entry.must_run, 60 + work.count / 200)
        first, last, count = stage.postgres.execute(
            "SELECT extract(epoch FROM min(at))::float8, extract(epoch FROM max(at))::float8, count(*)"
            " FROM onced.processed_events", database=entry.database)[0]
        if count != work.unique:
            raise WrongResult(f"{count} claims of {work.unique} ids")
        entry.stop()
    return count / max(last - first, 1e-3)


def crowd_share(stage, options):
    work = stage.orders(options.count)
    alone, crowded = rate(stage, work, False), rate(stage, work, True)
    print(f"  {figures.number(alone)}/s alone, {figures.number(crowded)}/s in the crowd", file=sys.stderr)
    return {"crowd-share": crowded / alone}


STEPS = (drain, restart, reload, away, crowd_share)


def measure(options):
    seen = {name: [] for name in BOUNDS}
    with Stage() as stage:
        for step in STEPS:
            # an outage takes its minute: once is enough
            for _ in range(1 if step is away else options.pairs):
                for name, figure in step(stage, options).items():
                    seen[name].append(figure)
                    print(f"  {WORDS[name]}: {figure:.3f}", file=sys.stderr)
    return {"runs": seen, "bounds": BOUNDS, "words": WORDS, "summary": {n: figures.spread(s) for n, s in seen.items()}}


def is_kept(name, figure):
    """The bound, by the worst run of seconds and the middle one of shares."""
    share = name.endswith("-share")
    return figure["median"] >= BOUNDS[name] if share else figure["high"] <= BOUNDS[name]


def show(result):
    return figures.table(["what", "measured", "bound", "kept"], [
        [WORDS[name], figures.text(figure), f"{'at least' if name.endswith('-share') else 'at most'} {BOUNDS[name]}",
         "yes" if is_kept(name, figure) else "NO"]
        for name, figure in result["summary"].items()])


def charts(result):
    return {"operate": chart.bars("From the verb to the next effect, or to its end", "s", [
        (name, figure) for name, figure in result["summary"].items() if not name.endswith("-share")])}
