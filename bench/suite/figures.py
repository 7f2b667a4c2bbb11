"""
figures - medians, spreads, ratios of pairs, and how they are printed
"""

import statistics


def spread(values):
    """{"median", "low", "high", "n"} of at least one value."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def ratios(pairs):
    """Of the first to the second of each pair, as a spread."""
    return spread([first / second for first, second in pairs])


def number(value):
    """Short, three digits that count."""
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.1f} k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(figure):
    return f"{number(figure['median'])} [{number(figure['low'])}-{number(figure['high'])}]"


def table(header, rows):
    """A table in Markdown, columns padded so that it also reads well on a terminal."""
    cells = [[str(c) for c in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def percentile(ordered, share):
    """Of a sorted list, the value below which that share lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
