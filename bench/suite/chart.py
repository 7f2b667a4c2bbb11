"""
chart - bar and step charts as plain SVG, without a library

Readable on a light and on a dark page: own background, dark text. A bar is a median, the thin line
over it goes from the lowest to the highest run.
"""

import html

from . import figures

WIDTH = 820
LABEL_WIDTH = 390
BAR = 18
GAP = 12
TOP = 44
OWN, OTHER, INK, FAINT = "#1f6f8b", "#a9b4bd", "#1d2327", "#5c666d"


def _text(x, y, words, size=12, anchor="start", color=INK, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
            f' font-weight="{weight}">{html.escape(words)}</text>')


def _page(title, height, body):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' font-family="system-ui, sans-serif" role="img" aria-label="{html.escape(title)}">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 26, title, 15, weight="bold"), *body, "</svg>", ""])


def bars(title, unit, entries):
    """`entries`: (label, spread). What belongs to onced stands out."""
    room = WIDTH - LABEL_WIDTH - 150
    most = max(figure["high"] for _, figure in entries) or 1
    body = []
    for row, (label, figure) in enumerate(entries):
        y = TOP + row * (BAR + GAP)
        middle = y + BAR / 2
        low, median, high = (LABEL_WIDTH + figure[k] / most * room for k in ("low", "median", "high"))
        color = OWN if label.startswith("onced") else OTHER
        body += [
            _text(LABEL_WIDTH - 10, middle + 4, label, anchor="end"),
            f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(median - LABEL_WIDTH, 1):.1f}" height="{BAR}" fill="{color}"/>',
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"'
            f' stroke="{INK}" stroke-width="1.5"/>',
            _text(high + 8, middle + 4, f"{figures.number(figure['median'])} {unit}"),
        ]
    height = TOP + len(entries) * (BAR + GAP) + 8
    return _page(title, height, body)


def steps(title, unit, ticks, series):
    """Lines over named steps. `series`: (label, [value per tick])."""
    height, left, right, top, bottom = 320, 70, WIDTH - 190, 50, 280
    most = max(value for _, values in series for value in values) or 1

    def x(i):
        return left + (right - left) * (i / max(len(ticks) - 1, 1))

    def y(value):
        return bottom - (bottom - top) * value / most
    body = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{FAINT}"/>']
    for share in (0, 0.5, 1):
        body.append(_text(left - 8, y(most * share) + 4, figures.number(most * share) if share else "0", anchor="end",
                          color=FAINT))
    body.append(_text(left, top - 10, unit, color=FAINT))
    body += [_text(x(i), bottom + 20, tick, anchor="middle", color=FAINT) for i, tick in enumerate(ticks)]
    ends = []
    for label, values in series:
        color = OWN if label.startswith("onced") else OTHER
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
        body.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        ends.append((y(values[-1]) + 4, label))
    body += [_text(right + 10, at, label) for at, label in _apart(ends)]
    return _page(title, height, body)


def _apart(labels, least=15):
    """Labels at the ends of lines, moved until none lies on another."""
    placed = []
    for at, label in sorted(labels):
        placed.append((max(at, placed[-1][0] + least) if placed else at, label))
    return placed
