"""
old_claims - a claim table that remembers ten million other events
"""

from . import contender, variants
from .run import run
from .stage import BASE, Stage

TITLE = "Ten million old claims"
ROWS, SMALL_ROWS = 10_000_000, 20_000
DEFAULT_COUNT, SMALL_COUNT = 300_000, 2_000


def measure(options):
    rows = SMALL_ROWS if options.small else ROWS
    with Stage() as stage:
        work = stage.orders(options.count)
        stage.make_old_claims("old", rows)

        def on(base):
            return lambda: run(stage, contender.ONCED, work, base=base)
        return variants.paired(options, on(BASE), {f"{rows:,} old claims": on("old")})


show = variants.show


def charts(result):
    return {"old-claims": variants.bars("A large claim table", result, "empty table")}
