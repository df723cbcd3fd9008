#!/usr/bin/env python3
"""Recall against queries per second, as SVG.

    plot.py [--theme light|dark] SUMMARY.csv FOLDER

One NAME.svg in FOLDER for each data set of the CSV (rows of vdb-bench and its peers, or
of bench/compare.sh).  Each library is a line over its efs; with several parameters, its
frontier is the line, and the other points are faint.  To the right is more found, up is
faster.  The recall is drawn by the logarithm of what is missed, so that 0.99 and 0.999
are as far apart as 0.9 and 0.99.  The picture follows the reader's light or dark theme;
--theme makes one of the two only.  Standard library only.
"""
import csv
import math
import os
import sys
from xml.sax.saxutils import escape

from summary import frontier

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 78, 96, 74, 58
RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
MOST = 0.9999  # what is better is drawn here
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
# Of each library: its colour on light and on dark, and its mark.
LOOKS = {"libvdb": ("#1d4ed8", "#7aa2ff", "circle"),
         "hnswlib": ("#c2410c", "#ff9d5c", "square"),
         "faiss": ("#0f766e", "#4fd1b8", "diamond"),
         "glass": ("#7e22ce", "#cf9bff", "triangle"),
         "SymphonyQG": ("#a16207", "#f0c64a", "cross")}
OTHERS = (("#be185d", "#ff8ac0", "triangle"), ("#4b5563", "#b6bfcc", "cross"))
THEMES = {"light": {"card": "#ffffff", "ink": "#1f2328", "soft": "#59636e",
                    "grid": "#e4e8ec", "axis": "#8c959f"},
          "dark": {"card": "#0d1117", "ink": "#e6edf3", "soft": "#9aa4af",
                   "grid": "#262c34", "axis": "#6e7681"}}


def style(looks, theme):
    def block(which):
        colours, number = THEMES[which], 0 if which == "light" else 1
        rules = [f".card{{fill:{colours['card']};stroke:{colours['grid']}}}",
                 f".ink{{fill:{colours['ink']}}}", f".soft{{fill:{colours['soft']}}}",
                 f".grid{{stroke:{colours['grid']}}}", f".axis{{stroke:{colours['axis']}}}"]
        for i, look in enumerate(looks):
            rules.append(f".l{i}{{stroke:{look[number]}}}.f{i}{{fill:{look[number]}}}"
                         f".m{i}{{fill:{look[number]};stroke:{colours['card']}}}")
        return "".join(rules)
    if theme:
        return block(theme)
    return block("light") + "@media (prefers-color-scheme:dark){" + block("dark") + "}"


def mark(shape, x, y, css, size=4.6):
    if shape == "circle":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"/>'
    outline = {"square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
               "diamond": [(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)],
               "triangle": [(0, -1.3), (1.25, 0.95), (-1.25, 0.95)],
               "cross": [(-.4, -1.2), (.4, -1.2), (.4, -.4), (1.2, -.4), (1.2, .4),
                         (.4, .4), (.4, 1.2), (-.4, 1.2), (-.4, .4), (-1.2, .4),
                         (-1.2, -.4), (-.4, -.4)]}[shape]
    points = " ".join(f"{x + dx * size * .9:.1f},{y + dy * size * .9:.1f}"
                      for dx, dy in outline)
    return f'<polygon class="{css}" points="{points}"/>'


def text(x, y, words, css="soft", size=12, anchor="middle", more=""):
    return (f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}"{more}>{escape(words)}</text>')


class Scale:
    """Where a recall and a rate are drawn."""

    def __init__(self, points):
        self.recall_low = max(0.5, min(r for r, _ in points) - 0.02)
        self.recall_high = min(MOST, max(0.99, max(r for r, _ in points)))
        low, high = min(q for _, q in points), max(q for _, q in points)
        self.rate_low, self.rate_high = math.log(low / 1.25), math.log(high * 1.25)

    def x(self, recall):
        lowest, highest = -math.log(1 - self.recall_low), -math.log(1 - self.recall_high)
        at = -math.log(1 - min(recall, self.recall_high))
        return LEFT + (at - lowest) / (highest - lowest) * (WIDTH - LEFT - RIGHT)

    def y(self, rate):
        part = (math.log(rate) - self.rate_low) / (self.rate_high - self.rate_low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def rate_ticks(self):
        tick, found = 1, []
        while tick < math.exp(self.rate_high):
            found += [tick * by for by in (1, 2, 5)
                      if self.rate_low <= math.log(tick * by) <= self.rate_high]
            tick *= 10
        return found


def axes(scale, k):
    parts, last = [], -99
    for recall in RECALLS:
        if not scale.recall_low <= recall <= scale.recall_high:
            continue
        x = scale.x(recall)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        if x - last > 34:
            parts.append(text(x, HEIGHT - BOTTOM + 19, f"{recall:g}"))
            last = x
    for rate in scale.rate_ticks():
        y = scale.y(rate)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text(LEFT - 9, y + 4, f"{rate:,}", anchor="end"))
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}'
                 f'H{WIDTH - RIGHT}"/>')
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, f"recall@{k}", "soft", 12.5))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(text(20, middle, "queries per second", "soft", 12.5,
                      more=f' transform="rotate(-90 20 {middle:.1f})"'))
    return parts


def apart(wanted, gap=16):
    """Heights near those wanted, in the same order, at least `gap` apart."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [wanted[i] for i in order]
    for _ in range(60):
        for i in range(len(placed) - 1):
            lack = gap - (placed[i + 1] - placed[i])
            if lack > 0:
                placed[i] -= lack / 2
                placed[i + 1] += lack / 2
    heights = [0.0] * len(wanted)
    for place, i in zip(placed, order):
        heights[i] = min(max(place, TOP + 6), HEIGHT - BOTTOM - 4)
    return heights


def curves(scale, series, looks):
    parts, ends = [], []
    for i in reversed(range(len(series))):  # the first is drawn last, above the others
        points = series[i][1]
        line = frontier(points)
        for point in points:
            if point not in line:
                parts.append(f'<circle class="f{i}" opacity=".28" r="2.4" '
                             f'cx="{scale.x(point[0]):.1f}" cy="{scale.y(point[1]):.1f}"/>')
        path = " ".join(f"{scale.x(r):.1f},{scale.y(q):.1f}" for r, q in line)
        width = 3 if series[i][0] == "libvdb" else 2
        parts.append(f'<polyline class="l{i}" fill="none" stroke-width="{width}" '
                     f'stroke-linejoin="round" points="{path}"/>')
        for recall, rate in line:
            parts.append(mark(looks[i][2], scale.x(recall), scale.y(rate), f"m{i}"))
        ends.append((i, scale.x(line[-1][0]), scale.y(line[-1][1])))
    for (i, x, _), y in zip(ends, apart([end[2] for end in ends])):
        parts.append(text(max(x + 11, WIDTH - RIGHT + 8), y + 4, series[i][0],
                          f"f{i}", 13, "start", ' font-weight="600"'))
    return parts


def libraries_of(rows):
    """The libraries of these rows, libvdb first, and the look of each."""
    libraries = sorted({row["library"] for row in rows},
                       key=lambda library: (library != "libvdb", library))
    others = iter(OTHERS * len(libraries))
    looks = [LOOKS.get(library) or next(others) for library in libraries]
    return libraries, looks


def head(width, height, label, rules):
    """How a picture begins: its size, its style, and the card that all is drawn on."""
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{FONT}" role="img" '
            f'aria-label="{escape(label)}">',
            f"<style>{rules}</style>",
            f'<rect class="card" x=".5" y=".5" width="{width - 1}" height="{height - 1}" '
            'rx="8"/>']


def picture(name, rows, theme):
    libraries, looks = libraries_of(rows)
    series = [(library, [(float(row["recall"]), float(row["qps"])) for row in rows
                         if row["library"] == library]) for library in libraries]
    shown = [(r, q) for _, points in series for r, q in points if r >= 0.5]
    if not shown:
        return None
    series = [(library, [p for p in points if p[0] >= 0.5]) for library, points in series]
    scale = Scale(shown)
    first = rows[0]
    params = {row["params"] for row in rows}
    under = (f"{int(first['n']):,} vectors of {first['dim']} dimensions, {first['metric']}; "
             f"{'best of a sweep' if len(params) > 1 else first['params']}; "
             f"{first['search_threads']} search thread"
             f"{'' if first['search_threads'] == '1' else 's'}")
    parts = [*head(WIDTH, HEIGHT, f"{name}: recall against queries per second",
                   style(looks, theme)),
             text(LEFT, 33, name, "ink", 17, "start", ' font-weight="600"'),
             text(LEFT, 53, under, "soft", 12, "start")]
    parts += axes(scale, first["k"]) + curves(scale, series, looks)
    return "\n".join(parts) + "\n</svg>\n"


def arguments_of(program):
    """The theme or None, the CSV, the folder."""
    arguments = sys.argv[1:]
    theme = None
    if arguments[:1] == ["--theme"] and len(arguments) > 1:
        theme = arguments[1]
        arguments = arguments[2:]
    if len(arguments) != 2 or theme not in (None, "light", "dark"):
        sys.exit(f"usage: {program} [--theme light|dark] SUMMARY.csv FOLDER")
    return theme, arguments[0], arguments[1]


def main():
    theme, summary, folder = arguments_of("plot.py")
    with open(summary, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["index"] == "hnsw"]
    for name in dict.fromkeys(row["data"] for row in rows):
        svg = picture(name, [row for row in rows if row["data"] == name], theme)
        if svg:
            with open(os.path.join(folder, name + ".svg"), "w",
                      encoding="utf-8") as file:
                file.write(svg)


if __name__ == "__main__":
    main()
