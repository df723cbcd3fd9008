#!/bin/sh
# Install the library into a folder of its own, and build a program against what has been
# installed, with what pkg-config says and nothing else: shared, then static.
#
#     tests/install.sh BUILD_FOLDER [CC]        ends with "N passed, N failed"
#
# Then the examples in both ways, and the manual pages.
set -u
build=${1:?usage: install.sh BUILD_FOLDER [CC]}
cc=${2:-cc}
where=$(mktemp -d "${TMPDIR:-/tmp}/vdb-install-XXXXXX") || exit 1
trap 'rm -rf "$where"' EXIT
passed=0
failed=0

check() { # name, then a command that must succeed
    name=$1
    shift
    if "$@" >"$where/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $*"
        cat "$where/output"
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

check "install" meson install -C "$build" --no-rebuild --destdir "$where/dest"
pc=$(find "$where/dest" -name vdb.pc)
check "there is one vdb.pc" test -n "$pc" -a -f "$pc"
[ "$failed" -eq 0 ] || finish

# The prefix is the one configured; the folder it stands in is put before it.
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$where/dest
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS \
       PKG_CONFIG_ALLOW_SYSTEM_LIBS
libdir=$(dirname "$(dirname "$pc")")
include=$(dirname "$(find "$where/dest" -name vdb.h)")

cat >"$where/program.c" <<'PROGRAM'
#include <stdio.h>
#include <string.h>
#include <vdb.h>

int main(int argc, char **argv)
{
    const float v[3] = {1, 2, 3};
    vdb *db;
    vdb_results *hits;
    if (argc != 2 || vdb_version() / 1000000 != VDB_VERSION_MAJOR)
        return 2;
    if (vdb_open(argv[1], NULL, &db)) {
        puts(vdb_errmsg());
        return 1;
    }
    if (vdb_insert(db, "a", v, 3, "{\"kind\": \"first\"}") ||
        vdb_search(db, v, 3, 10, &hits)) {
        puts(vdb_errmsg());
        return 1;
    }
    if (vdb_results_count(hits) != 1 || strcmp(vdb_results_id(hits, 0, NULL), "a"))
        return 3;
    vdb_results_free(hits);
    return vdb_close(db) ? 1 : 0;
}
PROGRAM

check "pkg-config knows vdb" pkg-config --exists --print-errors vdb
check "its version is the header's" pkg-config --atleast-version=0.1.0 vdb
# shellcheck disable=SC2046  # the flags are words
check "build, shared" "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror \
    "$where/program.c" -o "$where/shared" $(pkg-config --cflags --libs vdb)
check "run, shared" env LD_LIBRARY_PATH="$libdir" "$where/shared" "$where/shared.vdb"
check "it uses libvdb.so.0" sh -c "readelf -d '$where/shared' | grep -q 'libvdb\.so\.0'"

# Static: the archive is there, and its own needs are told by --static.
check "libvdb.a is installed" test -f "$libdir/libvdb.a"
shared_flags=$(pkg-config --cflags --libs vdb)
unset PKG_CONFIG_SYSROOT_DIR # its needs are the system's
flags=$(pkg-config --static --libs vdb | sed 's/-L[^ ]*//g; s/-lvdb\b//g')
# shellcheck disable=SC2086
check "build, static" "$cc" -std=c11 -I"$include" \
    "$where/program.c" -o "$where/static" "$libdir/libvdb.a" $flags
check "run, static" "$where/static" "$where/static.vdb"
check "it does not use libvdb.so" sh -c "! readelf -d '$where/static' | grep -q libvdb"
# The examples are programs like any other: built against the installed copy, they run.
examples=$(cd "$(dirname "$0")/../examples" && pwd)
for kind in shared static; do
    mkdir "$where/$kind-examples"
    for example in first semantic threads; do
        if [ $kind = shared ]; then
            how=$shared_flags
        else
            how="$libdir/libvdb.a $flags"
        fi
        # shellcheck disable=SC2086
        check "build example $example, $kind" "$cc" -std=gnu11 -Wall -Wextra -Werror \
            -I"$include" "$examples/$example.c" -o "$where/$kind-examples/$example" \
            $how -lpthread
    done
    check "run the examples, $kind" env LD_LIBRARY_PATH="$libdir" \
        "$(dirname "$0")/examples.sh" "$examples/.." "$where/$kind-examples/first" \
        "$where/$kind-examples/semantic" "$where/$kind-examples/threads"
done

# The tool, and the manual pages that are in the source.
check "vdbtool runs" sh -c "LD_LIBRARY_PATH='$libdir' '$(find "$where/dest" -name vdbtool)' \
    --version | grep -q '^vdbtool '"
server=$(find "$where/dest" -type f -name vdb-httpd)
[ -z "$server" ] || check "vdb-httpd runs" sh -c "LD_LIBRARY_PATH='$libdir' '$server' \
    --version | grep -q '^vdb-httpd '"
for page in $(find "$(dirname "$0")/../docs" "$(dirname "$0")/../tools" -name '*.[13]'); do
    name=$(basename "$page")
    section=${name##*.}
    installed=$(find "$where/dest" -path "*/man/man$section/$name*")
    check "$name is installed" test -n "$installed"
    # What mandoc or man has to say about it; neither must be there.
    if command -v mandoc >/dev/null; then
        check "$name is sound" mandoc -T lint -W error "$page"
    elif command -v man >/dev/null; then
        check "$name is sound" sh -c \
            "test -z \"\$(LC_ALL=C.UTF-8 man --warnings -l '$page' 2>&1 >/dev/null)\""
    fi
done

# What one has written the other reads.
check "both read each other's file" sh -c \
    "LD_LIBRARY_PATH='$libdir' '$where/shared' '$where/static.vdb' &&
     '$where/static' '$where/shared.vdb'"
finish
