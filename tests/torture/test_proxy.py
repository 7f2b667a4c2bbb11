"""
test_proxy - a door passes what it should, and troubles what it is told to
"""

import socket
import threading
import time

import pytest

from .echo import Echo, ask, connect, receive
from .proxy import Doors, Trouble


@pytest.fixture
def door():
    echo, doors = Echo(), Doors()
    yield doors.open("kafka", "a", echo.port)
    doors.close()
    echo.listener.close()


def test_bytes_pass_unchanged(door):
    words = bytes(range(256)) * 4000
    with connect(door) as connection:
        threading.Thread(target=connection.sendall, args=(words,), daemon=True).start()
        assert receive(connection, len(words)) == words


def test_the_end_passes(door):
    with connect(door) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


@pytest.mark.parametrize("trouble, at_least", [
    (Trouble(delay=0.2), 0.4), (Trouble(loss=1.0), 0.4), (Trouble(drip=10), 0.09)])
def test_trouble_takes_time_and_loses_nothing(door, trouble, at_least):
    with connect(door) as connection:
        ask(connection)
        door.trouble = trouble
        began = time.monotonic()
        assert ask(connection, b"0123456789" * 10) == b"0123456789" * 10
        assert time.monotonic() - began >= at_least


def test_a_cut_holds_everything_back_until_it_is_healed(door):
    with connect(door, 0.5) as connection:
        ask(connection)
        door.trouble = Trouble(is_cut=True)
        connection.sendall(b"later")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        door.trouble = None
        connection.settimeout(20)
        assert receive(connection, 5) == b"later"


def test_a_reset_ends_what_is_open_and_nothing_else(door):
    with connect(door) as connection:
        ask(connection)
        door.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect(door) as connection:
        assert ask(connection) == b"hello"


def test_refusing_resets_who_comes(door):
    door.trouble = Trouble(is_refusing=True)
    with pytest.raises((ConnectionResetError, BrokenPipeError, AssertionError)):
        with connect(door) as connection:
            ask(connection)


def test_half_open_is_silence(door):
    with connect(door, 0.5) as connection:
        ask(connection)
        door.half_open()
        with pytest.raises(TimeoutError):
            connection.sendall(b"anybody?")
            connection.recv(1)
