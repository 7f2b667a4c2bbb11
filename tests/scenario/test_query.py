"""
test_query - a plugin that reads before it writes, in the event's transaction: money goes between accounts

The plugin (handlers/examples/transfer.c) writes sums that it computed from what it read: a read that was old, or
an effect made twice or not at all, and the accounts do not fit the transfers that took effect any more.
"""

import collections
import random
import shutil
import sqlite3

import pytest

from support.process import send_signal

from . import checker
from .harness import BUILD, run_tool, write_ini

ACCOUNTS = 6
EACH = 60
SCHEMA = "CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0))"


def library(directory):
    path = directory / "transfer.so"
    shutil.copyfile(BUILD / "tests" / "support" / "plugins" / "transfer.so", path)
    path.chmod(0o644)
    return path


def produce_transfers(world, count, seed, prefix="t"):
    """{event id: (from, to, amount)}; between few accounts, so that everybody wants the same rows."""
    chance = random.Random(seed)
    made = {}
    for n in range(count):
        source, target = chance.sample(range(ACCOUNTS), 2)
        event_id = f"{prefix}{n}"
        made[event_id] = (f"a{source}", f"a{target}", chance.randint(1, 40))
        world.produce_event(event_id, n, key=event_id.encode(), **dict(zip(("from", "to", "amount"), made[event_id])))
    world.kafka.flush()
    return made


def begin(world, **consumer):
    world.create_topics(partitions=4)
    world.sql(SCHEMA)
    for n in range(ACCOUNTS):
        world.sql("INSERT INTO accounts VALUES (%s, %s)", (f"a{n}", EACH))
    return {"consumer c": {"workers": 2, "lanes": 2, "batch.max": 80, "commit.interval": "30ms", **consumer},
            "handler effect": {"type": "plugin", "statement": None, "path": library(world.directory)}}


def check_money(world, made):
    """Every transfer took effect, or is a dead letter for want of money; the accounts are what follows."""
    refused = set()
    for letter in world.dead_letters():
        assert letter.header("onced-code") == b"too-little"
        refused.add(checker.event_id_of_dead_letter(letter))
    assert refused < set(made)
    expected = collections.Counter({f"a{n}": EACH for n in range(ACCOUNTS)})
    for event_id in set(made) - refused:
        source, target, amount = made[event_id]
        expected[source] -= amount
        expected[target] += amount
    assert dict(world.sql("SELECT id, balance FROM accounts")) == dict(expected)
    assert sum(expected.values()) == ACCOUNTS * EACH
    assert world.sql("SELECT count(*) FROM onced.processed_events WHERE outcome = 0")[0][0] == len(made) - len(refused)


def test_no_money_comes_or_goes_while_workers_are_killed_and_conflict(world):
    changes = begin(world)
    chance = random.Random(5)
    made = {}
    onced = world.start(changes)
    for round_ in range(3):
        made |= produce_transfers(world, 200, round_, prefix=f"r{round_}-")
        enough = len(made) - chance.randint(40, 160)
        onced.wait_until(lambda: world.sql("SELECT count(*) FROM onced.processed_events")[0][0] >= enough, 60, "effects")
        pid = chance.choice(onced.worker_pids())
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
    world.wait_finished(onced, 90)
    onced.assert_accounted()
    onced.stop()
    check_money(world, made)


def test_no_money_comes_or_goes_when_workers_come_and_go(world):
    changes = begin(world, **{"workers": 1, "instance.id": "off"})
    first = world.start(changes)
    made = produce_transfers(world, 150, 7, prefix="one-")
    second = world.start(changes)
    second.wait_assigned(2)
    made |= produce_transfers(world, 150, 8, prefix="two-")
    first.stop()
    world.wait_finished(second, 90)
    second.stop()
    check_money(world, made)


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", ["before_query", "after_query"])
def test_killed_at_a_query(world, stage):
    changes = begin(world)
    made = produce_transfers(world, 120, 3)
    once = world.directory / "died"
    onced = world.start(changes, env={"ONCED_FAILPOINT": f"{stage}:kill:30", "ONCED_FAILPOINT_ONCE": str(once)})
    world.wait_finished(onced, 90)
    assert once.exists()
    assert onced.metrics().sum("onced_worker_exits_total") == 1
    onced.stop()
    check_money(world, made)


# ---- without servers ----

def test_a_rehearsal_on_sqlite_sees_its_own_writes(tmp_path):
    (tmp_path / "state").mkdir()
    config = tmp_path / "onced.ini"
    config.write_text(write_ini({
        "onced": {"store": f"sqlite:{tmp_path}/x.db", "state.dir": tmp_path / "state", "store.migrate": "yes",
                  "control.socket": tmp_path / "control.sock"},
        "kafka": {"bootstrap.servers": "127.0.0.1:1"},
        "consumer c": {"topics": "t", "handler": "move", "dlq.topic": "none"},
        "handler move": {"type": "plugin", "path": library(tmp_path), "lock": ""}}))
    assert run_tool("migrate", "-c", config, program="oncectl").returncode == 0
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute(SCHEMA)
        database.execute("INSERT INTO accounts VALUES ('a', 10), ('b', 0)")
    transfers = [("a", "b", 7), ("a", "b", 4), ("b", "a", 6), ("a", "b", 9), ("a", "c", 1)]
    lines = [f'{{"event_id": "{n}", "payload": {{"from": "{source}", "to": "{target}", "amount": {amount}}}}}\n'
             for n, (source, target, amount) in enumerate(transfers)]
    (tmp_path / "events.jsonl").write_text("".join(lines))
    done = run_tool("test-handler", "-c", config, "--handler", "move", "--events", tmp_path / "events.jsonl")
    said = [line for line in done.stdout.splitlines() if line.startswith(("line", "5 events"))]
    assert said == ["line 1: done, event 0", "line 2: reject, event 1, too-little: there is too little",
                    "line 3: done, event 2", "line 4: done, event 3",
                    "line 5: reject, event 4, no-account: there are no two accounts",
                    "5 events, 3 done, 2 reject; none of their effects was kept"], done.stderr
    with sqlite3.connect(tmp_path / "x.db") as database:
        assert database.execute("SELECT balance FROM accounts ORDER BY id").fetchall() == [(10,), (0,)]
