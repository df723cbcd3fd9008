#!/bin/sh
# Made data that graphs find hard, by libvdb and by hnswlib at the same m and
# ef_construction; a table of CSV.
#
#     bench/hard.sh [--build FOLDER] [--rows N] [SET]...
#
# Each set is built of half the rows and of all: who takes much more than twice as long for
# twice the rows is quadratic.  recall_E: at effort E the share of the ten nearest.  lost: at the
# largest effort, how many vectors a search for their own value does not find; and what such
# a search takes, judging it included.
set -eu
build=$(dirname "$0")/../build
rows=20000
while [ $# -gt 0 ]; do
    case $1 in
    --build) build=${2:?--build needs a folder}; shift 2 ;;
    --rows) rows=${2:?--rows needs a number}; shift 2 ;;
    -*) echo "usage: bench/hard.sh [--build FOLDER] [--rows N] [SET]..." >&2; exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || set -- equal half sorted outlier plane wide norms drift
echo "set,library,rows,dim,build_s,recall_50,recall_100,recall_200,lost,us_a_search"
for name; do
    for program in vdb-bench hnswlib-bench; do
        [ -x "$build/bench/$program" ] || continue
        "$build/bench/$program" hard --set "$name" --rows $((rows / 2))
        "$build/bench/$program" hard --set "$name" --rows "$rows"
    done
done
