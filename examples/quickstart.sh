#!/bin/sh
# quickstart.sh: libvdb on 60,000 real images, from nothing, in a few minutes.
#
# Installs what is missing, builds, imports Fashion-MNIST with its classes, searches
# held-out images, compares with exact answers computed by another program, kills an
# import and completes it.  Asks nothing.  Leaves build-quickstart/ behind, with the
# database in build-quickstart/data/.
set -eu

cd "$(dirname "$0")/.."
build=build-quickstart
data=$build/data
queries=200 # of the 10,000 held-out images, for the comparison
k=10

say() {
    printf '\n== %s\n' "$*"
}

# timed WORDS COMMAND...: run it and print how long it took.
timed() {
    words=$1
    shift
    began=$(date +%s%N)
    status=0
    "$@" || status=$?
    ended=$(date +%s%N)
    printf '   [%s: %d.%03d s]\n' "$words" $(((ended - began) / 1000000000)) \
        $(((ended - began) / 1000000 % 1000))
    return $status
}

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

say "Install what is missing"
./tools/setup.sh --run

say "Build"
if [ -f $build/build.ninja ]; then
    meson setup --reconfigure --buildtype=release $build >/dev/null
else
    meson setup --buildtype=release $build
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
ls -l $data | awk 'NR > 1 { print "   " $NF ": " $5 " bytes" }'

say "Import 60,000 vectors of 784 dimensions with their classes"
timed import $tool import $data/fashion.vdb $data/base.fvecs --metadata $data/meta.jsonl
timed open $tool stats $data/fashion.vdb
[ "$($tool count $data/fashion.vdb)" = 60000 ] || fail "there are not 60,000 vectors"
filter='{"op": "eq", "field": "class", "value": "Sneaker"}'
echo "Sneakers among them: $($tool count $data/fashion.vdb --filter "$filter")"

say "Search held-out images: their nearest neighbours, then their nearest sneakers"
for image in 0 1 2; do
    printf '\nHeld-out image %d is: ' $image
    sed -n "$((image + 1))p" $data/held-out.jsonl
    tail -c +$((image * row_bytes + 1)) $data/held-out.fvecs | head -c $row_bytes \
        >$data/one.fvecs
    $tool search $data/fashion.vdb --queries $data/one.fvecs -k 5 --with-metadata
    echo "Only sneakers:"
    $tool search $data/fashion.vdb --queries $data/one.fvecs -k 3 --with-metadata \
        --filter "$filter"
done

say "Compare $queries searches with exact answers, computed by another program in double"
# answers OUT [OPTION...]
answers() {
    out=$1
    shift
    $tool search $data/fashion.vdb --queries $data/queries.fvecs -k $k --json "$@" >"$out"
}
timed "$queries searches" answers $data/plain.jsonl
timed "$queries searches of sneakers" answers $data/sneakers.jsonl --filter "$filter"
$build/examples/ground_truth $data/base.fvecs $data/queries.fvecs $data/plain.jsonl $k ||
    fail "the searches are not exact"
$build/examples/ground_truth $data/base.fvecs $data/queries.fvecs $data/sneakers.jsonl $k \
    $data/meta.jsonl '"Sneaker"' || fail "the searches of sneakers are not exact"

say "Kill an import (SIGKILL) and complete it"
$tool import $data/killed.vdb $data/base.fvecs --metadata $data/meta.jsonl &
import=$!
while [ ! -s $data/killed.vdb ] && kill -0 $import 2>/dev/null; do
    sleep 0.01
done
sleep 0.3
kill -9 $import 2>/dev/null || echo "(it was done before it could be killed)"
wait $import || true
echo "Vectors that were stored: $($tool count $data/killed.vdb)"
$tool check $data/killed.vdb || fail "the killed database is damaged"
$tool import $data/killed.vdb $data/base.fvecs --metadata $data/meta.jsonl
[ "$($tool count $data/killed.vdb)" = 60000 ] || fail "the import was not completed"
$tool check $data/killed.vdb || fail "the completed database is damaged"
rm -f $data/killed.vdb $data/killed.vdb-wal1 $data/killed.vdb-wal2

say "Size and check"
ls -l $data/fashion.vdb* | awk '{ print "   " $NF ": " $5 " bytes" }'
echo "   (the vectors alone are $((60000 * 784 * 4)) bytes)"
timed check $tool check $data/fashion.vdb || fail "the database is damaged"

say "Done.  Go on with: $tool help; $tool list $data/fashion.vdb --limit 5; README.md"
