"""
test_links - every relative link of a document leads to a file that is there, and to a heading that it has
"""

import re

from . import tree

_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(text):
    """[(line, target)] outside of code, without those that name a host."""
    text = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    return [(text.count("\n", 0, link.start()) + 1, link[1]) for link in _LINK.finditer(text)
            if not re.match(r"[a-z]+:", link[1])]


def anchors(path):
    """What a heading of the document is called in a link."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", tree.text(path), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problem_of(path, target):
    name, _, anchor = target.partition("#")
    file = (tree.ROOT / path.parent / name).resolve() if name else tree.ROOT / path
    if not file.exists():
        return "is not there"
    if not file.is_relative_to(tree.ROOT):
        return "is outside of the repository"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.relative_to(tree.ROOT)):
        return "has no such heading"
    return None


def test_links_lead_somewhere():
    problems, count = [], 0
    for path in tree.files(".md"):
        for line, target in links(tree.text(path)):
            count += 1
            problem = problem_of(path, target)
            if problem:
                problems.append(f"{path}:{line}: {target} {problem}")
    assert count > 100, "links are not found"
    tree.report(problems)
