"""
options - what a run is told, and what its rounds are drawn with

Pure: the same words give the same rounds.
"""

import argparse
import dataclasses
import itertools
import pathlib
import random

# Who says what member has which partition: members, all at once or one by one, or the brokers.
ASSIGNMENTS = ("eager", "cooperative", "consumer")
MODES = ("postgres", "outside", "redis", "sqlite", "none", "pgbouncer", "sentinel")
# Rounds of many records and many kills, and little else: of the modes whose effects cost little.
FLOODS = {"postgres": 12000, "redis": 12000, "sqlite": 8000}  # records a second
FLOOD_EVERY = 5  # so many rounds
FLOODS_OF_THEM = (1, 3)
# Where each kill costs a session timeout a group that is killed faster never comes to rest.
SLOW_KILLS = 6
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
    kind: str = "mixed"  # or flood
    is_static: bool = True
    assignment: str = "eager"
    brokers: int = 1
    partitions: int = 8
    workers: int = 2  # of each host
    per_second: int = 0  # 0: as the mode says
    faults_per_minute: float = 20.0
    kills_per_minute: float = 0.0  # of workers and supervisors, on top of the faults
    targets: tuple = ()  # only faults of these; () all
    is_clocked: bool = False  # the wall clocks of the hosts can jump
    has_side: bool = False  # there is a second topic, which is deleted and made anew
    is_held: bool = False  # a partition whose offset is lost waits for an operator

    def is_succeeded(self):
        """Whether the next process of a member that died is that member: no session timeout lies between."""
        return self.is_static and self.assignment != "consumer"

    def title(self):
        flood = " flood" if self.kind == "flood" else ""
        brokers = f", {self.brokers} brokers" if self.brokers > 1 else ""
        return f"{self.mode}{flood}, {'static' if self.is_static else 'dynamic'}, {self.assignment}{brokers}"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="torture", description=ABOUT)
    parser.add_argument("--minutes", type=float, default=10, help="how long faults go on in all (10)")
    parser.add_argument("--round-minutes", type=float, default=3, help="of one round (3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", action="append", choices=MODES, help="only these; default all")
    parser.add_argument("--kind", choices=("mixed", "flood"),
                        help="only rounds with all faults, or only those of many records and kills")
    parser.add_argument("--faults", help="only those whose name has one of these words, by commas")
    parser.add_argument("--list-faults", action="store_true")
    parser.add_argument("--faults-per-minute", type=float, default=20)
    parser.add_argument("--kills-per-minute", type=float, default=24,
                        help="of workers and supervisors, on top (24; at most 6 where each costs a session timeout)")
    parser.add_argument("--per-second", type=int, default=0, help="records; default as the mode says")
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument("--membership", choices=("static", "dynamic", "both"), default="both")
    parser.add_argument("--assignment", choices=(*ASSIGNMENTS, "all"), default="all",
                        help="the second and third with the newest librdkafka; of all rounds a quarter, and a sixth")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build-torture/report"),
                        help="directory of the report (build-torture/report)")
    parser.add_argument("--continue", dest="is_continued", action="store_true",
                        help="the run in that directory, which was broken off, with the same arguments")
    parser.add_argument("--judge-again", action="store_true",
                        help="runs nothing: the run in that directory, by a judge that was mended")
    parser.add_argument("--beside", action="append", type=pathlib.Path, default=[],
                        help="directory of the report of another run, whose facts are summed up with these")
    parser.add_argument("--record", type=pathlib.Path,
                        help="a document whose counts are replaced, its picture beside it")
    return parser.parse_args(arguments)


def rounds(arguments):
    """Options of all rounds, drawn from the seed: modes in turn, each time with other settings."""
    chance = random.Random(f"rounds {arguments.seed}")
    # Of their own, so that what else is drawn is what it was before there were such settings.
    assignments = random.Random(f"assignments {arguments.seed}")
    sides = random.Random(f"sides {arguments.seed}")
    holds = random.Random(f"holds {arguments.seed}")
    modes = itertools.cycle(arguments.mode or MODES)
    floods = itertools.cycle([mode for mode in FLOODS if mode in (arguments.mode or MODES)])
    left = arguments.minutes * 60
    for number in itertools.count():
        seconds = min(arguments.round_minutes * 60, left)
        if seconds < 10:
            return
        flood = arguments.kind == "flood" or arguments.kind is None and number % FLOOD_EVERY in FLOODS_OF_THEM
        mode = next(floods, None) if flood else None
        settings = _flood(arguments, mode) if mode else {"mode": next(modes)}
        static = chance.random() < (0.75 if mode else 0.6)
        if arguments.membership != "both":
            static = arguments.membership == "static"
        drawn = Options(
            number=number, seed=chance.getrandbits(31), seconds=seconds, is_static=static,
            is_clocked=(chance.random() < 0.5 or "clock" in (arguments.faults or "")) and not mode,
            brokers=arguments.brokers,
            assignment=_assignment(arguments, assignments),
            **{"per_second": arguments.per_second, "faults_per_minute": arguments.faults_per_minute,
               "kills_per_minute": arguments.kills_per_minute, **settings})
        has_side = sides.random() < 0.5 and _can_have_side(drawn)
        is_held = holds.random() < 0.5 and _can_lose(drawn) and not has_side
        yield _limited(dataclasses.replace(drawn, has_side=has_side, is_held=is_held))
        left -= seconds


def _assignment(arguments, chance):
    if arguments.assignment != "all":
        return arguments.assignment
    drawn = chance.random()
    return "cooperative" if drawn < 0.25 else "consumer" if drawn > 5 / 6 else "eager"


def _can_lose(drawn):
    return drawn.mode in ("postgres", "pgbouncer") and drawn.kind == "mixed"


def _can_have_side(drawn):
    """Its effects are known by their keys, and when a host told something by the clock."""
    return _can_lose(drawn) and not drawn.is_clocked


def _flood(arguments, mode):
    return {"mode": mode, "kind": "flood", "workers": 3,
            "per_second": arguments.per_second or FLOODS[mode],
            "faults_per_minute": arguments.faults_per_minute / 6,
            "kills_per_minute": arguments.kills_per_minute * 2}


def _limited(options):
    if options.is_succeeded():
        return options
    return dataclasses.replace(options, kills_per_minute=min(options.kills_per_minute, SLOW_KILLS))
