"""
crowd - a thousand clients that mean no good: half-open, slow, loud, and wrong in every way

They keep as many connections open as they get, send what no client of ours would, and look at every
answer. Nothing they say may change anything: verbs that need no more than a name are said to nobody.
"""

import collections
import os
import random
import re
import select
import socket
import threading
import time

METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"get", b"\x00", b"X" * 300)
PATHS = (b"/", b"/metrics", b"/livez", b"/readyz", b"/v1/status", b"/v1/config", b"/v1/config/changes",
         b"/v1/operations/1", b"/v1/operations/%00", b"/v1/operations/" + b"9" * 40, b"/v1/consumers/nobody/drain",
         b"/v1/consumers/nobody/restart", b"/v1/consumers//pause", b"/v1/consumers/c/pause", b"/v1/consumers/c/skip",
         b"/v1/consumers/c/offsets", b"/v1/consumers/%2e%2e/pause", b"/v1/consumers/" + b"c" * 2000 + b"/pause",
         b"/../../etc/passwd", b"//", b"/v1", b"*", b"http://elsewhere/metrics", b"/metrics?" + b"a=b&" * 500, b"/%",
         b"/\xff\xfe", b"no-slash")
# None of them is what pause, skip or offsets ask for.
BODIES = (b"", b"{}", b"[]", b"null", b"{", b"[" * 6000, b'{"reason": 1}', b'{"reason": ""}', b'{"reason": null, "x": 1}',
          b'{"topic": "\xff"}', b'{"partition": 1e999}', b'{"partition": -1}', b'{"partition": "0", "offset": []}',
          b'{"offset": 99999999999999999999}', b'{"seconds": -5, "reason": {}}', b'{"to": "nowhere"}',
          b'{"a": "' + b"x" * 20000 + b'"}', b"\x00\x01\x02", b"reason=x&seconds=1")
NO_HTTP = (b"\x16\x03\x01\x02\x00" * 40, b"\r\n" * 300, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 200,
           b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 3000 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40000 + b"\r\n\r\n",
           b"POST /v1/consumers/c/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n{",
           b"POST /v1/consumers/c/pause HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
           b"POST /v1/consumers/c/pause HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
           b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def request(chance):
    """A whole request, a piece of one, or none at all."""
    if chance.random() < 0.25:
        return chance.choice(NO_HTTP)
    method, path, body = chance.choice(METHODS), chance.choice(PATHS), chance.choice(BODIES)
    made = b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (method, path, len(body), body)
    return made if chance.random() < 0.6 else made[:chance.randrange(1, len(made))]


class Crowd:
    """Works in a thread while the block runs. `addresses`: (host, port) or the path of a socket."""

    def __init__(self, addresses, count=1000, per_second=100, seed=1):
        self.addresses, self.count, self.per_second = addresses, count, per_second
        self.chance = random.Random(seed)
        self.answers = collections.Counter()  # by status
        self.sent = self.most = 0
        self._clients = {}
        self._poll = select.poll()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        for client in self._clients.values():
            client.close()

    def _open(self):
        address = self.addresses[len(self._clients) % len(self.addresses)]
        client = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        client.setblocking(False)
        try:
            client.connect(address if isinstance(address, tuple) else os.fspath(address))
        except BlockingIOError:
            if not isinstance(address, tuple):
                client.close()  # its backlog is full: later
                return
        except OSError:
            client.close()
            return
        self._clients[client.fileno()] = client
        self._poll.register(client, select.POLLIN)

    def _drop(self, number):
        self._poll.unregister(number)
        self._clients.pop(number).close()

    def _hear(self):
        for number, _ in self._poll.poll(0):
            try:
                said = self._clients[number].recv(1 << 20)
            except OSError:
                said = b""
            for status in STATUS_LINE.findall(said):
                self.answers[int(status)] += 1
            if not said:
                self._drop(number)

    def _say(self):
        number = self.chance.choice(list(self._clients))
        try:
            self._clients[number].send(request(self.chance))
            self.sent += 1
        except OSError:
            pass  # not connected yet, or not any more: it is heard of

    def _run(self):
        while not self._over.wait(0.05):
            for _ in range(min(100, self.count - len(self._clients))):
                self._open()
            self.most = max(self.most, len(self._clients))
            self._hear()
            for _ in range(self.per_second // 20 if self._clients else 0):
                self._say()

    def wait_sent(self, count, seconds):
        deadline = time.monotonic() + seconds
        while self.sent < count:
            assert time.monotonic() < deadline, f"{self.sent} of {count} requests sent"
            time.sleep(0.05)
