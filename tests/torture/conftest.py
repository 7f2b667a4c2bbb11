"""
conftest - the small stage on which one fault alone is struck
"""

import pytest

from .small import SmallStage


@pytest.fixture
def stage():
    made = SmallStage()
    yield made
    made.close()
