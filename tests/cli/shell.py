#!/usr/bin/env python3
"""vdbtool's shell, from outside: shell.py VDBTOOL LIBEDIT [TEST...]

Scripts through a pipe, and lines at a pseudo terminal; LIBEDIT is "true" where vdbtool was
built with it.  Ends with "N passed, N failed".  Standard library only.
"""
import json
import os
import pty
import select
import stat
import subprocess
import sys
import time

from support import TOOL, Failure, check, main, test, vdbtool, write

LIBEDIT = sys.argv[2] == "true"


def shell(script, *args, status=0):
    """Output and errors of a script."""
    script = script if isinstance(script, bytes) else script.encode()
    done = subprocess.run([TOOL, "shell", *args], input=script, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    out, error = done.stdout.decode(), done.stderr.decode()
    check(done.returncode == status, f"status {done.returncode}: {out}{error}")
    return out, error


@test
def every_command_works_without_its_file():
    write("in.csv", "id,vector,year\nc,5 6,1972\n")
    out, error = shell("""
        create --dim 2 --metric dot   # a comment
        insert a --vector 1,2 --metadata '{"year": 1970, "s": "it''s"}'
        insert "b \\"x\\"" --vector "3, 4"
        insert e\\ f --vector -1,-2
        get 'b "x"' --json
        import in.csv --json
        count
        search -1,-2 -k 1
        search 1,2 -k 1 --filter '{"op": "lt", "field": "year", "value": 1972}'
        list --json
        export out.jsonl
        export -
        backup saved.vdb
        stats
        check
        checkpoint
        delete a
        count
    """, "a.vdb")
    check(error == "", error)
    for words in ["Created a.vdb", '{"id":"b \\"x\\"","dimension":2,"vector":[3,4]}',
                  '"imported":1', "\n4\n", "Top 1 results:\n1. e f (distance: -5.0000)",
                  "Top 1 results:\n1. a (distance: -5.0000)",
                  '["a","b \\"x\\"","c","e f"]', "Exported 4 vectors to out.jsonl",
                  "Backed up 4 vectors", "Metric: dot", "No damage", "Checkpoint complete",
                  "Deleted vector with ID: a\n3\n"]:
        check(words in out, f"{words!r} is not in {out}")
    check(vdbtool("count", "a.vdb") == "3\n" and vdbtool("count", "saved.vdb") == "4\n", "kept")


@test
def one_handle_serves_all_commands():
    out, _ = shell("insert a --vector 1,2\ninsert b --vector 1,2\nstats --json\n", "a.vdb")
    told = json.loads(out.splitlines()[-1])
    check(told["commits"] == 2 and told["total_inserts"] == 2, told)


@test
def a_script_ends_at_its_first_error():
    script = "insert a --vector 1,2\n\n# nothing\nget nobody\ninsert b --vector 1,2\n"
    out, error = shell(script, "a.vdb", status=1)
    check(error == "Error: line 4: Vector not found: nobody\n", error)
    check(vdbtool("list", "a.vdb", "--json") == '["a"]\n', "it ended there")
    out, error = shell(script, "a.vdb", "--keep-going", status=1)
    check("line 4" in error and vdbtool("count", "a.vdb") == "2\n", "it went on")
    out, error = shell("count\nquit\ncount\n", "a.vdb")
    check(out == "2\n" and error == "", out)
    out, error = shell("count\nexit", "a.vdb", "--json")
    check(out == "2\n", out)


@test
def errors_name_the_line():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2")
    for script, status, words in [
            ("\ncount 'x\n", 1, "line 2: the quote at byte 6 is never closed"),
            ("count \"x\\\"\n", 1, "line 1: the quote at byte 6 is never closed"),
            ("frobnicate\n", 2, "line 1: unknown command: frobnicate"),
            ("\n\nshell\n", 2, "line 3: unknown command: shell"),
            ("get\n", 2, "line 1: get: missing operand: it takes ID"),
            ("get x y\n", 2, "line 1: get: surplus operand: y"),
            ("quit now\n", 2, "line 1: quit: surplus operand: now"),
            ("help get list\n", 2, "line 1: help: surplus operand: list"),
            ("help frob\n", 2, "line 1: unknown command: frob"),
            ("count --durability off\n", 2, "line 1: count: unknown option: --durability"),
            ("count --without-log\n", 2, "unknown option: --without-log"),
            ("insert y --vector -\n", 1, "where the commands come from"),
            ("create --dim 3\n", 1, "line 1: there is a file already"),
            ("insert y --vector 1,2 --metric dot\n", 1, "--metric dot: a.vdb was created with l2"),
            ("count\0\n", 1, "line 1: a NUL at byte 5"),
            ("x " * 70 + "\n", 1, "line 1: more than 64 words")]:
        _, error = shell(script, "a.vdb", status=status)
        check(error.startswith("Error: line ") and words in error, f"{script!r}: {error}")
    _, error = shell("get nobody --json\n", "a.vdb", status=1)
    check(json.loads(error) == {"error": "Vector not found: nobody", "line": 1}, error)
    _, error = shell("\nget 'x\n", "a.vdb", "--json", status=1)
    check(json.loads(error)["line"] == 2, error)
    check(vdbtool("count", "a.vdb") == "1\n", "nothing has changed")


@test
def it_opens_as_it_is_told():
    _, error = shell("count\n", "missing.vdb", status=1)
    check("line 1: no database at missing.vdb" in error and not os.listdir("."), error)
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2")
    _, error = shell("insert y --vector 1,2\n", "a.vdb", "--readonly", status=1)
    check("reading only" in error, error)
    with subprocess.Popen([TOOL, "shell", "a.vdb", "--readonly"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as one:
        one.stdin.write(b"count\n")
        one.stdin.flush()
        check(one.stdout.readline() == b"1\n", "it answers at once")
        check(vdbtool("count", "a.vdb") == "1\n", "a second reader")
        one.communicate(timeout=30)
    out, _ = shell("help\nhelp search\nsearch -h\n", "a.vdb")
    check("  quit " in out and out.count("Usage: search VECTOR|--like ID|--queries FILE") == 2, out)
    check("shell" not in out and "--without-log" not in out, out)


class Terminal:
    """vdbtool shell at a pseudo terminal."""

    def __init__(self, *args):
        environment = dict(os.environ, HOME=os.getcwd(), TERM="xterm")
        environment.pop("XDG_STATE_HOME", None)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(TOOL, [TOOL, "shell", *args], environment)
        self.seen = b""

    def type(self, keys, wanted):
        """Type, and read until `wanted` comes."""
        os.write(self.fd, keys)
        self.seen, deadline = b"", time.time() + 20
        while wanted not in self.seen and time.time() < deadline:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:
                    break
        check(wanted in self.seen, f"typed {keys!r}: {wanted!r} is not in {self.seen!r}")

    def type_until_it_ends(self, keys):
        """What is typed while the terminal changes hands may come as something else: it
        is typed again, behind Ctrl-U, which empties the line."""
        deadline = time.time() + 20
        while time.time() < deadline:
            try:
                os.write(self.fd, b"\x15" + keys)
                if select.select([self.fd], [], [], 0.5)[0]:
                    if not os.read(self.fd, 4096):
                        return
            except OSError:
                return
        raise Failure("it does not end")

    def end(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@test
def a_terminal_gets_a_prompt():
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2", "--metadata",
            '{"year": 1970, "yellow": {"deep": true}}')
    terminal = Terminal("a.vdb")
    terminal.type(b"", b"vdb> ")
    terminal.type(b"get nobody\n", b"Error: Vector not found: nobody")
    terminal.type(b"count\n", b"\r\n1\r\n")
    terminal.type(b"quit\n", b"quit")
    check(terminal.end() == 0, "status")
    terminal = Terminal("a.vdb")
    terminal.type(b"", b"vdb> ")
    terminal.type_until_it_ends(b"\x04")
    check(terminal.end() == 0, "the end of the input")


@test
def a_terminal_completes_and_remembers():
    if not LIBEDIT:
        return
    vdbtool("insert", "a.vdb", "x", "--vector", "1,2", "--metadata",
            '{"year": 1970, "other": {"deep": true}}')
    terminal = Terminal("a.vdb")
    terminal.type(b"", b"vdb> ")
    terminal.type(b"cou\t", b"nt ")
    terminal.type(b"--fil\t", b"ter ")
    terminal.type(b"'{\"op\": \"exists\", \"field\": \"ye\t", b"ar\"")
    terminal.type(b"}'\n", b"\r\n1\r\n")
    terminal.type(b"count --filter '{\"op\":\"eq\",\"field\":\"other.\t", b"deep\"")
    terminal.type(b",\"value\":true}'\n", b"\r\n1\r\n")
    terminal.type(b"che\t\t", b"checkpoint")
    terminal.type(b"\x15help sto\t", b"sto")
    terminal.type(b"\x15help sta\t\n", b"Print counters")
    terminal.type(b"quit\n", b"quit")
    check(terminal.end() == 0, "status")
    check(stat.S_IMODE(os.stat(".vdbtool_history").st_mode) == 0o600, "for the owner only")
    terminal = Terminal("a.vdb")
    terminal.type(b"", b"vdb> ")
    terminal.type(b"\x1b[A\x1b[A\n", b"Print counters")  # the line before the last
    terminal.type(b"quit\n", b"quit")
    terminal.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[3:]))
