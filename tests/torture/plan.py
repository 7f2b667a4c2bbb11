"""
plan - which faults happen when, drawn from a seed before anything starts

Pure: the same seed, length and table give the same plan. What a fault hits is drawn from a chance of its
own, so that a plan can be looked at and repeated.
"""

import dataclasses
import random

WARM_UP = 2.0  # seconds without faults at the beginning


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
    free = {}
    found = []
    now = WARM_UP
    while True:
        now += min(chance.expovariate(per_minute / 60), 20.0)
        if now >= seconds:
            return found
        open_now = [name for name in weights if free.get(table[name].target, 0.0) <= now]
        if not open_now:
            continue
        name = chance.choices(open_now, [weights[n] for n in open_now])[0]
        length = chance.uniform(*table[name].length)
        if now + length > seconds:
            continue
        found.append(Planned(now, length, name, chance.getrandbits(32)))
        free[table[name].target] = now + length + 0.2
        # Each kind comes before one comes again much more often than its weight says.
        weights[name] *= 0.7
