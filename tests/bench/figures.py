#!/usr/bin/env python3
"""summary.py, plot.py and plot_flat.py, on rows made up here: usage: figures.py BENCH_FOLDER

Ends with "N passed, N failed".  Standard library only.
"""
import csv
import math
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

BENCH = os.path.abspath(sys.argv[1])
sys.dont_write_bytecode = True
sys.path.insert(0, BENCH)
import plot  # noqa: E402
import plot_flat  # noqa: E402
import summary  # noqa: E402

COLUMNS = ("round,library,data,n,dim,metric,index,params,build_threads,build_s,"
           "ram_bytes_per_vector,file_bytes_per_vector,search_threads,ef,k,recall,qps,"
           "mean_us,p50_us,p99_us").split(",")


def row(library, turn, ef, recall, qps, params="m=16 ef_construction=200",
        index="hnsw", threads=1):
    return dict(zip(COLUMNS, (turn, library, "set", 1000, 8, "l2", index, params, 2, 0,
                              50, 60, threads, ef, 10, recall, qps, 1, 1, 2)))


def write(path, rows, columns):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def tool(name, *args, status=0):
    done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, name), *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == status, (name, args, done.stderr.decode())
    return done.stdout.decode()


def interpolation_is_between_the_two_efs_around():
    points = [(0.8, 1000.0), (0.98, 100.0)]
    # Half of the way from 0.2 to 0.02 missed, on logarithms: 0.0632 missed.
    rate, exact = summary.rate_at(points, 1 - math.sqrt(0.2 * 0.02))
    assert exact and abs(rate - math.sqrt(1000 * 100)) < 1e-6, rate
    assert summary.rate_at(points, 0.99) is None
    assert summary.rate_at(points, 0.8) == (1000.0, True)
    assert summary.rate_at(points, 0.5) == (1000.0, False)


def the_frontier_has_what_nothing_beats():
    points = [(0.9, 100), (0.95, 50), (0.92, 40), (0.9, 90), (0.99, 50)]
    assert summary.frontier(points) == [(0.9, 100), (0.99, 50)]


def rounds_become_one_row_and_builds_give_their_seconds():
    raw = [row("libvdb", 1, 10, 0.90, 300), row("libvdb", 2, 10, 0.90, 500),
           row("libvdb", 3, 10, 0.90, 400), row("libvdb", 1, 20, 0.99, 100),
           row("hnswlib", 1, 10, 0.90, 250), row("hnswlib", 1, 20, 0.99, 50)]
    builds = [dict(row("libvdb", 1, 10, 0.9, 1), build_s=12.5)]
    write("raw.csv", raw, COLUMNS)
    write("builds.csv", builds, COLUMNS[1:])
    table = tool("summary.py", ".")
    assert "| libvdb | 12.5 | 50.0 | 60.0 | 500 |" in table, table
    assert "2.00 ×" in table, table  # at 0.90 and at 0.99
    table = tool("summary.py", "--pick", "median", ".")
    assert "| 400 |" in table and "1.60 ×" in table, table
    with open("summary.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 and list(rows[0]) == COLUMNS[1:], rows
    assert tool("summary.py", "--pick", "worst", ".", status=1) == ""


def flat_rows_are_rates_of_bytes_and_operations():
    raw = [row("libvdb", 1, 50, 1, 1e6, "batch=1000", "flat", 2),
           row("libvdb", 1, 50, 1, 1e6, "filters=share-0.01.jsonl", "flat", 1)]
    write("raw.csv", raw, COLUMNS)
    write("builds.csv", raw, COLUMNS[1:])
    table = tool("summary.py", ".")
    # 1e6 queries/s over 8,000 values: 32 GB/s, 16 Gop/s.
    assert "| libvdb | all | 1000 | 2 | 1.0000 | 1,000,000 | 32.0 | 16.0 |" in table, table
    assert "| libvdb | 1% | 1 | 1 | 1.0000 | 1,000,000 | 0.3 | 0.2 |" in table, table


def a_plot_is_a_picture_of_each_library():
    rows = [row(library, 1, ef, recall, qps) for library, ef, recall, qps in
            (("libvdb", 10, 0.9, 9000), ("libvdb", 20, 0.99, 4000), ("libvdb", 40, 1, 900),
             ("a <new> one", 10, 0.85, 5000), ("a <new> one", 20, 0.97, 700))]
    write("summary.csv", rows, COLUMNS[1:])
    tool("plot.py", "summary.csv", ".")
    space = "{http://www.w3.org/2000/svg}"
    root = xml.parse("set.svg").getroot()
    lines = root.findall(f".//{space}polyline")
    assert sorted(len(line.get("points").split()) for line in lines) == [2, 3], lines
    for line in lines:
        places = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
        assert places == sorted(places), places  # to the right is more found,
        assert [y for _, y in places] == sorted(y for _, y in places)  # and slower
        for x, y in places:
            assert plot.LEFT <= x <= plot.WIDTH - plot.RIGHT, x
            assert plot.TOP <= y <= plot.HEIGHT - plot.BOTTOM, y
    words = [text.text for text in root.findall(f".//{space}text")]
    assert "libvdb" in words and "a <new> one" in words and "recall@10" in words, words
    style = root.find(f"{space}style").text
    assert "prefers-color-scheme:dark" in style
    assert tool("plot.py", status=1) == ""


def a_plot_of_exact_search_has_a_scale_for_each_kind_of_call():
    rows = [row("libvdb", 1, 50, 1, 100, "", "flat", 1),
            row("a <new> one", 1, 50, 1, 50, "", "flat", 1),
            row("libvdb", 1, 50, 1, 4000, "batch=1000", "flat", 2),
            row("a <new> one", 1, 50, 1, 8000, "batch=1000", "flat", 2),
            row("libvdb", 1, 50, 1, 70, "filters=share-0.01.jsonl", "flat", 1)]
    write("summary.csv", rows, COLUMNS[1:])
    tool("plot_flat.py", "summary.csv", ".")
    space = "{http://www.w3.org/2000/svg}"
    root = xml.parse("flat-set.svg").getroot()
    bars = [float(bar.get("width")) for bar in root.findall(f".//{space}rect")
            if bar.get("height") == str(plot_flat.BAR - 3)]
    assert len(bars) == 5 and bars[0] == bars[3] == bars[4], bars
    assert abs(bars[1] - bars[0] / 2) < 0.2 and abs(bars[2] - bars[0] / 2) < 0.2, bars
    words = [text.text for text in root.findall(f".//{space}text")]
    for wanted in ("a <new> one", "8,000", "one query a call, one thread",
                   "1,000 queries a call, 2 threads", "filtered to 1 %, one thread"):
        assert wanted in words, (wanted, words)


def main():
    passed = failed = 0
    for function in (interpolation_is_between_the_two_efs_around,
                     the_frontier_has_what_nothing_beats,
                     rounds_become_one_row_and_builds_give_their_seconds,
                     flat_rows_are_rates_of_bytes_and_operations,
                     a_plot_is_a_picture_of_each_library,
                     a_plot_of_exact_search_has_a_scale_for_each_kind_of_call):
        with tempfile.TemporaryDirectory(prefix="vdb-figures-") as folder:
            home = os.getcwd()
            os.chdir(folder)
            try:
                function()
                passed += 1
                print(f"ok {function.__name__}")
            except (AssertionError, OSError, ValueError, KeyError, xml.ParseError) as error:
                failed += 1
                print(f"FAILED {function.__name__}: {error!r}")
            finally:
                os.chdir(home)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
