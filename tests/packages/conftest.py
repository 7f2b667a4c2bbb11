"""
conftest - packages and images are tried with the servers and the world of the scenarios

scripts/package and scripts/image make them: begun by scripts/test beside other suites (ONCED_MADE), else here.
"""

import os
import subprocess

import pytest
from scenario.conftest import (  # noqa: F401
    kafka, kafka_session, postgres, postgres_session, pytest_runtest_makereport, world)
from scenario.harness import ROOT
from systemd.machine import NoMachine, look_for_namespaces

RESULTS = ROOT / "build-test" / "results"


@pytest.fixture(scope="session", autouse=True)
def namespaces():
    """Roots are entered, and mounts made, in namespaces: without them nothing here can be tried."""
    try:
        look_for_namespaces()
    except NoMachine as error:
        pytest.skip(str(error))


def made(script, version):
    """The directory with what the script made for this Debian."""
    directory = ROOT / f"build-{script}" / version
    if os.environ.get("ONCED_MADE") == "1":
        if not (directory / "complete").exists():
            log = RESULTS / f"{script}-{version}.log"
            said = log.read_text(errors="replace")[-4000:] if log.exists() else "it was not begun"
            pytest.fail(f"scripts/{script} {version} failed: {said}", pytrace=False)
    else:
        subprocess.run([str(ROOT / "scripts" / script), version], check=True)
    return directory
