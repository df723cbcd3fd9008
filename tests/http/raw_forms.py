#!/usr/bin/env python3
"""Every form that a part of a request can have: raw_forms.py VDB_HTTPD [TEST...]

Tables, beside hostile.py: each line is one form, sent over a raw socket, with the status
that it must get, and whether the connection goes on.  `None` for statuses is what
libmicrohttpd refuses by itself, with an answer of its own or with none: never a success.
"""
from hostile import END, GOOD, KEEP, NEXT, POST, request, statuses
from support import Server, expect, run, split_answers

CRLF = b"\r\n"


def refused(server, data, name):
    """Nothing of it succeeds, whoever refuses it.  (Behind its own refusal of a
    Content-Length libmicrohttpd 0.9 repeats the head in the body: that is status 0.)"""
    got = [a.status for a in split_answers(server.raw(data + NEXT, seconds=15))]
    expect(name, got, lambda found: all(400 <= status < 600 for status in found[:1])
           and found[1:] in ([], [0]))


def case(server, name, data, want, keep):
    if want is None:
        refused(server, data, name)
    else:
        statuses(server, data, keep, name, [want])


def get(target, *headers):
    line = target if isinstance(target, bytes) else target.encode()
    return b"GET " + line + b" HTTP/1.1\r\n" + b"".join(
        (h if isinstance(h, bytes) else h.encode()) + CRLF
        for h in headers or ("Host: localhost",)) + CRLF


# --------------------------------------------------------- methods and routes

G = "GET HEAD OPTIONS"
PATHS = [
    # path, the methods that it has, what HEAD gets
    ("/vectors", G + " POST", 200),
    ("/vectors/good", G + " PUT PATCH DELETE", 200),
    ("/vectors/nobody", G + " PUT PATCH DELETE", 404),
    ("/vectors/batch", G + " POST PUT PATCH DELETE", 404),
    ("/vectors/get", G + " POST PUT PATCH DELETE", 404),
    ("/vectors/delete", G + " POST PUT PATCH DELETE", 404),
    ("/count", "POST OPTIONS", 405),
    ("/search", "POST OPTIONS", 405),
    ("/search/batch", "POST OPTIONS", 405),
    ("/checkpoint", "POST OPTIONS", 405),
    ("/backup", "POST OPTIONS", 405),
    ("/health", G, 200),
    ("/metrics", G, 200),
    ("/metrics/prometheus", G, 200),
    ("/version", G, 200),
    ("/stats", G, 200),
    ("/ui", G, 200),
]

METHODS = [
    # the method as it is sent, the status
    (b"GET", 200), (b"HEAD", 200), (b"Get", 405), (b"GETT", 405), (b"GE", 405),
    (b"G", 405), (b"GET ", 400), (b"PROPFIND", 405), (b"PRI", 405), (b"M-SEARCH", 405), (b"X!#$%&'*+.^_`|~1", 405),
    (b"x" * 40, 405), (b"x" * 9000, 405), (b"", None), (b" GET", None), (b"GET(", 400),
    (b"GET,POST", 400), (b"GET:", 400), (b"\"GET\"", 400), (b"GE\xc3\x84", 400), (b"GE\x01T", 400),
    (b"GE\x00T", 400), (b"GE\x7fT", 400), (b"GET\t", 400),
]


def methods():
    with Server() as s:
        s.post("/vectors", GOOD)
        for path, there, head in PATHS:
            got = split_answers(s.raw(request(f"HEAD {path} HTTP/1.1",
                                              "Connection: close")))
            expect(f"HEAD {path}", [(a.status, a.body) for a in got], [(head, b"")])
            got = split_answers(s.raw(request(f"OPTIONS {path} HTTP/1.1",
                                              "Connection: close")))
            expect(f"OPTIONS {path}", [(a.status, set(a.headers["allow"].split(", ")))
                                       for a in got], [(204, set(there.split()))])
            got = split_answers(s.raw(request(f"BREW {path} HTTP/1.1", "Content-Length: 2",
                                              body=b"{}") + NEXT))
            expect(f"BREW {path}", [(a.status, set(a.headers.get("allow", "").split(", ")))
                                    for a in got],
                   [(405, set(there.split())), (200, {""})])
        for method, want in METHODS:
            data = method + b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            if method == b"HEAD":
                continue  # above
            case(s, f"method {method[:20]!r}", data, want, END if want == 400 else KEEP)


VERSIONS = [
    (b" HTTP/1.1", 200, KEEP), (b" HTTP/1.0", 200, END), (b" HTTP/1.10", None, END),
    (b" HTTP/1.01", None, END), (b" HTTP/01.1", None, END), (b" HTTP/1.", None, END),
    (b" HTTP/.1", None, END), (b" HTTP/1,1", None, END), (b" HTTP/1.1x", None, END),
    (b" HTTP/1 .1", None, END), (b" HTTP /1.1", None, END), (b" HTTP/1.1 ", None, END),
    (b" HTTP/1.1\t", None, END), (b" HTTP/3.0", None, END), (b" HTTP/9.9", None, END),
    (b" HTTP/-1.1", None, END), (b" HTTPS/1.1", None, END), (b" HTTP", None, END),
    (b" HTTP/", None, END), (b" Http/1.1", None, END), (b" ICY/1.1", None, END),
    (b" 1.1", None, END), (b"  HTTP/1.1", None, END), (b"\x0bHTTP/1.1", None, END),
    (b" HTTP/1.1\x00", None, END), (b" HTTP/1\xc2\xb71", None, END),
]


def versions():
    with Server() as s:
        for version, want, keep in VERSIONS:
            case(s, f"version {version!r}",
                 b"GET /health" + version + b"\r\nHost: localhost\r\n\r\n", want, keep)


# ------------------------------------------------------------------ targets

IDS = [
    # as sent, as it is
    ("a%20b", "a b"), ("a+b", "a+b"), ("%2B", "+"), ("a%2Fb", "a/b"), ("a%2fc", "a/c"),
    ("%2F", "/"), ("%25", "%"), ("%2525", "%25"), ("%3F", "?"), ("%23", "#"), ("%26", "&"),
    ("a=b", "a=b"), ("a;b", "a;b"), ("a:b", "a:b"), ("a@b", "a@b"), ("a,b", "a,b"),
    ("!$'()*~", "!$'()*~"), ("%2E", "."), ("%2e%2e", ".."), (".hidden", ".hidden"),
    ("%0A", "\n"), ("%0D%0A", "\r\n"), ("%09", "\t"), ("%01", "\x01"), ("%7F", "\x7f"),
    ("%22", '"'), ("%5C", "\\"), ("%3Cscript%3E", "<script>"), ("%C3%A4", "ä"),
    ("%E2%82%AC", "€"), ("%ED%9F%BF", "\ud7ff"), ("%EE%80%80", "\ue000"),
    ("%EF%BF%BD", "\ufffd"), ("%EF%BF%BF", "\uffff"), ("%F0%90%80%80", "\U00010000"),
    ("%F4%8F%BF%BF", "\U0010ffff"), ("%61%62%63", "abc"), ("batch", "batch"),
    ("get", "get"), ("delete", "delete"), ("vectors", "vectors"), ("%E2%80%AE", "\u202e"),
]

BAD_IDS = [
    # not percent-encoding: the head is bad, and its connection ends
    ("%", 400, END), ("%4", 400, END), ("a%", 400, END), ("%%", 400, END),
    ("%G0", 400, END), ("%0G", 400, END), ("%u0041", 400, END), ("%-1", 400, END),
    ("%+1", 400, END), ("%2", 400, END), ("%00", 400, END), ("a%00", 400, END),
    # not UTF-8: an id that the library refuses
    ("%80", 400, KEEP), ("%BF", 400, KEEP), ("%C0%80", 400, KEEP), ("%C1%BF", 400, KEEP),
    ("%C3", 400, KEEP), ("%C3%28", 400, KEEP), ("%E0%80%80", 400, KEEP),
    ("%E0%9F%BF", 400, KEEP), ("%E2%82", 400, KEEP), ("%E2%28%A1", 400, KEEP),
    ("%ED%A0%80", 400, KEEP), ("%ED%BF%BF", 400, KEEP), ("%F0%80%80%80", 400, KEEP),
    ("%F0%8F%BF%BF", 400, KEEP), ("%F0%9F%98", 400, KEEP), ("%F4%90%80%80", 400, KEEP),
    ("%F5%80%80%80", 400, KEEP), ("%FE", 400, KEEP), ("%FF", 400, KEEP),
    ("a%C3%A4%C3", 400, KEEP),
]

ARGUMENTS = [
    ("", 200), ("&", 200), ("&&limit=1&&", 200), ("limit=1&", 200), ("limit=%31", 200),
    ("%6cimit=1", 200), ("limit=00000000000000000000001", 200), ("limit=100000", 200),
    ("after=", 200), ("prefix=", 200), ("after=a+b", 200), ("after=a%2Bb", 200),
    ("after=a=b", 200), ("prefix=%C3%A4", 200), ("after=%E2%82%AC&prefix=x&limit=3", 200),
    ("after=?", 200), ("after=/", 200), ("limit=1?", 400), ("limit", 400), ("limit=", 400),
    ("LIMIT=1", 400), ("limit=+1", 400), ("limit=%2B1", 400), ("limit=%201", 400),
    ("limit=1%20", 400), ("limit=1.0", 400), ("limit=0x1", 400), ("limit=1e1", 400),
    ("limit=%D9%A1", 400), ("limit=100001", 400), ("limit=18446744073709551617", 400),
    ("limit=1;after=a", 400), ("=1", 400), ("limit=1&limit=1", 400), ("limit=1&%6cimit=1", 400),
    ("limit%00=1", 400), ("limit=1%00", 400), ("after=%", 400), ("after=%zz", 400),
    ("prefix=%FF", 400), ("after=%C3", 400), ("a[]=1", 400), ("__proto__=1", 400),
    ("&".join(["limit=1"] * 16), 400), ("&".join("a" for _ in range(17)), 400),
]
MALFORMED_ARGUMENTS = {"limit%00=1", "limit=1%00", "after=%", "after=%zz",
                       "&".join("a" for _ in range(17))}

ABSOLUTE = [
    ("http://localhost/health", 200), ("http://localhost:80/health", 200),
    ("HTTP://LOCALHOST/health", 200), ("https://localhost/health", 200),
    ("http://127.0.0.1:3000/health", 200), ("http://[::1]:3000/health", 200),
    ("http://localhost/health?x=1", 200), ("http://localhost?x=1", 404),
    ("http://localhost/", 404), ("http://evil.example/health", 403),
    ("http://localhost.evil.example/health", 403), ("http://user@localhost/health", 403),
    ("http://localhost@evil.example/health", 403), ("http:///health", 403),
    ("http://:80/health", 403), ("http://localhost:x/health", 403), ("ftp://localhost/health", 404),
    ("file:///etc/passwd", 404), ("http:/health", 404), ("http:health", 404),
    ("//localhost/health", 404), ("localhost:80", 404), ("*", 404), ("?", 404), ("health?x", 404),
    ("/health//", 404), ("/%2Fhealth", 404), ("/./health", 404), ("/health/.", 404),
    ("/health/../health", 404), ("/health;x", 404), ("/HEALTH", 404), ("/health%20", 404),
    ("/healt%68?", 200), ("/health?#", 400), ("/health\\", 404), ("/health%5c", 404),
    ("/health`", 404), ("/{health}", 404), ("/<health>", 404), ("/\"health\"", 404),
    ("/metrics/prometheus/", 404), ("/metrics%2Fprometheus", 404), ("/search/batch/x", 404),
    ("/ui/", 404), ("/ui/index.html", 404),
]


def targets():
    with Server() as s:
        for sent, there in IDS:
            put = request(f"PUT /vectors/{sent} HTTP/1.1", "Content-Length: 17",
                          body=b'{"vector": [1,2]}')
            got = split_answers(s.raw(put + get(f"/vectors/{sent}", "Host: localhost",
                                                "Connection: close")))
            expect(f"id {sent}", [(a.status, a.json().get("id")) for a in got],
                   [(200, there), (200, there)])
        expect("all of them", set(s.get("/vectors").json()), {there for _, there in IDS})
        for sent, want, keep in BAD_IDS:
            case(s, f"bad id {sent}", get(f"/vectors/{sent}"), want, keep)
        for text, want in ARGUMENTS:
            case(s, f"arguments {text[:40]}", get(f"/vectors?{text}"), want,
                 END if text in MALFORMED_ARGUMENTS else KEEP)
        for target, want in ABSOLUTE:
            case(s, f"target {target}", get(target), want, END if want == 400 else KEEP)
        expect("nothing more", len(s.get("/vectors").json()), len(IDS))


# ------------------------------------------------------------------ headers

FIELDS = [
    # a line of the head, the status; 400 ends the connection
    (b"X:", 200), (b"X: ", 200), (b"X:y", 200), (b"X:    y", 200), (b"X:\ty\t", 200),
    (b"X: y    ", 200), (b"X::y", 200), (b"X: y: z", 200), (b"X: \"", 200), (b"X: (", 200),
    (b"X: \xff", 200), (b"X: \xc3\xa4", 200), (b"!: 1", 200), (b"#: 1", 200), (b"$: 1", 200),
    (b"%: 1", 200), (b"&: 1", 200), (b"': 1", 200), (b"*: 1", 200), (b"+: 1", 200),
    (b"-: 1", 200), (b".: 1", 200), (b"^: 1", 200), (b"_: 1", 200), (b"`: 1", 200),
    (b"|: 1", 200), (b"~: 1", 200), (b"0: 1", 200), (b"x" * 200 + b": 1", 200),
    (b"(X: 1", 400), (b"X): 1", 400), (b"X,Y: 1", 400), (b"X/Y: 1", 400), (b"X;Y: 1", 400),
    (b"X<Y: 1", 400), (b"X=Y: 1", 400), (b"X>Y: 1", 400), (b"X?Y: 1", 400), (b"X@Y: 1", 400),
    (b"X[Y: 1", 400), (b"X\\Y: 1", 400), (b"X]Y: 1", 400), (b"X{Y: 1", 400), (b"X}Y: 1", 400),
    (b"X\"Y: 1", 400), (b"X Y: 1", 400), (b"X\tY: 1", 400), (b"X\t: 1", 400), (b"X\x01: 1", 400),
    (b"X\x7f: 1", 400), (b"X\x80: 1", 400), (b"X: \x01", 400), (b"X: a\x08", 400),
    (b"X: \x0b", 400), (b"X: \x0c", 400), (b"X: \x1b[31m", 400), (b"X: \x1f", 400),
    (b"X: a\x7f", 400), (b"X: a\rY: b", 400), (b"X: a\r", 400), (b"X: a\n b", 400),
    (b"X: a\r\n\tb", 400), (b"X: a\r\n b\r\n c", 400), (b"X:\r\n b", 400), (b"X: a\r\n ", 400),
    (b"X: a\r\n Host: evil", 400), (b" X: a", None), (b"\tX: a", None), (b"X", None),
    (b"=", None), (b"X: a\x00", 400), (b"X: a\x00b: c", 400), (b"\x00: a", None),
    (b"X: a\nHost: evil", 400), (b"X: a\n", 400), (b"\nX: a", None), (b"\rX: a", 400),
    (b"Host : localhost", 400), (b"Content-Length: 0", 200), (b"content-length: 0", 200),
    (b"Content-Length : 0", 400), (b"Content_Length: 5", 200), (b"Transfer_Encoding: chunked", 200),
    (b"Transfer-Encoding : chunked", 400), (b"Transfer-Encoding\t: chunked", 400),
    (b"TE: trailers", 200), (b"Trailer: X", 200), (b"Via: 1.1 x", 200), (b"Max-Forwards: 0", 200),
    (b"Range: bytes=0-1", 200), (b"If-Match: *", 200), (b"If-Modified-Since: x", 200),
    (b"X-HTTP-Method-Override: DELETE", 200), (b"X-Forwarded-Host: evil", 200),
    (b"X-Original-URL: /stats", 200), (b"Forwarded: host=evil", 200), (b"Upgrade: websocket", 200),
    (b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", 200),
]

ENDS = [
    # whole heads whose lines end otherwise
    ("LF behind the first line", b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    ("LF behind every line", b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    ("LF for the blank line", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\n", 400),
    ("LF behind the last line", b"GET /health HTTP/1.1\r\nHost: localhost\n\r\n", 400),
    ("CR CR LF", b"GET /health HTTP/1.1\r\r\nHost: localhost\r\n\r\n", None),
    ("CR CR LF behind a header", b"GET /health HTTP/1.1\r\nHost: localhost\r\r\n\r\n", 400),
    ("LF CR", b"GET /health HTTP/1.1\n\rHost: localhost\n\r\n\r", None),
    ("the first header folded", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", None),
    ("Host folded", b"GET /health HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n", 400),
    ("Host folded behind", b"GET /health HTTP/1.1\r\nHost: localhost\r\n :80\r\n\r\n", 400),
]

HOSTS = [
    ("localhost", 200), ("LocalHost", 200), ("localhost:1", 200), ("localhost:99999", 200),
    ("127.0.0.1", 200), ("127.255.255.254", 200), ("[::1]", 200), ("[::1]:3000", 200),
    ("localhost:", 200), ("\tlocalhost", 200), ("localhost  ", 200), ("", 403), ("::1", 403),
    ("[::1", 403), ("[::1]x", 403), ("[::]", 403), ("[::1]]", 403), ("[]", 403), ("[", 403),
    ("0.0.0.0", 403), ("128.0.0.1", 403), ("10.0.0.1", 403), ("127.0.0.1.evil", 403),
    ("127.0.0.1x", 403), ("1127.0.0.1", 403), ("localhost.", 403), ("localhost.evil", 403),
    ("evil.localhost", 403), ("localhos", 403), ("localhostx", 403), ("localhost:80:80", 403),
    ("localhost:-1", 403), ("localhost:8 0", 403), ("localhost, evil", 403),
    ("localhost evil", 403), ("localhost/", 403), ("localhost#", 403), ("localhost?", 403),
    ("user@localhost", 403), ("localhost@evil", 403), ("localhost\\", 403), ("%6cocalhost", 403),
    ("http://localhost", 403), ("xn--localhost", 403), ("*", 403), ("null", 403), ("löcalhost", 403),
]


def headers():
    with Server() as s:
        for line, want in FIELDS:
            case(s, f"field {line[:40]!r}", get("/health", b"Host: localhost", line), want,
                 END if want == 400 else KEEP)
        for name, data, want in ENDS:
            case(s, name, data, want, END)
        for host, want in HOSTS:
            case(s, f"Host {host!r}", get("/health", f"Host: {host}"), want, KEEP)


# ------------------------------------------------------------------- bodies

B = GOOD
LENGTHS = [
    # the value of Content-Length, with 32 bytes behind the head
    (b"32", 201, KEEP), (b" 32", 201, KEEP), (b"\t32", 201, KEEP), (b"0000000000000000000032", 201, KEEP),
    (b"+32", None, END), (b"-0", None, END), (b"--32", None, END), (b"32,", None, END),
    (b",32", None, END), (b"32,32", None, END), (b"32;x", None, END), (b"32x", None, END),
    (b"32 x", None, END), (b"0x20", None, END), (b"040h", None, END), (b"32.", None, END),
    (b"32.5", None, END), (b"1e2", None, END), (b"\"32\"", None, END), (b"'32'", None, END),
    (b"32\x0b", None, END), (b"\xef\xbc\x93\xef\xbc\x92", None, END), (b"NaN", None, END),
    (b"chunked", None, END), (b"4294967328", 413, END), (b"9223372036854775807", 413, END),
    (b"9223372036854775808", 413, END), (b"18446744073709551616", None, END),
    (b"36893488147419103264", None, END), (b"340282366920938463463374607431768211488", None, END),
    (b"99999999999999999999999999999999999999999999", None, END),
]

ENCODINGS = [
    # the value of Transfer-Encoding, with a whole chunked body behind the head
    (b"chunked", 201, KEEP), (b"Chunked", 201, KEEP), (b"CHUNKED", 201, KEEP),
    (b"  chunked", 201, KEEP), (b"chunked,", 501, END), (b",chunked", 501, END),
    (b"chunked;q=1", 501, END), (b"chunked, chunked", 501, END), (b"identity, chunked", 501, END),
    (b"identity", 501, END), (b"deflate", 501, END), (b"gzip", 501, END), (b"compress, gzip", 501, END),
    (b"x-chunked", 501, END), (b"chunke", 501, END), (b"chunkedd", 501, END), (b"chun ked", 501, END),
    (b"'chunked'", 501, END), (b"\x0bchunked", 400, END), (b"chunked\x00", 400, END),
    (b"chunked\xa0", 501, END), (b"0", 501, END),
]


def chunk(size, data=B, tail=CRLF):
    return size + CRLF + data + tail


LAST = b"0\r\n\r\n"
CHUNKS = [
    ("a size with zeros before", chunk(b"0000000000000020") + LAST, 201, KEEP),
    ("a size in capitals", b"1A\r\n" + B[:26] + b"\r\n6\r\n" + B[26:] + CRLF + LAST, 201, KEEP),
    ("a size in small letters", b"1a\r\n" + B[:26] + b"\r\n6\r\n" + B[26:] + CRLF + LAST, 201, KEEP),
    ("an extension without a value", chunk(b"20;a") + LAST, 201, KEEP),
    ("a quoted extension", chunk(b"20;a=\"b;c\"") + LAST, 201, KEEP),
    ("two extensions", chunk(b"20;a=b;c=d") + LAST, 201, KEEP),
    ("an empty extension", chunk(b"20;") + LAST, 201, KEEP),
    ("an extension of the last", chunk(b"20") + b"0;a=b\r\n\r\n", 201, KEEP),
    ("zeros for the last", chunk(b"20") + b"000\r\n\r\n", 201, KEEP),
    ("a blank behind the size", chunk(b"20 ") + LAST, None, END),
    ("a tab behind the size", chunk(b"20\t") + LAST, None, END),
    ("a blank before the size", chunk(b" 20") + LAST, None, END),
    ("+20", chunk(b"+20") + LAST, None, END),
    ("-1", chunk(b"-1") + LAST, None, END),
    ("20h", chunk(b"20h") + LAST, None, END),
    ("0x20", chunk(b"0X20") + LAST, None, END),
    ("2_0", chunk(b"2_0") + LAST, None, END),
    ("an extension without a size", chunk(b";a=b") + LAST, None, END),
    ("a NUL in the size", chunk(b"2\x000") + LAST, None, END),
    ("a high byte in the size", chunk(b"20\xa0") + LAST, None, END),
    ("a fraction", chunk(b"20.0") + LAST, None, END),
    ("a decimal point", chunk(b".20") + LAST, None, END),
    ("2^64 + 32", chunk(b"10000000000000020") + LAST, None, END),
    ("2^128 + 32", chunk(b"100000000000000000000000000000020") + LAST, None, END),
    ("a body of two chunks", chunk(b"10", B[:16]) + chunk(b"10", B[16:]) + LAST, 201, KEEP),
    ("three, one of a byte", chunk(b"1", B[:1]) + chunk(b"1e", B[1:31]) + chunk(b"1", B[31:])
     + LAST, 201, KEEP),
    ("CR for the end of a chunk", chunk(b"20", tail=b"\r") + LAST, None, END),
    ("nothing for the end of a chunk", chunk(b"20", tail=b"") + LAST, None, END),
    ("two ends of a chunk", chunk(b"20", tail=b"\r\n\r\n") + LAST, None, END),
    ("CR behind a size", b"20\r" + B + CRLF + LAST, None, END),
    ("a trailer", chunk(b"20") + b"0\r\nX: y\r\n\r\n", 201, KEEP),
    ("two trailers", chunk(b"20") + b"0\r\nX: y\r\nZ: y\r\n\r\n", 201, KEEP),
    ("a trailer that names a host", chunk(b"20") + b"0\r\nHost: evil\r\n\r\n", 201, KEEP),
    ("a trailer that names a token", chunk(b"20") + b"0\r\nAuthorization: x\r\n\r\n", 201, KEEP),
    ("a trailer that names an encoding", chunk(b"20") + b"0\r\nTransfer-Encoding: gzip\r\n\r\n",
     201, KEEP),
    ("a trailer that is no header", chunk(b"20") + b"0\r\nnonsense\r\n\r\n", None, END),
    ("half a document", chunk(b"10", B[:16]) + LAST, 400, KEEP),
    ("a document and more", chunk(b"20") + chunk(b"1", b"}") + LAST, 400, KEEP),
]

TYPES = [
    # Content-Type, POST /vectors, POST /vectors/batch
    ("application/json", 201, 201), ("Application/Json", 201, 201),
    ("application/json;charset=utf-8", 201, 201), ("application/json; charset=\"utf-8\"", 201, 201),
    ("application/json ; x=y", 201, 201), ("application/json;", 201, 201),
    ("application/json\tx", 201, 201), ("application/jso", 415, 415), ("application/json5", 415, 415),
    ("application/ld+json", 415, 415), ("application / json", 415, 415),
    ("application/json,text/plain", 415, 415), ("text/json", 415, 415), ("json", 415, 415),
    ("application/*", 415, 415), ("*/*", 415, 415), ("/", 415, 415), (";", 415, 415),
    ("text/plain", 415, 415), ("application/x-www-form-urlencoded", 415, 415),
    ("multipart/form-data", 415, 415), ("application/xml", 415, 415),
    ("application/x-ndjson", 415, 201), ("APPLICATION/X-NDJSON; charset=utf-8", 415, 201),
    ("application/ndjson", 415, 415), ("application/octet-stream", 415, 400),
]


def bodies():
    with Server("--body-seconds", 5) as s:
        s.post("/vectors", GOOD)
        for value, want, keep in LENGTHS:
            case(s, f"Content-Length {value!r}",
                 request(POST, b"Content-Length: " + value, body=B), want, keep)
        for value, want, keep in ENCODINGS:
            case(s, f"Transfer-Encoding {value!r}",
                 request(POST, b"Transfer-Encoding: " + value, body=chunk(b"20") + LAST), want,
                 keep)
        for name, data, want, keep in CHUNKS:
            case(s, f"chunks: {name}", request(POST, "Transfer-Encoding: chunked", body=data),
                 want, keep)
        for kind, one, many in TYPES:
            case(s, f"one of type {kind}", request(
                POST, f"Content-Type: {kind}", "Content-Length: 32", body=B), one, KEEP)
            body = b'{"id": "good", "vector": [1, 2]}\n' if "ndjson" in kind.lower() else \
                b'{"vectors": [{"id": "good", "vector": [1, 2]}]}'
            case(s, f"many of type {kind}", request(
                "POST /vectors/batch HTTP/1.1", f"Content-Type: {kind}",
                f"Content-Length: {len(body)}", body=body), many, KEEP)
        expect("nothing else is stored", s.get("/vectors").json(), ["good"])


# ------------------------------------------------ several, and what they ask

BAD = request("GET /health HTTP/1.1", "X : y")
FINE = request("GET /health HTTP/1.1")


def on(*lines, body=b""):
    return request(lines[0], *lines[1:], body=body)


ROWS = [
    # what is sent on one connection, the statuses, whether it goes on
    ("good, bad", FINE + BAD, [200, 400], END),
    ("bad, good", BAD + FINE, [400], END),
    ("a blank line between", FINE + CRLF + FINE, [200, 200], KEEP),
    ("blank lines between", FINE + CRLF * 5 + FINE, [200, 200], KEEP),
    ("404 with a body, then good", on("POST /nothing HTTP/1.1", "Content-Length: 32", body=B)
     + FINE, [404, 200], KEEP),
    ("405 with a body, then good", on("POST /health HTTP/1.1", "Content-Length: 32", body=B)
     + FINE, [405, 200], KEEP),
    ("405 with chunks, then good", on("POST /health HTTP/1.1", "Transfer-Encoding: chunked",
                                      body=chunk(b"20") + LAST) + FINE, [405], END),
    ("415 with a body, then good", on(POST, "Content-Type: text/plain", "Content-Length: 32",
                                      body=B) + FINE, [415, 200], KEEP),
    ("415 with a request for its body", on(POST, "Content-Type: text/plain",
                                           f"Content-Length: {len(FINE)}", body=FINE) + FINE,
     [415, 200], KEEP),
    ("400 with a request for its body", on(POST, f"Content-Length: {len(FINE)}", body=FINE)
     + FINE, [400, 200], KEEP),
    ("413, then good", on(POST, "Content-Length: 99999999", body=B) + FINE, [413], END),
    ("chunks, then good", on(POST, "Transfer-Encoding: chunked", body=chunk(b"20") + LAST)
     + FINE, [201, 200], KEEP),
    ("a body for DELETE", on("DELETE /vectors/nobody HTTP/1.1", "Content-Length: 32", body=B)
     + FINE, [404, 200], KEEP),
    ("a body for GET", on("GET /vectors HTTP/1.1", "Content-Length: 32", body=B) + FINE,
     [200, 200], KEEP),
    ("a body in chunks for GET", on("GET /vectors HTTP/1.1", "Transfer-Encoding: chunked",
                                    body=chunk(b"20") + LAST) + FINE, [200, 200], KEEP),
    ("close, then more", on("GET /health HTTP/1.1", "Connection: close") + FINE, [200], END),
    ("Close", on("GET /health HTTP/1.1", "Connection: CLOSE") + FINE, [200], END),
    ("close among others", on("GET /health HTTP/1.1", "Connection: x, close") + FINE, [200], END),
    ("keep-alive, close", on("GET /health HTTP/1.1", "Connection: keep-alive, close") + FINE,
     [200], END),
    ("closed", on("GET /health HTTP/1.1", "Connection: closed") + FINE, [200, 200], KEEP),
    ("HTTP/1.0, then more", on("GET /health HTTP/1.0") + FINE, [200], END),
    ("HTTP/1.0, kept", on("GET /health HTTP/1.0", "Connection: Keep-Alive") + FINE, [200, 200],
     KEEP),
    ("HTTP/1.0 with a body", on("POST /vectors HTTP/1.0", "Content-Length: 32", body=B), [201],
     END),
    ("HTTP/1.0 without a length", on("POST /vectors HTTP/1.0", body=B), None, END),
    ("HTTP/1.0 in chunks", on("POST /vectors HTTP/1.0", "Transfer-Encoding: chunked",
                              body=chunk(b"20") + LAST), [400], END),
    ("Expect", on(POST, "Expect: 100-continue", "Content-Length: 32", body=B), [201], KEEP),
    ("Expect in capitals", on(POST, "Expect: 100-CONTINUE", "Content-Length: 32", body=B), [201],
     KEEP),
    ("Expect in chunks", on(POST, "Expect: 100-continue", "Transfer-Encoding: chunked",
                            body=chunk(b"20") + LAST), [201], KEEP),
    ("Expect in HTTP/1.0", on("POST /vectors HTTP/1.0", "Expect: 100-continue",
                              "Content-Length: 32", body=B), [201], END),
    ("Expect twice", on(POST, "Expect: 100-continue", "Expect: 100-continue",
                        "Content-Length: 32", body=B), [400], END),
    ("Expect two things", on(POST, "Expect: 100-continue, x", "Content-Length: 32", body=B),
     [417], END),
    ("Expect nothing", on(POST, "Expect:", "Content-Length: 32", body=B), [417], END),
    ("Expect 200", on(POST, "Expect: 200-ok", "Content-Length: 32", body=B), [417], END),
    ("Expect at nowhere", on("POST /nothing HTTP/1.1", "Expect: 100-continue",
                             "Content-Length: 32"), [404], END),
    ("Expect with a wrong type", on(POST, "Expect: 100-continue", "Content-Type: text/plain",
                                    "Content-Length: 32"), [415], END),
    ("Expect and too much", on(POST, "Expect: 100-continue", "Content-Length: 33554433"), [413],
     END),
    ("Expect with a wrong method", on("BREW /vectors HTTP/1.1", "Expect: 100-continue",
                                      "Content-Length: 32"), [405], END),
]

ACCEPTS = [
    # Accept of GET /metrics, whether the answer is text
    (None, False), ("", False), ("*/*", False), ("text/plain", True), ("TEXT/PLAIN", True),
    ("text/plain;version=0.0.4", True), ("text/plain; q=0.5", True), ("text/plain;q=0", False),
    ("text/plain;q=0.000", False), ("text/plain;q=x", False), ("text/plainx", False),
    ("xtext/plain", False), ("text/*", False), ("text/html, */*", False), ("text", False),
    ("application/json", False), ("application/json, text/plain, */*", False),
    ("text/plain, application/json", False), ("text/plain, application/json;q=0.5", True),
    ("text/plain;q=0.5, application/json", False), ("text/html,text/plain", True),
    ("application/json;x=\"text/plain\"", False), (",,text/plain,,", True),
    ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
     True),
]


def rows():
    with Server("--head-seconds", 3, "--body-seconds", 3) as s:
        s.post("/vectors", GOOD)
        for name, data, want, keep in ROWS:
            if want is None:
                refused(s, data, name)
            else:
                statuses(s, data, keep, name, want)
        for value, want in ACCEPTS:
            lines = ["Host: localhost"] + ([] if value is None else [f"Accept: {value}"])
            got = split_answers(s.raw(get("/metrics", *lines, "Connection: close")))
            expect(f"Accept {value}", [a.headers["content-type"].startswith("text/plain")
                                       for a in got], [want])
        got = split_answers(s.raw(on("GET /health HTTP/1.1", "Expect: 100-continue",
                                     "Connection: close")))
        expect("Expect without a body", [a.status for a in got], [100, 200])
        got = split_answers(s.raw(on("HEAD /health HTTP/1.1") + NEXT).replace(
            b"\r\n\r\nHTTP", b"\r\nContent-Length: 0\r\n\r\nHTTP"))
        expect("HEAD, then GET", [a.status for a in got], [200, 200])
        whole = request(POST, "Content-Length: 32", "Connection: close",
                        body=b'{"id": "slow", "vector": [1, 2]}')
        for at in (1, 4, 13, 22, 23, 24, 40, 41, len(whole) - 33, len(whole) - 32, len(whole) - 1):
            got = split_answers(s.raw([whole[:at], whole[at:]], pause=0.05))
            expect(f"cut behind byte {at}", [a.status for a in got], [201])
        got = split_answers(s.raw([bytes([byte]) for byte in whole]))
        expect("byte by byte", [a.status for a in got], [201])
        expect("nothing else is stored", s.get("/vectors").json(), ["good", "slow"])


# ------------------------------------------------------------------- tokens

FULL, READ = "F" * 30, "R" * 30
TOKENS = [
    # Authorization, GET /vectors, POST /vectors, POST /checkpoint
    (None, 401, 401, 401), (f"Bearer {FULL}", 200, 201, 200), (f"Bearer {READ}", 200, 403, 403),
    (f"bearer {FULL}", 200, 201, 200), (f"BEARER {READ}", 200, 403, 403),
    (f"Bearer  {FULL}", 200, 201, 200), (f"Bearer {FULL} ", 200, 201, 200),
    ("", 401, 401, 401), ("Bearer", 401, 401, 401), ("Bearer ", 401, 401, 401),
    (FULL, 401, 401, 401), (f"Bearer{FULL}", 401, 401, 401), (f"Basic {FULL}", 401, 401, 401),
    (f"Bearer {FULL}x", 401, 401, 401), (f"Bearer {FULL[:-1]}", 401, 401, 401),
    (f"Bearer {FULL.lower()}", 401, 401, 401), (f"Bearer {FULL[:-1]}R", 401, 401, 401),
    (f"Bearer {FULL} {READ}", 401, 401, 401), (f"Bearer {FULL},", 401, 401, 401),
    (f"Bearer \"{FULL}\"", 401, 401, 401), (f"Bearer {FULL}{FULL}", 401, 401, 401),
    ("Bearer " + "F" * 2000, 401, 401, 401), (f"Bearer token={FULL}", 401, 401, 401),
    (f"Token {FULL}", 401, 401, 401), (f"Bearer {FULL}\xff", 401, 401, 401),
]


def tokens():
    for name, text in (("full", FULL), ("read", READ)):
        with open(name, "w", encoding="ascii") as file:
            file.write(text + "\n")
    with Server("--token-file", "full", "--read-token-file", "read") as s:
        for value, read, write, admin in TOKENS:
            sent = [] if value is None else [("Authorization: " + value).encode("latin-1")]
            for line, want, body in (("GET /vectors HTTP/1.1", read, b""), (POST, write, GOOD),
                                     ("POST /checkpoint HTTP/1.1", admin, b"")):
                data = request(line, *sent, *([f"Content-Length: {len(body)}"] if body else []),
                               body=body)
                statuses(s, data, KEEP, f"{line}: {value}", [want])
        for name, data, want in [
                ("a token in the target", get(f"/vectors?token={FULL}"), 401),
                ("a token in a cookie", get("/vectors", "Host: localhost",
                                            f"Cookie: token={FULL}"), 401),
                ("a token in another header", get("/vectors", "Host: localhost",
                                                  f"X-Api-Key: {FULL}"), 401),
                ("a token for a proxy", get("/vectors", "Host: localhost",
                                            f"Proxy-Authorization: Bearer {FULL}"), 401),
                ("a token in the authority", get(f"http://{FULL}@localhost/vectors"), 403),
                ("no such route", get("/nothing"), 401),
                ("no such method", request("BREW /vectors HTTP/1.1"), 401),
                ("health", get("/health"), 200),
                ("health with a wrong token", get("/health", "Host: localhost",
                                                  "Authorization: Bearer x"), 200),
                ("the page", get("/ui"), 200)]:
            case(s, name, data, want, KEEP)


if __name__ == "__main__":
    run([methods, versions, targets, headers, bodies, rows, tokens])
