#!/usr/bin/env python3
"""The man pages: man.py VDBTOOL SOURCE_ROOT CC [TEST...]

That mandoc, or man, has no complaint; that vdbtool(1) names every command and option, and
vdb(3) every function and status; that its example compiles.  Ends with "N passed, N
failed".  Standard library only.
"""
import os
import re
import shutil
import subprocess
import sys

from support import check, main, test, vdbtool, write

ROOT, CC = os.path.abspath(sys.argv[2]), sys.argv[3]
PAGES = [os.path.join(ROOT, "docs", "man", name) for name in ("vdbtool.1", "vdb.3")]


def source(page):
    with open(PAGES[page], encoding="utf-8") as file:
        return file.read()


@test
def the_pages_are_well_formed():
    for page in PAGES:
        if shutil.which("mandoc"):
            command = ["mandoc", "-T", "lint", "-W", "warning", page]
        elif shutil.which("man"):
            command = ["man", "--warnings", "-E", "UTF-8", "-l", page]
        else:
            return
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, check=False)
        told = done.stderr + (done.stdout if "lint" in command else b"")
        check(done.returncode == 0 and told == b"", f"{page}: {told.decode()}")


@test
def vdbtool_1_is_complete():
    text = source(0)
    shown, known = set(re.findall(r"^\.It Fl (?:Fl )?([\w-]+)", text, re.M)), {"help"}
    for command in re.findall(r"^  (\w+) ", vdbtool("help"), re.M):
        check(re.search(rf"^\.It Cm {command} Ar file", text, re.M), f"{command} is not there")
        known |= set(re.findall(r"^  -{1,2}([\w-]+)", vdbtool("help", command), re.M))
    check(len(known) > 30 and shown == known,
          f"missing: {known - shown}; not an option: {shown - known}")


@test
def vdb_3_is_complete():
    text = source(1)
    with open(os.path.join(ROOT, "include", "vdb.h"), encoding="utf-8") as file:
        header = file.read()
    functions = set(re.findall(r"^VDB_API [^;(]*?\b(vdb_\w+)\(", header, re.M))
    shown = set(re.findall(r"^\.F[no] (vdb_\w+)", text, re.M))
    check(len(functions) > 50 and shown == functions,
          f"missing: {functions - shown}; no function: {shown - functions}")
    statuses = re.search(r"enum \{\s+VDB_OK = 0,.*?\}", header, re.S).group(0)
    named = re.findall(r"\b(VDB_\w+) = ", statuses)
    check(len(named) == 15 and named == re.findall(r"^\.It Dv (VDB_\w+)", text, re.M), named)


@test
def the_example_of_vdb_3_compiles():
    code = re.search(r"^\.Sh EXAMPLES\n\.Bd -literal\n(.*?)^\.Ed", source(1), re.M | re.S).group(1)
    write("example.c", code.replace("\\e", "\\"))
    subprocess.run([CC, "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                    "-I", os.path.join(ROOT, "include"), "example.c"], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[4:]))
