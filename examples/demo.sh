#!/bin/sh
# A walk through every endpoint of vdb-httpd, in fifteen steps.
#
#     examples/demo.sh [VDB_HTTPD]
#
# Starts a server of its own on a free port, over a file in a temporary folder, and stops it
# at the end.  Without an argument: the vdb-httpd of ./build, or the one in the PATH.
# Needs curl.  Ends with a failure if a step is not answered as it should be.
set -eu

program=${1:-}
here=$(cd "$(dirname "$0")/.." && pwd)
[ -n "$program" ] || program=$here/build/tools/vdb-httpd/vdb-httpd
[ -x "$program" ] || program=$(command -v vdb-httpd) || {
    echo "demo: no vdb-httpd: build it (README.md), or name it" >&2
    exit 1
}
command -v curl >/dev/null || { echo "demo: curl is needed" >&2; exit 1; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/vdb-demo-XXXXXX")
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$folder"
}
trap finish EXIT

start() {
    : >"$folder/said"
    "$program" --db "$folder/demo.vdb" --addr 127.0.0.1:0 >"$folder/said" &
    server=$!
    while ! grep -q '^Server listening on ' "$folder/said"; do
        kill -0 "$server" || exit 1
        sleep 0.05
    done
    url=http://$(sed 's/.* //' "$folder/said")
}

step=0
# ask STATUS TITLE METHOD PATH [BODY]
ask() {
    want=$1 title=$2 method=$3 path=$4
    shift 4
    step=$((step + 1))
    printf '\n%d. %s\n   %s %s %s\n' "$step" "$title" "$method" "$path" "$*"
    if [ $# -gt 0 ]; then
        set -- -H 'Content-Type: application/json' -d "$1"
    fi
    status=$(curl -s -o "$folder/answer" -w '%{http_code}' -X "$method" "$@" "$url$path")
    printf '   %s %s\n' "$status" "$(cat "$folder/answer")"
    [ "$status" = "$want" ] || {
        echo "demo: step $step was answered with $status, not $want" >&2
        exit 1
    }
}

start
echo "vdb-httpd is at $url"
ask 200 "Is it there?" GET /health
ask 201 "Store a vector with metadata" POST /vectors \
    '{"id": "apple", "vector": [1.0, 0.2, 0.1], "metadata": {"kind": "fruit", "colour": "red"}}'
ask 201 "And another" POST /vectors \
    '{"id": "pear", "vector": [0.9, 0.3, 0.1], "metadata": {"kind": "fruit", "colour": "green"}}'
ask 201 "Many at once: all of them or none" POST /vectors/batch \
    '{"vectors": [{"id": "brick", "vector": [0.1, 0.9, 0.3], "metadata": {"kind": "stone"}},
                 {"id": "slate", "vector": [0.0, 0.8, 0.5], "metadata": {"kind": "stone"}},
                 {"id": "cloud", "vector": [0.2, 0.1, 1.0]}]}'
ask 200 "All ids" GET /vectors
ask 200 "One vector" GET /vectors/apple
ask 200 "The nearest to a query" POST /search '{"vector": [1.0, 0.25, 0.1], "k": 3}'
ask 200 "The nearest that pass a filter" POST /search \
    '{"vector": [1.0, 0.25, 0.1], "k": 3,
      "filter": {"op": "eq", "field": "kind", "value": "stone"}}'
ask 200 "A filter of several" POST /search \
    '{"vector": [1.0, 0.25, 0.1],
      "filter": {"op": "and", "filters": [{"op": "exists", "field": "kind"},
                                          {"op": "ne", "field": "colour", "value": "red"}]}}'
ask 200 "Many queries at once" POST /search/batch \
    '{"queries": [{"vector": [1, 0, 0], "k": 1}, {"vector": [0, 0, 1], "k": 2}]}'
ask 400 "A vector of another dimension is refused" POST /vectors \
    '{"id": "flat", "vector": [1.0, 2.0]}'
ask 200 "Remove one" DELETE /vectors/cloud
ask 404 "It is gone" GET /vectors/cloud
ask 200 "What has been done" GET /metrics
kill -9 "$server"
wait "$server" 2>/dev/null || :
echo
echo "(kill -9, and started again)"
start
ask 200 "Everything that was acknowledged is there" GET /vectors
[ "$(cat "$folder/answer")" = '["apple", "brick", "pear", "slate"]' ] || {
    echo "demo: after the kill there is something else" >&2
    exit 1
}
kill "$server"
wait "$server"
server=
printf '\nAll %d steps were answered as they should be.\n' "$step"
