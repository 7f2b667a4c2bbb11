"""
timeline - a run as a picture: what was sent and settled, the lag, and the faults below, on one axis

Plain SVG of about the width of a page. Long runs are thinned to one point for a pixel.
"""

import html

WIDTH, LEFT, RIGHT, TOP = 1200, 150, 30, 70
RATE_HEIGHT, LAG_HEIGHT, GAP, LANE = 190, 120, 46, 22
SPAN = WIDTH - LEFT - RIGHT
UNSEEN = 6.0  # seconds without a sample that a line does not cross
# Of each family of faults: its colour, in the order of their lanes.
FAMILIES = {
    "process": "#c2410c", "kafka": "#1d4ed8", "postgres": "#0f766e", "redis": "#be123c",
    "network": "#7c3aed", "operator": "#a16207", "host": "#475569", "topic": "#0369a1", "machine": "#111827",
}
INK, FAINT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
SENT, SETTLED, LAG = "#94a3b8", "#059669", "#f59e0b"


class _Axis:
    """Time under faults: what lies between two rounds is cut out."""

    def __init__(self, rounds):
        self.starts, total = [], 0.0
        for r in rounds:
            end = max([r["ended"], *(s["at"] for s in r["samples"])])
            self.starts.append((r["began"], end, total))
            total += end - r["began"]
        self.total = total or 1.0

    def x(self, number, at):
        began, end, offset = self.starts[number]
        return LEFT + (offset + min(max(at, began), end) - began) / self.total * SPAN


def _rates(samples, what):
    """[(time, per second)] between samples."""
    known = [(s["at"], s[what]) for s in samples]
    return [(b[0], max(0.0, (b[1] - a[1]) / (b[0] - a[0]))) for a, b in zip(known, known[1:]) if b[0] > a[0]]


def _smooth(points, seconds):
    """Means over so many seconds: a pixel shows no more."""
    found, bucket = [], []
    for point in points:
        if bucket and point[0] - bucket[0][0] > seconds:
            found.append((bucket[-1][0], sum(p[1] for p in bucket) / len(bucket)))
            bucket = []
        bucket.append(point)
    if bucket:
        found.append((bucket[-1][0], sum(p[1] for p in bucket) / len(bucket)))
    return found


def _nice(value):
    """A round number at or above it."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def _text(x, y, words, size=12, fill=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
            f' font-weight="{weight}">{html.escape(words)}</text>')


def _panel(y, height, top, title):
    parts = [_text(14, y + height / 4 + 4, title, weight="bold")]
    for share in (0, 0.5, 1):
        line = y + height - share * height
        parts.append(f'<line x1="{LEFT}" y1="{line:.1f}" x2="{WIDTH - RIGHT}" y2="{line:.1f}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 8, line + 4, f"{top * share:,.0f}", 11, FAINT, "end"))
    return parts


def _area(points, y, height, top, colour, is_filled):
    if len(points) < 2:
        return ""
    line = " ".join(f"{x:.1f},{y + height - min(v / top, 1) * height:.1f}" for x, v in points)
    if not is_filled:
        return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    base = y + height
    return (f'<polygon points="{points[0][0]:.1f},{base} {line} {points[-1][0]:.1f},{base}"'
            f' fill="{colour}" fill-opacity="0.35" stroke="{colour}" stroke-width="1.2"/>')


def _curve(axis, rounds, what, seconds):
    """For each piece of each round its points: pixels of x, values as they are."""
    found = []
    for number, r in enumerate(rounds):
        for samples in _pieces(r["samples"], what):
            points = [(s["at"], s[what]) for s in samples] if what == "lag" else _rates(samples, what)
            found.append([(axis.x(number, at), value) for at, value in _smooth(points, seconds)])
    return found


def _pieces(samples, what):
    """Samples that know it, cut where none came for a while."""
    pieces, last = [[]], None
    for sample in samples:
        if sample[what] is None:
            continue
        if last is not None and sample["at"] - last > UNSEEN:
            pieces.append([])
        pieces[-1].append(sample)
        last = sample["at"]
    return pieces


def _highest(curves):
    return _nice(max((value for curve in curves for _, value in curve), default=1) or 1)


def _faults(axis, rounds, y):
    families = [f for f in FAMILIES if any(x["target"] == f for r in rounds for x in r["faults"])]
    parts = []
    for row, family in enumerate(families):
        top = y + row * LANE
        count = sum(x["target"] == family for r in rounds for x in r["faults"])
        parts.append(_text(14, top + 14, f"{family} ({count:,})", 12, FAMILIES[family], weight="bold"))
        parts.append(f'<rect x="{LEFT}" y="{top + 2}" width="{SPAN}" height="{LANE - 5}" fill="#f8fafc"/>')
        for number, r in enumerate(rounds):
            for x in r["faults"]:
                if x["target"] == family:
                    parts.append(_mark(axis, number, x, top + 3, FAMILIES[family]))
    return parts, len(families) * LANE


def _mark(axis, number, fault, y, colour):
    left, right = axis.x(number, fault["began"]), axis.x(number, fault["ended"])
    words = html.escape(f"{fault['name']}: {fault['note']}")
    return (f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1.6):.1f}" height="{LANE - 7}" rx="1"'
            f' fill="{colour}" fill-opacity="{0.95 if fault["hit"] else 0.55}"><title>{words}</title></rect>')


def _rounds(axis, rounds, y, height):
    parts = []
    for number, r in enumerate(rounds):
        left = axis.x(number, 0)
        right = axis.x(number, float("inf"))
        if number % 2:
            parts.append(f'<rect x="{left:.1f}" y="{y}" width="{right - left:.1f}" height="{height}"'
                         ' fill="#f1f5f9" fill-opacity="0.6"/>')
        if right - left > 70:
            colour = INK if not r["violations"] else "#dc2626"
            words = r["title"] if right - left > 190 else r["options"]["mode"]
            parts.append(_text((left + right) / 2, y - 6, words, 11, colour, "middle"))
    return parts


def _clock(axis, y):
    parts = []
    step = next(s for s in (5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 1e9) if axis.total / s <= 12)
    moment = 0.0
    while moment <= axis.total:
        x = LEFT + moment / axis.total * SPAN
        words = f"{moment:.0f} s" if step < 60 else f"{moment / 60:.0f} min"
        parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}" stroke="{FAINT}"/>')
        parts.append(_text(x, y + 18, words, 11, FAINT, "middle"))
        moment += step
    return parts


def _legend():
    parts, x = [], WIDTH - RIGHT - 330
    for colour, words in ((SENT, "acknowledged to the producer"), (SETTLED, "committed")):
        parts.append(f'<rect x="{x}" y="24" width="14" height="10" fill="{colour}"/>')
        parts.append(_text(x + 20, 33, words, 12, FAINT))
        x += 220
    return parts


def draw(whole):
    rounds = whole["rounds"]
    axis = _Axis(rounds)
    seconds = max(1.0, axis.total / SPAN * 2)
    sent, settled, lag = (_curve(axis, rounds, what, seconds) for what in ("produced", "committed", "lag"))
    rate_top, lag_top = _highest(sent + settled), _highest(lag)
    lag_y = TOP + RATE_HEIGHT + GAP
    fault_y = lag_y + LAG_HEIGHT + GAP
    marks, marks_height = _faults(axis, rounds, fault_y)
    height = fault_y + marks_height + 40
    held = whole["verdict"] == "held"
    title = f"{whole['records']:,} records, {sum(len(r['faults']) for r in rounds):,} faults: "
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="DejaVu Sans, Helvetica, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(14, 34, title + ("every promise held" if held else "promises were broken"), 18,
              INK if held else "#dc2626", weight="bold"),
        *_legend(),
        *_rounds(axis, rounds, TOP, height - TOP - 36),
        *_panel(TOP, RATE_HEIGHT, rate_top, "records a second"),
        *(_area(c, TOP, RATE_HEIGHT, rate_top, SENT, False) for c in sent),
        *(_area(c, TOP, RATE_HEIGHT, rate_top, SETTLED, True) for c in settled),
        *_panel(lag_y, LAG_HEIGHT, lag_top, "lag in records"),
        *(_area(c, lag_y, LAG_HEIGHT, lag_top, LAG, True) for c in lag),
        *marks,
        *_clock(axis, height - 34),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"
