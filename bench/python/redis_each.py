"""
redis_each - the loop as it is written today: ask Redis once for each message, and do nothing else

`SET id 1 NX EX` before the work and no word after it: an event is lost when the process dies between
the two. Written to the socket by hand, which costs less than a client library. Ends by itself after
BENCH_COUNT messages and prints how long they took.
"""

import json
import os
import socket
import sys
import time

from confluent_kafka import Consumer

SEVEN_DAYS = b"604800"


class Redis:
    def __init__(self, port, user, password):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.ask(b"AUTH", user.encode(), password.encode()):
            raise SystemExit("Redis refuses the login")

    def ask(self, *words):
        head = b"*%d\r\n" % len(words)
        self._socket.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self._socket.recv(512) == b"+OK\r\n"


def main():
    redis = Redis(int(os.environ["BENCH_REDIS"]), *os.environ["BENCH_LOGIN"].split(":"))
    consumer = Consumer({
        "bootstrap.servers": os.environ["BENCH_KAFKA"], "group.id": os.environ["BENCH_GROUP"],
        "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([os.environ["BENCH_TOPIC"]])
    count, begun, new = int(os.environ["BENCH_COUNT"]), None, 0
    for n in range(count):
        message = None
        while message is None or message.error():
            message = consumer.poll(1)
        begun = begun or time.monotonic()
        event_id = json.loads(message.value())["event_id"]
        new += redis.ask(b"SET", b"seen:" + event_id.encode(), b"1", b"NX", b"EX", SEVEN_DAYS)
        if n % 1000 == 999:
            consumer.commit(asynchronous=True)
    print(json.dumps({"records": count, "new": new, "seconds": time.monotonic() - begun}))
    sys.stdout.flush()
    consumer.close()


main()
