"""
test_catalog - lines that have a name, and the journal's catalog that explains them, are the same
"""

import re

from . import tree

TABLE = "daemon/base/log_id.h"
CATALOG = "systemd/onced.catalog"
# Fields that lines have without naming them: see daemon/base/log_line.c.
OF_EVERY_LINE = {"ONCED_MODULE", "ONCED_PROCESS", "ONCED_CONSUMER", "ONCED_SLOT"}
CALL = re.compile(r"\blog_(?:error|warning|notice|info|debug|at|from)\(|\bstruct log_field fields\[\] = \{")
END = re.compile(r"[)}];\n")
FIELD = re.compile(r'LOG_(?:STR|INT|SLICE|SECONDS)\(\s*"([^"]+)"')


def table():
    return dict(re.findall(r'X\((\w+), "(\w+)"\)', tree.text(TABLE)))


def catalog():
    """{message id: (name in the comment, headers, text)}"""
    entries = {}
    for name, number, body in re.findall(r"^# (\w+)\n-- (\w+)\n(.*?)(?=^# \w+\n-- |\Z)", tree.text(CATALOG),
                                         re.MULTILINE | re.DOTALL):
        headers, _, text = body.partition("\n\n")
        assert number not in entries, f"{number} is there twice"
        entries[number] = (name, dict(line.split(": ", 1) for line in headers.splitlines()), text.strip())
    return entries


def uses():
    """{name: fields that each line with this name has}"""
    found = {}
    for path in tree.files(".c"):
        text = tree.text(path)
        if not str(path).startswith("daemon/"):
            continue
        for start in CALL.finditer(text):
            call = text[start.start():END.search(text, start.end()).start()]
            fields = {"ONCED_" + re.sub(r"\W", "_", name).upper() for name in FIELD.findall(call)}
            for name in re.findall(r"LOG_ID\((\w+)\)", call):
                found[name] = found.get(name, fields) & fields
    return found


def test_every_name_has_a_number_of_its_own():
    numbers = list(table().values())
    assert len(numbers) > 40
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch("[0-9a-f]{32}", number) for number in numbers)


def test_the_catalog_explains_every_line_that_has_a_name():
    assert {number: entry[0] for number, entry in catalog().items()} == {n: name for name, n in table().items()}


def test_every_name_is_written_by_some_line():
    assert set(uses()) == set(table())


def test_an_entry_says_what_happened_and_what_to_do():
    for name, headers, text in catalog().values():
        assert headers["Defined-By"] == "onced" and headers["Subject"], name
        assert len(text.split("\n\n")) >= 2, f"{name} says what happened, or what to do, but not both"


def test_an_entry_uses_fields_that_its_lines_have():
    fields = uses()
    for name, headers, text in catalog().values():
        used = set(re.findall(r"@(\w+)@", headers["Subject"] + text))
        assert used <= fields[name] | OF_EVERY_LINE, f"{name}: {used - fields[name] - OF_EVERY_LINE}"
