"""
conftest - what ships is tried with the servers and the world of the scenarios
"""

from scenario.conftest import (  # noqa: F401
    kafka, kafka_session, postgres, postgres_session, pytest_runtest_makereport, world)
