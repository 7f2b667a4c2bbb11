"""
test_alarms - the alarms that `oncectl runbook` explains are those of docs/monitoring, and each says something
"""

import re

from . import tree

RUNBOOK = "ctl/runbook_alarms.c"
RULES = "docs/monitoring/alerts.yaml"


def explained():
    """[(name, meaning)] of the table in the runbook."""
    table = re.search(r"\} alarms\[\] = \{\n(.*?)^\};", tree.text(RUNBOOK), re.MULTILINE | re.DOTALL).group(1)
    found = re.findall(r'\{ "(\w+)", "([^"]+)",\s+\w+ \}', table)
    assert len(found) == table.count("{"), "an entry that this test cannot read"
    return found


def test_each_alarm_is_explained_once():
    rules = re.findall(r"^\s*- alert: (\S+)$", tree.text(RULES), re.MULTILINE)
    assert len(rules) > 10
    assert sorted(name for name, _ in explained()) == sorted(rules)


def test_a_meaning_stays_in_its_cell():
    assert not [name for name, meaning in explained() if "|" in meaning or "\\" in meaning]
