#!/usr/bin/env python3
"""Told to stop, vdb-httpd finishes what is in hand, whatever comes in meanwhile."""
import json
import os
import sys
import threading
import time

LATE_STOP = os.path.abspath(sys.argv.pop(2))

from support import Server, counter, expect, read_all, run, split_answers  # noqa: E402

SEARCH = b'{"vector": [1]}'
HEAD = (b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(SEARCH))


def stopping():
    """What is in hand is finished; what is not there yet is not waited for."""
    with Server("--stop-seconds", 5) as s:
        s.post("/vectors", {"id": "a", "vector": [1]})
        idle, half, slow = s.connect(20), s.connect(20), s.connect(20)
        half.sendall(b"GET /health HT")
        body = json.dumps({"id": "b", "vector": [2]}).encode()
        slow.sendall(b"POST /vectors HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                     % len(body) + body[:5])
        deadline = time.monotonic() + 30  # until its head has been read
        while time.monotonic() < deadline:
            if counter(s, "vdb_http_requests_in_hand") == 2:
                break
        s.process.terminate()
        time.sleep(0.5)
        slow.sendall(body[5:])
        got = split_answers(read_all(slow))
        expect("the request in hand", [a.status for a in got], [201])
        expect("its connection ends", got[0].headers.get("connection"), "close")
        expect("an idle connection ends", read_all(idle), b"")
        expect("half a line ends", read_all(half), b"")
        expect("the exit status", s.process.wait(30), 0)
        try:
            s.connect(2).close()
            refused = False
        except OSError:
            refused = True
        expect("nobody listens", refused, True)
    with Server("--stop-seconds", 1) as s:
        expect("it is there", s.get("/vectors").json(), ["a", "b"])
        link = s.connect(20)
        link.sendall(b"POST /vectors HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.3)
        expect("one that never comes", s.stop(), 0)
        link.close()
    expect("no log is left", {name: os.path.getsize(name) for name in os.listdir(".")
                              if "wal" in name and os.path.getsize(name)}, {})


def late():
    """Connections, heads and searches go on coming while the stop is held up, once where
    the listening socket would be taken from libmicrohttpd and once before it ends."""
    for round_ in range(4):
        with Server("--stop-seconds", 5, preload=LATE_STOP) as s:
            s.post("/vectors", {"id": f"v{round_}", "vector": [1]})
            # Half a head is not idle: it is there until it is whole.
            links = [s.connect(20) for _ in range(40)]
            for link in links:
                link.sendall(HEAD[:-2])
            status = []
            end = threading.Thread(target=lambda: status.append(s.stop()))
            end.start()
            for link in links:
                try:
                    link.sendall(HEAD[-2:] + SEARCH)
                    s.connect(1).close()
                except OSError:
                    pass  # ended or refused, as it may be
                time.sleep(0.02)
            end.join()
            expect("the exit status", status, [0])
            expect("nothing said", s.said(), "")
            answers = [a for link in links for a in split_answers(read_all(link))]
            expect("answered as stopping, or before",
                   [a.status for a in answers if a.status not in (200, 503)], [])


if __name__ == "__main__":
    run([stopping, late])
