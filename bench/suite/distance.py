"""
distance - a database one millisecond away

A proxy delays each direction by half a millisecond. The same proxy without delay is the near database:
it costs CPU on the same two cores, and the distance is all that differs.
"""

import contextlib
import subprocess
import time

from support.process import die_with_parent, free_port

from . import contender, variants
from .run import run
from .stage import BUILD, Stage

TITLE = "A database one millisecond away"
DEFAULT_COUNT, SMALL_COUNT = 300_000, 2_000


@contextlib.contextmanager
def proxy(target_port, delay_us):
    """The port of a proxy that delays each direction."""
    port = free_port()
    process = subprocess.Popen(
        [str(BUILD / "bench" / "delay"), str(port), str(target_port), str(delay_us)], preexec_fn=die_with_parent)
    try:
        time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(options):
    with Stage() as stage:
        work = stage.orders(options.count)
        server = stage.postgres.port
        with proxy(server, 0) as near, proxy(server, 500) as far:
            def through(who, port):
                return lambda: run(stage, who, work, port=port)
            hard = {"1 ms round trip": through(contender.ONCED, far),
                    "no proxy": through(contender.ONCED, server)}
            if contender.ALL["limit-sets"].is_built():
                hard["bare C loop, 1 ms round trip"] = through(contender.ALL["limit-sets"], far)
            return variants.paired(options, through(contender.ONCED, near), hard)


show = variants.show


def charts(result):
    return {"distance": variants.bars("A database one millisecond away", result, "no delay")}
