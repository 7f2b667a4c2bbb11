"""
proxy - a door between an onced and a server, and what can go wrong in it

Listens on a port, connects to another, and passes bytes on, in a thread of its own for all doors. A
door's trouble is a Trouble; None is a sound network. Changing it touches connections that are open already.
"""

import asyncio
import dataclasses
import random
import socket
import struct
import threading

from support.process import free_port


@dataclasses.dataclass(frozen=True)
class Trouble:
    delay: float = 0.0  # seconds, each way
    loss: float = 0.0  # chance of a chunk to wait for a retransmission
    is_cut: bool = False  # nothing passes, nothing is closed; what was sent arrives when it is over
    is_refusing: bool = False  # new connections are reset
    drip: int = 0  # bytes at once, a hundredth of a second apart; 0: all


RETRANSMISSION = (0.2, 1.2)  # seconds


class Doors:
    """The event loop that all doors of a run share."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._thread.start()
        self.doors = []

    def open(self, kind, host, target_port):
        door = Door(self._loop, kind, host, free_port(), target_port)
        asyncio.run_coroutine_threadsafe(door.listen(), self._loop).result(20)
        self.doors.append(door)
        return door

    def find(self, kind=None, host=None):
        return [d for d in self.doors if kind in (None, d.kind) and host in (None, d.host)]

    def heal(self):
        for door in self.doors:
            door.trouble = None

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end_tasks(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @staticmethod
    async def _end_tasks():
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Door:
    def __init__(self, loop, kind, host, port, target_port):
        self.kind = kind  # kafka, postgres, redis
        self.host = host  # whose door it is
        self.port = port
        self.target_port = target_port
        self.trouble = None
        self._loop = loop
        self._open = set()

    async def listen(self):
        self._server = await asyncio.start_server(self._serve_or_cancel, "127.0.0.1", self.port)

    # ---- from other threads ----

    def connections(self):
        return len(self._open)

    def reset(self):
        """Every open connection ends with a reset, at both ends."""
        self._in_loop(lambda connection: connection.reset())

    def half_open(self):
        """The server's side of every connection is closed; the other side never hears of it."""
        self._in_loop(lambda connection: connection.forget_server())

    def _in_loop(self, action):
        """Done to every open connection when this returns."""
        async def do():
            for connection in list(self._open):
                action(connection)
        asyncio.run_coroutine_threadsafe(do(), self._loop).result(20)

    # ---- in the loop ----

    async def _serve_or_cancel(self, reader, writer):
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        connection = _Connection(self, writer)
        if self.trouble and self.trouble.is_refusing:
            connection.reset()
            return
        try:
            server_reader, connection.server = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            connection.reset()
            return
        self._open.add(connection)
        try:
            await asyncio.gather(connection.pump(reader, connection.server),
                                 connection.pump(server_reader, writer))
        finally:
            self._open.discard(connection)
            connection.close()


class _Connection:
    def __init__(self, door, client):
        self.door = door
        self.client = client
        self.server = None
        self.is_half_open = False

    async def pump(self, reader, writer):
        """One way, until either side is through with it."""
        while True:
            try:
                data = await reader.read(65536)
                await self._pass(data, writer)
            except (OSError, asyncio.IncompleteReadError):
                data = b""
            if not data:
                await self._end(writer)
                return

    async def _pass(self, data, writer):
        trouble = self.door.trouble
        if trouble:
            await self._suffer(trouble)
        if trouble and trouble.drip and len(data) > trouble.drip:
            for at in range(0, len(data), trouble.drip):
                if self.door.trouble is not trouble:
                    data = data[at:]
                    break
                writer.write(data[at:at + trouble.drip])
                await asyncio.sleep(0.01)
            else:
                return
        writer.write(data)
        await writer.drain()

    async def _suffer(self, trouble):
        while self.door.trouble and self.door.trouble.is_cut:
            await asyncio.sleep(0.02)
        if trouble.delay:
            await asyncio.sleep(trouble.delay)
        if trouble.loss and random.random() < trouble.loss:
            await asyncio.sleep(random.uniform(*RETRANSMISSION))

    async def _end(self, writer):
        while self.is_half_open and writer is self.client:
            await asyncio.sleep(0.2)
        if writer.can_write_eof() and not writer.is_closing():
            try:
                writer.write_eof()
            except OSError:
                pass

    def forget_server(self):
        self.is_half_open = True
        self._abort(self.server)

    def reset(self):
        for writer in (self.client, self.server):
            self._abort(writer)

    @staticmethod
    def _abort(writer):
        if writer is None:
            return
        try:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        writer.transport.abort()

    def close(self):
        for writer in (self.client, self.server):
            if writer is not None:
                writer.close()
