"""
verdict - what came of a round, judged aside while the next one runs

A process of its own judges, since millions of records take their time. What comes out is a dictionary of facts,
ready for JSON; violations are sentences among them. Of a round that broke something the directory is kept,
with its evidence: `torture --judge-again` holds it to a judge that was mended.
"""

import dataclasses
import gc
import json
import os
import pathlib
import pickle
import shutil
import sys
import traceback

from support.process import die_with_parent

from . import duplicates, judge, recovery, report

EVIDENCE = "evidence"


@dataclasses.dataclass
class Course:
    """A round that is over."""

    options: object
    directory: pathlib.Path
    evidence: judge.Evidence
    began: float
    ended: float
    acknowledged: int
    not_acknowledged: int
    left_out: int  # faults that came upon a target that was not there
    watch_errors: dict
    absent: dict = dataclasses.field(default_factory=dict)  # {name: why} of faults that did not come

    def facts(self):
        evidence = self.evidence
        recovered = recovery.times(evidence, self.options.is_succeeded())
        verdicts = judge.judge(evidence)
        holding = {exit_.pid for _, exit_ in evidence.exits if exit_.holding}
        for fault in evidence.faults:
            fault.hit = fault.hit or any(f"pid {pid}" in fault.note for pid in holding)
        violations = sum(map(len, verdicts.values()))
        return {
            "options": dataclasses.asdict(self.options), "title": self.options.title(),
            "promise": evidence.mode.promise, "began": self.began, "ended": self.ended,
            "records": len(evidence.inputs), "acknowledged": self.acknowledged,
            "not_acknowledged": self.not_acknowledged, "effects": len(evidence.effects),
            "dead_letters": len(evidence.dead_letters), "commits": len(evidence.history),
            "duplicates": dict(duplicates.causes(evidence)),
            "faults": [dataclasses.asdict(fault) for fault in evidence.faults],
            "left_out": self.left_out, "absent": self.absent, "watch_errors": self.watch_errors,
            "recovery": recovered, "lag_zero_after": evidence.lag_zero_after,
            "verdicts": verdicts, "violations": violations,
            "samples": [_sample(sample) for sample in evidence.samples],
            "kept": str(self.directory) if violations else "",
        }


def _sample(sample):
    committed = None if sample.committed is None else sum(sample.committed.values())
    return {"at": sample.at, "produced": sample.produced, "committed": committed,
            "lag": sample.lag, "rss_kib": sample.rss_kib}


class Verdict:
    """Of a course that the caller forgets. facts() waits for it."""

    def __init__(self, course):
        self._directory = course.directory
        self._answer = course.directory.with_suffix(".facts")
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._judge(course)

    def _judge(self, course):
        status = 1
        try:
            die_with_parent()
            # Connections are not to stay open because this process has them, too.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            gc.disable()
            facts = course.facts()
            _say(1, report.line(facts))
            if facts["violations"]:
                keep(course)
            self._answer.write_text(json.dumps(facts))
            status = 0
        except BaseException:  # noqa: BLE001 - nothing of this process may go on in it
            _say(2, traceback.format_exc())
            keep(course)
        finally:
            os._exit(status)

    def facts(self):
        _, status = os.waitpid(self._pid, 0)
        if status != 0:
            raise RuntimeError(f"a round could not be judged; its evidence is in {self._directory}")
        facts = json.loads(self._answer.read_text())
        self._answer.unlink()
        if not facts["violations"]:
            shutil.rmtree(self._directory, ignore_errors=True)
        return facts


def _say(descriptor, text):
    os.write(descriptor, text.encode() + b"\n")


def keep(course):
    with open(course.directory / EVIDENCE, "wb") as file:
        pickle.dump(course, file, pickle.HIGHEST_PROTOCOL)


def again(facts):
    """The facts of a round by today's judge, where its evidence was kept."""
    path = pathlib.Path(facts["kept"] or ".") / EVIDENCE
    if not facts["kept"] or not path.exists():
        return facts
    with open(path, "rb") as file:
        return json.loads(json.dumps(pickle.load(file).facts()))
