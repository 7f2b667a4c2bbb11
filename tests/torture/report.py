"""
report - the facts of a run, summed up, and written for people
"""

import collections
import time

from . import timeline
from .judge import CHECKS
from .plan import NOT_DRAWN
from .recovery import quantile


def sum_up(arguments, rounds):
    """All facts of a run, ready for JSON."""
    by_fault = collections.defaultdict(lambda: {"count": 0, "in_flight": 0, "not_possible": 0})
    for fault in _all(rounds, "faults"):
        row = by_fault[fault["name"]]
        if fault["failed"] or fault["note"].startswith("nobody"):
            row["not_possible"] += 1
        else:
            row["count"] += 1
            row["in_flight"] += bool(fault["hit"])
    return {
        "arguments": {name: str(value) for name, value in arguments.items()},
        "records": sum(r["records"] for r in rounds),
        "effects": sum(r["effects"] for r in rounds),
        "dead_letters": sum(r["dead_letters"] for r in rounds),
        "commits": sum(r["commits"] for r in rounds),
        "seconds": sum(r["ended"] - r["began"] for r in rounds),
        "faults": dict(sorted(by_fault.items())),
        "absent": _absent(rounds, {name for name, row in by_fault.items() if row["count"]}),
        "modes": _by_mode(rounds),
        "recovery": _recovery(rounds),
        "lag_zero_after": [r["lag_zero_after"] for r in rounds],
        "violations": {name: sum(len(r["verdicts"][name]) for r in rounds) for name, _, _ in CHECKS},
        "verdict": "held" if not any(r["violations"] for r in rounds) else "violated",
        "rounds": rounds,
    }


def _all(rounds, what):
    return [item for r in rounds for item in r[what]]


def _absent(rounds, came):
    """{name: why} of the faults that came in no round"""
    why = collections.defaultdict(dict)
    for r in rounds:
        for name, reason in r["absent"].items():
            why[name][reason] = None
        for fault in r["faults"]:
            reason = fault["failed"].strip().rpartition("\n")[2] or fault["note"]
            why[fault["name"]][reason] = None
    return {name: NOT_DRAWN if NOT_DRAWN in reasons else "; ".join(reasons)
            for name, reasons in sorted(why.items()) if name not in came}


def _by_mode(rounds):
    found = {}
    for r in rounds:
        row = found.setdefault(r["options"]["mode"], {
            "promise": r["promise"], "rounds": 0, "records": 0, "effects": 0, "duplicates": {}})
        row["rounds"] += 1
        row["records"] += r["records"]
        row["effects"] += r["effects"]
        for cause, count in r["duplicates"].items():
            row["duplicates"][cause] = row["duplicates"].get(cause, 0) + count
    return found


def _recovery(rounds):
    found = {}
    for membership in (True, False):
        chosen = [r for r in rounds if r["options"]["is_static"] is membership]
        values = _all(chosen, "recovery")
        found["static" if membership else "dynamic"] = {
            "kills": len(values), "left_out": sum(r["recovery_left_out"] for r in chosen),
            "p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": max(values, default=None)}
    return found


def line(r):
    """One round in one line."""
    verdict = "held" if not r["violations"] else f"{r['violations']} VIOLATIONS"
    lag = "never" if r["lag_zero_after"] is None else f"{r['lag_zero_after']:.1f} s"
    text = (f"round {r['options']['number']}: {verdict}; {r['records']} records, {len(r['faults'])} faults,"
            f" {sum(r['duplicates'].values())} repeats, worked off after {lag}")
    told = [f"  {name}: {words}" for name, found in r["verdicts"].items() for words in found]
    return "\n".join([text, *told])


def write(directory, whole):
    (directory / "timeline.svg").write_text(timeline.draw(whole))
    (directory / "report.md").write_text(markdown(whole))


BEGIN, END = "<!-- counts: begin -->\n", "<!-- counts: end -->\n"


def record(path, whole):
    """Put the counts of this run into a document, between its two marks."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    behind = rest.split(END)[1]
    path.write_text(before + BEGIN + "\n\n".join(counts(whole)) + "\n" + END + behind)


# ---- Markdown ----


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _seconds(value):
    return "–" if value is None else f"{value:.2f} s"


def markdown(whole):
    verdict = {"held": "Every promise held.", "violated": "**Promises were broken.**"}[whole["verdict"]]
    summary, *figures = counts(whole)
    parts = [
        f"# Torture: {verdict.strip('*.').lower()}",
        summary,
        "![throughput, lag and faults over time](timeline.svg)",
        "## Promises",
        table(("", "promise", "violations"),
              ((name, words, whole["violations"][name] or "none") for name, words, _ in CHECKS)),
        *_violations(whole),
        *figures,
        "## Rounds",
        table(("", "mode", "seed", "records", "faults", "repeats", "lag 0 after", "verdict"),
              map(_round_row, whole["rounds"])),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(whole):
    arguments = whole["arguments"]
    command = f"scripts/torture --minutes {arguments['minutes']} --seed {arguments['seed']}"
    happened = sum(row["count"] for row in whole["faults"].values())
    in_flight = sum(row["in_flight"] for row in whole["faults"].values())
    verdict = {"held": "Every promise held.", "violated": "**Promises were broken.**"}[whole["verdict"]]
    return (f"{verdict} `{command}`, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(_began(whole)))} UTC:"
            f" {len(whole['rounds'])} rounds, {whole['seconds'] / 60:.0f} minutes under faults,"
            f" {whole['records']:,} records, {whole['commits']:,} offset commits, {happened:,} faults,"
            f" {in_flight:,} of them while a record was in hand.")


def counts(whole):
    """What a document about reliability wants to know of a run."""
    return [
        _summary(whole),
        "## Faults",
        table(("fault", "times", "met work in hand", "nothing there to hit"),
              ((name, row["count"], row["in_flight"], row["not_possible"])
               for name, row in whole["faults"].items())),
        *_left_out(whole["absent"]),
        "## Effects that came more than once",
        table(("mode", "promise", "rounds", "records", "effects", "repeats, by cause"),
              ((name, row["promise"], row["rounds"], f"{row['records']:,}", f"{row['effects']:,}",
                _causes(row["duplicates"])) for name, row in sorted(whole["modes"].items()))),
        "## From the death of a worker to the next settled record of its partitions",
        table(("members", "measured", "left out*", "p50", "p99", "longest"),
              ((name, row["kills"], row["left_out"], *map(_seconds, (row["p50"], row["p99"], row["max"])))
               for name, row in whole["recovery"].items())),
        "\\* another fault (broker, database, network) was on, or no record came for them any more.",
    ]


def _left_out(absent):
    if not absent:
        return []
    return ["Not among them:", table(("fault", "why not"), absent.items())]


def _began(whole):
    return whole["rounds"][0]["began"]


def _causes(duplicates):
    ordered = sorted(duplicates.items(), key=lambda item: -item[1])
    return "; ".join(f"{name}: {count:,}" for name, count in ordered) or "none"


def _violations(whole):
    told = [f"- round {r['options']['number']} (seed {r['options']['seed']}), {name}: {words[:1000]}"
            for r in whole["rounds"] for name, found in r["verdicts"].items() for words in found]
    return ["### Violations", "\n".join(told)] if told else []


def _round_row(r):
    options = r["options"]
    return (options["number"], r["title"], options["seed"], f"{r['records']:,}", len(r["faults"]),
            f"{sum(r['duplicates'].values()):,}", _seconds(r["lag_zero_after"]),
            "held" if not r["violations"] else f"{r['violations']} violations")
