"""
conftest - what ships is tried with the servers and the world of the scenarios
"""

import os

import pytest

from scenario.conftest import (  # noqa: F401
    kafka, kafka_session, postgres, postgres_session, pytest_runtest_makereport, world)


@pytest.fixture(scope="session")
def as_root():
    if os.geteuid() != 0:
        pytest.skip("only root can mount, change roots and build images here")
