"""
judge - holds one round to the invariants, from what lies around outside the daemon

Each check is a function that gets the evidence and yields sentences, one for each violation. What the
scenario tests' checker knows is asked there. The evidence is read in an order that makes it sound: the
committed offsets before effects and dead letters.
"""

import bisect
import collections
import dataclasses

from scenario import checker

from . import duplicates
from .modes import EXACTLY
from .side import SideEvidence
from .stream import INNOCENT

CLOCK_SECONDS = 0.002  # a commit's time is written in whole milliseconds
SAMPLES = 5  # of each kind of violation that are told in full


@dataclasses.dataclass(frozen=True)
class Promised:
    """What a mode promises."""

    promise: str
    is_deduplicating: bool
    has_owners: bool = True  # an effect tells which process made it


@dataclasses.dataclass
class Evidence(checker.Evidence):
    mode: Promised
    committed: dict
    inputs: list
    effects: list
    dead_letters: list
    ends: dict
    ledger: dict  # (partition, offset) -> class
    history: list  # every commit, in the order of the broker's log
    samples: list
    deaths: list
    exits: list  # [(host, eventlog.Exit)]
    exit_codes: dict  # {host: exit status}
    remains: list  # sentences: what was left behind, or leaked
    faults: list
    lag_zero_after: float | None  # seconds after the last fault; None: never
    lag_zero_limit: float
    skipped: set = dataclasses.field(default_factory=set)  # positions that retention took
    told_lost: set = dataclasses.field(default_factory=set)  # partitions whose lost offset a host has told
    leaks: list = dataclasses.field(default_factory=list)  # where a planted secret was found
    side: SideEvidence | None = None  # of a second topic

    def __post_init__(self):
        super().__init__(self.committed, self.inputs, self.effects, self.dead_letters, self.skipped)
        self.kinds = {r.position(): self.ledger.get((r.partition, r.offset)) for r in self.inputs}


def told_by(check, *arguments):
    """The words of a check that asserts."""
    try:
        check(*arguments)
    except AssertionError as error:
        yield str(error)


def _few(what, found):
    if found:
        yield f"{len(found)} {what}: {found[:SAMPLES]}"


def nothing_lost(evidence):
    yield from told_by(checker.check_nothing_lost, evidence)
    there = {(r.partition, r.offset) for r in evidence.inputs}
    yield from _few("acknowledged records are not in the topic", sorted(set(evidence.ledger) - there))


def loss_is_told(evidence):
    """What retention takes before it was settled is not to be brought back; but no host may be silent about it."""
    kept = checker.Evidence(evidence.committed, (), evidence.effects, evidence.dead_letters)
    lost = [r.position() for r in evidence.inputs if r.position() in evidence.skipped and not kept.is_settled(r)]
    yield from _few("records were lost to retention, and no host said so",
                    [position for position in lost if position[1] not in evidence.told_lost])


def innocent_not_dead(evidence):
    """An event without a fault of its own may be late, not dead."""
    # Of two with one id the later one collides, and which that is need not be told by the stream.
    dead = [checker.origin(d) for d in evidence.dead_letters if d.header("onced-reason") != b"collision"]
    yield from _few("innocent events ended as dead letters",
                    sorted({p for p in dead if evidence.kinds.get(p) in INNOCENT}))


def no_event_twice(evidence):
    if evidence.mode.promise == EXACTLY:
        yield from told_by(checker.check_no_event_twice, evidence)


def repeats_have_a_cause(evidence):
    found = duplicates.causes(evidence)
    if found.get(duplicates.UNEXPLAINED):
        yield f"{found[duplicates.UNEXPLAINED]} effects came twice without a cause"


def never_both(evidence):
    if evidence.mode.promise == EXACTLY:
        yield from told_by(checker.check_never_both, evidence)


# What may leave an owner at work that has lost its partition without knowing.
STALE_OWNERS = {"process", "network", "machine"}


def in_order(evidence):
    """
    The first effects of a strand rise. Below an earlier one only where two owners worked side by side, and a
    fault made the first of them a zombie. A record that was read as a repeat, and is applied when it is read
    again since the store forgot its event, is no first effect: I2b asks for its cause.
    """
    last, wrong = {}, []
    for effect in duplicates.firsts(evidence.effects, evidence.mode.is_deduplicating):
        before = last.get((effect.topic, effect.partition))
        if before is not None and effect.offset < before.offset and not _is_zombie(evidence, before, effect):
            wrong.append(((effect.topic, effect.partition, effect.offset), before.offset))
        if before is None or effect.offset > before.offset:
            last[effect.topic, effect.partition] = effect
    yield from _few("effects came after one behind them", wrong)


def _is_zombie(evidence, before, after):
    if evidence.mode.has_owners and before.owner == after.owner:
        return False
    return any(
        fault.target in STALE_OWNERS and fault.covers(before.at - 1, after.at + 1, grace=20)
        for fault in evidence.faults)


def committed_offsets(evidence):
    yield from told_by(checker.check_committed, evidence)
    yield from told_by(checker.check_committed_to_end, evidence, evidence.ends)
    settled = SettleTimes(evidence)
    wrong = [c for c in evidence.history if settled.last_below(c.partition, c.offset) > c.at + CLOCK_SECONDS]
    yield from _few("commits passed a record that was settled later", wrong)
    wrong = []
    for sample in evidence.samples:
        for partition, offset in (sample.committed or {}).items():
            letter = settled.letter_missing_below(partition, offset, sample.dead_ends)
            if letter:
                wrong.append((sample.at, partition, offset, letter))
    yield from _few("commits passed a dead letter that was not written yet", wrong)


class SettleTimes:
    """When what lies below an offset was settled; dead letters are known by their own offsets."""

    def __init__(self, evidence):
        by_id = {}
        at = {}
        for effect in evidence.effects:
            by_id.setdefault(effect.event_id, effect.at)
            at.setdefault((effect.partition, effect.offset), effect.at)
        self._offsets, self._until = {}, {}
        letters = self._letters(evidence)
        self._letter_offsets = collections.defaultdict(list)
        for record in evidence.inputs:
            where = (record.partition, record.offset)
            if record.position() in evidence.skipped:
                # Deleted by retention: whatever has its id now was applied for another record.
                when = 0.0
            elif where in letters:
                self._letter_offsets[record.partition].append((record.offset, letters[where]))
                when = 0.0
            elif where in at:
                when = at[where]
            else:
                when = by_id.get(checker.event_id_of(record), 0.0)
            until = self._until.setdefault(record.partition, [])
            self._offsets.setdefault(record.partition, []).append(record.offset)
            until.append(max(when, until[-1]) if until else when)

    @staticmethod
    def _letters(evidence):
        """{origin: place of its first dead letter}"""
        found = {}
        for letter in evidence.dead_letters:
            _, partition, offset = checker.origin(letter)
            found.setdefault((partition, offset), (letter.partition, letter.offset))
        return found

    def last_below(self, partition, offset):
        """When the last of what is below `offset` was settled; 0 where there is nothing."""
        index = bisect.bisect_left(self._offsets.get(partition, []), offset)
        return self._until[partition][index - 1] if index else 0.0

    def letter_missing_below(self, partition, offset, dead_ends):
        for origin, (letter_partition, letter_offset) in self._letter_offsets[partition]:
            if origin < offset and letter_offset >= dead_ends.get(letter_partition, 0):
                return origin
        return None


def commits_never_go_back(evidence):
    last, wrong = {}, []
    for commit in evidence.history:
        if commit.offset < last.get(commit.partition, -1):
            wrong.append((commit, last[commit.partition]))
        last[commit.partition] = commit.offset
    yield from _few("commits went back", wrong)


def dead_letters_are_the_record(evidence):
    yield from told_by(checker.check_dead_letters, evidence)


def lag_is_worked_off(evidence):
    if evidence.lag_zero_after is None:
        yield f"the lag was not 0 within {evidence.lag_zero_limit:.0f} s of the last fault"


EXPECTED_ENDS = {"drained", "stuck", "recycled", "fenced", "stale"}


def exits_are_explained(evidence):
    expected = {death.pid for death in evidence.deaths}
    told = {exit_.pid for _, exit_ in evidence.exits}
    wrong = [f"{host}: {exit_.text}" for host, exit_ in evidence.exits
             if exit_.pid not in expected and exit_.cause not in EXPECTED_ENDS]
    yield from _few("exits of workers that no fault explains", wrong)
    supervisors = [d for d in evidence.deaths if d.by_supervisor]
    wrong = [d for d in evidence.deaths if d.is_certain and d.pid not in told
             and not any(s.host == d.host and abs(s.at - d.at) < 10 for s in supervisors)]
    yield from _few("deaths of workers that nobody told", wrong)
    for host, code in evidence.exit_codes.items():
        if code != 0:
            yield f"host {host} ended with {code}"


def nothing_remains(evidence):
    yield from evidence.remains


def secrets_stay_secret(evidence):
    yield from _few("places have a secret", evidence.leaks)


def recreated_topic_is_applied(evidence):
    """Of the topic as it is everything, once; of those before it what came in time, and not twice."""
    if not evidence.side:
        return
    beside = evidence.side
    there = {record.key.decode() for record in beside.records}
    applied = collections.Counter(effect.key for effect in beside.effects)
    yield from _few("records acknowledged since the topic was made are not in it", sorted(beside.acknowledged - there))
    yield from _few("records of the topic as it is were not applied", sorted(there - set(applied)))
    yield from _few("records took effect more than once", sorted(key for key, times in applied.items() if times > 1))
    yield from _few("records without a fault were dead-lettered", [checker.origin(d) for d in beside.dead_letters])
    if beside.committed != beside.ends:
        yield f"the topic is committed to {beside.committed}, its ends are {beside.ends}"


def recreated_topic_is_told(evidence):
    if evidence.side:
        yield from _few("partitions are of another topic, and no host said that their offset is lost",
                        sorted(evidence.side.forgotten - evidence.side.told))


CHECKS = (
    ("I1", "no acknowledged event is lost", nothing_lost),
    ("I1c", "what retention takes is told", loss_is_told),
    ("I1b", "no innocent event is dead-lettered", innocent_not_dead),
    ("I2", "at most one effect per event (transactional)", no_event_twice),
    ("I2b", "a second effect has a cause", repeats_have_a_cause),
    ("I3", "never both effect and dead letter", never_both),
    ("I4", "effects in order per strand", in_order),
    ("I5", "committed never passes the first unsettled record", committed_offsets),
    ("I7", "commits never go back", commits_never_go_back),
    ("I8", "dead letters are the record, byte for byte", dead_letters_are_the_record),
    ("I9", "the lag is 0 soon after the last fault", lag_is_worked_off),
    ("I10", "no process, descriptor or thread is left over", nothing_remains),
    ("I11", "every exit is explained", exits_are_explained),
    ("I12", "planted secrets appear nowhere", secrets_stay_secret),
    ("I13", "of a topic made anew everything is applied, once", recreated_topic_is_applied),
    ("I13b", "a topic made anew is told", recreated_topic_is_told),
)


def judge(evidence):
    """{name: [violation]} of every check."""
    return {name: list(check(evidence)) for name, _, check in CHECKS}

