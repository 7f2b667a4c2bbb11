"""
test_doctor - each mistake made once against a secured broker and a database over TLS: named in one sentence

The library that is tested against may not know SCRAM well enough for this broker (librdkafka before
2.6.1): then the one that comes with the tests' own client takes its place, as LD_LIBRARY_PATH does.
"""

import json
import os
import pathlib
import shutil

import confluent_kafka
import pytest

from support.cache import scratch_dir
from support.postgres_server import PASSWORD, Postgres
from support.secured_kafka import PASSWORD as BROKER_PASSWORD
from support.secured_kafka import SecuredKafka

from .harness import merge, run_tool, write_ini
from .world import World

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def secured():
    server = SecuredKafka().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def newer_library(tmp_path_factory):
    """An environment in which programs find the tests' librdkafka."""
    wheel = pathlib.Path(confluent_kafka.__file__).resolve().parent.parent / "confluent_kafka.libs"
    found = sorted(wheel.glob("librdkafka*.so*"))
    assert found, f"no librdkafka in {wheel}"
    directory = tmp_path_factory.mktemp("lib")
    (directory / "librdkafka.so.1").symlink_to(found[0])
    return {"LD_LIBRARY_PATH": os.pathsep.join([str(directory), str(wheel)])}


class Patient:
    """A configuration, good but for what a test changes, and what the doctor says of it."""

    def __init__(self, world, secured, directory, env):
        self.world, self.secured, self.directory, self.env = world, secured, directory, env
        for name, partitions in ((world.topic, 3), (world.dlq, 3)):
            secured.create_topic(name, partitions, max_message_bytes=100_000 if name == world.topic else 200_000,
                                 retention_ms=DAY_MS if name == world.topic else -1)
        secured.allow(topic=world.topic, operations=("READ", "DESCRIBE_CONFIGS"))
        secured.allow(topic=world.dlq, operations=("WRITE", "DESCRIBE_CONFIGS"))
        secured.allow(group=world.group)

    def sections(self, changes=None):
        kafka = self.secured.client()
        return merge(merge(self.world.sections(), {
            "onced": {"store.migrate": "no", "stop.timeout": "40s", "state.dir": self.directory,
                      "control.socket": self.directory / "c.sock"},
            "kafka": {**kafka, "session.timeout.ms": 45000},
            "consumer c": {"dedup.retention": "off", "instance.id": "off"},
        }), changes)

    def write(self, changes=None):
        path = self.directory / "onced.ini"
        path.write_text(write_ini(self.sections(changes)))
        path.chmod(0o600)
        return path

    def migrate(self):
        result = run_tool("-c", self.write(), "migrate", program="oncectl")
        assert result.returncode == 0, result.stderr

    def ask(self, changes=None, env=None, options=()):
        """(exit status, findings)"""
        result = run_tool("-c", self.write(changes), "--json", "doctor", *options, program="oncectl",
                          env=self.env if env is None else env, timeout=120)
        assert PASSWORD not in result.stdout + result.stderr and BROKER_PASSWORD not in result.stdout + result.stderr
        assert result.stdout, result.stderr
        return result.returncode, json.loads(result.stdout)["findings"]

    def names(self, check, words, changes=None, severity="error", env=None):
        """Exactly one finding of that check and severity, and it says this; nothing else is wrong."""
        status, findings = self.ask(changes, env)
        bad = [f for f in findings if f["severity"] in ("error", "warning")]
        assert len(bad) == 1, json.dumps(findings, indent=1)
        assert (bad[0]["check"], bad[0]["severity"]) == (check, severity), bad
        told = bad[0]["text"] + "; " + bad[0]["change"]
        assert [word for word in words if word not in told] == [], told
        assert "\n" not in bad[0]["text"]
        assert status == (1 if severity == "error" else 0)


@pytest.fixture
def patient(world, secured, newer_library, tmp_path):
    made = Patient(world, secured, tmp_path, newer_library)
    made.migrate()
    yield made
    for name in (world.topic, world.dlq):
        if secured.partition_count(name):
            secured.delete_topic(name)
        secured.forbid(topic=name)
    secured.forbid(group=world.group)


def test_nothing_is_wrong_where_nothing_is(patient):
    status, findings = patient.ask()
    assert status == 0
    assert not [f for f in findings if f["severity"] in ("error", "warning")], json.dumps(findings, indent=1)
    good = {f["check"] for f in findings if f["severity"] == "good"}
    assert {"cluster", "brokers", "topics", "partitions", "read", "write", "dead-letters", "store"} <= good
    # and nothing was left behind
    assert patient.secured.end_offsets(patient.world.dlq) == {0: 0, 1: 0, 2: 0}
    assert patient.secured.committed(patient.world.group, patient.world.topic) == {}
    assert patient.world.sql("SELECT count(*) FROM onced.scopes") == [(0,)]


def test_what_keeps_the_cluster_away_is_named(patient):
    secured = patient.secured
    wrong_ca = {"kafka": {"ssl.ca.location": secured.stranger.certificate}}
    patient.names("cluster", ["signed by an authority that is not in ssl.ca.location"], wrong_ca)
    patient.names("cluster", ["for another host name", "bootstrap.servers"],
                  {"kafka": {"bootstrap.servers": f"127.0.0.1:{secured.secured_port}"}})
    patient.names("cluster", ["refuses the login", "sasl.password"], {"kafka": {"sasl.password": "another-password"}})
    patient.names("cluster", ["does not offer this sasl.mechanism"], {"kafka": {"sasl.mechanism": "SCRAM-SHA-256"}})
    patient.names("cluster", ["nobody speaks TLS on this port"],
                  {"kafka": {"bootstrap.servers": f"127.0.0.1:{secured.port}"}})
    patient.names("cluster", ["wants TLS or a login"],
                  {"kafka": {"security.protocol": "PLAINTEXT", "sasl.mechanism": None}})
    patient.names("cluster", ["nobody listens there"], {"kafka": {"bootstrap.servers": "localhost:1"}})


def test_what_an_older_library_cannot_is_named(patient):
    if _own_library_knows_scram():
        pytest.skip("this librdkafka logs in to Kafka 4 by SCRAM")
    status, findings = patient.ask(env={})
    bad = {f["check"]: f["text"] for f in findings if f["severity"] in ("error", "warning")}
    assert status == 1 and set(bad) == {"library", "cluster"}
    assert "cannot log in to Kafka 4 by SCRAM" in bad["library"]
    assert "though the password is right" in bad["cluster"]
    # by PLAIN it works as it is
    status, findings = patient.ask({"kafka": {"sasl.mechanism": "PLAIN"}}, env={})
    assert status == 0, findings


def _own_library_knows_scram():
    words = run_tool("--version").stdout.split("librdkafka ")[1].split()[0].split(".")
    return tuple(map(int, words[:3])) >= (2, 6, 1)


def test_missing_rights_are_named(patient):
    world, secured = patient.world, patient.secured
    secured.forbid(group=world.group)
    patient.names("read", ["lacks the right Read on group", world.group])
    secured.allow(group=world.group)
    secured.forbid(topic=world.topic)
    secured.allow(topic=world.topic, operations=("DESCRIBE", "DESCRIBE_CONFIGS"))
    patient.names("read", ["lacks the right Read on topic", world.topic])
    secured.allow(topic=world.topic)
    secured.forbid(topic=world.dlq)
    secured.allow(topic=world.dlq, operations=("DESCRIBE", "DESCRIBE_CONFIGS"))
    patient.names("write", ["lacks the right Write on topic", world.dlq])
    secured.forbid(topic=world.dlq)
    patient.names("topics", ["lacks the right Write on topic", world.dlq, "does not exist looks the same"])


def test_topics_that_do_not_fit_are_named(patient):
    world, secured = patient.world, patient.secured
    small = secured.create_topic(f"{world.name}.small", 3, max_message_bytes=50_000, retention_ms=-1)
    short = secured.create_topic(f"{world.name}.short", 3, max_message_bytes=200_000, retention_ms=3_600_000)
    compact = secured.create_topic(f"{world.name}.compact", 3, max_message_bytes=200_000, cleanup_policy="compact",
                                   retention_ms=-1)
    for name in (small, short, compact, f"{world.name}.none"):
        secured.allow(topic=name, operations=("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"))

    def dlq(name):
        return {"consumer c": {"dlq.topic": name}}

    patient.names("dead-letters", [small, "takes 50000 bytes", "max.message.bytes"], dlq(small), "warning")
    patient.names("dead-letters", [short, "keeps dead letters for 1h"], dlq(short), "warning")
    patient.names("dead-letters", [compact, "compacted"], dlq(compact))
    patient.names("topics", ["there is no topic", "none", "create it"], dlq(f"{world.name}.none"))
    patient.names("partitions", ["has 3 partitions", "number 3"], {"consumer c": {"partitions": "0-3"}})
    patient.names("partitions", ["partition 2 is in no worker's list"], {"consumer c": {"partitions": "0-1"}})
    patient.names("partitions", ["4 workers", "3 partitions"], {"onced": {"replicas": 2}, "consumer c": {"workers": 2}},
                  "warning")
    patient.names("retention", ["raise dedup.retention"], {"consumer c": {"dedup.retention": "1h"}}, "warning")
    for name in (small, short, compact):
        secured.delete_topic(name)


def test_what_is_wrong_with_the_store_is_named(patient):
    world = patient.world
    patient.names("store", ["password authentication failed", "store.password"], {"onced": {"store.password": "x"}})
    patient.names("store", ["does not exist", "create the database"],
                  {"onced": {"store": world.postgres.url("nowhere")}})
    patient.names("store", ['"***"', "better use store.password"],
                  {"onced": {"store": f"postgresql://app:{PASSWORD}/x@127.0.0.1/shop"}})
    patient.names("store", ["Connection refused"], {"onced": {"store": "postgresql://127.0.0.1:1/x"}})
    patient.names("store", ["does not support SSL"],
                  {"onced": {"store": world.postgres.url(world.database) + "?sslmode=require"}})

    role = f"r{world.name}"
    world.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    as_role = {"onced": {"store.user": role}}
    patient.names("store", ["schema onced", "GRANT"], as_role)
    world.sql(f"GRANT USAGE ON SCHEMA onced TO {role}")
    world.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA onced TO {role}")
    patient.names("store", ["lacks rights", "INSERT on onced.processed_events", "GRANT"], as_role)
    world.sql(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA onced TO {role}")
    assert patient.ask(as_role)[0] == 0
    world.sql(f"DROP OWNED BY {role}")
    world.sql(f"DROP ROLE {role}")

    world.sql("INSERT INTO onced.scopes (scope, group_id) VALUES ('c', 'somebody-else')")
    patient.names("store", ["belongs to group somebody-else", "dedup.scope"])
    world.sql("DELETE FROM onced.scopes")
    newest = world.sql("SELECT max(version) FROM onced.schema_version")[0][0]
    world.sql("INSERT INTO onced.schema_version (version) VALUES (99)")
    patient.names("store", ["schema version 99", "newer"])
    world.sql("DELETE FROM onced.schema_version WHERE version >= %s", (newest,))
    patient.names("store", [f"needs {newest}", "oncectl migrate"])
    world.sql("DROP SCHEMA onced CASCADE")
    patient.names("store", ["no tables of onced", "oncectl migrate"])


def test_the_gate_is_an_exit_status(patient):
    warned = {"onced": {"stop.timeout": "25s"}}
    assert patient.ask(warned)[0] == 0
    assert patient.ask(warned, options=["--strict"])[0] == 1
    result = run_tool("-c", patient.write(warned), "doctor", program="oncectl", env=patient.env)
    assert result.stdout.startswith("warning deployment: stop.timeout (25s)"), result.stdout
    assert run_tool("-c", patient.write(), "doctor", "--timeout", "soon", program="oncectl").returncode == 2
    assert run_tool("-c", patient.directory / "none.ini", "doctor", program="oncectl").returncode == 1


# ---- the daemon itself, through the secured door ----

def tls_postgres(secured):
    """A database server of its own that takes TLS alone, by a certificate of the same authority."""
    key, certificate = secured.authority.sign("database", ["localhost"])
    server = Postgres(settings={"ssl": "on", "ssl_cert_file": "'server.crt'", "ssl_key_file": "'server.key'"})
    for source, name in ((key, "server.key"), (certificate, "server.crt")):
        target = server.data / name
        shutil.copy(source, target)
        target.chmod(0o600)
        shutil.chown(target, *((server.data.owner(), server.data.group())))
    (server.data / "pg_hba.conf").write_text(
        "hostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all all 127.0.0.1/32 reject\n")
    return server.start()


@pytest.fixture(scope="module")
def guarded_database(secured):
    server = tls_postgres(secured)
    yield server
    server.close()


@pytest.fixture
def guarded(guarded_database, secured, newer_library, tmp_path):
    """A patient whose database wants TLS, too."""
    world = World(secured, guarded_database, scratch_dir("run"))
    made = Patient(world, secured, tmp_path, newer_library)
    yield made
    for name in (world.topic, world.dlq):
        secured.forbid(topic=name)
    secured.forbid(group=world.group)
    world.close()
    shutil.rmtree(world.directory, ignore_errors=True)


def over_tls(patient, host="localhost", authority=None):
    world = patient.world
    ca = authority or patient.secured.authority.certificate
    # localhost is looked up; another name is of no name server.
    known = "" if host == "localhost" else "&hostaddr=127.0.0.1"
    return (f"postgresql://{host}:{world.postgres.port}/{world.database}?sslmode=verify-full&sslrootcert={ca}"
            f"{known}")


def daemon(patient, changes=None):
    sections = merge(patient.sections({"onced": {"store": over_tls(patient), "store.migrate": "yes"}}), changes)
    for own in ("state.dir", "control.socket"):
        del sections["onced"][own]
    return patient.world.onced_with(sections, patient.env, [PASSWORD, BROKER_PASSWORD])


def test_the_daemon_works_through_tls_logins_and_rights(guarded):
    world = guarded.world
    world.produce_stream(200)
    world.produce(*[(None, None, b"no json")])
    onced = daemon(guarded).start()
    world.wait_finished(onced)
    evidence = world.finish(onced)
    assert len(evidence.effects) == 200 and len(evidence.dead_letters) == 1


REFUSALS = {
    "authority": (lambda p: {"kafka": {"ssl.ca.location": p.secured.stranger.certificate}},
                  "authority that is not in ssl.ca.location"),
    "host": (lambda p: {"kafka": {"bootstrap.servers": f"127.0.0.1:{p.secured.secured_port}"}}, "for another host name"),
    "password": (lambda p: {"kafka": {"sasl.password": "another"}}, "refuses the login"),
    "database authority": (lambda p: {"onced": {"store": over_tls(p, authority=p.secured.stranger.certificate)}},
                           "certificate verify failed"),
    "database host": (lambda p: {"onced": {"store": over_tls(p, host="database.example")}},
                      "does not match host name"),
    "database without TLS": (lambda p: {"onced": {"store": over_tls(p).replace("verify-full", "disable")}},
                             "no encryption"),
    "database password": (lambda p: {"onced": {"store.password": "another"}}, "password authentication failed"),
}


def test_the_daemon_names_what_keeps_it_away(guarded):
    started = []
    for changes, _ in REFUSALS.values():
        started.append(daemon(guarded, changes(guarded)).start(wait=False))
    for onced, (name, (_, words)) in zip(started, REFUSALS.items()):
        _assert_named(onced, words, name)
        onced.stop(seconds=60)


def _assert_named(onced, words, name):
    """In its log, in a line of its own and not only where the status is logged, and in its status."""
    def lines():
        return [line for line in onced.log_path.read_text(errors="replace").splitlines()
                if words in line and "level=debug" not in line and "msg=status" not in line]
    onced.wait_until(lambda: lines(), 60, f"the log names {name}")
    onced.wait_until(lambda: words in json.dumps(onced.status()), 60, f"the status names {name}")
    told = onced.log_path.read_text(errors="replace").splitlines()
    assert not [line for line in told if "librdkafka says" in line and "level=warning" in line], onced.log_tail()


def test_the_daemon_names_rights_that_are_missing_and_goes_on_with_them(guarded):
    world, secured = guarded.world, guarded.secured
    world.produce_stream(20)
    secured.forbid(group=world.group)
    onced = daemon(guarded).start(wait=False)
    _assert_named(onced, "lacks the right Read on group", "group")
    secured.allow(group=world.group)
    onced.wait_ready(60)
    world.wait_finished(onced)
    secured.forbid(topic=world.dlq)
    world.produce(*[(None, None, b"no json")])
    _assert_named(onced, "lacks the right Write on topic", "dead letters")
    secured.allow(topic=world.dlq, operations=("WRITE",))
    onced.wait_until(lambda: len(world.dead_letters()) == 1, 60, "the dead letter is written")
    world.wait_finished(onced)
    secured.forbid(topic=world.topic)
    _assert_named(onced, "lacks the right Read on topic", "topic")
    secured.allow(topic=world.topic)
    world.produce_stream(20, prefix="later")
    world.wait_finished(onced)
    onced.stop()
