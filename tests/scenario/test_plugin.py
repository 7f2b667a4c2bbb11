"""
test_plugin - a shared library as handler: in workers only, and with its statements in the event's transaction

The plugin is the example of handlers/examples. Its word is made the event's id here, so that an event that
takes effect twice shows as a count of two.
"""

import json
import random

import pytest

from support.process import send_signal

from .harness import merge, run_tool, write_ini
from .plugins import install, plugin_section

TABLE = "CREATE TABLE words (word text PRIMARY KEY, count int NOT NULL)"


@pytest.fixture
def counting(world):
    world.create_topics(partitions=4)
    world.sql(TABLE)
    return world, {"consumer c": {"handler": "count", "workers": 2, "batch.max": 20, "commit.interval": "30ms"},
                   "handler count": plugin_section(install(world.directory))}


def maps(pid):
    with open(f"/proc/{pid}/maps") as file:
        return file.read()


def test_a_plugin_takes_effect_once_while_workers_are_killed(counting):
    world, changes = counting
    chance = random.Random(11)
    wanted = set()
    onced = world.start(changes)
    for round_ in range(4):
        records = world.produce_stream(400, keys=40, duplicates=0.02, seed=round_, prefix=f"r{round_}")
        wanted |= {event_id for event_id, _, _ in records}
        enough = len(wanted) - chance.randint(50, 350)
        onced.wait_until(lambda: world.sql("SELECT count(*) FROM words")[0][0] >= enough, 60, "some effects")
        pid = chance.choice(onced.worker_pids())
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
    world.wait_finished(onced, 90)
    onced.assert_accounted()
    assert onced.metrics().sum("onced_worker_exits_total") == 4
    onced.stop()
    rows = world.sql("SELECT word, count FROM words")
    assert {word for word, _ in rows} == wanted
    assert [row for row in rows if row[1] != 1] == []


def test_only_workers_load_a_plugin(counting):
    world, changes = counting
    onced = world.start(changes)
    assert "word_count.so" not in maps(onced.pid)
    assert onced.worker_pids()
    for pid in onced.worker_pids():
        assert "word_count.so" in maps(pid)
    onced.stop()


def test_what_a_plugin_rejects_is_a_dead_letter(counting):
    world, changes = counting
    world.produce_event("good", partition=0)
    world.kafka.produce(world.topic, json.dumps({"event_id": "bad", "payload": {}}).encode(), None, partition=0)
    world.kafka.flush()
    onced = world.start(merge(changes, {"handler count": {"path.word": "payload.n.nothing"}}))
    world.wait_finished(onced)
    onced.stop()
    letters = {letter.header("onced-event-id"): letter for letter in world.dead_letters()}
    assert set(letters) == {b"good", b"bad"}
    assert letters[b"bad"].header("onced-reason") == b"rejected"
    assert letters[b"bad"].header("onced-code") == b"no-word"
    assert letters[b"bad"].header("onced-error") == b"the event has no word"


# ---- without servers ----

def write(tmp_path, section):
    path = tmp_path / "onced.ini"
    (tmp_path / "state").mkdir()
    path.write_text(write_ini({
        "onced": {"store": f"sqlite:{tmp_path}/x.db", "state.dir": tmp_path / "state",
                  "control.socket": tmp_path / "control.sock"},
        "kafka": {"bootstrap.servers": "127.0.0.1:1"},
        "consumer c": {"topics": "t", "handler": "count", "dlq.topic": "none"},
        "handler count": section}))
    return path


WRONG = {
    "unknown_key": ({"path.wort": "x"}, "[handler count] path.wort: unknown key; did you mean path.word?"),
    "not_there": ({"path": "/none/x.so"}, "[handler count] path = /none/x.so: /none: No such file or directory"),
    "no_plugin": ({"path": "/bin/sh"}, "[handler count] path = /bin/sh: "),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_plugin_does_not_start(tmp_path, kind):
    changes, words = WRONG[kind]
    path = write(tmp_path, {**plugin_section(install(tmp_path)), **changes})
    assert run_tool("--check-config", "-c", path).returncode == 0, "without loading it nothing is known of it"
    for command in (["--check-config", "--load-plugins"], []):
        done = run_tool(*command, "-c", path)
        assert done.returncode == 78, done.stderr
        assert words in done.stderr and f"{path}:" in done.stderr


# ---- test-handler ----

def test_what_others_write_draws_nothing_on_a_terminal(tmp_path):
    script = tmp_path / "answer.sh"
    reply = {"seq": 1, "result": "skip", "reason": "no\nline 9: done\x1b[2J"}
    script.write_text(f"read event\ncat <<'END'\n{json.dumps(reply)}\nEND\n")
    config = write(tmp_path, {"type": "exec", "command": f"sh {script}"})
    (tmp_path / "events.jsonl").write_text(json.dumps({"event_id": "a\x1b[1m"}) + "\n")
    done = run_tool("test-handler", "-c", config, "--handler", "count", "--events", tmp_path / "events.jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["line 1: skip, event a?[1m: no?line 9: done?[2J", "1 event, 1 skip"]


# ---- test-handler over Postgres ----

def test_a_rehearsal_on_postgres_keeps_nothing(world):
    onced = world.onced({"handler effect": {"rows": "1"}})
    config = onced.write_config()
    assert run_tool("migrate", "-c", config, program="oncectl").returncode == 0
    path = world.directory / "events.jsonl"
    lines = [{"event_id": "a", "payload": {"n": 1}}, {"event_id": "a", "payload": {"n": 1}},
             {"event_id": "b", "payload": {"n": 2, "fault": "22P02"}}, {"event_id": "c", "payload": {"n": 3}}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run_tool("test-handler", "-c", config, "--handler", "effect", "--events", path)
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith(("line", "4 events"))]
    assert said == [
        "line 1: done, event a",
        "line 2: duplicate, event a: an event of this id took effect before; the handler was not called",
        "line 3: reject, event b, 22P02: failed by request",
        "line 4: done, event c",
        "4 events, 2 done, 1 duplicate, 1 reject; none of their effects was kept"]
    assert world.effect_count() == 0
    assert world.sql("SELECT count(*) FROM onced.processed_events") == [(0,)]
