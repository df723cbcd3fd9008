#!/bin/sh
# Load vdb-httpd over loopback and print a table.
#
#     [METRIC=cosine] bench/http/load.sh BUILD_FOLDER BASE.fvecs QUERIES.fvecs [SECONDS]
#
# Builds a graph of the base in a temporary folder, measures the same searches in this
# process's place (vdb-bench: no HTTP), then over HTTP by wrk, whose clients share the
# machine with the server.  Inserts are measured on the disk as it is, and on one that syncs
# in 4 ms (slow_disk.c), each with that disk's syncs before it.  Needs wrk, python3 and cc.
set -eu
build=$(cd "${1:?usage: load.sh BUILD_FOLDER BASE.fvecs QUERIES.fvecs [SECONDS]}" && pwd)
base=$(realpath "${2:?BASE.fvecs is missing}")
queries=$(realpath "${3:?QUERIES.fvecs is missing}")
seconds=${4:-8}
here=$(cd "$(dirname "$0")" && pwd)
metric=${METRIC:-l2}
command -v wrk >/dev/null || { echo "load: wrk is needed" >&2; exit 1; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/vdb-load-XXXXXX")
server=
slow=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

start() { # options...
    : >said
    LD_PRELOAD=$slow "$build/tools/vdb-httpd/vdb-httpd" --metric "$metric" --addr 127.0.0.1:0 "$@" >said 2>errors &
    server=$!
    while ! grep -q '^Server listening on ' said; do
        kill -0 "$server"
        sleep 0.05
    done
    url=http://$(sed 's/.* //' said)
}
stop() {
    kill "$server"
    wait "$server"
    server=
}
resident() {
    awk '/^VmRSS/ {printf "%d", $2 / 1024}' "/proc/$server/status"
}
load() { # title, connections, kind of body
    wrk -t 1 -c "$2" -d "$seconds" --latency -s "$here/load.lua" "$url" -- "$3" bodies \
        >told
    awk -v title="$1" -v rss="$(resident)" '
        /^answers/ {good = $2; bad = $3; socket = $4; seconds = $5}
        /99%/ {p99 = $2}
        /50%/ {p50 = $2}
        END {printf "%-40s %9.0f/s  p50 %8s  p99 %8s  bad %d  errors %d  RSS %d MB\n",
             title, good / seconds, p50, p99, bad, socket, rss}' told
}

python3 "$here/bodies.py" "$queries" "$base" bodies
cc -shared -fPIC -O2 -o slow_disk.so "$here/slow_disk.c" -ldl
"$build/bench/vdb-bench" --base "$base" --queries "$queries" --db app.vdb --ef 50 \
    --metric "$metric" --max-queries 10 --repeat 1 --threads 2 --csv >built 2>&1
"$build/bench/vdb-bench" --base "$base" --queries "$queries" --db app.vdb --ef 50 \
    --metric "$metric" --max-queries 1000 --repeat 3 --threads 1 --csv >inside-1 2>errors
"$build/bench/vdb-bench" --base "$base" --queries "$queries" --db app.vdb --ef 50 \
    --metric "$metric" --max-queries 1000 --repeat 3 --threads 2 --csv >inside-2 2>errors
echo "the same searches without HTTP, one thread and two:"
tail -n 1 inside-1
tail -n 1 inside-2
start --db app.vdb
for connections in 1 4 32; do
    load "GET /health, $connections connections" $connections health
    load "POST /search JSON, $connections connections" $connections json
    load "POST /search base64, $connections connections" $connections base64
done
load "searches and inserts 9 to 1, 16 connections" 16 mixed
stop
for us in 0 4000; do
    export SYNC_US=$us
    [ $us = 0 ] || slow=$PWD/slow_disk.so
    for connections in 1 64; do
        LD_PRELOAD=$slow python3 "$here/syncs.py" .
        start --db fresh-$us-$connections.vdb
        load "inserts, full durability, $connections clients" $connections insert
        stop
    done
done
LD_PRELOAD=$slow python3 "$here/syncs.py" .
slow=
start --db batches.vdb
load "batches of 100 as base64, 4 clients" 4 batch
stop
