"""
torture - real servers, several onced, seeded faults, and a judge outside

Rounds of a few minutes follow one another until the time is used up. Each has a mode and a seed of its own,
fresh topics and a fresh database, and is judged while the next one runs. Facts go to facts.json, for people
to report.md and timeline.svg. The exit status is 0 when nothing was violated.
"""

import itertools
import json
import sys
import time

from . import faults, options, report, verdict
from .round import Round
from .servers import Servers


def select(table, words):
    if not words:
        return table
    wanted = [word.strip() for word in words.split(",")]
    return {name: kind for name, kind in table.items() if any(word in name for word in wanted)}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Run:
    """The facts of the rounds so far, written after each: a run that is broken off has a report, too."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.facts = []
        self.sittings = 1

    def take_up(self):
        """What an earlier sitting of this run has done."""
        earlier = json.loads((self.arguments.out / "facts.json").read_text())
        own, told = earlier["runs"][0], self.whole()["runs"][0]["arguments"]
        for name in ("seed", *report.DEFAULTS):
            if own["arguments"].get(name) != told[name]:
                raise SystemExit(f"torture: that run had {name} = {own['arguments'].get(name)}")
        self.facts = earlier["rounds"][:own["rounds"]]
        self.sittings = own["sittings"] + (not self.arguments.judge_again)

    def whole(self):
        others = [json.loads((path / "facts.json").read_text()) for path in self.arguments.beside]
        return report.sum_up(vars(self.arguments), self.facts, self.sittings, others)

    def write(self):
        self.arguments.out.mkdir(parents=True, exist_ok=True)
        whole = self.whole()
        (self.arguments.out / "facts.json").write_text(json.dumps(whole, indent=1, default=str))
        report.write(self.arguments.out, whole)

    def go(self, table):
        servers = Servers(self.arguments.brokers).start()
        judged = None
        try:
            for drawn in itertools.islice(options.rounds(self.arguments), len(self.facts), None):
                say(f"round {drawn.number}: {drawn.title()}, {drawn.seconds:.0f} s, seed {drawn.seed}")
                previous, judged = judged, Round(servers, drawn, table).run()
                self._add(previous)
        finally:
            servers.close()
            self._add(judged)

    def _add(self, judged):
        if judged:
            self.facts.append(judged.facts())
            self.write()

    def judge_again(self):
        self.facts = [verdict.again(facts) for facts in self.facts]
        self.write()


def main(arguments):
    arguments = options.parse(arguments)
    table = select(faults.load(), arguments.faults)
    if arguments.list_faults:
        for name, kind in table.items():
            print(f"{name:28} {kind.target:10} {' '.join(kind.__doc__.split())}")
        return 0
    if not table:
        print("no fault has such a name; see --list-faults", file=sys.stderr)
        return 2
    run = Run(arguments)
    if arguments.is_continued or arguments.judge_again:
        run.take_up()
    if arguments.judge_again:
        run.judge_again()
    else:
        run.go(table)
    if arguments.record:
        report.record(arguments.record, run.whole())
    print((arguments.out / "report.md").read_text())
    return 1 if any(fact["violations"] for fact in run.facts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
