#!/bin/sh
# Build everything and run every test; with --suite, those suites and what they need.
#
#     tests/run.sh [--long] [--suite NAME]... [--build FOLDER] [--sanitize KIND]
#                  [--cross MACHINE] [--werror]
#
# --long runs the campaigns at length (VDB_LONG=1, no time-outs); --sanitize is Meson's
# b_sanitize ("address,undefined", "thread"), in a build folder of its own; --cross builds
# for tests/cross/MACHINE.ini, whose programs run under an emulator; --werror: a warning in
# a build folder that this makes is an error.
# The last line is "N passed, N failed", of test cases: each of a CMocka program counts.
set -u
cd "$(dirname "$0")/.." || exit 1
build=
suites=
sanitize=none
long=
cross=
werror=
while [ $# -gt 0 ]; do
    case $1 in
    --long) long=1 ;;
    --suite) shift; suites="$suites --suite ${1:?--suite needs a name}" ;;
    --build) shift; build=${1:?--build needs a folder} ;;
    --sanitize) shift; sanitize=${1:?--sanitize needs a kind} ;;
    --werror) werror=--werror ;;
    --cross) shift; cross=${1:?--cross needs a machine} ;;
    *) echo "usage: tests/run.sh [--long] [--suite NAME]... [--build FOLDER]" \
            "[--sanitize KIND] [--cross MACHINE] [--werror]" >&2
       exit 2 ;;
    esac
    shift
done
if [ -z "$build" ]; then
    build=build-tests${cross:+-$cross}
    [ "$sanitize" = none ] || build=build-tests-$(echo "$sanitize" | tr ',' '-')
fi

if [ -x tools/setup.sh ]; then
    tools/setup.sh ${cross:+--cross} || { echo "tools/setup.sh failed" >&2; echo "0 passed, 1 failed"; exit 1; }
fi
if [ ! -f "$build/build.ninja" ]; then
    # A sanitizer's runtime is the program's to bring: shared libraries leave it open.
    lundef=true
    [ "$sanitize" = none ] || lundef=false
    meson setup "$build" --buildtype=debugoptimized -Dtests=true $werror \
        -Db_sanitize="$sanitize" -Db_lundef="$lundef" \
        ${cross:+--cross-file "tests/cross/$cross.ini"} ||
        { echo "0 passed, 1 failed"; exit 1; }
fi
# What suites need, Meson builds before it runs them.
rebuild=
if [ -z "$suites" ]; then
    meson compile -C "$build" || { echo "0 passed, 1 failed"; exit 1; }
    rebuild=--no-rebuild
fi

log=$build/meson-logs/testlog.txt
rm -f "$log"
if [ -n "$long" ]; then
    VDB_LONG=1
    export VDB_LONG
    # shellcheck disable=SC2086  # the suites are words
    meson test -C "$build" $rebuild --print-errorlogs -t 0 $suites
else
    # shellcheck disable=SC2086
    meson test -C "$build" $rebuild --print-errorlogs ${cross:+-t 20} $suites
fi
status=$?
[ -f "$log" ] || { echo "no test ran" >&2; echo "0 passed, 1 failed"; exit 1; }
exec python3 tests/count.py "$build/meson-logs/testlog.json" "$status"
