"""
plan - which faults happen when, drawn from a seed before anything starts

Pure: the same seed, length and table give the same plan. What a fault hits is drawn from a chance of its
own, so that a plan can be looked at and repeated.
"""

import dataclasses
import random

NOT_WANTED = "not asked for"
NOT_DRAWN = "not drawn"  # why a fault did not come that could have
WARM_UP = 2.0  # seconds without faults at the beginning
# How often each family comes, by the kind of a round. While a server is away little else is tested.
FAMILIES = {
    "mixed": {"process": 24, "postgres": 20, "redis": 20, "kafka": 30, "network": 12, "operator": 14,
              "host": 8, "topic": 4, "pooler": 6},
    "flood": {"postgres": 1, "redis": 1},
}
AT_ONCE = 2  # families besides processes that suffer at the same time
# Kills that come on top, and how often each.
KILLS = {"worker kill -9": 12, "supervisor kill -9": 1.5}


@dataclasses.dataclass(frozen=True)
class Planned:
    at: float  # seconds from the beginning of the round
    seconds: float
    name: str
    seed: int


def unfit(options, table):
    """{name: why such a round cannot have it, "" where it can}"""
    return {name: NOT_WANTED if options.targets and kind.target not in options.targets else kind.unfit(options)
            for name, kind in table.items()}


def draw(options, table):
    """[Planned] of a round, in the order of their beginnings; the last one is over by its end."""
    absent = unfit(options, table)
    table = {name: kind for name, kind in table.items() if not absent[name]}
    faults = _faults(options, table)
    return sorted(faults + _kills(options, table, faults), key=lambda planned: planned.at)


def _moments(chance, per_minute, seconds):
    now = WARM_UP
    while per_minute > 0:
        now += min(chance.expovariate(per_minute / 60), 20.0)
        if now >= seconds:
            return
        yield now


def _faults(options, table):
    chance = random.Random(f"plan {options.seed}")
    shares = {name: share for name, share in FAMILIES[options.kind].items()
              if any(kind.target == name for kind in table.values())}
    weights = {name: kind.weight for name, kind in table.items()}
    free = {}  # when each family is free again
    found = []
    for moment in _moments(chance, options.faults_per_minute, options.seconds):
        family = _family(chance, shares, free, moment)
        if family is None:
            continue
        names = [name for name, kind in table.items() if kind.target == family]
        name = chance.choices(names, [weights[n] for n in names])[0]
        length = chance.uniform(*table[name].length)
        if moment + length > options.seconds:
            continue
        found.append(Planned(moment, length, name, chance.getrandbits(32)))
        free[family] = moment + length + table[name].aftermath
        # Each kind comes before one comes again much more often than its weight says.
        weights[name] *= 0.7
    return found


def _family(chance, shares, free, now):
    """One that nothing happens to just now; None: enough is going on."""
    busy = [family for family in shares if free.get(family, 0.0) > now]
    others = sum(family != "process" for family in busy)
    open_now = [family for family in shares
                if family not in busy and (family == "process" or others < AT_ONCE)]
    if not open_now:
        return None
    return chance.choices(open_now, [shares[family] for family in open_now])[0]


def _kills(options, table, faults):
    """Where nothing else happens to processes."""
    chance = random.Random(f"kills {options.seed}")
    names = [name for name in KILLS if name in table]
    taken = [(p.at - 0.2, p.at + p.seconds + table[p.name].aftermath)
             for p in faults if table[p.name].target == "process"]
    found = []
    for moment in _moments(chance, options.kills_per_minute if names else 0, options.seconds):
        name = chance.choices(names, [KILLS[name] for name in names])[0]
        end = moment + chance.uniform(*table[name].length)
        if end > options.seconds or any(moment < until and end > since for since, until in taken):
            continue
        found.append(Planned(moment, end - moment, name, chance.getrandbits(32)))
        taken.append((moment, end + table[name].aftermath))
    return found
