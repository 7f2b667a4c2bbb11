"""
process - one server process of the tests: started, stopped, killed, frozen, and never left behind

A server is a direct child. PDEATHSIG ends it when the test program dies without saying goodbye, and
an exit hook when it ends normally. Ports are chosen once and kept across restarts.
"""

import atexit
import ctypes
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import time
import weakref

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_chance = random.SystemRandom()
_servers = weakref.WeakSet()


def free_port():
    """
    A port for a server to come, below those the kernel gives to clients: nobody takes it meanwhile.
    Drawn by chance, since several runs may look at the same time.
    """
    while True:
        port = _chance.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def children_of(pid):
    """All descendants, parents before children. Gone ones are simply not there."""
    found = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            tasks = os.listdir(f"/proc/{parent}/task")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for task in tasks:
            try:
                text = pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for child in map(int, text.split()):
                found.append(child)
                waiting.append(child)
    return found


def state_of(pid):
    """The kernel's letter for what it does: Z has ended."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def is_alive(pid):
    """A zombie counts as gone."""
    try:
        return state_of(pid) != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def is_readable(descriptor, seconds):
    """As select(), which refuses descriptors above a thousand."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, seconds) * 1000))


def wait_for(predicate, seconds, what, every=0.05):
    """Returns the predicate's first true answer; says what did not happen otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Server:
    """Base of the servers. A subclass says how to start and how to ask whether it answers."""

    name = "server"
    start_seconds = 60
    stop_seconds = 30
    stop_signal = signal.SIGTERM

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None
        self.log_path = self.directory / f"{self.name}.out"
        _servers.add(self)

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def start(self):
        if not self.is_running():
            self.launch()
            self.wait_started()
        return self

    def launch(self):
        """Only from a thread that lives as long as the server shall: PDEATHSIG looks at threads."""
        with open(self.log_path, "ab") as out:
            self.process = subprocess.Popen(
                self.command(), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent)

    def wait_started(self):
        try:
            wait_for(self._is_ready_or_dead, self.start_seconds, f"{self.name} answers", every=0.1)
        except TimeoutError:
            self.kill9()
            raise RuntimeError(f"{self.name} does not answer:\n{self.log_tail()}") from None
        if not self.is_running():
            raise RuntimeError(f"{self.name} ended at start:\n{self.log_tail()}")

    def _is_ready_or_dead(self):
        return self.process.poll() is not None or self.is_ready()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        return [self.process.pid, *children_of(self.process.pid)] if self.is_running() else []

    def stop(self):
        """Graceful; killed when that takes too long."""
        if not self.is_running():
            return
        self.sigcont()
        send_signal(self.process.pid, self.stop_signal)
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self):
        pids = self.pids()
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
        wait_for(lambda: not any(map(is_alive, pids)), 10, f"{self.name} is gone after SIGKILL")

    def restart(self, graceful=True):
        if graceful:
            self.stop()
        else:
            self.kill9()
        return self.start()

    def sigstop(self):
        for pid in self.pids():
            send_signal(pid, signal.SIGSTOP)

    def sigcont(self):
        for pid in self.pids():
            send_signal(pid, signal.SIGCONT)

    def log_tail(self, lines=40):
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def close(self):
        """Stop hard and remove everything: nothing of a test server is worth a slow goodbye."""
        if self.is_running():
            self.kill9()
        if os.environ.get("ONCED_KEEP") != "1":
            shutil.rmtree(self.directory, ignore_errors=True)


@atexit.register
def _close_all():
    for server in list(_servers):
        server.close()
