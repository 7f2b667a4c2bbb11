"""
duplicates - effects that came more than once, each with the fault that explains it

Where the promise is "at least once" a repeat is allowed, not free: something must have been lost between
the two. The fault nearest before the repeat that was on since the first effect is taken for the cause.
"""

import collections

UNEXPLAINED = "unexplained"
GRACE_SECONDS = 30.0  # a session timeout, a lease, a restart: what a fault may still cause later


def _told_apart(effects, is_deduplicating):
    """(first, effect) for each effect, of the same event; without dedup: of the same record."""
    first = {}
    for effect in effects:
        position = (effect.topic, effect.partition, effect.offset)
        key = (effect.event_id if is_deduplicating else None) or position
        yield first.setdefault(key, effect), effect


def repeats(effects, is_deduplicating=True):
    """(first, later) for each effect that had one before."""
    return ((first, effect) for first, effect in _told_apart(effects, is_deduplicating) if effect is not first)


def firsts(effects, is_deduplicating=True):
    """The effects that had none before."""
    return (effect for first, effect in _told_apart(effects, is_deduplicating) if effect is first)


def cause(faults, first, later):
    on = [f for f in faults if f.covers(first.at - 1, later.at, GRACE_SECONDS) and f.began <= later.at]
    return max(on, key=lambda f: f.began).name if on else UNEXPLAINED


def causes(evidence):
    """{cause: how many repeats}"""
    return collections.Counter(
        cause(evidence.faults, first, later) for first, later in repeats(evidence.effects, evidence.mode.is_deduplicating))
