"""
test_identity - docs/event-identity.md and its test have the same rows
"""

import re

from . import tree

DOCUMENT = "docs/event-identity.md"
TEST = "tests/unit/test_identity_table.c"


def test_every_row_of_the_tables_is_a_case():
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", tree.text(DOCUMENT), re.MULTILINE)
    cases = re.findall(r'^\t\{ "([a-z0-9-]+)",', tree.text(TEST), re.MULTILINE)
    policies = {"position", "dlq", "none", "payload", "value", "off"}
    rows = [name for name in documented if name not in policies]
    assert len(cases) == len(set(cases))
    assert rows == cases
