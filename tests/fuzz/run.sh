#!/bin/sh
# Fuzz each target for a while, from its kept corpus.
#
#     tests/fuzz/run.sh [--seconds N] [--keep FOLDER] [TARGET]...
#
# Builds build-fuzz, with clang, and runs as many targets beside each other as there are
# processors.  Without --seconds it is what CI runs: a fixed seed and a bounded number of
# runs, at most a minute for each target.  With it, each target runs for N seconds from a
# seed of its own.  What was found to be new goes to FOLDER/TARGET, or nowhere; an input that
# breaks something stays as FOLDER/TARGET-crash-..., or in build-fuzz.
# Ends with "N passed, N failed", of targets.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=
keep=
targets=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) shift; seconds=${1:?--seconds needs a number} ;;
    --keep) shift; keep=${1:?--keep needs a folder} ;;
    -*) echo "usage: tests/fuzz/run.sh [--seconds N] [--keep FOLDER] [TARGET]..." >&2
        exit 2 ;;
    *) targets="$targets $1" ;;
    esac
    shift
done
[ -n "$targets" ] || targets='filter metadata import cli log file ops http'

# Whole paths: the target cli works in a folder of its own.
build=$PWD/build-fuzz
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dfuzz=true -Db_lundef=false -Dbench=false ||
        { echo "0 passed, 1 failed"; exit 1; }
fi
for target in $targets; do
    set -- "$@" "tests/fuzz/fuzz_$target"
done
ninja -C "$build" "$@" || { echo "0 passed, 1 failed"; exit 1; }
if [ -n "$keep" ]; then
    mkdir -p "$keep"
    keep=$(cd "$keep" && pwd)
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# fuzz TARGET: whether nothing broke.
fuzz() {
    target=$1
    into=$scratch/$target
    breaks=$build/$target-
    if [ -n "$keep" ]; then
        into=$keep/$target
        breaks=$keep/$target-
    fi
    mkdir -p "$into"
    length=2000
    runs=1500 # a run of these opens databases
    case $target in
    filter | metadata) runs=100000 ;;
    import) runs=30000 ;;
    log) length=8192 ;;
    esac
    if [ -n "$seconds" ]; then
        bound="-max_total_time=$seconds"
    else
        bound="-seed=1 -runs=$runs -max_total_time=60"
    fi
    dictionary=$PWD/tests/fuzz/$target.dict
    [ ! -f "$dictionary" ] || bound="$bound -dict=$dictionary"
    # What the tools say is not ours to read; the sanitizer has its own way out.
    case $target in
    cli | http) bound="$bound -close_fd_mask=2" ;;
    esac
    log=$scratch/$target.log
    # shellcheck disable=SC2086  # the bounds are words
    if "$build/tests/fuzz/fuzz_$target" $bound -max_len=$length -timeout=25 \
        -malloc_limit_mb=256 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$breaks" "$into" "$PWD/tests/fuzz/corpus/$target" \
        >"$log" 2>&1; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
        echo >>"$scratch/passed"
    else
        tail -n 60 "$log"
        echo "FAILED: $target; its input is $breaks*"
    fi
}

# As many beside each other as there are processors: every lanes-th target in a lane.
: >"$scratch/passed"
lanes=$(getconf _NPROCESSORS_ONLN) || lanes=1
lane=0
while [ $lane -lt "$lanes" ]; do
    (
        number=0
        for target in $targets; do
            [ $((number % lanes)) -ne $lane ] || fuzz "$target"
            number=$((number + 1))
        done
    ) &
    lane=$((lane + 1))
done
wait
passed=$(wc -l <"$scratch/passed")
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
