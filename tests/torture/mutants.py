"""
mutants - planted faults of the daemon, and how long it takes until each is caught

    PYTHONPATH=tests python3 -m torture.mutants BUILD
    scripts/torture --mutants [NUMBER ...]

Those of the simulator (tests/support/sim.c) are planted by number into a build's test_sim: each runs schedule
after schedule, as seeds draw them, until an invariant breaks. The real ones (real_mutants.py) are changes of
the sources, built and tortured with real servers. Prints a table in
Markdown; the exit status is 0 when every one was caught.
"""

import os
import pathlib
import re
import subprocess
import sys
import time

from . import real_mutants

SCHEDULES = 3000
_CAUGHT = re.compile(r"^(I\d+): (.*)$")
_NAME = re.compile(r'\[SIM_MUTANT_\w+\] = \{\s*"([^"]+)"')
SOURCE = pathlib.Path(__file__).parents[1] / "unit" / "test_sim.c"


def names():
    """In the order of their numbers, from 1."""
    return _NAME.findall(SOURCE.read_text())


def catch(program, number):
    """(invariant or None, schedules, seconds)"""
    began = time.monotonic()
    run = subprocess.run(
        [program, "--seeds", f"1-{SCHEDULES}", "--trace", "--mutant", str(number)],
        capture_output=True, text=True, errors="replace")
    told = run.stderr.splitlines()
    schedules = sum(line.startswith("seed ") for line in told)
    caught = _CAUGHT.match(told[-1]) if told else None
    return caught[1] if caught and run.returncode == 1 else None, schedules, time.monotonic() - began


def simulated(program):
    """Whether all were caught."""
    print("| planted fault | caught by | after schedules | seconds |\n|---|---|---|---|")
    is_caught = True
    for number, name in enumerate(names(), 1):
        invariant, schedules, seconds = catch(program, number)
        is_caught &= invariant is not None
        print(f"| {name} | {invariant or '**nobody**'} | {schedules} | {seconds:.2f} |", flush=True)
    return is_caught


def real(numbers):
    """The same of the real ones; all where no number is given."""
    chosen = [real_mutants.MUTANTS[number - 1] for number in numbers] or real_mutants.MUTANTS
    is_caught = True
    os.environ["ONCED_BUILD"] = str(real_mutants.directory(real_mutants.TREE))
    print("| planted fault | tortured by | caught by | after rounds | seconds |\n|---|---|---|---|---|", flush=True)
    for name, how, broken, rounds, seconds in real_mutants.table(chosen):
        is_caught &= bool(broken)
        told = " ".join(broken) or "**nobody**"
        print(f"| {name} | {how} | {told} | {rounds} | {seconds:.0f} |", flush=True)
    return is_caught


def main(arguments):
    if arguments[:1] == ["--real"]:
        return 0 if real([int(number) for number in arguments[1:]]) else 1
    if len(arguments) != 1:
        print("usage: mutants BUILD | --real [NUMBER ...]", file=sys.stderr)
        return 2
    return 0 if simulated(pathlib.Path(arguments[0]) / "tests" / "unit" / "test_sim") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
