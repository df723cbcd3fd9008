#!/usr/bin/env python3
"""HTTPS: tls.py VDB_HTTPD [TEST...]

Skipped where openssl is not there to make a certificate."""
import http.client
import json
import shutil
import ssl
import subprocess
import sys
import time

from support import Server, expect, read_all, run

NAME = "/CN=localhost"


def certificate(name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", name + ".key", "-out", name + ".pem", "-subj", NAME,
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)


def ask(link, method, path, body=None):
    link.request(method, path, body and json.dumps(body), {"Content-Type":
                                                           "application/json"})
    got = link.getresponse()
    return got.status, json.loads(got.read())


def https():
    if not shutil.which("openssl"):
        print("openssl is not there")
        sys.exit(77)
    certificate("one")
    certificate("two")
    with Server("--tls-cert", "one.pem", "--tls-key", "two.key", want_exit=True) as s:
        expect("the key of another", s.exit, 1)
        expect("the key of another: says so", s.said(), lambda text: "certificate" in text)
    with Server("--tls-cert", "missing.pem", "--tls-key", "one.key", want_exit=True) as s:
        expect("no such file", (s.exit, "missing.pem" in s.said()), (1, True))
    with Server("--tls-cert", "one.pem", "--tls-key", "one.key", "--head-seconds", 2) as s:
        trust = ssl.create_default_context(cafile="one.pem")
        link = http.client.HTTPSConnection("localhost", s.port, timeout=30, context=trust)
        expect("health", ask(link, "GET", "/health"),
               (200, {"status": "ok", "vector_count": 0}))
        expect("insert", ask(link, "POST", "/vectors", {"id": "a", "vector": [1, 2]})[0], 201)
        big = {"vectors": [{"id": f"v{i:05}", "vector": [i, i]} for i in range(20000)]}
        expect("a large body", ask(link, "POST", "/vectors/batch", big),
               (201, {"inserted": 20000}))
        expect("a large answer", len(ask(link, "GET", "/vectors")[1]), 20001)
        expect("search", ask(link, "POST", "/search", {"vector": [7, 7], "k": 1}),
               (200, [{"id": "v00007", "distance": 0}]))
        link.close()
        old = ssl.create_default_context(cafile="two.pem")
        try:
            http.client.HTTPSConnection("localhost", s.port, timeout=30,
                                        context=old).request("GET", "/health")
            trusted = True
        except ssl.SSLError:
            trusted = False
        expect("who trusts another does not trust it", trusted, False)
        got = s.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", seconds=10)
        expect("no plain HTTP", got.startswith(b"HTTP/1.1 200"), False)
        begun = time.monotonic()
        with s.connect(30) as silent:
            expect("a handshake that never comes is ended", read_all(silent), b"")
        print(f"after {time.monotonic() - begun:.1f} s")
        link = http.client.HTTPSConnection("localhost", s.port, timeout=30, context=trust)
        expect("others are served", ask(link, "GET", "/health")[0], 200)
        link.close()
        expect("stopped", s.stop(), 0)


if __name__ == "__main__":
    run([https])
