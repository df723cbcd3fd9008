#!/usr/bin/env python3
"""Plant bugs in the library, one at a time, and see that a test catches each.

    run.py [--only NAME]... [--list] [--every] [--work FOLDER] [--if-long]
    run.py --keep FOLDER [--minutes N] ...

Each bug of mutants.py is an exact replacement of text in a file of lib/.  The tree is
copied to a temporary folder and built there once; a bug is planted, what depends on it is
rebuilt, and the bug's tests run in their order until one fails: the bug is caught.
--every runs them all and names all that catch it.  Tests first run on the tree as it is,
where all must pass.  This takes minutes: with --if-long it is skipped (status 77) unless
VDB_LONG=1, as in `tests/run.sh --long`.

With --keep the copy, its build and what each bug came to stay in FOLDER, and the next run
goes on with the bugs that are left; --minutes begins none after so many.  Remove FOLDER to
begin anew.

The last line is "N passed, N failed": bugs caught, bugs that survived.
"""
import argparse
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TIMEOUT = 300

# A test is "program" or "program:scenario": the folder below tests/, its name there, and
# the argument that chooses the scenario.  "points-X" is fault/test_points_X, any other
# "folder-X" is folder/test_X.
PROGRAMS = {
    'power': ('fault', 'test_power', '--only'),
    'io': ('fault', 'test_io', '--only'),
    'memory': ('fault', 'test_memory', '--only'),
}


def program_of(test):
    name, _, case = test.partition(':')
    if name in PROGRAMS:
        folder, program, chooser = PROGRAMS[name]
    else:
        folder, _, rest = name.partition('-')
        program, chooser = 'test_' + rest, None
        if folder == 'points':
            folder, program = 'fault', 'test_points_' + rest
    path = 'tests/%s/%s' % (folder, program)
    command = [path] + ([chooser, case] if case and chooser else [])
    return path, command


def copy_changed(source, target):
    """With the time of now, so that what depends on it is built again."""
    if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)


class Results:
    """What each bug came to, and which tests pass without any: lines of a file, where there
    is one, which a later run reads."""

    def __init__(self, path):
        self.file = path and open(path, 'a+', encoding='utf-8')
        self.of = {}
        if self.file:
            self.file.seek(0)
            for line in self.file:
                what, name = line.split()[:2]
                self.of[name] = what

    def add(self, what, name, text=''):
        self.of[name] = what
        if self.file:
            self.file.write('%s %s %s\n' % (what, name, text))
            self.file.flush()

    def count(self, what):
        return list(self.of.values()).count(what)


class Tree:
    """The copy, its build folder, and what is planted in it."""

    def __init__(self, folder):
        self.source = os.path.join(folder, 'tree')
        self.build = os.path.join(folder, 'build')
        # One that was kept may have a bug in it still: the run was ended.
        shutil.copytree(TOP, self.source, symlinks=True, dirs_exist_ok=True,
                        copy_function=copy_changed, ignore=shutil.ignore_patterns(
                            '.git', 'build*', '__pycache__'))
        if not os.path.exists(os.path.join(self.build, 'build.ninja')):
            self.run(['meson', 'setup', self.build, self.source,
                      '--buildtype=debugoptimized'])

    @staticmethod
    def run(command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit('%s\n%s%s' % (' '.join(command), done.stdout, done.stderr))

    def make(self, tests):
        targets = sorted({program_of(test)[0] for test in tests})
        self.run(['ninja', '-C', self.build, '-j2'] + targets)

    def test(self, test):
        """None, or what the failing test said."""
        _, command = program_of(test)
        environment = dict(os.environ)
        environment.pop('VDB_LONG', None)  # a campaign visits a part, in half a minute
        command = [os.path.join(self.build, command[0])] + command[1:]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False,
                                  errors='replace', env=environment, timeout=TIMEOUT,
                                  cwd=self.build)
        except subprocess.TimeoutExpired:
            return 'no end within %d s' % TIMEOUT
        if done.returncode == 0:
            return None
        return message(done.stdout + '\n' + done.stderr, done.returncode)


def message(text, status):
    cases = re.findall(r'^\[  FAILED  \] ([a-z_]\w*)$', text, re.M)
    cases = list(dict.fromkeys(cases))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    dull = re.compile(r'^\[|^Test |test\(s\)|FAILED TEST|Failure!|^again:|^\d+ FAILED|'
                      r'not visited|points visited')
    said = next((re.sub(r'^\[  ERROR   \] --- ', '', line) for line in lines
                 if line.startswith('[  ERROR') or not dull.search(line)), '')
    if status < 0 or 'Assertion' in text:
        said = next((line for line in lines if 'Assertion' in line), said)
        said = '%s (status %d)' % (said, status)
    begun = re.findall(r'^\[ RUN      \] (\w+)', text, re.M)
    if status < 0 and begun:
        cases.append(begun[-1])
    more = ' and %d more' % (len(cases) - 3) if len(cases) > 3 else ''
    return '%s%s: %s' % (', '.join(cases[:3]) or '?', more, said)


def edit(tree, mutant):
    """Plant the bug; returns what puts the files back."""
    before = {}
    for file, old, new in mutant['edits']:
        path = os.path.join(tree.source, file)
        with open(path, encoding='utf-8') as f:
            text = f.read()
        before.setdefault(path, text)
        if text.count(old) != 1:
            sys.exit('%s: the text to replace is in %s %d times, not once:\n%s' %
                     (mutant['name'], file, text.count(old), old))
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.replace(old, new))
    return before


def restore(before):
    for path, text in before.items():
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)


def check_texts(mutants):
    """Every text must be found before anything is built."""


    for mutant in mutants:
        for file, old, _ in mutant['edits']:
            with open(os.path.join(TOP, file), encoding='utf-8') as f:
                count = f.read().count(old)
            if count != 1:
                sys.exit('%s: the text to replace is in %s %d times, not once:\n%s' %
                         (mutant['name'], file, count, old))


def judge(tree, mutant, every):
    before = edit(tree, mutant)
    caught = []
    try:
        tree.make(mutant['tests'])
        for test in mutant['tests']:
            said = tree.test(test)
            if said is not None:
                caught.append((test, said))
                if not every:
                    break
    finally:
        restore(before)
    return caught


def passes_without(tree, tests, results):
    new = [test for test in tests if test not in results.of]
    if new:
        tree.make(new)
    for test in new:
        said = tree.test(test)
        if said is not None:
            print('without any bug, %s fails: %s' % (test, said))
            return False
        results.add('clean', test)
    return True


def plant_all(folder, chosen, options):
    results = Results(options.keep and os.path.join(folder, 'results'))
    begun = time.monotonic()
    tree = Tree(folder)
    for mutant in chosen:
        if mutant['name'] in results.of:
            continue
        if options.minutes and time.monotonic() - begun > options.minutes * 60:
            print('not all have been planted: run this again')
            break
        if not passes_without(tree, mutant['tests'], results):
            print('0 passed, 1 failed')
            return 1
        caught = judge(tree, mutant, options.every)
        for test, said in caught:
            print('%-34s caught by %s: %s' % (mutant['name'], test, said))
        if not caught:
            print('%-34s SURVIVED %s' % (mutant['name'], ', '.join(mutant['tests'])))
        results.add('caught' if caught else 'SURVIVED', mutant['name'],
                    '; '.join('%s: %s' % one for one in caught))
        sys.stdout.flush()
    passed, failed = results.count('caught'), results.count('SURVIVED')
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--only', action='append', metavar='NAME')
    parser.add_argument('--every', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--if-long', action='store_true')
    parser.add_argument('--work', metavar='FOLDER', help='where to copy and build')
    parser.add_argument('--keep', metavar='FOLDER', help='copy and build here, and go on')
    parser.add_argument('--minutes', type=float, metavar='N')
    options = parser.parse_args()
    if options.if_long and os.environ.get('VDB_LONG') != '1':
        print('skipped: VDB_LONG is not 1')
        return 77
    names = [mutant['name'] for mutant in MUTANTS]
    unknown = [name for name in options.only or [] if name not in names]
    if unknown:
        parser.error('no such bug: ' + ', '.join(unknown))
    chosen = [m for m in MUTANTS if not options.only or m['name'] in options.only]
    if options.list:
        for mutant in chosen:
            print('%-34s %s' % (mutant['name'], mutant['says']))
        return 0
    check_texts(chosen)

    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
        return plant_all(options.keep, chosen, options)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        return plant_all(folder, chosen, options)


if __name__ == '__main__':
    sys.exit(main())
