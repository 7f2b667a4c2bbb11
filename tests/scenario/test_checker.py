"""
test_checker - the checker itself finds what it is there to find

Each case plants one broken promise into evidence that is otherwise fine.
"""

import types

import pytest

from support.kafka_client import Record

from . import checker, events


def effect(seq, event_id, offset, partition=0, key="k"):
    return types.SimpleNamespace(seq=seq, event_id=event_id, topic="t", partition=partition, offset=offset, key=key)


def record(offset, event_id, partition=0):
    return Record("t", partition, offset, 1000 + offset, b"k", events.envelope(event_id), (("a", b"1"),))


def letter(of, reason=b"rejected", **changed):
    headers = (*of.headers, ("onced-reason", reason), ("onced-topic", b"t"), ("onced-partition", b"0"),
               ("onced-offset", str(of.offset).encode()), ("onced-event-id", checker.event_id_of(of).encode()))
    fields = {"key": of.key, "value": of.value, "timestamp_ms": of.timestamp_ms, "headers": headers, **changed}
    return Record("dlq", 0, 0, fields["timestamp_ms"], fields["key"], fields["value"], fields["headers"])


INPUTS = [record(0, "a"), record(1, "b"), record(2, "a"), record(3, "c")]
EFFECTS = [effect(1, "a", 0), effect(2, "b", 1)]


def evidence(effects=None, letters=None, committed=4):
    return checker.Evidence({("t", 0): committed}, INPUTS, EFFECTS if effects is None else effects,
                            [letter(INPUTS[3])] if letters is None else letters)


def check(made):
    checker.check_finished(made, {("t", 0): 4})


def test_sound_evidence_passes():
    check(evidence())


@pytest.mark.parametrize("promise, made", {
    "I1": lambda: evidence(letters=[], committed=3),
    "I2": lambda: evidence(effects=[*EFFECTS, effect(3, "a", 2)]),
    "I3 by position": lambda: evidence(effects=[*EFFECTS, effect(3, "c", 3)]),
    "I3 by event": lambda: evidence(letters=[letter(INPUTS[3]), letter(INPUTS[2])]),
    "I4": lambda: evidence(effects=[effect(2, "a", 0), effect(1, "b", 1)]),
    "I5 passes": lambda: evidence(letters=[]),
    "I5 too low": lambda: evidence(committed=3),
    "I8 value": lambda: evidence(letters=[letter(INPUTS[3], value=b"x")]),
    "I8 key": lambda: evidence(letters=[letter(INPUTS[3], key=None)]),
    "I8 timestamp": lambda: evidence(letters=[letter(INPUTS[3], timestamp_ms=1)]),
    "I8 headers": lambda: evidence(letters=[letter(INPUTS[3], headers=letter(INPUTS[3]).headers[1:])]),
}.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_planted_fault_is_found(promise, made):
    with pytest.raises(AssertionError, match=promise.split()[0]):
        check(made())
