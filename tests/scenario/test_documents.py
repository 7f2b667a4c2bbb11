"""
test_documents - the tutorial and the examples do what they say, typed as they stand on a real broker and database
"""

import pathlib
import shutil

import pytest

from support.cache import scratch_dir

from .document import Follower, blocks
from .harness import ROOT

README = ROOT / "README.md"
CONSUMER, INCIDENT = "Fifteen lines to a working consumer", "In the middle of an incident"
# Blocks of the README that are not typed here, and who does what they say.
ELSEWHERE = {
    "See it": "what scripts/demo builds and runs is run by scenario/test_demo.py; scripts/test runs this",
    "Build and install": "only root may; the packages are compared by ship/test_install.py, and what is installed is"
                         " what everybody here types",
}
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


def test_each_block_of_the_readme_is_typed_or_said_to_be_elsewhere():
    sections = {part.partition("\n")[0] for part in README.read_text().split("\n## ")[1:] if "\n```" in part}
    assert sections == {CONSUMER, INCIDENT, *ELSEWHERE}
    # Those without a language would be passed over.
    assert 2 * len(blocks(README)) == len([line for line in README.read_text().splitlines() if line.startswith("```")])


def test_the_readme_leads_to_a_consumer_and_through_an_incident(follower, kafka, postgres):
    """As the files of the README: where onced's directories are, and what is to be there before, is said around it."""
    reader = follower()
    for topic in ("orders", "orders.dlq"):
        kafka.create_topic(topic, 4)
    reader.shell.type("""export PATH=$PATH:%s/usr/local/sbin
        export ONCED__ONCED__CONTROL_SOCKET=$PWD/s ONCED_SOCKET=$PWD/s ONCED__ONCED__STATE_DIR=$PWD/state
        mkdir state; createdb shop
        psql -q shop -c 'CREATE TABLE orders (id bigint, customer bigint, amount numeric, body jsonb)'""" % reader.root)
    reader.follow(README, CONSUMER)
    [event] = [text for _, language, text in blocks(README, CONSUMER) if language == "json"]
    kafka.produce("orders", event.encode(), partition=0)
    kafka.flush()
    asked = "psql -At shop -c \"SELECT id, customer, amount, body->>'customer_id' FROM orders\""
    reader.compare(asked, reader.shell.type(asked), "17|4|19.90|4\n")

    is_blocked = begin_incident(reader, kafka, event)
    is_blocked("held")
    reader.follow(README, INCIDENT)
    kafka.produce("orders", numbered(event, 200), partition=3)
    kafka.flush()
    asked = "psql -At shop -c 'SELECT count(*), max(id) FROM orders'"
    reader.compare(asked, reader.shell.type(asked), "19|200\n")
    is_blocked("running")
    reader.shell.type("kill %1\nwait %1")


def numbered(event, order):
    """Another one like that."""
    return event.replace("7f3c…", f"order-{order}").replace('"order_id": 17', f'"order_id": {order}').encode()


def begin_incident(reader, kafka, event):
    """The record that the README has skipped, orders:3:17, cannot be applied; how to ask what state its partition has."""
    reader.shell.type("""psql -q shop <<'END'
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'not this one' USING ERRCODE = 'undefined_table'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.id = 117) EXECUTE FUNCTION refuse();
END""")
    for order in range(100, 118):
        kafka.produce("orders", numbered(event, order), partition=3)
    kafka.flush()
    asked = ("oncectl show partitions orders --json | python3 -c 'import json, sys;"
             " print(*[p[\"state\"] for p in json.load(sys.stdin) if p[\"partition\"] == 3])'")
    return lambda state: reader.compare(asked, reader.shell.type(asked), f"{state}\n")


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
