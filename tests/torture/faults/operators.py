"""
operators - what people do to a running service
"""

import confluent_kafka
from scenario.harness import run_tool

from . import Fault, fault


class _Operator(Fault):
    target = "operator"

    def oncectl(self, *words):
        """Its exit status. During another fault it may well be refused."""
        result = run_tool(*words, "--socket", self.host.socket, program="oncectl", timeout=20)
        if result.returncode != 0:
            self.note += f" ({' '.join(words[:1])} answered {result.returncode})"
        return result.returncode


@fault
class Reload(_Operator):
    """The configuration is changed and applied, under load."""

    name = "reload"
    weight = 2

    def begin(self):
        host = self.pick_host()
        host.sections["consumer c"]["batch.max"] = self.chance.choice((1, 20, 100, 300))
        host.sections["consumer c"]["commit.interval"] = f"{self.chance.choice((20, 100, 400))}ms"
        host.write_config()
        self.oncectl("reload")


class _Halt(_Operator):
    """Whatever stands is told to go on."""

    length = (0.5, 4.0)

    def end(self):
        self.stage.resume_all()


@fault
class Pause(_Halt):
    """A consumer is paused for a while."""

    name = "pause"

    def begin(self):
        self.pick_host()
        self.oncectl("pause", "c", "--reason", "torture")


@fault
class PausePartition(_Halt):
    """One partition is paused for a while, wherever it goes."""

    name = "pause of a partition"

    def begin(self):
        self.pick_host()
        partition = self.chance.randrange(self.stage.partitions)
        self.oncectl("pause", f"c:{self.stage.topic}:{partition}", "--reason", "torture")


@fault
class Drain(_Halt):
    """A consumer is drained, and resumed."""

    name = "drain"

    def begin(self):
        self.pick_host()
        self.oncectl("drain", "c", "--reason", "torture", *self.chance.choice(((), ("--release",))))


@fault
class Restart(_Operator):
    """Every worker is replaced, one after the other."""

    name = "restart by oncectl"

    def begin(self):
        self.pick_host()
        self.oncectl("restart", "c")


@fault
class Upgrade(_Operator):
    """A host is stopped in order under load, and started anew, as a package upgrade does."""

    name = "rolling upgrade"
    weight = 2

    def begin(self):
        self.pick_host()
        self.host.is_away = True
        self.host.terminate()

    def is_over(self):
        if self.host.process.poll() is None:
            return False
        self.host.start_again()
        return True


@fault
class RebalanceStorm(_Operator):
    """A stranger joins the group and leaves it, again and again, without applying anything."""

    name = "rebalance storm"
    length = (2.0, 6.0)
    JOINS_EVERY = 1.0
    stranger = None

    def begin(self):
        self.joins = 0
        self.join()

    def join(self):
        self.joins += 1
        self.stranger = confluent_kafka.Consumer({
            "bootstrap.servers": self.stage.kafka.bootstrap, "group.id": self.stage.group,
            "enable.auto.commit": False, "log_level": 0, **self.stage.membership()})
        self.stranger.subscribe([self.stage.topic])
        self.stranger.poll(0.3)

    def end(self):
        for _ in range(self.chance.randrange(1, 4)):
            self.leave()
            self.join()
        self.leave()
        self.note = f"{self.joins} joins"

    def leave(self):
        self.stranger.poll(0.3)
        self.stranger.close()
