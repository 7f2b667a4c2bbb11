"""
namespaces - whether processes of a test may have namespaces of their own here

Containers without rights and roots that are no mount refuse them: then a test says so, and is left out.
"""

import subprocess

import pytest


def require(*unshare):
    """Skips the test unless that command can begin something."""
    tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if tried.returncode != 0:
        pytest.skip(f"no namespaces here: {tried.stderr.strip()}")
