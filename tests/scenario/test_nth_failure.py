"""
test_nth_failure - whichever call for memory, a descriptor or a byte fails: a sentence, and nothing lost

A call counts where it was made from a place (with its callers) that none came from before, so that a
few hundred runs go through every error path. --full goes through all places; otherwise some are
drawn, spread over all of them, the same ones each time. What can be run inside of one process has
each of its calls fail in tests/unit/test_nth_*.c.
"""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess

import pytest

from support.nth_failure import Plan
from support.process import wait_for

from .control import NotReachable
from .harness import BUILD, merge, run_tool, slowness, write_ini
from .plugins import install, plugin_section

IS_FULL = os.environ.get("ONCED_TEST_FULL") == "1"
LIBRARY = BUILD / "tests" / "support" / "libnth_failure.so"
OUT_OF_MEMORY = "onced: out of memory for "
# Exit statuses that are explained: as without the failure, something failed, the configuration is refused.
EXPLAINED = (1, 78)


def drawn(count, some, seed):
    """Numbers of calls out of 1 .. count: all of them, or some, one of each part of equal size."""
    if IS_FULL or some >= count:
        return list(range(1, count + 1))
    draw = random.Random(seed)
    return [draw.randint(count * i // some + 1, count * (i + 1) // some) for i in range(some)]


# ---- commands that end by themselves ----

class Command:
    """One of onced's, run again and again with another call failing."""

    def __init__(self, directory, sections):
        self.directory = directory
        self.config = directory / "onced.ini"
        self.config.write_text(write_ini(sections))
        self.config.chmod(0o600)
        self.plan = Plan(LIBRARY, directory / "plan")

    def run(self, arguments, at):
        self.plan.arm(at)
        return subprocess.run(
            [str(BUILD / "onced"), *map(str, arguments), "-c", str(self.config)], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=60 * slowness(), check=False,
            env={**os.environ, **self.plan.environment(),
                 "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0:handle_abort=0"})

    def explain(self, at, done):
        return (f"call {at}, {self.plan.where(BUILD / 'onced')}: exit status {done.returncode}\n"
                f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def write_store(directory):
    path = directory / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE effects (event_id, n INT)")
    connection.commit()
    connection.close()
    return path


def sections(directory, handler):
    (directory / "password").write_text("planted-4711\n")
    (directory / "password").chmod(0o600)
    return {
        "onced": {"store": f"sqlite:{write_store(directory)}", "state.dir": directory,
                  "control.socket": directory / "control.sock"},
        "kafka": {"bootstrap.servers": "127.0.0.1:1", "sasl.password": f"@{directory}/password"},
        "consumer c": {"topics": "t", "handler": "h", "dlq.topic": "t.dlq", "event.id": "header:id, json:id"},
        "handler h": handler,
    }


SQL = {"type": "sql", "statement": "INSERT INTO effects VALUES (:event_id, :payload.n)"}
ANSWER = """while read -r line; do
    seq=$(echo "$line" | sed 's/.*"seq": *\\([0-9]*\\).*/\\1/')
    echo "{\\"seq\\": $seq, \\"result\\": \\"done\\"}"
done"""
EVENTS = [{"event_id": "a", "payload": {"n": 1}, "headers": {"x": "y"}}, {"event_id": "b", "payload": {"n": "z"}}]


def with_sql(_):
    return SQL


def with_exec(directory):
    (directory / "answer.sh").write_text(ANSWER)
    return {"type": "exec", "command": f"sh {directory}/answer.sh"}


def with_plugin(directory):
    return plugin_section(install(directory))


TRY = ("test-handler", "--handler", "h", "--events")
# name: (the handler, the command, how many are drawn)
COMMANDS = {
    "check": (with_sql, ("--check-config",), 1000),
    "check_plugins": (with_plugin, ("--check-config", "--load-plugins"), 40),
    "try_sql": (with_sql, TRY, 100),
    "try_exec": (with_exec, TRY, 40),
    "try_plugin": (with_plugin, TRY, 40),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.timeout(1800 if IS_FULL else 300)
def test_a_command_says_what_failed(tmp_path, name):
    handler, arguments, some = COMMANDS[name]
    if arguments is TRY:
        (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
        arguments = (*TRY, tmp_path / "events.jsonl")
    command = Command(tmp_path, sections(tmp_path, handler(tmp_path)))
    if arguments[0] == "test-handler":
        assert run_tool("migrate", "-c", command.config, program="oncectl").returncode == 0
    clean = command.run(arguments, 0)
    assert clean.returncode in (0, 1) and not command.plan.fired, clean.stderr
    numbers, fired = drawn(command.plan.count, some, name), 0
    for at in numbers:
        done = command.run(arguments, at)
        if not command.plan.fired:
            continue  # threads: this time there were fewer
        fired += 1
        assert "planted-4711" not in done.stdout + done.stderr
        if done.returncode == -signal.SIGABRT:
            assert OUT_OF_MEMORY in done.stderr, command.explain(at, done)
        elif done.returncode != clean.returncode or done.stdout != clean.stdout:
            assert done.returncode in EXPLAINED, command.explain(at, done)
            assert (done.stderr + done.stdout).strip(), command.explain(at, done)
    assert fired >= 15 and fired > len(numbers) // 2, "hardly any call failed"


# ---- the daemon ----

class Life:
    """A onced of which one call fails in each phase of its life; what it kills is started again."""

    def __init__(self, world):
        self.world = world
        self.plan = Plan(LIBRARY, world.directory / "plan")
        self.onced = world.onced({"consumer c": {"partitions": "0"}}, self.plan.environment())
        self.count = 0
        self.batch_max = 10
        self.log_from = 0
        self.ends = []

    def begin(self, role, at):
        self.plan.disarm()
        self.plan.set_role(role)
        self.plan.arm(at)
        self.log_from = self.onced.log_path.stat().st_size if self.onced.log_path.exists() else 0

    def said(self):
        with open(self.onced.log_path, "rb") as file:
            file.seek(self.log_from)
            return file.read().decode(errors="replace")

    def explain(self, text):
        return f"{text}: {self.plan.where(BUILD / 'onced')}\n{self.said()[-6000:]}"

    # ---- phases ----

    def start(self):
        self.onced.start(wait=False)
        self._until(self._is_ready, "all workers are ready")

    def work(self):
        """A record more takes effect and is committed."""
        self.count += 1
        self.world.produce_event(f"e{self.count}", self.count, partition=0)
        self.world.kafka.flush()
        self._until(lambda: self.world.effect_count() >= self.count and self.world.lag() == 0,
                    f"event {self.count} took effect and is committed")

    def reload(self):
        self.batch_max += 1
        self.onced.sections = merge(self.onced.sections, {"consumer c": {"batch.max": self.batch_max}})
        self.onced.write_config()
        done = run_tool("--socket", self.onced.socket, "reload", "--wait", program="oncectl")
        assert done.returncode == 0 or (done.stdout + done.stderr).strip(), self.explain("a silent refusal")
        self._until(self._is_ready, "all workers are ready")

    def drain(self):
        if self.onced.is_running():
            self.onced.terminate()
            self._end(self.onced.wait_exit(60))

    # ---- what must hold ----

    def _is_ready(self):
        return all(worker["state"] in ("ready", "running") for worker in self.onced.workers())

    def _until(self, predicate, what):
        """Whoever is killed by the failure is started again, as an operator's systemd would."""
        def asked():
            if not self.onced.is_running():
                self._end(self.onced.process.returncode)
                self.onced.start(wait=False)
            try:
                return predicate()
            except NotReachable:
                return False
        try:
            wait_for(asked, 60 * slowness(), what)
        except (TimeoutError, AssertionError) as error:
            raise AssertionError(self.explain(f"{error}")) from None

    def _end(self, code):
        """A supervisor's end that nobody asked for has a sentence."""
        said = self.said()
        if code == -signal.SIGABRT:
            assert OUT_OF_MEMORY in said, self.explain("aborted without a word")
        else:
            assert code in (0, *EXPLAINED), self.explain(f"exit status {code}")
            assert code == 0 or "level=error" in said or "onced: " in said, self.explain(f"{code} without a word")
        if code:
            self.ends.append(code)

    def check(self, ends_before):
        """Whoever was aborted is named by a survivor, or was the supervisor."""
        self.plan.disarm()
        if OUT_OF_MEMORY in self.said() and len(self.ends) == ends_before:
            assert re.search(rf"\b{self.plan.fired}\b|signal 6|Aborted", self.said()), self.explain("no obituary")


PHASES = ("start", "work", "reload", "drain")


@pytest.mark.timeout(14400 if IS_FULL else 600)
def test_nothing_is_lost_whichever_call_fails(world):
    world.create_topics(partitions=1)
    life = Life(world)
    counts = {}
    for phase in PHASES:
        life.begin("", 0)
        getattr(life, phase)()
        counts[phase] = life.plan.count
    print(f"places in each phase: {counts}")
    lives = max(counts.values()) if IS_FULL else 16
    draws = {phase: drawn(counts[phase], lives, phase) for phase in PHASES}
    for draw in draws.values():
        random.Random(len(draw)).shuffle(draw)
    fired = 0
    for i in range(lives):
        for phase in PHASES:
            at = draws[phase][i] if i < len(draws[phase]) else 0
            life.begin("", at)
            ends = len(life.ends)
            getattr(life, phase)()
            life.check(ends)
            fired += life.plan.fired > 0
            print(f"{phase} {at}: {life.plan.where(BUILD / 'onced') if life.plan.fired else 'not reached'}")
    assert fired >= lives
    life.start()
    world.finish(life.onced)
