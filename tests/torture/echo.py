"""
echo - a server behind a door that answers what it is told, and a client of it
"""

import socket
import threading


class Echo:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.close()
        except OSError:
            pass


def connect(door, seconds=20):
    return socket.create_connection(("127.0.0.1", door.port), timeout=seconds)


def receive(connection, count):
    found = b""
    while len(found) < count:
        data = connection.recv(count - len(found))
        assert data
        found += data
    return found


def ask(connection, words=b"hello"):
    connection.sendall(words)
    return receive(connection, len(words))
