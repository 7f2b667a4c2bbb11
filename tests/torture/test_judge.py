"""
test_judge - the judge finds what it is there to find

Each case plants one broken promise into evidence that is otherwise sound.
"""

import dataclasses
import struct

import pytest
from scenario import events
from support.kafka_client import Record

from . import __main__ as main
from . import commits, duplicates, eventlog, judge, plan, recovery, report, verdict
from .modes import AT_LEAST, EXACTLY, MODES, Effect, Postgres
from .options import ASSIGNMENTS, Options, parse, rounds
from .scheduler import Happened
from .side import SideEvidence
from .stage import Death
from .stream import Stream
from .watch import Sample


EXACT = judge.Promised(EXACTLY, True)
LEAST = judge.Promised(AT_LEAST, True)


def record(offset, event_id):
    return Record("t", 0, offset, 1000 + offset, b"k", events.envelope(event_id), ())


def letter(of, at=0, **changed):
    headers = (("onced-reason", b"rejected"), ("onced-topic", b"t"), ("onced-partition", b"0"),
               ("onced-offset", str(of.offset).encode()), ("onced-event-id", b"d"))
    return dataclasses.replace(of, topic="dlq", offset=at, headers=headers, **changed)


def effect(seq, event_id, offset, at=None, owner=1):
    return Effect(seq, event_id, "t", 0, offset, "k", 100.0 + seq if at is None else at, owner)


def exit_(pid, cause="crashed"):
    return "a", eventlog.Exit(105.0, 0, pid, cause, "a sentence", True)


INPUTS = [record(0, "a"), record(1, "b"), record(2, "c"), record(3, "d")]
SOUND = {
    "mode": EXACT, "committed": {("t", 0): 4}, "inputs": INPUTS,
    "effects": [effect(1, "a", 0), effect(2, "b", 1), effect(3, "c", 2)],
    "dead_letters": [letter(INPUTS[3])], "ends": {("t", 0): 4},
    "ledger": {(0, 0): "plain", (0, 1): "plain", (0, 2): "repeat", (0, 3): "poison"},
    "history": [commits.Commit(102.5, 0, 2), commits.Commit(110.0, 0, 4)],
    "samples": [Sample(110.0, 4, {0: 4}, {0: 1}, 0)],
    "deaths": [Death(105.0, 42, "a", 0, frozenset({0}))], "exits": [exit_(42)], "exit_codes": {"a": 0},
    "remains": [], "faults": [], "lag_zero_after": 1.0, "lag_zero_limit": 60.0,
}
misbehaviour = Postgres().misbehaviour
FROZEN = Happened("worker SIGSTOP", "process", 101.0, 102.0, "", True)


def beside(**changed):
    """Of a second topic that was made anew: the first of its records was in the old one, too."""
    records = [dataclasses.replace(record(n, "x"), topic="s", key=key) for n, key in enumerate((b"s5", b"s6"))]
    effects = [effect(n, None, offset)._replace(topic="s", key=key)
               for n, (offset, key) in enumerate(((0, "s1"), (0, "s5"), (1, "s6")))]
    sound = SideEvidence(acknowledged={"s5", "s6"}, records=records, effects=effects, dead_letters=[],
                         committed={0: 2}, ends={0: 2}, forgotten={0}, told={0, 1})
    return dataclasses.replace(sound, **changed)


def found(**changed):
    verdicts = judge.judge(judge.Evidence(**{**SOUND, **changed}))
    return {name for name, violations in verdicts.items() if violations}


def test_sound_evidence_passes():
    assert found() == set()
    assert found(side=beside()) == set()


PLANTED_VIOLATIONS = (
    ({"I1"}, {"ledger": {**SOUND["ledger"], (0, 4): "plain"}}),
    ({"I1", "I5"}, {"dead_letters": []}),
    ({"I1b"}, {"ledger": {**SOUND["ledger"], (0, 3): "plain"}}),
    ({"I2", "I2b"}, {"effects": [*SOUND["effects"], effect(4, "a", 0)]}),
    ({"I3"}, {"effects": [*SOUND["effects"], effect(4, "d", 3)]}),
    ({"I4"}, {"effects": [effect(1, "b", 1), effect(2, "a", 0, 101.5), effect(3, "c", 2)]}),
    ({"I5"}, {"history": [commits.Commit(102.5, 0, 3), commits.Commit(110.0, 0, 4)]}),
    ({"I5"}, {"committed": {("t", 0): 3}}),
    ({"I5"}, {"samples": [Sample(110.0, 4, {0: 4}, {0: 0}, 0)]}),
    ({"I7"}, {"history": [*SOUND["history"], commits.Commit(111.0, 0, 3)]}),
    ({"I8"}, {"dead_letters": [letter(INPUTS[3], value=b"x")]}),
    ({"I9"}, {"lag_zero_after": None}),
    ({"I10"}, {"remains": ["a process"]}),
    ({"I11"}, {"exits": [exit_(42), exit_(43)]}),
    ({"I11"}, {"exits": []}),
    ({"I11"}, {"exit_codes": {"a": 1}}),
    ({"I1c"}, {"effects": SOUND["effects"][:2], "skipped": {("t", 0, 2)}, "told_lost": {1}}),
    ({"I12"}, {"leaks": ["onced.log"]}),
    ({"I13"}, {"side": beside(acknowledged={"s5", "s6", "s7"})}),
    ({"I13"}, {"side": beside(effects=beside().effects[:2])}),
    ({"I13"}, {"side": beside(effects=[*beside().effects, beside().effects[0]])}),
    ({"I13"}, {"side": beside(dead_letters=[letter(INPUTS[3])])}),
    ({"I13"}, {"side": beside(committed={0: 1})}),
    ({"I13b"}, {"side": beside(told={1})}),
)


@pytest.mark.parametrize("names, changed", PLANTED_VIOLATIONS, ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "")
def test_planted_violation_is_found(names, changed):
    assert found(**changed) == names


def test_order_is_broken_only_by_an_owner_that_was_frozen():
    crossed = [effect(1, "b", 1, owner=2), effect(2, "a", 0, owner=1), effect(3, "c", 2, owner=2)]
    assert "I4" in found(effects=crossed)
    assert "I4" not in found(effects=crossed, faults=[FROZEN])
    assert "I4" in found(effects=[e._replace(owner=1) for e in crossed], faults=[FROZEN])


def test_a_repeat_that_is_applied_since_its_event_was_forgotten_is_out_of_no_order():
    again = {"inputs": [record(0, "a"), record(1, "a"), record(2, "b"), INPUTS[3]],
             "effects": [effect(1, "a", 0), effect(2, "b", 2), effect(3, "a", 1, at=102.4)]}
    assert found(mode=LEAST, **again, faults=[FROZEN]) == set()
    assert found(mode=LEAST, **again) == {"I2b"}
    assert found(mode=dataclasses.replace(LEAST, is_deduplicating=False), **again) == {"I4"}


def test_what_retention_deleted_is_settled_by_nobody():
    again = {"inputs": [*INPUTS, record(4, "b")], "committed": {("t", 0): 5}, "ends": {("t", 0): 5},
             "history": [commits.Commit(102.5, 0, 2), commits.Commit(110.0, 0, 5)],
             "effects": [effect(1, "a", 0), effect(2, "b", 4, at=103.0), effect(3, "c", 2, at=104.0)]}
    assert "I5" in found(**again)
    assert "I5" not in found(**again, skipped={("t", 0, 1)})


def test_a_repeat_needs_a_cause_where_it_is_allowed():
    twice = [*SOUND["effects"], effect(4, "a", 0)]
    assert found(mode=LEAST, effects=twice) == {"I2b"}
    assert found(mode=LEAST, effects=twice, faults=[FROZEN]) == set()
    evidence = judge.Evidence(**{**SOUND, "effects": twice, "faults": [FROZEN]})
    assert duplicates.causes(evidence) == {"worker SIGSTOP": 1}


def test_what_retention_took_may_be_lost_when_that_is_told():
    assert found(effects=SOUND["effects"][:2], skipped={("t", 0, 2)}, told_lost={0}) == set()


def test_every_check_has_been_seen_to_fail():
    planted = {name for names, _ in PLANTED_VIOLATIONS for name in names}
    assert planted == {name for name, _, _ in judge.CHECKS}


def test_a_death_whose_supervisor_died_too_needs_no_obituary():
    deaths = [Death(105.0, 42, "a", 0, frozenset({0}), by_supervisor=True)]
    assert found(deaths=deaths, exits=[]) == set()


def measured(is_succeeded=True, **changed):
    row = recovery.times(judge.Evidence(**{**SOUND, **changed}), is_succeeded)["worker"]
    return row["first"], row["all"], row["left_out"]


LATE = [*SOUND["effects"], effect(4, "x", 4, at=105.5), effect(5, "y", 5, at=106.5, owner=2),
        effect(6, "z", 6, at=108.0, owner=3)._replace(partition=1)]


def kill(began):
    return Happened("worker kill -9", "process", began, began, "", True)


def test_recovery_is_the_next_effect_of_another_owner():
    assert measured(effects=LATE) == ([1.5], [1.5], 0)
    both = [dataclasses.replace(SOUND["deaths"][0], partitions=frozenset({0, 1}))]
    assert measured(effects=LATE, deaths=both) == ([1.5], [3.0], 0)
    assert measured(effects=LATE, mode=dataclasses.replace(EXACT, has_owners=False)) == ([], [], 1)


def test_recovery_is_not_measured_during_another_fault():
    broker = Happened("broker kill -9", "kafka", 104.0, 105.5, "", True)
    assert measured(effects=LATE, faults=[kill(104.9), broker]) == ([], [], 1)
    # Another kill disturbs nobody, unless its victim has to leave the group first.
    kills = [kill(103.0), kill(104.9)]
    assert measured(effects=LATE, faults=kills) == ([1.5], [1.5], 0)
    assert measured(effects=LATE, faults=kills, is_succeeded=False) == ([], [], 1)
    assert measured(effects=LATE, faults=kills[1:], is_succeeded=False) == ([1.5], [1.5], 0)


def test_a_worker_that_died_with_its_supervisor_is_measured_apart():
    deaths = [dataclasses.replace(SOUND["deaths"][0], by_supervisor=True)]
    times = recovery.times(judge.Evidence(**{**SOUND, "effects": LATE, "deaths": deaths}))
    assert (times["worker"]["first"], times["host"]["first"]) == ([], [1.5])


def test_commits_are_read_as_the_broker_writes_them():
    def text(words):
        return struct.pack(">h", len(words)) + words.encode()
    key = struct.pack(">h", 1) + text("g") + text("t") + struct.pack(">i", 3)
    value = struct.pack(">hqi", 4, 400, -1) + text("n=4") + struct.pack(">q", 0) + b"\x00"
    wrote = Record(commits.TOPIC, 0, 7, 1500, key, value)
    assert commits.parse(wrote) == ("g", "t", commits.Commit(1.5, 3, 400))
    assert commits.parse(dataclasses.replace(wrote, value=None)) is None
    assert commits.parse(dataclasses.replace(wrote, key=struct.pack(">h", 2) + text("g"))) is None
    with pytest.raises(ValueError, match="version 9"):
        commits.parse(dataclasses.replace(wrote, value=b"\x00\x09" + value[2:]))


def test_obituaries_are_read_from_the_log(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        'ts=2026-01-01T00:00:01.500Z level=error msg="worker c/1 (pid 7) was killed by signal 9 (Killed)'
        ' after 2.0 s, holding \\"t\\"[0]@5" consumer=c slot=1 cause=crashed abandoned=1\n'
        "Killed\nts=2026-01-01T00:00:02Z level=info msg=stopped\n")
    [told] = eventlog.exits(log)
    assert (told.pid, told.slot, told.cause, told.holding) == (7, 1, "crashed", True)


class Kind:
    weight, target, length, aftermath = 1, "process", (0.0, 3.0), 0.2

    @staticmethod
    def unfit(_options):
        return ""


def test_the_same_seed_draws_the_same():
    table = {"a": Kind, "b": Kind, "worker kill -9": Kind}
    five, six = (Options(0, seed, "postgres", 120, faults_per_minute=30, kills_per_minute=30) for seed in (5, 6))
    assert plan.draw(five, table) == plan.draw(five, table) != plan.draw(six, table)
    first, second = Stream(5, "p", misbehaviour), Stream(5, "p", misbehaviour)
    assert [first.make(n) for n in range(3000)] == [second.make(n) for n in range(3000)]
    words = parse(["--minutes", "60", "--seed", "5"])
    assert list(rounds(words)) == list(rounds(words))
    assert {drawn.kind for drawn in rounds(words)} == {"mixed", "flood"}
    assert {drawn.mode for drawn in rounds(words)} == set(MODES)
    assert {drawn.assignment for drawn in rounds(words)} == set(ASSIGNMENTS)
    assert any(drawn.has_side for drawn in rounds(words)) and any(drawn.is_held for drawn in rounds(words))
    assert not any(drawn.has_side and drawn.is_held for drawn in rounds(words))


def test_every_class_of_records_comes():
    stream = Stream(1, "p", misbehaviour)
    made = [stream.make(n) for n in range(6000)]
    assert {m.kind for m in made} == set(stream.kinds())
    ids = {m.event_id for m in made if m.kind == "plain"}
    assert all(m.event_id in {x.event_id for x in made} for m in made if m.kind == "repeat")
    assert len(ids) == sum(m.kind == "plain" for m in made)


@pytest.mark.parametrize("kind", ["mixed", "flood"])
def test_faults_of_one_target_never_overlap(kind):
    drawn = plan.draw(Options(0, 1, "postgres", 300, kind, faults_per_minute=60, kills_per_minute=40), {
        "a": Kind, "b": Kind, "worker kill -9": Kind, "supervisor kill -9": Kind})
    assert len(drawn) > 20
    for one, other in zip(drawn, drawn[1:]):
        assert one.at + one.seconds <= other.at
    assert all(p.at + p.seconds <= 300 for p in drawn)


def test_a_judge_aside_keeps_the_evidence_of_what_it_condemns(tmp_path):
    for changed, is_kept in (({}, False), ({"remains": ["a process"]}, True)):
        directory = tmp_path / f"round-{is_kept}"
        directory.mkdir()
        course = verdict.Course(Options(0, 1, "postgres", 10), directory,
                                judge.Evidence(**{**SOUND, **changed}), 100.0, 110.0, 4, 0, 0, {})
        facts = verdict.Verdict(course).facts()
        assert bool(facts["violations"]) == directory.exists() == is_kept
        assert verdict.again(facts) == facts


def test_a_run_that_was_broken_off_goes_on_with_the_same_words_only(tmp_path):
    course = verdict.Course(Options(0, 1, "postgres", 10), tmp_path, judge.Evidence(**SOUND), 100.0, 110.0, 4, 0, 0, {})
    words = ["--out", str(tmp_path / "report"), "--mode", "postgres", "--mode", "redis"]
    run = main.Run(parse(words))
    run.facts = [course.facts()]
    run.write()
    again = main.Run(parse([*words, "--minutes", "99"]))
    again.take_up()
    assert [r["records"] for r in again.facts] == [4] and again.sittings == 2
    assert "--mode postgres --mode redis` (in 2 sittings)" in report.markdown(again.whole())
    with pytest.raises(SystemExit, match="seed"):
        main.Run(parse([*words, "--seed", "7"])).take_up()


def test_runs_made_side_by_side_are_summed_up(tmp_path):
    course = verdict.Course(Options(0, 1, "postgres", 10), tmp_path, judge.Evidence(**SOUND), 100.0, 110.0, 4, 0, 0, {})
    run = main.Run(parse(["--out", str(tmp_path)]))
    run.facts = [course.facts()]
    run.write()
    beside = main.Run(parse(["--out", str(tmp_path / "b"), "--beside", str(tmp_path), "--seed", "2"]))
    beside.facts = [course.facts()]
    whole = beside.whole()
    assert whole["records"] == 8 and [r["rounds"] for r in whole["runs"]] == [1, 1]
    document = tmp_path / "counts.md"
    document.write_text(f"before\n{report.BEGIN}old\n{report.END}behind\n")
    report.record(document, whole)
    text = document.read_text()
    assert "old" not in text and "8 records" in text and text.startswith("before\n") and text.endswith("behind\n")
    assert (tmp_path / "counts.svg").exists()
