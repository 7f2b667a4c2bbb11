"""
test_rebuild - a projection anew from the log: while events arrive, while everything is killed, beside a zombie
"""

import collections
import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from support.process import send_signal, state_of, wait_for
from . import events
from .harness import BUILD, run_tool, slowness
from .meanwhile import Meanwhile
from .rebuilding import FROM, rebuild, words_of

KEYS = 40
TABLE = "CREATE TABLE {} (k text PRIMARY KEY, total bigint NOT NULL, records bigint NOT NULL)"
APPLY = ("INSERT INTO {0} AS t (k, total, records) VALUES (:key, :payload.n, 1)"
         " ON CONFLICT (k) DO UPDATE SET total = t.total + excluded.total, records = t.records + 1")
ROWS = "SELECT k, total, records FROM {} ORDER BY k"
# TRUNCATE, and a trace of it that is outside of what it empties.
REBUILD = "TRUNCATE totals;\nINSERT INTO truncations DEFAULT VALUES;"


def changes(**consumer):
    return {"consumer c": {"workers": 2, "handler": "sum", "rebuild.sql": REBUILD, "batch.max": 50, **consumer},
            "handler effect": None,
            "handler sum": {"type": "sql", "statement": APPLY.format("totals")}}


def setup(world, partitions=4):
    world.create_topics(partitions)
    world.sql(TABLE.format("totals"))
    world.sql("CREATE TABLE truncations (at timestamptz DEFAULT clock_timestamp())")


class Source:
    """What was produced, summed up by key: the projection as it must become."""

    def __init__(self, world):
        self.world, self.count = world, 0
        self.sums = collections.defaultdict(lambda: [0, 0])

    def produce(self, count):
        for n in range(self.count, self.count + count):
            key = f"k{n % KEYS}"
            self.world.kafka.produce(self.world.topic, events.envelope(f"e{n}", n), key.encode())
            self.sums[key][0] += n
            self.sums[key][1] += 1
        self.count += count
        self.world.kafka.flush()

    def rows(self):
        return sorted((key, total, records) for key, (total, records) in self.sums.items())


class Arriving(Meanwhile):
    """New events keep coming."""

    def __init__(self, source):
        super().__init__()
        self.source = source

    def step(self):
        self.source.produce(20)


def begin(onced, env=None):
    """oncectl, to be killed."""
    return subprocess.Popen([BUILD / "oncectl", *words_of(onced, *FROM)], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env={**os.environ, **onced.env, **(env or {})})


def rows(world, table="totals"):
    return world.sql(ROWS.format(table))


def truncations(world):
    return world.sql("SELECT count(*) FROM truncations")[0][0]


def step_of(onced):
    path = onced.directory / "state" / "rebuild-c.json"
    found = re.search(r'"step": "(\w+)"', path.read_text()) if path.exists() else None
    return found and found.group(1)


def done(world, onced, source):
    world.wait_finished(onced, 120)
    wait_for(lambda: rows(world) == source.rows(), 30 * slowness(), "the projection is that of the log")


def test_rebuilt_while_events_arrive(world):
    """5,000 events, spoilt by somebody; afterwards each counts once, the new ones, too."""
    setup(world)
    source = Source(world)
    source.produce(5000)
    onced = world.start(changes())
    done(world, onced, source)
    world.sql("UPDATE totals SET total = total + 7")
    assert rows(world) != source.rows()
    with Arriving(source):
        said = rebuild(onced, *FROM)
    assert "caught up with the" in said and "a rebuild begins" in said and "a column was summed wrongly" in said
    done(world, onced, source)
    assert truncations(world) == 1
    assert world.sql("SELECT scope, generation FROM onced.scopes ORDER BY id") == [("c", 2), ("c#2", 2)]
    assert step_of(onced) is None
    assert "none of c is under way" in rebuild(onced, "--continue", expect=1)
    # The second generation deduplicates as the first did.
    duplicates = onced.metrics().settled("duplicate")
    world.kafka.produce(world.topic, events.envelope("e3", 3), b"k3")
    world.kafka.flush()
    wait_for(lambda: onced.metrics().settled("duplicate") > duplicates, 20 * slowness(), "e3 is a duplicate")
    assert rows(world) == source.rows()
    onced.stop()


@pytest.mark.failpoints
@pytest.mark.parametrize("step", ["drain", "rewind", "switching", "switch", "resume"])
def test_killed_in_the_middle_twice(world, step):
    """oncectl behind a step or in it, then worker and supervisor while it catches up; what is left is taken up."""
    setup(world)
    source = Source(world)
    source.produce(2000)
    onced = world.start(changes(**{"batch.max": 5}))
    done(world, onced, source)
    if step == "switching":  # it waits: somebody reads the table
        with world.postgres.connect(world.database) as reader:
            reader.autocommit = False
            reader.cursor().execute("SELECT count(*) FROM totals")
            tool = begin(onced)
            wait_for(lambda: step_of(onced) == "switch", 60 * slowness(), "it is at the switch")
            tool.kill()
            tool.wait()
            reader.rollback()
    else:  # done, and not written down
        number = ["drain", "rewind", "switch", "check", "resume"].index(step) + 1
        tool = begin(onced, {"ONCED_FAILPOINT": f"rebuild_step:kill:{number}"})
        assert tool.wait(90 * slowness()) == -signal.SIGKILL
        assert step_of(onced) == step
    with Arriving(source):
        rebuild(onced, "--continue", "--no-watch", "--yes")
        assert step_of(onced) == "watch"
        wait_for(lambda: onced.worker_pids(), 30 * slowness(), "its workers are back")
        send_signal(onced.worker_pids()[0], signal.SIGKILL)
        send_signal(onced.pid, signal.SIGKILL)
        onced.wait_exit()
        onced.start()
        tool = subprocess.Popen([BUILD / "oncectl", *words_of(onced, "--continue")],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, **onced.env})
        time.sleep(0.3)  # whatever it is at
        tool.kill()
        tool.wait()
    if step_of(onced):
        rebuild(onced, "--continue")
    done(world, onced, source)
    assert truncations(world) == 1, "what was applied since is not emptied again"
    onced.stop()


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", ["after_take", "after_claim"])
def test_a_zombie_of_before_applies_nothing(world, stage):
    """A whole onced stops with records in hand, on another host; it comes back when the table is new."""
    setup(world, 2)
    source = Source(world)
    source.produce(3000)
    slow = changes(**{"batch.max": 5, "workers": 1, "lanes": 1, "instance.id": "off"})
    slow["onced"] = {"store.idle.timeout": "3s"}
    once = world.directory / "once"
    zombie = world.start(slow, env={"ONCED_FAILPOINT": f"{stage}:stop:30", "ONCED_FAILPOINT_ONCE": str(once)})
    wait_for(lambda: once.exists(), 60 * slowness(), "it stops itself, with a batch in hand")
    frozen, [worker] = zombie.pids(), zombie.worker_pids()
    for pid in frozen:
        send_signal(pid, signal.SIGSTOP)
    onced = world.start(slow)
    rebuild(onced, *FROM, "--no-watch")
    assert truncations(world) == 1
    onced.wait_assigned(2, 60)
    done(world, onced, source)
    send_signal(worker, signal.SIGCONT)  # alone: its supervisor would end it as one that hung
    # Who tells it first is chance: the database, when it goes on with its batch, or its group.
    wait_for(lambda: state_of(worker) == "Z" or 'msg="assignment lost"' in zombie.log_path.read_text(),
             60 * slowness(), "it learns that it is late")
    assert rows(world) == source.rows()
    is_stale = state_of(worker) == "Z"
    for pid in frozen:
        send_signal(pid, signal.SIGCONT)
    if is_stale:
        zombie.wait_metric(1, "onced_worker_exits_total", cause="stale")
    zombie.wait_ready(60)
    source.produce(200)
    done(world, onced, source)
    assert world.sql("SELECT count(*) FROM onced.processed_events"
                     " WHERE scope = 1 AND at > (SELECT max(at) FROM truncations)") == [(0,)]
    zombie.stop()
    onced.stop()


def test_refusals_change_nothing(world):
    setup(world, 1)
    source = Source(world)
    source.produce(50)
    onced = world.start(changes(**{"rebuild.sql": "TRUNCATE nowhere"}))
    done(world, onced, source)
    assert "--reason" in rebuild(onced, "--from", "earliest", expect=2)
    assert "--from" in rebuild(onced, "--from", "someday", "--reason", "x", expect=2)
    assert "say --yes" in rebuild(onced, "--from", "earliest", "--reason", "x", expect=1)
    before = world.committed()
    assert "nowhere" in rebuild(onced, *FROM, expect=1)
    assert "under way" in rebuild(onced, *FROM, expect=1)
    assert world.committed() == {(world.topic, 0): 0}
    assert "nowhere" in rebuild(onced, "--continue", expect=1)
    # What was forgotten meanwhile would take effect again.
    assert "Given up" in rebuild(onced, "--abort")
    assert world.committed() == before
    world.sql("DELETE FROM onced.processed_events")
    run_tool("--socket", onced.socket, "resume", "c", program="oncectl")
    source.produce(50)
    done(world, onced, source)
    onced.stop()


def test_on_sqlite(world):
    world.create_topics()
    directory = world.directory / "store"
    directory.mkdir()
    path = directory / "shop.db"
    shop = sqlite3.connect(path, isolation_level=None, timeout=30)
    shop.execute(TABLE.format("totals"))
    source = Source(world)
    source.produce(500)
    onced = world.start({"onced": {"store": f"sqlite:{path}", "store.user": None, "store.password": None},
                         **changes(**{"rebuild.sql": "DELETE FROM totals", "workers": 1})})
    world.wait_finished(onced, 60)
    shop.execute("UPDATE totals SET total = 0")
    rebuild(onced, *FROM)
    world.wait_finished(onced, 60)
    assert shop.execute(ROWS.format("totals")).fetchall() == source.rows()
    assert shop.execute("SELECT scope FROM onced_scopes ORDER BY id").fetchall() == [("c",), ("c#2",)]
    shop.close()
    onced.stop()


def test_built_beside_and_swapped_as_documented(world):
    """The recipe of docs/rebuild.md, its SQL as it stands there."""
    setup(world)
    source = Source(world)
    source.produce(1000)
    onced = world.start(changes())
    done(world, onced, source)
    world.sql("UPDATE totals SET total = total + 7")
    page = (Path(__file__).parents[2] / "docs" / "rebuild.md").read_text()
    create, swap = re.findall(r"```sql\n(.*?)```", page, re.S)
    world.sql(create)
    beside = world.start({**changes(), "consumer c": None,
                          "consumer totals_v2": {"topics": world.topic, "group.id": f"{world.group}-v2",
                                                 "handler": "sum", "dlq.topic": world.dlq},
                          "handler sum": {"type": "sql", "statement": APPLY.format("totals_v2")}})
    result = run_tool("--socket", beside.socket, "-c", beside.config, "rebuild", "totals_v2", "--watch",
                      program="oncectl", env=beside.env, timeout=120)
    assert result.returncode == 0 and "caught up" in result.stdout, result.stderr
    wait_for(lambda: rows(world, "totals_v2") == source.rows(), 30, "the new table is complete")
    for words in [("drain", "c", "--wait")]:
        run_tool("--socket", onced.socket, *words, program="oncectl")
    run_tool("--socket", beside.socket, "drain", "totals_v2", "--wait", program="oncectl")
    world.sql(swap)
    assert rows(world) == source.rows()
    beside.stop()
    onced.stop()


@pytest.mark.failpoints
def test_a_partition_that_came_while_it_was_stopped_is_rebuilt_too(world):
    setup(world, 2)
    source = Source(world)
    source.produce(300)
    settings = changes()
    settings["kafka"] = {"topic.metadata.refresh.interval.ms": 500}
    onced = world.start(settings)
    done(world, onced, source)
    assert begin(onced, {"ONCED_FAILPOINT": "rebuild_step:kill:1"}).wait(90 * slowness()) == -signal.SIGKILL
    run_tool("--socket", onced.socket, "resume", "c", program="oncectl")
    world.kafka.add_partitions(world.topic, 3)
    world.kafka.close_clients()  # the next ones know of it
    source.produce(300)
    assert world.kafka.end_offsets(world.topic)[2] > 0
    done(world, onced, source)
    rebuild(onced, "--continue")
    done(world, onced, source)
    assert truncations(world) == 1
    onced.stop()
