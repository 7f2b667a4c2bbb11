"""
conftest - one machine for all tests of the service, and a service for each

Servers and worlds are those of the scenarios.
"""

import pytest
from scenario.conftest import (  # noqa: F401  (fixtures and hooks work by being here)
    kafka,
    kafka_session,
    postgres,
    postgres_session,
    pytest_runtest_makereport,
    world,
)

from .machine import machine_or_skip
from .service import Service


@pytest.fixture(scope="session")
def machine():
    made = machine_or_skip()
    try:
        made.boot()
        _set_up(made)
        yield made
    finally:
        made.close()


def _set_up(made):
    """What a package does behind its files."""
    made.run("systemd-sysusers")
    made.run("systemd-tmpfiles", "--create", "/usr/local/lib/tmpfiles.d/onced.conf")
    made.run("journalctl", "--update-catalog")
    made.run("systemctl", "daemon-reload")


@pytest.fixture
def service(machine, world):  # noqa: F811
    made = Service(machine, world)
    yield made
    made.close()


@pytest.fixture
def instance(machine, world):  # noqa: F811
    made = Service(machine, world, "onced@orders")
    yield made
    made.close()
