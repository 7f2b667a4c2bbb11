"""
processes - workers and supervisors that are killed or stopped
"""

import signal
import time

from support.process import is_alive, send_signal

from . import Fault, fault

BUSY_SECONDS = 0.5  # how long a kill waits for its victim to have work in hand


class _Process(Fault):
    target = "process"

    def await_work(self, host, slots=None):
        """Until one of the workers has records in lanes; remembers whether it did."""
        self.hits = False
        deadline = time.monotonic() + BUSY_SECONDS
        while time.monotonic() < deadline:
            busy = host.busy_slots()
            if busy and (slots is None or busy & slots):
                self.hits = True
                return
            time.sleep(0.005)


@fault
class KillWorker(_Process):
    """kill -9 of one worker, at a moment when it has something in hand where there is one."""

    name = "worker kill -9"
    weight = 12

    def begin(self):
        host, worker = self.pick_worker()
        self.await_work(host, {worker["slot"]})
        self.stage.expect_death(worker, host)
        send_signal(worker["pid"], signal.SIGKILL)


class _KillHost(_Process):
    """kill -9 with the supervisor among the victims; a new one takes over."""

    weight = 4

    def begin(self):
        self.pick_host()
        self.await_work(self.host)
        for worker in self.host.workers_now():
            self.stage.expect_death(worker, self.host, by_supervisor=True)
        self.note += f" pid {self.host.pid}"
        self.kill()

    def kill(self):
        raise NotImplementedError

    def end(self):
        self.host.start_again()


@fault
class KillSupervisor(_KillHost):
    """Only the supervisor: its workers have to notice."""

    name = "supervisor kill -9"
    length = (0.0, 3.0)

    def kill(self):
        self.host.kill_supervisor()


@fault
class KillTree(_KillHost):
    """All its workers at once, too: a host that lost power."""

    name = "tree kill -9"
    length = (0.0, 4.0)

    def kill(self):
        self.host.kill_everything()


class _Stop(_Process):
    """SIGSTOP, and SIGCONT when it is over: whoever was stopped may have been replaced meanwhile."""

    pids = ()

    def freeze(self, pids):
        self.pids = [pid for pid in pids if is_alive(pid)]
        for pid in self.pids:
            send_signal(pid, signal.SIGSTOP)

    def end(self):
        for pid in self.pids:
            send_signal(pid, signal.SIGCONT)


@fault
class StopWorker(_Stop):
    """A worker is stopped past its session timeout; its supervisor lives."""

    name = "worker SIGSTOP"
    weight = 2
    length = (2.0, 12.0)

    def begin(self):
        host, worker = self.pick_worker()
        self.await_work(host, {worker["slot"]})
        self.stage.expect_death(worker, host, is_certain=False)
        self.freeze([worker["pid"]])


@fault
class StopTree(_Stop):
    """A whole host is stopped past the session timeout, and comes back as a zombie."""

    name = "tree SIGSTOP"
    weight = 2
    length = (3.0, 14.0)

    def begin(self):
        host = self.pick_host()
        self.await_work(host)
        # Its supervisor may take a worker that woke with it for hung, and one may be fenced.
        for worker in host.workers_now():
            self.stage.expect_death(worker, host, is_certain=False)
        self.freeze(host.pids())
        self.note += f", {len(self.pids)} processes"


@fault
class StopSupervisor(_Stop):
    """Only the supervisor is stopped: the workers go on without it."""

    name = "supervisor SIGSTOP"
    length = (1.0, 8.0)

    def begin(self):
        host = self.pick_host()
        self.await_work(host)
        self.freeze([host.pid])
        self.note += f" pid {host.pid}"
