#!/usr/bin/env python3
"""JSON as RFC 8259 has it, and as it has not: json_texts.py VDB_HTTPD [TEST...]

Each text is sent as an ignored member, as metadata and as a whole body.  What is JSON is
taken, and metadata come back byte for byte; what is not is 400, and nothing is stored.
"""
import json

from support import Server, expect, run

# Values that are JSON.
GOOD = [
    "null", "true", "false", "0", "-0", "1", "-1", "10", "1234567890", "0.5", "-0.5",
    "1e5", "1E5", "1e+5", "1e-5", "1.5e+10", "0e0", "0e-5", "-0.0", "-0e1", "1e0005",
    "123456789012345678", "9223372036854775807", "-9223372036854775808",
    "1.7976931348623157e308", "5e-324", "1e-400", "0.1234567890123456789012345678901234",
    '""', '"a"', '"\\""', '"\\\\"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\\u0041"',
    '"\\u00e4"', '"\\u20AC"', '"\\u20ac"', '"\\uD834\\uDD1E"', '"\\ud834\\udd1e"',
    '"ä€𝄞"', '"\x7f"', '"\u2028\u2029"', '"\ufeff"', '"\ufffe"', '"\\u0001"',
    '"\\uFFFF"', '"' + "x" * 5000 + '"', '"null"', '"[1,2"', '"{"', '"//"',
    "[]", "[ ]", "[\t]", "[\n\r]", "[1]", "[1,2]", "[1 , 2]", "[[]]", "[[],[]]", "[{}]",
    "[null,true,false]", '["a",1,null]', "[" * 70 + "]" * 70, "[1.0,2e3,-4]",
    "{}", "{ }", '{"a":1}', '{ "a" : 1 }', '{"a":{}}', '{"a":[]}', '{"a":1,"b":2}',
    '{"":1}', '{"\\u0061":1}', '{"a b":1}', '{"ä":1}', '{"a":1,"A":2}', '{"vector":[1]}',
    '{"a":{"vector":[1,2,3]}}', '{"vector_b64":"AA=="}', '{"id":7}',
    '{"x":"' + "y" * 2000 + '"}', '[{"a":1},{"a":1}]', '{"a":"]"}', '{"a":"}"}',
    '{"a":"\\\\"}', '{"a":"\\""}', " 1", "1 ", "\n\t\r 1 \r\t\n",
    "[" + ",".join("0" for _ in range(1000)) + "]",
]

# What is not JSON, or not for Jansson's strictness: too big an integer, a number beyond
# doubles, a NUL, a name twice.
BAD = [
    "", " ", "nul", "NULL", "True", "tru", "falsee", "undefined", "nil", "NaN", "Infinity",
    "-Infinity", "inf", "+1", "01", "-01", "00", "1.", ".5", "-.5", "-", "+", "1e", "1e+",
    "1E-", "e5", "1.e5", "0x10", "1_000", "1,5", "1 2", "--1", "1-", "1.5.5", "1e5.5",
    "1e5e5", "0.", "-a", "1a", "٣", "1²", "½", "９",
    "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890",
    "1e309", "-1e309", "1e400", "1e99999999999",
    '"', '"a', "'a'", '"\\', '"\\"', '"\\x"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"',
    '"\\u123g"', '"\\U0041"', '"\\u 041"', '"\\a"', '"\\0"', '"\\ "', '"\n"', '"\t"',
    '"\r"', '"\x00"', '"\x1f"', '"\x01"', '"\\u0000"', '"\\ud800"', '"\\udc00"',
    '"\\ud800\\ud800"', '"\\ud834\\u0041"', '"\\ud834x"', '"\\udd1e\\ud834"', 'a', '"a"b',
    '"a" "b"', "`a`",
    b'"\xff"', b'"\xc0\xaf"', b'"\xe0\x80\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xf8\x88\x80\x80\x80"', b'"\xe4"', b'"\xe2\x82"', b'"\x80"', b'"\xbf"', b'"\xfe"',
    b'"\xc3("', b'\xff', b'"\xf0\x9d\x84"',
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]",
    "[}", "[1}", "[[]", "[]]", "[[1]", "[1]]", "[\"a\"", "[\"a\",", "[1,\n2", "[*]",
    "[1,/**/2]", "[1]//", "[-]", "[--1]", "[1.]", "[.1]", "[01]", "[+1]", "[1e]", "[NaN]",
    "[Infinity]", "[nul]", "[x]", "[1,2,3", "[\x001]", "[1\x00]", "(1)", "<1>",
    "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,"a":1}', '{"a" 1}',
    '{"a"}', '{"a":}', '{:1}', "{a:1}", "{'a':1}", "{1:1}", "{null:1}", '{"a":1 "b":2}',
    '{"a":1;"b":2}', '{"a":1,,"b":2}', '{"a"::1}', '{"a":1:2}', '{"a":1]', '{"a":1}}',
    '{{"a":1}}', '{[]:1}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"a":{"b":1,"b":1}}',
    '{"\\u0000":1}', '{"a":\n', '{"a\n":1}', '{"a":1}x', '{"a":1}{"b":2}', '{"a":1},',
    '{"a":1} // c', '{"a":1} /* c */', '# {"a":1}', "{\x00}", '{"a":"\\ud800"}',
    "\ufeff1", "\u00a01", "\x0b1", "\x0c1", "\u20281", "1\x0c", "1\x00",
    "[" * 81 + "]" * 81, '{"a":' * 81 + "1" + "}" * 81, "[" * 100000, '[{"a":' * 50000,
]


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def shown(text):
    return repr(text if len(text) <= 40 else text[:37]) + ("" if len(text) <= 40 else "...")


def as_ignored_member():
    with Server() as s:
        for text in GOOD:
            got = s.post("/vectors", b'{"extra": %s, "id": "x", "vector": [1]}'
                         % as_bytes(text))
            expect(f"good {shown(text)}", got.status, 201)
        s.delete("/vectors/x")
        for text in BAD:
            got = s.post("/vectors", b'{"extra": %s, "id": "x", "vector": [1]}'
                         % as_bytes(text))
            expect(f"bad {shown(text)}", got.status, 400)
        expect("nothing is stored", s.get("/vectors").json(), [])


def as_metadata():
    with Server() as s:
        for i, text in enumerate(GOOD):
            inner = '{"m": %s}' % text
            deep = text.startswith("[" * 33)
            got = s.post("/vectors", ('{"metadata": %s, "id": "m%d", "vector": [1]}'
                                      % (inner, i)).encode())
            expect(f"metadata {shown(text)}", got.status, 400 if deep else 201)
            if not deep:
                got = s.get(f"/vectors/m{i}").body
                expect(f"metadata {shown(text)} comes back", inner.encode() in got, True)
        before = s.get("/vectors").json()
        for text in BAD:
            got = s.post("/vectors", b'{"metadata": {"m": %s}, "id": "x", "vector": [1]}'
                         % as_bytes(text))
            expect(f"metadata {shown(text)}", got.status, 400)
        expect("nothing is stored", s.get("/vectors").json(), before)


def as_whole_body():
    with Server() as s:
        for text in GOOD:
            value = json.loads(text)
            got = s.post("/search", as_bytes(text))
            good = isinstance(value, dict) and "vector" in value
            expect(f"body {shown(text)}", got.status, 200 if good else
                   400 if isinstance(value, dict) and "vector_b64" in value else 422)
        for text in BAD:
            expect(f"body {shown(text)}", s.post("/search", as_bytes(text)).status, 400)


def as_numbers_of_a_vector():
    """Those are read by this program's own few lines: the same verdicts, and values as
    double precision has them."""
    numbers = [text for text in GOOD if text.strip()[0] in "-0123456789"]
    with Server() as s:
        for text in numbers + ["123456789012345678901234567890", "1e22", "1e23", "1e-22",
                               "9007199254740993", "0.3", "33554433", "16777219",
                               "3.4028235677973366e38", "1.401298464324817e-45",
                               "0." + "0" * 30 + "7", "7" + "0" * 30, "0.1e1", "100e-2"]:
            value = float(text)
            body = '{"id": "n", "vector": [1, %s]}' % text
            got = s.post("/vectors", body)
            fits = abs(value) < 3.4028235677973366e38
            if expect(f"number {text[:40]}", got.status, 201 if fits else 400) and fits:
                plain = s.get("/vectors/n").json()["vector"]
                # The same number, but through Jansson, since the name has an escape.
                slow = '{"id": "n", "v\\u0065ctor": [1, %s]}' % text
                if s.post("/vectors", slow).status == 201:
                    expect(f"number {text[:40]}: both ways", s.get("/vectors/n").json()
                           ["vector"], plain)
        for text in BAD:
            got = s.post("/vectors", b'{"id": "x", "vector": [1, %s]}' % as_bytes(text))
            # An integer of any size is a number here.
            fine = text in ("9223372036854775808", "-9223372036854775809",
                            "123456789012345678901234567890")
            if text == "1,5":
                continue  # two numbers
            expect(f"no number {shown(text)}", got.status, 201 if fine else 400)
            s.delete("/vectors/n" if fine else "/vectors/x")


if __name__ == "__main__":
    run([as_ignored_member, as_metadata, as_whole_body, as_numbers_of_a_vector])
