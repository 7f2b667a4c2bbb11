"""
mutants - planted faults of the daemon, and how long it takes until each is caught

    python -m torture.mutants BUILD

Those of the simulator (tests/support/sim.c) are planted by number: each runs schedule after schedule, as
seeds draw them, until an invariant breaks. Prints a table in Markdown; the exit status is 0 when every one
was caught.
"""

import pathlib
import re
import subprocess
import sys
import time

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


def table(program):
    """[(name, invariant or None, schedules, seconds)]"""
    return [(name, *catch(program, number)) for number, name in enumerate(names(), 1)]


def main(arguments):
    program = pathlib.Path(arguments[0]) / "tests" / "unit" / "test_sim"
    rows = table(program)
    print("| planted fault | caught by | after schedules | seconds |\n|---|---|---|---|")
    for name, invariant, schedules, seconds in rows:
        print(f"| {name} | {invariant or '**nobody**'} | {schedules} | {seconds:.2f} |")
    return 0 if all(invariant for _, invariant, _, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
