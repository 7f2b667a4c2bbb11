"""
foreign - the loop that users write around a service or a command: one event, one call, one answer

BENCH_KIND = http: http.client over a connection that is kept, BENCH_URL; exec: a child that reads and
writes lines of JSON, BENCH_COMMAND. BENCH_STORE = 1: seen ids are looked up before and written down
after the effect, each in a transaction of its own. Offsets are stored after the effect and committed
by the library.
"""

import http.client
import json
import os
import subprocess
import urllib.parse

from order import CLAIM, Stop, consumer

SEEN = "SELECT 1 FROM processed WHERE event_id = %s"


class Http:
    def __init__(self):
        url = urllib.parse.urlsplit(os.environ["BENCH_URL"])
        self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        self._path = url.path

    def __call__(self, message, envelope):
        self._connection.request("POST", self._path, message.value(), {
            "Content-Type": "application/json", "Idempotency-Key": envelope["event_id"]})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"answered {answer.status}")


class Exec:
    def __init__(self):
        self._child = subprocess.Popen(
            [os.environ["BENCH_COMMAND"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._seq = 0

    def __call__(self, message, envelope):
        self._seq += 1
        line = json.dumps({
            "seq": self._seq, "event_id": envelope["event_id"], "event_type": envelope["event_type"],
            "topic": message.topic(), "partition": message.partition(), "offset": message.offset(),
            "timestamp_ms": message.timestamp()[1], "attempt": 1, "key": message.key().decode(), "headers": [],
            "value": envelope})
        self._child.stdin.write(line + "\n")
        answer = json.loads(self._child.stdout.readline())
        if answer["seq"] != self._seq or answer["result"] != "done":
            raise SystemExit(f"answered {answer}")


class Ids:
    """Those seen, in Postgres."""

    def __init__(self):
        import psycopg
        self._connection = psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)

    def has(self, event_id):
        return self._connection.execute(SEEN, (event_id,)).fetchone() is not None

    def add(self, event_id):
        self._connection.execute(CLAIM, (event_id,))


def main():
    stop = Stop()
    effect = {"http": Http, "exec": Exec}[os.environ["BENCH_KIND"]]()
    ids = Ids() if os.environ.get("BENCH_STORE") else None
    source = consumer(**{"enable.auto.commit": True, "auto.commit.interval.ms": 500, "enable.auto.offset.store": False})
    while not stop:
        message = source.poll(0.1)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        envelope = json.loads(message.value())
        if ids is None or not ids.has(envelope["event_id"]):
            effect(message, envelope)
            if ids is not None:
                ids.add(envelope["event_id"])
        source.store_offsets(message)
    source.close()


main()
