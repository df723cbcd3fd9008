#!/bin/sh
# Run the example programs and look at what they print.
#
#     tests/examples.sh SOURCE_FOLDER FIRST SEMANTIC THREADS    ends with "N passed, N failed"
set -u
source=$(cd "${1:?}" && pwd)
absolute() {
    echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
}
first=$(absolute "${2:?}")
semantic=$(absolute "${3:?}")
threads=$(absolute "${4:?}")
where=$(mktemp -d "${TMPDIR:-/tmp}/vdb-examples-XXXXXX") || exit 1
trap 'rm -rf "$where"' EXIT
cd "$where" || exit 1
passed=0
failed=0

check() { # name, then a command that must succeed
    name=$1
    shift
    if "$@" >output 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $*"
        cat output
    fi
}

# The README shows its output.
sed -n 's/^    \(apple\|brick\) /\1 /p' "$source/README.md" >first.expected
check "the README shows two lines" test "$(wc -l <first.expected)" = 2
check "first" sh -c "'$first' >first.out && diff first.expected first.out"
check "first, again, on the file that it left" "$first"

data=$source/examples/data
check "semantic" sh -c "'$semantic' '$data/docs.fvecs' '$data/docs.jsonl' >semantic.out &&
    diff '$data/semantic.expected' semantic.out"
check "semantic, in a file" "$semantic" "$data/docs.fvecs" "$data/docs.jsonl" semantic.vdb
check "semantic leaves a database" test -s semantic.vdb
check "semantic, without its data" sh -c "! '$semantic' nothing '$data/docs.jsonl'"

check "threads" sh -c "'$threads' threads.vdb >threads.out &&
    grep -q '^3 writers left 900 photos; [1-9][0-9]* snapshots were seen' threads.out"
check "threads, where there is a database" sh -c "! '$threads' threads.vdb"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
