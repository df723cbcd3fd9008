#!/usr/bin/env python3
"""Exact search as bars, as SVG.

    plot_flat.py [--theme light|dark] SUMMARY.csv FOLDER

One flat-NAME.svg in FOLDER for each data set that the CSV of bench/compare.sh --index flat
has: queries per second of each library, for one query a call, for batches by one and by
more threads, and for filters.  Each kind of call has a scale of its own, from 0: what can
be compared are the bars of one kind.  Standard library only.
"""
import csv
import os
import re
import sys

from plot import arguments_of, head, libraries_of, style, text

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 232, 96, 78, 17, 15


def kind_of(row):
    """What is asked in a call, for people; rows with the same words are compared."""
    threads = int(row["search_threads"])
    by = "one thread" if threads == 1 else f"{threads} threads"
    params = row["params"]
    share = re.search(r"share-([0-9.]+)\.jsonl", params)
    if share:
        return f"filtered to {float(share[1]) * 100:g} %, {by}"
    batch = re.search(r"batch=([0-9]+)", params)
    return f"{int(batch[1]):,} queries a call, {by}" if batch else f"one query a call, {by}"


def bars(kinds, libraries):
    parts, y = [], TOP
    for kind, rates in kinds.items():
        most, top = max(rates.values()), y
        for library, rate in rates.items():
            i = libraries.index(library)
            width = rate / most * (WIDTH - LEFT - RIGHT)
            parts.append(f'<rect class="f{i}" x="{LEFT}" y="{y}" width="{width:.1f}" '
                         f'height="{BAR - 3}" rx="2"/>')
            parts.append(text(LEFT + width + 8, y + BAR - 6, f"{rate:,.0f}", "ink", 12,
                              "start"))
            y += BAR
        parts.append(text(LEFT - 12, (top + y) / 2 + 3, kind, "soft", 12, "end"))
        y += GAP
    return parts, y


def legend(libraries):
    parts, x = [], LEFT
    for i, library in enumerate(libraries):
        parts.append(f'<rect class="f{i}" x="{x}" y="47" width="10" height="10" rx="2"/>')
        parts.append(text(x + 15, 56, library, "soft", 12, "start"))
        x += 32 + 8 * len(library)
    return parts


def picture(name, rows, theme):
    libraries, looks = libraries_of(rows)
    kinds = {}
    for row in sorted(rows, key=lambda row: libraries.index(row["library"])):
        kinds.setdefault(kind_of(row), {})[row["library"]] = float(row["qps"])
    drawn, height = bars(kinds, libraries)
    first = rows[0]
    title = f"{name}, exact search, queries per second"
    parts = [*head(WIDTH, height, title, style(looks, theme)),
             text(20, 31, title, "ink", 17, "start", ' font-weight="600"'),
             text(20, 56, f"{int(first['n']):,} × {first['dim']}, {first['metric']}, "
                  f"k = {first['k']}", "soft", 12, "start")]
    return "\n".join(parts + legend(libraries) + drawn) + "\n</svg>\n"


def main():
    theme, summary, folder = arguments_of("plot_flat.py")
    with open(summary, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["index"] == "flat"]
    for name in dict.fromkeys(row["data"] for row in rows):
        with open(os.path.join(folder, f"flat-{name}.svg"), "w", encoding="utf-8") as file:
            file.write(picture(name, [row for row in rows if row["data"] == name], theme))


if __name__ == "__main__":
    main()
