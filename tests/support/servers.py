"""
servers - everything a test needs from real servers, under one name

    from support.servers import Kafka, Postgres
    kafka, postgres = Kafka().start(), Postgres().start()

Each has start, stop, kill9, restart, sigstop, sigcont, close. As a program it starts the servers
asked for, runs a command with their addresses in its environment, and ends with that command's exit
code:

    servers.py --postgres --kafka -- COMMAND ...

    ONCED_TEST_POSTGRES   URL of an empty database, with user and password
    ONCED_TEST_PGBOUNCER  the same server behind a pooler in transaction mode (implies --postgres),
                          with _SESSION behind it in session mode
    ONCED_TEST_KAFKA      bootstrap.servers
    ONCED_TEST_REDIS      URL with the login of an administrator
    ONCED_TEST_REDIS_TLS  its port with TLS, and ONCED_TEST_REDIS_FILES the directory with certificates
    ONCED_TEST_SENTINEL   port of a Sentinel that wants a login, and watches it under the name shop
"""

import os
import pathlib
import subprocess
import sys

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.kafka_client import NO_OFFSET, KafkaClient, Record
from support.kafka_server import Kafka, KafkaCluster
from support.pgbouncer_server import Pgbouncer
from support.postgres_server import PASSWORD, USER, Postgres
from support.process import Server, children_of, free_port, is_alive, send_signal, wait_for
from support.redis_server import ADMIN_PASSWORD, Redis, Sentinel

__all__ = [
    "NO_OFFSET", "PASSWORD", "USER", "Kafka", "KafkaClient", "KafkaCluster", "Pgbouncer", "Postgres", "Record",
    "Redis", "Sentinel", "Server", "children_of", "free_port", "is_alive", "send_signal", "wait_for",
]


def main(arguments):
    if "--" not in arguments:
        print("usage: servers.py [--postgres] [--pgbouncer] [--kafka] [--redis] -- COMMAND ...", file=sys.stderr)
        return 2
    split = arguments.index("--")
    wanted, command = set(arguments[:split]), arguments[split + 1:]
    environment = dict(os.environ)
    servers = []
    try:
        if wanted & {"--postgres", "--pgbouncer"}:
            servers.append(Postgres().start())
            servers[-1].create_database("contract")
            environment["ONCED_TEST_POSTGRES"] = servers[-1].url("contract", with_password=True)
        if "--pgbouncer" in wanted:
            for mode, name in (("transaction", "PGBOUNCER"), ("session", "PGBOUNCER_SESSION")):
                servers.append(Pgbouncer(servers[0], mode).start())
                environment[f"ONCED_TEST_{name}"] = servers[-1].url("contract", with_password=True)
        if "--kafka" in wanted:
            servers.append(Kafka().start())
            environment["ONCED_TEST_KAFKA"] = servers[-1].bootstrap
        if "--redis" in wanted:
            redis = Redis(has_tls=True).start()
            sentinel = Sentinel(redis, wants_login=True).start()
            servers += [redis, sentinel]
            environment["ONCED_TEST_REDIS"] = redis.url_with_login("admin", ADMIN_PASSWORD)
            environment["ONCED_TEST_REDIS_TLS"] = str(redis.tls_port)
            environment["ONCED_TEST_REDIS_FILES"] = str(redis.directory)
            environment["ONCED_TEST_SENTINEL"] = str(sentinel.port)
        return subprocess.run(command, env=environment).returncode
    finally:
        for server in reversed(servers):
            server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
