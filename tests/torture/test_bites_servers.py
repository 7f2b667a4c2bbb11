"""
test_bites_servers - each kind of fault of a server, struck alone, does to it what it says, and takes it back

On a PostgreSQL, on Redis with and without a Sentinel, and on programs that stand for brokers. BY_NOBODY lists the
kinds that have no such proof, and why; docs/reliability.md names them.
"""

import pathlib
import re
import types

import psycopg2
import pytest

from scenario.harness import ROOT
from support.pgbouncer_server import Pgbouncer
from support.postgres_server import Postgres
from support.process import state_of, wait_for
from support.redis_server import Redis, RedisClient, Refused

from . import disk, modes
from .servers import Servers
from .small import SECONDS, TABLE, fault_of

OF_ONCECTL = "what oncectl does is proved by scenario/test_verbs.py and scenario/test_reload.py"
BY_NOBODY = {
    "reload": OF_ONCECTL,
    "pause": OF_ONCECTL,
    "pause of a partition": OF_ONCECTL,
    "drain": OF_ONCECTL,
    "restart by oncectl": OF_ONCECTL,
    "rebalance storm": "needs a broker",
    "leaders moved": "needs three brokers",
    "partitions added": "needs a broker",
    "topic deleted": "needs a broker",
    "retention passes": "needs a broker",
}


# ---- brokers ----


@pytest.mark.parametrize("name, is_coordinator", [("broker kill -9", False), ("coordinator kill -9", True),
                                                  ("broker stop", False)])
def test_one_broker_is_away_and_comes_back(stage, name, is_coordinator):
    stage.start_brokers()
    fault = fault_of(stage, name)
    fault.strike()
    [away] = [broker for broker in stage.servers.brokers if not broker.is_ready()]
    assert not away.is_running() and fault.note == f"broker {stage.servers.brokers.index(away) + 1}"
    assert away is stage.servers.brokers[1] or not is_coordinator
    fault.end()
    wait_for(fault.is_over, SECONDS, "it is there again")
    assert away.is_ready()


@pytest.mark.parametrize("name, is_coordinator", [("broker SIGSTOP", False), ("coordinator SIGSTOP", True)])
def test_one_broker_stands_still_and_goes_on(stage, name, is_coordinator):
    stage.start_brokers()
    fault = fault_of(stage, name)
    fault.strike()
    wait_for(lambda: [state_of(b.process.pid) for b in stage.servers.brokers].count("T") == 1, SECONDS, "one stands")
    [still] = [broker for broker in stage.servers.brokers if not broker.is_ready()]
    assert still is stage.servers.brokers[1] or not is_coordinator
    fault.end()
    wait_for(still.is_ready, SECONDS, "it goes on")


def test_brokers_are_rolled_one_at_a_time(stage):
    stage.start_brokers()
    before = [broker.process for broker in stage.servers.brokers]
    most_away = []

    def is_over():
        most_away.append(sum(not broker.is_ready() for broker in stage.servers.brokers))
        return fault.is_over()

    fault = fault_of(stage, "brokers rolling")
    fault.strike()
    wait_for(is_over, SECONDS, "all were rolled")
    assert max(most_away) == 1
    assert all(b.process is not old and b.is_ready() for b, old in zip(stage.servers.brokers, before))


def test_all_brokers_are_down_at_once(stage):
    stage.start_brokers()
    fault = fault_of(stage, "all brokers down")
    fault.strike()
    assert not any(broker.is_running() for broker in stage.servers.brokers)
    fault.end()
    wait_for(fault.is_over, SECONDS, "all are there again")


# ---- PostgreSQL ----


@pytest.fixture(scope="module")
def postgres():
    server = Postgres(settings={"wal_level": "minimal", "max_wal_senders": 0})
    mounted = None
    try:
        server.start()
        mounted = disk.mount(server)
        server.create_database("bites")
        for statement in ("CREATE TABLE effects (body text)", "CREATE SCHEMA onced",
                          "CREATE TABLE onced.processed_events (body text)",
                          *([f"ALTER TABLE effects SET TABLESPACE {disk.NAME}"] if mounted else [])):
            server.execute(statement, database="bites")
        yield types.SimpleNamespace(server=server, disk=mounted)
    finally:
        server.close()
        if mounted:
            mounted.close()


@pytest.fixture
def database(stage, postgres):
    """A stage with that server, and a session of it."""
    stage.postgres, stage.database = postgres.server, "bites"
    stage.servers.disk = postgres.disk
    stage.session = postgres.server.connect("bites")
    yield stage
    stage.session.close()


def run(session, statement="SELECT 1"):
    with session.cursor() as cursor:
        cursor.execute(statement)


def insert(stage, table="effects", body="'x'"):
    session = stage.postgres.connect(stage.database)
    try:
        run(session, "SET lock_timeout = '300ms'")
        run(session, f"INSERT INTO {table} SELECT {body}")
    finally:
        session.close()


@pytest.mark.parametrize("name, is_recovered", [("postgres restart", False), ("postgres immediate stop", True)])
def test_the_database_is_away_and_its_sessions_are_lost(database, name, is_recovered):
    log = database.postgres.log_path
    insert(database)
    behind = len(log.read_text())
    fault = fault_of(database, name)
    fault.strike()
    assert not database.postgres.is_ready()
    with pytest.raises(psycopg2.OperationalError):
        run(database.session)
    fault.end()
    wait_for(fault.is_over, SECONDS, "it is there again")
    insert(database)
    assert ("was not properly shut down" in log.read_text()[behind:]) == is_recovered


def test_every_session_is_ended(database):
    fault = fault_of(database, "postgres backends terminated")
    fault.strike()
    assert fault.note == "1 sessions"
    with pytest.raises(psycopg2.OperationalError):
        run(database.session)
    insert(database)


@pytest.mark.parametrize("name, table, other", [
    ("postgres effects locked", "effects", "onced.processed_events"),
    ("postgres ids locked", "onced.processed_events", "effects")])
def test_one_table_is_locked_for_a_while(database, name, table, other):
    fault = fault_of(database, name)
    fault.strike()
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        insert(database, table)
    insert(database, other)
    fault.end()
    insert(database, table)


def is_refused(database, error):
    try:
        insert(database)
        return False
    except error:
        return True


def test_the_database_takes_no_writes_for_a_while(database):
    fault = fault_of(database, "postgres read-only")
    fault.strike()
    error = psycopg2.errors.ReadOnlySqlTransaction
    wait_for(lambda: is_refused(database, error), SECONDS, "writes are refused")
    run(database.session)
    fault.end()
    wait_for(lambda: not is_refused(database, error), SECONDS, "writes are taken")


def test_the_disk_of_the_effects_is_full(database):
    if not database.servers.disk:
        pytest.skip("no file system can be mounted here")
    fault = fault_of(database, "postgres disk full")
    megabyte = "string_agg(md5(n::text), '') FROM generate_series(1, 32768) n"
    insert(database, body=megabyte)
    fault.strike()
    with pytest.raises(psycopg2.errors.DiskFull):
        for _ in range(8):
            insert(database, body=megabyte)
    insert(database, "onced.processed_events")
    fault.end()
    insert(database, body=megabyte)


@pytest.mark.parametrize("name", ["pooler restart", "pooler kill -9"])
def test_the_pooler_is_away_and_its_sessions_are_lost(database, name):
    database.mode.pooler = Pgbouncer(database.postgres).start()
    try:
        session = Postgres.connect(types.SimpleNamespace(port=database.mode.pooler.port), "bites")
        run(session)
        fault = fault_of(database, name)
        fault.strike()
        assert not database.mode.pooler.is_running() and not database.mode.pooler.is_ready()
        with pytest.raises(psycopg2.OperationalError):
            run(session)
        run(database.session)
        fault.end()
        wait_for(fault.is_over, SECONDS, "it is there again")
    finally:
        database.mode.pooler.close()


# ---- Redis ----


class RedisServers:
    """The part of a round's servers that is about Redis."""

    take_redis = Servers.take_redis

    def __init__(self, doors):
        self.doors = doors
        self.brokers = []
        self.redis = Redis().start()
        self.door = doors.open("redis", "a", self.redis.port)

    def client(self, seconds=10):
        """As a host is connected."""
        return RedisClient(self.door.port, seconds=seconds)


@pytest.fixture
def redis(stage):
    stage.servers = RedisServers(stage.servers.doors)
    with stage.servers.client() as client:
        client.call("SET", "known", "yes")
    yield stage
    stage.servers.redis.close()


def known(stage):
    with stage.servers.client() as client:
        return client.call("GET", "known")


def test_redis_comes_back_empty(redis):
    fault = fault_of(redis, "redis restart, empty")
    fault.strike()
    assert not redis.servers.redis.is_ready()
    fault.end()
    wait_for(fault.is_over, SECONDS, "it is there again")
    assert known(redis) is None


def test_redis_is_flushed(redis):
    assert known(redis) == b"yes"
    fault_of(redis, "redis flush").strike()
    assert known(redis) is None


def test_redis_evicts_and_stops_evicting(redis):
    server = redis.servers.redis
    for number in range(400):
        server.call("SET", f"key-{number}", "x" * 1000)
    fault = fault_of(redis, "redis eviction")
    fault.strike()
    server.call("SET", "one", "more")
    fault.end()
    evicted = int(server.info("evicted_keys"))
    assert evicted > 10 and fault.note == f"{evicted} keys so far"
    server.call("SET", "another", "x" * 10000)
    assert int(server.info("evicted_keys")) == evicted


def test_redis_is_full_and_refuses_to_write(redis):
    fault = fault_of(redis, "redis full")
    fault.strike()
    with redis.servers.client() as client, pytest.raises(Refused, match="OOM"):
        client.call("SET", "one", "more")
    assert known(redis) == b"yes"
    fault.end()
    redis.servers.redis.call("SET", "one", "more")


def test_redis_stands_still_and_goes_on(redis):
    with redis.servers.client(seconds=0.5) as client:
        fault = fault_of(redis, "redis SIGSTOP")
        fault.strike()
        with pytest.raises(TimeoutError):
            client.call("PING")
    fault.end()
    assert known(redis) == b"yes"


def test_a_replica_takes_the_address_of_redis(redis):
    old = redis.servers.redis
    with redis.servers.client() as client:
        fault = fault_of(redis, "redis failover")
        fault.strike()
        wait_for(lambda: fault.replica.is_ready() and fault.replica.info("master_link_status") == "up", SECONDS,
                 "the replica follows")
        fault.end()
        with pytest.raises(ConnectionError):
            client.call("PING")
    new = redis.servers.redis
    assert new is fault.replica and not old.is_running() and known(redis) == b"yes"
    with redis.servers.client() as client:
        client.call("SET", "one", "more")
    assert new.call("GET", "one") == b"more"


# {name: how the old master is then}
WATCHED = {
    "sentinel: master kill -9": lambda master: not master.is_running(),
    "sentinel: master SIGSTOP": lambda master: state_of(master.process.pid) == "T",
    "sentinel: ordered failover": Redis.is_ready,
}


def could_strike(fault):
    """Not before the Sentinel has heard from the replica that it may be promoted."""
    try:
        fault.strike()
        return True
    except Refused:
        return False


@pytest.mark.parametrize("name", WATCHED)
def test_the_sentinel_finds_another_master(redis, name):
    redis.options = types.SimpleNamespace(seed=1)
    redis.mode = modes.MODES["sentinel"]()
    redis.mode.prepare(redis)
    try:
        first = redis.mode.master()
        fault = fault_of(redis, name)
        wait_for(lambda: could_strike(fault), SECONDS, "it is taken")
        wait_for(lambda: WATCHED[name](first), SECONDS, "it is hit")
        fault.end()
        assert redis.mode.master() is not first and first.is_running()
    finally:
        redis.mode.close(redis)


# ---- all of them ----


def proved():
    """Kinds that a test here or in test_bites.py names."""
    here = pathlib.Path(__file__)
    # Behind the list of those that have none.
    texts = here.read_text().split("\n}\n", 1)[1], here.with_name("test_bites.py").read_text()
    return {name for name in TABLE if any(f'"{name}"' in text for text in texts)}


def test_every_kind_of_fault_is_proved_or_said_not_to_be():
    assert not proved() & set(BY_NOBODY)
    assert proved() | set(BY_NOBODY) == set(TABLE), "a new kind needs a test here, or a reason"


def test_the_document_names_the_kinds_without_a_proof():
    text = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    [named] = re.findall(r"only the rounds show it: ([^.]*)\.", text)
    assert sorted(named.split(", ")) == sorted(BY_NOBODY)
