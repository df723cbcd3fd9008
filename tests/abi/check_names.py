#!/usr/bin/env python3
"""What the library shows and what it uses, read from its binaries.

    check_names.py --header vdb.h --map vdb.map --shared libvdb.so --static libvdb.a
                   --objects internal.a --cc COMPILER... --layout PROGRAM --kept layout.txt

Checks, each a test:
  - VDB_API functions in the header = names in the map = what nm shows of the .so;
    in the static library nothing but vdb_ and vdbi_ names is global
  - the header alone compiles as C11 and as C++17, without a warning
  - sizes and offsets of the public structs are those of the kept table
  - each object of the library uses no symbol but those listed here: files, memory and
    threads only from lib/os, the allocator only from lib/base/memory.c

Ends with "N passed, N failed".
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile

# What any object may use: computation without effects, and the libraries that the
# library stands on.
PURE = set('''
memcpy memmove memset memcmp bcmp memchr memmem strlen strcmp strncmp strchr strrchr strstr
strnlen strcpy snprintf vsnprintf bsearch qsort __errno_location strerror_r __xpg_strerror_r
sqrt sqrtf fabs fabsf floor ceil ldexp frexp log log2 exp exp2 pow lround llround isnan
isinf strtod strtoull strtoll strtoul isfinite nearbyint trunc round nextafterf
__memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk __stack_chk_fail
__strcpy_chk __strcat_chk __isoc99_sscanf __ctype_b_loc __cpu_model __cpu_features2 __cpu_indicator_init
_GLOBAL_OFFSET_TABLE_ __tls_get_addr __udivti3 __umodti3 __multi3 __popcountdi2
__cxa_finalize __gmon_start__ _ITM_registerTMCloneTable _ITM_deregisterTMCloneTable
'''.split())
PURE_PREFIXES = (
    'json_', 'jsonp_', 'XXH', 'libdeflate_', 'vdb_', 'vdbi_',
    # Instrumentation of the sanitizer, coverage and fuzzing builds.
    '__asan_', '__ubsan_', '__tsan_', '__msan_', '__lsan_', '__sanitizer_', '__gcov',
    '__llvm_', '__sancov_', '__atomic_',
)
# Exceptions, each with its reason.
EVERYWHERE = {
    '__assert_fail': 'assert() on bugs of our own, never on data or arguments',
    '__assert': 'the same, elsewhere',
}
# Jansson allocates with the host's functions and gives texts that must be freed so.
ONLY_IN = {
    'os': set('''
open open64 openat openat64 close read write pread pread64 pwrite pwrite64 fsync
fdatasync ftruncate ftruncate64 fallocate fallocate64 posix_fallocate
posix_fallocate64 fstat fstat64 stat stat64 lstat lstat64 fstatat fstatat64 access
faccessat unlink unlinkat readlink readlinkat realpath fcntl fcntl64 dup dup2 dup3 flock
mmap mmap64 munmap madvise mprotect getrandom getpid gettid clock_gettime nanosleep
clock_nanosleep sched_yield sysconf sched_getaffinity __sched_cpucount get_nprocs
pthread_create pthread_join pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock
pthread_mutex_unlock pthread_mutex_trylock pthread_cond_init pthread_cond_destroy
pthread_cond_wait pthread_cond_timedwait pthread_cond_broadcast pthread_cond_signal
pthread_cond_clockwait pthread_condattr_init pthread_condattr_destroy
sem_init sem_destroy sem_post sem_wait pthread_condattr_setclock pthread_sigmask pthread_attr_init pthread_attr_destroy
pthread_attr_setstacksize pthread_self pthread_once sigfillset sigemptyset
getauxval __open_2 __open64_2 __openat_2 __openat64_2 __read_chk __pread_chk __pread64_chk
__readlink_chk __realpath_chk
'''.split()),
    'base/memory.c': set('''
malloc calloc realloc free aligned_alloc posix_memalign reallocarray
'''.split()),
}
OS_OBJECTS = ('os_posix.c', 'os_vfs.c', 'os_thread.c', 'os_fork_mark.c',
              'os_processor.c')
MEMORY_OBJECTS = ('base_memory.c',)

passed = failed = 0


def report(name, complaints):
    global passed, failed
    for line in complaints:
        print('%s: %s' % (name, line))
    passed, failed = passed + (not complaints), failed + bool(complaints)


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, check=False)
    if done.returncode:
        sys.exit('%s: %s' % (' '.join(command), done.stderr))
    return done.stdout


def without_comments(text):
    return re.sub(r'//[^\n]*', '', re.sub(r'/\*.*?\*/', '', text, flags=re.S))


def names_in_header(path):
    with open(path, encoding='utf-8') as f:
        text = without_comments(f.read())
    text = re.sub(r'^\s*#.*?(?<!\\)$', '', text, flags=re.M)
    return set(re.findall(r'VDB_API\b[^;()]*?\b(\w+)\s*\(', text))


def names_in_map(path):
    with open(path, encoding='utf-8') as f:
        text = without_comments(f.read())
    return set(re.findall(r'^\s*(\w+);', text, flags=re.M))


def difference(a, b, what):
    return ['%s %s' % (name, what) for name in sorted(a - b)]


def check_exports(args):
    header, listed = names_in_header(args.header), names_in_map(args.map)
    shown = {line.split()[-1].split('@')[0]
             for line in run(['nm', '-D', '--defined-only', args.shared]).splitlines()
             if line.strip() and ' A ' not in line}
    report('header', [] if header else ['no VDB_API function found'])
    report('map', difference(header, listed, 'is declared and not in the map') +
           difference(listed, header, 'is in the map and not declared'))
    report('exports', difference(header, shown, 'is declared and not exported') +
           difference(shown, header, 'is exported and not declared'))
    report('names', ['%s does not begin with vdb_' % n for n in sorted(shown)
                     if not n.startswith('vdb_')])


def check_static(args):
    bad = set()
    for line in run(['nm', '-g', '--defined-only', args.static]).splitlines():
        words = line.split()
        if len(words) == 3 and not words[2].startswith(
                ('vdb_', 'vdbi_', '__asan', '__odr_asan', '__gcov', '__tsan')):
            bad.add(words[2])
    report('static library', ['%s is global in it' % n for n in sorted(bad)])


def check_header(args):
    flags = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only']
    with tempfile.TemporaryDirectory() as folder:
        for language, suffix, standard in (('C11', 'c', 'c11'), ('C++17', 'cc', 'c++17')):
            path = '%s/alone.%s' % (folder, suffix)
            with open(path, 'w', encoding='utf-8') as f:
                # The INIT macros too, and twice the header.
                f.write('#include "%s"\n#include "%s"\n' % (args.header, args.header))
                f.write('int use(void);\nint use(void)\n{\n')
                for name in ('options', 'op', 'error', 'rows', 'cursor_options', 'query',
                             'explain', 'check_options', 'stats', 'env_options'):
                    f.write('    vdb_%s %s = VDB_%s_INIT;\n' % (name, name, name.upper()))
                    f.write('    if (!%s.struct_size) return 1;\n' % name)
                f.write('    return 0;\n}\n')
            compilers = args.cc if suffix == 'c' else [
                c for c in ('g++', 'clang++') if shutil.which(c)]
            complaints = [] if compilers else ['no compiler']
            for compiler in compilers:
                done = subprocess.run(
                    [compiler, '-std=' + standard] + flags + [path],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    universal_newlines=True, check=False)
                if done.returncode:
                    complaints.append('%s: %s' % (compiler, done.stdout))
            report('header as ' + language, complaints)


def check_layout(args):
    now = run([args.layout]).splitlines()
    with open(args.kept, encoding='utf-8') as f:
        kept = f.read().splitlines()
    if '64-bit' not in now[0]:
        print('layout: kept for 64-bit machines only; not compared')
        return
    report('layout', difference(set(kept), set(now), 'was, and is no more') +
           difference(set(now), set(kept), 'is new (fields are only ever appended)'))


def allowed(symbol, member):
    if symbol in PURE or symbol in EVERYWHERE or symbol.startswith(PURE_PREFIXES):
        return True
    if any(part in member for part in OS_OBJECTS) and symbol in ONLY_IN['os']:
        return True
    return (any(part in member for part in MEMORY_OBJECTS) and
            symbol in ONLY_IN['base/memory.c'])


def check_imports(args):
    used = {}
    for line in run(['nm', '-A', '-u', args.objects]).splitlines():
        match = re.match(r'^(.*):\s+[UwvV]\s+(\S+)$', line)
        if match:
            # "archive:member:" or, of a thin archive, "archive[member]:"
            member = re.split(r'[:\[]', match.group(1))[-1].rstrip(']')
            used.setdefault(member, set()).add(match.group(2).split('@')[0])
    report('objects', [] if used else ['none found in ' + args.objects])
    for member in sorted(used):
        report(member, ['calls %s' % s for s in sorted(used[member])
                        if not allowed(s, member)])


def main():
    parser = argparse.ArgumentParser()
    for name in ('header', 'map', 'shared', 'static', 'objects', 'layout', 'kept'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--cc', nargs='+', default=['cc'])
    args = parser.parse_args()
    check_exports(args)
    check_static(args)
    check_header(args)
    check_layout(args)
    check_imports(args)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
