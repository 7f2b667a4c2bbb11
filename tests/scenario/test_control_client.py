"""
test_control_client - oncectl and a daemon that hangs, dies in the middle of an answer, answers nonsense, or is another one by now

The daemon is a few lines here, on a socket of its own: what the real one never says can be said. An exit status of 0 is a
gate of somebody's deployment; it must mean that what was asked for is done.
"""

import json
import re
import socketserver
import subprocess
import threading
import time

import pytest

from support.cache import scratch_dir

from .harness import BUILD, run_tool, slowness
from .terminal import CLEAR, Terminal

STATUS = {"version": "1", "pid": 1, "consumers": [{"name": "orders", "state": "running", "workers": [], "partitions": []}]}


WIDE = {**STATUS, "consumers": [{**STATUS["consumers"][0], "reason": "r" * 90, "partitions": [
    {"topic": "t", "partition": n, "worker": 0, "state": "held", "reason": "é" * 90} for n in range(200)]}]}


def http(body, code=200):
    """A whole answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (code, len(data), data)


class FakeDaemon:
    """Answers each request with the next of `answers`; the last one again and again."""

    def __init__(self, *answers):
        self.directory = scratch_dir("ctl")
        self.path = self.directory / "control.sock"
        self.answers = list(answers)
        self.requests = []
        daemon = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                first = self.rfile.readline().decode()
                if not first:
                    return
                length = 0
                while (line := self.rfile.readline().strip()):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.rfile.read(length)
                daemon.requests.append(first.split(" ")[1])
                answer = daemon.answers.pop(0) if len(daemon.answers) > 1 else daemon.answers[0]
                self.wfile.write(answer)

        self.server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def run(self, *arguments):
        return run_tool(*arguments, "--socket", self.path, program="oncectl")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def daemon():
    made = []

    def make(*answers):
        made.append(FakeDaemon(*answers))
        return made[-1]

    yield make
    for each in made:
        each.close()


def operation(state="running", number=1, **more):
    return http({"operation": number, "verb": "drain", "target": "orders", "started_ms": 1000, "state": state, "error": "",
                 "seconds": 1.0, "number": 0, "workers": [], **more})


NONSENSE = [b"", b"no JSON", b"{}", b"[]", b"null", b'{"consumers":3}', b'{"operation":"x"}', b'{"operation":1}',
            b'{"operation":1,"state":null}', b'{"reload":1}', b'{"reload":1,"state":7}', b"\x1b[2J\x00\xff"]
GATES = [("status",), ("status", "--json"), ("show", "workers"), ("show", "partitions", "--json"), ("drain", "orders"),
         ("drain", "orders", "--wait"), ("drain", "--all", "--wait"), ("restart", "orders", "--wait"), ("pause", "orders", "--reason", "x"),
         ("resume", "orders"), ("reload",), ("reload", "--wait"), ("top", "--times", "1"), ("drill", "orders"), ("log-level",)]


@pytest.mark.parametrize("verb", GATES, ids=" ".join)
def test_nonsense_is_no_success(daemon, verb):
    fake = daemon(b"")
    for body in NONSENSE:
        fake.answers = [http(body)]
        result = fake.run(*verb)
        assert result.returncode == 1, (body, result)
        assert result.stderr.startswith("oncectl") and "\x1b" not in result.stderr + result.stdout, (body, result)


def test_state_of_another_version_is_no_success(daemon):
    fake = daemon(operation(), operation("postponed"))
    result = fake.run("drain", "orders", "--wait")
    assert result.returncode == 1 and "postponed" in result.stderr and "drained" not in result.stdout
    fake.answers = [http({"reload": 1, "state": "postponed"})]
    assert fake.run("reload", "--wait").returncode == 1


def test_operation_of_a_daemon_that_was_started_anew_is_not_ours(daemon):
    others = operation("done", verb="pause", target="billing", started_ms=2000)
    fake = daemon(operation(), others)
    result = fake.run("drain", "orders", "--wait")
    assert result.returncode == 1 and "started anew" in result.stderr
    assert "drained" not in result.stdout

    fake = daemon(operation(), operation(started_ms=1000), operation("done"))
    assert fake.run("drain", "orders", "--wait").returncode == 0, "and one that is ours is"


def test_reload_of_a_daemon_that_was_started_anew_is_not_ours(daemon):
    fake = daemon(http({"reload": 3, "state": "checking", "started_ms": 1}), http({"reload": 0, "state": "none", "started_ms": 0}))
    result = fake.run("reload", "--wait")
    assert result.returncode == 1 and "started anew" in result.stderr


@pytest.mark.parametrize("answer", [b"", operation()[:40], operation()[:-5]], ids=["nothing", "half a head", "half a body"])
def test_answer_that_breaks_off_leaves_open_whether_it_was_done(daemon, answer):
    result = daemon(answer).run("pause", "orders", "--reason", "x")
    assert result.returncode == 3, result
    assert "whether it was done is not known" in result.stderr
    result = daemon(answer).run("status")
    assert result.returncode == 3 and "is not known" not in result.stderr, "nothing was asked for"


def test_daemon_that_hangs_is_not_waited_for_without_end(daemon):
    fake = daemon(http(STATUS))
    held = threading.Event()
    fake.server.finish_request = lambda *_: held.wait(60)
    begun = time.monotonic()
    jobs = [subprocess.Popen([BUILD / "oncectl", *verb, "--socket", fake.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for verb in (("status",), ("resume", "orders"))]
    said = [job.communicate(timeout=30 * slowness())[1] for job in jobs]
    held.set()
    assert [job.returncode for job in jobs] == [3, 3]
    assert time.monotonic() - begun < 25 * slowness()
    assert "hang" in said[0] and "is not known" not in said[0]
    assert "whether it was done is not known" in said[1]


@pytest.mark.parametrize("verb", [("status", "--json"), ("show", "partitions"), ("top", "--times", "1", "--interval", "100ms"), ("--help",)], ids=" ".join)
def test_output_that_does_not_fit_on_the_disk_is_no_success(daemon, verb):
    """More than one buffer of it: what is lost in the middle must not be forgotten at the end."""
    fake = daemon(http(WIDE))
    with open("/dev/full", "w") as full:
        result = subprocess.run([BUILD / "oncectl", "--socket", fake.path, *verb], stdin=subprocess.DEVNULL, stdout=full,
                                stderr=subprocess.PIPE, text=True, timeout=60 * slowness())
    assert result.returncode == 1 and result.stderr.count("standard output") == 1, result


def test_refusal_that_is_no_json_is_told_with_its_status(daemon):
    result = daemon(http(b"<html>\x1b[31m", code=502)).run("drain", "orders")
    assert result.returncode == 1 and "502" in result.stderr and "\x1b" not in result.stderr


def test_something_that_speaks_no_http_is_refused(daemon):
    result = daemon(b"220 \x1b[2Jmail.example ESMTP\r\n").run("status")
    assert result.returncode in (1, 3) and "\x1b" not in result.stderr, result


LIVE = [("top", "--interval", "100ms"), ("status", "--watch", "--interval", "100ms")]


@pytest.mark.parametrize("verb", LIVE, ids=" ".join)
def test_screen_is_as_large_as_a_small_terminal(daemon, verb):
    fake = daemon(http(WIDE))
    screen = Terminal("--socket", fake.path, *verb, columns=20)
    try:
        screen.wait(lambda seen: seen.count(CLEAR) >= 3, "screens")
    finally:
        screen.close()
    lines = re.sub(r"\033\[[0-9;]*m", "", screen.seen.split(CLEAR)[1].decode()).splitlines()
    assert len(lines) == 11 and max(map(len, lines)) == 20, lines


@pytest.mark.parametrize("verb", LIVE, ids=" ".join)
def test_terminal_that_cannot_be_cleared_gets_blocks(daemon, verb):
    screen = Terminal("--socket", daemon(http(WIDE)).path, *verb, TERM="dumb")
    try:
        screen.wait(lambda seen: seen.count(b"t[199]") >= 2, "blocks")
    finally:
        screen.close()
    assert b"\033" not in screen.seen


def test_top_waits_for_a_daemon_that_restarts(daemon):
    fake = daemon(http(STATUS), http(STATUS), b"", http(STATUS), http(STATUS), http(STATUS))
    result = fake.run("top", "--interval", "100ms", "--times", "5")
    assert result.returncode == 0 and result.stderr.count("no whole answer") == 1, result
    assert result.stdout.count("CONSUMER ") == 3
    assert daemon(b"").run("top", "--times", "1").returncode == 3, "the first look has to succeed"
