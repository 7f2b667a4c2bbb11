"""
torture - real servers, several onced, seeded faults, and a judge outside

Rounds of a few minutes follow one another until the time is used up. Each has a mode and a seed of its own,
fresh topics and a fresh database; it is judged before the next begins. Facts go to facts.json, for people
to report.md and timeline.svg. The exit status is 0 when nothing was violated.
"""

import json
import sys
import time

from . import faults, options, report
from .round import Round
from .servers import Servers


def select(table, words):
    if not words:
        return table
    wanted = [word.strip() for word in words.split(",")]
    return {name: kind for name, kind in table.items() if any(word in name for word in wanted)}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(arguments, table):
    arguments.out.mkdir(parents=True, exist_ok=True)
    servers = Servers(arguments.brokers).start()
    facts = []
    try:
        for drawn in options.rounds(arguments):
            say(f"round {drawn.number}: {drawn.title()}, {drawn.seconds:.0f} s, seed {drawn.seed}")
            facts.append(Round(servers, drawn, table).run())
            say(report.line(facts[-1]))
            write(arguments, facts)
    finally:
        servers.close()
    return facts


def write(arguments, facts):
    """After each round: a run that is broken off has a report, too."""
    whole = report.sum_up(vars(arguments), facts)
    (arguments.out / "facts.json").write_text(json.dumps(whole, indent=1, default=str))
    report.write(arguments.out, whole)


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
    facts = run(arguments, table)
    if arguments.record:
        report.record(arguments.record, report.sum_up(vars(arguments), facts))
    print((arguments.out / "report.md").read_text())
    return 1 if any(fact["violations"] for fact in facts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
