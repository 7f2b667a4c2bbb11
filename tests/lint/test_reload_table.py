"""
test_reload_table - docs/operations.md says of each key what a reload does with it, as the program's own table does
"""

import re
import subprocess

from . import tree

# First words of the document's column "is applied", and how onced.ini(5) puts that rule.
RULES = {
    "at once": "applies at once",
    "the workers that are too many": "starts or drains workers",
    "all workers of the consumer leave": "replaces all of the consumer's workers together",
    "not:": "leaves it as it is",
}


def keys_by_rule():
    """{sentence: keys}, of the list that becomes onced.ini(5)."""
    shown = subprocess.run([tree.BUILD / "onced", "--write-manual", "onced.ini"], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    found = {}
    for key, body in re.findall(r"^\*([a-z_.]+)\* = .*\n((?:\t.*\n|\n)*)", shown, re.M):
        for rule in re.findall(r"A reload (.*?)\.$", body, re.M):  # none of the keys of handlers' types, which roll
            found.setdefault(rule, set()).add(key)
    return found


def test_the_table_of_reloads_is_that_of_the_schema():
    rules = keys_by_rule()
    assert len(rules) == len(RULES) + 1 and sum(map(len, rules.values())) > 60, rules
    rows = dict(re.findall(r"^\| (.*?) \| (.*) \|$", tree.text("docs/operations.md").split("| a change of |")[1], re.M))
    for words, sentence in RULES.items():
        [keys] = [set(re.findall(r"`([a-z_.]+)`", what)) for what, done in rows.items() if done.startswith(words)]
        [wanted] = [names for rule, names in rules.items() if rule.startswith(sentence)]
        assert keys == wanted, f"{words}: written {sorted(keys - wanted)}, missing {sorted(wanted - keys)}"
