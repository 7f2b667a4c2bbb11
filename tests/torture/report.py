"""
report - the facts of a run, summed up, and written for people
"""

import collections
import itertools
import shlex
import time

from . import options, timeline
from .judge import CHECKS
from .plan import NOT_DRAWN
from .recovery import quantile


# Arguments that rounds are drawn with, and what they are where nothing is said.
DEFAULTS = {name: getattr(options.parse([]), name) for name in (
    "round_minutes", "mode", "kind", "faults", "faults_per_minute", "kills_per_minute", "per_second", "brokers", "membership",
    "assignment")}
# What the families of faults are called where they are counted together.
GROUPS = (("worker kills", ("worker kill -9",)),
          ("supervisor kills, alone or with its workers", ("supervisor kill -9", "tree kill -9")),
          ("broker faults", ("broker", "brokers", "all brokers", "coordinator")),
          ("database faults", ("postgres", "redis")))


def sum_up(arguments, rounds, sittings=1, others=()):
    """All facts of a run, ready for JSON; with those of others that were made beside it."""
    told = {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in arguments.items()}
    runs = [{"arguments": told, "sittings": sittings, "rounds": len(rounds)}]
    for other in others:
        runs += other["runs"]
        rounds = rounds + other["rounds"]
    by_fault = collections.defaultdict(lambda: {"count": 0, "in_flight": 0, "not_possible": 0})
    for fault in _all(rounds, "faults"):
        row = by_fault[fault["name"]]
        if fault["failed"] or fault["note"].startswith("nobody"):
            row["not_possible"] += 1
        else:
            row["count"] += 1
            row["in_flight"] += bool(fault["hit"])
    return {
        "runs": runs,
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
        "violations": {name: sum(len(r["verdicts"].get(name, ())) for r in rounds) for name, _, _ in CHECKS},
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
    """[{who died, members, kills, left_out, p50, p99, max of the first of its partitions, p99_all of all}]"""
    found = []
    for who, members in itertools.product(("worker", "host"), ("static", "dynamic", "of the brokers' protocol")):
        chosen = [r["recovery"][who] for r in rounds if _members(r["options"]) == members]
        if not chosen and members not in ("static", "dynamic"):
            continue
        first = [value for row in chosen for value in row["first"]]
        every = [value for row in chosen for value in row["all"]]
        found.append({
            "who": who, "members": members, "kills": len(first),
            "left_out": sum(row["left_out"] for row in chosen),
            "p50": quantile(first, 0.5), "p99": quantile(first, 0.99), "max": max(first, default=None),
            "p99_all": quantile(every, 0.99)})
    return found


def _members(drawn):
    if drawn.get("assignment") == "consumer":
        return "of the brokers' protocol"
    return "static" if drawn["is_static"] else "dynamic"


def _groups(by_fault):
    """[(name, times, met work in hand)]"""
    found = []
    for name, prefixes in GROUPS:
        rows = [row for fault, row in by_fault.items() if fault.startswith(prefixes)]
        found.append((name, sum(row["count"] for row in rows), sum(row["in_flight"] for row in rows)))
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
    picture = path.with_suffix(".svg")
    picture.write_text(timeline.draw(whole))
    summary, *figures = counts(whole, "###")
    parts = [summary, f"![throughput, lag and faults over time]({picture.name})", *figures]
    path.write_text(before + BEGIN + "\n\n".join(parts) + "\n" + END + behind)


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


def _command(arguments):
    """What draws the same rounds again."""
    words = [f"scripts/torture --minutes {float(arguments['minutes']):g} --seed {arguments['seed']}"]
    for name, usual in DEFAULTS.items():
        value = arguments.get(name, str(usual))  # a run from before there was such a word has none
        if value != str(usual):
            values = value.split(",") if name == "mode" else [value.removesuffix(".0")]
            words += [f"--{name.replace('_', '-')} {shlex.quote(value)}" for value in values]
    return " ".join(words)


def _summary(whole):
    runs = " beside ".join(f"`{_command(run['arguments'])}`" + (
        f" (in {run['sittings']} sittings)" if run["sittings"] > 1 else "") for run in whole["runs"])
    happened = sum(row["count"] for row in whole["faults"].values())
    in_flight = sum(row["in_flight"] for row in whole["faults"].values())
    verdict = {"held": "Every promise held.", "violated": "**Promises were broken.**"}[whole["verdict"]]
    return (f"{verdict} {runs}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(_began(whole)))} UTC:"
            f" {len(whole['rounds'])} rounds, {whole['seconds'] / 60:.0f} minutes under faults,"
            f" {whole['records']:,} records, {whole['commits']:,} offset commits, {happened:,} faults,"
            f" {in_flight:,} of them while a record was in hand.")


def counts(whole, level="##"):
    """What a document about reliability wants to know of a run."""
    return [
        _summary(whole),
        table(("", "times", "met work in hand"),
              ((name, f"{times:,}", f"{hits:,}") for name, times, hits in _groups(whole["faults"]))),
        f"{level} Faults",
        table(("fault", "times", "met work in hand", "nothing there to hit"),
              ((name, row["count"], row["in_flight"], row["not_possible"])
               for name, row in whole["faults"].items())),
        *_left_out(whole["absent"]),
        f"{level} Effects that came more than once",
        table(("mode", "promise", "rounds", "records", "effects", "repeats, by cause"),
              ((name, row["promise"], row["rounds"], f"{row['records']:,}", f"{row['effects']:,}",
                _causes(row["duplicates"])) for name, row in sorted(whole["modes"].items()))),
        f"{level} From the death of a worker to the next effect on its partitions",
        table(("who died", "members", "measured", "left out*", "p50", "p99", "longest", "p99 of all partitions"),
              ((_WHO[row["who"]], row["members"], row["kills"], row["left_out"],
                *map(_seconds, (row["p50"], row["p99"], row["max"], row["p99_all"])))
               for row in whole["recovery"])),
        "\\* another fault was on or just over, or no record came for them any more.",
    ]


def _left_out(absent):
    if not absent:
        return []
    return ["Not among them:", table(("fault", "why not"), absent.items())]


_WHO = {"worker": "a worker", "host": "a worker with its supervisor"}


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
