"""What the tests of vdb-httpd share: a server of one's own, requests, and counting.

The program is the first argument of every test.  Standard library only.  A case is one
expectation, by its name; the last line says how many held.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PROGRAM = os.path.abspath(sys.argv[1])
SECONDS = 60  # for anything that is waited for; a sanitizer's build is slow


class Counts:
    passed = 0
    failed = 0


def expect(name, got, want):
    """One case: `got` equals `want`, or passes it if that is a function."""
    good = want(got) if callable(want) else got == want
    if good:
        Counts.passed += 1
    else:
        Counts.failed += 1
        print(f"FAILED {name}\n  got  {got!r}\n  want {want!r}", flush=True)
    return good


def finish():
    print(f"{Counts.passed} passed, {Counts.failed} failed")
    sys.exit(1 if Counts.failed or not Counts.passed else 0)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    def pair(self):
        """What most cases look at."""
        try:
            return self.status, json.loads(self.body)
        except ValueError:
            return self.status, self.body


class Server:
    """A server on a port of its own."""

    def __init__(self, *options, db="app.vdb", address="127.0.0.1:0", want_exit=None,
                 preload=None):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PROGRAM, "--db", db, "--addr", address] + [str(o) for o in options],
            stdout=subprocess.PIPE, stderr=self.log,
            env=dict(os.environ, LD_PRELOAD=preload) if preload else None)
        self.exit = None
        if want_exit is not None:
            self.exit = self.process.wait(SECONDS)
            return
        line = self.process.stdout.readline().decode()
        if not line.startswith("Server listening on "):
            self.process.wait(SECONDS)
            raise RuntimeError(f"it does not start: {line!r} {self.said()!r}")
        self.endpoint = line.split()[-1]
        host, port = self.endpoint.rsplit(":", 1)
        self.host, self.port = host.strip("[]"), int(port)
        self.kept = threading.local()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None and self.stop() != 0:
            Counts.failed += 1
            print(f"FAILED to stop: status {self.exit}\n{self.said()[-4000:]}", flush=True)
        self.process.stdout.close()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.exit = self.process.wait(SECONDS)
        return self.exit

    def kill(self):
        return self.stop(signal.SIGKILL)

    def connect(self, timeout=SECONDS):
        return socket.create_connection((self.host, self.port), timeout)

    def ask(self, method, path, body=None, headers=None, kind="application/json"):
        """One request on this thread's kept connection."""
        link = getattr(self.kept, "link", None)
        if link is None:
            link = self.kept.link = http.client.HTTPConnection(self.host, self.port,
                                                               timeout=SECONDS)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        given = dict(headers or {})
        if body is not None and kind:
            given.setdefault("Content-Type", kind)
        for last in (False, True):
            try:
                link.request(method, path, body, given)
                got = link.getresponse()
                return Answer(got.status, got.getheaders(), got.read())
            except (http.client.RemoteDisconnected, ConnectionResetError,
                    BrokenPipeError):
                link.close()  # a kept connection may have been ended meanwhile
                if last:
                    raise

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def delete(self, path, **more):
        return self.ask("DELETE", path, **more)

    def raw(self, data, seconds=SECONDS, shut=False, pause=0):
        """Send bytes, or pieces of them, and read until the server ends or is silent."""
        with self.connect(seconds) as link:
            try:
                for piece in [data] if isinstance(data, bytes) else data:
                    link.sendall(piece)
                    if pause:
                        time.sleep(pause)
                if shut:
                    link.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(link)


def counter(s, name):
    text = s.get("/metrics/prometheus").body.decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def read_all(link):
    got = b""
    try:
        while True:
            piece = link.recv(65536)
            if not piece:
                break
            got += piece
    except (socket.timeout, ConnectionResetError):
        pass
    return got


def split_answers(data):
    """The answers in what came over a connection, whose ends are known by their length."""
    answers = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        try:
            status = int(lines[0].split()[1])
        except (IndexError, ValueError):
            return answers + [Answer(0, [], data)]
        headers = [tuple(part.strip().decode("latin-1") for part in line.split(b":", 1))
                   for line in lines[1:]]
        found = {name.lower(): value for name, value in headers}
        length = int(found.get("content-length", 0))
        if status == 100:
            length = 0
        answers.append(Answer(status, headers, rest[:length]))
        data = rest[length:]
    return answers


def in_folder(function):
    """Run it in an empty folder."""
    home = os.getcwd()
    folder = tempfile.mkdtemp(prefix="vdb-http-")
    os.chdir(folder)
    try:
        function()
    except Exception:  # whatever it is, the other tests go on
        Counts.failed += 1
        print(f"FAILED {function.__name__}")
        traceback.print_exc(file=sys.stdout)
    finally:
        os.chdir(home)
        shutil.rmtree(folder, ignore_errors=True)


def run(tests):
    wanted = sys.argv[2:]
    for function in tests:
        if wanted and function.__name__ not in wanted:
            continue
        before = Counts.passed + Counts.failed
        begun = time.monotonic()
        in_folder(function)
        print(f"{function.__name__}: {Counts.passed + Counts.failed - before} cases, "
              f"{time.monotonic() - begun:.1f} s", flush=True)
    finish()
