"""
networks - what happens between a host and its servers, in the doors between them

Which doors suffer is drawn: of one host or of all, to one kind of server or to all.
"""

from ..proxy import Trouble
from . import Fault, fault


class _Network(Fault):
    target = "network"
    length = (1.0, 8.0)

    def pick(self):
        doors = self.stage.servers.doors
        host = self.chance.choice([*(h.name for h in self.stage.hosts), None])
        kinds = ["kafka", *sorted(self.stage.mode.uses & {"postgres", "redis"})]
        kind = self.chance.choice([*kinds, None])
        self.note = f"{kind or 'everything'} of {'host ' + host if host else 'all hosts'}"
        return doors.find(kind, host)

    def trouble(self):
        raise NotImplementedError

    def begin(self):
        self.doors = self.pick()
        trouble = self.trouble()
        for door in self.doors:
            door.trouble = trouble

    def end(self):
        for door in self.doors:
            door.trouble = None


@fault
class Delay(_Network):
    """Every answer takes its time."""

    name = "network delay"

    def trouble(self):
        return Trouble(delay=self.chance.uniform(0.02, 0.4))


@fault
class Loss(_Network):
    """Some packets are sent again, late."""

    name = "network loss"

    def trouble(self):
        return Trouble(loss=self.chance.uniform(0.05, 0.3))


@fault
class Partition(_Network):
    """Nothing passes and nothing is closed; what was on its way arrives afterwards."""

    name = "network partition"
    length = (1.0, 12.0)
    weight = 2

    def trouble(self):
        return Trouble(is_cut=True)


@fault
class Refusal(_Network):
    """Open connections are reset, new ones as well."""

    name = "network refused"
    length = (0.5, 5.0)

    def begin(self):
        super().begin()
        for door in self.doors:
            door.reset()

    def trouble(self):
        return Trouble(is_refusing=True)


class _Once(_Network):
    """Something that happens to every open connection once."""

    length = (0.0, 0.0)

    def begin(self):
        self.doors = self.pick()
        for door in self.doors:
            self.hit(door)

    def hit(self, door):
        raise NotImplementedError


@fault
class Reset(_Once):
    """Every open connection is reset once."""

    name = "network reset"

    def hit(self, door):
        door.reset()


@fault
class HalfOpen(_Once):
    """The servers lose their side of each connection, and the host never hears of it."""

    name = "network half-open"

    def hit(self, door):
        door.half_open()


@fault
class Drip(_Network):
    """A few bytes at a time."""

    name = "network drip"
    length = (1.0, 5.0)

    def trouble(self):
        return Trouble(drip=self.chance.choice((1, 16, 256)))
