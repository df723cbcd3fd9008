#!/usr/bin/env python3
"""The ABI as the last release, or the last deliberate change, had it.

    baseline.py check --header vdb.h --map vdb.map --shared libvdb.so --cc COMPILER...
                      --baseline baseline.abi --constants constants.txt
    baseline.py renew (the same)

`renew` writes the two kept files anew; it is what "meson compile -C BUILD renew-abi" runs.
`check` compares, by abidiff of Debian's abigail-tools, and fails when something was removed
or changed; what was only added passes.  It also tries itself on headers with a change made
by hand.  Ends with "N passed, N failed"; 77, skipped, where there is no abidiff.

The baseline is not taken from the library but from a stub of every function that the header
declares.  So it has what the contract says and nothing of what is behind the handles, and
does not depend on how the library was built.  The library, where it has debugging
information, is compared with it, the stub of today's header always.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

passed = failed = 0


def report(name, complaint):
    global passed, failed
    if complaint:
        print('%s: %s' % (name, complaint))
    passed, failed = passed + (not complaint), failed + bool(complaint)


def run(command, expected=(0,)):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    if done.returncode not in expected:
        sys.exit('%s: %s' % (' '.join(command), done.stdout))
    return done.stdout


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def without_comments(text):
    return re.sub(r'/\*.*?\*/', '', text, flags=re.S)


def stub(cc, header, version_map, folder):
    """Build a shared library that has each function of the header, and does nothing."""
    text, count = re.subn(r'(^VDB_API[^;{}]*\))\s*;', r'\1 { __builtin_trap(); }',
                          without_comments(header), flags=re.M)
    if not count:
        sys.exit('no VDB_API function in the header')
    write(folder + '/header.c', text)
    write(folder + '/stub.map', version_map)
    # The kept file names no folder, so that renewing it changes nothing else.
    run(cc + ['-w', '-g', '-ffile-prefix-map=' + folder + '=.', '-O0', '-fPIC',
              '-shared', '-fvisibility=hidden', folder + '/header.c', '-Wl,--version-script=' + folder + '/stub.map',
              '-Wl,-soname,libvdb.so.0', '-o', folder + '/libstub.so'])
    return folder + '/libstub.so'


def describe(library, out):
    run(['abidw', '--no-parameter-names', '--no-corpus-path', '--no-comp-dir-path',
         '--no-show-locs', '--no-elf-needed', '--out-file', out, library])


def constants(cc, header, folder):
    """The value of each enumerator; abidiff sees none, for no function takes an enum."""
    names = []
    for body in re.findall(r'\benum\s*\{(.*?)\}', without_comments(header), flags=re.S):
        names += re.findall(r'^\s*(VDB_\w+)\s*=', body, flags=re.M)
    write(folder + '/vdb.h', header)
    write(folder + '/constants.c', '#include <stdio.h>\n#include "vdb.h"\n'
          'int main(void)\n{\n%s    return 0;\n}\n' % ''.join(
              '    printf("%s %%lld\\n", (long long)%s);\n' % (n, n) for n in names))
    run(cc + [folder + '/constants.c', '-o', folder + '/constants'])
    return run([folder + '/constants'])


def difference(baseline, library):
    """What abidiff says of removals and changes; '' when there are none."""
    done = subprocess.run(['abidiff', '--no-added-syms', baseline, library],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    return done.stdout if done.returncode else ''


def missing(kept, now):
    return ''.join('%s: no more, or another value\n' % line
                   for line in kept.splitlines() if line not in now.splitlines())


def check_itself(args, folder):
    """Changes made by hand must be noticed, additions must not."""
    header, version_map = read(args.header), read(args.map)
    trials = (
        ('a function gone', True, r'VDB_API vdb_status vdb_wait_indexed\([^;]*;', '',
         r'^\s*vdb_wait_indexed;', ''),
        ('a parameter retyped', True, r'(?<=vdb_status_name\()vdb_status status',
         'uint64_t status', None, None),
        ('a field appended', True, r'(?=\} vdb_stats;)', 'uint64_t more;', None, None),
        ('two fields swapped', True,
         r'uint64_t slots;([^\n]*\n\s*)uint64_t sequence;',
         r'uint64_t sequence;\1uint64_t slots;', None, None),
        ('a callback changed', True, r'(?<=\(\*random\)\(void \*arg, )', 'int more, ',
         None, None),
        ('a function added', False, r'(?=VDB_API vdb_status vdb_wait_indexed)',
         'VDB_API int vdb_more(void);\n', r'(?=vdb_wait_indexed;)', 'vdb_more; '))
    for name, bad, old, new, old_map, new_map in trials:
        changed, count = re.subn(old, new, header, count=1, flags=re.M)
        changed_map = version_map
        if old_map:
            changed_map = re.sub(old_map, new_map, version_map, count=1, flags=re.M)
        said = difference(args.baseline, stub(args.cc, changed, changed_map, folder))
        report('itself: ' + name, '' if count and bool(said) == bad else
               'not tried' if not count else 'said %s' % (said or 'nothing'))
    renumbered = header.replace('VDB_NOT_FOUND = 2', 'VDB_NOT_FOUND = 102', 1)
    report('itself: a constant changed',
           '' if missing(read(args.constants), constants(args.cc, renumbered, folder))
           else 'said nothing')


def check(args, folder):
    stub_now = stub(args.cc, read(args.header), read(args.map), folder)
    report('header', difference(args.baseline, stub_now))
    if '.debug_info' in run(['readelf', '--section-headers', '--wide', args.shared]):
        report('library', difference(args.baseline, args.shared))
    else:
        print('%s has no debugging information: only the header was compared' %
              args.shared)
    report('constants', missing(read(args.constants),
                                constants(args.cc, read(args.header), folder)))
    if failed:
        print('Was it meant?  Then renew the baseline in the same commit, by\n'
              '    meson compile -C BUILD renew-abi\n'
              'and say it in docs/changes (docs/abi.md).')
    else:
        check_itself(args, folder)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=('check', 'renew'))
    for name in ('header', 'map', 'shared', 'baseline', 'constants'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--cc', nargs='+', default=['cc'])
    args = parser.parse_args()
    if not shutil.which('abidiff') or not shutil.which('abidw'):
        print('abidiff and abidw (abigail-tools) are not installed')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        if args.what == 'check':
            check(args, folder)
        header = read(args.header)
        described = os.path.join(folder, 'baseline.abi')
        describe(stub(args.cc, header, read(args.map), folder), described)
        write(args.constants, constants(args.cc, header, folder))
        write(args.baseline, read(described))


main()
