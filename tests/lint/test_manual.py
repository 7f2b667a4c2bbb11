"""
test_manual - manual pages, completion and documents name what there is: each verb, option, key and function

Lists in the pages come from the programs' tables; what people wrote around them is held to the same tables.
"""

import os
import re
import shutil
import subprocess

import pytest

from . import tree

PAGES = ("onced.8", "onced.ini.5", "oncectl.1", "onced-handler.3")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)


def tool(*words):
    result = run(tree.BUILD / "oncectl", *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def page(name):
    path = tree.BUILD / "man" / name
    if not path.exists():
        pytest.skip("scdoc is not installed")
    return path


@pytest.fixture(scope="module")
def shown():
    """The pages as a reader has them, words not broken."""
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    texts = {}
    for name in PAGES:
        result = run("man", "--warnings", "-E", "UTF-8", "--nh", "-l", page(name),
                     env={**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
        assert result.returncode == 0 and not result.stderr, f"{name}: {result.stderr}"
        texts[name] = re.sub(r".\x08", "", result.stdout)
    return texts


def verbs():
    """{verb: its options}, of the help that the table writes."""
    names = re.findall(r"^  ([a-z][a-z-]*(?: [a-z]+)?)  ", tool("--help"), re.M)
    return {name: set(re.findall(r"^  (--[a-z-]+)", tool(*name.split(), "--help"), re.M)) for name in names}


@pytest.fixture(scope="module")
def table():
    found = verbs()
    assert len(found) > 20 and "--reason" in found["pause"] and "--json" in found["status"], found
    return found


def test_pages_have_no_warnings_and_every_verb_option_and_key(shown, table):
    problems = []
    for verb, options in table.items():
        if not re.search(rf"^\s+{re.escape(verb)}( |$)", shown["oncectl.1"], re.M):
            problems.append(f"oncectl.1: no {verb}")
        problems += [f"oncectl.1: no {o} ({verb})" for o in options if f"{o} " not in shown["oncectl.1"].replace("\n", " \n")]
    for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", run(tree.BUILD / "onced", "--help").stdout, re.M):
        if option not in shown["onced.8"]:
            problems.append(f"onced.8: no {option}")
    for line in tree.text("conf/onced.ini").splitlines():
        key = re.match(r"#?([a-z][A-Za-z_.]*) =", line)
        if key and not re.search(rf"^\s+{re.escape(key[1])}( |$)", shown["onced.ini.5"], re.M):
            problems.append(f"onced.ini.5: no {key[1]}")
    for function in re.findall(r"\t(onced_\w+);", tree.text("handlers/onced-handler.list")):
        if f"{function}()" not in shown["onced-handler.3"]:
            problems.append(f"onced-handler.3: no {function}()")
    tree.report(problems)


def commands(text):
    """Words behind `oncectl` in code: `...`, *...* or lines of a block."""
    for line in text.splitlines():
        for command in re.findall(r"(?:`|\*|^\s*\$?\s*)oncectl ((?!\|)[^`*|&;#]+)", line):
            yield command.split()


def problem_of(words, table):
    """What is wrong with a written command; None where it is none, or good."""
    if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
        return None
    verb = " ".join(words[:2]) if len(words) > 1 and " ".join(words[:2]) in table else words[0]
    if verb not in table:
        # `oncectl dlq`, and `show consumers|workers`: the first words of several.
        firsts = {name.split()[0] for name in table}
        return None if words[0] in firsts else f"no verb {words[0]}"
    for word in words:
        option = re.match(r"\[?(--[a-z-]+)", word)
        if option and option[1] not in table[verb]:
            return f"{verb} has no {option[1]}"
    return None


def test_documents_name_only_verbs_and_options_that_exist(table):
    paths = [p for p in tree.files(".md", ".scd") if p.name not in ("CHANGELOG.md",)]
    problems, count = [], 0
    for path in paths:
        # What is said not to be there is not.
        text = re.sub(r"^## Not in this version\n.*?(?=^## |\Z)", "", tree.text(path), flags=re.M | re.S)
        for words in commands(text):
            count += 1
            problem = problem_of(words, table)
            if problem:
                problems.append(f"{path}: oncectl {' '.join(words)}: {problem}")
    assert count > 50
    tree.report(problems)


GOES_ON = {"--continue", "--watch", "--abort"}


def required():
    """{verb: options without which it is refused}, of the help."""
    found = {}
    for name in verbs():
        for entry in re.split(r"^  (?=--)", tool(*name.split(), "--help"), flags=re.M)[1:]:
            if re.search(r"\brequired\b", entry):
                found.setdefault(name, set()).add(entry.split()[0])
    return found


def test_documents_show_no_command_that_lacks_a_required_option():
    """A command with names in it is there to be typed; one about what was begun needs no reason again."""
    wanted = required()
    assert wanted.keys() >= {"pause", "skip", "rebuild"} and wanted["pause"] == {"--reason"}
    problems = []
    for path in (p for p in tree.files(".md") if p.name != "CHANGELOG.md"):
        for words in commands(tree.text(path)):
            verb = next((verb for verb in wanted if words[:len(verb.split())] == verb.split()), None)
            arguments = words[len(verb.split()):] if verb else []
            missing = wanted.get(verb, set()) - set(words)
            if arguments and re.match(r"[a-z]", arguments[0]) and missing and not GOES_ON & set(words):
                problems.append(f"{path}: oncectl {' '.join(words)}: lacks {', '.join(missing)}")
    tree.report(problems)


def complete(line, directory):
    """What bash offers for a command line that ends at the cursor."""
    words = line.split(" ")
    script = f"""
source {directory}/completion
COMP_WORDS=({' '.join(repr(w) for w in words)})
COMP_CWORD={len(words) - 1}
_oncectl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    result = run("bash", "-c", script, env={**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"})
    assert result.returncode == 0 and not result.stderr, result.stderr
    return set(result.stdout.split())


def test_the_shell_completes_every_verb_its_options_and_consumers(table, tmp_path):
    (tmp_path / "completion").write_text(tool("completion", "bash"))
    assert run(tree.BUILD / "oncectl", "completion", "csh").returncode == 2
    # Who is asked for the names of consumers.
    (tmp_path / "oncectl").write_text('#!/bin/sh\n[ "$1 $2" = "--socket /s" ] || exit 3\n'
                                      'echo \'[{"name":"orders","group_id":"g"},{"name":"billing","group_id":"g"}]\'\n')
    (tmp_path / "oncectl").chmod(0o755)
    assert {name.split()[0] for name in table} <= complete("oncectl ", tmp_path)
    assert complete("oncectl dlq ", tmp_path) == {n.split()[1] for n in table if n.startswith("dlq ")}
    for verb, options in table.items():
        assert complete(f"oncectl {verb} --", tmp_path) == options, verb
    assert complete("oncectl --socket /s pause ", tmp_path) == {"orders", "billing"}
    assert complete("oncectl --socket /s pause o", tmp_path) == {"orders"}
    assert complete("oncectl pause ", tmp_path) == set()
    assert complete("oncectl pau", tmp_path) == {"pause"}
