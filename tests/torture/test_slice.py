"""
test_slice - a few minutes of torture with fixed seeds, one round for each mode

The long run is scripts/torture. A seed that once found something is kept here, with what it found.
"""

import json
import re

import pytest

from . import faults, report
from .options import Options, parse
from .round import Round
from .servers import Servers

ROUNDS = (
    Options(number=0, seed=594234712, mode="postgres", seconds=40, faults_per_minute=24),
    Options(number=1, seed=1657921612, mode="redis", seconds=25, is_static=False, faults_per_minute=30),
    Options(number=2, seed=1657921612, mode="sqlite", seconds=20, is_static=False, faults_per_minute=24),
    Options(number=3, seed=1502740895, mode="none", seconds=25, faults_per_minute=24),
    # A database that fell silent held the start of partitions for ever.
    Options(number=4, seed=1502740895, mode="outside", seconds=25, faults_per_minute=30),
)


@pytest.fixture(scope="module")
def servers():
    made = Servers().start()
    yield made
    made.close()


@pytest.mark.parametrize("options", ROUNDS, ids=lambda options: options.mode)
def test_round_breaks_no_promise(servers, options, tmp_path):
    facts = Round(servers, options, faults.load()).run().facts()
    whole = report.sum_up(vars(parse(["--mode", options.mode])), [facts])
    report.write(tmp_path, whole)
    json.dumps(whole)
    assert not facts["violations"], report.line(facts)
    assert facts["records"] > 0 and facts["faults"]
    # A round in which nothing happened would hold every promise.
    assert any(not fault["failed"] for fault in facts["faults"])
    # What cannot be done during another fault is no mistake of ours; these are.
    mistakes = [fault["failed"] for fault in facts["faults"]
                if re.search(r"^(Attribute|Name|Type)Error", fault["failed"], re.M)]
    assert not mistakes
