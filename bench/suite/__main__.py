"""
__main__ - the benchmark's command line; bench/run prepares the machine and calls it
"""

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

from . import distance, foreign, growth, idle, kill, latency, noop, old_claims, operate, poison, redis, sweep, throughput, transactional
from .run import WrongResult
from .stage import ROOT

MEASUREMENTS = {
    "throughput": throughput, "latency": latency, "noop": noop, "idle": idle, "poison": poison, "kill": kill,
    "growth": growth, "distance": distance, "old-claims": old_claims, "foreign": foreign, "redis": redis,
    "sweep": sweep, "transactional": transactional, "operate": operate,
}
RESULTS = ROOT / "bench" / "results"
CHARTS = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measure onced beside others on real servers, and hold every run to its results.")
    parser.add_argument("what", nargs="*", metavar="MEASUREMENT",
                        help=f"{', '.join(MEASUREMENTS)}, all, charts; default throughput")
    parser.add_argument("--pairs", type=int, help="runs of each (default 5)")
    parser.add_argument("--count", type=int, help="records of a backlog")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these contenders (onced always)")
    parser.add_argument("--small", action="store_true",
                        help="a few thousand records, one run: fails on wrong results only, keeps none")
    parser.add_argument("--keep", action="store_true", help="write bench/results and docs/benchmarks")
    parser.add_argument("--junit", type=pathlib.Path, help="write the verdicts for scripts/test")
    options = parser.parse_args(arguments)
    options.pairs = options.pairs or (1 if options.small else 5)
    if options.only:
        options.only = options.only if "onced" in options.only else ["onced", *options.only]
    unknown = set(options.what) - {*MEASUREMENTS, "all", "charts"}
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return options


def _first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def machine():
    """What a reader must know to compare."""
    with open("/proc/cpuinfo") as file:
        info = file.read()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    with open("/proc/loadavg") as file:
        load = file.read().split()[0]
    return {"cpu": models[0] if models else "unknown", "cores": info.count("processor\t"), "kernel": platform.release(),
            "load_before": load, "commit": _first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
            "date": time.strftime("%Y-%m-%d", time.gmtime())}


def write_charts(charts):
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, svg in charts.items():
        (CHARTS / f"{name}.svg").write_text(svg)


def write_table(name, result, shown, charts):
    """The table of a measurement, between its two marks in the page; charts that the page does not show yet before it."""
    text = PAGE.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise RuntimeError(f"{PAGE.name} has no place for {name}")
    machine_words = "{cpu}, {cores} cores, Linux {kernel}, {date}, commit {commit}".format(**result["machine"])
    before, after = text.split(begin)[0], text.split(end)[1]
    paths = [f"benchmarks/{chart}.svg" for chart in charts]
    images = " ".join(f"![{name}]({path})" for path in paths if path not in before + after)
    PAGE.write_text(f"{before}{begin}\n{images}{images and chr(10) * 2}{shown}\n\n({machine_words})\n\n{end}{after}")


def perform(name, options):
    module = MEASUREMENTS[name]
    print(f"== {module.TITLE}", file=sys.stderr)
    count = options.count or getattr(module, "SMALL_COUNT" if options.small else "DEFAULT_COUNT", 0)
    before = machine()
    started = time.monotonic()
    result = module.measure(argparse.Namespace(**{**vars(options), "count": count}))
    took = time.monotonic() - started
    charts = module.charts(result)
    print(f"\n{module.TITLE}\n\n{module.show(result)}\n\n({options.pairs} runs of each, {took:.0f} s)\n", flush=True)
    if options.keep and not options.small:
        RESULTS.mkdir(exist_ok=True)
        kept = {"measurement": name, "machine": before, **result}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        write_charts(charts)
        write_table(name, kept, module.show(result), charts)


def redraw():
    """Tables and charts from the results that are kept."""
    for name, module in MEASUREMENTS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text())
            charts = module.charts(result)
            write_charts(charts)
            write_table(name, result, module.show(result), charts)
            print(f"\n### {module.TITLE}\n\n{module.show(result)}")


def write_junit(path, wrong):
    suite = ElementTree.Element("testsuite", name="bench")
    for name, text in wrong.items():
        case = ElementTree.SubElement(suite, "testcase", classname="bench", name=name)
        if text:
            ElementTree.SubElement(case, "failure").text = text
    ElementTree.ElementTree(suite).write(path)


def main():
    options = parse(sys.argv[1:])
    wanted = options.what or ["throughput"]
    if wanted == ["charts"]:
        redraw()
        return 0
    wrong = {}
    for name in MEASUREMENTS if "all" in wanted else wanted:
        wrong[name] = None
        try:
            perform(name, options)
        except WrongResult as error:
            wrong[name] = str(error)
            print(f"WRONG RESULT: {error}", file=sys.stderr)
    if options.junit:
        write_junit(options.junit, wrong)
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
