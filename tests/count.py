#!/usr/bin/env python3
"""Sum the test cases of a run of `meson test`.

    count.py testlog.json STATUS

A CMocka program says how many of its cases passed, failed and were skipped; a script says
"N passed, N failed"; a program that says neither is one case.  A program that failed but
reports no failed case (a crash, a time-out, a leak) counts as one failure.  Prints each
program's figures, then "N passed, N failed"; exit 0 only when something passed, nothing
failed and STATUS is 0.
"""
import json
import re
import sys

CMOCKA_PASSED = re.compile(r'^\[  PASSED  \] (\d+) test\(s\)\.', re.M)
CMOCKA_FAILED = re.compile(r'^\[  FAILED  \] (\d+) test\(s\)', re.M)
CMOCKA_SKIPPED = re.compile(r'^\[  SKIPPED \] (\d+) test\(s\)', re.M)
SCRIPT = re.compile(r'^(\d+) passed, (\d+) failed\s*$', re.M)


def figures(test):
    text = (test.get('stdout') or '') + '\n' + (test.get('stderr') or '')
    failed_run = test['result'] not in ('OK', 'EXPECTEDFAIL', 'SKIP')
    if test['result'] == 'SKIP':
        return 0, 0, 1
    cases = CMOCKA_PASSED.findall(text)
    lines = SCRIPT.findall(text)
    if cases:
        passed = sum(map(int, cases))
        failed = sum(map(int, CMOCKA_FAILED.findall(text)))
        skipped = sum(map(int, CMOCKA_SKIPPED.findall(text)))
    elif lines:
        passed, failed, skipped = int(lines[-1][0]), int(lines[-1][1]), 0
    else:
        passed, failed, skipped = (0, 1, 0) if failed_run else (1, 0, 0)
    return passed, max(failed, 1) if failed_run else failed, skipped


def main():
    total = [0, 0, 0]
    with open(sys.argv[1], encoding='utf-8') as f:
        for line in f:
            test = json.loads(line)
            counted = figures(test)
            total = [a + b for a, b in zip(total, counted)]
            print('%-44s %4d passed %4d failed %4d skipped  %6.1f s' %
                  ((test['name'].split(' / ')[-1],) + counted + (test['duration'],)))
    if total[2]:
        print('%d skipped' % total[2])
    status = int(sys.argv[2])
    if status and not total[1]:
        print('meson test ended with %d' % status)
        total[1] = 1
    print('%d passed, %d failed' % (total[0], total[1]))
    sys.exit(0 if total[0] and not total[1] else 1)


main()
