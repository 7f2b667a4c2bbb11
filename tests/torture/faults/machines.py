"""
machines - what a host runs out of, and a clock that jumps
"""

import os
import pathlib
import resource
import signal

from scenario.harness import is_sanitized
from support.process import send_signal

from . import Fault, fault


class _Machine(Fault):
    target = "host"

    def pick_worker(self):
        """(host, worker), or None where nobody is reachable."""
        hosts = [host for host in self.stage.hosts if host.is_reachable()]
        workers = [(host, worker) for host in hosts for worker in host.workers_now()]
        if not workers:
            self.note = "nobody was there"
            return None
        host, worker = self.chance.choice(workers)
        self.note = f"{host.name}/{worker['slot']} pid {worker['pid']}"
        self.hits = worker["in_flight"] > 0
        return host, worker


def limit(pid, what, soft):
    """Its soft limit; None takes it back to the hard one."""
    try:
        _, hard = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (hard if soft is None else soft, hard))
    except ProcessLookupError:
        pass


@fault
class OutOfMemory(_Machine):
    """The next larger allocation of a worker fails: it ends itself, and says so."""

    name = "out of memory"
    length = (1.0, 4.0)
    pid = None

    @classmethod
    def suits(cls, stage):
        # Where a plugin is in the process it is suspected, and its record with it.
        return "redis" not in stage.mode.uses and not is_sanitized()

    def begin(self):
        found = self.pick_worker()
        if found:
            host, worker = found
            self.stage.expect_death(worker, host, is_certain=False)
            self.pid = worker["pid"]
            pages = int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[0])
            limit(self.pid, resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + 65536)

    def end(self):
        if self.pid:
            limit(self.pid, resource.RLIMIT_AS, None)


@fault
class NoDescriptors(_Machine):
    """A worker can open nothing more: what it has lost it cannot connect again."""

    name = "no descriptors (worker)"
    length = (1.0, 6.0)
    pid = None

    def begin(self):
        found = self.pick_worker()
        if found:
            host, worker = found
            self.stage.expect_death(worker, host, is_certain=False)
            self.pid = worker["pid"]
            limit(self.pid, resource.RLIMIT_NOFILE, 3)
            for door in self.stage.servers.doors.find(host=host.name):
                door.reset()

    def end(self):
        if self.pid:
            limit(self.pid, resource.RLIMIT_NOFILE, None)


@fault
class NoDescriptorsToFork(_Machine):
    """A supervisor can open nothing more while one of its workers dies."""

    name = "no descriptors (supervisor)"
    length = (0.5, 3.0)
    pid = None

    def begin(self):
        found = self.pick_worker()
        if found:
            host, worker = found
            self.pid = host.pid
            self.stage.expect_death(worker, host)
            limit(self.pid, resource.RLIMIT_NOFILE, 3)
            send_signal(worker["pid"], signal.SIGKILL)

    def end(self):
        if self.pid:
            limit(self.pid, resource.RLIMIT_NOFILE, None)


@fault
class ClockJump(_Machine):
    """The wall clock of a host jumps by minutes, and back; the monotonic one does not."""

    name = "clock jump"
    length = (1.0, 6.0)

    @classmethod
    def suits(cls, stage):
        return stage.clock is not None

    def begin(self):
        self.host = self.chance.choice(self.stage.hosts)
        seconds = self.chance.choice((-7200, -90, -5, 5, 90, 7200, 86400 * 10))
        self.hits = bool(self.host.busy_slots())
        self.note = f"host {self.host.name}: {seconds:+d} s"
        self.stage.clock.set(self.host.name, seconds)

    def end(self):
        self.stage.clock.set(self.host.name, 0)
