"""
redises - what happens to Redis
"""

import signal

from support.process import send_signal, wait_for
from support.redis_server import Redis

from ..modes import MODES
from . import Fault, NobodyThere, fault

PROMOTED_SECONDS = 30


class _Redis(Fault):
    target = "redis"

    @classmethod
    def unfit(cls, options):
        return "" if "redis" in MODES[options.mode].uses else "the mode has no Redis"

    @property
    def server(self):
        return self.stage.servers.redis

    def is_over(self):
        return self.server.is_ready()


@fault
class RestartRedis(_Redis):
    """It dies and comes back empty."""

    name = "redis restart, empty"
    length = (0.0, 3.0)
    weight = 2

    def begin(self):
        self.server.kill9()

    def end(self):
        self.server.launch()


@fault
class FlushRedis(_Redis):
    """Somebody throws everything away."""

    name = "redis flush"

    def begin(self):
        self.server.call("FLUSHALL")


@fault
class EvictRedis(_Redis):
    """It has too little memory and evicts what it likes."""

    name = "redis eviction"
    length = (0.5, 4.0)

    def begin(self):
        self.server.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        self.server.call("CONFIG", "SET", "maxmemory", str(int(self.server.info("used_memory")) - 100_000))

    def end(self):
        self.note = f"{self.server.info('evicted_keys')} keys so far"
        self.server.call("CONFIG", "SET", "maxmemory", "0")
        self.server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")


@fault
class FillRedis(_Redis):
    """It has too little memory and refuses to write."""

    name = "redis full"
    length = (0.5, 4.0)

    def begin(self):
        self.server.call("CONFIG", "SET", "maxmemory", "1")

    def end(self):
        self.server.call("CONFIG", "SET", "maxmemory", "0")


@fault
class FreezeRedis(_Redis):
    """SIGSTOP: connections stand, nobody answers."""

    name = "redis SIGSTOP"
    length = (0.5, 8.0)

    def begin(self):
        send_signal(self.server.process.pid, signal.SIGSTOP)

    def end(self):
        send_signal(self.server.process.pid, signal.SIGCONT)


@fault
class FailOverRedis(_Redis):
    """The master dies; a replica that may lag behind takes its address."""

    name = "redis failover"
    length = (1.5, 3.0)

    def begin(self):
        self.replica = Redis(replica_of=self.server)
        self.replica.launch()

    def end(self):
        self.hits = self.stage.has_work()
        if self.replica.is_ready() and self.replica.info("master_link_status") == "up":
            old = self.server
            old.kill9()
            self.replica.promote()
            self.stage.servers.take_redis(self.replica)
            old.close()
        else:
            self.replica.close()
            raise NobodyThere("the replica was not ready")


class _Watched(Fault):
    """A Sentinel looks after them, and finds who is to be the master."""

    target = "redis"

    @classmethod
    def unfit(cls, options):
        return "" if "sentinel" in MODES[options.mode].uses else "the mode has no Sentinel"

    def begin(self):
        self.master = self.stage.mode.master()
        self.note = f"port {self.master.port} was the master"
        self.hit()

    def hit(self):
        raise NotImplementedError

    def end(self):
        """When another one is the master the old one may come back."""
        wait_for(lambda: self.stage.mode.master() is not self.master, PROMOTED_SECONDS, "another master")
        self.give_back()

    def give_back(self):
        pass

    def is_over(self):
        return self.stage.mode.is_whole()


@fault
class KillMaster(_Watched):
    """kill -9 of the master; it comes back as a master that nobody knows, and is made a replica."""

    name = "sentinel: master kill -9"
    weight = 2

    def hit(self):
        self.master.kill9()

    def give_back(self):
        self.master.launch()


@fault
class FreezeMaster(_Watched):
    """SIGSTOP of the master: when it goes on there are two for a while."""

    name = "sentinel: master SIGSTOP"

    def hit(self):
        self.master.sigstop()

    def give_back(self):
        self.master.sigcont()


@fault
class OrderFailOver(_Watched):
    """An operator has the Sentinel change master and replica."""

    name = "sentinel: ordered failover"

    def hit(self):
        self.stage.mode.sentinel.call("SENTINEL", "failover", self.stage.mode.sentinel.master_name)
