"""
test_guarantees - README and oncectl promise the same, word for word
"""

import subprocess

from . import tree


def test_readme_has_the_words_of_the_tool():
    printed = subprocess.run([str(tree.BUILD / "oncectl"), "guarantees"], check=True, capture_output=True, text=True).stdout
    assert len(printed) > 1000
    assert printed in tree.text("README.md")
