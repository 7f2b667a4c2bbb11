"""
recovery - how long partitions stood still after their worker was killed

From the kill to the next effect on one of its partitions by another owner (what the dead one sent may still
be carried out). Kills while another fault of database, broker or
network was on are left out: what they measure is that fault.
"""

import bisect
import collections

SLOWED_BY = {"postgres", "kafka", "network", "redis", "machine"}
LOOK_BACK = 5.0  # seconds in which whoever made effects on a partition is the one that died


def times(evidence):
    """[seconds] for the kills whose partitions were measured, and how many were not."""
    if not evidence.mode.has_owners:
        return [], len(evidence.deaths)
    at = collections.defaultdict(list)
    for effect in evidence.effects:
        at[effect.partition].append((effect.at, effect.owner))
    for effects in at.values():
        effects.sort(key=lambda effect: effect[0])
    found, left_out = [], 0
    for death in evidence.deaths:
        if not death.is_certain or not death.partitions:
            continue
        next_ = _next(death, at)
        if next_ is None or _is_disturbed(evidence.faults, death.at, next_):
            left_out += 1
            continue
        found.append(next_ - death.at)
    return found, left_out


def _next(death, at):
    """When somebody else made an effect on one of its partitions; None: never."""
    dead = {owner for p in death.partitions
            for _, owner in _between(at[p], death.at - LOOK_BACK, death.at)}
    moments = []
    for partition in death.partitions:
        later = _between(at[partition], death.at, float("inf"))
        moments.append(next((moment for moment, owner in later if owner not in dead), None))
    return min((m for m in moments if m is not None), default=None)


def _between(effects, begin, end):
    index = bisect.bisect_right(effects, begin, key=lambda effect: effect[0])
    while index < len(effects) and effects[index][0] <= end:
        yield effects[index]
        index += 1


def _is_disturbed(faults, begin, end):
    return any(f.target in SLOWED_BY and f.covers(begin, end, grace=5) for f in faults)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
