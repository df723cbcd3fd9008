#!/usr/bin/env python3
"""Of the rounds of bench/compare.sh, one row each, and a table in Markdown.

    summary.py [--pick best|median] OUT

Reads OUT/raw.csv and OUT/builds.csv; writes OUT/summary.csv (the rows of the contract, of
all rounds one: that of the highest or the median queries per second) and OUT/table.md,
which is printed too.  Queries per second at a recall are interpolated between the two
efs around it, both on logarithms: of the share that is missed, and of the rate.
Standard library only.
"""
import csv
import math
import os
import re
import sys

TARGETS = (0.90, 0.95, 0.99, 0.999)
KEY = ("library", "data", "index", "params", "search_threads", "ef", "k")
SHARE = re.compile(r"share-([0-9.]*[0-9])")  # in the name of a file of filters
MISSED_LEAST = 1e-5  # a recall of 1 is drawn and interpolated as this much missed


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def one_of_each(rows, pick):
    """The row of each key whose rate is the best, or the median (of two the lower)."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in KEY), []).append(row)
    chosen = []
    for group in groups.values():
        group.sort(key=lambda row: float(row["qps"]))
        chosen.append(group[-1] if pick == "best" else group[(len(group) - 1) // 2])
    return chosen


def with_builds(rows, builds):
    """build_s is of the run that built; later ones only opened."""
    seconds = {}
    for row in builds:
        seconds[build_of(row)] = row["build_s"]
    for row in rows:
        row["build_s"] = seconds.get(build_of(row), row["build_s"])
    return rows


def build_of(row):
    """What tells one index from others: not how it was searched."""
    graph = [word for word in row["params"].split()
             if not word.startswith(("batch=", "filters="))]
    return row["library"], row["data"], row["index"], " ".join(graph)


def param(row, name, default):
    for word in row["params"].split():
        if word.startswith(name + "="):
            return word[len(name) + 1:]
    return default


def missed(recall):
    return max(1 - recall, MISSED_LEAST)


def rate_at(points, recall):
    """(rate, exact) at a recall, from (recall, rate) points; None when not reached.
    Not exact: the least effort already finds more, so the rate is at least this."""
    points = frontier(points)
    if not points or points[-1][0] < recall:
        return None
    if points[0][0] >= recall:
        return points[0][1], points[0][0] == recall
    for (r0, q0), (r1, q1) in zip(points, points[1:]):
        if r0 < recall <= r1:
            part = (math.log(missed(recall)) - math.log(missed(r0))) / (
                math.log(missed(r1)) - math.log(missed(r0)) or 1)
            return math.exp(math.log(q0) + part * (math.log(q1) - math.log(q0))), True
    return None


def frontier(points):
    """Points that no other beats in recall and rate at once, by recall."""
    kept, best = [], 0
    for recall, rate in sorted(points, reverse=True):
        if rate > best:
            kept.append((recall, rate))
            best = rate
    return kept[::-1]


def whole(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def graph_table(rows, name):
    libraries = sorted({row["library"] for row in rows},
                       key=lambda library: (library != "libvdb", library))
    lines = ["| library | build, s | RAM, bytes a vector | file, bytes a vector | " +
             " | ".join(f"QPS at {target:g}" for target in TARGETS) + " |",
             "|---|" + "---|" * (3 + len(TARGETS))]
    rates = {}
    for library in libraries:
        own = [row for row in rows if row["library"] == library]
        points = [(float(row["recall"]), float(row["qps"])) for row in own]
        rates[library] = [rate_at(points, target) for target in TARGETS]
        sweep = len({row["params"] for row in own}) > 1
        cells = ["" if sweep else f"{float(own[0]['build_s']):.1f}",
                 "" if sweep else whole(max(float(row["ram_bytes_per_vector"])
                                            for row in own)),
                 "" if sweep else whole(float(own[0]["file_bytes_per_vector"]))]
        for rate in rates[library]:
            cells.append("–" if rate is None else
                         ("" if rate[1] else "≥ ") + whole(rate[0]))
        lines.append(f"| {library} | " + " | ".join(cells) + " |")
    if "libvdb" in rates and len(rates) > 1:
        cells = []
        for i in range(len(TARGETS)):
            peers = [rates[name][i] for name in rates if name != "libvdb" and rates[name][i]]
            ours = rates["libvdb"][i]
            fair = ours and peers and ours[1] and all(rate[1] for rate in peers)
            cells.append(f"{ours[0] / max(rate[0] for rate in peers):.2f} ×" if fair
                         else "")
        lines.append("| libvdb ÷ the best other | | | | " + " | ".join(cells) + " |")
    first = rows[0]
    params = {row["params"] for row in rows}
    return [f"**{name}**, {int(first['n']):,} × {first['dim']}, {first['metric']}, "
            f"{'a sweep' if len(params) > 1 else first['params']}, "
            f"{first['search_threads']} search thread(s), recall@{first['k']}", ""] + lines


def flat_table(rows, name):
    first = rows[0]
    lines = [f"**{name}**, {int(first['n']):,} × {first['dim']}, {first['metric']}, flat",
             "", "| library | rows | queries per call | threads | recall | QPS | GB/s of "
             "vectors, one pass a query | Gop/s |", "|---|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["params"], row["search_threads"],
                                             row["library"] != "libvdb")):
        filters = param(row, "filters", "share-1")
        share = float(SHARE.search(filters).group(1)) if SHARE.search(filters) else 1
        rate, values = float(row["qps"]), int(row["n"]) * int(row["dim"]) * share
        lines.append(f"| {row['library']} | {'all' if share == 1 else f'{share:.0%}'} | "
                     f"{param(row, 'batch', '1')} | {row['search_threads']} | "
                     f"{float(row['recall']):.4f} | {whole(rate)} | "
                     f"{rate * values * 4 / 1e9:.1f} | {rate * values * 2 / 1e9:.1f} |")
    return lines


def main():
    arguments = sys.argv[1:]
    pick = "best"
    if arguments[:1] == ["--pick"] and len(arguments) > 1:
        pick = arguments[1]
        arguments = arguments[2:]
    if len(arguments) != 1 or pick not in ("best", "median"):
        sys.exit("usage: summary.py [--pick best|median] OUT")
    out = arguments[0]
    raw = read(os.path.join(out, "raw.csv"))
    rows = with_builds(one_of_each(raw, pick), read(os.path.join(out, "builds.csv")))
    columns = [name for name in raw[0] if name != "round"]
    with open(os.path.join(out, "summary.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    rounds = len({row["round"] for row in raw})
    lines = [f"The {pick} of {rounds} rounds."]
    for name in dict.fromkeys(row["data"] for row in rows):
        for index, table in (("hnsw", graph_table), ("flat", flat_table)):
            own = [r for r in rows if r["data"] == name and r["index"] == index]
            if own:
                lines += [""] + table(own, name)
    text = "\n".join(lines) + "\n"
    with open(os.path.join(out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
