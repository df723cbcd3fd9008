"""What the tests of vdbtool share: running it, and checking what it did.

The program is the first argument.  Standard library only.
"""
import hashlib
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

TOOL = os.path.abspath(sys.argv[1])
TESTS = []
TEST_SECONDS = 120


class Failure(Exception):
    """A check that did not hold."""


def test(function):
    TESTS.append(function)
    return function


def check(truth, words):
    if not truth:
        raise Failure(words)


def vdbtool(*args, status=0, stdin=b"", stdout=subprocess.PIPE, **more):
    """Run it; the output as text.  With a status that is not 0: the error."""
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    done = subprocess.run([TOOL.encode()] + args, input=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, timeout=120, check=False, **more)
    error = done.stderr.decode(errors="replace")
    check(done.returncode == status,
          f"{args}: status {done.returncode}, want {status}: {error}")
    if status == 0:
        check(error == "", f"{args}: unexpected on standard error: {error}")
        return (done.stdout or b"").decode()
    check(error.startswith("Error: "), f"{args}: not an error: {error!r}")
    return error


def fingerprint():
    """Names and contents of all files here."""
    found = {}
    for name in sorted(os.listdir(".")):
        if os.path.isfile(name):
            with open(name, "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def write(name, data):
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def fvecs(rows):
    return b"".join(struct.pack(f"<i{len(row)}f", len(row), *row) for row in rows)


def float32(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def expect_unchanged(status, words, *args, **more):
    before = fingerprint()
    error = vdbtool(*args, status=status, **more)
    for word in words:
        check(word in error, f"{args}: {word!r} is not in {error!r}")
    check(fingerprint() == before, f"{args}: files have changed")


def give_up(_signal, _frame):
    raise Failure(f"not done after {TEST_SECONDS} s")


def main(names):
    """Run the tests, or those named, each in an empty folder; the exit status."""
    passed = failed = 0
    signal.signal(signal.SIGALRM, give_up)
    home = os.getcwd()
    for function in TESTS:
        if names and function.__name__ not in names:
            continue
        signal.alarm(TEST_SECONDS)
        folder = tempfile.mkdtemp(prefix="vdb-cli-")
        os.chdir(folder)
        try:
            function()
            passed += 1
            print("ok    ", function.__name__, flush=True)
        except (Failure, OSError, ValueError, LookupError,
                subprocess.SubprocessError) as e:
            failed += 1
            print("FAILED", function.__name__ + ":", repr(e) if str(e) == "" else e,
                  flush=True)
        finally:
            os.chdir(home)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
