"""
options - what a run is told, and what its rounds are drawn with

Pure: the same words give the same rounds.
"""

import argparse
import dataclasses
import itertools
import pathlib
import random

MODES = ("postgres", "outside", "redis", "sqlite", "none", "pgbouncer", "sentinel")
ABOUT = """Runs rounds of a few minutes with real servers, several onced and seeded faults, holds each to the
promises from outside, and writes report.md, timeline.svg and facts.json. The exit status is 0 when
nothing was violated."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a round is drawn with; the seed decides about everything else."""

    number: int
    seed: int
    mode: str
    seconds: float
    is_static: bool = True
    assignment: str = "eager"
    partitions: int = 8
    per_second: int = 0  # 0: as the mode says
    faults_per_minute: float = 20.0
    is_clocked: bool = False  # the wall clocks of the hosts can jump

    def title(self):
        return f"{self.mode}, {'static' if self.is_static else 'dynamic'}, {self.assignment}"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="torture", description=ABOUT)
    parser.add_argument("--minutes", type=float, default=10, help="how long faults go on in all (10)")
    parser.add_argument("--round-minutes", type=float, default=3, help="of one round (3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", action="append", choices=MODES, help="only these; default all")
    parser.add_argument("--faults", help="only those whose name has one of these words, by commas")
    parser.add_argument("--list-faults", action="store_true")
    parser.add_argument("--faults-per-minute", type=float, default=20)
    parser.add_argument("--per-second", type=int, default=0, help="records; default as the mode says")
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument("--membership", choices=("static", "dynamic", "both"), default="both")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build-torture/report"),
                        help="directory of the report (build-torture/report)")
    parser.add_argument("--record", type=pathlib.Path, help="a document whose counts are replaced")
    return parser.parse_args(arguments)


def rounds(arguments):
    """Options of all rounds, drawn from the seed: modes in turn, each time with other settings."""
    chance = random.Random(f"rounds {arguments.seed}")
    modes = arguments.mode or MODES
    left = arguments.minutes * 60
    for number in itertools.count():
        seconds = min(arguments.round_minutes * 60, left)
        if seconds < 10:
            return
        static = {"static": True, "dynamic": False}.get(arguments.membership)
        yield Options(
            number=number, seed=chance.getrandbits(31), mode=modes[number % len(modes)], seconds=seconds,
            is_static=chance.random() < 0.6 if static is None else static,
            is_clocked=chance.random() < 0.5 or "clock" in (arguments.faults or ""), per_second=arguments.per_second, faults_per_minute=arguments.faults_per_minute)
        left -= seconds


