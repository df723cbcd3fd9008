#!/usr/bin/env python3
"""The nine endpoints, as they are promised: conformance.py VDB_HTTPD [TEST...]

Bodies, statuses and texts, for both kinds of index and every metric, before and after a
restart and after kill -9.  Ends with "N passed, N failed".
"""
import json
import math
import random
import struct

from support import Server, expect, run


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def distance(metric, a, b):
    dot = sum(x * y for x, y in zip(a, b))
    if metric == "l2":
        return math.dist(a, b)
    if metric == "dot":
        return -dot
    return 1 - dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def close(a, b):
    return abs(a - b) <= 1e-5 * max(1, abs(a), abs(b))


def quoted(text):
    return "".join(f"%{byte:02x}" for byte in text.encode())


# ---------------------------------------------------------------- one by one


def health_and_metrics():
    with Server() as s:
        expect("health of nothing", s.get("/health").pair(),
               (200, {"status": "ok", "vector_count": 0}))
        zero = {"total_queries": 0, "total_inserts": 0, "total_deletes": 0,
                "avg_query_latency_us": 0, "p50_query_latency_us": 0,
                "p95_query_latency_us": 0, "p99_query_latency_us": 0}
        expect("metrics of nothing", s.get("/metrics").pair(), (200, zero))
        s.post("/vectors", {"id": "a", "vector": [1, 2, 3]})
        s.post("/vectors", {"id": "a", "vector": [1, 2, 4]})
        s.post("/vectors/batch", {"vectors": [{"id": "b", "vector": [0, 0, 1]},
                                              {"id": "a", "vector": [3, 3, 3]},
                                              {"id": "c", "vector": [0, 1, 1]}]})
        s.post("/vectors", {"id": "d", "vector": [1]})  # fails: counts nowhere
        s.delete("/vectors/c")
        s.delete("/vectors/nobody")
        s.post("/search", {"vector": [1, 1, 1]})
        s.post("/search", {"vector": [1, 1]})
        s.post("/search/batch", {"queries": [{"vector": [1, 1, 1]}] * 3})
        got = s.get("/metrics").json()
        expect("inserts counted", got["total_inserts"], 5)
        expect("deletes counted", got["total_deletes"], 1)
        expect("queries counted", got["total_queries"], 4)
        for name in zero:
            if name.endswith("_us"):
                expect(name, got[name], lambda value: value > 0)
        expect("nothing else in metrics", sorted(got), sorted(zero))
        expect("health counts", s.get("/health").json()["vector_count"], 2)


def records():
    with Server() as s:
        metadata = '{"kind": "fruit", "n": 1.50, "tags": ["a", "b"], "o": {"x": null}}'
        for name, body in [
                ("whole", '{"id": "a", "vector": [1, 2.5, -3e-2], "metadata": %s}'
                 % metadata),
                ("null metadata", '{"id": "b", "vector": [1, 2, 3], "metadata": null}'),
                ("unknown members",
                 '{"id": "c", "extra": {"vector": [1]}, "vector": [1, 2, 3], "x": [[]]}'),
                ("blanks", ' \n{ "id" :\t"d" , "vector" : [ 1 , 2 , 3 ] } \r\n'),
                ("names with escapes",
                 '{"\\u0069d": "e", "v\\u0065ctor": [1, 2, 3], "metad\\u0061ta": {"a": 1}}'),
                ("empty metadata", '{"id": "f", "vector": [1, 2, 3], "metadata": {}}')]:
            got = s.post("/vectors", body)
            want = {"id": name and json.loads(body)["id"], "status": "inserted"}
            expect(f"insert: {name}", got.pair(), (201, want))
        got = s.get("/vectors/a")
        expect("get", got.pair(),
               (200, {"id": "a", "dimension": 3, "vector": [1, 2.5, -0.03],
                      "metadata": json.loads(metadata)}))
        expect("metadata byte for byte", got.body.decode(),
               lambda text: metadata in text)
        for which in "bc":
            expect(f"get {which}: no metadata", s.get(f"/vectors/{which}").pair(),
                   (200, {"id": which, "dimension": 3, "vector": [1, 2, 3]}))
        expect("get e", s.get("/vectors/e").json().get("metadata"), {"a": 1})
        expect("get f", s.get("/vectors/f").json().get("metadata"), {})
        expect("replaced", s.post("/vectors", {"id": "a", "vector": [9, 9, 9]}).pair(),
               (201, {"id": "a", "status": "inserted"}))
        expect("replaced vector and metadata", s.get("/vectors/a").json(),
               {"id": "a", "dimension": 3, "vector": [9, 9, 9]})
        expect("list", s.get("/vectors").pair(), (200, ["a", "b", "c", "d", "e", "f"]))
        missing = {"error": "Vector not found: x"}
        expect("get of nothing", s.get("/vectors/x").pair(), (404, missing))
        expect("delete of nothing", s.delete("/vectors/x").pair(), (404, missing))
        expect("delete", s.delete("/vectors/a").pair(),
               (200, {"id": "a", "status": "deleted"}))
        expect("deleted", s.get("/vectors/a").status, 404)
        expect("delete again", s.delete("/vectors/a").pair(),
               (404, {"error": "Vector not found: a"}))
        expect("list afterwards", s.get("/vectors").json(), ["b", "c", "d", "e", "f"])


def floats_come_back():
    """Every float32 is answered by a number that reads back as itself."""
    generator = random.Random(5)
    values = [0.1, -0.0, 1e-45, 1.17549435e-38, 3.4028234e38, 16777217, 0.3333333433,
              1e-7, 123456.789, 5e-324, 2.5e-46]
    values += [struct.unpack("<f", struct.pack("<I", generator.getrandbits(32)))[0]
               for _ in range(500)]
    values = [v for v in values if math.isfinite(v)]
    with Server() as s:
        expect("insert", s.post("/vectors", {"id": "a", "vector": values}).status, 201)
        got = s.get("/vectors/a").json()["vector"]
        wrong = [(sent, came) for sent, came in zip(values, got)
                 if float32(came) != float32(sent)
                 or math.copysign(1, came) != math.copysign(1, sent)]
        expect("floats that do not come back", wrong, [])
        expect("how many", len(got), len(values))


def ids():
    names = ["batch", "a/b", "a b", "ä€𝄞", "..", ".", "%", "a?b", "a#b", "\"quoted\"", "+",
             "/", "//", "vectors", "a&b=c", "\\", "\t", "x" * 1024, "%2F", "~"]
    with Server() as s:
        for name in names:
            expect(f"insert {name[:20]!r}",
                   s.post("/vectors", {"id": name, "vector": [1, 2]}).pair(),
                   (201, {"id": name, "status": "inserted"}))
        expect("list", s.get("/vectors").json(), sorted(names, key=str.encode))
        for name in names:
            got = s.get("/vectors/" + quoted(name))
            expect(f"get {name[:20]!r}", got.json().get("id"), name)
        for name in names:
            expect(f"delete {name[:20]!r}", s.delete("/vectors/" + quoted(name)).pair(),
                   (200, {"id": name, "status": "deleted"}))
            expect(f"get {name[:20]!r} afterwards",
                   s.get("/vectors/" + quoted(name)).pair(),
                   (404, {"error": f"Vector not found: {name}"}))
        expect("nothing is left", s.get("/vectors").json(), [])
        expect("as it is: batch", s.get("/vectors/batch").status, 404)


def batches():
    with Server() as s:
        def batch(items):
            return s.post("/vectors/batch", {"vectors": items})

        expect("none", batch([]).pair(), (201, {"inserted": 0}))
        expect("three", batch([{"id": "a", "vector": [1, 2]},
                               {"id": "b", "vector": [3, 4], "metadata": {"n": 1}},
                               {"id": "a", "vector": [5, 6], "metadata": None}]).pair(),
               (201, {"inserted": 3}))
        expect("the later of two stays", s.get("/vectors/a").json()["vector"], [5, 6])
        expect("metadata", s.get("/vectors/b").json()["metadata"], {"n": 1})
        for name, bad, status, words in [
                ("dimension", {"id": "y", "vector": [1]}, 400,
                 "Dimension mismatch: expected 2, got 1"),
                ("no id", {"vector": [1, 2]}, 422, "id"),
                ("no vector", {"id": "y"}, 422, "vector"),
                ("empty id", {"id": "", "vector": [1, 2]}, 400, "id"),
                ("a number for an id", {"id": 5, "vector": [1, 2]}, 422, "id"),
                ("a string in the vector", {"id": "y", "vector": [1, "2"]}, 422, "value 1"),
                ("metadata", {"id": "y", "vector": [1, 2], "metadata": []}, 422,
                 "metadata"),
                ("no object", 17, 422, "object")]:
            got = batch([{"id": "x", "vector": [1, 2]}, {"id": "z", "vector": [7, 7]}, bad])
            expect(f"bad item, {name}", got.status, status)
            expect(f"bad item, {name}: named", got.error,
                   lambda text, w=words: text.startswith("item 2: ") and w in text)
            expect(f"bad item, {name}: nothing stored", s.get("/vectors").json(),
                   ["a", "b"])
        got = s.post("/vectors/batch",
                     '{"vectors": [{"id": "x", "vector": [1e39, 0]}]}')
        expect("not finite", got.status, 400)
        expect("not finite: named", got.error, lambda text: "item 0: " in text)
        for body in ["{}", '{"vectors": null}', '{"vectors": {}}', "[]",
                     '{"vectors": "a"}', '{"vectors": 3}']:
            expect(f"batch {body}", s.post("/vectors/batch", body).status, 422)


def bad_inserts():
    with Server() as s:
        s.post("/vectors", {"id": "a", "vector": [1, 2, 3]})
        for body, status, words in [
                ('{"id": "x", "vector": [1, 2]}', 400,
                 "Dimension mismatch: expected 3, got 2"),
                ('{"id": "x", "vector": []}', 400, ""),
                ('{"id": "x", "vector": [1, 2, 1e39]}', 400, "value 2"),
                ('{"id": "x", "vector": [1, 2, -1e39]}', 400, "value 2"),
                ('{"id": "x", "vector": [1, 2, 1e400]}', 400, "value 2"),
                ('{"id": "", "vector": [1, 2, 3]}', 400, "id"),
                ('{"id": "%s", "vector": [1, 2, 3]}' % ("x" * 1025), 400, "1024"),
                ('{"id": "a\\u0000b", "vector": [1, 2, 3]}', 400, ""),
                ('{"id": "x", "vector": [1, 2, NaN]}', 400, ""),
                ('{"id": "x", "vector": [1, 2, 3]', 400, "byte"),
                ('{"id": "x", "vector": [1, 2, 3]} x', 400, "byte"),
                ('{"id": "x", "id": "y", "vector": [1, 2, 3]}', 400, "duplicate"),
                ('{"id": "x", "vector": [1, 2, 3], "vector": [1, 2, 3]}', 400,
                 "duplicate"),
                ('{"id": "x", "vector": [1, 2, 3], "metadata": {"a": 1, "a": 2}}', 400,
                 "duplicate"),
                ("", 400, ""), ("nonsense", 400, ""), ("{", 400, ""),
                ("[" * 100000, 400, "nested"), ('{"a":' * 100000, 400, "nested"),
                ('{"vector": [1, 2, 3]}', 422, "id"), ('{"id": "x"}', 422, "vector"),
                ('{"id": 1, "vector": [1, 2, 3]}', 422, "id"),
                ('{"id": null, "vector": [1, 2, 3]}', 422, "id"),
                ('{"id": ["x"], "vector": [1, 2, 3]}', 422, "id"),
                ('{"id": "x", "vector": null}', 422, "vector"),
                ('{"id": "x", "vector": "1, 2, 3"}', 422, "vector"),
                ('{"id": "x", "vector": 1}', 422, "vector"),
                ('{"id": "x", "vector": {"0": 1}}', 422, "vector"),
                ('{"id": "x", "vector": [1, 2, null]}', 422, "value 2"),
                ('{"id": "x", "vector": [1, 2, "3"]}', 422, "value 2"),
                ('{"id": "x", "vector": [1, 2, [3]]}', 422, "value 2"),
                ('{"id": "x", "vector": [true, 2, 3]}', 422, "value 0"),
                ('{"id": "x", "vector": [1, 2, 3], "metadata": "m"}', 422, "metadata"),
                ('{"id": "x", "vector": [1, 2, 3], "metadata": [1]}', 422, "metadata"),
                ('{"id": "x", "vector": [1, 2, 3], "metadata": 1}', 422, "metadata"),
                ('{"id": "x", "vector": [1, 2, 3], "metadata": %s1%s}'
                 % ('{"a":' * 33, "}" * 33), 400, ""),
                ("[]", 422, "object"), ("3", 422, "object"), ('"a"', 422, "object"),
                ("null", 422, "object")]:
            got = s.post("/vectors", body)
            expect(f"insert {body[:60]}", got.status, status)
            expect(f"insert {body[:60]}: words", got.error, lambda text, w=words: w in text)
        expect("nothing has changed", s.get("/vectors").json(), ["a"])
        expect("and it goes on", s.post("/vectors", {"id": "x", "vector": [1, 2, 3]}).status,
               201)


def searches():
    with Server() as s:
        expect("empty", s.post("/search", {"vector": [1, 2, 3]}).pair(), (200, []))
        expect("empty, any dimension", s.post("/search", {"vector": [1]}).pair(), (200, []))
        expect("empty, batch",
               s.post("/search/batch", {"queries": [{"vector": [1, 2]}, {"vector": [1]}]})
               .pair(), (200, [[], []]))
        for i in range(20):
            s.post("/vectors", {"id": f"v{i:02}", "vector": [i, 0],
                                "metadata": {"even": i % 2 == 0, "n": i}})
        got = s.post("/search", {"vector": [0, 0]}).json()
        expect("k is ten", [hit["id"] for hit in got], [f"v{i:02}" for i in range(10)])
        expect("distances", [hit["distance"] for hit in got], list(range(10)))
        expect("members", sorted(got[0]), ["distance", "id"])
        expect("k null", len(s.post("/search", {"vector": [0, 0], "k": None}).json()), 10)
        expect("k 3", len(s.post("/search", {"vector": [0, 0], "k": 3}).json()), 3)
        expect("k 100", len(s.post("/search", {"vector": [0, 0], "k": 100}).json()), 20)
        even = {"op": "eq", "field": "even", "value": True}
        got = s.post("/search", {"vector": [0, 0], "k": 5, "filter": even}).json()
        expect("filtered", [hit["id"] for hit in got],
               ["v00", "v02", "v04", "v06", "v08"])
        expect("filter null", len(s.post("/search", {"vector": [0, 0],
                                                     "filter": None}).json()), 10)
        got = s.post("/search/batch", {"queries": [{"vector": [3, 0], "k": 1},
                                                   {"vector": [8, 0]},
                                                   {"vector": [6, 0], "k": 1}],
                                       "filter": even}).json()
        expect("batch", [[hit["id"] for hit in hits] for hits in got],
               [["v02"], ["v08", "v06", "v10", "v04", "v12", "v02", "v14", "v00", "v16",
                          "v18"], ["v06"]])
        expect("no queries", s.post("/search/batch", {"queries": []}).pair(), (200, []))
        for body, status, words in [
                ({"vector": [1, 2, 3]}, 400, "Dimension mismatch: expected 2, got 3"),
                ({"vector": [1, 2], "k": 0}, 400, "k"),
                ({"vector": [1, 2], "k": -1}, 400, "k"),
                ({"vector": [1, 2], "k": 1.5}, 422, "k"),
                ({"vector": [1, 2], "k": "3"}, 422, "k"),
                ({"vector": [1, 2], "k": 10001}, 400, "10000"),
                ({"vector": [1, 2], "k": True}, 422, "k"),
                ({"k": 3}, 422, "vector"), ({"vector": None}, 422, "vector"),
                ({"vector": "x"}, 422, "vector"), ([], 422, "object"),
                ({"vector": [1, 2], "filter": []}, 422, "filter"),
                ({"vector": [1, 2], "filter": {"op": "like"}}, 422, "like"),
                ({"vector": [1, 2], "filter": {"op": "eq", "field": "a"}}, 422, "value"),
                ({"vector": [1, 2], "filter": {"op": "and", "filters": 1}}, 422, "filters"),
                ({"vector": [1, 2],
                  "filter": {"op": "eq", "field": "a", "value": 1, "x": 1}}, 422, "x"),
                ({"vector": [1, 2], "filter": "eq"}, 422, "filter")]:
            got = s.post("/search", body)
            expect(f"search {body}", got.status, status)
            expect(f"search {body}: words", got.error, lambda text, w=words: w in text)
        deep = {"op": "exists", "field": "a"}
        for _ in range(33):
            deep = {"op": "not", "filter": deep}
        expect("filter too deep", s.post("/search", {"vector": [1, 2], "filter": deep})
               .status, 400)
        for queries, status, words in [
                ([{"vector": [1, 2]}, {"vector": [1]}], 400,
                 "query 1: Dimension mismatch: expected 2, got 1"),
                ([{"vector": [1, 2]}, {"vector": [1, 2], "k": 0}], 400, "query 1: k"),
                ([{"vector": [1, 2]}, {}], 422, "query 1: "),
                ([{"vector": [1, 2]}, 3], 422, "query 1: "),
                ("x", 422, "queries"), (None, 422, "queries")]:
            got = s.post("/search/batch", {"queries": queries})
            expect(f"search/batch {queries}", got.status, status)
            expect(f"search/batch {queries}: words", got.error,
                   lambda text, w=words: w in text)
        got = s.post("/search/batch", {"queries": [{"vector": [1, 2]}],
                                       "filter": {"op": "like"}})
        expect("search/batch with a bad filter", got.status, 422)


def filters():
    """The reference's five operators and their truth tables; null, typed values."""
    rows = {"one": {"a": "x", "n": 1}, "two": {"a": "y", "n": 2.0}, "none": None,
            "null": {"a": None}, "list": {"a": ["x", "z"]}, "deep": {"o": {"a": "x"}},
            "text": {"n": "1"}, "true": {"n": True}}
    with Server() as s:
        for name, metadata in rows.items():
            s.post("/vectors", {"id": name, "vector": [1, 1], "metadata": metadata})
        everybody = set(rows)

        def eq(field, value):
            return {"op": "eq", "field": field, "value": value}

        for name, given, want in [
                ("eq", eq("a", "x"), {"one", "list"}),
                ("eq of a missing field", eq("b", "x"), set()),
                ("ne", {"op": "ne", "field": "a", "value": "x"},
                 everybody - {"one", "list"}),
                ("ne of a missing field", {"op": "ne", "field": "b", "value": "x"},
                 everybody),
                ("exists", {"op": "exists", "field": "a"}, {"one", "two", "list"}),
                ("exists of a missing field", {"op": "exists", "field": "b"}, set()),
                ("eq null", eq("a", None), {"null"}),
                ("and", {"op": "and", "filters": [eq("a", "x"), eq("n", 1)]}, {"one"}),
                ("and of nothing", {"op": "and", "filters": []}, everybody),
                ("or", {"op": "or", "filters": [eq("a", "x"), eq("a", "y")]},
                 {"one", "two", "list"}),
                ("or of nothing", {"op": "or", "filters": []}, set()),
                ("not", {"op": "not", "filter": eq("a", "x")},
                 everybody - {"one", "list"}),
                ("path", eq("o.a", "x"), {"deep"}),
                ("numbers by value", eq("n", 2), {"two"}),
                ("1 is not true, nor \"1\"", eq("n", 1), {"one"}),
                ("true is not 1", eq("n", True), {"true"}),
                ("text", eq("n", "1"), {"text"}),
                ("lt", {"op": "lt", "field": "n", "value": 2}, {"one"}),
                ("lte", {"op": "lte", "field": "n", "value": 2}, {"one", "two"}),
                ("gt", {"op": "gt", "field": "n", "value": 1}, {"two"}),
                ("gte", {"op": "gte", "field": "n", "value": 1}, {"one", "two"}),
                ("prefix", {"op": "prefix", "field": "a", "value": "z"}, {"list"}),
                ("contains", {"op": "contains", "field": "a", "value": "x"}, {"list"}),
                ("in", {"op": "in", "field": "a", "values": ["y", "z"]}, {"two", "list"}),
                ("in nothing", {"op": "in", "field": "a", "values": []}, set()),
                ("id_in", {"op": "id_in", "ids": ["one", "gone"]}, {"one"})]:
            got = s.post("/search", {"vector": [1, 1], "k": 100, "filter": given})
            expect(f"filter {name}", {hit["id"] for hit in got.json()}, want)
            k = s.post("/search", {"vector": [1, 1], "k": 2, "filter": given}).json()
            expect(f"filter {name}: exactly min(k, matches)", len(k), min(2, len(want)))


def metrics_of_distance():
    generator = random.Random(3)
    rows = {f"v{i:03}": [generator.uniform(-2, 2) for _ in range(7)] for i in range(60)}
    for index in ("flat", "hnsw"):
        for metric in ("l2", "cosine", "dot"):
            with Server("--index", index, "--metric", metric,
                        db=f"{index}-{metric}.vdb") as s:
                body = {"vectors": [{"id": i, "vector": v} for i, v in rows.items()]}
                expect(f"{index} {metric}: batch", s.post("/vectors/batch", body).pair(),
                       (201, {"inserted": 60}))
                query = [generator.uniform(-2, 2) for _ in range(7)]
                want = sorted((distance(metric, query, v), i) for i, v in rows.items())
                got = s.post("/search", {"vector": query, "k": 60}).json()
                expect(f"{index} {metric}: all are found", len(got), 60)
                expect(f"{index} {metric}: order", [hit["id"] for hit in got],
                       [i for _, i in want])
                expect(f"{index} {metric}: distances",
                       [hit["distance"] for hit in got],
                       lambda d, w=want: all(close(a, b) for a, (b, _) in zip(d, w)))
                zero = s.post("/vectors", {"id": "zero", "vector": [0] * 7})
                expect(f"{index} {metric}: a zero vector", zero.status,
                       400 if metric == "cosine" else 201)
                zero = s.post("/search", {"vector": [0] * 7})
                expect(f"{index} {metric}: a query of zeros", zero.status,
                       400 if metric == "cosine" else 200)


def dimension_at_creation():
    with Server("--dim", 4) as s:
        expect("insert", s.post("/vectors", {"id": "a", "vector": [1, 2]}).pair(),
               (400, {"error": "Dimension mismatch: expected 4, got 2"}))
        expect("insert", s.post("/vectors", {"id": "a", "vector": [1, 2, 3, 4]}).status, 201)


# ------------------------------------------------------- what must survive


def look(s):
    """Everything that a client can see of the database."""
    names = s.get("/vectors").json()
    return {"health": s.get("/health").pair(),
            "records": [s.get("/vectors/" + quoted(name)).json() for name in names],
            "search": s.post("/search", {"vector": [0.5] * 5, "k": 50}).json(),
            "filtered": s.post("/search", {"vector": [0.5] * 5, "k": 50, "filter": {
                "op": "eq", "field": "kind", "value": "k1"}}).json()}


def restarts():
    generator = random.Random(11)
    for index in ("flat", "hnsw"):
        options = ["--index", index, "--metric", "cosine"]
        name = index + ".vdb"
        with Server(*options, db=name) as s:
            for i in range(200):
                s.post("/vectors", {"id": f"ü{i}", "metadata": {"kind": f"k{i % 3}"},
                                    "vector": [generator.uniform(-1, 1) for _ in range(5)]})
            for i in range(0, 200, 10):
                s.delete("/vectors/" + quoted(f"ü{i}"))
            before = look(s)
            expect(f"{index}: stopped", s.stop(), 0)
        expect(f"{index}: something is there", len(before["records"]), 180)
        expect(f"{index}: filtered", len(before["filtered"]), 50)
        with Server(db=name) as s:  # metric and index are in the file
            expect(f"{index}: after a restart", look(s), before)
            expect(f"{index}: metrics begin anew", s.get("/metrics").json()["total_inserts"],
                   0)
            expect(f"{index}: insert", s.post("/vectors", {"id": "last",
                                                           "vector": [1, 0, 0, 0, 0]})
                   .status, 201)
            before = look(s)
            expect(f"{index}: killed", s.kill(), -9)
        with Server(*options, db=name) as s:
            expect(f"{index}: after kill -9", look(s), before)
        with Server("--index", "hnsw" if index == "flat" else "flat", db=name,
                    want_exit=1) as s:
            expect(f"{index}: another index is refused", s.exit, 1)
        with Server("--metric", "dot", db=name, want_exit=1) as s:
            expect(f"{index}: another metric is refused", s.exit, 1)


def in_memory():
    with Server(db=":memory:") as s:
        expect("insert", s.post("/vectors", {"id": "a", "vector": [1, 2]}).status, 201)
        expect("search", s.post("/search", {"vector": [1, 2]}).pair(),
               (200, [{"id": "a", "distance": 0}]))
        expect("stopped", s.stop(), 0)
    with Server(db=":memory:") as s:
        expect("nothing is kept", s.get("/vectors").json(), [])


if __name__ == "__main__":
    run([health_and_metrics, records, floats_come_back, ids, batches, bad_inserts, searches,
         filters, metrics_of_distance, dimension_at_creation, restarts, in_memory])
