#!/usr/bin/env python3
"""Who may do what, and what slow clients cost: safety.py VDB_HTTPD ROUTES_C [TEST...]"""
import array
import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

ROUTES_C = os.path.abspath(sys.argv.pop(2))

from support import (PROGRAM, Server, counter, expect, read_all, run,  # noqa: E402
                     split_answers)

FULL = "full-token-0123456789abcdef"
READ = "read-token-0123456789abcdef"

# Every route and the class that it must have: a route that is added is added here, too.
CLASSES = {
    "POST /vectors": "WRITE", "GET /vectors": "READ", "POST /vectors/batch": "WRITE",
    "GET /vectors/:id": "READ", "DELETE /vectors/:id": "WRITE", "POST /search": "READ",
    "POST /search/batch": "READ", "GET /health": "OPEN", "GET /metrics": "READ",
    "GET /metrics/prometheus": "READ", "GET /version": "READ", "GET /stats": "READ",
    "GET /ui": "OPEN", "PUT /vectors/:id": "WRITE", "PATCH /vectors/:id": "WRITE",
    "POST /vectors/get": "READ", "POST /vectors/delete": "WRITE", "POST /count": "READ",
    "POST /checkpoint": "ADMIN", "POST /backup": "ADMIN",
}


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def routes_in_source():
    with open(ROUTES_C, encoding="utf-8") as file:
        table = file.read()
    return {f"{method} {path}": name for method, path, name in re.findall(
        r'\{"([A-Z]+)",\s*"([^"]+)",\s*ACCESS_([A-Z]+)', table)}


def classes():
    found = routes_in_source()
    expect("the table is what this test knows", found, CLASSES)
    write("full", FULL + "\n")
    write("read", READ + "\nanother line\n")
    with Server("--token-file", "full", "--read-token-file", "read",
                "--backup-dir", ".") as s:
        for name, kind in found.items():
            method, path = name.split()
            path = path.replace(":id", "nobody")
            body = b"{}" if method in ("POST", "PUT", "PATCH") else None
            for who, headers, allowed in [
                    ("nobody", {}, {"OPEN"}),
                    ("a reader", bearer(READ), {"OPEN", "READ"}),
                    ("the owner", bearer(FULL), {"OPEN", "READ", "WRITE", "ADMIN"}),
                    ("a wrong token", bearer("x" + FULL[1:]), {"OPEN"}),
                    ("half a token", bearer(FULL[:-1]), {"OPEN"}),
                    ("a longer token", bearer(FULL + "x"), {"OPEN"}),
                    ("an empty token", bearer(""), {"OPEN"}),
                    ("a huge token", bearer("x" * 5000), {"OPEN"}),
                    ("another scheme", {"Authorization": "Basic " + base64.b64encode(
                        FULL.encode()).decode()}, {"OPEN"})]:
                got = s.ask(method, path, body, headers)
                if kind in allowed:
                    expect(f"{name}: {who}", got.status, lambda n: n not in (401, 403))
                else:
                    expect(f"{name}: {who}", got.status,
                           403 if headers == bearer(READ) else 401)
                    expect(f"{name}: {who}: challenge",
                           got.headers.get("www-authenticate"),
                           None if got.status == 403 else "Bearer")
        expect("health says no more", s.get("/health").pair(), (200, {"status": "ok"}))
        expect("health for who may read",
               s.get("/health", headers=bearer(READ)).pair(),
               (200, {"status": "ok", "vector_count": 0}))
        expect("what is not there does not show", s.get("/nothing").status, 401)
        expect("nor which methods", s.ask("PATCH", "/vectors").status, 401)
        expect("a body is not waited for", [a.status for a in split_answers(s.raw(
            b"POST /vectors HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n",
            seconds=10))], [401])
        expect("in small letters", s.get("/stats", headers={
            "Authorization": "bearer " + READ}).status, 200)
        expect("a token in the target is none", s.get("/stats?token=" + FULL).status, 401)


def where_it_listens():
    write("full", FULL)
    write("short", "too-short\n")
    write("blank", "with a blank in it, which is not good\n")
    write("empty", "")
    for options, address, starts in [
            ([], "127.0.0.1:0", True), ([], "localhost:0", True), ([], "127.0.0.5:0", True),
            ([], "0.0.0.0:0", False), (["--insecure-no-auth"], "0.0.0.0:0", True),
            (["--token-file", "full"], "0.0.0.0:0", True),
            (["--read-token-file", "full"], "0.0.0.0:0", True),
            (["--token-file", "short"], "127.0.0.1:0", False),
            (["--token-file", "blank"], "127.0.0.1:0", False),
            (["--token-file", "empty"], "127.0.0.1:0", False),
            (["--token-file", "missing"], "127.0.0.1:0", False),
            ([], "127.0.0.1", False), ([], "127.0.0.1:x", False), ([], ":3000", False),
            ([], "127.0.0.1:70000", False), ([], "no.such.name.example:0", False),
            ([], "::1:0", False), ([], "[::1:0", False), ([], "", False)]:
        name = f"{' '.join(options)} --addr {address!r}"
        if starts:
            with Server(*options, address=address) as s:
                expect(name, s.endpoint.rsplit(":", 1)[1] != "0", True)
                expect(name + ": stopped", s.stop(), 0)
        else:
            with Server(*options, address=address, want_exit=True) as s:
                expect(name, s.exit, 1)
                expect(name + ": says why", s.said(),
                       lambda text: text.startswith("vdb-httpd: ") and len(text) > 30)
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        with Server(address="[::1]:0") as s:
            expect("IPv6", s.endpoint[:6], "[::1]:")
            expect("IPv6: health", s.get("/health").status, 200)
    with Server() as s:
        with Server(address=s.endpoint, db="b.vdb", want_exit=True) as other:
            expect("a taken port", other.exit, 1)
        with Server(want_exit=True) as other:
            expect("a taken file", other.exit, 1)
            expect("a taken file: says so", other.said(), lambda text: "in use" in text)


def command_line():
    for options, status, words in [
            (["--help"], 0, ""), (["-h"], 0, ""), (["--version"], 0, ""),
            ([], 2, "--db"), (["--db"], 2, "without its value"), (["--frob"], 2, "--frob"),
            (["--db", "a.vdb", "x"], 2, "x"), (["--db", ""], 2, "--db"),
            (["--db", "a.vdb", "--dim", "0"], 1, "--dim"),
            (["--db", "a.vdb", "--dim", "70000"], 1, "--dim"),
            (["--db", "a.vdb", "--dim", "x"], 1, "--dim"),
            (["--db", "a.vdb", "--metric", "l3"], 1, "l3"),
            (["--db", "a.vdb", "--index", "ivf"], 1, "ivf"),
            (["--db", "a.vdb", "--durability", "most"], 1, "most"),
            (["--db", "a.vdb", "--threads", "0"], 1, "--threads"),
            (["--db", "a.vdb", "--max-body", "5"], 1, "--max-body"),
            (["--db", "a.vdb", "--tls-cert", "x"], 2, "--tls-key"),
            (["--db", ":memory:", "--read-only"], 2, "--read-only"),
            (["--db", "/nonexistent/a.vdb"], 1, "/nonexistent"),
            (["--db", "missing.vdb", "--read-only"], 1, "missing.vdb")]:
        done = subprocess.run([PROGRAM] + options, capture_output=True, timeout=30,
                              check=False)
        name = "vdb-httpd " + " ".join(options)
        expect(name, done.returncode, status)
        expect(name + ": words", (done.stderr if status else done.stdout).decode(),
               lambda text, w=words: w in text and len(text) > 10)
    expect("nothing was made", os.listdir("."), [])
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, check=True).stdout
    expect("one option a line", len(re.findall(rb"^  --", text, re.M)),
           lambda n: n > 25)


def origins():
    with Server() as s:
        expect("who comes by a browser is told where its page is", s.get("/").pair(),
               (404, {"error": "there is nothing at /; /ui is a page for a browser"}))
        expect("others are told nothing more", s.get("/x").error, "there is nothing at /x")
        got = s.get("/health")
        expect("no CORS", [h for h in got.headers if "access-control" in h], [])
        expect("nosniff", got.headers["x-content-type-options"], "nosniff")
        expect("an id for each request", got.headers["x-request-id"],
               lambda text: re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", text))
        expect("its page is one file", re.findall(
            rb"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"'](?!data:)", s.get("/ui").body), [])
        expect("its page", s.get("/ui").headers["content-security-policy"],
               lambda text: "default-src 'none'" in text)
    with Server("--allow-origin", "https://app.example", "--allow-host", "db.local") as s:
        origin = {"Origin": "https://app.example"}
        got = s.get("/vectors", headers=origin)
        expect("allowed", (got.status, got.headers.get("access-control-allow-origin")),
               (200, "https://app.example"))
        got = s.ask("OPTIONS", "/vectors", headers=dict(
            origin, **{"Access-Control-Request-Method": "POST"}))
        expect("preflight", (got.status, got.headers.get("access-control-allow-methods"),
                             got.headers.get("access-control-allow-headers")),
               (204, "POST, GET, HEAD, OPTIONS", "Authorization, Content-Type"))
        expect("another origin", s.get("/vectors", headers={
            "Origin": "https://app.example.evil"}).status, 403)
        expect("a name that is allowed", s.get("/health", headers={
            "Host": "DB.local:80"}).status, 200)
        expect("a name that is not", s.get("/health", headers={"Host": "db.locale"}).status,
               403)


def limits():
    with Server("--max-body", 2000, "--max-body-together", 4000) as s:
        body = b'{"id": "a", "vector": [1], "metadata": {"x": "%s"}}'
        expect("a body that fits", s.post("/vectors", body % (b"x" * 1900)).status, 201)
        got = s.post("/vectors", body % (b"x" * 2000))
        expect("one that does not", got.status, 413)
        expect("the connection goes on", s.get("/health").status, 200)
        chunk = b"%x\r\n%s\r\n" % (1000, b" " * 1000)
        got = split_answers(s.raw(
            b"POST /vectors HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunk * 5, seconds=10))
        expect("in chunks", [a.status for a in got], [413])
        expect("in chunks: in JSON", got[0].error, lambda text: "2000" in text)
        held = [s.connect() for _ in range(4)]
        for link in held:
            link.sendall(b"POST /vectors HTTP/1.1\r\nHost: localhost\r\n"
                         b"Content-Length: 1500\r\n\r\n ")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            got = s.post("/vectors", body % (b"x" * 1900))
            if got.status == 503:
                break
        expect("too much in hand", got.status, 503)
        expect("when to try again", got.headers.get("retry-after"), "1")
        expect("small requests go on", s.get("/vectors/a").status, 200)
        for link in held:
            link.close()
        while time.monotonic() < deadline:
            got = s.post("/vectors", body % (b"x" * 1900))
            if got.status == 201:
                break
        expect("afterwards", got.status, 201)
    with Server() as s:
        for body, status in [
                ('{"vectors": [%s]}' % ",".join(["{}"] * 100001), 413),
                ('{"queries": [%s]}' % ",".join(["{}"] * 10001), 422),
                ('{"x": [%s], "vectors": []}' % ",".join(["1"] * 1000001), 413)]:
            got = s.post("/vectors/batch", body)
            expect(f"batch {body[:20]}", got.status, status)
        query = '{"vector": [1], "k": 10000}'
        got = s.post("/search/batch", '{"queries": [%s]}' % ",".join([query] * 101))
        expect("too many results together", got.status, 400)
        got = s.post("/search/batch", '{"queries": [%s]}' % ",".join(["{}"] * 10001))
        expect("too many queries", got.status, 413)


def other_client(s, stop, times):
    while not stop.is_set():
        begun = time.monotonic()
        status = s.get("/health").status
        times.append((status, time.monotonic() - begun))
        time.sleep(0.02)


def slow_clients():
    """Heads, bodies and answers at a byte now and then are ended; others are served."""
    with Server("--head-seconds", 1, "--body-seconds", 1, "--answer-seconds", 1,
                "--idle-seconds", 1, "--min-rate", 1000000) as s:
        items = [{"id": f"{i:04}" + "x" * 500, "vector": [i]} for i in range(6000)]
        for at in range(0, len(items), 1000):
            s.post("/vectors/batch", {"vectors": items[at:at + 1000]})
        stop, times = threading.Event(), []
        watcher = threading.Thread(target=other_client, args=(s, stop, times))
        watcher.start()
        for name, first, drop, want in [
                ("slow head", b"GET /health HTTP/1.1\r\n", b"X: y\r\n", [408]),
                ("slow first line", b"GET /hea", b"x", []),
                ("silence", b"", None, []),
                ("slow body", b"POST /vectors HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Length: 1000\r\n\r\n", b" ", [408]),
                ("slow chunks", b"POST /vectors HTTP/1.1\r\nHost: localhost\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", [408]),
                ("100-continue and silence", b"POST /vectors HTTP/1.1\r\nHost: localhost\r\n"
                 b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", None, [100, 408])]:
            links = [s.connect(20) for _ in range(20)]
            for link in links:
                link.sendall(first)
            begun, ended = time.monotonic(), False
            while not ended and time.monotonic() - begun < 20:
                time.sleep(0.1)
                try:
                    for link in links:
                        if drop:
                            link.sendall(drop)
                    if not drop:
                        links[0].settimeout(15)
                        links[0].recv(1, socket.MSG_PEEK)
                        ended = time.monotonic() - begun > 0.8
                except OSError:
                    ended = True
            expect(f"{name}: ended", ended, True)
            got = split_answers(read_all(links[0]))
            # What was on the way to a closed socket may reset it before it is read.
            expect(f"{name}: told", [a.status for a in got],
                   lambda found, w=want: found in (w, []) if drop else found == w)
            for link in links:
                link.close()
        # What the kernel holds for a slow reader it may read for long; the server lets go.
        late = counter(s, "vdb_http_connections_late_total")
        with socket.create_connection((s.host, s.port), 20) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.sendall(b"GET /vectors HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            begun = time.monotonic()
            while (counter(s, "vdb_http_connections_late_total") == late
                   and time.monotonic() - begun < 60):
                link.recv(100)
                time.sleep(0.05)
            expect("slow reader: ended", counter(s, "vdb_http_connections_late_total"),
                   late + 1)
        stop.set()
        watcher.join()
        expect("others: all were served", {status for status, _ in times}, {200})
        expect("others: how many", len(times), lambda n: n > 50)
        took = sorted(t for _, t in times)
        print(f"others: median {took[len(took) // 2] * 1e3:.1f} ms, "
              f"worst {took[-1] * 1e3:.1f} ms of {len(took)}")


def crowds():
    """Silent connections make room for others when there are too many."""
    with Server("--max-connections", 64) as s:
        held = []
        for _ in range(300):
            link = s.connect()
            held.append(link)
        deadline = time.monotonic() + 30
        done = 0
        while done < 20 and time.monotonic() < deadline:
            got = split_answers(s.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
                                      b"Connection: close\r\n\r\n", seconds=10))
            done += [a.status for a in got] == [200]
        expect("others are served", done, 20)
        for link in held:
            link.close()
        expect("evicted", counter(s, "vdb_http_connections_evicted_total"),
               lambda n: n > 100)


def read_only():
    with Server() as s:
        s.post("/vectors", {"id": "a", "vector": [1]})
    with Server("--read-only") as s, Server("--read-only") as other:
        expect("two readers", (s.get("/vectors").json(), other.get("/vectors").json()),
               (["a"], ["a"]))
        expect("no insert", s.post("/vectors", {"id": "b", "vector": [1]}).status, 403)
        expect("no delete", s.delete("/vectors/a").status, 403)
        expect("no batch", s.post("/vectors/batch", {"vectors": [
            {"id": "b", "vector": [1]}]}).status, 403)
        expect("search", len(s.post("/search", {"vector": [1]}).json()), 1)
        expect("stopped", s.stop(), 0)


def gone():
    """Nobody searches for a client that has gone."""
    rows, dim, many = 100000, 64, 1300
    with Server("--index", "flat", "--threads", 1) as s:
        s.post(f"/vectors/batch?dim={dim}&id_prefix=v",
               array.array("f", range(rows * dim)).tobytes(),
               kind="application/octet-stream")
        query = json.dumps([0] * dim)
        # Each with a k of its own: one scan after another, seconds of them.
        body = json.dumps({"queries": "?"}).replace('"?"', "[" + ",".join(
            f'{{"vector": {query}, "k": {i + 1}}}' for i in range(many)) + "]").encode()
        links = [s.connect(), s.connect()]
        for link in links:
            link.sendall(b"POST /search/batch HTTP/1.1\r\nHost: localhost\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)

        def wait_for(*want):
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                text = s.get("/metrics/prometheus").body.decode()
                got = tuple(int(re.search(rf"^vdb_http_requests_{name} (\d+)", text, re.M)[1])
                            for name in ("given_up_total", "in_hand"))
                if got == want:
                    break
                time.sleep(0.05)
            return got

        # One is searched for, one waits for the thread, and one asks how many there are.
        expect("in hand", wait_for(0, 3), (0, 3))
        for link in links:
            link.close()
        expect("given up", wait_for(2, 1), (2, 1))
        text = s.get("/metrics/prometheus").body.decode()
        expect("as which status it counts", re.findall(
            r'^vdb_http_requests_total{method="POST",route="/search/batch",code="(.*)', text,
            re.M), ['499"} 2'])
        expect("not searched to the end", s.get("/metrics").json()["total_queries"],
               lambda count: count < 2 * many)
        expect("others are answered", s.post("/search", {"vector": [0] * dim}).status, 200)


if __name__ == "__main__":
    run([classes, where_it_listens, command_line, origins, limits, slow_clients, crowds,
         gone, read_only])
