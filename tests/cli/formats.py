#!/usr/bin/env python3
"""The formats that vdbtool imports and exports, from outside: formats.py VDBTOOL [TEST...]

Round trips of every format, bad files (status, message with its place, nothing changed),
what stays of an import that fails, JSON and progress.  Ends with "N passed, N failed".
Standard library only.
"""
import csv
import io
import json
import math
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys

from support import TOOL, check, expect_unchanged, fvecs, main, test, vdbtool, write


def npy(shape, data=b"", descr="<f4", version=1, order="False"):
    head = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    fixed = 10 if version == 1 else 12
    head += b" " * (-(fixed + len(head) + 1) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + data


def packed(rows, order="<", code="f"):
    return b"".join(struct.pack(f"{order}{len(row)}{code}", *row) for row in rows)


# --------------------------------------------------------------- round trips


@test
def npy_of_every_kind_is_read():
    rows = [[1.5, -2, 65504], [-0.0, 6.103515625e-05, 5.960464477539063e-08]]
    write("want.fvecs", fvecs(rows))
    vdbtool("import", "want.vdb", "want.fvecs")
    want = vdbtool("export", "want.vdb", "-")
    for number, (order, code, letter, version) in enumerate(
            (o, c, s, v) for o in "<>" for c, s in (("f2", "e"), ("f4", "f"), ("f8", "d"))
            for v in (1, 2, 3)):
        write("a.npy", npy("(2, 3)", packed(rows, order, letter), order + code, version))
        vdbtool("import", f"{number}.vdb", "a.npy")
        check(vdbtool("export", f"{number}.vdb", "-") == want, (order, code, version))
    write("a.npy", npy("(1, 2)", struct.pack("<2d", 0.1, 1e-50), "<f8"))
    vdbtool("import", "rounded.vdb", "a.npy")
    check('"vector":[0.1,0]' in vdbtool("export", "rounded.vdb", "-"), "to the nearest")


def odd_value(generator, depth=0):
    kind = generator.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return generator.choice([True, False, None])
    if kind == 1:
        return generator.choice([0, -1, 2**63 - 1, -2**63, 12])
    if kind == 2:
        return generator.choice([0.5, -1e300, 1e-7, 3.0, 1.25])
    if kind < 6:
        return generator.choice(["", "a", "12", "007", "true", "null", "[1]", '"q"', "{}", "{",
                                 "a,b", 'say "so"', "x\ny", "x\r\ny", "\t ", "é\U0001f600",
                                 " 12 ", "-", "\\", "'", "\x01"])
    if kind == 6:
        return [odd_value(generator, depth + 1) for _ in range(generator.randrange(3))]
    return {generator.choice(["a", "b.c", "d e"]): odd_value(generator, depth + 1)
            for _ in range(generator.randrange(3))}


def odd_records(generator, count):
    keys = ["a", "b", "a,b", 'k"q', "id", "vector", "é", "line\nbreak", "embedding", " "]
    for i in range(count):
        record = {"id": f"{generator.choice(['x', 'y,', '', ' ', 'z' + chr(10)])}{i}",
                  "vector": [generator.uniform(-9, 9) for _ in range(5)]}
        chosen = generator.sample(keys, generator.randrange(4))
        if chosen:
            record["metadata"] = {key: odd_value(generator) for key in chosen}
        yield record


def records_of(database):
    return [json.loads(line) for line in vdbtool("export", database, "-").splitlines()]


@test
def every_format_round_trips():
    generator = random.Random(5)
    lines = [json.dumps(record) for record in odd_records(generator, 400)]
    write("in.jsonl", "\n".join(lines))
    vdbtool("import", "a.vdb", "in.jsonl")
    want = records_of("a.vdb")
    check(len(want) == 400, f"{len(want)} records")
    for name in ["jsonl", "csv"]:
        vdbtool("export", "a.vdb", "out." + name)
        vdbtool("import", name + ".vdb", "out." + name)
        got = records_of(name + ".vdb")
        for one, other in zip(want, got):
            check(json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True),
                  f"{name}: {one} became {other}")
        check(len(got) == 400, f"{name}: {len(got)} records")
    with open("out.csv", newline="", encoding="utf-8") as file:  # as others read it
        table = list(csv.reader(file))
    check(table[0][0] == "_id" and table[0][-1] == "_vector" and len(table) == 401, table[0])
    check([row[0] for row in table[1:]] == [record["id"] for record in want], "ids")
    for name in ["npy", "fvecs"]:
        out = "out." + name
        told = json.loads(vdbtool("export", "a.vdb", out, "--json"))
        check(told == {"exported": 400, "files": [out, out + ".ids", out + ".metadata.jsonl"]},
              told)
        vdbtool("import", name + ".vdb", out, "--ids", out + ".ids", "--metadata",
                out + ".metadata.jsonl")
        check(records_of(name + ".vdb") == want, name)
    with open("out.npy", "rb") as file:
        data = file.read()
    check(data.startswith(npy("(400, 5)")), data[:80])
    with open("out.fvecs", "rb") as file:
        check(packed([record["vector"] for record in want]) == data[128:], "values")
        check(fvecs([record["vector"] for record in want]) == file.read(), "fvecs")


@test
def exports_without_metadata_have_no_file_of_them():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2")
    told = json.loads(vdbtool("export", "a.vdb", "out.npy", "--json"))
    check(told["files"] == ["out.npy", "out.npy.ids"], told)
    check(sorted(os.listdir("."))[-2:] == ["out.npy", "out.npy.ids"], os.listdir("."))
    vdbtool("insert", "a.vdb", "y", "--vector", "1,3", "--metadata", "{}")
    vdbtool("export", "a.vdb", "out.npy")
    check(open("out.npy.metadata.jsonl", encoding="utf-8").read() == "\n{}\n", "one of two")
    vdbtool("delete", "a.vdb", "y")
    vdbtool("export", "a.vdb", "out.npy")
    check(open("out.npy.metadata.jsonl", encoding="utf-8").read() == "\n", "an older file")
    vdbtool("create", "empty.vdb", "--dim", 3)
    vdbtool("export", "empty.vdb", "empty.csv")
    check(open("empty.csv", encoding="utf-8").read() == "id,vector\n", "empty")
    vdbtool("export", "empty.vdb", "empty.npy")
    check(open("empty.npy", "rb").read() == npy("(0, 3)"), "empty npy")


@test
def csv_of_other_programs_is_read():
    table = io.StringIO()
    rows = [["", "name", "v0", "v1", "v2", "ok", "note"],
            ["0", "Zoë", "1", " 2.5 ", "-3e0", "True", 'a "b", c'],
            ["1", "", "4", "5", "6", "False", "two\nlines"]]
    csv.writer(table).writerows(rows)
    write("a.csv", "\ufeff" + table.getvalue())
    vdbtool("import", "a.vdb", "a.csv", "--vector-columns", "v0..v2", "--id-prefix", "r")
    check(records_of("a.vdb") == [
        {"id": "r0", "vector": [1, 2.5, -3],
         "metadata": {"column1": 0, "name": "Zoë", "ok": True, "note": 'a "b", c'}},
        {"id": "r1", "vector": [4, 5, 6],
         "metadata": {"column1": 1, "ok": False, "note": "two\nlines"}}], "a.csv")
    table = io.StringIO()
    csv.writer(table, delimiter="\t", quoting=csv.QUOTE_ALL).writerows(rows)
    write("b.csv", table.getvalue())
    vdbtool("import", "b.vdb", "b.csv", "--vector-columns", "v0,v1,v2", "--delimiter", "tab",
            "--guess-quoted", "--id-prefix", "r")
    check(records_of("b.vdb") == records_of("a.vdb"), "quoted throughout")
    vdbtool("import", "c.vdb", "b.csv", "--vector-columns", "v0,v1,v2", "--delimiter", "tab",
            "--id-column", "name", status=1)
    rows[2][1] = "b"
    rows[1][1] = "a"
    table = io.StringIO()
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows(rows)
    write("c.csv", table.getvalue())
    vdbtool("import", "c.vdb", "c.csv", "--vector-columns", "v2,v0", "--id-column", "name")
    check(records_of("c.vdb")[0] == {"id": "a", "vector": [-3, 1], "metadata": {
        "column1": "0", "v1": " 2.5 ", "ok": "True", "note": 'a "b", c'}}, "strings")


@test
def queries_of_every_format_agree():
    generator = random.Random(6)
    rows = [[generator.randrange(-9, 9) for _ in range(4)] for _ in range(300)]
    write("in.fvecs", fvecs(rows))
    vdbtool("import", "a.vdb", "in.fvecs")
    write("q.npy", npy("(300, 4)", packed(rows)))
    write("q.jsonl", "".join(json.dumps({"vector": row}) + "\n" for row in rows))
    write("q.csv", "a,b,c,d\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    want = vdbtool("search", "a.vdb", "--queries", "in.fvecs", "--json")
    check(want.count("\n") == 300, want[:200])
    for name, more in [("q.npy", []), ("q.jsonl", []), ("q.csv", ["--vector-columns", "a..d"])]:
        check(vdbtool("search", "a.vdb", "--queries", name, "--json", *more) == want, name)
    rows[270][2] = math.nan
    write("bad.npy", npy("(300, 4)", packed(rows)))
    error = vdbtool("search", "a.vdb", "--queries", "bad.npy", status=1)
    check("bad.npy: row 271:" in error, error)


@test
def memory_does_not_grow_with_the_file():
    vdbtool("create", "a.vdb", "--dim", 65535)
    rows = 4500
    write("zeros.npy", npy(f"({rows}, 65535)"))
    os.truncate("zeros.npy", os.path.getsize("zeros.npy") + rows * 65535 * 4)

    with open("out", "wb") as out:
        process = subprocess.Popen([TOOL, "search", "a.vdb", "--queries", "zeros.npy", "-k", "1",
                                    "--json"], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    check(process.returncode == 0, f"status {status}")
    check(open("out", "rb").read() == b"[]\n" * rows, "an answer for each row")
    check(usage.ru_maxrss < 400 << 10, f"{usage.ru_maxrss} KiB for a file of 1.2 GB")


# ----------------------------------------------------------------- bad input

NPY_BAD = [
    (b"", ["byte 0", "truncated"]), (b"\x93NUMPY\x01\x00", ["truncated"]),
    (b"hello, world, hello", ["no .npy file"]), (npy("(1, 2)")[:50], ["truncated"]),
    (npy("(1, 2)", version=4), ["version"]), (npy("(0, 2)"), ["no vectors"]),
    (npy("(3, 2)", packed([(1, 2), (3, 4), (5,)])), ["row 3 at byte 144", "truncated"]),
    (npy("(1, 2)", packed([(1, 2, 3)])), ["byte 136", "4 bytes later"]),
    (npy("(2, 2)", b"", "<i8"), ["float16, float32, float64"]),
    (npy("(2,)", packed([(1, 2)])), ["two dimensions"]),
    (npy("(2, 2)", packed([(1, 2), (3, 4)]), order="True"), ["Fortran"]),
    (npy("(4611686018427387904, 4)"), ["more bytes than a file"]),
    (npy("(99999999999999999999999, 4)"), ["64 bits"]),
    (npy("(1000000000000, 60000)"), ["row 1 at byte 128", "truncated"]),
    (npy("(1, 65536)"), ["dimension", "65535"]),
    (npy("(2, 2)", packed([(1, 2), (3, 1e39)], "<", "d"), "<f8"), ["row 2", "byte 152"]),
    (npy("(2, 2)", packed([(1, 2), (3, math.nan)])), ["row 2"]),
    (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100, ["65535 bytes"])]

CSV_BAD = [
    (b"", ["empty"]), (b"id,vector\n", ["no vectors"]), (b"id,x\na,1\n", ["--vector-columns"]),
    (b"id,vector\na,1 2\nb,1\n", ["line 3, byte 18", "1 values"]),
    (b"id,vector\na,1 2\nb\n", ["line 3, byte 16", "1 fields"]),
    (b'id,vector\na,1 2\nb,"1 2\n', ["line 3, byte 18", "never closed"]),
    (b'id,vector\na,1 2\nb,1 2"\n', ["line 3, byte 21", "quote"]),
    (b"id,vector\na,1 2\nb,1 \0002\n", ["line 3, byte 20", "NUL"]),
    (b"id,vector\na,1 2\nb,1 two\n", ["line 3, byte 18", 'value 2, "two"']),
    (b"id,vector\na,1 2\nb,1 1e39\n", ["line 3", "1e39", "float32"]),
    (b"id,vector\na,1 2\n,1 2\n", ["line 3", "id"]),
    (b"id,vector,x\na,1 2,\nb,1 2,\xff\n", ["line 3", "0xff"]),
    (b"id,vector,x\na,1 2," + b"x" * (17 << 20), ["line 2, byte 12", "16 MiB"]),
    (b"id,vector,id\n", ["line 1", "two columns"])]


@test
def bad_files_are_refused_with_their_place():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2")
    for name, cases in [("bad.npy", NPY_BAD), ("bad.csv", CSV_BAD)]:
        for data, words in cases:
            write(name, data)
            for file in ["a.vdb", "new.vdb"]:
                expect_unchanged(1, [name] + words, "import", file, name)
    write("in.npy", npy("(2, 3)", packed([(1, 2, 3), (4, 5, 6)])))
    expect_unchanged(1, ["2", "3"], "import", "a.vdb", "in.npy")
    error = vdbtool("import", "b.vdb", "/dev/stdin", "--format", "npy", status=1,
                    stdin=npy("(1, 2)", packed([(1, 2), (3, 4)])))
    check("byte 136: the array ends here" in error, error)


@test
def bad_ids_are_refused_with_their_place():
    write("in.fvecs", fvecs([(1, 2), (3, 4)]))
    for data, words in [(b"a\n", ["1 lines", "2 rows"]), (b"a\nb\nc\n", ["3 lines"]),
                        (b"a\n\n", ["row 2", "id"]), (b'a\n"b\n', ["line 2", "JSON string"]),
                        (b'a\n"b" c\n', ["line 2"]), (b"a\n\xff\n", ["row 2"])]:
        write("ids", data)
        expect_unchanged(1, words, "import", "a.vdb", "in.fvecs", "--ids", "ids")
    write("ids", 'a\r\n"b\\nc"')
    vdbtool("import", "a.vdb", "in.fvecs", "--ids", "ids")
    check(json.loads(vdbtool("list", "a.vdb", "--json")) == ["a", "b\nc"], "two kinds of line")
    write("in.jsonl", '{"id":"a","vector":[1,2]}\n')
    write("in.csv", "id,vector\na,1 2\n")
    for args in [["in.jsonl", "--ids", "ids"], ["in.csv", "--ids", "ids"],
                 ["in.csv", "--id-prefix", "p"], ["in.csv", "--metadata", "m"],
                 ["in.fvecs", "--ids", "ids", "--id-prefix", "p"]]:
        expect_unchanged(2, [args[1]], "import", "a.vdb", *args)


@test
def metadata_that_csv_cannot_hold_are_refused():
    for key in ["_id", "_vector", ""]:
        name = f"a{key}.vdb"
        vdbtool("insert", name, "x", "--vector", "1,2", "--metadata", json.dumps({key: 1}))
        expect_unchanged(1, [f'"{key}"', "jsonl"], "export", name, "out.csv")
    expect_unchanged(1, ["--format"], "export", name, "out.txt")
    expect_unchanged(1, ["--format", "bvecs"], "export", name, "out", "--format", "bvecs")


@test
def rows_before_a_bad_one_stay_and_are_told():
    good = [f"r{i},{i} 1\n" for i in range(30)]
    write("late.csv", "id,vector\n" + "".join(good[:25]) + "bad,1 x\n")
    error = vdbtool("import", "a.vdb", "late.csv", "--batch", 10, status=1)
    check("line 27, byte" in error and "\n20 vectors were stored" in error, error)
    check(vdbtool("count", "a.vdb") == "20\n", "the first two batches")
    done = subprocess.run([TOOL, "import", "b.vdb", "late.csv", "--batch", "5", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    told = json.loads(done.stderr)
    check(done.returncode == 1 and done.stdout == b"" and told["stored"] == 25 and
          "line 27" in told["error"], done)
    write("late.csv", "id,vector\n" + "".join(good))
    told = json.loads(vdbtool("import", "a.vdb", "late.csv", "--json"))
    check((told["imported"], told["already_there"]) == (30, 20), told)
    check(vdbtool("count", "a.vdb") == "30\n", "completed")


def with_small_files(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


@test
def a_full_disk_leaves_no_empty_database():
    write("in.fvecs", fvecs([[i, 0.5] * 100 for i in range(2000)]))
    write("wide.fvecs", fvecs([[1] * 50000]))  # not even one row has room
    failed = 0
    for size in [0, 4096, 8192, 12288, 20000, 40000, 60000, 100000]:
        for args in [["insert", "a.vdb", "x", "--vector", ",".join(["1"] * 20000)],
                     ["import", "a.vdb", "in.fvecs", "--batch", "2000"],
                     ["import", "a.vdb", "wide.fvecs"],
                     ["create", "a.vdb", "--dim", "3"]]:
            done = subprocess.run([TOOL] + args, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False,
                                  preexec_fn=with_small_files(size))
            left = [name for name in os.listdir(".") if name.startswith("a.vdb")]
            stored = b"were stored" in done.stderr or b"closing:" in done.stderr
            if done.returncode and not stored:
                failed += 1
                check(not left, f"{size}: {args[0]}: left {left}: {done.stderr}")
            for name in left:
                os.remove(name)
    check(failed >= 8, f"only {failed} failed")


@test
def full_disk_spares_the_older_files():
    write("in.fvecs", fvecs([(i, 0.1) for i in range(20000)]))
    vdbtool("import", "a.vdb", "in.fvecs")
    for name in ["out.npy", "out.npy.ids", "out.csv"]:
        write(name, "older\n")
    for name in ["out.npy", "out.csv"]:
        expect_unchanged(1, [name], "export", "a.vdb", name, preexec_fn=with_small_files(70000))
    check(not [name for name in os.listdir(".") if ".tmp" in name], "a file is left over")


# ------------------------------------------------------------ JSON, progress


@test
def every_command_speaks_json():
    write("in.csv", "id,vector\na,1 2\n")
    vdbtool("create", "a.vdb", "--dim", 2)
    told = {}
    for args in [["create", "b.vdb", "--dim", 2], ["insert", "a.vdb", 'q"', "--vector", "1,2"],
                 ["get", "a.vdb", 'q"'], ["list", "a.vdb"], ["count", "a.vdb"],
                 ["search", "a.vdb", "1,2"], ["import", "a.vdb", "in.csv"],
                 ["export", "a.vdb", "out.csv"], ["stats", "a.vdb"], ["check", "a.vdb"],
                 ["checkpoint", "a.vdb"], ["delete", "a.vdb", 'q"']]:
        told[args[0]] = json.loads(vdbtool(*args, "--json"))
    check(told["insert"] == {"id": 'q"', "status": "inserted"}, told)
    check(told["delete"] == {"id": 'q"', "status": "deleted"}, told)
    check(told["count"] == 1 and told["check"]["clean"] is True, told)
    for command in [line.split()[0] for line in vdbtool("help").splitlines()[2:]
                    if line.startswith("  ")]:
        if command not in ("shell", "serve"):  # serve is another program
            check("--json" in vdbtool("help", command), f"{command} has no --json")


@test
def errors_are_json_when_asked_for():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    for args, status, word in [
            (["get", "a.vdb", "nobody"], 1, "nobody"), (["get", "no.vdb", "x"], 1, "no.vdb"),
            (["search", "a.vdb", "1,2"], 1, "3"), (["search", "a.vdb"], 2, "missing"),
            (["frobnicate"], 2, "frobnicate"), ([b"fro\xff\xe2\x82"], 2, "fro\ufffd\ufffd\ufffd"), (["get", "a.vdb", "x", "--odd"], 2, "--odd"),
            (["get", "a.vdb", b"\xff\xc3(\xe2\x82"], 1, "UTF-8"), (["get", "a.vdb", 'a"\\'], 1, 'a"\\'),
            (["export", "a.vdb", "a.vdb"], 1, "database itself"),
            (["import", "a.vdb", "missing.csv"], 1, "missing.csv"),
            (["insert", "a.vdb", "y", "--vector", "1,2,3", "--metric", "dot"], 1, "dot")]:
        args = [TOOL] + args + ["--json"]
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        check(done.returncode == status and done.stderr.count(b"\n") == 1, f"{args}: {done}")
        told = json.loads(done.stderr.decode())
        check(list(told) == ["error"] and word in told["error"], f"{args}: {told}")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([TOOL, "list", "a.vdb", "--json"], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    check("standard output" in json.loads(done.stderr)["error"], done.stderr)


@test
def progress_is_shown_on_demand():
    write("in.npy", npy("(3000, 2)", packed([(i, 1) for i in range(3000)])))
    for args, words in [(["import", "a.vdb", "in.npy"], ["3000 vectors, ", "/s, 100 %"]),
                        (["export", "a.vdb", "out.csv"], ["3000 vectors, ", "/s, 100 %"]),
                        (["search", "a.vdb", "--queries", "in.npy", "-k", "1"],
                         ["3000 queries, ", "/s, 100 %"]),
                        (["check", "a.vdb"], ["100 %"])]:
        done = subprocess.run([TOOL] + args + ["--progress"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        error = done.stderr.decode()
        check(done.returncode == 0 and all(word in error for word in words), error)
        check("\r" not in error and "\x1b" not in error, error)
        vdbtool(*args)  # which checks that nothing is on standard error


@test
def options_that_contradict_the_file_are_named():
    vdbtool("create", "a.vdb", "--dim", 3, "--metric", "cosine", "--index", "flat",
            "--codes", "8")
    for option, value, stored in [("--dim", "4", "3"), ("--metric", "dot", "cosine"),
                                  ("--index", "hnsw", "flat"), ("--m", "20", "16"),
                                  ("--ef-construction", "99", "200"), ("--max-layers", "4", "16"),
                                  ("--codes", "none", "8")]:
        expect_unchanged(1, [f"{option} {value}: a.vdb was created with {stored}"], "insert",
                         "a.vdb", "x", "--vector", "1,2,3", option, value)
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3", "--dim", 3, "--metric", "cosine")


@test
def one_bad_page_is_told_once():
    write("in.fvecs", fvecs([(i, 1) for i in range(3000)]))
    vdbtool("import", "a.vdb", "in.fvecs")
    size, told_once = os.path.getsize("a.vdb"), 0
    for page in range(2, size // 4096):
        with open("a.vdb", "r+b") as file:
            file.seek(page * 4096 + 99)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        done = subprocess.run([TOOL, "check", "a.vdb"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        with open("a.vdb", "r+b") as file:
            file.seek(page * 4096 + 99)
            file.write(bytes([byte]))
        if done.returncode == 0:
            continue  # a free page
        lines = done.stdout.decode().splitlines()
        check(1 <= len(lines) <= 12, f"page {page}: {len(lines)} lines: {lines[:5]}")
        check(len(set(lines)) == len(lines) and "checksum" in lines[0], f"page {page}: {lines}")
        places = re.findall(r"checksum does not match \(byte (\d+)\)", "\n".join(lines))
        check(len(places) == len(set(places)), f"page {page}: a place is told twice: {lines}")
        findings = int(done.stderr.split()[-2])
        told_once += findings > len(lines)
        alike = sum(int(line.split("; ")[1].split()[0]) for line in lines if "more like" in line)
        check(alike + len(lines) == findings, f"page {page}: {findings}: {lines}")
    check(told_once >= 3, f"only {told_once} pages were found more than once")
    check("No damage" in vdbtool("check", "a.vdb"), "as it was")


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
