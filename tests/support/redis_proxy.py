"""
redis_proxy - between a client and a Redis of the tests, to cut a pipeline in its middle

Commands go through one by one, each when it is whole, answers as they come. The first command that
`is_last` picks is the last of its connection: `on_cut` is called, and nothing behind it ever arrives.
"""

import socket
import threading


def _take_command(data):
    """(words, rest) of the first whole command; (None, data) while there is none."""
    def line(at):
        end = data.find(b"\r\n", at)
        return (None, at) if end < 0 else (int(data[at + 1:end]), end + 2)

    count, at = line(0) if data else (None, 0)
    if count is None:
        return None, data
    words = []
    for _ in range(count):
        size, at = line(at)
        if size is None or len(data) < at + size + 2:
            return None, data
        words.append(data[at:at + size])
        at += size + 2
    return words, data[at:]


class RedisProxy:
    def __init__(self, redis, is_last, on_cut):
        self._target = redis.port
        self._is_last, self._on_cut = is_last, on_cut
        self._lock = threading.Lock()
        self.was_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
            data = b""
            try:
                while more := client.recv(65536):
                    data += more
                    words, rest = _take_command(data)
                    while words is not None:
                        server.sendall(data[:len(data) - len(rest)])
                        if self._is_time(words):
                            self._on_cut()
                            return
                        data = rest
                        words, rest = _take_command(data)
            except OSError:
                pass

    def _is_time(self, words):
        with self._lock:
            is_it = not self.was_cut and self._is_last(words)
            self.was_cut |= is_it
            return is_it

    @staticmethod
    def _pass_on(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass

    def close(self):
        self._listener.close()
