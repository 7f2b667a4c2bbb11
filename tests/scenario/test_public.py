"""
test_public - the TCP listener: who reads, who is refused, and clients that misbehave while records flow
"""

import json
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.process import free_port, send_signal
from .harness import run_tool, slowness
from .listener import ask, listening


def wait_probe(onced, port, target, status, words, seconds=30):
    def is_so():
        code, text = ask(port, target)
        return code == status and words in text
    onced.wait_until(is_so, seconds, f"{target} answers {status} with {words!r}")


def wait_open(onced, count):
    """Where a partition starts is asked of the store: it can be away only after that."""
    onced.wait_until(lambda: [p["state"] for p in onced.partitions().values()] == count * ["running"],
                     30, "the partitions are open")


def test_what_may_be_read_and_nothing_else(world):
    world.create_topics(partitions=2)
    port, changes = listening()
    onced = world.start(changes)
    onced.wait_assigned(2)
    world.produce_stream(100)
    world.wait_finished(onced)
    for target in ("/", "/metrics", "/livez", "/readyz", "/v1/status"):
        assert ask(port, target)[0] == 200, target
        assert ask(port, target, "HEAD") == (200, "")
        assert ask(port, target, "POST")[0] == 405
    assert json.loads(ask(port, "/v1/status")[1])["consumers"][0]["name"] == "c"
    for method, target in (("GET", "/v1/config"), ("GET", "/v1/operations/1"), ("POST", "/v1/consumers/c/pause"),
                           ("POST", "/v1/consumers/c/restart"), ("GET", "/v1"), ("GET", "/../etc/passwd")):
        assert ask(port, target, method)[0] == 404, target
    checked = subprocess.run(["promtool", "check", "metrics"], input=ask(port, "/metrics")[1], text=True,
                             capture_output=True, timeout=60)
    assert checked.returncode == 0 and not checked.stderr, checked.stderr
    world.finish(onced)
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/livez")


def test_ipv6_and_a_port_that_is_taken(world):
    world.create_topics()
    port, changes = listening("::")
    onced = world.start(changes)
    assert ask(port, "/readyz", host="::1")[0] == 200
    assert ask(port, "/readyz")[0] == 200
    other = world.onced({**changes, "consumer c": {"group.id": world.group + "-other", "instance.id": "off"}})
    other.start(wait=False)
    assert other.wait_exit() == 1
    assert f"http.listen: cannot listen on [::]:{port}: Address already in use" in other.log_tail()
    other.check_remains()
    onced.stop()


def test_probes_say_what_is_the_matter(world):
    world.create_topics(partitions=1)
    port, changes = listening()
    # One worker has no partition: that is no reason.
    onced = world.start({**changes, "consumer c": {"workers": 2}})
    wait_probe(onced, port, "/readyz", 200, "all consumers have joined")
    wait_open(onced, 1)
    # A store that is away fails neither.
    world.postgres.stop()
    world.produce_stream(20)
    onced.wait_until(lambda: any(w["store_down"] for w in onced.workers()), 30, "the store's absence is noticed")
    assert [ask(port, target)[0] for target in ("/livez", "/readyz")] == [200, 200]
    world.postgres.start()
    # Stopped, then released on purpose: ready without a worker.
    assert run_tool("--socket", onced.socket, "drain", "c", "--wait", "--release", program="oncectl").returncode == 0
    wait_probe(onced, port, "/readyz", 200, "1 of 1 consumers are paused on purpose")
    assert onced.metrics().sum("onced_paused") >= 1
    assert run_tool("--socket", onced.socket, "resume", "c", program="oncectl").returncode == 0
    wait_probe(onced, port, "/readyz", 200, "all consumers have joined")
    world.finish(onced)


def test_not_ready_before_kafka_answers_and_alive_all_the_while(world):
    world.create_topics()
    port, changes = listening()
    nowhere = {"kafka": {"bootstrap.servers": f"127.0.0.1:{free_port()}"}}
    onced = world.onced({**changes, **nowhere})
    onced.start(wait=False)
    onced.wait_until(lambda: onced.is_running() and onced.worker_pids(), 30, "a worker runs")
    wait_probe(onced, port, "/readyz", 503, "worker c/0 has not joined its group yet")
    assert ask(port, "/livez")[0] == 200
    onced.stop()


def test_partitions_that_nobody_lists_are_not_ready(world):
    world.create_topics(partitions=3)
    port, changes = listening()
    onced = world.start({**changes, "consumer c": {"partitions": "0,2"}})
    wait_probe(onced, port, "/readyz", 503, f"no worker lists {world.topic}[1]")
    assert ask(port, "/livez")[0] == 200
    onced.stop()


def test_strict_readiness_follows_the_store(world):
    world.create_topics()
    port, changes = listening()
    changes["onced"]["ready.strict"] = "yes"
    onced = world.start(changes)
    wait_probe(onced, port, "/readyz", 200, "joined")
    wait_open(onced, 1)
    world.postgres.stop()
    world.produce_stream(5)
    wait_probe(onced, port, "/readyz", 503, "its store is down")
    assert ask(port, "/livez")[0] == 200
    world.postgres.start()
    wait_probe(onced, port, "/readyz", 200, "joined")
    world.finish(onced)


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    return client


def is_closed(client):
    client.settimeout(20 * slowness())
    try:
        while client.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def drip(port, seconds):
    """A request that never ends, a byte at a time: how long it is borne."""
    client = connect(port)
    began = time.monotonic()
    try:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        while time.monotonic() - began < seconds:
            client.sendall(b"x")
            time.sleep(0.2)
    except OSError:
        pass
    client.close()
    return time.monotonic() - began


def test_misbehaving_clients_stop_nobody(world):
    world.create_topics(partitions=4)
    port, changes = listening()
    onced = world.start(changes)
    onced.wait_assigned(4)
    world.produce_stream(6000)
    crowd = []
    try:
        for n in range(1000):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            crowd.append(client)
            if n % 250 == 249:
                assert ask(port, "/livez", timeout=20 * slowness())[0] == 200
                assert len(onced.status()["consumers"]) == 1
        assert ask(port, "/metrics", timeout=20 * slowness())[0] == 200
        # All at once, for each is borne for a while: a request that never ends, half-open ones, oversized ones,
        # no HTTP at all, and gone before the answer.
        slow = ThreadPoolExecutor(1)
        borne = slow.submit(drip, port, 30)
        half = connect(port)
        half.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        half.shutdown(socket.SHUT_WR)
        bad = {}
        for request in (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 40000 + b"\r\n\r\n",
                        b"GET /" + b"y" * 40000 + b" HTTP/1.1\r\n\r\n",
                        b"POST /metrics HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n" + b"z" * 5000,
                        b"\x16\x03\x01\x02\x00" * 500, b"\r\n" * 5000):
            client = connect(port)
            try:
                client.sendall(request)
            except OSError:
                pass
            bad[client] = request[:20]
        for _ in range(50):
            client = connect(port)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            client.close()
        for client, request in {**bad, half: "half-open"}.items():
            assert is_closed(client), request
            client.close()
        assert borne.result() < 25
        assert ask(port, "/readyz", timeout=20 * slowness())[0] == 200
    finally:
        for client in crowd:
            client.close()
    world.finish(onced)


def test_a_worker_that_stands_still_is_seen_and_named(world):
    """The store is SQLite: its workers are killed after 15 s, and not alive is said before that."""
    world.create_topics()
    port, changes = listening()
    changes["onced"].update({"store": f"sqlite:{world.directory}/store.db", "store.user": None, "store.password": None})
    onced = world.start({**changes, "handler effect": {"type": "log", "statement": None}})
    [pid] = onced.worker_pids()
    assert ask(port, "/livez")[0] == 200
    send_signal(pid, signal.SIGSTOP)
    wait_probe(onced, port, "/livez", 503, f"worker c/0, pid {pid}, gave no sign of life for")
    onced.wait_worker_exit(pid, 30)
    wait_probe(onced, port, "/livez", 200, "all workers move")
    onced.stop()
