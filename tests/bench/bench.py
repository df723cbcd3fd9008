#!/usr/bin/env python3
"""vdb-bench, from outside: usage: bench.py VDB_BENCH [PEER...] [TEST...]

PEER: a path of faiss-bench or hnswlib-bench.  Small random sets; what is right is computed here, in Python.  Nothing is judged by its
speed.  Ends with "N passed, N failed".  Standard library only.
"""
import csv
import io
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

TOOL = os.path.abspath(sys.argv[1])
PEERS = [os.path.abspath(path) for path in sys.argv[2:] if "/" in path]
TESTS = []
COLUMNS = ("library,data,n,dim,metric,index,params,build_threads,build_s,"
           "ram_bytes_per_vector,file_bytes_per_vector,search_threads,ef,k,recall,qps,"
           "mean_us,p50_us,p99_us").split(",")
ROWS, QUERIES, DIM, K = 300, 23, 9, 10


class Failure(Exception):
    """A check that did not hold."""


def test(function):
    TESTS.append(function)
    return function


def check(truth, words):
    if not truth:
        raise Failure(words)


def run(*args, status=0, program=TOOL):
    """Standard output; or, with a status that is not 0, standard error."""
    done = subprocess.run([program] + [str(a) for a in args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    error = done.stderr.decode(errors="replace")
    check(done.returncode == status,
          f"{args}: status {done.returncode}, want {status}: {error}")
    return done.stdout.decode() if status == 0 else error


def bench(*args, program=TOOL, library="libvdb"):
    """The rows of a run, each a dictionary; every number must be one."""
    rows = list(csv.DictReader(io.StringIO(run(*args, "--csv", program=program))))
    check(rows, f"{args}: no rows")
    for row in rows:
        check(list(row) == COLUMNS, f"columns {list(row)}")
        for name in COLUMNS:
            if name not in ("library", "data", "metric", "index", "params"):
                row[name] = float(row[name])
                check(math.isfinite(row[name]), f"{name} is {row[name]}")
        check(row["library"] == library and row["qps"] > 0 and
              row["p50_us"] <= row["p99_us"], f"row {row}")
    return rows


def vecs(code, rows):
    return b"".join(struct.pack(f"<i{len(row)}{code}", len(row), *row) for row in rows)


def write(name, data):
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def read_ivecs(name):
    with open(name, "rb") as file:
        data = file.read()
    dim, = struct.unpack_from("<i", data)
    check(len(data) % (4 + 4 * dim) == 0, f"{name}: {len(data)} bytes")
    return [list(struct.unpack_from(f"<{dim}i", data, at + 4))
            for at in range(0, len(data), 4 + 4 * dim)]


def nearest(metric, base, query, k, passing=None):
    """Row numbers in order, padded with -1."""
    def order(i):
        row = base[i]
        if metric == "l2":
            return sum((a - b) ** 2 for a, b in zip(row, query))
        product = sum(a * b for a, b in zip(row, query))
        return -product if metric == "dot" else -product / math.hypot(*row)
    kept = [i for i in range(len(base)) if passing is None or passing(i)]
    kept = sorted(kept, key=lambda i: (order(i), i))[:k]
    return kept + [-1] * (k - len(kept))


def data_set(metric="l2"):
    """Files set.base.fvecs, set.query.fvecs, set.gt.ivecs here; returns their rows."""
    source = random.Random(7)
    # Multiples of 1/64: what is written as float32 is what Python computes with.
    row = lambda: [source.randrange(-640, 640) / 64 for _ in range(DIM)]
    base, queries = [row() for _ in range(ROWS)], [row() for _ in range(QUERIES)]
    truth = [nearest(metric, base, q, 20) for q in queries]
    write("set.base.fvecs", vecs("f", base))
    write("set.query.fvecs", vecs("f", queries))
    write("set.gt.ivecs", vecs("i", truth))
    return base, queries, truth


FILES = ("--base", "set.base.fvecs", "--queries", "set.query.fvecs")
FLAT = FILES + ("--truth", "set.gt.ivecs", "--index", "flat", "--repeat", 1)


@test
def flat_search_is_exact_in_every_way_of_running_it():
    ways = [(), ("--memory",), ("--db", "kept.vdb"), ("--batch", 7),
            ("--threads", 3), ("--batch", 100, "--threads", 2), ("--build-threads", 1),
            ("--memory", "--batch", 5, "--threads", 2)]
    for metric in ("l2", "cosine", "dot"):
        _, _, truth = data_set(metric)
        for way in ways:
            row, = bench(*FLAT, "--metric", metric, "--answers", "out.ivecs", *way)
            check(row["recall"] == 1, f"{metric} {way}: recall {row['recall']}")
            check(row["data"] == "set" and row["n"] == ROWS and row["dim"] == DIM and
                  row["metric"] == metric and row["index"] == "flat" and row["k"] == K,
                  f"row {row}")
            got = read_ivecs("out.ivecs")
            check(got == [right[:K] for right in truth], f"{metric} {way}: answers")
        os.unlink("kept.vdb")


@test
def one_row_for_each_ef_in_order_and_params_of_the_graph():
    data_set()
    rows = bench(*FILES, "--truth", "set.gt.ivecs", "--ef", "20,300", "--m", 8,
                 "--ef-construction", 77, "--k", 5, "--max-queries", 11)
    check([row["ef"] for row in rows] == [20, 300], "efs")
    for row in rows:
        check("m=8 " in row["params"] + " " and "ef_construction=77" in row["params"],
              row["params"])
        check(row["k"] == 5 and row["index"] == "hnsw", f"row {row}")
    check(rows[1]["recall"] > 0.95, f"recall {rows[1]['recall']}")


@test
def without_truth_it_is_computed():
    data_set()
    row, = bench(*FILES, "--index", "flat")
    check(row["recall"] == 1, f"recall {row['recall']}")


@test
def recall_counts_what_is_missing_and_only_that():
    _, _, truth = data_set()
    wrong = [right[:7] + right[-3:] for right in truth]  # three that are not nearest
    write("set.gt.ivecs", vecs("i", wrong))
    row, = bench(*FLAT)
    check(abs(row["recall"] - 0.7) < 1e-9, f"recall {row['recall']}, want 0.7")
    write("set.gt.ivecs", vecs("i", [right[:2] + [-1] * 8 for right in truth]))
    row, = bench(*FLAT)
    check(row["recall"] == 1, f"padded with -1: recall {row['recall']}")


@test
def the_truth_command_finds_the_nearest():
    for metric in ("l2", "cosine", "dot"):
        _, _, truth = data_set(metric)
        run("truth", "set.base.fvecs", "set.query.fvecs", metric, 20, 17, "own.ivecs")
        check(read_ivecs("own.ivecs") == truth[:17], metric)


@test
def a_kept_database_is_opened_and_its_data_compared():
    base, _, _ = data_set()
    first, = bench(*FLAT, "--db", "kept.vdb")
    check(first["build_s"] > 0 and first["file_bytes_per_vector"] > 4 * DIM, f"{first}")
    again, = bench(*FLAT, "--db", "kept.vdb")
    check(again["build_s"] == 0 and again["recall"] == 1, f"row {again}")
    write("set.base.fvecs", vecs("f", base[1:] + base))
    error = run(*FLAT, "--db", "kept.vdb", status=1)
    check("300 vectors of 9 dimensions" in error and "599" in error, error)
    error = run(*FLAT, "--metric", "dot", "--db", "kept.vdb", status=1)
    check("metric" in error, error)


def metadata(i):
    return {"kind": "even" if i % 2 == 0 else "odd", "rank": i, "half": i / 2,
            "tags": ["a", "b"] if i % 3 == 0 else ["c"]}


def predicates():
    """What a line of --filters says, and the same in Python."""
    condition = lambda field, op, value: {"field": field, "op": op, "value": value}
    return [
        ([condition("kind", "==", "odd")], lambda i: i % 2 == 1),
        ([condition("rank", ">=", 40), condition("rank", "<", 90)],
         lambda i: 40 <= i < 90),
        ([condition("tags", "contains", "b")], lambda i: i % 3 == 0),
        ([condition("half", ">=", 100.5), condition("kind", "==", "even")],
         lambda i: i >= 201 and i % 2 == 0),
        ([condition("rank", "<", 4)], lambda i: i < 4),  # fewer than k
        ([condition("rank", "==", 12345)], lambda i: False),
    ]


def filtered_set():
    base, queries, _ = data_set()
    write("set.meta.jsonl", "".join(json.dumps(metadata(i)) + "\n" for i in range(ROWS)))
    cases = predicates()
    lines, truth = [], []
    for number, query in enumerate(queries):
        conditions, passing = cases[number % len(cases)]
        lines.append(json.dumps({"query": number, "kind": "x", "all": conditions}))
        truth.append(nearest("l2", base, query, 20, passing))
    write("set.filters.jsonl", "\n".join(lines) + "\n")
    write("set.fgt.ivecs", vecs("i", truth))
    return base, queries, truth


@test
def each_query_has_its_own_filter():
    _, _, truth = filtered_set()
    row, = bench(*FLAT, "--meta", "set.meta.jsonl", "--filters", "set.filters.jsonl",
                 "--filter-truth", "set.fgt.ivecs", "--answers", "out.ivecs")
    check(row["recall"] == 1 and "filters=set.filters" in row["params"], f"row {row}")
    check(read_ivecs("out.ivecs") == [right[:K] for right in truth], "answers")
    row, = bench(*FLAT, "--meta", "set.meta.jsonl", "--filters", "set.filters.jsonl")
    check(row["recall"] == 1, f"the truth computed: recall {row['recall']}")


@test
def one_filter_for_all_and_its_truth():
    base, queries, _ = filtered_set()
    text = '{"op": "in", "field": "rank", "values": [3, 5, 8, 13, 21]}'
    right = [nearest("l2", base, q, K, lambda i: i in (3, 5, 8, 13, 21))
             for q in queries]
    row, = bench(*FLAT, "--meta", "set.meta.jsonl", "--filter", text,
                 "--answers", "out.ivecs", "--batch", 4)
    check(row["recall"] == 1, f"recall {row['recall']}")
    check(read_ivecs("out.ivecs") == right, "answers")
    wrong = [[r[0], 0] + r[2:] for r in right]
    write("wrong.ivecs", vecs("i", wrong))
    row, = bench(*FLAT, "--meta", "set.meta.jsonl", "--filter", text,
                 "--filter-truth", "wrong.ivecs")
    check(abs(row["recall"] - 0.8) < 1e-9, f"recall {row['recall']}, want 0.8")


@test
def bad_command_lines_are_named():
    data_set()
    cases = [
        ((), "--base is missing"),
        (("--base", "x"), "--queries is missing"),
        (FLAT + ("--speed", 1), "unknown option: --speed"),
        (FLAT + ("--k",), "option without its value: --k"),
        (FLAT + ("--k", 0), '--k: "0" is not a number from 1'),
        (FLAT + ("--k", "ten"), '--k: "ten"'),
        (FLAT + ("--k", "-1"), '--k: "-1"'),
        (FLAT + ("--threads", 99999999999), "--threads"),
        (FLAT + ("--ef", "10,,20"), '--ef: ""'),
        (FLAT + ("--ef", "10,x"), '--ef: "x"'),
        (FLAT + ("--metric", "euclid"), "euclid"),
        (FLAT + ("--index", "ivf"), "ivf"),
        (FLAT + ("--codes", "16"), "--codes"),
        (FLAT + ("surplus",), "surplus operand: surplus"),
        (FLAT + ("--memory", "--db", "x.vdb"), "exclude"),
        (FLAT + ("--filter", "{}"), "--meta"),
        (FLAT + ("--meta", "x", "--filters", "y", "--batch", 2), "--batch"),
        (FLAT + ("--filter-truth", "x"), "--filter-truth without"),
        (FLAT + ("--memory", "--batch", 2), "--build-threads"),
        (("limits", "--ms", 0), "--ms"),
        (("limits", "--fast"), "unknown option: --fast"),
        (("truth", "a", "b"), "truth takes"),
        (("truth", "a", "b", "l3", 1, 1, "c"), "l3"),
    ]
    for args, words in cases:
        error = run(*args, status=2)
        check(words in error and "--help" in error, f"{args}: {error}")


@test
def bad_files_are_named_with_their_place():
    base, queries, truth = data_set()
    row = 4 + 4 * DIM

    def refused(words, *args):
        error = run(*(args or FLAT), status=1)
        check(words in error, f"{words!r} is not in {error!r}")

    write("set.base.fvecs", vecs("f", base)[:-3])
    refused(f"row {ROWS - 1} at byte {(ROWS - 1) * row} is truncated")
    write("set.base.fvecs", vecs("f", base[:5]) + struct.pack("<i", 8) +
          vecs("f", base[5:])[4:])
    refused(f"row 5 at byte {5 * row}: dimension 8")
    write("set.base.fvecs", struct.pack("<i", -2))
    refused("dimension -2")
    write("set.base.fvecs", b"")
    refused("no rows")
    write("set.base.fvecs", vecs("f", [b[:-1] for b in base]))
    refused("8 dimensions")
    bad = [list(b) for b in base]
    bad[17][3] = math.nan
    write("set.base.fvecs", vecs("f", bad))
    refused("row 17")
    write("set.base.fvecs", vecs("f", base))
    write("set.gt.ivecs", vecs("i", [t[:3] for t in truth]))
    refused("3 neighbours a row, but --k is 10")
    write("set.gt.ivecs", vecs("i", truth[:5]))
    refused(f"5 rows, but there are {QUERIES} queries")
    write("set.gt.ivecs", vecs("i", [[ROWS] + t[1:] for t in truth]))
    refused(f"names row {ROWS}")
    os.unlink("set.gt.ivecs")
    refused("No such file")
    check(not [name for name in os.listdir(".") if "vdb" in name], os.listdir("."))


@test
def bad_metadata_and_filters_are_named():
    filtered_set()
    args = FLAT + ("--meta", "set.meta.jsonl", "--filters", "set.filters.jsonl",
                   "--filter-truth", "set.fgt.ivecs")

    def refused(words, *more):
        error = run(*(more or args), status=1)
        check(words in error, f"{words!r} is not in {error!r}")

    with open("set.filters.jsonl", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line, words in (("{", "line 3"), ('{"some": []}', 'no array "all"'),
                        ('{"all": [{"field": "a", "op": "~", "value": 1}]}',
                         "condition 0")):
        write("set.filters.jsonl", "\n".join(lines[:2] + [line] + lines[3:]))
        refused(words)
        refused("line 3")
    write("set.filters.jsonl", "\n".join(lines[:4]))
    refused("4 lines")
    refused("filter {", *FLAT, "--meta", "set.meta.jsonl", "--filter", '{"op": "no"}')
    write("set.filters.jsonl", "\n".join(lines))
    with open("set.meta.jsonl", encoding="utf-8") as file:
        meta = file.read().splitlines()
    write("set.meta.jsonl", "\n".join(meta[:-1]))
    refused("299 lines")
    write("set.meta.jsonl", "\n".join(meta[:150] + ["[]"] + meta[151:]))
    refused("row 150")


@test
def nothing_is_left_behind():
    data_set()
    os.mkdir("tmp")
    os.environ["TMPDIR"] = os.path.abspath("tmp")
    try:
        bench(*FLAT)
        run(*FLAT, "--metric", "cosine", "--filter-truth", "x", status=2)
        write("set.base.fvecs", vecs("f", [[0] * DIM] * 3))
        write("set.gt.ivecs", vecs("i", [[0] * K] * QUERIES))
        run(*FLAT, "--metric", "cosine", status=1)  # a zero vector, after creation
    finally:
        del os.environ["TMPDIR"]
    check(os.listdir("tmp") == [], f"left: {os.listdir('tmp')}")


@test
def limits_print_positive_figures():
    text = run("limits", "--csv", "--ms", 1, "--size", 8, "--threads", 2)
    rows = list(csv.DictReader(io.StringIO(text)))
    names = {row["what"] for row in rows}
    check({"read bandwidth", "float32 multiply and add"} <= names and
          any("random read" in name for name in names) and
          any("fdatasync" in name for name in names), names)
    for row in rows:
        check(list(row) == ["what", "variant", "threads", "value", "unit"], f"{row}")
        check(float(row["value"]) > 0 and int(row["threads"]) > 0, f"row {row}")
    check("read bandwidth" in run("limits", "--ms", 1, "--size", 4), "no table")


@test
def a_table_and_the_help_are_for_reading():
    data_set()
    table = run(*FLAT).splitlines()
    check("recall" in table[0] and "1.0000" in table[1], table)
    text = run("--help")
    for option in ("--base", "--truth", "--ef-construction", "--filter-truth", "--csv"):
        check(option in text, f"{option} is not in the help")


@test
def peers_print_the_same_rows_and_find_what_is_near():
    for program in PEERS:
        library = os.path.basename(program).partition("-")[0]
        for metric in ("l2", "cosine", "dot"):
            _, _, truth = data_set(metric)
            for way in ((), ("--threads", 2), ("--batch", 7), ("--db", "kept"),
                        ("--db", "kept")):
                row, = bench(*FILES, "--truth", "set.gt.ivecs", "--metric", metric,
                             "--m", 8, "--ef", 200, "--repeat", 1, *way,
                             program=program, library=library)
                check(row["recall"] > 0.95, f"{program} {metric}: {row}")
                check(row["index"] == "hnsw" and "m=8" in row["params"], f"{row}")
            os.unlink("kept")
            if library == "faiss":
                row, = bench(*FLAT, "--metric", metric, "--answers", "out.ivecs",
                             program=program, library=library)
                check(read_ivecs("out.ivecs") == [right[:K] for right in truth],
                      f"{program} {metric}: answers")
        error = run(*FLAT, "--meta", "x", "--filter", "{}", status=2, program=program)
        check("not for this library" in error, error)


def main():
    wanted = [name for name in sys.argv[2:] if "/" not in name]
    passed = failed = 0
    for function in TESTS:
        if wanted and function.__name__ not in wanted:
            continue
        home, folder = os.getcwd(), tempfile.mkdtemp(prefix="vdb-bench-test-")
        os.chdir(folder)
        try:
            function()
            passed += 1
            print(f"ok {function.__name__}")
        except (Failure, ValueError, KeyError, OSError, struct.error,
                subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAILED {function.__name__}: {error}")
        finally:
            os.chdir(home)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
