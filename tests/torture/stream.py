"""
stream - what the producer sends: an endless mix of events, a pure function of seed and number

Every record has a class, and the class says what may become of it. Most are plain events. A few are
what real topics hold: repeats, poison, slow and huge ones, tombstones, bytes that are no event, and
the same id with another payload.
"""

import dataclasses
import json
import random

# How often each class comes, in a thousand.
WEIGHTS = {
    "plain": 850, "slow": 60, "repeat": 40, "flaky": 15, "poison": 8, "huge": 3, "tombstone": 4,
    "odd": 6, "header_id": 8, "no_key": 4, "collision": 2,
}
# Where as many as possible are wanted: the same classes, less of what takes its time.
FLOOD = {"slow": 4, "flaky": 2, "poison": 2, "huge": 0.1, "odd": 2, "collision": 0.5, "tombstone": 2}
# Nothing but its effect may become of one of these.
INNOCENT = {"plain", "slow", "flaky", "huge", "header_id", "no_key"}

KEYS = 200
REPEAT_BACK = 400  # a repeat is of one of so many records before it

ODD = (
    b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe\x00", b"\x00\x00\x00\x00\x01avro",
    b'{"event_id":"a","event_id":"b"}', b'{"payload":' + b"[" * 3000, b"{}" * 10, b'{"event_id":7}',
    b'{"event_id":"\\ud800"}', "{\"event_id\":\"\u0000\"}".encode(),
)


@dataclasses.dataclass(frozen=True)
class Made:
    number: int
    kind: str
    key: bytes | None
    value: bytes | None
    headers: tuple
    event_id: str | None  # None: it has none of its own, or none that can be read


def envelope(event_id, number, **payload):
    body = {"event_type": "order", "timestamp": "2024-05-01T12:00:00Z", "schema_version": 1,
            "payload": {"n": number, **payload}}
    if event_id is not None:
        body = {"event_id": event_id, **body}
    return json.dumps(body, separators=(",", ":")).encode()


class Stream:
    def __init__(self, seed, prefix, misbehaviour, weights=None):
        """`misbehaviour(class, chance)` is the payload by which such a record makes its handler misbehave."""
        self.seed = seed
        self.prefix = prefix
        self.misbehaviour = misbehaviour
        weights = {**WEIGHTS, **(weights or {})}
        self._kinds = list(weights)
        self._weights = list(weights.values())

    def kinds(self):
        return self._kinds

    def _chance(self, number):
        # An integer seed costs a third of what a text does.
        return random.Random(self.seed * 1_000_003 + number)

    def _draw(self, number):
        """(class, the chance that the rest of the record is drawn from)"""
        chance = self._chance(number)
        return chance.choices(self._kinds, self._weights)[0], chance

    def make(self, number):
        kind, chance = self._draw(number)
        made = getattr(self, "_" + kind)(number, chance)
        return dataclasses.replace(made, number=number, kind=kind)

    def _event(self, number, chance, headers=(), **payload):
        event_id = f"{self.prefix}-{number}"
        key = f"k{chance.randrange(KEYS)}".encode()
        value = envelope(event_id, **{"number": number, **payload})
        return Made(number, "", key, value, headers, event_id)

    def _plain(self, number, chance):
        return self._event(number, chance, note="x" * chance.randrange(200))

    def _misbehaving(self, number, chance):
        return self._event(number, chance, **self.misbehaviour(self._draw(number)[0], chance))

    _slow = _flaky = _poison = _misbehaving

    def _huge(self, number, chance):
        return self._event(number, chance, note="h" * chance.randrange(50_000, 900_000))

    def _header_id(self, number, chance):
        made = self._event(number, chance)
        headers = (("event_id", made.event_id.encode()), ("trace", b"\x00\xff"), ("trace", None))
        return dataclasses.replace(made, value=envelope(None, number), headers=headers)

    def _no_key(self, number, chance):
        return dataclasses.replace(self._event(number, chance), key=None)

    def _earlier(self, number, chance):
        """An event before this one that has an id in its value; None at the very beginning."""
        for back in range(chance.randrange(1, REPEAT_BACK), number + 1):
            if self._draw(number - back)[0] in ("plain", "slow", "poison"):
                return self.make(number - back)
        return None

    def _repeat(self, number, chance):
        return self._earlier(number, chance) or self._plain(number, chance)

    def _collision(self, number, chance):
        first = self._earlier(number, chance)
        if first is None or first.kind == "poison":
            return self._plain(number, chance)
        return dataclasses.replace(
            first, value=envelope(first.event_id, first.number, note=f"not the same {number}"))

    def _tombstone(self, number, chance):
        return Made(number, "", f"k{chance.randrange(KEYS)}".encode(), None, (), None)

    def _odd(self, number, chance):
        return Made(number, "", f"k{chance.randrange(KEYS)}".encode(), chance.choice(ODD),
                    (("odd", b"\xff"),), None)
