"""
test_redis - leases and marks in a Redis that dies, forgets, fails over, fills up or falls asleep

Two handlers make the same effects, lines in a file: `inside` runs in batches on lanes, `outside` one
event a runner. No event is ever lost; one comes twice only where onced says why.
"""

import json
import signal

import pytest

from support.process import free_port, send_signal, wait_for
from support.redis_server import PASSWORD, SENTINEL_PASSWORD, Redis, Sentinel

from .elsewhere import check_keys_in_order, effects, ids, wait_effects, wait_in_handlers
from .harness import run_tool, slowness
from .redis_store import finish, repeats, rows, start, wanted, with_redis


@pytest.mark.threads
@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_each_event_takes_effect_once_and_is_marked(world, redis, kind):
    world.create_topics(partitions=3)
    records = world.produce_stream(1000, duplicates=0.2)
    onced = start(world, redis, kind)
    finish(world, onced, records)
    assert sorted(ids(world)) == sorted(wanted(records))
    assert rows(redis) == {"done": len(wanted(records))}
    check_keys_in_order(world, {record[0]: record[1] for record in records})


def test_a_socket_will_do_and_a_number_of_the_database(world, redis):
    world.create_topics()
    records = world.produce_stream(50)
    onced = start(world, redis, changes={"onced": {"store": f"redis+unix://{redis.socket_path}?db=3"}})
    finish(world, onced, records)
    with redis.client() as client:
        client.call("SELECT", 3)
        assert len(client.call("KEYS", "onced:id:*")) == 50


def test_over_tls_with_a_certificate_at_both_ends(world):
    redis = Redis(has_tls=True).start()
    try:
        world.create_topics()
        records = world.produce_stream(500)
        onced = start(world, redis, changes={"onced": {"store": redis.tls_url()}})
        finish(world, onced, records)
        assert rows(redis) == {"done": 500}
    finally:
        redis.close()


# What keeps one away from a Redis with TLS and users, and the words it is named with.
REFUSALS = {
    "authority": (lambda r: {"store": r.tls_url(ca="other.pem")}, "the certificate of localhost is not trusted"),
    "host": (lambda r: {"store": r.tls_url(host="127.0.0.1")}, "is not for 127.0.0.1"),
    "password": (lambda r: {"store": r.tls_url(), "store.password": "another"}, "store.user or store.password is wrong"),
    "right": (lambda r: {"store": r.tls_url(), "store.user": "small"}, "NOPERM"),
    "no TLS there": (lambda r: {"store": f"rediss://127.0.0.1:{r.port}/0?ca={r.directory}/ca.pem"}, "TLS"),
}


def test_what_keeps_the_daemon_away_is_named(world):
    redis = Redis(has_tls=True).start()
    try:
        redis.call("ACL", "SETUSER", "small", "on", f">{PASSWORD}", "~onced:*", "+auth", "+select", "+info")
        world.create_topics()
        started = {}
        for name, (changes, _) in REFUSALS.items():
            # Dynamic: five members of one group with one name would end each other.
            onced = world.onced(with_redis(world, redis, changes={
                "onced": changes(redis), "consumer c": {"instance.id": "off"}}))
            onced.secrets.append(PASSWORD.encode())
            started[name] = onced.start(wait=False)
        for name, (_, words) in REFUSALS.items():
            assert_named(started[name], name, words)
    finally:
        redis.close()


def assert_named(onced, name, words):
    """In a line of its log, in its status while it lives, and by the doctor; then it goes."""
    def is_said():
        return any(words in line and "level=debug" not in line and "msg=status" not in line
                   for line in onced.log_path.read_text(errors="replace").splitlines())
    wait_for(is_said, 60 * slowness(), f"the log names {name}")
    onced.wait_until(lambda: words in json.dumps(onced.status()), 60, f"the status names {name}")
    result = run_tool("-c", onced.config, "--json", "doctor", program="oncectl", timeout=120)
    [bad] = [f for f in json.loads(result.stdout)["findings"] if f["check"] == "store" and f["severity"] == "error"]
    assert words in bad["text"] + bad["change"] and "\n" not in bad["text"], bad
    assert PASSWORD not in result.stdout + result.stderr
    onced.stop()


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_failures_park_hold_and_end_as_they_do_in_a_transaction(world, redis, kind):
    world.create_topics()
    gate = world.directory / "gate"
    gate.touch()
    world.produce_event("flaky", key=b"a", fault="retry:2")
    world.produce_event("behind", key=b"a")
    world.produce_event("poison", key=b"b", fault="reject")
    world.produce_event("free", key=b"d")
    world.kafka.flush()
    onced = start(world, redis, kind)
    wait_effects(world, 3)
    world.produce_event("held", key=b"c", fault=f"gate:{gate}")
    world.kafka.flush()
    onced.wait_metric(1, "onced_held")
    wait_for(lambda: len(world.dead_letters()) == 1, 20, "the dead letter is there")
    assert [e.id for e in effects(world) if e.id != "free"] == ["flaky", "behind"]
    assert {e.id: e.attempt for e in effects(world)}["flaky"] == 3
    wait_for(lambda: rows(redis)["running"] == 0, 10, "no claim is held by what waits")
    gate.unlink()
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.dead_letters()
    assert dict(letter.headers)["onced-event-id"] == b"poison"
    assert sorted(ids(world)) == ["behind", "flaky", "free", "held"]
    assert rows(redis) == {"done": 4, "dead": 1}


# ---- workers that die ----


@pytest.mark.failpoints
@pytest.mark.parametrize("stage, kind, most", [
    ("after_lease", "inside", 0), ("after_effect", "inside", 500), ("before_mark", "outside", 64),
    ("after_mark", "inside", 0)])
def test_killed_once_at(world, redis, stage, kind, most):
    """The successor finds its predecessor's leases by their token: nobody waits for their end."""
    world.create_topics(partitions=2)
    records = world.produce_stream(200)
    once = world.directory / "died"
    # With one lane nobody else's effects are without their marks when the worker dies.
    lanes = {"lanes": 1} if most == 0 else {}
    onced = start(world, redis, kind, {"consumer c": {"claim.lease": "10m", "batch.max": 50, **lanes}}, env={
        "ONCED_FAILPOINT": f"{stage}:kill:2", "ONCED_FAILPOINT_ONCE": str(once)})
    finish(world, onced, records)
    assert once.exists(), f"no process ever came to {stage}"
    assert repeats(world) <= most
    assert rows(redis) == {"done": 200}


# ---- a Redis that fails ----


def meet(world):
    """An event that meets the fault, however fast the others were."""
    world.produce_event("a-meets", key=b"meets")
    world.kafka.flush()


def under_load(world, redis, fault, kind="inside", changes=None, count=1500):
    """Half of a stream, the fault in it, the other half."""
    world.create_topics(partitions=2)
    first = world.produce_stream(count // 2, prefix="a")
    onced = start(world, redis, kind, changes)
    wait_effects(world, count // 10)
    fault(onced)
    second = world.produce_stream(count // 2, prefix="b")
    return onced, first + second


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_killed_and_started_empty(world, redis, kind):
    def fault(onced):
        redis.kill9()
        meet(world)
        onced.wait_metric(1, "onced_store_errors_total")
        redis.start()

    onced, records = under_load(world, redis, fault, kind)
    onced.wait_metric(1, "onced_store_losses_total")
    finish(world, onced, [*records, ("a-meets",)])


def test_restarted_with_what_it_knew(world):
    redis = Redis(is_durable=True).start()
    try:
        onced, records = under_load(world, redis, lambda onced: redis.restart(graceful=False))
        finish(world, onced, records)
        assert repeats(world) == 0
        assert rows(redis) == {"done": len(wanted(records))}
    finally:
        redis.close()


def test_flushed_in_the_middle(world, redis):
    onced, records = under_load(world, redis, lambda onced: redis.call("FLUSHALL"))
    onced.wait_metric(1, "onced_store_losses_total")
    finish(world, onced, records)


def test_asleep_under_load(world, redis):
    def fault(onced):
        redis.sigstop()
        meet(world)
        onced.wait_metric(1, "onced_store_errors_total")
        redis.sigcont()

    onced, records = under_load(world, redis, fault, changes={"onced": {"store.lock.timeout": "500ms"}})
    finish(world, onced, [*records, ("a-meets",)])


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_full_is_held_and_burns_nothing(world, redis, kind):
    def fault(onced):
        redis.call("CONFIG", "SET", "maxmemory", "1")
        meet(world)
        onced.wait_metric(1, "onced_store_errors_total")
        redis.call("CONFIG", "SET", "maxmemory", "0")

    onced, records = under_load(world, redis, fault, kind)
    finish(world, onced, [*records, ("a-meets",)])
    assert repeats(world) == 0
    assert not world.dead_letters()


def test_evicting_is_told_before_and_after(world, redis):
    redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")

    def fault(onced):
        used = int(redis.info("used_memory"))
        redis.call("CONFIG", "SET", "maxmemory", str(used - 40000))
        meet(world)
        wait_for(lambda: int(redis.info("evicted_keys")) > 0, 20, "keys were thrown away")
        redis.call("CONFIG", "SET", "maxmemory", "0")

    onced, records = under_load(world, redis, fault)
    assert "maxmemory-policy is allkeys-random" in onced.log_path.read_text()
    onced.wait_metric(1, "onced_store_losses_total", seconds=40)
    finish(world, onced, [*records, ("a-meets",)])


def test_failover_by_sentinel(world, redis):
    replica = Redis(replica_of=redis).start()
    wait_for(lambda: replica.info("master_link_status") == "up", 20, "the replica follows")
    sentinel = Sentinel(redis, wants_login=True).start()
    try:
        wait_for(lambda: sentinel.call("SENTINEL", "replicas", "shop"), 30 * slowness(), "the Sentinel knows both")
        changes = {"onced": {"store": f"redis+sentinel://127.0.0.1:{free_port()},"
                                      f"127.0.0.1:{sentinel.port}/shop",
                             "store.sentinel.user": "asker", "store.sentinel.password": SENTINEL_PASSWORD}}
        onced, records = under_load(world, redis, lambda onced: redis.kill9(), changes=changes)
        finish(world, onced, records)
        assert replica.info("role") == "master"
        assert rows(replica)["done"] > 0
    finally:
        sentinel.close()
        replica.close()


@pytest.fixture
def watched():
    """(master, its replica, their Sentinel), which speak to nobody but over TLS."""
    made = [Redis(has_tls=True)]
    try:
        made[0].start()
        made.append(Redis(replica_of=made[0], has_tls=True))
        made[1].start()
        wait_for(lambda: made[1].info("master_link_status") == "up", 20 * slowness(), "the replica follows")
        made.append(Sentinel(made[0], wants_login=True, has_tls=True))
        made[2].start()
        wait_for(lambda: made[2].call("SENTINEL", "replicas", "shop"), 30 * slowness(), "the Sentinel knows both")
        yield made
    finally:
        for server in reversed(made):
            server.close()


def test_failover_by_sentinels_over_tls(world, watched):
    master, replica, sentinel = watched
    url = sentinel.tls_url().replace("localhost", f"localhost:{free_port()},localhost", 1)
    changes = {"onced": {"store": url, "store.sentinel.user": "asker", "store.sentinel.password": SENTINEL_PASSWORD}}
    onced, records = under_load(world, master, lambda onced: master.kill9(), changes=changes)
    finish(world, onced, records)
    assert replica.info("role") == "master"
    assert rows(replica)["done"] > 0


def test_what_keeps_one_away_from_sentinels_over_tls_is_named(world, watched):
    _, _, sentinel = watched
    world.create_topics()
    login = {"store.sentinel.user": "asker", "store.sentinel.password": SENTINEL_PASSWORD}
    refusals = [
        (sentinel.tls_url(ca="other.pem"), login, "the certificate of localhost is not trusted"),
        (sentinel.tls_url(host="127.0.0.1"), login, "is not for 127.0.0.1"),
        (sentinel.tls_url(port=sentinel.port), login, "TLS with localhost"),
        (sentinel.tls_url(), {}, "set store.sentinel.password"),
        (f"redis+sentinel://localhost:{sentinel.tls_port}/shop", login, "connection to Redis lost"),
    ]
    for store, more, words in refusals:
        assert words in doctor_of_store(world, store, more)
    assert doctor_of_store(world, sentinel.tls_url(), login) == ""
    # A master told by its address is none that the certificate knows.
    sentinel.call("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no")
    assert "is not for 127.0.0.1" in doctor_of_store(world, sentinel.tls_url(), login)


def doctor_of_store(world, store, more):
    """What `oncectl doctor` has against it; "" where nothing."""
    onced = world.onced(with_redis(world, Nowhere, changes={"onced": {"store": store, **more}}))
    result = run_tool("-c", onced.write_config(), "--json", "doctor", program="oncectl", timeout=120)
    assert PASSWORD not in result.stdout + result.stderr and SENTINEL_PASSWORD not in result.stdout + result.stderr
    bad = [finding["text"] for finding in json.loads(result.stdout)["findings"]
           if finding["check"] == "store" and finding["severity"] == "error"]
    return "\n".join(bad)


def test_a_zombie_learns_that_its_leases_are_lost(world, redis):
    world.create_topics()
    for n in range(3):
        world.produce_event(f"e{n}", n, key=f"k{n}".encode(), fault="sleep:2500")
    world.kafka.flush()
    # the heir takes the partition at once: what keeps him from the events is the lease alone
    changes = {"consumer c": {"claim.lease": "1s", "partitions": "0"}}
    zombie = start(world, redis, "outside", changes)
    wait_in_handlers(zombie, 3)
    frozen = zombie.pids()
    for pid in frozen:
        send_signal(pid, signal.SIGSTOP)
    heir = start(world, redis, "outside", changes)
    world.wait_finished(heir, 60)
    assert heir.metrics().sum("onced_leases_taken_over_total") == 3
    for pid in frozen:
        send_signal(pid, signal.SIGCONT)
    zombie.wait_metric(3, "onced_leases_lost_total")
    zombie.stop()
    heir.stop()
    assert rows(redis) == {"done": 3}


# ---- what is said before anything is done ----


def test_a_replica_is_refused_by_name_and_taken_when_it_is_one_no_more(world, redis):
    redis.call("REPLICAOF", "127.0.0.1", "1")
    world.create_topics()
    records = world.produce_stream(20)
    onced = world.onced(with_redis(world, redis))
    onced.start(wait=False)
    wait_for(lambda: "is a replica of 127.0.0.1:1" in onced.log_path.read_text(), 20, "it is told")
    assert ids(world) == []
    redis.call("REPLICAOF", "NO", "ONE")
    finish(world, onced, records)


def test_check_config_knows_what_this_build_cannot(world, redis):
    onced = world.onced(with_redis(world, redis, changes={"onced": {"store": "redis://host:port"}}))
    checked = run_tool("--check-config", "-c", onced.write_config())
    assert checked.returncode == 78
    assert "the host is not readable" in checked.stderr


def test_memory_is_for_development_and_says_so(world):
    world.create_topics()
    records = world.produce_stream(100, duplicates=0.5)
    onced = world.onced({**with_redis(world, Nowhere), "onced": {
        **world.sections()["onced"], "store": "memory:500", "store.user": None, "store.password": None}})
    onced.start()
    finish(world, onced, records)
    assert sorted(ids(world)) == sorted(wanted(records))
    assert "is for development" in onced.log_path.read_text()


class Nowhere:
    @staticmethod
    def url():
        return "memory:"
