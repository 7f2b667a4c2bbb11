"""
contender - who runs against whom, and how each is started

Every contender is a program told by its environment where broker, topic and database are; it works
until SIGTERM, then commits and ends with 0. onced is the exception: it gets a configuration file, as
its users would write it.
"""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys

from scenario.harness import Onced, merge
from support.postgres_server import PASSWORD, USER
from support.process import die_with_parent

from . import workload
from .stage import BUILD

HERE = pathlib.Path(__file__).resolve().parents[1]

OWN_CLAIMS = "onced.processed_events"
PLAIN_CLAIMS = "processed"


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    words: str  # for the legend
    claims: str  # the table of ids it writes
    command: tuple = ()  # empty: onced
    environment: tuple = ()
    share: float = 1.0  # of the workload: slow ones get less of it
    sections: dict = dataclasses.field(default_factory=dict)  # onced: beyond the defaults

    def is_built(self):
        return not self.command or os.path.exists(self.command[0])


def _python(script):
    return (sys.executable, str(HERE / "python" / script))


ALL = {c.name: c for c in [
    Contender("onced", "onced, defaults (two lanes)", OWN_CLAIMS),
    Contender("limit", "bare C loop, a statement for each order, no framework", OWN_CLAIMS,
              (str(BUILD / "bench" / "limit"),)),
    Contender("limit-sets", "the same, one statement for a batch as onced sends it", OWN_CLAIMS,
              (str(BUILD / "bench" / "limit"),), (("BENCH_SETS", "1"),)),
    Contender("go", "Go, hand-tuned batches (franz-go, pgx)", PLAIN_CLAIMS, (str(BUILD / "go-batch"),)),
    Contender("go-2", "the same with two loops and connections", PLAIN_CLAIMS, (str(BUILD / "go-batch"),),
              (("BENCH_LOOPS", "2"),)),
    Contender("python", "Python, hand-tuned batches (psycopg 3)", PLAIN_CLAIMS, _python("batch.py")),
    Contender("python-each", "Python, a transaction and a commit for each message", PLAIN_CLAIMS, _python("each.py"),
              share=0.04),
]}
ONCED = ALL["onced"]


def available(names):
    """Those of `names` that are built; says which are not."""
    found = []
    for name in names:
        if ALL[name].is_built():
            found.append(ALL[name])
        else:
            print(f"{name} is not built here and left out", file=sys.stderr)
    return found


class Entry:
    """One contender at work on one topic and one database (None: without a store)."""

    def __init__(self, stage, contender, topic, database, lanes=None, port=None, sections=None):
        self.contender = contender
        self.topic = topic
        self.database = database
        self.group = stage.new_group(contender.name)
        self.directory = stage.directory / self.group
        self.directory.mkdir()
        self._port = port or (stage.postgres.port if stage.postgres else None)
        self.onced = None
        if contender.command:
            self._start_program(stage, lanes)
        else:
            self._start_onced(stage, merge(contender.sections, sections))

    # ---- start ----

    def _start_program(self, stage, lanes):
        address = f"host=127.0.0.1 port={self._port} user={USER} password={PASSWORD} dbname={self.database}"
        environment = {
            **os.environ, "BENCH_KAFKA": stage.kafka.bootstrap, "BENCH_TOPIC": self.topic,
            "BENCH_GROUP": self.group, "BENCH_DATABASE": address, **dict(self.contender.environment)}
        if lanes:
            environment["BENCH_LANES"] = str(lanes)
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.contender.command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent)

    def _start_onced(self, stage, sections):
        store = {"store": "none:"} if self.database is None else {
            "store": f"postgresql://127.0.0.1:{self._port}/{self.database}", "store.user": USER,
            "store.password": PASSWORD}
        self.dlq = stage.kafka.create_topic(f"{self.group}.dlq", 1)
        self.onced = Onced(self.directory, merge({
            "onced": {**store, "log.format": "logfmt"},
            "kafka": {"bootstrap.servers": stage.kafka.bootstrap},
            "consumer c": {"topics": self.topic, "group.id": self.group, "handler": "effect", "dlq.topic": self.dlq},
            "handler effect": {"type": "sql", "statement": workload.STATEMENT},
        }, sections))
        self.process = self.onced.start(wait=False).process

    # ---- life ----

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        path = self.onced.log_path if self.onced else self.directory / "log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:])

    def must_run(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.contender.name} ended with {self.process.returncode}\n{self.log()}")

    def stop(self):
        self.must_run()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise RuntimeError(f"{self.contender.name} ended with {self.process.returncode}\n{self.log()}")

    def close(self):
        if self.onced:
            self.onced.kill_everything()
        elif self.process.poll() is None:
            self.process.kill()
            self.process.wait()
