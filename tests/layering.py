#!/usr/bin/env python3
"""Read the #includes of lib/ and tools/ and fail on one that goes upward.

Calls go down this list, never up; index and store do not know each other; the tools know
vdb.h alone.  A header of a room is named from lib/ ("store/image.h"); one without a
folder belongs to the same folder as the file that includes it.

    layering.py ROOT       ends with "N passed, N failed"
"""
import os
import re
import sys

ORDER = ['api', 'db', 'filter', 'index', 'store', 'kernel', 'os', 'base']
STRANGERS = {('index', 'store'), ('store', 'index')}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
# Of the system's headers, those that only the lowest rooms may include.
GUARDED = {
    'pthread.h': {'os'}, 'threads.h': {'os'}, 'fcntl.h': {'os'}, 'unistd.h': {'os'},
    'sys/mman.h': {'os'}, 'sys/stat.h': {'os'}, 'signal.h': {'os'}, 'time.h': {'os'},
    'malloc.h': {'base'}, 'stdio_ext.h': set(),
}
SYSTEM = re.compile(r'^\s*#\s*include\s*<([^>]+)>', re.M)


def sources(folder):
    for where, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith(('.c', '.h', '.inc')):
                yield os.path.join(where, name)


def complaint_in_lib(lib, path, included):
    room = os.path.relpath(path, lib).split(os.sep)[0]
    if included == 'vdb.h':
        return None
    same = os.path.join(os.path.dirname(path), included)
    if os.path.exists(same) and '/' not in included:
        return None
    if not os.path.exists(os.path.join(lib, included)):
        return 'there is no such header in lib/'
    target = included.split('/')[0]
    if room not in ORDER or target not in ORDER:
        return 'a room that the order does not know'
    if (room, target) in STRANGERS:
        return '%s and %s do not call each other' % (room, target)
    if ORDER.index(target) < ORDER.index(room):
        return '%s is above %s' % (target, room)
    if included.endswith('_priv.h') and os.path.dirname(path) != os.path.join(
            lib, os.path.dirname(included)):
        return 'private to its folder'
    return None


def complaint_in_tools(root, path, included):
    if included == 'vdb.h':
        return None
    near = os.path.normpath(os.path.join(os.path.dirname(path), included))
    below = os.path.join(root, 'tools') + os.sep
    if os.path.exists(near) and near.startswith(below):
        return None
    if os.path.exists(os.path.join(root, 'tools', included)):
        return None
    return 'a tool knows vdb.h and its own headers alone'


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: layering.py ROOT')
    root = os.path.abspath(sys.argv[1])
    lib = os.path.join(root, 'lib')
    passed, failed = 0, 0
    for folder in ('lib', 'tools', 'examples'):
        for path in sources(os.path.join(root, folder)):
            with open(path, encoding='utf-8') as f:
                text = f.read()
            bad = []
            for included in INCLUDE.findall(text):
                why = (complaint_in_lib(lib, path, included) if folder == 'lib' else
                       complaint_in_tools(root, path, included))
                if why:
                    bad.append('"%s": %s' % (included, why))
            room = os.path.relpath(path, lib).split(os.sep)[0]
            for included in SYSTEM.findall(text) if folder == 'lib' else ():
                if room not in GUARDED.get(included, {room}):
                    bad.append('<%s>: only %s may' %
                               (included, ', '.join(sorted(GUARDED[included])) or 'none'))
            for line in bad:
                print('%s includes %s' % (os.path.relpath(path, root), line))
            passed, failed = passed + (not bad), failed + bool(bad)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
