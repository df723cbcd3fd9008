#!/usr/bin/env python3
"""What there is beyond the nine endpoints: extras.py VDB_HTTPD [TEST...]"""
import base64
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

from support import PROGRAM, Server, expect, run, split_answers


def b64(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def fill(s, count=50):
    items = [{"id": f"v{i:02}", "vector": [i, 1], "metadata": {"n": i, "even": i % 2 == 0}}
             for i in range(count)]
    expect("filled", s.post("/vectors/batch", {"vectors": items}).status, 201)


def paging():
    with Server() as s:
        fill(s)
        names = [f"v{i:02}" for i in range(50)]
        expect("limit", s.get("/vectors?limit=7").json(), names[:7])
        seen, after = [], ""
        for _ in range(20):
            page = s.get(f"/vectors?limit=7{after}").json()
            if not page:
                break
            seen += page
            after = f"&after={page[-1]}"
        expect("all pages", seen, names)
        expect("prefix", s.get("/vectors?prefix=v1").json(), names[10:20])
        expect("prefix and after", s.get("/vectors?prefix=v1&after=v17").json(),
               names[18:20])
        expect("prefix and limit", s.get("/vectors?prefix=v1&limit=2").json(), names[10:12])
        expect("prefix of nobody", s.get("/vectors?prefix=w").json(), [])
        expect("after the last", s.get("/vectors?after=zz").json(), [])
        s.post("/vectors", {"id": "ä b&c", "vector": [1, 1]})
        expect("an encoded argument", s.get("/vectors?prefix=%C3%A4+b%26").json(), ["ä b&c"])


def one_record():
    with Server() as s:
        expect("PUT", s.ask("PUT", "/vectors/a%2Fb", {"vector": [1, 2],
                                                      "metadata": {"x": 1}}).pair(),
               (200, {"id": "a/b", "status": "inserted"}))
        expect("PUT replaces", s.ask("PUT", "/vectors/a%2Fb", {"vector": [3, 4]}).status, 200)
        expect("PUT replaced", s.get("/vectors/a%2Fb").json(),
               {"id": "a/b", "dimension": 2, "vector": [3, 4]})
        expect("PUT with its id", s.ask("PUT", "/vectors/a", {"id": "a",
                                                              "vector": [3, 4]}).status, 200)
        expect("PUT with another id", s.ask("PUT", "/vectors/a", {
            "id": "b", "vector": [3, 4]}).status, 400)
        only_new = {"If-None-Match": "*"}
        expect("PUT of a new one only", s.ask("PUT", "/vectors/a", {"vector": [5, 6]},
                                              only_new).status, 412)
        expect("and it is as it was", s.get("/vectors/a").json()["vector"], [3, 4])
        expect("PUT of a new one", s.ask("PUT", "/vectors/n", {"vector": [5, 6]},
                                         only_new).status, 200)
        expect("PUT, dimension", s.ask("PUT", "/vectors/a", {"vector": [1]}).pair(),
               (400, {"error": "Dimension mismatch: expected 2, got 1"}))
        expect("PATCH", s.ask("PATCH", "/vectors/a", {"metadata": {"k": [1.50]}}).pair(),
               (200, {"id": "a", "status": "updated"}))
        expect("PATCHed", s.get("/vectors/a").json(),
               {"id": "a", "dimension": 2, "vector": [3, 4], "metadata": {"k": [1.5]}})
        expect("PATCH away", s.ask("PATCH", "/vectors/a", {"metadata": None}).status, 200)
        expect("gone", s.get("/vectors/a").json(),
               {"id": "a", "dimension": 2, "vector": [3, 4]})
        expect("PATCH of nobody", s.ask("PATCH", "/vectors/x", {"metadata": {}}).pair(),
               (404, {"error": "Vector not found: x"}))
        expect("PATCH without", s.ask("PATCH", "/vectors/a", {"meta": {}}).status, 422)
        expect("PATCH of a number", s.ask("PATCH", "/vectors/a", {"metadata": 1}).status,
               422)


def base64_vectors():
    with Server() as s:
        values = [1.5, -2.25, 3e38, 1e-45]
        expect("insert", s.post("/vectors", {"id": "a", "vector_b64": b64(values)}).status,
               201)
        expect("comes back", [struct.pack("<f", v) for v in
                              s.get("/vectors/a").json()["vector"]],
               [struct.pack("<f", v) for v in values])
        got = s.post("/vectors/batch", {"vectors": [
            {"id": "b", "vector_b64": b64([1, 2, 3, 4])}, {"id": "c", "vector": [4, 3, 2, 1]},
            {"id": "d", "vector_b64": b64([0, 0, 0, 1])}]})
        expect("mixed batch", got.pair(), (201, {"inserted": 3}))
        expect("b", s.get("/vectors/b").json()["vector"], [1, 2, 3, 4])
        expect("d", s.get("/vectors/d").json()["vector"], [0, 0, 0, 1])
        plain = s.post("/search", {"vector": [1, 2, 3, 4], "k": 2}).json()
        expect("search", s.post("/search", {"vector_b64": b64([1, 2, 3, 4]), "k": 2}).json(),
               plain)
        for name, text, status in [
                ("no base64", "!!!!", 400), ("length", "AAAAA", 400),
                ("not of floats", "AAAA", 400), ("empty", "", 400),
                ("url alphabet", "AAAA-w==", 400), ("bits too many", "AAAAAB==", 400),
                ("blanks", "AAAA AAA", 400), ("padding within", "AA==AAAA", 400),
                ("infinity", b64([float("inf"), 0, 0, 0]), 400),
                ("NaN", b64([float("nan"), 0, 0, 0]), 400),
                ("dimension", b64([1, 2]), 400), ("a number", 5, 422),
                ("an array", [1, 2, 3, 4], 422)]:
            got = s.post("/vectors", {"id": "x", "vector_b64": text})
            expect(f"base64: {name}", got.status, status)
            expect(f"base64: {name}: words", got.error, lambda e: len(e) > 10)
        expect("both", s.post("/vectors", {"id": "x", "vector": [1, 2, 3, 4],
                                           "vector_b64": b64([1, 2, 3, 4])}).status, 422)
        expect("null is absent", s.post("/vectors", {
            "id": "x", "vector": [1, 2, 3, 4], "vector_b64": None}).status, 201)


def lines_of_json():
    kind = "application/x-ndjson"
    with Server() as s:
        rows = [{"id": f"v{i}", "vector": [i, 2], "metadata": {"i": i} if i % 2 else None}
                for i in range(100)]
        text = "\n".join(json.dumps(row) for row in rows)
        for name, body, count in [("all", text, 100), ("with an end", text + "\n", 100),
                                  ("with blank lines", "\n\r\n" + text + "\n \n", 100),
                                  ("CR LF", text.replace("\n", "\r\n"), 100),
                                  ("nothing", "", 0), ("a blank line", "\n", 0)]:
            expect(name, s.post("/vectors/batch", body, kind=kind).pair(),
                   (201, {"inserted": count}))
        expect("stored", s.get("/vectors/v7").json(),
               {"id": "v7", "dimension": 2, "vector": [7, 2], "metadata": {"i": 7}})
        expect("how many", s.get("/health").json()["vector_count"], 100)
        for name, line, status, words in [
                ("no JSON", "{", 400, "line 3: "), ("dimension", '{"id": "x", "vector": [1]}',
                                                    400, "line 3: Dimension mismatch"),
                ("no id", '{"vector": [1, 2]}', 422, "line 3: "),
                ("an array", "[]", 422, "line 3: "),
                ("two objects", '{"id": "x", "vector": [1, 2]} {}', 400, "line 3: "),
                ("an empty id", '{"id": "", "vector": [1, 2]}', 400, "item 2: ")]:
            body = '{"id": "n0", "vector": [1, 2]}\n{"id": "n1", "vector": [1, 2]}\n' + line
            got = s.post("/vectors/batch", body, kind=kind)
            expect(f"lines: {name}", got.status, status)
            expect(f"lines: {name}: words", got.error,
                   lambda text, w=words: text.startswith(w))
        expect("nothing of them", s.get("/vectors?prefix=n").json(), [])


def raw_floats():
    kind = "application/octet-stream"
    with Server() as s:
        data = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
        expect("numbered", s.post("/vectors/batch?dim=2&id_prefix=p-&first=10", data,
                                  kind=kind).pair(), (201, {"inserted": 3}))
        expect("ids", s.get("/vectors").json(), ["p-10", "p-11", "p-12"])
        expect("values", s.get("/vectors/p-11").json()["vector"], [3, 4])
        expect("with ids", s.post("/vectors/batch?dim=3&count=2",
                                  b"a\n\xc3\xa4 b\n" + data, kind=kind).status, 400)
        expect("with ids", s.post("/vectors/batch?dim=2&count=3",
                                  b"a\n\xc3\xa4 b\nc\n" + data, kind=kind).pair(),
               (201, {"inserted": 3}))
        expect("ä b", s.get("/vectors/%c3%a4%20b").json()["vector"], [3, 4])
        for name, path, body in [
                ("no dim", "?id_prefix=x", data), ("no ids", "?dim=2", data),
                ("both", "?dim=2&count=1&id_prefix=x", data),
                ("dim 0", "?dim=0&id_prefix=x", data), ("dim -1", "?dim=-1&id_prefix=x", data),
                ("half a vector", "?dim=2&id_prefix=x", data + b"\0"),
                ("half of another", "?dim=4&id_prefix=x", data),
                ("too few ids", "?dim=2&count=3", b"x1\nx2\n" + data),
                ("too many ids", "?dim=2&count=1", b"x1\nx2\n" + data),
                ("an empty id", "?dim=2&count=3", b"x1\n\nx2\n" + data),
                ("a NUL in an id", "?dim=2&count=3", b"x1\nx\0\nx2\n" + data),
                ("an id that is not UTF-8", "?dim=2&count=3", b"x1\nx\xff\nx2\n" + data),
                ("NaN", "?dim=2&id_prefix=x", struct.pack("<2f", 1, float("nan"))),
                ("an unknown argument", "?dim=2&id_prefix=x&x=1", data),
                ("a huge count", "?dim=2&count=99999999999", data)]:
            got = s.post("/vectors/batch" + path, body, kind=kind)
            expect(f"floats: {name}", got.status, 400)
            expect(f"floats: {name}: words", got.error, lambda e: len(e) > 5)
        expect("nothing of them", s.get("/vectors?prefix=x").json(), [])


def many_by_id():
    with Server() as s:
        fill(s)
        got = s.post("/vectors/get", {"ids": ["v03", "nobody", "v01", "v03"]}).json()
        expect("get", [hit and hit["id"] for hit in got], ["v03", None, "v01", "v03"])
        expect("get: whole", got[0], {"id": "v03", "dimension": 2, "vector": [3, 1],
                                      "metadata": {"n": 3, "even": False}})
        expect("get: less", s.post("/vectors/get", {
            "ids": ["v03"], "with_vectors": False, "with_metadata": False}).json(),
            [{"id": "v03", "dimension": 2}])
        expect("get: none", s.post("/vectors/get", {"ids": []}).pair(), (200, []))
        expect("get: an empty id", s.post("/vectors/get", {"ids": [""]}).status,
               lambda status: status == 400)
        even = {"op": "eq", "field": "even", "value": True}
        expect("count", s.post("/count", {}).json(), {"count": 50})
        expect("count, no body", s.ask("POST", "/count").json(), {"count": 50})
        expect("count, filter", s.post("/count", {"filter": even}).json(), {"count": 25})
        expect("count, bad filter", s.post("/count", {"filter": {"op": "x"}}).status, 422)
        expect("delete ids", s.post("/vectors/delete", {"ids": ["v00", "v01", "nobody"]})
               .pair(), (200, {"deleted": 2}))
        expect("delete by filter", s.post("/vectors/delete", {"filter": even}).pair(),
               (200, {"deleted": 24}))
        expect("what is left", s.get("/vectors").json(),
               [f"v{i:02}" for i in range(3, 50, 2)])
        expect("delete nothing", s.post("/vectors/delete", {"ids": []}).pair(),
               (200, {"deleted": 0}))
        for body in [{}, {"ids": None}, {"filter": None}, {"ids": [], "filter": even},
                     {"ids": "v03"}, {"ids": [3]}, {"filter": {"op": "all"}},
                     {"filter": "x"}, {"ids": {}}]:
            expect(f"delete {body}", s.post("/vectors/delete", body).status, 422)
        expect("unchanged", s.get("/health").json()["vector_count"], 24)
        everything = {"op": "and", "filters": []}
        expect("delete all", s.post("/vectors/delete", {"filter": everything}).json(),
               {"deleted": 24})
        many = [{"id": f"m{i}", "vector": [i, i]} for i in range(3000)]
        s.post("/vectors/batch", {"vectors": many})
        expect("delete many", s.post("/vectors/delete", {
            "ids": [row["id"] for row in many]}).json(), {"deleted": 3000})


def search_options():
    for index in ("flat", "hnsw"):
        with Server("--index", index, db=index + ".vdb") as s:
            fill(s)

            def search(index=index, s=s, **more):
                return s.post("/search", dict({"vector": [5, 1], "k": 3}, **more))

            plain = search().json()
            expect(f"{index}: plain", [hit["id"] for hit in plain], ["v05", "v04", "v06"])
            for options in [{"exact": True}, {"ef": 10}, {"ef": 10000},
                            {"recall_target": 0.95}, {"timeout_ms": 5000}, {"ef": None},
                            {"exact": False}, {"max_distance": 100}]:
                expect(f"{index}: {options}", search(**options).json(), plain)
            expect(f"{index}: max_distance", [hit["id"] for hit in
                                              search(max_distance=0.5).json()], ["v05"])
            hit = search(with_metadata=True).json()[0]
            expect(f"{index}: metadata", hit, {"id": "v05", "distance": 0, "metadata": {
                "n": 5, "even": False}})
            hit = search(with_vectors=True).json()[0]
            expect(f"{index}: vectors", hit["vector"], [5, 1])
            hit = search(with_vectors="base64").json()[0]
            expect(f"{index}: vectors as base64", hit["vector_b64"], b64([5, 1]))
            got = search(explain=True).json()
            expect(f"{index}: explained", got["results"], plain)
            expect(f"{index}: explanation", (got["explain"]["live"],
                                             got["explain"]["index"]), (50, index))
            got = s.post("/search", {"id": "v05", "k": 3})
            expect(f"{index}: like a stored one", got.json(), plain)
            expect(f"{index}: like nobody", s.post("/search", {"id": "x"}).pair(),
                   (404, {"error": "Vector not found: x"}))
            got = s.post("/search/batch", {
                "queries": [{"id": "v05", "k": 3}, {"vector": [5, 1], "k": 3},
                            {"vector": [7, 1], "k": 1}],
                "with_metadata": True, "explain": True}).json()
            expect(f"{index}: batch", [[hit["id"] for hit in one["results"]] for one in got],
                   [["v05", "v04", "v06"]] * 2 + [["v07"]])
            expect(f"{index}: batch: metadata", got[2]["results"][0]["metadata"]["n"], 7)
            expect(f"{index}: batch: explained", [one["explain"]["live"] for one in got],
                   [50] * 3)
            for options, status in [
                    ({"ef": 0}, 400), ({"ef": 10001}, 400), ({"ef": "x"}, 422),
                    ({"ef": 1.5}, 422), ({"exact": 1}, 422), ({"exact": "true"}, 422),
                    ({"recall_target": 0}, 400), ({"recall_target": 1.1}, 400),
                    ({"recall_target": "high"}, 422), ({"max_distance": "1"}, 422),
                    ({"timeout_ms": 0}, 400), ({"timeout_ms": 30001}, 400),
                    ({"with_metadata": 1}, 422), ({"with_vectors": "hex"}, 422),
                    ({"with_vectors": 1}, 422), ({"explain": []}, 422), ({"id": 5}, 422), ({"id": None}, 200)]:
                expect(f"{index}: {options}", search(**options).status, status)
            either = '"id" and "vector" exclude each other'
            expect(f"{index}: an id and a vector", search(id="v05").pair(),
                   lambda got, e=either: got[0] == 422 and got[1]["error"].startswith(e))
            got = s.post("/search/batch", {"queries": [
                {"id": "v05"}, {"id": "v05", "vector_b64": b64([5, 1])}]})
            expect(f"{index}: an id and a vector, in a batch", got.pair(),
                   lambda got, e="query 1: " + either: got[0] == 422
                   and got[1]["error"].startswith(e))


def walks():
    """How a graph was walked is told: with the ef that was asked for, or the usual one."""
    chance = random.Random(3)
    with Server() as s:
        data = struct.pack("<24000f", *[chance.random() for _ in range(24000)])
        s.post("/vectors/batch?dim=8&id_prefix=v", data, kind="application/octet-stream")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and s.get("/stats").json()["graph_vectors"] < 3000:
            time.sleep(0.05)
        for options, want in [({}, 50), ({"ef": 77}, 77), ({"exact": True}, 0)]:
            got = s.post("/search", dict({"id": "v7", "explain": True}, **options)).json()
            expect(f"explained: {options}", (got["explain"]["ef"], got["explain"]["strategy"]),
                   (want, "graph" if want else "scan"))


def large_answers():
    """They are streamed: chunked, and whole."""
    with Server() as s:
        items = [{"id": f"{i:05}" + "é" * 100, "vector": [i] * 50,
                  "metadata": {"text": "x" * 100}} for i in range(4000)]
        for at in range(0, 4000, 1000):
            s.post("/vectors/batch", {"vectors": items[at:at + 1000]})
        names = [item["id"] for item in items]
        got = s.get("/vectors")
        expect("list: chunked", got.headers.get("transfer-encoding"), "chunked")
        expect("list: all", got.json(), names)
        got = s.post("/search", {"vector": [0] * 50, "k": 4000, "with_vectors": True,
                                 "with_metadata": True, "exact": True})
        expect("search: chunked", got.headers.get("transfer-encoding"), "chunked")
        expect("search: all", [hit["id"] for hit in got.json()], names)
        expect("search: vectors", got.json()[1234]["vector"], [1234] * 50)
        got = s.post("/vectors/get", {"ids": names[::-1]})
        expect("get: all", [hit["id"] for hit in got.json()], names[::-1])
        got = s.post("/search/batch", {"queries": [{"vector": [i] * 50, "k": 1000}
                                                   for i in range(20)], "exact": True})
        expect("batch: all", [len(hits) for hits in got.json()], [1000] * 20)
        got = s.ask("HEAD", "/vectors")
        expect("HEAD", (got.status, got.body), (200, b""))
        got = split_answers(s.raw(b"GET /vectors?limit=5000 HTTP/1.0\r\n\r\n"))
        expect("HTTP/1.0", json.loads(got[0].body or s.raw(
            b"GET /vectors?limit=5000 HTTP/1.0\r\n\r\n").split(b"\r\n\r\n", 1)[1]), names)


def upkeep():
    os.mkdir("stored")
    with Server("--backup-dir", "stored") as s:
        fill(s)
        got = s.post("/checkpoint", {})
        expect("checkpoint", (got.status, got.json()["status"]), (200, "saved"))
        expect("checkpoint without a body", s.ask("POST", "/checkpoint").status, 200)
        expect("saved", s.get("/stats").json(),
               lambda j: j["durable_sequence"] == j["sequence"])
        got = s.ask("POST", "/backup")
        name = got.json()["name"]
        expect("backup", got.status, 201)
        expect("its name", name, lambda n: re.fullmatch(
            r"backup-\d{8}T\d{6}Z-[0-9a-f]{8}-[0-9a-f]+\.vdb", n))
        expect("its size", got.json()["bytes"], os.path.getsize("stored/" + name))
        expect("another", s.ask("POST", "/backup").json()["name"], lambda n: n != name)
        expect("two", len(os.listdir("stored")), 2)
        before = s.get("/vectors").json()
        for asked in ("/backup?name=x", "/backup?path=/tmp/x"):
            expect(f"{asked}: the client names nothing", s.ask("POST", asked).status,
                   lambda status: status in (201, 400))
        expect("only there", [n for n in os.listdir(".") if n.startswith("backup-")], [])
        with Server(db="stored/" + name) as copy:
            expect("the copy", copy.get("/vectors").json(), before)
        os.rename("stored", "elsewhere")
        got = s.ask("POST", "/backup")
        expect("the folder is gone", got.status, 500)
        expect("no path is told", "stored" in got.error or "/" in got.error, False)
        version = s.get("/version").json()
        told = subprocess.run([PROGRAM, "--version"], capture_output=True, check=True)
        expect("version", told.stdout.decode().split()[1], version["vdb-httpd"])
        stats = s.get("/stats").json()
        expect("stats", (stats["vectors"], stats["dimension"], stats["metric"],
                         stats["index"]), (50, 2, "l2", "hnsw"))
    with Server() as s:
        expect("no folder", s.ask("POST", "/backup").status, 404)


def prometheus():
    with Server() as s:
        fill(s)
        s.post("/search", {"vector": [1, 1]})
        s.post("/search", {"vector": [1]})
        s.get("/nothing")
        expect("no checkpoint yet", re.findall(
            r"^vdb_checkpoint\S* (\S+)$", s.get("/metrics/prometheus").body.decode(), re.M),
            ["0", "0.000000", "0.000000"])
        s.ask("POST", "/checkpoint")
        s.ask("POST", "/checkpoint")  # there is nothing to do
        text = s.get("/metrics/prometheus").body.decode()
        got = s.get("/metrics", headers={"Accept": "text/plain;version=0.0.4;q=0.5,*/*"})
        expect("by Accept", got.headers["content-type"],
               "text/plain; version=0.0.4; charset=utf-8")
        expect("not for a browser", s.get("/metrics", headers={
            "Accept": "application/json, text/plain, */*"}).headers["content-type"],
            "application/json")
        types, samples, wrong = {}, {}, []
        for line in text.split("\n")[:-1]:
            kind = re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram|summary)", line)
            if kind:
                wrong += [line] if kind[1] in types else []
                types[kind[1]] = kind[2]
                continue
            if re.fullmatch(r"# HELP \w+ .+", line):
                continue
            sample = re.fullmatch(r'(\w+)(\{(?:\w+="[^"\\]*",?)+\})? (\S+)', line)
            if not sample:
                wrong.append(line)
                continue
            samples[sample[1] + (sample[2] or "")] = float(sample[3])
            base = re.sub(r"_(bucket|sum|count)$", "", sample[1])
            wrong += [] if sample[1] in types or base in types else [line]
        wrong += [name for name, kind in types.items()
                  if kind == "counter" and not name.endswith("_total")]
        expect("lines that are not of the format", wrong, [])
        expect("how many metrics", len(types), lambda n: n > 25)
        expect("vectors", samples["vdb_vectors"], 50)
        expect("what a database shows", {name for name in (
            "vdb_vectors", "vdb_tombstones", "vdb_graph_fresh", "vdb_log_bytes",
            "vdb_checkpoints_total", "vdb_checkpoint_last_seconds",
            "vdb_checkpoint_seconds_total", "vdb_file_bytes",
            "process_resident_memory_bytes", "vdb_http_connections",
            "vdb_http_connections_refused_total")} - set(types), set())
        expect("checkpoints", samples["vdb_checkpoints_total"], 1)
        took = s.get("/stats").json()["last_checkpoint_us"] / 1e6
        expect("how long it took", [samples["vdb_checkpoint_last_seconds"],
                                    samples["vdb_checkpoint_seconds_total"]], [took, took])
        expect("too few for a graph", samples["vdb_graph_vectors"], 0)
        expect("searches", samples['vdb_http_requests_total{method="POST",route="/search",'
                                   'code="200"}'], 1)
        expect("refused searches", samples['vdb_http_requests_total{method="POST",'
                                           'route="/search",code="400"}'], 1)
        expect("no route", samples['vdb_http_requests_total{method="other",route="other",'
                                   'code="404"}'], 1)
        label = 'vdb_http_request_duration_seconds_%s{method="POST",route="/search",status='
        buckets = [value for name, value in samples.items()
                   if name.startswith(label % "bucket" + '"2xx"')]
        expect("buckets", (sorted(buckets) == buckets, buckets[-1]), (True, 1))
        expect("count", samples[label % "count" + '"2xx"}'], 1)
        expect("sum", samples[label % "sum" + '"2xx"}'], lambda value: value > 0)
        if shutil.which("promtool"):
            done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(),
                                  capture_output=True, check=False)
            expect("promtool", (done.returncode, done.stdout + done.stderr), (0, b""))
        else:
            print("promtool is not there: Debian's package prometheus has it",
                  file=sys.stderr)


if __name__ == "__main__":
    run([paging, one_record, base64_vectors, lines_of_json, raw_floats, many_by_id,
         search_options, walks, large_answers, upkeep, prometheus])
