"""
test_service_times - the units leave time for a drain of the length that is the default
"""

import re

import pytest

from . import tree

CLOSE_S = 5  # what daemon/config/deployment.c reckons with


def seconds(path, pattern):
    [found] = re.findall(pattern, tree.text(path), re.MULTILINE)
    return int(found)


@pytest.mark.parametrize("unit", ["onced.service.in", "onced@.service.in"])
def test_a_stop_is_longer_than_a_drain_and_a_close(unit):
    drain = seconds("conf/onced.ini", r"^#?drain\.timeout = (\d+)s$")
    assert seconds(f"systemd/{unit}", r"^TimeoutStopSec=(\d+)s$") >= drain + CLOSE_S
    assert seconds(f"systemd/{unit}", r"longer than drain\.timeout \((\d+) s\)") == drain


@pytest.mark.parametrize("unit", ["onced.service.in", "onced@.service.in"])
def test_a_unit_does_not_say_how_long_a_stop_is(unit):
    """A drain under systemd asks for its time: held against TimeoutStopSec, a long one would be blamed without cause."""
    assert "STOP_TIMEOUT" not in tree.text(f"systemd/{unit}")
