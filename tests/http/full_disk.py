#!/usr/bin/env python3
"""A disk that is full: full_disk.py VDB_HTTPD [TEST...]

507 with its words, nothing half there, reading goes on, and writing too when there is room
again.  Needs to be root, to mount a small file system; else it is skipped.
"""
import os
import subprocess
import sys

from support import Server, expect, run


def mount(*options):
    return subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", "small"],
                          capture_output=True, check=False).returncode == 0


def full():
    os.mkdir("small")
    if not mount("-o", "size=6m"):
        print("no small file system can be mounted")
        sys.exit(77)
    try:
        with Server(db="small/app.vdb") as s:
            stored, status = [], 201
            for i in range(500):
                items = [{"id": f"v{i:03}-{j}", "vector": [i, j] + [0.5] * 254}
                         for j in range(40)]
                got = s.post("/vectors/batch", {"vectors": items})
                if got.status != 201:
                    break
                stored += [item["id"] for item in items]
            expect("full", got.status, 507)
            expect("its words", got.error, lambda text: "full" in text)
            expect("no path is told", "/" in got.error, False)
            expect("some were stored", len(stored), lambda n: n > 100)
            expect("reading goes on", s.get("/vectors").json(), sorted(stored))
            expect("searching goes on", s.post("/search", {
                "vector": [0, 0] + [0.5] * 254, "k": 1}).json()[0]["id"], stored[0])
            expect("health", s.get("/health").status, 200)
            expect("deleting goes on", s.post("/vectors/delete", {
                "ids": stored[:10]}).pair(), (200, {"deleted": 10}))
            mount("-o", "remount,size=32m")
            got = s.post("/vectors/batch", {"vectors": items})
            expect("there is room again", got.pair(), (201, {"inserted": 40}))
            stored = sorted(stored[10:] + [item["id"] for item in items])
            expect("all are there", s.get("/vectors").json(), stored)
            expect("killed", s.kill(), -9)
        with Server(db="small/app.vdb") as s:
            expect("after kill -9", s.get("/vectors").json(), stored)
    finally:
        subprocess.run(["umount", "-l", "small"], check=False)


if __name__ == "__main__":
    run([full])
