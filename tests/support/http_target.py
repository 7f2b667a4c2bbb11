"""
http_target - an HTTP service that misbehaves as told, for scenarios

Runs in a thread of the test program, on a port that is kept across stop() and start(). Each request is
written down before it is answered. What follows is, in this order: the next action of `script` for its
Idempotency-Key, else `default`. An action is a status, a (status, headers, body), or one of HANG (never
answers), DRIP (answers, and its answer never ends), slow(SECONDS) (and then 200), RESET, TRUNCATE (half an
answer) and CLOSE (none).
"""

import asyncio
import collections
import socket
import struct
import threading
import time

from .process import free_port

HANG, DRIP, RESET, TRUNCATE, CLOSE = "hang", "drip", "reset", "truncate", "close"
SLOW = "slow"

Request = collections.namedtuple("Request", "id method path headers body connection")


def slow(seconds):
    return SLOW, seconds


class HttpTarget:
    def __init__(self, tls=None):
        self.port = free_port()
        self.tls = tls  # an ssl.SSLContext
        self.requests = []
        self.done = []  # ids answered 2xx, in that order
        self.done_at = []  # and when, monotonic seconds
        self.connections = 0
        self.script = collections.defaultdict(list)
        self.default = 200
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = None
        self._tasks = set()

    # ---- life; from the test's thread ----

    def start(self):
        self._run(self._start())
        return self

    def stop(self):
        """Nobody listens, and all connections are gone."""
        self._run(self._stop())

    def close(self):
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def url(self, path="/"):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def ids(self):
        return [request.id for request in list(self.requests)]

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _start(self):
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.tls, reuse_address=True)

    async def _stop(self):
        if self._server:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- a connection ----

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            await self._serve_requests(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(asyncio.current_task())
            writer.close()

    async def _serve_requests(self, reader, writer, connection):
        while True:
            request = await self._read(reader, connection)
            self.requests.append(request)
            if not await self._act(self.action_for(request), request, writer):
                return

    def action_for(self, request):
        script = self.script.get(request.id)
        return script.pop(0) if script else self.default

    def note_done(self, request):
        self.done.append(request.id)
        self.done_at.append(time.monotonic())

    async def _read(self, reader, connection):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if ": " in line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(headers.get("idempotency-key"), method, path, headers, body, connection)

    async def _act(self, action, request, writer):
        """True: the connection is kept."""
        if isinstance(action, tuple) and action[0] == SLOW:
            await asyncio.sleep(action[1])
            action = 200
        if action == DRIP:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif action == HANG:
            await asyncio.sleep(3600)
        elif action == RESET:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif action == TRUNCATE:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
        elif action != CLOSE:
            status, headers, body = action if isinstance(action, tuple) else (action, {}, b"")
            if 200 <= status < 300:
                self.note_done(request)
            lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}",
                     *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            return True
        return False
