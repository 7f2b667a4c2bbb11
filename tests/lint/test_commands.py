"""
test_commands - what the documents tell people to type exists: verbs of oncectl, options of it, of onced and of scripts, metrics
"""

import re

import pytest

from . import tree

VERB = re.compile(r'\.name = "([a-z -]+)"')
OPTION = re.compile(r'"(--[a-z-]+)"')
METRIC = re.compile(r"`(onced_[a-z_]+)`")


def verbs():
    return set(VERB.findall(tree.text("ctl/main.c")))


def commands(path):
    """What stands behind "oncectl" in code spans and blocks, but for what is said not to be there."""
    text = re.sub(r"^## Not in this version\n.*?(?=^## |\Z)", "", tree.text(path), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^\$? ?(oncectl .*)$", text, re.MULTILINE)
    return [span.strip() for span in spans if span.strip().startswith("oncectl ")]


def verb_of(command, known):
    words = command.split()[1:]
    for count in (2, 1):
        if " ".join(words[:count]) in known:
            return " ".join(words[:count])
    # "oncectl dlq" for all verbs of that family
    return words[0] if len(words) == 1 and any(verb.startswith(f"{words[0]} ") for verb in known) else None


@pytest.mark.parametrize("path", ["README.md", *sorted(f"docs/{p.name}" for p in (tree.ROOT / "docs").glob("*.md"))])
def test_every_command_of_a_document_exists(path):
    known = verbs()
    options = {option for source in tree.files(".c", under="ctl")
               for option in OPTION.findall(tree.text(source))}
    for command in commands(path):
        command = command.replace("\\|", "|").split("#")[0].strip()
        first = command.split()[1]
        if first.startswith("-") or first.isupper() or "|" in first:
            continue
        first_of_choice = re.sub(r"\|[a-z|]+", "", command)  # "show consumers|workers"
        assert verb_of(first_of_choice, known), f"{path}: {command}: no such verb"
        for option in re.findall(r"--[a-z][a-z-]*", command):
            assert option in options, f"{path}: {command}: no such option"


def test_the_commands_are_found():
    assert len(commands("docs/operations.md")) > 30
    assert {"status", "show verdicts", "dlq replay"} <= verbs()


# Where a program's options stand, that it has no text of its own for.
SOURCES = {"onced": "daemon/args.c", "scripts/torture": "tests/torture/options.py", "bench/run": "bench/suite/__main__.py"}
PROGRAM = re.compile(r"(?:^|`|&& |\$ )((?:scripts|bench)/[a-z]+|onced)((?: [^`\n|;&#]*)?)", re.MULTILINE)


def options_of(program):
    own = tree.text(program) if program != "onced" else ""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", own + tree.text(SOURCES.get(program, program))))


def asked_options(text):
    """[(program, option or "")] of the commands in code spans and blocks; what stands behind a bare `--` is another's."""
    code = "\n".join(re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)
                     + [f"`{span}`" for span in re.findall(r"`([^`\n]+)`", text)])
    return [(program, option) for program, words in PROGRAM.findall(code)
            for option in ["", *re.findall(r"(?:^| )(--[a-z][a-z-]*)", words.split(" -- ")[0])]]


def test_every_option_of_onced_and_of_scripts_exists():
    problems, programs = [], set()
    for path in tree.files(".md"):
        for program, option in asked_options(tree.text(path)) if path.name != "CHANGELOG.md" else ():
            programs.add(program)
            if not (tree.ROOT / SOURCES.get(program, program)).exists() or option and option not in options_of(program):
                problems.append(f"{path}: {program} {option}")
    assert programs >= {"onced", "scripts/test", "scripts/torture", "bench/run"}
    tree.report(problems)


def test_every_metric_of_the_incident_guide_exists():
    table = set(re.findall(r'\{ "(onced_[a-z_]+)"', "".join(
        tree.text(path) for path in tree.files(".c", under="daemon/supervisor"))))
    guide = tree.text("docs/operations.md").split("## In an incident")[1]
    named = set(METRIC.findall(guide))
    assert named and named <= table, named - table
