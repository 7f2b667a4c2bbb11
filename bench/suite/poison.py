"""
poison - a backlog in which some orders violate a CHECK and become dead letters

Order within partitions is kept, each poison record reaches the dead-letter topic, each other one takes
effect. The breaker that would stop a consumer with so many dead letters is off.
"""

from . import contender, variants
from .run import run
from .stage import Stage

TITLE = "Poison"
SHARES = {"0.1 % poison": 0.001, "5 % poison": 0.05}
DEFAULT_COUNT, SMALL_COUNT = 300_000, 2_000
SECTIONS = {"consumer c": {"dlq.breaker": "off"}, "onced": {"log.level": "error"}}


def measure(options):
    with Stage() as stage:
        def with_share(share):
            return lambda: run(stage, contender.ONCED, stage.orders(options.count, poison=share), sections=SECTIONS)
        return variants.paired(options, with_share(0.0), {label: with_share(s) for label, s in SHARES.items()})


show = variants.show


def charts(result):
    return {"poison": variants.bars("Poison among the orders", result, "clean")}
