"""
host - one onced of several, as on a host of its own: with a name, a directory, workers

An Onced of the scenario tests whose answers may be missing: who asks during a fault gets "nothing", not
an exception.
"""

import pathlib
import signal

from support import postgres_server, redis_server
from support.process import send_signal, wait_for
from scenario import control
from scenario.harness import Onced, slowness

# Passwords that no host may show to anybody.
PLANTED = (postgres_server.PASSWORD, redis_server.PASSWORD, redis_server.SENTINEL_PASSWORD)


# What such a partition's reason says.
LOST = ("is outside the log", "has no committed offset any more")


class Host(Onced):
    def __init__(self, name, topic, *arguments, **options):
        super().__init__(*arguments, **options)
        self.name = name
        self.topic = topic
        self.is_away = False  # on purpose, for a while
        self.shown = {}  # {place: what could be seen there}
        self.memory = None  # a cgroup.MemoryGroup of its own
        self.clock = None  # a clock.Clock of its own that can jump

    def status_or_none(self):
        if not self.is_running() or self.is_away:
            return None
        try:
            return control.get_json(self.socket, "/v1/status", timeout=1)
        except (control.NotReachable, ValueError, AssertionError):
            return None

    def is_reachable(self):
        return self.status_or_none() is not None

    def consumers_now(self):
        status = self.status_or_none()
        return status["consumers"] if status else []

    def workers_now(self):
        return [worker for consumer in self.consumers_now() for worker in consumer["workers"]
                if worker.get("pid")]

    def busy_slots(self):
        """Slots of workers that have records in hand."""
        return {worker["slot"] for worker in self.workers_now() if worker["in_flight"] > 0}

    def partitions_of(self, slot=None, topic=None):
        """Of that topic, else of the one that everything is measured by; `slot` None: of all its workers."""
        return frozenset(p["partition"] for consumer in self.consumers_now() for p in consumer["partitions"]
                         if p["topic"] == (topic or self.topic) and p["worker"] is not None
                         and slot in (None, p["worker"]))

    def lost_partitions(self):
        """Those that wait for an operator's word, since what the group has committed is not in the log any more."""
        return [p["partition"] for consumer in self.consumers_now() for p in consumer["partitions"]
                if p["worker"] is not None and p["topic"] == self.topic and p["state"] == "held"
                and any(words in (p.get("reason") or "") for words in LOST)]

    def kill_supervisor(self):
        self.is_away = True
        send_signal(self.pid, signal.SIGKILL)
        self.process.wait(10)

    def kill_everything(self):
        self.is_away = True
        super().kill_everything()

    def start_again(self):
        """A new supervisor; workers of the old one may still be about, which is its business."""
        if self.is_running():
            return
        self.start(wait=False)
        self.is_away = False

    def stop_gently(self, seconds=40):
        self.is_away = True
        self.terminate()
        return self.wait_exit(seconds)

    # ---- secrets ----

    def look_for_secrets(self):
        """Where anybody can see them while it runs."""
        for pid in self.pids():
            for what in ("cmdline", "environ"):
                try:
                    text = pathlib.Path(f"/proc/{pid}/{what}").read_bytes()
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
                self.shown[f"{what} of a process"] = self.shown.get(f"{what} of a process", b"") + text

    def wait_gone(self):
        wait_for(lambda: not self.pids(), 10 * slowness(), f"all processes of {self.name} are gone")
