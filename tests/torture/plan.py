"""
plan - which faults happen when, drawn from a seed before anything starts

Pure: the same seed, length and table give the same plan. What a fault hits is drawn from a chance of its
own, so that a plan can be looked at and repeated.
"""

import dataclasses
import random

NOT_DRAWN = "not drawn"  # why a fault did not come that could have
WARM_UP = 2.0  # seconds without faults at the beginning
# How often each family comes. Kills are short and many; while a server is away little else is tested.
FAMILIES = {"process": 50, "postgres": 12, "redis": 12, "kafka": 6, "network": 12, "operator": 14,
            "host": 8, "topic": 4, "pooler": 6}
AT_ONCE = 2  # families besides processes that suffer at the same time


@dataclasses.dataclass(frozen=True)
class Planned:
    at: float  # seconds from the beginning of the round
    seconds: float
    name: str
    seed: int


def draw(seed, seconds, table, per_minute):
    """[Planned] of so many seconds; the last one is over by then."""
    chance = random.Random(f"plan {seed}")
    weights = {name: kind.weight for name, kind in table.items()}
    free = {}  # when each family is free again
    found = []
    now = WARM_UP
    while True:
        now += min(chance.expovariate(per_minute / 60), 20.0)
        if now >= seconds:
            return found
        family = _family(chance, table, free, now)
        if family is None:
            continue
        names = [name for name, kind in table.items() if kind.target == family]
        name = chance.choices(names, [weights[n] for n in names])[0]
        length = chance.uniform(*table[name].length)
        if now + length > seconds:
            continue
        found.append(Planned(now, length, name, chance.getrandbits(32)))
        free[family] = now + length + table[name].aftermath
        # Each kind comes before one comes again much more often than its weight says.
        weights[name] *= 0.7


def _family(chance, table, free, now):
    """One that nothing happens to just now; None: enough is going on."""
    families = sorted({kind.target for kind in table.values()})
    busy = [family for family in families if free.get(family, 0.0) > now]
    others = sum(family != "process" for family in busy)
    open_now = [family for family in families
                if family not in busy and (family == "process" or others < AT_ONCE)]
    if not open_now:
        return None
    return chance.choices(open_now, [FAMILIES[family] for family in open_now])[0]
