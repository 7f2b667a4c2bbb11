"""
test_slice - eleven minutes of torture with fixed seeds: every mode, and every kind of fault

The long run is scripts/torture. A seed that once found something is kept here, with what it found.
"""

import itertools
import json
import os
import re

import pytest

from . import faults, plan, report
from .options import ASSIGNMENTS, MODES, Options, parse
from .round import Round
from .servers import Servers

# The longest first: two run at a time.
ROUNDS = {
    "three-brokers": Options(
        number=0, seed=1791139464, mode="postgres", seconds=100, faults_per_minute=30, brokers=3, per_second=200,
        targets=("kafka", "process")),
    "postgres": Options(number=1, seed=1690221578, mode="postgres", seconds=45, faults_per_minute=36),
    "redis": Options(number=2, seed=593824399, mode="redis", seconds=40, faults_per_minute=36),
    "none": Options(number=3, seed=1303824948, mode="none", seconds=35, faults_per_minute=36),
    "outside": Options(number=4, seed=1811098357, mode="outside", seconds=40, faults_per_minute=36),
    "sqlite": Options(
        number=5, seed=1252633568, mode="sqlite", seconds=30, faults_per_minute=36, is_static=False, is_clocked=True),
    "pgbouncer": Options(number=6, seed=443640284, mode="pgbouncer", seconds=40, faults_per_minute=36),
    "sentinel": Options(number=7, seed=2047818355, mode="sentinel", seconds=40, faults_per_minute=36),
    "cooperative": Options(
        number=8, seed=1045197333, mode="postgres", seconds=40, faults_per_minute=36, assignment="cooperative"),
    "postgres-dynamic": Options(
        number=9, seed=563772423, mode="postgres", seconds=45, faults_per_minute=36, is_static=False,
        is_clocked=True),
    "cooperative-dynamic": Options(
        number=10, seed=2090748403, mode="postgres", seconds=40, faults_per_minute=36, is_static=False,
        assignment="cooperative"),
    "consumer": Options(
        number=13, seed=830373670, mode="postgres", seconds=35, faults_per_minute=36, assignment="consumer",
        is_held=True),
    "recreated": Options(
        number=14, seed=950731688, mode="postgres", seconds=30, faults_per_minute=30, has_side=True,
        targets=("topic", "process", "postgres")),
    "outside-dynamic": Options(
        number=11, seed=305173381, mode="outside", seconds=35, faults_per_minute=36, is_static=False,
        is_clocked=True),
    "redis-dynamic": Options(
        number=12, seed=480750394, mode="redis", seconds=35, faults_per_minute=36, is_static=False),
}
# Faults that none of them draws, and why.
NEVER = {}
CLUSTER_BYTES = 3 << 30  # three brokers, and what else there is


def servers_of(brokers):
    made = Servers(brokers).start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def one_broker():
    yield from servers_of(1)


@pytest.fixture
def three_brokers():
    if available_bytes() < CLUSTER_BYTES:
        pytest.skip("too little memory for three brokers")
    yield from servers_of(3)


def available_bytes():
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def servers(request, options):
    return request.getfixturevalue("one_broker" if options.brokers == 1 else "three_brokers")


def test_every_fault_is_drawn():
    drawn = {planned.name for options in ROUNDS.values() for planned in plan.draw(options, faults.load())}
    assert set(faults.load()) - drawn == set(NEVER)


def test_every_mode_and_membership_is_drawn():
    assert {options.mode for options in ROUNDS.values()} == set(MODES)
    for mode in ("postgres", "outside", "redis"):
        assert {o.is_static for o in ROUNDS.values() if o.mode == mode} == {True, False}
    assert {(o.assignment, o.is_static) for o in ROUNDS.values()} >= set(
        itertools.product(("eager", "cooperative"), (True, False)))
    assert {o.assignment for o in ROUNDS.values()} == set(ASSIGNMENTS)


@pytest.mark.parametrize("options", ROUNDS.values(), ids=list(ROUNDS))
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
