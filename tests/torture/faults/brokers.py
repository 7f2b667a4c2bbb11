"""
brokers - what happens to the brokers
"""

from . import Fault, fault


class _Broker(Fault):
    target = "kafka"

    def pick(self):
        broker = self.chance.choice(self.stage.servers.brokers)
        self.hits = self.stage.has_work()
        self.note = f"broker {self.stage.servers.brokers.index(broker) + 1}"
        return broker


    def is_over(self):
        broker = getattr(self, "broker", None)
        return broker is None or broker.is_running() and broker.is_ready()


class _OfSeveral(_Broker):
    @classmethod
    def suits(cls, stage):
        return len(stage.servers.brokers) > 1


@fault
class KillBroker(_Broker):
    """kill -9 of a broker, and a new start."""

    name = "broker kill -9"
    length = (0.5, 6.0)
    weight = 2

    def begin(self):
        self.broker = self.pick()
        self.broker.kill9()

    def end(self):
        self.broker.launch()


@fault
class StopBroker(_Broker):
    """A broker is shut down in order, and started again."""

    name = "broker stop"
    length = (0.0, 5.0)

    def begin(self):
        self.broker = self.pick()
        self.broker.stop()

    def end(self):
        self.broker.launch()


@fault
class FreezeBroker(_Broker):
    """SIGSTOP of a broker: connections stand, nobody answers; longer than a session at times."""

    name = "broker SIGSTOP"
    length = (1.0, 12.0)

    def begin(self):
        self.broker = self.pick()
        self.broker.sigstop()

    def end(self):
        self.broker.sigcont()


@fault
class RollBrokers(_OfSeveral):
    """Each broker in turn is stopped and started: an upgrade of the cluster."""

    name = "brokers rolling"

    def begin(self):
        self.hits = self.stage.has_work()
        for broker in self.stage.servers.brokers:
            broker.stop()
            broker.start()


@fault
class AllBrokersDown(_OfSeveral):
    """kill -9 of every broker at once."""

    name = "all brokers down"
    length = (1.0, 8.0)

    def begin(self):
        self.hits = self.stage.has_work()
        for broker in self.stage.servers.brokers:
            broker.kill9()

    def end(self):
        for broker in self.stage.servers.brokers:
            broker.launch()

    def is_over(self):
        return all(broker.is_ready() for broker in self.stage.servers.brokers)


@fault
class MoveCoordinator(_OfSeveral):
    """The broker that coordinates the group is killed: another one takes over."""

    name = "coordinator moved"
    length = (1.0, 6.0)

    def begin(self):
        self.hits = self.stage.has_work()
        leader = self.stage.kafka.coordinator_of(self.stage.group)
        self.broker = self.stage.servers.brokers[leader - 1]
        self.note = f"from broker {leader}"
        self.broker.kill9()

    def end(self):
        self.broker.launch()
