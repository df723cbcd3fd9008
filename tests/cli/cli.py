#!/usr/bin/env python3
"""vdbtool, from outside: usage: cli.py VDBTOOL DOCS_CLI_MD FIRST [TEST...]

Runs the examples of docs/cli.md, bad inputs (status, message, nothing changed), imports
that are killed, and examples/first.c's program.  Ends with "N passed, N failed".
Standard library only.
"""
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

from support import (TOOL, check, expect_unchanged, fingerprint, float32, fvecs, main, test,
                     vdbtool, write)

MANUAL, FIRST = (os.path.abspath(path) for path in sys.argv[2:4])


# ---------------------------------------------------------------- the manual


def manual_examples():
    """(line number, command, expected output, status) of each example."""
    examples, inside = [], False
    with open(MANUAL, encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            if line.startswith("```"):
                inside = line == "```console"
            elif inside and line.startswith("$ "):
                examples.append([number, line[2:], [], 0])
            elif inside and line.startswith("> ") and not examples[-1][2]:
                examples[-1][1] += "\n" + line[2:]
            elif inside and re.fullmatch(r"\[\d+\]", line):
                examples[-1][3] = int(line[1:-1])
            elif inside:
                examples[-1][2].append(line)
    return examples


def as_pattern(lines):
    text = "".join(line + "\n" for line in lines)
    return ".*".join(re.escape(part) for part in text.split("..."))


@test
def manual_is_true():
    os.mkdir("bin")
    os.symlink(TOOL, "bin/vdbtool")
    environment = dict(os.environ, PATH=os.path.abspath("bin") + ":" + os.environ["PATH"])
    examples = manual_examples()
    check(len(examples) > 60, f"only {len(examples)} examples found")
    for number, command, lines, status in examples:
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environment, timeout=60,
                              check=False)
        out = done.stdout.decode()
        check(re.fullmatch(as_pattern(lines), out),
              f"line {number}: {command}\nwant:\n" + "\n".join(lines) + f"\ngot:\n{out}")
        check(done.returncode == status,
              f"line {number}: {command}: status {done.returncode}, want {status}")


@test
def manual_is_complete():
    with open(MANUAL, encoding="utf-8") as file:
        manual = file.read()
    commands = re.findall(r"^  (\w+) ", vdbtool("help"), re.M)
    check(len(commands) >= 12, f"commands in the help: {commands}")
    for command in commands:
        check(re.search(rf"`vdbtool {command} FILE", manual), f"{command} is not there")
        told = vdbtool("help", command)
        check(told == vdbtool(command, "--help") == vdbtool(command, "-h"), command)
        for option in re.findall(r"--[a-z-]+", told):
            check(option in manual, f"{command} {option} is not there")


# ----------------------------------------------------------------- bad input


@test
def bad_usage_is_status_2():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    for args, word in [
            (["frobnicate"], "frobnicate"), (["--frobnicate"], "--frobnicate"),
            (["help", "frobnicate"], "frobnicate"), (["help", "get", "list"], "list"),
            (["get", "a.vdb"], "missing"), (["get"], "missing"),
            (["get", "a.vdb", "x", "surplus"], "surplus"),
            (["list", "a.vdb", "surplus"], "surplus"),
            (["list", "a.vdb", "-5"], "-5"),
            (["get", "a.vdb", "x", "--vector", "1"], "--vector"),
            (["get", "a.vdb", "x", "-z"], "-z"),
            (["get", "a.vdb", "x", "--json=yes"], "--json"),
            (["count", "a.vdb", "-k", "5"], "-k"),
            (["insert", "a.vdb", "x"], "--vector"),
            (["insert", "a.vdb", "x", "--vector"], "--vector"),
            (["search", "a.vdb", "1,2,3", "-k"], "-k"),
            (["search", "a.vdb"], "missing"),
            (["search", "a.vdb", "1,2,3", "--queries", "q.fvecs"], "1,2,3"),
            (["search", "a.vdb", "1,2,3", "--format", "fvecs"], "--format"),
            (["search", "a.vdb", "1,2,3", "--delimiter", ";"], "--queries"),
            (["search", "a.vdb", "1,2,3", "--like", "x"], "1,2,3"),
            (["search", "a.vdb", "--queries", "q.csv", "--like", "x"], "--like"),
            (["create", "b.vdb"], "--dim"), (["import", "a.vdb"], "missing"),
            (["export", "a.vdb"], "missing"), (["check"], "missing")]:
        expect_unchanged(2, [word], *args)
    done = subprocess.run([TOOL], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    check(done.returncode == 2 and done.stdout == b"" and b"Usage" in done.stderr,
          "no arguments")


BAD_VECTORS = [("", "empty"), (" ", "empty"), (",", "value 1"), ("1,,3", "value 2"),
               ("1,2,", "value 3"), ("1,abc,3", "abc"), ("1,2 3,4", "2 3"),
               ("nan,2,3", "nan"), ("-nan", "-nan"), ("1,inf,3", "inf"),
               ("-Infinity,2,3", "-Infinity"), ("1,2,1e39", "1e39"),
               ("-1e39,2,3", "-1e39"), ("0x10,2,3", "0x10"), ("1e,2,3", "1e"),
               (".,2,3", "value 1"), ("--,1", "--"),
               ("[1,2", "[1"), ("1,2]", "2]"), ("[]", "empty"), ("[[1,2]]", "[1"), ("1;2;3", "1;2;3"),
               ("@missing.txt", "missing.txt"), ("@.", "."), ("@nul.txt", "NUL")]


@test
def bad_vectors_are_named():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    write("nul.txt", b"1,2\0,3")
    for value, word in BAD_VECTORS:
        expect_unchanged(1, [word], "insert", "a.vdb", "y", "--vector", value)
        expect_unchanged(1, [word], "insert", "new.vdb", "y", "--vector", value)
        expect_unchanged(1, [word], "search", "a.vdb", "--", value)
    expect_unchanged(1, ["3", "2"], "insert", "a.vdb", "y", "--vector", "1,2")
    expect_unchanged(1, ["3", "4"], "search", "a.vdb", "1,2,3,4")
    expect_unchanged(1, ["65"], "insert", "new.vdb", "y", "--vector", "-",
                     stdin=b",".join([b"1"] * 65536))
    vdbtool("create", "c.vdb", "--dim", 2, "--metric", "cosine")
    expect_unchanged(1, ["zero"], "insert", "c.vdb", "y", "--vector", "0,0")


@test
def bad_ids_are_refused():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    for file in ["a.vdb", "new.vdb"]:
        expect_unchanged(1, ["id"], "insert", file, "", "--vector", "1,2,3")
        expect_unchanged(1, ["id"], "insert", file, "i" * 1025, "--vector", "1,2,3")
        expect_unchanged(1, ["id"], "insert", file, b"\xff\xfe", "--vector", "1,2,3")
    expect_unchanged(1, ["nobody"], "get", "a.vdb", "nobody")
    expect_unchanged(1, ["nobody"], "delete", "a.vdb", "nobody")
    vdbtool("insert", "a.vdb", "i" * 1024, "--vector", "1,2,3")


@test
def bad_metadata_are_refused():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    deep = "[" * 40 + "]" * 40
    write("nul.json", b'{"a": 1}\0{}')
    for text in ["[1]", "1", "null", "", "{", '{"a":1,"a":2}', '{"a":1} x', "{'a':1}",
                 f'{{"a":{deep}}}', "@missing.json", "@nul.json"]:
        for file in ["a.vdb", "new.vdb"]:
            expect_unchanged(1, [], "insert", file, "y", "--vector", "1,2,3",
                             "--metadata", text)
    large = b'{"a": "' + b"x" * 1048576 + b'"}'
    expect_unchanged(1, ["metadata"], "insert", "a.vdb", "y", "--vector", "1,2,3",
                     "--metadata", "-", stdin=large)


@test
def bad_numbers_are_named():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    for value in ["0", "-1", "1.5", "1e3", "abc", "", " 5", "0x5", "1000001",
                  "99999999999999999999999"]:
        expect_unchanged(1, ["k:", f'"{value}"'], "search", "a.vdb", "1,2,3", "-k", value)
    for option in ["--dim", "--m", "--ef-construction", "--max-layers"]:
        for value in ["0", "abc", "70000"]:
            args = ["--dim", "3", option, value] if option != "--dim" else [option, value]
            expect_unchanged(1, [option, value], "create", "new.vdb", *args)
    for option in ["--metric", "--index", "--codes", "--durability"]:
        expect_unchanged(1, [option, "odd"], "create", "new.vdb", "--dim", 3, option, "odd")
    expect_unchanged(1, ["--limit", "-1"], "list", "a.vdb", "--limit", "-1")
    expect_unchanged(1, ["--ef"], "search", "a.vdb", "1,2,3", "--ef", "0")
    for share in ("0", "1.5", "-1", "most"):
        expect_unchanged(1, ["--recall-target"], "search", "a.vdb", "1,2,3", "--recall-target", share)
    write("d.fvecs", fvecs([(1, 2, 3)]))
    expect_unchanged(1, ["--batch"], "import", "a.vdb", "d.fvecs", "--batch", "0")
    expect_unchanged(1, ["--format"], "import", "a.vdb", "d.fvecs", "--format", "tsv")


@test
def bad_filters_are_refused():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    levels = b'{"op":"not","filter":' * 1000000 + b"1" + b"}" * 1000000
    for text in ["", "x", "[]", '{"op":"like","field":"a","value":1}', '{"op":"eq"}',
                 '{"op":"not"}', "@missing.json"]:
        for args in [["count", "a.vdb"], ["search", "a.vdb", "1,2,3"],
                     ["export", "a.vdb", "out.jsonl"]]:
            expect_unchanged(1, [], *args, "--filter", text)
    expect_unchanged(1, [], "search", "a.vdb", "1,2,3", "--filter", "-", stdin=levels)


@test
def bad_files_are_refused():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    write("foreign.vdb", b"This is a letter.\n" * 1000)
    os.mkdir("folder")
    write("in.jsonl", '{"id": "a", "vector": [1, 2, 3]}\n')
    for path in ["folder", "foreign.vdb", "", ":memory:", "no/such/folder.vdb"]:
        for args in [["get", path, "x"], ["list", path], ["count", path],
                     ["search", path, "1,2,3"], ["stats", path], ["check", path],
                     ["checkpoint", path], ["delete", path, "x"],
                     ["insert", path, "x", "--vector", "1,2,3"],
                     ["import", path, "in.jsonl"], ["export", path, "out.jsonl"]]:
            expect_unchanged(1, [], *args)
    expect_unchanged(1, ["missing.vdb"], "delete", "missing.vdb", "x")
    expect_unchanged(1, ["database itself"], "export", "a.vdb", "a.vdb")
    os.symlink("a.vdb", "link.jsonl")
    expect_unchanged(1, ["database itself"], "export", "a.vdb", "link.jsonl")
    expect_unchanged(1, ["no/such"], "export", "a.vdb", "no/such/out.jsonl")
    expect_unchanged(1, [], "insert", "a.vdb", "y", "--vector", "1,2,3", "--dim", "4")
    expect_unchanged(1, [], "insert", "a.vdb", "y", "--vector", "1,2,3", "--metric", "dot")
    check(vdbtool("count", "a.vdb") == "1\n", "it is as it was")


@test
def without_log_reads_beside_a_damaged_meta_page():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    vdbtool("insert", "a.vdb", "y", "--vector", "1,2,3")
    check(vdbtool("count", "a.vdb", "--without-log") == "2\n", "it is all there")
    with open("a.vdb", "r+b") as file:  # generation g stands at page (g - 1) mod 2
        pages = [file.read(4096), file.read(4096)]
        newest = max((0, 1), key=lambda i: int.from_bytes(pages[i][32:40], "little"))
        file.seek(newest * 4096 + 60)
        file.write(bytes([pages[newest][60] ^ 0x10]))
    expect_unchanged(1, ["meta page %d" % newest], "count", "a.vdb")
    expect_unchanged(1, ["meta page %d" % newest], "insert", "a.vdb", "z", "--vector",
                     "1,2,3")
    # The older meta page is one commit behind.
    check(vdbtool("count", "a.vdb", "--without-log") == "1\n", "the older state is read")
    check("-m N" not in vdbtool("help", "create").replace("--m N", ""), "it is --m")


@test
def permission_is_needed():
    if os.geteuid() == 0:
        return  # root may do everything
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    os.chmod("a.vdb", 0)
    expect_status_1 = vdbtool("list", "a.vdb", status=1)
    check("a.vdb" in expect_status_1, expect_status_1)


@test
def bad_data_are_refused_with_their_place():
    good = fvecs([(1, 2), (3, 4), (5, 6)])
    write("good.fvecs", good)
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2")
    for name, data, words in [
            ("empty.fvecs", b"", ["no vectors"]),
            ("head.fvecs", good[:2], ["row 1 at byte 0", "truncated"]),
            ("cut.fvecs", good[:-1], ["row 3 at byte 24", "truncated"]),
            ("cut2.fvecs", good[:26], ["row 3 at byte 24", "truncated"]),
            ("ragged.fvecs", good + fvecs([(1, 2, 3), (1,)]), ["row 4 at byte 36"]),
            ("zero.fvecs", struct.pack("<i", 0), ["row 1 at byte 0", "dimension 0"]),
            ("minus.fvecs", struct.pack("<i", -1), ["dimension -1"]),
            ("huge.fvecs", struct.pack("<i", 65536), ["dimension 65536"]),
            ("nan.fvecs", fvecs([(1, 2), (3, math.nan)]), ["row 2"]),
            ("inf.fvecs", fvecs([(1, 2), (3, 4), (math.inf, 2)]), ["row 3"]),
            ("cut.bvecs", struct.pack("<i3B", 3, 1, 2, 3) + b"\3\0\0", ["row 2 at byte 7"]),
            ("not.jsonl", "[1]\n", ["line 1", "an array"]),
            ("text.jsonl", '{"id":"a","vector":[1,2]}\nhello\n', ["line 2"]),
            ("half.jsonl", '{"id":"a","vector":[1,2]}\n{"id":"b","vec', ["line 2"]),
            ("id.jsonl", '{"vector":[1,2]}\n', ["line 1", '"id"']),
            ("id2.jsonl", '{"id":7,"vector":[1,2]}\n', ["line 1", '"id"', "integer"]),
            ("vec.jsonl", '{"id":"a"}\n', ["line 1", '"vector"']),
            ("vec2.jsonl", '{"id":"a","vector":"1,2"}\n', ['"vector"', "a string"]),
            ("vec3.jsonl", '{"id":"a","vector":[]}\n', ['"vector"', "empty"]),
            ("vec4.jsonl", '{"id":"a","vector":[1,null]}\n', ["value 2", "null"]),
            ("vec5.jsonl", '{"id":"a","vector":[1,1e39]}\n', ["value 2", "1e+39"]),
            ("dup.jsonl", '{"id":"a","id":"b","vector":[1,2]}\n', ["line 1"]),
            ("ragged.jsonl", '{"id":"a","vector":[1,2]}\n\n{"id":"b","vector":[1]}\n',
             ["line 3", "1 values"]),
            ("meta.jsonl", '{"id":"a","vector":[1,2],"metadata":[]}\n', ['"metadata"']),
            ("meta2.jsonl", '{"id":"a","vector":[1,2]}\n{"id":"b","vector":[1,2],'
             '"metadata":{"a":' + "[" * 40 + "]" * 40 + '}}\n', ["line 2"]),
            ("empty-id.jsonl", '{"id":"a","vector":[1,2]}\n{"id":"","vector":[1,2]}\n',
             ["line 2", "id"]),
            ("long.jsonl", b"x" * (17 << 20), ["line 1", "longer"]),
            ("data.tsv", "1,2\n", ["data.tsv", "--format"])]:
        write(name, data)
        for file in ["a.vdb", "new.vdb"]:
            expect_unchanged(1, words, "import", file, name)
        os.remove(name)
    write("cut.fvecs", good[:-1])
    expect_unchanged(1, ["row 3 at byte 24"], "import", "a.vdb", "cut.fvecs", "--batch", 1)
    expect_unchanged(1, ["row 3 at byte 24"], "search", "a.vdb", "--queries", "cut.fvecs")
    write("meta.jsonl", "{}\n" * 2)
    expect_unchanged(1, ["2 lines", "3 rows"], "import", "a.vdb", "good.fvecs", "--metadata",
                     "meta.jsonl", "--batch", 1)
    expect_unchanged(1, ["missing.fvecs"], "import", "a.vdb", "missing.fvecs")
    os.mkdir("folder.fvecs")
    expect_unchanged(1, ["folder.fvecs"], "import", "a.vdb", "folder.fvecs")
    for lines, words in [("{}\n", ["1 lines", "3 rows"]), ("{}\n" * 4, ["4 lines"]),
                         ("{}\n[]\n{}\n", ["row 2"])]:
        write("meta.jsonl", lines)
        for file in ["a.vdb", "new.vdb"]:
            expect_unchanged(1, words, "import", file, "good.fvecs", "--metadata",
                             "meta.jsonl")
    expect_unchanged(1, ["row 1"], "import", "a.vdb", "good.fvecs", "--id-prefix",
                     "p" * 1024)
    write("three.fvecs", fvecs([(1, 2, 3)]))
    expect_unchanged(1, ["2", "3"], "import", "a.vdb", "three.fvecs")
    expect_unchanged(1, ["2", "3"], "search", "a.vdb", "--queries", "three.fvecs")
    write("in.jsonl", '{"id":"a","vector":[1,2]}\n')
    expect_unchanged(2, ["--metadata"], "import", "a.vdb", "in.jsonl", "--metadata", "m")


@test
def rows_before_a_bad_one_stay():
    write("late.fvecs", fvecs([(i, 1) for i in range(25)] + [(math.nan, 1)]))
    error = vdbtool("import", "a.vdb", "late.fvecs", "--batch", 10, status=1)
    check("row 26" in error and "20 vectors" in error, error)
    check(vdbtool("count", "a.vdb") == "20\n", "the first two batches")


@test
def output_that_cannot_be_written_is_an_error():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2,3")
    for args in [["list", "a.vdb"], ["get", "a.vdb", "x"], ["search", "a.vdb", "1,2,3"],
                 ["count", "a.vdb"], ["stats", "a.vdb"], ["check", "a.vdb"], ["help"],
                 ["export", "a.vdb", "-"], ["--version"]]:
        with open("/dev/full", "wb") as full:
            vdbtool(*args, status=1, stdout=full)
        read_end, write_end = os.pipe()
        os.close(read_end)
        vdbtool(*args, status=1, stdout=write_end)
        os.close(write_end)
        vdbtool(*args, status=1, stdout=None, preexec_fn=lambda: os.close(1))
    vdbtool("export", "a.vdb", "/dev/full", status=1)
    before = fingerprint()
    for closed in [[2], [1, 2], [0, 1, 2]]:
        # A file of ours must not get the number of a stream, and then its messages.
        done = subprocess.run([TOOL, "insert", "a.vdb", "y", "--vector", "1,2"], check=False,
                              preexec_fn=lambda fds=closed: [os.close(fd) for fd in fds])
        check(done.returncode == 1, f"{closed} closed: status {done.returncode}")
        check(fingerprint() == before, f"{closed} closed: the file has changed")


@test
def full_disk_spares_the_older_export():
    write("in.fvecs", fvecs([(i, 0.1) for i in range(20000)]))
    vdbtool("import", "a.vdb", "in.fvecs")
    write("out.jsonl", "older\n")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
    expect_unchanged(1, ["out.jsonl"], "export", "a.vdb", "out.jsonl", preexec_fn=limit)
    check(not [name for name in os.listdir(".") if ".tmp" in name], "a file is left over")


# --------------------------------------------------------------- round trips


@test
def negative_operands_need_no_dashes():
    vdbtool("insert", "a.vdb", "-7", "--vector", "-1,-2,-3")
    check(vdbtool("search", "a.vdb", "-1,-2,-3", "-k1") ==
          vdbtool("search", "a.vdb", "-k", "1", "--", "-1,-2,-3") ==
          vdbtool("search", "-k", 1, "a.vdb", "-1,-2,-3") ==
          "Top 1 results:\n1. -7 (distance: 0.0000)\n", "search")
    vdbtool("insert", "a.vdb", "--vector=-.5,+1.,2E0", "--", "--odd")
    got = json.loads(vdbtool("get", "a.vdb", "--json", "--", "--odd"))
    check(got["vector"] == [-0.5, 1, 2], got)
    vdbtool("delete", "a.vdb", "-7")
    vdbtool("insert", "a.vdb", "b", "--vector", " [4, 5,6]\n")
    check(json.loads(vdbtool("get", "a.vdb", "b", "--json"))["vector"] == [4, 5, 6], "brackets")


@test
def odd_ids_are_kept():
    ids = ['"', "\\", "a b", "é", "\U0001f600", "x\ny", "\x1b[2J", "\x7f", "batch", "a/b",
           "%41", "@file", "-0"]
    for i, name in enumerate(ids):
        vdbtool("insert", "a.vdb", "--vector", f"{i},1", "--", name)
    wanted = sorted(ids, key=lambda name: name.encode())
    check(json.loads(vdbtool("list", "a.vdb", "--json")) == wanted, "list --json")
    text = vdbtool("list", "a.vdb")
    check("\x1b" not in text and "x\\x0ay" in text, text)
    check(len(text.split("\n")) == len(ids) + 2, "one line per id")
    for i, name in enumerate(ids):
        got = json.loads(vdbtool("get", "a.vdb", "--json", "--", name))
        check((got["id"], got["vector"]) == (name, [i, 1]), got)
    vdbtool("export", "a.vdb", "out.jsonl")
    vdbtool("import", "b.vdb", "out.jsonl")
    check(json.loads(vdbtool("list", "b.vdb", "--json")) == wanted, "the copy")


@test
def paging_lists_every_id_once():
    write("in.fvecs", fvecs([(i, 1) for i in range(57)]))
    vdbtool("import", "a.vdb", "in.fvecs", "--id-prefix", "row-")
    vdbtool("insert", "a.vdb", "other", "--vector", "1,2")
    found, after = [], []
    while True:
        page = json.loads(vdbtool("list", "a.vdb", "--prefix", "row-", "--limit", 10, "--json",
                                  *after))
        if not page:
            break
        check(len(page) <= 10, page)
        found += page
        after = ["--after", page[-1]]
    check(found == sorted(f"row-{i}" for i in range(57)), found)
    check("(58 total, 57 shown)" in vdbtool("list", "a.vdb", "--prefix", "row-"), "head")


def random_floats(generator, count):
    found = []
    while len(found) < count:
        value = struct.unpack("<f", struct.pack("<I", generator.getrandbits(32)))[0]
        if math.isfinite(value):
            found.append(value)
    return found


@test
def floats_read_back_exactly_and_are_short():
    generator = random.Random(1)
    special = [0.0, -0.0, 1e-45, -1e-45, 1.17549435e-38, 3.4028235e38, -3.4028235e38, 0.1,
               16777216, 16777217, 99999, 100000, 123456.7, 1 / 3, 0.3, 5e-324]
    values = [float32(v) for v in special] + random_floats(generator, 1984)
    values += [float32(generator.uniform(-1, 1)) for _ in range(500)]
    values += [float32(round(generator.uniform(-9, 9), 3)) for _ in range(500)]
    rows = [values[i:i + 100] for i in range(0, len(values), 100)]
    write("in.fvecs", fvecs(rows))
    vdbtool("import", "a.vdb", "in.fvecs")
    for i, row in enumerate(rows):
        line = vdbtool("get", "a.vdb", i, "--json")
        texts = re.search(r'"vector":\[(.*)\]', line).group(1).split(",")
        for value, text in zip(row, texts):
            same = struct.pack("<f", float(text)) == struct.pack("<f", value)
            check(same, f"{value!r} became {text}")
            digits = re.sub(r"e.*|[-.]", "", text).strip("0")
            for fewer in range(1, len(digits)):
                check(float32(float(f"{value:.{fewer}g}")) != value,
                      f"{text} is not the shortest for {value!r}")
    vdbtool("export", "a.vdb", "out.jsonl")
    vdbtool("import", "b.vdb", "out.jsonl")
    check(vdbtool("export", "b.vdb", "-").encode() == open("out.jsonl", "rb").read(), "copy")


@test
def metadata_are_kept_byte_for_byte():
    texts = ['{}', '{ "a" : 1.50 , "b":[1, {"c":"}\\"]"}] }', '{"metadata":{"id":"x"}}',
             '{"a":"\\u00e9\\\\"}', '{"n":12345678901234567, "e":1e5,"z":-0}', '{"ü":"ß"}']
    lines = [f'{{"id":"{i}", "vector":[{i},1] , "metadata" : {text} , "other":[]}}'
             for i, text in enumerate(texts)]
    lines += ['{"metadata":{"first":1},"vector":[9,1],"id":"first"}',
              '{"vector":[9,1],"id":"x","x":{"metadata":{"no":1}},"metadata":null}',
              '{"x":{"metadata":{"no":1}},"vector":[9,1],"id":"y","metadata":{"yes":1}}',
              '{"meta\\u0064ata":{"a":1},"vector":[9,1],"id":"escaped"}']
    write("in.jsonl", "\n".join(lines))
    vdbtool("import", "a.vdb", "in.jsonl")
    for i, text in enumerate(texts):
        check(vdbtool("get", "a.vdb", i, "--json").endswith(f',"metadata":{text}}}\n'), text)
    check('"metadata":{"first":1}}' in vdbtool("get", "a.vdb", "first", "--json"), "first")
    check("metadata" not in vdbtool("get", "a.vdb", "x", "--json"), "null")
    check('"metadata":{"yes":1}}' in vdbtool("get", "a.vdb", "y", "--json"), "nested")
    got = json.loads(vdbtool("get", "a.vdb", "escaped", "--json"))
    check(got["metadata"] == {"a": 1}, got)
    write("rows.fvecs", fvecs([(i, 2) for i in range(len(texts))]))
    write("meta.jsonl", "\n".join(texts))
    vdbtool("import", "b.vdb", "rows.fvecs", "--metadata", "meta.jsonl")
    for i, text in enumerate(texts):
        check(vdbtool("get", "b.vdb", i, "--json").endswith(f',"metadata":{text}}}\n'), text)
    vdbtool("insert", "c.vdb", "x", "--vector", "1", "--metadata", '{\n "a": 1\r\n}')
    check(vdbtool("export", "c.vdb", "-").count("\n") == 1, "one line")


@test
def formats_agree():
    generator = random.Random(2)
    rows = [[generator.randrange(256) for _ in range(7)] for _ in range(300)]
    write("a.fvecs", fvecs(rows))
    write("b.bvecs", b"".join(struct.pack("<i7B", 7, *row) for row in rows))
    write("c.jsonl", "".join(json.dumps({"id": str(i), "vector": row}) + "\n"
                             for i, row in enumerate(rows)))
    for name, batch in [("a.fvecs", 1000), ("b.bvecs", 7), ("c.jsonl", 1)]:
        out = vdbtool("import", name + ".vdb", name, "--batch", batch, "--durability", "off")
        check(out.startswith("Imported 300 vectors in "), out)
    want = vdbtool("export", "a.fvecs.vdb", "-")
    check(want == vdbtool("export", "b.bvecs.vdb", "-"), "bvecs")
    check(want == vdbtool("export", "c.jsonl.vdb", "-"), "jsonl")
    shutil.copy("a.fvecs", "rows")
    check("--format" in vdbtool("import", "d.vdb", "rows", status=1), "no format")
    vdbtool("import", "d.vdb", "rows", "--format", "fvecs")
    check(want == vdbtool("export", "d.vdb", "-"), "--format")
    with open("a.fvecs", "rb") as file:
        vdbtool("import", "e.vdb", "/dev/stdin", "--format", "fvecs", stdin=file.read())
    check(want == vdbtool("export", "e.vdb", "-"), "a pipe")


@test
def import_replaces_what_differs():
    write("one.fvecs", fvecs([(i, 1) for i in range(50)]))
    write("two.fvecs", fvecs([(i, 2 if i % 3 else 1) for i in range(50)]))
    vdbtool("import", "a.vdb", "one.fvecs")
    check("there already" not in vdbtool("import", "b.vdb", "two.fvecs"), "new")
    vdbtool("import", "a.vdb", "two.fvecs", "--batch", 4)
    check(vdbtool("export", "a.vdb", "-") == vdbtool("export", "b.vdb", "-"), "replaced")
    lines = ['{"id":"a","vector":[1]}', '{"id":"b","vector":[5]}', '{"id":"a","vector":[2]}']
    write("twice.jsonl", "\n".join(lines))
    for batch in [1, 1000, 1, 2]:
        vdbtool("import", "c.vdb", "twice.jsonl", "--batch", batch)
        got = json.loads(vdbtool("get", "c.vdb", "a", "--json"))
        check(got["vector"] == [2], f"the later of two rows stays: {got}")


@test
def creation_options_are_kept():
    write("in.fvecs", fvecs([(3, 4), (6, 8)]))
    for metric, distance in [("l2", 5), ("cosine", 0), ("dot", -50)]:
        name = metric + ".vdb"
        vdbtool("import", name, "in.fvecs", "--metric", metric, "--index", "flat", "--m", 20,
                "--ef-construction", 100, "--max-layers", 8, "--codes", "none", "--no-wait")
        got = json.loads(vdbtool("stats", name, "--json"))
        check((got["metric"], got["index"], got["dimension"], got["m"],
               got["ef_construction"], got["max_layers"], got["codes"]) ==
              (metric, "flat", 2, 20, 100, 8, "none"), got)
        found = {item["id"]: item["distance"] for item in
                 json.loads(vdbtool("search", name, "6,8", "--json"))}
        check(abs(found["0"] - distance) < 1e-6, found)
    vdbtool("insert", "new.vdb", "x", "--vector", "1,2", "--metric", "dot")
    check(json.loads(vdbtool("stats", "new.vdb", "--json"))["metric"] == "dot", "insert")
    expect_unchanged(1, [], "insert", "other.vdb", "x", "--vector", "1,2", "--dim", 3)


@test
def search_agrees_with_a_search_in_python():
    generator = random.Random(3)
    rows = [[generator.randrange(-20, 20) for _ in range(5)] for _ in range(400)]
    write("in.fvecs", fvecs(rows))
    write("meta.jsonl", "".join(f'{{"group": {i % 7}}}\n' for i in range(400)))
    queries = [[generator.randrange(-20, 20) for _ in range(5)] for _ in range(600)]
    write("q.fvecs", fvecs(queries))
    vdbtool("import", "a.vdb", "in.fvecs", "--metadata", "meta.jsonl")
    group_3 = '{"op": "eq", "field": "group", "value": 3}'
    for more, kept in [([], range(400)), (["--filter", group_3], range(3, 400, 7))]:
        lines = vdbtool("search", "a.vdb", "--queries", "q.fvecs", "-k", 9, "--json",
                        *more).splitlines()
        check(len(lines) == 600, f"{len(lines)} lines")
        for query, line in zip(queries, lines):
            want = sorted((sum((a - b) ** 2 for a, b in zip(query, rows[i])), str(i))
                          for i in kept)[:9]
            got = [(item["id"], item["distance"]) for item in json.loads(line)]
            check([name for name, _ in got] == [name for _, name in want], line)
            check(all(d == float32(math.sqrt(square)) or abs(d - math.sqrt(square)) < 1e-5
                      for (_, d), (square, _) in zip(got, want)), line)
    check(vdbtool("count", "a.vdb", "--filter", "-", stdin=group_3.encode()) == "57\n", "-")
    check(len(json.loads(vdbtool("search", "a.vdb", "1,2,3,4,5", "-k", 1000000, "--json")))
          == 400, "k beyond the vectors")


@test
def a_second_process_is_told_so():
    write("in.jsonl", '{"id": "a", "vector": [1, 2]}\n')
    vdbtool("import", "a.vdb", "in.jsonl")
    os.mkfifo("pipe")
    with subprocess.Popen([TOOL, "import", "a.vdb", "pipe", "--format", "jsonl", "--batch",
                           "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        with open("pipe", "wb") as pipe:
            pipe.write(b'{"id": "b", "vector": [1, 2]}\n')
            pipe.flush()
            # Its log says that it has the database: asking might take it away from it.
            deadline = time.time() + 30
            while time.time() < deadline and not any(
                    os.path.getsize(log) for log in ("a.vdb-wal1", "a.vdb-wal2")):
                time.sleep(0.01)
            error = vdbtool("count", "a.vdb", status=1)
            check("in use by another process" in error, error)
            error = vdbtool("insert", "a.vdb", "c", "--vector", "1,2", status=1)
            check("in use by another process" in error, error)
        writer.communicate(timeout=30)
        check(writer.returncode == 0, "the import goes on")
    check(vdbtool("count", "a.vdb") == "2\n", "the import has ended")


@test
def readers_run_beside_each_other():
    vdbtool("insert", "a.vdb", "a", "--vector", "1,2")
    os.mkfifo("pipe")
    with subprocess.Popen([TOOL, "export", "a.vdb", "pipe"], stdout=subprocess.PIPE) as one:
        check(vdbtool("count", "a.vdb") == "1\n", "count beside export")
        with open("pipe", "rb") as pipe:
            check(pipe.read() == b'{"id":"a","vector":[1,2]}\n', "export")
        one.communicate(timeout=30)


# ------------------------------------------------------- full disks and kills


@test
def an_import_onto_a_full_disk_is_completed():
    rows = [[i, 0.5] * 100 for i in range(4000)]
    write("in.fvecs", fvecs(rows))
    vdbtool("insert", "a.vdb", "x", "--vector", ",".join(["1"] * 200))

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000))
    error = vdbtool("import", "a.vdb", "in.fvecs", "--batch", "50", status=1,
                    preexec_fn=limit)
    check("row" in error and "in.fvecs" in error, error)
    check("No damage" in vdbtool("check", "a.vdb"), "checked")
    stored = int(vdbtool("count", "a.vdb")) - 1
    check(f"{stored} vectors were stored" in error or stored == 0, f"{stored}: {error}")
    check(stored < 4000, "the disk was not full")
    vdbtool("import", "a.vdb", "in.fvecs")
    check(vdbtool("count", "a.vdb") == "4001\n", "completed")


@test
def a_killed_import_is_completed():
    generator = random.Random(4)
    rows = [[generator.random() for _ in range(64)] for _ in range(4000)]
    write("in.fvecs", fvecs(rows))
    write("meta.jsonl", "".join(f'{{"row": {i}}}\n' for i in range(4000)))
    command = ["import", "k.vdb", "in.fvecs", "--metadata", "meta.jsonl", "--batch", "5"]
    began = time.time()
    vdbtool("import", "whole.vdb", *command[2:])
    took = time.time() - began
    whole = vdbtool("export", "whole.vdb", "-")
    partial = 0
    for attempt in range(12):
        for name in os.listdir("."):
            if name.startswith("k.vdb"):
                os.remove(name)
        with subprocess.Popen([TOOL] + command, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(took * (attempt + 0.5) / 12)
            process.kill()
        if os.path.exists("k.vdb"):
            stored = survivors(whole)
            partial += 0 < stored < 4000
        out = vdbtool(*command)
        check(out.startswith("Imported 4000 vectors"), out)
        check(vdbtool("export", "k.vdb", "-") == whole, "completed")
        check("No damage" in vdbtool("check", "k.vdb"), "checked")
    check(partial >= 3, f"only {partial} imports were killed half way")


def survivors(whole):
    """What a killed import left must be its first batches; how many rows."""
    done = subprocess.run([TOOL, "export", "k.vdb", "-"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode and b"no database" in done.stderr:
        return 0  # killed while it was created
    check(done.returncode == 0, done.stderr.decode())
    check("No damage" in vdbtool("check", "k.vdb"), "after the kill")
    lines = done.stdout.decode().splitlines()
    numbers = sorted(int(json.loads(line)["id"]) for line in lines)
    check(numbers == list(range(len(numbers))), "there is a gap")
    check(len(numbers) % 5 == 0, f"half a batch: {len(numbers)}")
    check(set(lines) <= set(whole.splitlines()), "a row has changed")
    return len(numbers)


@test
def acknowledged_batches_survive_a_kill():
    """Rows go in through a pipe, a batch each; a batch is known to be stored when the
    pipe, held nearly full, has room for rows well behind it."""
    os.mkfifo("pipe")
    line = '{{"id":"{:06d}","vector":[1,2],"metadata":{{"p":"' + "x" * 4000 + '"}}}}\n'
    with subprocess.Popen([TOOL, "import", "a.vdb", "pipe", "--format", "jsonl", "--batch",
                           "1"], stdout=subprocess.DEVNULL) as process:
        with open("pipe", "wb", buffering=0) as pipe:
            for i in range(300):
                pipe.write(line.format(i).encode())
            process.kill()
            process.wait()
    # At most the pipe (64 KiB), a reader's buffer of as much, and one row are not stored.
    slack = 40
    stored = int(vdbtool("count", "a.vdb"))
    check(300 - slack <= stored <= 300, f"{stored} of 300")
    check(json.loads(vdbtool("list", "a.vdb", "--json")) ==
          [f"{i:06d}" for i in range(stored)], "the first ones")
    check("No damage" in vdbtool("check", "a.vdb"), "checked")


@test
def first_program_works():
    for _ in range(2):
        done = subprocess.run([FIRST], stdout=subprocess.PIPE, timeout=60, check=True)
        check(done.stdout == b"apple 1.0000\nbrick 11.1803\n", done.stdout)
    check(vdbtool("list", "first.vdb") ==
          "Vector IDs (2 total):\n  - apple\n  - brick\n", "the file that it left")


if __name__ == "__main__":
    sys.exit(main(sys.argv[4:]))
