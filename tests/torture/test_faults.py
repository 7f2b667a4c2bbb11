"""
test_faults - what every fault is held to before it is let loose
"""

import random

import pytest

from . import faults


class Nowhere:
    """A stage of which nothing can be reached."""

    hosts = ()

    @staticmethod
    def has_work():
        return False


@pytest.mark.parametrize("name", sorted(
    name for name, kind in faults.load().items()
    if kind.target in ("process", "operator", "host") and name != "rebalance storm"))  # it brings its own
def test_a_fault_without_a_victim_says_so(name):
    with pytest.raises(faults.NobodyThere):
        faults.TABLE[name](Nowhere(), random.Random(1)).strike()
