#!/usr/bin/env python3
"""The demo, the clients and the manual page: examples.py VDB_HTTPD ROOT [TEST...]"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(sys.argv.pop(2))

from support import PROGRAM, Server, expect, run  # noqa: E402


def demo():
    if not shutil.which("curl"):
        print("curl is not there")
        return
    done = subprocess.run([os.path.join(ROOT, "examples", "demo.sh"), PROGRAM],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          check=False)
    out = done.stdout.decode()
    expect("demo.sh", (done.returncode, out.rsplit("\n", 2)[-2]),
           (0, "All 15 steps were answered as they should be."))
    with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as file:
        described = file.read()
    for method, path in re.findall(r"^   ([A-Z]+) (\S+)", out, re.M):
        path = re.sub(r"/vectors/(?!batch$).+", "/vectors/{id}", path)
        expect(f"demo.sh: {method} {path} is described", f'"{path}"' in described, True)


def clients():
    for command, needs in [(["curl.sh"], "curl"), (["client.py"], "python3"),
                           (["client.mjs"], "node")]:
        if not shutil.which(needs):
            print(f"{needs} is not there")
            continue
        with open("token", "w", encoding="ascii") as file:
            file.write("a-token-of-24-characters\n")
        with Server("--token-file", "token", db=command[0] + ".vdb") as s:
            path = os.path.join(ROOT, "examples", "http", command[0])
            done = subprocess.run(
                [needs, path, f"http://{s.endpoint}"] if needs != "curl" else
                [path, f"http://{s.endpoint}"], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=60, check=False,
                env=dict(os.environ, TOKEN="a-token-of-24-characters"))
            expect(command[0], (done.returncode, b"rror" in done.stdout), (0, False))
            expect(f"{command[0]}: it did something", len(done.stdout) > 100, True)
            token = {"Authorization": "Bearer a-token-of-24-characters"}
            expect(f"{command[0]}: stored and deleted",
                   (s.get("/vectors", headers=token).json(),
                    s.get("/metrics", headers=token).json()["total_deletes"] >= 2),
                   ([], True))


def manual():
    with open(os.path.join(ROOT, "docs", "man", "vdb-httpd.1"), encoding="utf-8") as file:
        page = file.read()
    with open(os.path.join(ROOT, "docs", "httpd.md"), encoding="utf-8") as file:
        guide = file.read()
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, check=True)
    known = set(re.findall(r"^  --([\w-]+)", done.stdout.decode(), re.M))
    expect("options of the manual page", set(re.findall(r"^\.It Fl Fl ([\w-]+)", page,
                                                        re.M)), known)
    expect("options of the guide that are none",
           set(re.findall(r"`--([\w-]+)", guide)) - known, set())
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                               os.path.join(ROOT, "docs", "man", "vdb-httpd.1")],
                              capture_output=True, check=False)
        expect("mandoc", (done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    run([demo, clients, manual])
