"""
test_exports - the program offers plugins the functions of the public header, and nothing else
"""

import re
import subprocess

from . import tree

HEADER = "handlers/include/onced/handler.h"
LIST = "handlers/onced-handler.list"


def declared():
    text = re.sub(r"/\*.*?\*/", "", tree.text(HEADER), flags=re.DOTALL)
    return set(re.findall(r"\b(onced_\w+)\(", text))


def exported():
    """Symbols of the program's own code that others can bind to; data copied from libraries is versioned."""
    output = subprocess.run(["nm", "-D", "--defined-only", str(tree.BUILD / "onced")], check=True, capture_output=True,
                            text=True).stdout
    names = {line.split()[2] for line in output.splitlines() if len(line.split()) == 3}
    # what a sanitizer's run-time puts into every program is not ours
    defined = subprocess.run(["nm", "--defined-only", *map(str, sorted(tree.BUILD.glob("daemon/**/*.a"))),
                              str(tree.BUILD / "handlers" / "libhandlers.a")],
                             check=True, capture_output=True, text=True).stdout
    ours = {line.split()[2] for line in defined.splitlines() if len(line.split()) == 3}
    return names & ours


def test_the_list_is_the_header():
    listed = set(re.findall(r"^\t(\w+);$", tree.text(LIST), re.MULTILINE))
    assert listed == declared()


def test_the_program_offers_what_the_header_declares():
    assert exported() == declared()
