"""
brokers - what happens to the brokers
"""

from . import Fault, NobodyThere, fault


class _Broker(Fault):
    target = "kafka"
    broker = None

    def pick(self):
        return self.chance.choice(self.stage.servers.brokers)

    def begin(self):
        self.broker = self.pick()
        self.note = f"broker {self.stage.servers.brokers.index(self.broker) + 1}"
        self.hit()

    def hit(self):
        """What is done to `broker`."""
        self.broker.kill9()

    def end(self):
        self.broker.launch()

    def is_over(self):
        return self.broker.is_running() and self.broker.is_ready()


class _OfSeveral(_Broker):
    @classmethod
    def unfit(cls, options):
        return "" if options.brokers > 1 else "there is one broker only"


class _Coordinator(_OfSeveral):
    """Of the group's: another broker takes over when it is away for long."""

    def pick(self):
        return self.stage.servers.brokers[self.stage.kafka.coordinator_of(self.stage.group) - 1]


@fault
class KillBroker(_Broker):
    """kill -9 of a broker, and a new start."""

    name = "broker kill -9"
    length = (0.5, 6.0)
    weight = 2


@fault
class StopBroker(_Broker):
    """A broker is shut down in order, and started again."""

    name = "broker stop"
    length = (0.0, 5.0)

    def hit(self):
        self.broker.stop()


@fault
class FreezeBroker(_Broker):
    """SIGSTOP of a broker: connections stand, nobody answers; longer than a session at times."""

    name = "broker SIGSTOP"
    length = (1.0, 12.0)

    def hit(self):
        self.broker.sigstop()

    def end(self):
        self.broker.sigcont()


@fault
class RollBrokers(_OfSeveral):
    """Each broker in turn is stopped and started: an upgrade of the cluster."""

    name = "brokers rolling"
    aftermath = 25.0

    def begin(self):
        self.left = list(self.stage.servers.brokers)
        self.next()

    def next(self):
        self.broker = self.left.pop(0)
        self.broker.stop()
        self.broker.launch()

    def end(self):
        """One goes when the one before it is there again: see is_over()."""

    def is_over(self):
        if not super().is_over():
            return False
        if not self.left:
            return True
        self.next()
        return False


@fault
class AllBrokersDown(_OfSeveral):
    """kill -9 of every broker at once."""

    name = "all brokers down"
    length = (1.0, 8.0)

    def begin(self):
        for broker in self.stage.servers.brokers:
            broker.kill9()

    def end(self):
        for broker in self.stage.servers.brokers:
            broker.launch()

    def is_over(self):
        return all(broker.is_running() and broker.is_ready() for broker in self.stage.servers.brokers)


@fault
class KillCoordinator(_Coordinator):
    """The broker that coordinates the group is killed: another one takes over."""

    name = "coordinator kill -9"
    length = (1.0, 6.0)


@fault
class FreezeCoordinator(_Coordinator):
    """SIGSTOP of the group's coordinator: another broker takes over, and the old one comes back."""

    name = "coordinator SIGSTOP"
    length = (6.0, 14.0)

    def hit(self):
        self.broker.sigstop()

    def end(self):
        self.broker.sigcont()


@fault
class MoveLeaders(_OfSeveral):
    """After brokers were away: partitions, the group's commits among them, go back to their first ones."""

    name = "leaders moved"

    def begin(self):
        moved = self.stage.kafka.elect_preferred_leaders()
        if not moved:
            raise NobodyThere("every partition has its preferred leader")
        self.note = f"{moved} partitions"

    def end(self):
        """There is nothing to take back."""

    def is_over(self):
        return True
