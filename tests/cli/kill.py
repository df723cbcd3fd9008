#!/usr/bin/env python3
"""Kill writers with SIGKILL at random moments, again and again, and look what is left.

usage: kill.py VDBTOOL ACK_WRITER [--rounds N] [--seconds S] [--seed N]

A round starts one of three writers on the database that the last round left, kills it at
a random moment (while it creates, recovers, writes, checkpoints or closes), and then
asks of the file:

- `vdbtool check` finds no damage;
- all that was acknowledged is there, and nothing else but what may have been: of each
  thread of ack_writer its operations up to the last acknowledged, or one more; of
  `vdbtool import` whole batches, in order, not fewer than before; of `vdbtool
  checkpoint`, which is killed while it recovers, exactly what was there;
- each record has the vector and the metadata that were given, byte for byte.

When a database has got its few thousand rows, the last writers run to their end, its
contents must be exactly the model's, and the next round begins a new file.  Ends with
"N passed, N failed", of rounds.  The folder of a failed round stays.  VDB_LONG=1 in the
environment: 400 rounds.  Standard library only.
"""
import argparse
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

THREADS = 3
DIM = 24
OPERATIONS = 900    # of each thread in the life of a file
IMPORT_ROWS = 3000
IMPORT_BATCH = 50
FILE = "k.vdb"
DATA = "rows.fvecs"
LINES = "rows.jsonl"


class Failure(Exception):
    """Something is there that must not be, or is not."""


# ------------------------------------------------------------ what is written


def vector(thread, op, row=0):
    base = thread * 30011 + op * 7 + row * 101
    return [(base + j * j) % 65536 for j in range(DIM)]


def metadata(thread, op, padding):
    return f'{{"thread": {thread}, "op": {op}, "text": "{"x" * padding}"}}'


def operate(state, thread, op):
    """What operation `op` of ack_writer.c does to {id: (vector, metadata)}."""
    name = f"t{thread}.{op}.0"
    five_before = f"t{thread}.{op - 5}.0"
    kind = op % 10
    if kind == 5:
        state[five_before] = (vector(thread, op), None)
    elif kind == 6:
        del state[five_before]
    elif kind == 7:
        state[five_before] = (state[five_before][0], metadata(thread, op, 3000))
    elif kind == 8:
        for row, padding in enumerate([0, 10, 100, 1000, 0]):
            state[f"t{thread}.{op}.{row}"] = (vector(thread, op, row),
                                              metadata(thread, op, padding))
    else:
        state[name] = (vector(thread, op), metadata(thread, op, kind * 20))


def import_row(number):
    return vector(9, number), f'{{"row": {number}, "text": "{"y" * (number % 200)}"}}'


def write_import_data():
    with open(DATA, "wb") as data, open(LINES, "w", encoding="utf-8") as lines:
        for number in range(IMPORT_ROWS):
            values, text = import_row(number)
            data.write(struct.pack(f"<i{DIM}f", DIM, *values))
            lines.write(text + "\n")


class Model:
    """What the file must hold: of each thread the operations before done[t], and the
    first `imported` rows."""

    def __init__(self):
        self.done = [0] * THREADS
        self.states = [{} for _ in range(THREADS)]
        self.imported = 0
        self.created = False

    def is_complete(self):
        return min(self.done) >= OPERATIONS and self.imported == IMPORT_ROWS


# --------------------------------------------------------------- what is left


def differences(want, found):
    words = []
    for name in sorted(set(want) | set(found)):
        if name not in found:
            words.append(f"{name} is missing")
        elif name not in want:
            words.append(f"{name} should not be there")
        elif want[name] != found[name]:
            words.append(f"{name} differs: {str(found[name])[:200]}")
    return f"{len(words)} differences: " + "; ".join(words[:5])


def take_thread(model, thread, acknowledged, may_have_more, found):
    """Follow a thread to what the file holds, which must be what was acknowledged, or
    the one operation more that was under way."""
    state = model.states[thread]
    for _ in range(acknowledged):
        operate(state, thread, model.done[thread])
        model.done[thread] += 1
    if state == found:
        return
    words = differences(state, found)
    if may_have_more:
        operate(state, thread, model.done[thread])
        model.done[thread] += 1
        if state == found:
            return
        words += " -- or, with one more: " + differences(state, found)
    raise Failure(f"thread {thread}, after {acknowledged} acknowledged operations, "
                  f"{model.done[thread]} in all: {words}")


def take_import(model, may_have_more, found):
    rows = len(found)
    if rows < model.imported or (rows > model.imported and not may_have_more):
        raise Failure(f"{rows} rows of the import, where {model.imported} were")
    if rows % IMPORT_BATCH:
        raise Failure(f"half a batch: {rows} rows")
    want = {f"row-{number}": import_row(number) for number in range(rows)}
    if found != want:
        raise Failure("import: " + differences(want, found))
    model.imported = rows


class Tool:
    """vdbtool, to look at the file; and how long it took at most."""

    def __init__(self, path):
        self.path = path
        self.longest = 0.0

    def run(self, *args):
        began = time.monotonic()
        done = subprocess.run([self.path, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        if args[0] == "count":
            self.longest = max(self.longest, time.monotonic() - began)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def read_all(tool):
    """The records in the file, of each writer; None: there is no database yet."""
    status, out, error = tool.run("count", FILE)
    if status and (f"no database at {FILE}" in error or "not a database (yet)" in error):
        return None  # killed before, or while, it was created
    if status:
        raise Failure("cannot be opened: " + error)
    count = int(out)
    status, out, error = tool.run("check", FILE)
    if status:
        raise Failure("check: " + out + error)
    status, out, error = tool.run("export", FILE, "-")
    if status:
        raise Failure("export: " + error)
    found = [{} for _ in range(THREADS + 1)]
    names = []
    for line in out.splitlines():
        record = json.loads(line)
        name = record["id"]
        names.append(name)
        # The bytes of the metadata, as export gives them behind its own key.
        text = line.split('"metadata":', 1)[1][:-1] if "metadata" in record else None
        part = THREADS if name.startswith("row-") else int(name[1])
        found[part][name] = (record["vector"], text)
    if len(names) != count or names != sorted(set(names)):
        raise Failure(f"{len(names)} ids in the export, {count} counted")
    return found


def verify(tool, model, acknowledged, may_have_more, may_import):
    found = read_all(tool)
    model.created = model.created or found is not None
    if found is None:
        if model.created:
            raise Failure("there is no database any more")
        found = [{} for _ in range(THREADS + 1)]
    for thread in range(THREADS):
        take_thread(model, thread, acknowledged[thread], may_have_more, found[thread])
    take_import(model, may_import, found[THREADS])


# ------------------------------------------------------------------ the kills


def pause(generator, longest):
    """Mostly short: what is rare lies behind the start of things."""
    time.sleep(longest * generator.random() ** 2)


def run_and_kill(command, when):
    """Run it, call when(process) and kill it.  Was it killed?"""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as process:
        when(process)
        process.kill()
        error = process.stderr.read().decode()
        status = process.wait()
    if status not in (0, -9):
        raise Failure(f"{command}: status {status}: {error}")
    return status == -9


class Acknowledgements:
    """Reads ack_writer's standard output as it comes."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.condition = threading.Condition()
        self.lines = []
        self.ended = False
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.pipe:
            with self.condition:
                if line.endswith(b"\n"):
                    self.lines.append(line.decode().strip())
                self.condition.notify_all()
        with self.condition:
            self.ended = True
            self.condition.notify_all()

    def wait_for(self, truth):
        with self.condition:
            self.condition.wait_for(lambda: self.ended or truth(self.lines), timeout=60)


def run_writer(ack_writer, model, when, count):
    """Run ack_writer.  Its acknowledgements of each thread, and whether it was killed."""
    command = [ack_writer, FILE, str(count)] + [str(done) for done in model.done]
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        heard = Acknowledgements(process.stdout)
        if when:
            when(heard)
            process.kill()
        heard.thread.join()
        error = process.stderr.read().decode()
        status = process.wait()
    if status not in (0, -9):
        raise Failure(f"ack_writer: status {status}: {error}")
    model.created = model.created or "open" in heard.lines
    return [heard.lines.count(str(t)) for t in range(THREADS)], status == -9


def kill_writer(generator, tool, ack_writer, model):
    left = OPERATIONS - min(model.done)
    count = generator.randrange(1, 30) if generator.random() < 0.3 else left
    moment = generator.choice(["start", "writing", "writing", "writing", "closing"])
    if moment == "closing":
        count = min(count, 60)

    def when(heard):
        if moment == "start":
            pause(generator, 0.02)
            return
        if moment == "writing":
            wanted = generator.randrange(1, 600)
            heard.wait_for(lambda lines: len(lines) > wanted or "close" in lines)
        else:
            heard.wait_for(lambda lines: "close" in lines)
        pause(generator, 0.004)
    acknowledged, killed = run_writer(ack_writer, model, when, count)
    verify(tool, model, acknowledged, killed, False)
    return killed


def import_command(tool):
    return [tool.path, "import", FILE, DATA, "--metadata", LINES, "--id-prefix", "row-",
            "--batch", str(IMPORT_BATCH)]


def kill_import(generator, tool, _ack_writer, model):
    killed = run_and_kill(import_command(tool), lambda _: pause(generator, 0.06))
    verify(tool, model, [0] * THREADS, False, True)
    return killed


def kill_recovery(generator, tool, _ack_writer, model):
    if not os.path.exists(FILE):
        return False
    command = [tool.path, "checkpoint", FILE]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        pause(generator, 0.015)
        process.kill()
        killed = process.wait() == -9
    verify(tool, model, [0] * THREADS, False, False)
    return killed


def complete(tool, ack_writer, model):
    """Let the writers end, and compare with the whole."""
    while min(model.done) < OPERATIONS:
        count = OPERATIONS - max(model.done) if max(model.done) < OPERATIONS else \
            OPERATIONS - min(model.done)
        acknowledged, _ = run_writer(ack_writer, model, None, max(count, 1))
        verify(tool, model, acknowledged, False, False)
    status, out, error = tool.run(*import_command(tool)[1:])
    if status or not out.startswith(f"Imported {IMPORT_ROWS} vectors"):
        raise Failure("completing the import: " + out + error)
    verify(tool, model, [0] * THREADS, False, True)
    if not model.is_complete():
        raise Failure(f"not completed: {model.done}, {model.imported}")


def start_anew():
    for name in os.listdir("."):
        if name.startswith(FILE):
            os.remove(name)
    return Model()


def main():
    parser = argparse.ArgumentParser(description="see the head of this file")
    parser.add_argument("vdbtool")
    parser.add_argument("ack_writer")
    parser.add_argument("--rounds", type=int, help="instead of --seconds")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    if options.rounds is None and os.environ.get("VDB_LONG"):
        options.rounds = 400
    tool = Tool(os.path.abspath(options.vdbtool))
    ack_writer = os.path.abspath(options.ack_writer)
    generator = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="vdb-kill-")
    os.chdir(folder)
    write_import_data()
    model, passed, killed, completed = start_anew(), 0, 0, 0
    began = time.monotonic()
    failed = 0
    try:
        while (passed < options.rounds if options.rounds
               else time.monotonic() - began < options.seconds):
            kill = generator.choices([kill_writer, kill_import, kill_recovery],
                                     [6, 2, 2])[0]
            killed += kill(generator, tool, ack_writer, model)
            if generator.random() < 0.05 or sum(model.done) > 2 * OPERATIONS:
                complete(tool, ack_writer, model)
                model = start_anew()
                completed += 1
            passed += 1
        complete(tool, ack_writer, model)
        completed += 1
        if killed < passed / 3:
            raise Failure(f"only {killed} of {passed} were killed in time")
    except (Failure, OSError, ValueError, subprocess.SubprocessError) as e:
        failed = 1
        print(f"FAILED in round {passed} of seed {options.seed}, see {folder}: {e!r}")
    else:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{killed} killed, {completed} files completed, {tool.longest * 1000:.0f} ms at "
          f"most for a count after a kill, {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
