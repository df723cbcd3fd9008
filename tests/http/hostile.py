#!/usr/bin/env python3
"""Requests as no honest client sends them: hostile.py VDB_HTTPD [TEST...]

Each case is bytes sent over a raw socket, the statuses that must come back, in order, and
whether the connection may be used on: a second request follows the bytes, which must be
answered, or must not.  After each group the server must be there and unchanged.
"""
import random
import re
import socket
import struct
import time

from support import Server, expect, read_all, run, split_answers

NEXT = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEEP, END = True, False


def statuses(server, data, keep, name, want, more=b""):
    """Send the bytes and then another request."""
    got = split_answers(server.raw(data + more + NEXT, seconds=15))
    expect(name, [a.status for a in got if a.status != 100],
           want + ([200] if keep else []))
    for a in got:
        if a.status >= 400 and a.body:
            expect(name + ": says so in JSON", a.body[:11],
                   lambda head: head == b'{"error": "')


def unchanged(server, name, ids):
    got = server.get("/vectors")
    expect(f"afterwards, {name}: unchanged", got.json(), ids)


def request(line, *headers, body=b"", host=True):
    rows = [line.encode()] + ([b"Host: localhost"] if host else [])
    rows += [h if isinstance(h, bytes) else h.encode() for h in headers]
    return b"\r\n".join(rows) + b"\r\n\r\n" + body


GOOD = b'{"id": "good", "vector": [1, 2]}'
POST = "POST /vectors HTTP/1.1"


# ------------------------------------------------------------------ the head

FIRST_LINES = [
    # name, bytes up to the blank line (with Host), statuses, what becomes of it
    ("a path of nothing", b"GET  HTTP/1.1", None, END),
    ("no version", b"GET /health", None, END),
    ("HTTP/0.9", b"GET /health HTTP/0.9", None, END),
    ("HTTP/2.0", b"GET /health HTTP/2.0", None, END),
    ("HTTP/1.2", b"GET /health HTTP/1.2", [505], END),
    ("HTTP/11", b"GET /health HTTP/11", None, END),
    ("http/1.1", b"GET /health http/1.1", None, END),
    ("a tab for a blank", b"GET\t/health\tHTTP/1.1", None, END),
    ("a space in the target", b"GET /hea lth HTTP/1.1", [400], END),
    ("a control character in the target", b"GET /he\x01alth HTTP/1.1", [400], END),
    ("a high byte in the target", b"GET /\xff HTTP/1.1", [400], END),
    ("a NUL in the target", b"GET /health\x00x HTTP/1.1", None, END),
    ("an unknown method", b"FROB /health HTTP/1.1", [405], KEEP),
    ("a method in small letters", b"get /health HTTP/1.1", [405], KEEP),
    ("TRACE", b"TRACE /health HTTP/1.1", [405], KEEP),
    ("CONNECT", b"CONNECT localhost:80 HTTP/1.1", [404], KEEP),
    ("PATCH where there is none", b"PATCH /health HTTP/1.1", [405], KEEP),
    ("OPTIONS *", b"OPTIONS * HTTP/1.1", [204], KEEP),
    ("OPTIONS", b"OPTIONS /vectors HTTP/1.1", [204], KEEP),
    ("OPTIONS of nothing", b"OPTIONS /nothing HTTP/1.1", [404], KEEP),
    ("an absolute target", b"GET http://localhost/health HTTP/1.1", [200], KEEP),
    ("an absolute target without a path", b"GET http://localhost HTTP/1.1", [404], KEEP),
    ("a target without a slash", b"GET health HTTP/1.1", [404], KEEP),
    ("a fragment", b"GET /health#x HTTP/1.1", [400], END),
    ("an argument", b"GET /health?x=1 HTTP/1.1", [200], KEEP),
    ("two slashes", b"GET //health HTTP/1.1", [404], KEEP),
    ("a slash behind", b"GET /health/ HTTP/1.1", [404], KEEP),
    ("dots", b"GET /../health HTTP/1.1", [404], KEEP),
    ("dots, encoded", b"GET /%2e%2e%2fhealth HTTP/1.1", [404], KEEP),
    ("a path to a file", b"GET /../../../../etc/passwd HTTP/1.1", [404], KEEP),
    ("an encoded path", b"GET /%68ealth HTTP/1.1", [200], KEEP),
    ("an encoded slash", b"GET /vectors%2fgood HTTP/1.1", [404], KEEP),
    ("an encoded NUL", b"GET /vectors/a%00b HTTP/1.1", [400], END),
    ("half of an escape", b"GET /vectors/a%2 HTTP/1.1", [400], END),
    ("an escape of letters", b"GET /vectors/%zz HTTP/1.1", [400], END),
    ("a lone percent", b"GET /vectors/% HTTP/1.1", [400], END),
    ("overlong UTF-8", b"GET /vectors/%c0%af HTTP/1.1", [400], KEEP),
    ("half of a character", b"GET /vectors/%e4 HTTP/1.1", [400], KEEP),
    ("a surrogate", b"GET /vectors/%ed%a0%80 HTTP/1.1", [400], KEEP),
    ("an empty id", b"GET /vectors/ HTTP/1.1", [400], KEEP),
    ("too many parts", b"GET /vectors/a/b/c/d/e/f HTTP/1.1", [404], KEEP),
    ("two parts for an id", b"GET /vectors/a/b HTTP/1.1", [404], KEEP),
    ("a bad limit", b"GET /vectors?limit=x HTTP/1.1", [400], KEEP),
    ("a limit of 0", b"GET /vectors?limit=0 HTTP/1.1", [400], KEEP),
    ("a limit below 0", b"GET /vectors?limit=-1 HTTP/1.1", [400], KEEP),
    ("a huge limit", b"GET /vectors?limit=99999999999999999999 HTTP/1.1", [400], KEEP),
    ("an unknown argument", b"GET /vectors?limt=1 HTTP/1.1", [400], KEEP),
    ("an argument twice", b"GET /vectors?limit=1&limit=2 HTTP/1.1", [400], KEEP),
    ("a NUL in an argument", b"GET /vectors?after=a%00 HTTP/1.1", [400], END),
    ("17 arguments", b"GET /vectors?" + b"&".join(b"a=1" for _ in range(17))
     + b" HTTP/1.1", [400], END),
    ("a target of 8 KiB", b"GET /" + b"x" * 8191 + b" HTTP/1.1", [404], KEEP),
    ("a target of 8 KiB and one", b"GET /" + b"x" * 8192 + b" HTTP/1.1", [414], END),
    ("a target of 200 KiB", b"GET /" + b"x" * 200000 + b" HTTP/1.1", None, END),
]

HEADS = [
    ("no Host", ["GET /health HTTP/1.1"], False, [400], END),
    ("no Host in HTTP/1.0", ["GET /health HTTP/1.0"], False, [200], END),
    ("two Hosts", ["GET /health HTTP/1.1", "Host: localhost"], True, [400], END),
    ("two different Hosts", ["GET /health HTTP/1.1", "Host: evil"], True, [400], END),
    ("Host of somebody else", ["GET /health HTTP/1.1", "Host: evil.example"], False, [403],
     KEEP),
    ("Host of somebody else, port", ["GET /health HTTP/1.1", "Host: evil.example:80"],
     False, [403], KEEP),
    ("Host that begins well", ["GET /health HTTP/1.1", "Host: localhost.evil.example"],
     False, [403], KEEP),
    ("Host that looks like an address", ["GET /health HTTP/1.1", "Host: 127.0.0.1.evil"],
     False, [403], KEEP),
    ("Host with a bad port", ["GET /health HTTP/1.1", "Host: localhost:x"], False, [403],
     KEEP),
    ("an empty Host", ["GET /health HTTP/1.1", "Host:"], False, [403], KEEP),
    ("Host 127.0.0.1", ["GET /health HTTP/1.1", "Host: 127.0.0.1:3000"], False, [200], KEEP),
    ("Host [::1]", ["GET /health HTTP/1.1", "Host: [::1]:3000"], False, [200], KEEP),
    ("Host in capitals", ["GET /health HTTP/1.1", "Host: LOCALHOST"], False, [200], KEEP),
    ("a blank before the colon", ["GET /health HTTP/1.1", "X-A : 1"], True, [400], END),
    ("a blank before the colon of Host", ["GET /health HTTP/1.1", "Host : localhost"],
     False, [400], END),
    ("a line without a colon", ["GET /health HTTP/1.1", "nonsense"], True, None, END),
    ("a header without a name", ["GET /health HTTP/1.1", ": x"], True, [400], END),
    ("a name with a bracket", ["GET /health HTTP/1.1", "X(A): x"], True, [400], END),
    ("a name with a high byte", ["GET /health HTTP/1.1", b"X\xff: x"], True, [400], END),
    ("a control character", ["GET /health HTTP/1.1", "X: a\x01b"], True, [400], END),
    ("a lone CR", ["GET /health HTTP/1.1", "X: a\rb"], True, [400], END),
    ("a DEL", ["GET /health HTTP/1.1", "X: a\x7fb"], True, [400], END),
    ("a NUL in a value", ["GET /health HTTP/1.1", "X: a\x00b"], True, [400], END),
    ("a NUL in a name", ["GET /health HTTP/1.1", "X\x00: b"], True, None, END),
    ("a NUL in Content-Length", [POST, "Content-Length: 0\x005"], True, [400], END),
    ("a folded line", ["GET /health HTTP/1.1", "X: a\r\n b"], True, [400], END),
    ("a folded Content-Length", [POST, "Content-Length:\r\n 5"], True, [400], END),
    ("a line that ends with LF alone", ["GET /health HTTP/1.1", "X: a\nY: b"], True, [400],
     END),
    ("a tab in a value", ["GET /health HTTP/1.1", "X: a\tb"], True, [200], KEEP),
    ("UTF-8 in a value", ["GET /health HTTP/1.1", "X: ä"], True, [200], KEEP),
    ("100 headers", ["GET /health HTTP/1.1"] + [f"X{i}: 1" for i in range(99)], True, [200],
     KEEP),
    ("101 headers", ["GET /health HTTP/1.1"] + [f"X{i}: 1" for i in range(100)], True,
     [431], END),
    ("a header of 30 KiB", ["GET /health HTTP/1.1", "X: " + "x" * 30000], True, [200], KEEP),
    ("a header of 40 KiB", ["GET /health HTTP/1.1", "X: " + "x" * 40000], True, [431], END),
    ("a header of 300 KiB", ["GET /health HTTP/1.1", "X: " + "x" * 300000], True, None, END),
    ("a name of 40 KiB", ["GET /health HTTP/1.1", "x" * 40000 + ": x"], True, [431], END),
    ("cookies", ["GET /health HTTP/1.1", "Cookie: a=b; c=\"d"], True, [200], KEEP),
    ("Expect of something", [POST, "Expect: the-unexpected", "Content-Length: 0"], True,
     [417], END),
    ("Upgrade", ["GET /health HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c"], True,
     [200], KEEP),
    ("Connection: close", ["GET /health HTTP/1.1", "Connection: close"], True, [200], END),
    ("HTTP/1.0", ["GET /health HTTP/1.0"], True, [200], END),
    ("a foreign Origin", ["GET /vectors HTTP/1.1", "Origin: https://evil.example"], True,
     [403], KEEP),
    ("Origin: null", ["GET /vectors HTTP/1.1", "Origin: null"], True, [403], KEEP),
    ("its own Origin", ["GET /vectors HTTP/1.1", "Origin: http://localhost"], True, [200],
     KEEP),
    ("two Origins", ["GET /vectors HTTP/1.1", "Origin: http://localhost",
                     "Origin: https://evil.example"], True, [400], END),
    ("from another site", ["GET /vectors HTTP/1.1", "Sec-Fetch-Site: cross-site"], True,
     [403], KEEP),
    ("from the same site", ["GET /vectors HTTP/1.1", "Sec-Fetch-Site: same-origin"], True,
     [200], KEEP),
    ("two Authorizations", ["GET /vectors HTTP/1.1", "Authorization: Bearer a",
                            "Authorization: Bearer b"], True, [400], END),
]


def first_lines():
    with Server() as s:
        s.post("/vectors", GOOD)
        for name, line, want, keep in FIRST_LINES:
            data = line + b"\r\nHost: localhost\r\n\r\n"
            if want is None:  # libmicrohttpd's own answer, if any: it must end there
                got = split_answers(s.raw(data + NEXT, seconds=15))
                expect(name, [a.status for a in got],
                       lambda found: all(400 <= status < 600 for status in found))
            else:
                statuses(s, data, keep, name, want)
        statuses(s, b"\r\n\r\n", KEEP, "blank lines first", [])
        unchanged(s, "first lines", ["good"])


def heads():
    with Server() as s:
        s.post("/vectors", GOOD)
        for name, lines, host, want, keep in HEADS:
            data = request(lines[0], *lines[1:], host=host)
            if want is None:
                got = split_answers(s.raw(data + NEXT, seconds=15))
                expect(name, [a.status for a in got],
                       lambda found: all(400 <= status < 600 for status in found))
            else:
                statuses(s, data, keep, name, want)
        unchanged(s, "heads", ["good"])


# ------------------------------------------------------- how long is a body?

LENGTHS = [
    ("two equal Content-Lengths", ["Content-Length: 32", "Content-Length: 32"], GOOD, [400],
     END),
    ("two Content-Lengths", ["Content-Length: 32", "Content-Length: 5"], GOOD, [400], END),
    ("two, the shorter first", ["Content-Length: 5", "Content-Length: 32"], GOOD, [400],
     END),
    ("two in one line", ["Content-Length: 32, 32"], GOOD, None, END),
    ("CL and TE", ["Content-Length: 32", "Transfer-Encoding: chunked"], b"0\r\n\r\n", [400],
     END),
    ("TE and CL", ["Transfer-Encoding: chunked", "Content-Length: 32"], b"0\r\n\r\n", [400],
     END),
    ("TE and CL of 0", ["Transfer-Encoding: chunked", "Content-Length: 0"], b"0\r\n\r\n",
     [400], END),
    ("two TEs", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n",
     [400], END),
    ("TE identity", ["Transfer-Encoding: identity"], GOOD, [501], END),
    ("TE gzip, chunked", ["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", [501], END),
    ("TE chunked, identity", ["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n", [501],
     END),
    ("TE xchunked", ["Transfer-Encoding: xchunked"], b"0\r\n\r\n", [501], END),
    ("TE with a tab", ["Transfer-Encoding: chunked\t"], b"0\r\n\r\n", [501], END),
    ("TE, quoted", ["Transfer-Encoding: \"chunked\""], b"0\r\n\r\n", [501], END),
    ("TE, empty", ["Transfer-Encoding:"], GOOD, [501], END),
    ("+32", ["Content-Length: +32"], GOOD, None, END),
    ("-32", ["Content-Length: -32"], GOOD, None, END),
    ("0x20", ["Content-Length: 0x20"], GOOD, None, END),
    ("3 2", ["Content-Length: 3 2"], GOOD, None, END),
    ("32 and a blank", ["Content-Length: 32 "], GOOD, None, END),
    ("32.0", ["Content-Length: 32.0"], GOOD, None, END),
    ("3e1", ["Content-Length: 3e1"], GOOD, None, END),
    ("nothing", ["Content-Length:"], GOOD, None, END),
    ("letters", ["Content-Length: abc"], GOOD, None, END),
    ("2^64", ["Content-Length: 18446744073709551616"], GOOD, None, END),
    ("2^64 and 32", ["Content-Length: 18446744073709551648"], GOOD, None, END),
    ("2^64 - 1", ["Content-Length: 18446744073709551615"], GOOD, [413], END),
    ("32 MiB and one", ["Content-Length: 33554433"], GOOD, [413], END),
    ("leading zeros", ["Content-Length: 00032"], GOOD, [201], KEEP),
    ("exact", ["Content-Length: 32"], GOOD, [201], KEEP),
    ("too short", ["Content-Length: 31"], GOOD, [400], None),
    ("gzip", ["Content-Encoding: gzip", "Content-Length: 32"], GOOD, [415], KEEP),
    ("identity", ["Content-Encoding: identity", "Content-Length: 32"], GOOD, [201], KEEP),
    ("no body at all", [], b"", [400], KEEP),
    ("an empty body", ["Content-Length: 0"], b"", [400], KEEP),
    ("another type", ["Content-Type: text/plain", "Content-Length: 32"], GOOD, [415], KEEP),
    ("a form", ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 32"],
     GOOD, [415], KEEP),
    ("a multipart form", ["Content-Type: multipart/form-data; boundary=x",
                          "Content-Length: 32"], GOOD, [415], KEEP),
    ("two types", ["Content-Type: application/json", "Content-Type: text/plain",
                   "Content-Length: 32"], GOOD, [400], END),
    ("a type with a charset", ["Content-Type: application/json; charset=utf-8",
                               "Content-Length: 32"], GOOD, [201], KEEP),
    ("a type in capitals", ["Content-Type: APPLICATION/JSON", "Content-Length: 32"], GOOD,
     [201], KEEP),
    ("a longer type", ["Content-Type: application/jsonx", "Content-Length: 32"], GOOD,
     [415], KEEP),
]

CHUNKED = [
    ("one chunk", b"20\r\n" + GOOD + b"\r\n0\r\n\r\n", [201], KEEP),
    ("byte by byte", b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n", [201],
     KEEP),
    ("capitals", b"000020\r\n" + GOOD + b"\r\n0\r\n\r\n", [201], KEEP),
    ("an extension", b"20;a=b\r\n" + GOOD + b"\r\n0\r\n\r\n", [201], KEEP),
    ("a trailer", b"20\r\n" + GOOD + b"\r\n0\r\nX: y\r\n\r\n", [201], KEEP),
    ("a trailer that names a length", b"20\r\n" + GOOD
     + b"\r\n0\r\nContent-Length: 5\r\n\r\n", [201], KEEP),
    ("only the last", b"0\r\n\r\n", [400], KEEP),
    ("no size", b"\r\n" + GOOD, None, END),
    ("a size that is no number", b"xyz\r\n" + GOOD, None, END),
    ("a negative size", b"-20\r\n" + GOOD, None, END),
    ("0x20", b"0x20\r\n" + GOOD, None, END),
    ("a size with a blank", b"2 0\r\n" + GOOD, None, END),
    ("a size of 17 digits", b"10000000000000020\r\n" + GOOD, None, END),
    ("a size of 16 digits", b"ffffffffffffffff\r\n" + GOOD, None, None),
    ("too small a size", b"1f\r\n" + GOOD + b"\r\n0\r\n\r\n", None, END),
    # libmicrohttpd takes the LF that is left for the end of a line; nobody else is fooled.
    ("too large a size by one", b"21\r\n" + GOOD + b"\r\n0\r\n\r\n", [201], KEEP),
    ("too large a size", b"23\r\n" + GOOD + b"\r\n0\r\n\r\n", None, END),
    ("no line end behind a chunk", b"20\r\n" + GOOD + b"0\r\n\r\n", None, END),
    ("an extension of 200 KiB", b"20;" + b"x" * 200000 + b"\r\n" + GOOD + b"\r\n0\r\n\r\n",
     None, END),
    ("a trailer of 200 KiB", b"20\r\n" + GOOD + b"\r\n0\r\nX: " + b"x" * 200000
     + b"\r\n\r\n", None, END),
]


def lengths():
    with Server() as s:
        s.post("/vectors", GOOD)
        for name, headers, body, want, keep in LENGTHS:
            data = request(POST, *headers, body=body)
            if keep is None or want is None:
                got = [a.status for a in split_answers(s.raw(data + NEXT, seconds=15))]
                expect("length: " + name, got,
                       lambda found, w=want: found[:1] == w if w else
                       len(found) == 0 or 400 <= found[0] < 600 or found == [201, 200])
            else:
                statuses(s, data, keep, "length: " + name, want)
        unchanged(s, "lengths", ["good"])


def chunks():
    with Server() as s:
        s.post("/vectors", GOOD)
        for name, body, want, keep in CHUNKED:
            data = request(POST, "Transfer-Encoding: chunked", body=body)
            if want is None:
                got = split_answers(s.raw(data + NEXT, seconds=2))
                expect("chunked: " + name, [a.status for a in got],
                       lambda found: all(400 <= status < 600 for status in found))
            else:
                statuses(s, data, keep, "chunked: " + name, want)
        got = s.raw(request("POST /vectors HTTP/1.0", "Transfer-Encoding: chunked",
                            body=b"0\r\n\r\n"))
        expect("chunked in HTTP/1.0", [a.status for a in split_answers(got)], [400])
        unchanged(s, "chunks", ["good"])


def many_on_one_connection():
    with Server() as s:
        one = request("GET /health HTTP/1.1")
        got = split_answers(s.raw(one * 1000 + NEXT))
        expect("pipelined", [a.status for a in got], [200] * 1001)
        body = b'{"id": "p%d", "vector": [1, 2]}'
        mixed = b"".join(request(POST, f"Content-Length: {len(body % i)}", body=body % i)
                         + request(f"GET /vectors/p{i} HTTP/1.1") for i in range(50))
        got = split_answers(s.raw(mixed + NEXT))
        expect("pipelined writes and reads", [a.status for a in got], [201, 200] * 50 + [200])
        expect("in order", [a.json().get("id") for a in got[1:100:2]],
               [f"p{i}" for i in range(50)])
        got = split_answers(s.raw(request(POST, "Expect: 100-continue", "Content-Length: 32",
                                          body=GOOD) + NEXT))
        expect("100-continue", [a.status for a in got], lambda found: found[-2:] == [201, 200])
        got = split_answers(s.raw(request(POST, "Expect: 100-continue",
                                          "Content-Length: 99999999"), seconds=5))
        expect("100-continue of too much", [a.status for a in got], [413])
        got = split_answers(s.raw(request("GET /health HTTP/1.1"), seconds=5, shut=True))
        expect("half a connection", [a.status for a in got], [200])
        got = split_answers(s.raw(request("HEAD /health HTTP/1.1", "Connection: close")))
        expect("HEAD", (got[0].status, got[0].body), (200, b""))
        expect("HEAD: length", int(got[0].headers["content-length"]), lambda n: n > 10)
        got = split_answers(s.raw(request("GET /health HTTP/1.1", "Content-Length: 5",
                                          body=b"hello") + NEXT))
        expect("a body where none is read", [a.status for a in got], [200, 200])
        got = split_answers(s.raw(request("GET /health HTTP/1.1",
                                          "Content-Length: 2000000") + b"x" * 2000000,
                                  seconds=5))
        expect("a long body where none is read", [a.status for a in got][:1],
               lambda found: found in ([413], []))


def cut_off():
    """Connections that end anywhere leave nothing behind."""
    generator = random.Random(8)
    whole = request(POST, "Content-Length: 32", body=GOOD)
    with Server("--head-seconds", 1, "--body-seconds", 1, "--idle-seconds", 1) as s:
        for at in range(0, len(whole), 3):
            with s.connect() as link:
                link.sendall(whole[:at])
        for at in range(0, len(whole), 3):
            with s.connect() as link:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))  # close with a reset
                link.sendall(whole[:at])
        for _ in range(40):
            with s.connect() as link:
                link.sendall(bytes(generator.randrange(256)
                                   for _ in range(generator.randrange(1, 300))))
                if generator.random() < 0.5:
                    link.shutdown(socket.SHUT_WR)
                    link.settimeout(3)
                    read_all(link)
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(generator.randrange(1, 4)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            with s.connect() as link:
                link.sendall(data)
                link.shutdown(socket.SHUT_WR)
                link.settimeout(5)
                read_all(link)
        expect("it is there", s.get("/health").status, 200)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = s.get("/metrics", headers={"Accept": "text/plain"}).body.decode()
            left = int(re.search(r"^vdb_http_connections (\d+)", text, re.M)[1])
            if left <= 1:
                break
            time.sleep(0.1)
        expect("no connection is left", left, 1)
        expect("no body is left", re.search(r"^vdb_http_body_bytes (\d+)", text, re.M)[1],
               "0")
        expect("stopped", s.stop(), 0)


if __name__ == "__main__":
    run([first_lines, heads, lengths, chunks, many_on_one_connection, cut_off])
