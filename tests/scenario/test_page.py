"""
test_page - the status page, in a browser: what somebody who was woken sees, and what a hostile text cannot do
"""

import http.client
import os
import pathlib
import signal

import pytest

from support.browser import Browser
from support.process import send_signal, wait_for
from .harness import run_tool, slowness
from .listener import listening

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><b>down\u202egnp.exe"


@pytest.fixture
def browser(tmp_path):
    with Browser(tmp_path, 60 * slowness()) as opened:
        yield opened


def wait_text(browser, *words, seconds=30):
    def is_there():
        text = browser.text()
        return all(word in text for word in words)
    try:
        wait_for(is_there, seconds * slowness(), f"the page says {words}")
    except TimeoutError as error:
        raise AssertionError(f"{error}; it says:\n{browser.text()}\n{browser.complaints}") from None


def take_picture(browser, name):
    """For people, where they ask for it."""
    directory = os.environ.get("ONCED_PICTURES")
    if directory:
        browser.picture(pathlib.Path(directory, name), is_whole=True)


def ctl(onced, *words):
    result = run_tool("--socket", onced.socket, *words, program="oncectl")
    assert result.returncode == 0, result.stderr


def test_a_reader_sees_a_pause_a_death_and_dead_letters(world, browser):
    world.create_topics(partitions=3)
    port, changes = listening()
    onced = world.start({**changes, "consumer c": {"workers": 2}})
    onced.wait_assigned(3)
    browser.resize(1200, 900)
    browser.open(f"http://127.0.0.1:{port}/")
    wait_text(browser, "The consumer runs", "3 partitions run", "c/0", "c/1", "DEAD LETTERS", "None.")
    world.produce_stream(200)
    world.produce_event("poison", fault="22012")
    wait_text(browser, "rejected", "LAST VERDICTS" if "verdicts" in list(onced.partitions().values())[0] else "lag")

    [victim, _] = onced.worker_pids()
    send_signal(victim, signal.SIGKILL)
    wait_text(browser, f"worker c/0 (pid {victim}) was killed by signal 9 (Killed)")
    wait_text(browser, "The consumer runs")

    ctl(onced, "pause", "c", "--reason", HOSTILE, "--for", "10m", "--owner", "anna <i>")
    wait_text(browser, "Paused by anna <i>", "until ", "c paused", "3 partitions are paused",
              HOSTILE.replace("\u202e", "·"))
    assert browser.run("document.querySelectorAll('img, b + b, i').length") == 0
    assert browser.run("document.title").endswith("– onced")
    browser.resize(390, 844, is_dark=True)
    assert browser.run("document.documentElement.scrollWidth") <= 390, "a phone has to scroll sideways"
    take_picture(browser, "phone.png")
    browser.resize(1200, 900)
    take_picture(browser, "desk.png")

    # What was opened stays open while the page is drawn anew; what is selected is left alone.
    browser.run("document.querySelector('details summary').click()")
    wait_text(browser, f"{world.topic}[0]")
    began = browser.run("document.getElementById('asked').textContent")
    wait_for(lambda: browser.run("document.getElementById('asked').textContent") != began, 30 * slowness(), "it asks again")
    assert browser.run("document.querySelector('details').open")

    browser.run("getSelection().selectAllChildren(document.querySelector('h2'))")
    wait_text(browser, "kept while you select")
    browser.run("window.kept = document.querySelector('h2')")

    ctl(onced, "resume", "c", "--reason", "done")
    wait_for(lambda: browser.run("fetch('/v1/status').then(r => r.json()).then(s => window.state = s.consumers[0].state),"
                                 " window.state") == "running", 30 * slowness(), "it is resumed")
    assert browser.run("window.kept.isConnected && getSelection().toString() === 'c'")
    browser.run("getSelection().removeAllRanges()")
    wait_text(browser, "The consumer runs", "times are yours")
    ctl(onced, "pause", f"c:{world.topic}:1", "--reason", "only this one")
    wait_text(browser, "PARTITIONS THAT NEED A LOOK", "only this one", "2 partitions run")
    ctl(onced, "resume", "c")
    wait_text(browser, "The consumer runs")
    assert browser.complaints == []
    world.finish(onced)
    wait_text(browser, "No answer for ", "what follows is old")


def test_nothing_but_its_own_script_runs_and_nobody_else_is_asked(world, browser):
    world.create_topics()
    port, changes = listening()
    onced = world.start(changes)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    connection.close()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
    for outside in ("http://", "https://", "//cdn", "@import", "url("):
        # The name of the namespace of SVG is no address.
        assert outside not in body.replace("http://www.w3.org/2000/svg", ""), outside
    browser.open(f"http://127.0.0.1:{port}/")
    wait_text(browser, "The consumer runs")
    assert browser.complaints == []
    browser.run("""document.body.insertAdjacentHTML('beforeend',
        '<img src="data:image/png,x" onerror="window.owned = 1"><i style="color: red">x</i>')""")
    browser.run("document.body.append(Object.assign(document.createElement('script'), { text: 'window.owned = 2' }))")
    browser.run(f"fetch('http://localhost:{port}/v1/status').then(() => window.owned = 3, () => window.refused = 1)")
    wait_for(lambda: browser.run("window.refused") == 1, 30 * slowness(), "the foreign address is refused")

    def is_all_refused():
        # What the page complained of comes along with an answer.
        assert browser.run("window.owned") is None
        return len([said for said in browser.complaints if "Content Security Policy" in said]) >= 4
    wait_for(is_all_refused, 30 * slowness(), "each of the four is refused")
    onced.stop()
