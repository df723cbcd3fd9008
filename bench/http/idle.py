#!/usr/bin/env python3
"""How long others wait beside idle and half-sent connections: idle.py HOST:PORT COUNT

Half of COUNT connections send nothing, half of them half a request; meanwhile another
client asks GET /health every 10 ms, on connections of its own, for ten seconds."""
import http.client
import resource
import socket
import sys
import time


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    count = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100,) * 2)
    held = []
    for i in range(count):
        link = socket.create_connection((host, int(port)), 10)
        if i % 2:
            link.sendall(b"POST /vectors HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        held.append(link)
    took, wrong = [], 0
    end = time.monotonic() + 8  # before the deadline of a head
    while time.monotonic() < end:
        begun = time.monotonic()
        link = http.client.HTTPConnection(host, int(port), timeout=10)
        link.request("GET", "/health")
        wrong += link.getresponse().status != 200
        link.close()
        took.append(time.monotonic() - begun)
        time.sleep(0.01)
    took.sort()
    print(f"{count} connections held; {len(took)} requests of another client, {wrong} "
          f"failed: median {took[len(took) // 2] * 1e3:.2f} ms, p99 "
          f"{took[len(took) * 99 // 100] * 1e3:.2f} ms, worst {took[-1] * 1e3:.2f} ms")


main()
