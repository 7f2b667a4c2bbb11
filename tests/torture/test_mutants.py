"""
test_mutants - the planted faults still fit the sources they are planted into
"""

from . import mutants, real_mutants


def test_each_real_mutant_finds_its_place_once():
    assert [m.name for m in real_mutants.MUTANTS if not real_mutants.applies(m)] == []


def test_the_simulators_mutants_have_names():
    assert len(mutants.names()) == len(set(mutants.names())) >= 12
