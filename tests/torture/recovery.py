"""
recovery - how long partitions stood still after their worker was killed

From the kill to the next effect on its partitions by another owner (what the dead one sent may still be
carried out; where owners are not known nothing is measured): `first` on any of them, `all` when each that went on at all has had one. A worker that died
with its supervisor waits for the next one, too, and is counted apart. Kills while another fault was on are
left out: what they measure is that fault.
"""

import bisect
import collections

LOOK_BACK = 5.0  # seconds in which whoever made effects on a partition is the one that died
LOOK_AHEAD = 30.0
SETTLES = 5.0  # seconds after a fault in which its consequences may still be felt
REJOINS = 10.0  # the same where nobody succeeds a member: a session timeout, and the group anew


def times(evidence, is_succeeded=True):
    """{"worker" or "host": {"first": [seconds], "all": [seconds], "left_out": how many were not measured}}"""
    at = collections.defaultdict(list)
    for effect in evidence.effects:
        at[effect.partition].append((effect.at, effect.owner))
    for effects in at.values():
        effects.sort(key=lambda effect: effect[0])
    found = {who: {"first": [], "all": [], "left_out": 0} for who in ("worker", "host")}
    for death in evidence.deaths:
        if not death.is_certain or not death.partitions:
            continue
        row = found["host" if death.by_supervisor else "worker"]
        moments = _moments(death, at) if evidence.mode.has_owners else []
        if not moments or _is_disturbed(evidence, death, min(moments), is_succeeded):
            row["left_out"] += 1
            continue
        row["first"].append(min(moments) - death.at)
        row["all"].append(max(moments) - death.at)
    return found


def _moments(death, at):
    """When somebody else made an effect on each of its partitions; those that nobody did are missing."""
    dead = {owner for p in death.partitions
            for _, owner in _between(at[p], death.at - LOOK_BACK, death.at)}
    found = []
    for partition in death.partitions:
        later = _between(at[partition], death.at, death.at + LOOK_AHEAD)
        found += [next((moment for moment, owner in later if owner not in dead), None)]
    return [moment for moment in found if moment is not None]


def _between(effects, begin, end):
    index = bisect.bisect_right(effects, begin, key=lambda effect: effect[0])
    while index < len(effects) and effects[index][0] <= end:
        yield effects[index]
        index += 1


def _is_disturbed(evidence, death, end, is_succeeded):
    """Kills of one worker disturb nobody else where its successor has its place."""
    began = [fault.began for fault in evidence.faults if fault.target == "process" and fault.began <= death.at]
    own = max(began, default=None)
    for fault in evidence.faults:
        is_of_another = fault.name == "worker kill -9" and is_succeeded
        if fault.began != own and not is_of_another and fault.covers(death.at, end, grace=SETTLES):
            return True
    return not is_succeeded and any(
        other.pid != death.pid and death.at - REJOINS < other.at < end for other in evidence.deaths)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
