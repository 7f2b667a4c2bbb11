"""
test_kubernetes - what scripts/kubernetes finds on a real API server; to build that takes minutes: part of --full
"""

import subprocess

import pytest
from scenario.harness import ROOT
from support import go_tools


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_real_api_server_takes_the_manifests_and_refuses_mistakes(capsys):
    try:
        go_tools.require_go()
    except go_tools.NoGo as reason:
        pytest.skip(str(reason))
    done = subprocess.run([str(ROOT / "scripts" / "kubernetes")], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("yes  refused") >= 10 and "NO " not in done.stdout
