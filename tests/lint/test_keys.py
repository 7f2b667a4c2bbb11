"""
test_keys - every key of a configuration that a document names is one, and its value may stand there

Blocks are read by the program itself, what stands in code spans is held to the list of keys that it prints.
"""

import re
import subprocess

import pytest

from . import tree

_BLOCK = re.compile(r"^```ini\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"[a-z]+(?:[._][A-Za-z_-]+)*")
# What a part of a configuration lacks, or names on a machine that is not this one.
_PART = re.compile(r" is missing(;|$)|: there is no \[handler |: cannot be opened: No such file")
# Of brokers, of topics and of librdkafka, and a setting of PostgreSQL.
OTHERS = {"acks", "group.coordinator.append.linger.ms", "group.consumer.migration.policy", "group.version", "isolation.level",
          "message.timestamp.type", "partitioner", "retry.backoff.ms", "synchronous_commit"}
# Names with a dot of other things.
NO_KEYS = {"http.client"}


def documents():
    return [path for path in tree.files(".md") if path.name != "CHANGELOG.md"]


@pytest.fixture(scope="module")
def keys():
    """As the manual lists them; a name in capitals stands for any."""
    shown = subprocess.run([tree.BUILD / "onced", "--write-manual", "onced.ini"], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    found = {name.replace("*", "").replace("\\", "") for name in re.findall(r"^(\*[a-z]\S*)", shown, re.MULTILINE)}
    assert len(found) > 90 and {"dlq.topic", "in_flight.max", "route.TYPE", "headers.NAME", "statement"} <= found
    return found


def is_key(name, keys):
    return name in keys or f"{name.partition('.')[0]}.NAME" in keys or f"{name.partition('.')[0]}.TYPE" in keys


def findings(text, directory):
    """What --check-config says against a part of a configuration, but that it is a part."""
    (directory / "part.ini").write_text(text)
    result = subprocess.run([tree.BUILD / "onced", "--check-config", "-c", "part.ini"], cwd=directory,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode in (0, 78), result.stderr
    return [line for line in result.stderr.splitlines() if line.startswith("part.ini:") and not _PART.search(line)]


def test_every_block_of_a_document_can_be_part_of_a_configuration(tmp_path):
    problems, count = [], 0
    for path in documents():
        for block in _BLOCK.findall(tree.text(path)):
            count += 1
            problems += [f"{path}: {finding}" for finding in findings(block, tmp_path)]
    assert count > 15
    tree.report(problems)


def test_what_cannot_be_part_of_one_is_found(tmp_path):
    for text in ("[onced]\nstore.usr = a\n", "[retry]\njitter = some\n", "[handlers]\n", "hold.on = 404\n",
                 "[handler h]\ntype = http\nurl = http://a/\ntime = 1s\n"):
        assert len(findings(text, tmp_path)) == 1, text


def named(text, firsts):
    """Names of keys in code spans: `name = value`, or with a dot and a first word of keys'."""
    for span in _SPAN.findall(_FENCED.sub("", text)):
        name, equals, _ = span.partition(" = ")
        if _NAME.fullmatch(name) and (equals or name.partition(".")[0] in firsts) and not re.search(r"\.[ch]$", name):
            if equals or "." in name:
                yield name


def test_every_key_in_a_code_span_is_one(keys):
    firsts = {key.partition(".")[0] for key in keys if "." in key}
    problems, others, count = [], set(), 0
    for path in documents():
        for name in named(tree.text(path), firsts):
            count += 1
            if name in OTHERS | NO_KEYS:
                others.add(name)
            elif not is_key(name, keys):
                problems.append(f"{path}: {name}")
    assert count > 200
    tree.report(problems)
    assert others == OTHERS | NO_KEYS, "named nowhere any more"
