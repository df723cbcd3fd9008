#!/bin/sh
# Store, search and page from the shell.
#
#     vdb-httpd --db app.vdb &
#     examples/http/curl.sh [URL]
#
# With a token in the environment variable TOKEN it is sent along.
set -eu
url=${1:-http://127.0.0.1:3000}

call() { # METHOD PATH [curl's options]
    method=$1 path=$2
    shift 2
    curl -sS --fail-with-body -X "$method" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} \
        "$@" "$url$path"
    echo
}
json() { # METHOD PATH BODY
    call "$1" "$2" -H 'Content-Type: application/json' -d "$3"
}

json POST /vectors '{"id": "a/b", "vector": [1, 2, 3], "metadata": {"kind": "first"}}'

# Lines of JSON, all of them as one commit.
call POST /vectors/batch -H 'Content-Type: application/x-ndjson' --data-binary @- <<'LINES'
{"id": "c", "vector": [3, 2, 1], "metadata": {"kind": "second"}}
{"id": "d", "vector": [1, 1, 1]}
LINES

# A slash in an id is percent-encoded in a path.
call GET /vectors/a%2Fb

json POST /search '{"vector": [1, 2, 2], "k": 2, "with_metadata": true}'

# Two ids at a time, each page behind the last id of the one before.
call GET '/vectors?limit=2'
call GET '/vectors?limit=2&after=c'

json POST /vectors/delete '{"ids": ["a/b", "c", "d"]}'
