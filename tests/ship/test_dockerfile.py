"""
test_dockerfile - the Dockerfile as it is read; what it makes is tried by tests/packages
"""

import pathlib
import re
import subprocess
import sys

from scenario.harness import ROOT

DOCKERFILE = ROOT / "Dockerfile"


def test_the_dockerfile_is_clean():
    hadolint = pathlib.Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), "--config", str(ROOT / ".hadolint.yaml"), str(DOCKERFILE)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_builds_is_left_behind_and_the_base_is_to_be_chosen():
    text = DOCKERFILE.read_text()
    assert re.findall(r"^ARG BASE=(.*)$", text, re.MULTILINE) == ["debian:12-slim"]
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == ["${BASE} AS build", "${BASE}"]
    last = text.rsplit("\nFROM ", 1)[1]
    assert "-dev" not in last and re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    for line in re.findall(r"^(?:ENTRYPOINT|CMD|HEALTHCHECK.* CMD) (.*)$", last, re.MULTILINE):
        assert line.startswith("["), f"needs a shell: {line}"
