"""
small - a stage of small processes, on which a fault alone can be seen to do what it says

Hosts are a Host's of the rounds in all but the program: a supervisor and two workers that do nothing but answer
what they can do. Brokers are programs that answer whoever knocks.
"""

import contextlib
import pathlib
import random
import shutil
import socket
import sys
import types

from support.cache import scratch_dir
from support.process import Server, children_of, free_port, wait_for

from . import faults
from .host import Host
from .proxy import Doors

TABLE = faults.load()
SECONDS = 30  # until it has happened, on a machine that has other work

SUBJECT = """#!{python}
import mmap, os, signal, socket, sys, threading, time
directory = os.path.dirname(sys.argv[2])
children = [os.fork()]
if children[0]:
    children.append(os.fork())
if 0 not in children:
    def leave(*_):
        for child in children:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
        os._exit(0)
    signal.signal(signal.SIGTERM, leave)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

def can(action):
    try:
        action().close()
        return "yes"
    except (OSError, MemoryError) as error:
        return os.strerror(getattr(error, "errno", None) or 12)

def hoard():
    kept = []
    while len(kept) < 150:
        kept.append(mmap.mmap(-1, 1 << 20))
        for at in range(0, 1 << 20, 4096):
            kept[-1][at] = 1
        time.sleep(0.02)

answers = {{
    "open": lambda: can(lambda: open("/dev/null")),
    "memory": lambda: can(lambda: mmap.mmap(-1, 16 << 20)),
    "hoard": lambda: threading.Thread(target=hoard, daemon=True).start(),
    "clock": lambda: time.time() - time.monotonic(),
}}
place = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
place.bind(f"{{directory}}/{{os.getpid()}}")
while True:
    words, who = place.recvfrom(100)
    place.sendto(str(answers[words.decode()]()).encode(), who)
"""

BROKER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
"""


def is_gone(group):
    """A dying process is in it for a moment still."""
    group.close()
    return not group.path.exists()


class SmallHost(Host):
    """Its status is made of what runs; each worker has always something in hand."""

    def __init__(self, name, directory):
        super().__init__(name, "t", directory, {})
        self.program = str(self.directory / "subject")
        pathlib.Path(self.program).write_text(SUBJECT.format(python="/usr/bin/python3"))
        pathlib.Path(self.program).chmod(0o755)

    def status_or_none(self):
        if not self.is_running() or self.is_away:
            return None
        return {"consumers": [{"partitions": [], "workers": [
            {"slot": slot, "pid": pid, "in_flight": 1} for slot, pid in enumerate(sorted(children_of(self.pid)))]}]}

    def wait_ready(self, seconds=30):
        """The supervisor and both workers answer."""
        wait_for(lambda: len(self.there()) == 3, seconds, "three processes answer")

    def there(self):
        return [pid for pid in (self.pid, *children_of(self.pid)) if (self.directory / str(pid)).exists()]

    def ask(self, pid, words, seconds=20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker, contextlib.ExitStack() as stack:
            own = self.directory / "asker"
            stack.callback(own.unlink)
            asker.bind(str(own))
            asker.settimeout(seconds)
            asker.sendto(words.encode(), str(self.directory / str(pid)))
            return asker.recv(100).decode()


class SmallBroker(Server):
    name = "broker"

    def __init__(self):
        super().__init__(scratch_dir("small"))
        self.port = free_port()

    def command(self):
        return [sys.executable, "-c", BROKER, str(self.port)]

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as knocking:
                return knocking.recv(5) == b"hello"
        except OSError:
            return False


class SmallStage:
    """What a fault asks of a Stage. Servers are put into it by whoever wants some."""

    group = "g"

    def __init__(self):
        self.directory = scratch_dir("small")
        self.servers = types.SimpleNamespace(doors=Doors(), brokers=[])
        self.mode = types.SimpleNamespace(uses=frozenset())
        self.kafka = types.SimpleNamespace(coordinator_of=lambda group: 2)
        self.hosts, self.started = [], []
        self.expected = []  # pids of workers that a fault said may die

    def start_hosts(self, prepare=lambda host: None):
        for name in "ab":
            host = SmallHost(name, self.directory / name)
            self.hosts.append(host)
            self.started.append(host)
            prepare(host)
            host.start(wait=False)
        for host in self.hosts:
            host.wait_ready()

    def start_brokers(self):
        self.servers.brokers = [SmallBroker() for _ in range(3)]
        for broker in self.servers.brokers:
            broker.start()

    def has_work(self):
        return True

    def expect_death(self, worker, _host, **_how):
        self.expected.append(worker["pid"])

    def close(self):
        for host in self.started:
            host.kill_everything()
            if host.memory:
                wait_for(lambda: is_gone(host.memory), SECONDS, "the last of its group has gone")
        for broker in self.servers.brokers:
            broker.close()
        self.servers.doors.close()
        shutil.rmtree(self.directory)


def fault_of(stage, name, seed=1):
    return TABLE[name](stage, random.Random(seed))
