"""
checker - holds a finished scenario to the promises, from outside

Knows nothing of the daemon: it compares what lies in the input topic with the rows of the effects
table, the dead-letter topic and the group's committed offsets.

    I1 nothing is lost            I2 no event takes effect twice
    I3 never effect and dead letter   I4 effects in order per strand
    I5 the committed offset never passes an unsettled record, and reaches the end
    I8 dead letters are the original bytes
"""

import collections
import json

REASONS = {"undecodable", "rejected", "exhausted", "crash", "timeout", "collision", "unrouted"}
PLAIN = {"x-original-topic", "x-original-partition", "x-original-offset", "x-error"}


def event_id_of(record):
    """The id by the default rules, or None where the daemon must make one from the position."""
    header = record.header("event_id")
    if header:
        return header.decode("utf-8", "replace")
    try:
        # The text of a number is an id, too.
        body = json.loads(record.value, parse_int=str, parse_float=str)
        found = body.get("event_id")
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def origin(dead_letter):
    """The position a dead letter says it comes from."""
    return (dead_letter.header("onced-topic").decode(), int(dead_letter.header("onced-partition")),
            int(dead_letter.header("onced-offset")))


def foreign_headers(dead_letter):
    """Its headers without those that the daemon adds."""
    return tuple(h for h in dead_letter.headers if not h[0].startswith("onced-") and h[0] not in PLAIN)


class Evidence:
    """What lies around after (or during) a scenario. Offsets are read first: see check_committed."""

    def __init__(self, committed, inputs, effects, dead_letters, skipped=()):
        self.committed = committed  # {(topic, partition): offset}
        self.inputs = inputs  # [Record]
        self.effects = effects  # [row with event_id, topic, partition, offset, seq, key]
        self.dead_letters = dead_letters  # [Record]
        self.skipped = set(skipped)  # positions settled by a named skip
        self.effect_positions = {(e.topic, e.partition, e.offset) for e in effects}
        self.effect_ids = {e.event_id for e in effects}
        self.dead_positions = {origin(d) for d in dead_letters}
        self.dead_ids = {event_id_of_dead_letter(d) for d in dead_letters} - {None}

    def is_settled(self, record):
        position = record.position()
        if position in self.effect_positions or position in self.dead_positions or position in self.skipped:
            return True
        event_id = event_id_of(record)
        return event_id is not None and (event_id in self.effect_ids or event_id in self.dead_ids)


def event_id_of_dead_letter(dead_letter):
    header = dead_letter.header("onced-event-id")
    return header.decode("utf-8", "replace") if header else None


def check_nothing_lost(evidence):
    lost = [r for r in evidence.inputs if not evidence.is_settled(r)]
    assert not lost, f"I1: {len(lost)} of {len(evidence.inputs)} records lost, first {lost[0]}"


def check_no_event_twice(evidence):
    # An event without an id of its own is known by its position.
    count = collections.Counter(e.event_id or (e.topic, e.partition, e.offset) for e in evidence.effects)
    twice = {event_id: n for event_id, n in count.items() if n > 1}
    assert not twice, f"I2: {len(twice)} events took effect more than once: {dict(list(twice.items())[:5])}"
    known = {r.position() for r in evidence.inputs}
    strange = evidence.effect_positions - known
    assert not strange, f"I2: effects of records that were never produced: {sorted(strange)[:5]}"


def check_never_both(evidence):
    both = evidence.effect_positions & evidence.dead_positions
    assert not both, f"I3: effect and dead letter for {sorted(both)[:5]}"
    for letter in evidence.dead_letters:
        event_id = event_id_of_dead_letter(letter)
        if letter.header("onced-reason") != b"collision":
            assert event_id not in evidence.effect_ids, f"I3: event {event_id} is effect and dead letter"


def check_order(evidence, ordering="partition"):
    if ordering == "none":
        return
    last = {}
    for effect in sorted(evidence.effects, key=lambda e: e.seq):
        strand = (effect.topic, effect.partition) + ((effect.key,) if ordering == "key" else ())
        before = last.get(strand, -1)
        assert effect.offset > before, f"I4: strand {strand}: offset {effect.offset} after {before}"
        last[strand] = effect.offset


def check_committed(evidence):
    """
    Valid at any moment, since the committed offsets were read before the effects: all that is below
    them was settled by then.
    """
    for record in evidence.inputs:
        committed = evidence.committed.get((record.topic, record.partition), -1)
        if record.offset < committed:
            assert evidence.is_settled(record), f"I5: committed {committed} passes unsettled {record}"


def check_committed_to_end(evidence, ends):
    for (topic, partition), end in ends.items():
        committed = evidence.committed.get((topic, partition), 0)
        assert committed == end, f"I5: {topic}/{partition} is committed to {committed}, its end is {end}"


def check_dead_letters(evidence):
    originals = {r.position(): r for r in evidence.inputs}
    for letter in evidence.dead_letters:
        position = origin(letter)
        assert position in originals, f"I8: dead letter of an unknown record {position}"
        record = originals[position]
        assert letter.key == record.key, f"I8: key of {position} changed"
        assert letter.value == record.value, f"I8: value of {position} changed"
        assert letter.timestamp_ms == record.timestamp_ms, f"I8: timestamp of {position} changed"
        kept = tuple(h for h in record.headers if not h[0].startswith("onced-"))
        assert foreign_headers(letter) == kept, f"I8: headers of {position} changed"
        assert letter.header("onced-reason").decode() in REASONS


def check_always(evidence, ordering="partition"):
    """What holds at every moment, also right after a kill."""
    check_no_event_twice(evidence)
    check_never_both(evidence)
    check_order(evidence, ordering)
    check_committed(evidence)
    check_dead_letters(evidence)


def check_finished(evidence, ends, ordering="partition"):
    """What holds when everything was worked through."""
    check_always(evidence, ordering)
    check_nothing_lost(evidence)
    check_committed_to_end(evidence, ends)
