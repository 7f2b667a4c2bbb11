"""
test_http - events sent to a service over HTTP, whatever the service does
"""

import ssl
import subprocess

import pytest

from support.http_target import CLOSE, DRIP, HANG, RESET, TRUNCATE, HttpTarget, slow

from . import checker, events

TOKEN = "s3cret-token-of-the-service"


@pytest.fixture
def target():
    with HttpTarget() as made:
        yield made


def sections(target, handler=None, consumer=None, retry=None):
    return {
        "handler effect": None,
        "handler send": {"type": "http", "url": target.url("/orders/{payload.n}"), "timeout": "2s",
                         "headers.authorization": f"Bearer {TOKEN}", **(handler or {})},
        "consumer c": {"handler": "send", "batch.max": 1, **(consumer or {})},
        **({"retry": retry} if retry else {}),
    }


def produce(world, count, partition=0, prefix="e"):
    for n in range(count):
        world.produce_event(f"{prefix}-{n}", n, partition=partition)
    world.kafka.flush()


def start(world, *arguments, **options):
    onced = world.start(sections(*arguments, **options))
    onced.secrets.append(TOKEN.encode())
    return onced


def finish(world, onced):
    """All is committed; the dead letters are the original bytes, and are returned."""
    world.wait_finished(onced)
    onced.assert_accounted()
    onced.stop()
    checker.check_dead_letters(world.evidence())
    return world.dead_letters()


def test_each_event_is_one_request_over_few_connections(world, target):
    world.create_topics(partitions=2)
    produce(world, 100, 0, "a")
    produce(world, 100, 1, "b")
    onced = start(world, target, consumer={"lanes": 4})
    assert finish(world, onced) == []
    assert sorted(target.done) == sorted(f"{p}-{n}" for p in "ab" for n in range(100))
    for prefix in "ab":
        order = [i for i in target.done if i.startswith(prefix)]
        assert order == [f"{prefix}-{n}" for n in range(100)]
    assert target.connections <= 4, "connections are kept"
    request = next(r for r in target.requests if r.id == "a-7")
    assert (request.method, request.path, request.body) == ("POST", "/orders/7", events.envelope("a-7", 7))
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_what_may_pass_is_tried_again_and_nothing_is_lost(world, target):
    world.create_topics(partitions=2)
    target.script.update({
        "a-1": [RESET, RESET], "a-2": [TRUNCATE], "a-3": [CLOSE], "a-4": [503, 500],
        "a-5": [(429, {"Retry-After": "1"}, b"slow down")], "a-6": [HANG], "a-7": [408, 409, 425],
    })
    produce(world, 10, 0, "a")
    produce(world, 50, 1, "b")
    onced = start(world, target, consumer={"lanes": 2})
    assert finish(world, onced) == []
    assert [i for i in target.done if i.startswith("a")] == [f"a-{n}" for n in range(10)]
    assert sorted(i for i in target.done if i.startswith("b")) == sorted(f"b-{n}" for n in range(50))


def test_an_event_in_its_timeout_holds_up_its_own_strand_alone(world, target):
    world.create_topics(partitions=2)
    target.script["a-0"] = [HANG] * 100
    produce(world, 2, 0, "a")
    onced = start(world, target, handler={"timeout": "10s"}, consumer={"lanes": 2})
    onced.wait_until(lambda: "a-0" in target.ids(), 30, "the event that hangs is under way")
    produce(world, 50, 1, "b")
    onced.wait_until(lambda: len(target.done) == 50, 8, "the other partition is done")
    assert target.ids().count("a-0") == 1, "meanwhile it hung"
    target.script["a-0"] = []
    target.stop()
    target.start()
    assert finish(world, onced) == []
    assert target.done[50:] == ["a-0", "a-1"]


def test_a_slow_service_is_waited_for_and_one_that_never_ends_is_cut(world, target):
    """The timeout is that of the whole exchange: bytes that drip do not prolong it."""
    world.create_topics(partitions=2)
    target.script["a-1"] = [DRIP, DRIP]
    target.script["a-2"] = [slow(5)]
    target.default = slow(0.2)
    produce(world, 5, 0, "a")
    produce(world, 10, 1, "b")
    onced = start(world, target, handler={"timeout": "1s"}, consumer={"lanes": 4})
    assert finish(world, onced) == []
    assert [i for i in target.done if i.startswith("a")] == [f"a-{n}" for n in range(5)]
    tried = {i: target.ids().count(i) for i in target.done}
    assert tried == {**{f"a-{n}": 1 for n in range(5)}, **{f"b-{n}": 1 for n in range(10)}, "a-1": 3, "a-2": 2}


@pytest.mark.parametrize("answer, code", [
    ((400, {}, b"bad order"), "400"), ((422, {}, f"you sent Bearer {TOKEN}".encode()), "422"),
    ((302, {"Location": "/elsewhere"}, b""), "302")])
def test_the_events_own_fault_is_a_dead_letter(world, target, answer, code):
    world.create_topics()
    target.script["e-3"] = [answer]
    produce(world, 10)
    onced = start(world, target)
    [letter] = finish(world, onced)
    told = {name: value.decode() for name, value in letter.headers if name.startswith("onced-")}
    assert (told["onced-reason"], told["onced-code"], told["onced-event-id"]) == ("rejected", code, "e-3")
    assert TOKEN not in told["onced-error"] and f"answered {code}" in told["onced-error"]
    assert target.done == [f"e-{n}" for n in range(10) if n != 3]
    assert "/elsewhere" not in [r.path for r in target.requests]


@pytest.mark.parametrize("what", ["refused", 401, 503])
def test_an_outage_burns_nothing_and_ends_by_itself(world, target, what):
    world.create_topics()
    produce(world, 20)
    if what == "refused":
        target.stop()
    else:
        target.default = what
    # 503 would be tried again; the handler's list says that it is an outage.
    onced = start(world, target, handler={"hold.on": "503"}, retry={"attempts": 1})
    onced.wait_metric(1, "onced_held")
    produce(world, 20, prefix="late")
    assert onced.metrics().sum("onced_retries_total") == 0
    target.default = 200
    target.start() if what == "refused" else None
    assert finish(world, onced) == []
    assert target.done == [f"e-{n}" for n in range(20)] + [f"late-{n}" for n in range(20)]


def certificate(directory):
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_certificate_of_ones_own_must_be_named(world, is_trusted):
    context, cert = certificate(world.directory)
    world.create_topics()
    produce(world, 5)
    with HttpTarget(context) as target:
        onced = start(world, target, handler={"tls.ca": cert} if is_trusted else {})
        if is_trusted:
            assert finish(world, onced) == []
            assert target.done == [f"e-{n}" for n in range(5)]
            return
        onced.wait_metric(1, "onced_held")
        onced.stop()
        assert target.requests == [] and world.dead_letters() == []


def test_an_address_that_is_not_allowed_is_not_connected_to(world, target):
    world.create_topics()
    produce(world, 2)
    url = f"http://onced.localhost:{target.port}/"
    onced = start(world, target, handler={"url": url})
    onced.wait_metric(1, "onced_held")
    onced.stop()
    assert target.connections == 0
    onced.sections["handler send"]["allow.addresses"] = "loopback"
    onced.start()
    assert finish(world, onced) == []
    assert target.done == ["e-0", "e-1"]
