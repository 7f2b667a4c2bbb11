"""
test_documents - the tutorial and the examples do what they say, typed as they stand on a real broker and database
"""

import pathlib
import shutil

import pytest

from support.cache import scratch_dir

from .document import Follower
from .harness import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/README.md"))
# How many of a document's answers are compared: one that loses its boxes fails.
ANSWERS = {"orders": 3, "payments": 3, "projection": 3, "outbox": 1}


@pytest.fixture
def follow(kafka, postgres):
    """follow(document, files): done as it says, in a directory that has `files`; how many answers were compared."""
    made = []
    topics = topic_names(kafka)
    databases = database_names(postgres)

    def run(path, files=None):
        directory = scratch_dir("doc")
        made.append(directory)
        follower = Follower(path, directory, kafka, postgres)
        if files:
            shutil.copytree(files, follower.home, dirs_exist_ok=True)
            for file in filter(pathlib.Path.is_file, follower.home.rglob("*")):
                file.write_text(follower.place(file.read_text()))
        try:
            return follower.follow().compared
        finally:
            follower.close()

    yield run
    for topic in topic_names(kafka) - topics:
        if not topic.startswith("__"):
            kafka.delete_topic(topic)
    for name in database_names(postgres) - databases:
        postgres.drop_database(name)
    for directory in made:
        shutil.rmtree(directory)


def topic_names(kafka):
    return set(kafka.admin.list_topics(timeout=20).topics)


def database_names(postgres):
    return {name for name, in postgres.execute("SELECT datname FROM pg_database")}


def test_the_tutorial_takes_a_newcomer_to_a_service(follow):
    assert follow(TUTORIAL) == 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_its_readme_says(follow, name):
    example = ROOT / "examples" / name
    assert follow(example / "README.md", example) == ANSWERS[name]
