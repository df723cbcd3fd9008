#!/bin/sh
# quickstart.sh: libvdb on 60,000 real images, from nothing, in a few minutes.
#
# Installs what is missing, builds, imports Fashion-MNIST with its classes, searches
# held-out images, compares with exact answers computed by another program, kills an
# import and completes it.  Asks nothing.  Leaves build-quickstart/ behind (half a
# gigabyte), with the database in build-quickstart/data/.
set -eu

cd "$(dirname "$0")/.."
build='build-quickstart'
data=$build/data
queries=200 # of the 10,000 held-out images, for the comparison
k=10

say() {
    printf '\n== %s\n' "$*"
}

# timed WORDS COMMAND...: run it and print how long it took, the start of the program
# included; and for each
# piece, where $pieces are more than one.
pieces=1
timed() {
    words=$1
    shift
    began=$(date +%s%N)
    status=0
    "$@" || status=$?
    spent=$((($(date +%s%N) - began) / 1000))
    printf '   [%s: %d.%03d s' "$words" $((spent / 1000000)) $((spent / 1000 % 1000))
    [ $pieces = 1 ] || printf ', %d.%02d ms each' $((spent / pieces / 1000)) \
        $((spent / pieces / 10 % 100))
    echo ']'
    return $status
}

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

say "Install what is missing"
./tools/setup.sh --run

say "Build"
# Without the tests, which need more packages: tests/run.sh builds and runs those.
options='--buildtype=release -Dtests=false -Dbench=false'
if [ -f $build/build.ninja ]; then
    # shellcheck disable=SC2086  # the options are words
    meson setup --reconfigure $options $build >/dev/null
else
    # shellcheck disable=SC2086
    meson setup $options $build
fi
ninja -C $build
tool=$build/tools/vdbtool/vdbtool

say "Fashion-MNIST: 60,000 images of clothes and 10,000 held out, 28 x 28 pixels each"
rm -rf $data
mkdir -p $data
source=/usr/share/datasets/fashion-mnist
if [ ! -f $source/train-images-idx3-ubyte.gz ]; then
    (cd $data && apt-get download dataset-fashion-mnist &&
        dpkg-deb -x dataset-fashion-mnist_*.deb .) ||
        fail "Debian's package dataset-fashion-mnist is not to be had"
    source=$data/usr/share/datasets/fashion-mnist
fi
# convert KIND FILE OUT
convert() {
    gzip -dc "$source/$2" >$data/idx
    $build/examples/idx2fvecs "$1" <$data/idx >"$data/$3"
    rm $data/idx
}
convert images train-images-idx3-ubyte.gz base.fvecs
convert labels train-labels-idx1-ubyte.gz meta.jsonl
convert images t10k-images-idx3-ubyte.gz held-out.fvecs
convert labels t10k-labels-idx1-ubyte.gz held-out.jsonl
row_bytes=$((4 + 784 * 4))
head -c $((queries * row_bytes)) $data/held-out.fvecs >$data/queries.fvecs
sizes() {
    for file in "$@"; do
        printf '   %s: %d bytes\n' "$(basename "$file")" "$(wc -c <"$file")"
    done
}
sizes $data/*

say "Import 60,000 vectors of 784 dimensions with their classes"
timed import $tool import $data/fashion.vdb $data/base.fvecs --metadata $data/meta.jsonl
timed "open, and print this" $tool stats $data/fashion.vdb
[ "$($tool count $data/fashion.vdb)" = 60000 ] || fail "there are not 60,000 vectors"
filter='{"op": "eq", "field": "class", "value": "Sneaker"}'
echo "Sneakers among them: $($tool count $data/fashion.vdb --filter "$filter")"

say "Search held-out images: their nearest neighbours, then their nearest sneakers"
# neighbours K [OPTION...]: of the one query in one.fvecs, without the line "Query 1:".
neighbours() {
    count=$1
    shift
    $tool search $data/fashion.vdb --queries $data/one.fvecs -k "$count" \
        --with-metadata "$@" >$data/found
    sed 1d $data/found
}
for image in 0 1 2; do
    printf '\nHeld-out image %d is: ' $image
    sed -n "$((image + 1))p" $data/held-out.jsonl
    tail -c +$((image * row_bytes + 1)) $data/held-out.fvecs | head -c $row_bytes \
        >$data/one.fvecs
    neighbours 5
    echo "Only sneakers:"
    neighbours 3 --filter "$filter"
done
printf '\nHow the last search was done (--explain):\n'
neighbours 3 --filter "$filter" --explain | sed 1,4d
rm $data/one.fvecs $data/found

say "Compare $queries searches with exact answers, computed by another program in double"
# answers OUT [OPTION...]
answers() {
    out=$1
    shift
    $tool search $data/fashion.vdb --queries $data/queries.fvecs -k $k --json "$@" >"$out"
}
pieces=$queries
timed "$queries exact searches" answers $data/plain.jsonl --exact
timed "$queries exact searches of sneakers" answers $data/sneakers.jsonl --exact \
    --filter "$filter"
timed "$queries searches as they are by default" answers $data/default.jsonl --ef 100
pieces=1
echo "The nearest $k of each, among all images and among sneakers:"
$build/examples/ground_truth $data/base.fvecs $data/queries.fvecs $data/plain.jsonl $k ||
    fail "the searches are not exact"
$build/examples/ground_truth $data/base.fvecs $data/queries.fvecs $data/sneakers.jsonl $k \
    $data/meta.jsonl '"Sneaker"' || fail "the searches of sneakers are not exact"
$build/examples/ground_truth --at-least 0.95 $data/base.fvecs $data/queries.fvecs \
    $data/default.jsonl $k || fail "the searches find too few of the nearest"

say "Kill an import (SIGKILL) and complete it"
$tool import $data/killed.vdb $data/base.fvecs --metadata $data/meta.jsonl &
import=$!
while [ ! -s $data/killed.vdb ] && kill -0 $import 2>/dev/null; do
    sleep 0.01
done
sleep 0.15
kill -9 $import 2>/dev/null || echo "(it was done before it could be killed)"
wait $import || true
stored=0
[ ! -s $data/killed.vdb ] || stored=$($tool count $data/killed.vdb)
echo "Vectors that were stored when it was killed: $stored"
$tool check $data/killed.vdb || fail "the killed database is damaged"
$tool import $data/killed.vdb $data/base.fvecs --metadata $data/meta.jsonl
[ "$($tool count $data/killed.vdb)" = 60000 ] || fail "the import was not completed"
$tool check $data/killed.vdb || fail "the completed database is damaged"
$tool search $data/killed.vdb --queries $data/queries.fvecs -k $k --json --exact | \
    cmp - $data/plain.jsonl || fail "the completed database answers otherwise"
echo "It answers the $queries searches just as the other one"
rm -f $data/killed.vdb $data/killed.vdb-wal1 $data/killed.vdb-wal2

say "Size and check"
sizes $data/fashion.vdb*
echo "   (the vectors alone are $((60000 * 784 * 4)) bytes)"
timed check $tool check $data/fashion.vdb || fail "the database is damaged"

say "Done.  Go on with"
echo "   $tool help
   $tool list $data/fashion.vdb --limit 5
   README.md and docs/"
