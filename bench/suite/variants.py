"""
variants - onced against itself under harder conditions: paired with a plain run, as a share of it

What poison, distance, old claims and growth have in common.
"""

import dataclasses
import sys

from . import chart, figures


def paired(options, plain, variants):
    """
    `plain` and each of `variants` ({label: callable}) return a Result; each variant runs beside a plain
    run of its own.
    """
    runs = {"plain": []}
    ratios = {}
    if not options.small:
        plain()  # the broker's compiler warms up
    for number in range(options.pairs):
        for label, hard in variants.items():
            order = [("plain", plain), (label, hard)]
            results = {}
            for name, call in order if number % 2 == 0 else reversed(order):
                results[name] = dataclasses.asdict(call())
                print(f"  {name}: {figures.number(results[name]['per_second'])} msg/s", file=sys.stderr)
            runs["plain"].append(results["plain"])
            runs.setdefault(label, []).append(results[label])
            ratios.setdefault(label, []).append((results[label]["per_second"], results["plain"]["per_second"]))
    keys = ("per_second", "worker_cpu_per_million", "postgres_cpu_per_million")
    return {
        "count": options.count, "runs": runs,
        "summary": {n: {k: figures.spread([r[k] for r in of]) for k in keys} for n, of in runs.items()},
        "ratios": {n: figures.ratios(of) for n, of in ratios.items()},
    }


def show(result):
    keys = ("per_second", "worker_cpu_per_million", "postgres_cpu_per_million")
    return figures.table(["", "msg/s", "worker CPU s/M", "Postgres CPU s/M", "share of plain"], [
        [n, *(figures.text(s[k]) for k in keys), figures.text(result["ratios"][n]) if n in result["ratios"] else "-"]
        for n, s in result["summary"].items()])


def bars(title, result, plain_words):
    return chart.bars(title, "msg/s", [
        (f"onced, {plain_words if n == 'plain' else n}", s["per_second"]) for n, s in result["summary"].items()])
