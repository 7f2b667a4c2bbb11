"""
test_documents - the tutorial and the examples do what they say, typed as they stand on a real broker and database
"""

import pathlib
import shutil

import pytest

from support.cache import scratch_dir

from .document import Follower, blocks
from .harness import ROOT

SECTION = "Fifteen lines to a working consumer"
TUTORIAL = ROOT / "docs" / "tutorial.md"
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/README.md"))
# How many of a document's answers are compared: one that loses its boxes fails.
ANSWERS = {"orders": 3, "payments": 3, "projection": 3, "projection-redis": 3, "outbox": 1}


@pytest.fixture
def follower(kafka, postgres):
    """follower(files): somebody in a directory of his own, which has `files`; what he makes is taken away again."""
    made = []
    topics = topic_names(kafka)
    databases = database_names(postgres)

    def begin(files=None):
        directory = scratch_dir("doc")
        one = Follower(directory, kafka, postgres)
        made.append((directory, one))
        if files:
            shutil.copytree(files, one.home, dirs_exist_ok=True)
            for file in filter(pathlib.Path.is_file, one.home.rglob("*")):
                file.write_text(one.place(file.read_text()))
        return one

    yield begin
    for directory, one in made:
        one.close()
        shutil.rmtree(directory)
    for topic in topic_names(kafka) - topics:
        if not topic.startswith("__"):
            kafka.delete_topic(topic)
    for name in database_names(postgres) - databases:
        postgres.drop_database(name)


def topic_names(kafka):
    return set(kafka.admin.list_topics(timeout=20).topics)


def database_names(postgres):
    return {name for name, in postgres.execute("SELECT datname FROM pg_database")}


def test_the_fifteen_lines_of_the_readme_are_a_consumer(follower, kafka):
    """As the file of the README: where onced's directories are, and what is to be there before, is said around it."""
    reader = follower()
    for topic in ("orders", "orders.dlq"):
        kafka.create_topic(topic, 4)
    reader.shell.type("""export PATH=$PATH:%s/usr/local/sbin
        export ONCED__ONCED__CONTROL_SOCKET=$PWD/s ONCED_SOCKET=$PWD/s ONCED__ONCED__STATE_DIR=$PWD/state
        mkdir state; createdb shop
        psql -q shop -c 'CREATE TABLE orders (id bigint, customer bigint, amount numeric, body jsonb)'""" % reader.root)
    reader.follow(ROOT / "README.md", SECTION)
    [event] = [text for _, language, text in blocks(ROOT / "README.md", SECTION) if language == "json"]
    kafka.produce("orders", event.encode())
    kafka.flush()
    asked = "psql -At shop -c \"SELECT id, customer, amount, body->>'customer_id' FROM orders\""
    reader.compare(asked, reader.shell.type(asked), "17|4|19.90|4\n")
    reader.shell.type("kill %1\nwait %1")


def test_the_tutorial_takes_a_newcomer_to_a_service(follower):
    reader = follower()
    reader.follow(TUTORIAL)
    assert reader.compared == 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_its_readme_says(follower, name):
    example = ROOT / "examples" / name
    reader = follower(example)
    for document in (ROOT / "examples" / "README.md", example / "README.md"):
        reader.follow(document)
    assert reader.compared == ANSWERS[name]
