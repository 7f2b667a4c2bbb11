"""
test_secrets - a secret of each kind is planted, and then looked for wherever something is said or left

One daemon with a database, a Redis, a service and a command, whose secrets come from everywhere a
configuration can take them. It works, fails, reloads, loses its passwords, crashes and stops; meanwhile all
that others can see is read.
"""

import contextlib
import os
import pathlib
import resource
import signal
import sys
import uuid

import pytest

from support.http_target import HttpTarget
from support.process import free_port, send_signal, wait_for

from . import control
from .harness import merge, run_tool, slowness
from .plugins import install

# Everything of librdkafka but what onced refuses, since it would write passwords.
DEBUG = ("generic,broker,topic,metadata,feature,queue,msg,protocol,cgrp,fetch,interceptor,plugin,consumer,"
         "admin,eos,mock,assignor,conf")
CHILD = """
import json, os, sys
for line in sys.stdin:
    event = json.loads(line)
    assert os.environ["API_TOKEN"].startswith("canary")
    good = "fault" not in (event.get("payload") or event["value"]["payload"])
    print(json.dumps({"seq": event["seq"], "result": "done" if good else "reject", "reason": "asked for"}), flush=True)
"""


class Canaries(dict):
    """name -> a value that occurs nowhere else; made when it is asked for first."""

    def __missing__(self, name):
        self[name] = f"canary{uuid.uuid4().hex}"
        return self[name]

    def found_in(self, data):
        return sorted(name for name, value in self.items() if value.encode() in data)


class Planted:
    """The daemon, its surroundings, and everything that is seen of it, by where it was seen."""

    def __init__(self, world, redis, target):
        self.world, self.redis, self.target = world, redis, target
        self.canaries = Canaries()
        self.seen = []
        self.home = world.directory / "secrets"
        self.home.mkdir(mode=0o700)
        self.role = f"{world.name}_role"  # at both stores
        world.sql(f"CREATE ROLE {self.role} LOGIN SUPERUSER PASSWORD '{self.canaries['store file']}'")
        self.tell_redis()
        self.port = free_port()
        self.onced = world.onced(self.sections(), self.environment())
        self.onced.prepare = self.prepare

    def environment(self):
        (self.home / "store").write_text(self.canaries["store file"] + "\n")
        (self.home / "sentinel").write_text(self.canaries["sentinel file"])
        (self.home / "signature").write_text(self.canaries["header file"])
        return {"CREDENTIALS_DIRECTORY": str(self.home), "SASL": self.canaries["sasl environment"],
                "ONCED__KAFKA__SSL_KEY_PASSWORD": self.canaries["key override"],
                "ONCED__HANDLER__SEND__HEADERS_X_TOKEN": self.canaries["header override"],
                "ASAN_OPTIONS": "disable_coredump=0:abort_on_error=0:detect_leaks=0"}

    def prepare(self):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.chdir(self.onced.directory)

    def tell_redis(self, password=None):
        self.redis.call("ACL", "SETUSER", self.role, "reset", "on", f">{password or self.canaries['store file']}",
                        "~*", "+@all")

    def sections(self):
        world, canaries = self.world, self.canaries
        target = f"http://caller:{canaries['url password']}@127.0.0.1:{self.target.port}/in?token={canaries['url query']}"
        # What these URLs say of a login is not asked: store.user and store.password come first.
        own = f"postgresql://own:{canaries['store url']}@127.0.0.1:{world.postgres.port}/{world.database}"
        redis = f"redis://own:{canaries['redis url']}@127.0.0.1:{self.redis.port}/0"
        plain = world.sections()["consumer c"]
        child = self.home / "child.py"
        child.write_text(CHILD)

        def consumer(name, **more):
            return {**plain, "group.id": f"{world.group}-{name}", **more}

        return merge(world.sections(), {
            "onced": {"store.user": self.role, "store.password": "@cred:store", "http.listen": f"127.0.0.1:{self.port}",
                      "store.sentinel.user": "asker", "store.sentinel.password": f"@{self.home}/sentinel",
                      "store.reconnect.max": "200ms"},
            "kafka": {"debug": DEBUG, "sasl.username": "app", "sasl.password": "${SASL}",
                      "sasl.oauthbearer.config": canaries["oauth"]},
            "consumer sent": consumer("sent", handler="send", store=redis),
            "consumer ran": consumer("ran", handler="run", store=own),
            "consumer plug": consumer("plug", handler="plug"),
            "handler send": {"type": "http", "url": target, "headers.x-signature": f"@{self.home}/signature",
                             "headers.x-api-key": canaries["header literal"], "headers.x-token": "overridden"},
            "handler run": {"type": "exec", "command": f"{sys.executable} {child}", "env.API_TOKEN": canaries["command"]},
            "handler plug": {"type": "plugin", "path": install(self.home), "path.word": "event_id"},
            "retry": {"attempts": 2, "delay": "10ms", "delay.max": "20ms"},
        })

    # ---- looking ----

    def note(self, where, data):
        self.seen.append((where, data if isinstance(data, bytes) else str(data).encode()))

    def note_command(self, *words, program="oncectl", expect=(0, 1)):
        result = run_tool(*words, program=program, env=self.onced.env, timeout=90)
        assert result.returncode in expect, f"{words}: {result.stdout}{result.stderr}"
        self.note(" ".join(map(str, words)), result.stdout + result.stderr)
        return result.stdout

    def note_answers(self):
        """All that the daemon says to anybody, right or wrong."""
        for path in ("/v1/status", "/metrics", "/v1/config", "/v1/config?sparse=1", "/v1/verdicts", "/v1/none", "/"):
            self.note(f"GET {path}", control.get(self.onced.socket, path)[1])
        socket = ("--socket", self.onced.socket)
        for words in (["status"], ["show", "config"], ["show", "config", "--diff"], ["show", "workers"],
                      ["show", "verdicts"], ["pause", "nobody", "--reason", "x"], ["runbook", "c"]):
            self.note_command(*socket, *words)
        config = ("-c", self.onced.config)
        self.note_command("--dump-config", *config, program="onced", expect=(0,))
        self.note_command(*config, "doctor")
        self.note_command(*config, "dlq", "list", "c")
        self.note_command(*config, "dlq", "show", f"{self.world.dlq}:0:0")

    def note_processes(self):
        """What ps shows of the supervisor, its workers, and what they started."""
        for pid in self.onced.pids():
            place = pathlib.Path("/proc", str(pid))
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                is_command = place.joinpath("exe").resolve().name != "onced"
                cmdline, environ = (place.joinpath(name).read_bytes() for name in ("cmdline", "environ"))
                assert cmdline
                self.note(f"{pid} cmdline", cmdline)
                if is_command:
                    environ = environ.replace(self.canaries["command"].encode(), b"")
                else:
                    assert place.joinpath("coredump_filter").read_text().strip() == "00000010"
                self.note(f"{pid} environ", environ)

    def note_remains(self):
        """Every file that it wrote, and every dead letter."""
        self.note("log", self.onced.log_path.read_bytes())
        for path in self.onced.directory.rglob("*"):
            if path.is_file() and path != self.onced.config:
                self.note(path.name, path.read_bytes())
        for letter in self.world.dead_letters():
            self.note("dead letter", repr(letter))

    def assert_silent(self):
        told = [(where, self.canaries.found_in(data)) for where, data in self.seen]
        assert [entry for entry in told if entry[1]] == []


@pytest.fixture
def planted(world, redis):
    world.create_topics()
    world.sql("CREATE TABLE words (word text PRIMARY KEY, count int NOT NULL)")
    with HttpTarget() as target:
        made = Planted(world, redis, target)
        yield made
    for onced in world.started:
        onced.kill_everything()
    world.sql(f"DROP OWNED BY {made.role} CASCADE")
    world.sql(f"DROP ROLE {made.role}")


def finished(planted):
    """Every group has committed all there is."""
    end = sum(planted.world.kafka.end_offsets(planted.world.topic).values())

    def all_there():
        groups = [planted.world.group, *(f"{planted.world.group}-{name}" for name in ("sent", "ran", "plug"))]
        return all(sum(planted.world.kafka.committed(group, planted.world.topic).values()) == end for group in groups)
    planted.onced.wait_until(all_there, 90, "all groups are through")


def lose_and_find(planted, lose, find, words):
    """A login that stops to work is named, in the log at least, and comes back."""
    before = planted.onced.log_path.stat().st_size
    lose()
    planted.world.produce_event(f"lost-{before}")
    planted.world.kafka.flush()
    planted.onced.wait_until(lambda: words in planted.onced.log_path.read_bytes()[before:], 60, f"{words} is named")
    planted.note_answers()
    find()
    finished(planted)


def crash(planted):
    """Of the worker with foreign code: of the others nobody watches for crashes."""
    [pid] = planted.onced.worker_pids("plug")
    send_signal(pid, signal.SIGABRT)
    planted.onced.wait_worker_exit(pid)
    planted.onced.wait_until(lambda: planted.onced.worker_pids("plug") not in ([], [pid]), 30, "it is back")
    planted.onced.wait_ready(60)
    return list(planted.onced.directory.glob("core*"))


def test_planted_secrets_appear_nowhere(planted):
    world, onced, canaries = planted.world, planted.onced, planted.canaries
    world.produce_event("good")
    world.produce_event("bad", 1, fault="22P02")
    world.produce(*[(None, None, b"no json")])
    planted.target.script["bad"] = [(422, {}, f"no: {canaries['header literal']} {canaries['url query']} "
                                              f"{canaries['header file']} {canaries['header override']}".encode())]
    onced.start()
    finished(planted)
    # They were what the daemon works with.
    sent = planted.target.requests[0]
    assert sent.headers["x-api-key"] == canaries["header literal"]
    assert sent.headers["x-signature"] == canaries["header file"]
    assert sent.headers["x-token"] == canaries["header override"]
    assert canaries["url query"] in sent.path
    planted.note_processes()
    planted.note_answers()

    # passwords that are wrong from one moment to the next
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"

    def change(password):
        world.sql(f"ALTER ROLE {planted.role} PASSWORD '{password}'")
        world.sql(terminate, (planted.role,))
    lose_and_find(planted, lambda: change("another"), lambda: change(canaries["store file"]),
                  b"password authentication failed")

    def drop_redis(password):
        planted.tell_redis(password)
        planted.redis.call("CLIENT", "KILL", "USER", planted.role)
    lose_and_find(planted, lambda: drop_redis("another"), lambda: drop_redis(None), b"WRONGPASS")

    # reloads: a wrong one that is refused, a right one that rolls
    (planted.home / "store").write_text(canaries["wrong"] + "\n")
    planted.note_command("--socket", onced.socket, "reload", "--wait")
    (planted.home / "store").write_text(canaries["store file"] + "\n")
    onced.config.write_text(onced.config.read_text().replace(canaries["header literal"], canaries["header later"])
                            + "\nno.such.key = " + canaries["misplaced"] + "\n")
    planted.note_command("--socket", onced.socket, "reload", "--wait", expect=(1,))
    onced.config.write_text(onced.config.read_text().replace("no.such.key", "#"))
    planted.note_command("--socket", onced.socket, "show", "config", "--diff")
    planted.note_command("--socket", onced.socket, "reload", "--wait", expect=(0,))
    onced.wait_ready(60)

    cores = crash(planted)
    assert cores or not pattern_is_plain(), "a crash left no core file to look into"
    planted.note_processes()
    planted.note_answers()
    onced.note_secrets()
    send_signal(onced.pid, signal.SIGABRT)  # and its own core file
    onced.wait_exit()
    wait_for(lambda: not onced.pids(), 30 * slowness(), "the workers are gone")
    planted.note_remains()
    planted.assert_silent()
    assert {"log", "dead letter"} <= {where for where, _ in planted.seen}


def pattern_is_plain():
    return not pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/"))


# The core file of a sanitized worker would be of some gigabytes.
@pytest.mark.release
def test_a_core_file_has_memory_where_somebody_asked_for_it(planted):
    """And so the other test looks into what could have told it."""
    if not pattern_is_plain():
        pytest.skip("core files go elsewhere on this machine")
    planted.onced.sections = merge(planted.onced.sections, {"onced": {"worker.core.memory": "yes"}})
    planted.onced.start()
    cores = crash(planted)
    assert planted.canaries.found_in(b"".join(core.read_bytes() for core in cores)) != []
    for core in cores:
        core.unlink()
    planted.onced.stop()
