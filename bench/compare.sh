#!/bin/sh
# compare.sh: libvdb beside the other libraries that are installed, turn about.
#
#     bench/compare.sh [option...]
#
#   --out FOLDER        where everything goes: data, indexes, rows, table, plots
#                       (build-compare)
#   --data FOLDER       take the sets from there: NAME.base.fvecs, NAME.query.fvecs and
#                       NAME.gt.ivecs; without, fashion-mnist-784 is made from Debian's
#                       package dataset-fashion-mnist
#   --sets "NAME[:METRIC] ..."   which, and their metric when it is not l2
#   --index hnsw|flat   what to compare (hnsw).  flat: one query at a time, a batch of
#                       1,000 by one and by two threads, and of libvdb filtered searches
#   --libraries "NAME ..."       of: vdb hnswlib faiss (all that were built)
#   --m "N ..." --ef-construction "N ..."   of the graph (16, 200); several of either are
#                       a sweep: all combinations, and the frontier is compared
#   --ef N,N,...        efforts of searching (10,20,30,40,60,80,120,160,240,320,640)
#   --k N --threads N --build-threads N --max-queries N --repeat N   as vdb-bench
#   --codes N           of libvdb
#   --rounds N          each library has its turn so often (5)
#   --pick best|median  which of the rounds counts (best)
#   --build FOLDER      programs that are built already; without, they are built in
#                       OUT/build, and tools/setup.sh --bench installs what is missing
#
# How it is fair.  All programs share one harness and one command line.  First each
# library builds each index once, alone.  Then come the rounds: in each, every library
# has its turn, in an order that moves on by one, so that a drift of the machine meets
# all alike.  Of each round the best of --repeat passes counts, then the best (or the
# median) of the rounds.  Nothing else should run meanwhile; where that cannot be had,
# figures of one run may be compared with each other, and with no other run's.
#
# The other libraries are compiled with -O3 -march=native (faiss: when -Dfaiss_dir is
# given, see peers/native_faiss.sh; FAISS_DIR names that folder here).  faiss does
# batches by a BLAS: Debian's OpenBLAS, at its best when it may choose its kernels and
# sizes itself, so OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are unset here.  Its threads are
# others than OpenMP's, which would spin meanwhile on the same cores: they are told to
# sleep (OMP_WAIT_POLICY).
#
# In OUT: builds.csv (rows of the builds), raw.csv (rows of every round), summary.csv,
# table.md, *.svg, limits.csv (the machine's, measured before the rounds).
set -eu
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OMP_NUM_THREADS OPENBLAS_NUM_THREADS
export OMP_WAIT_POLICY=passive
here=$(cd "$(dirname "$0")/.." && pwd)

out=build-compare data= sets= index=hnsw libraries= ms=16 efcs=200
efs=10,20,30,40,60,80,120,160,240,320,640
k=10 threads=1 build_threads=2 max_queries=2000 repeat=3 codes= rounds=5 pick=best build=

fail() {
    echo "compare: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set -eu/{/^set/d;s/^# \{0,1\}//p;}' "$0"
        exit 0
        ;;
    --out | --data | --sets | --index | --libraries | --m | --ef-construction | --ef | \
        --k | --threads | --build-threads | --max-queries | --repeat | --codes | \
        --rounds | --pick | --build)
        [ $# -gt 1 ] || fail "$1 needs a value"
        case $1 in
        --m) ms=$2 ;;
        --ef-construction) efcs=$2 ;;
        --ef) efs=$2 ;;
        *) eval "$(echo "${1#--}" | tr - _)=\$2" ;;
        esac
        shift
        ;;
    *) fail "unknown option: $1 (try --help)" ;;
    esac
    shift
done
case $index in hnsw | flat) ;; *) fail "--index is hnsw or flat" ;; esac
case $pick in best | median) ;; *) fail "--pick is best or median" ;; esac

mkdir -p "$out/index"
out=$(cd "$out" && pwd)

# ------------------------------------------------------------------- programs

if [ -z "$build" ]; then
    "$here/tools/setup.sh" --bench ||
        echo "compare: going on with what is installed" >&2
    build=$out/build
    [ -f "$build/build.ninja" ] ||
        meson setup "$build" "$here" --buildtype=release -Dtests=false \
            ${FAISS_DIR:+-Dfaiss_dir="$FAISS_DIR"} > "$out/build.log"
    ninja -C "$build" >> "$out/build.log" || fail "the build failed: $out/build.log"
fi
have=
for library in vdb hnswlib faiss; do
    [ -x "$build/bench/$library-bench" ] && have="$have $library"
done
[ -n "$libraries" ] || libraries=$have
if [ "$index" = flat ]; then # hnswlib has no flat index to compare
    libraries=$(echo " $libraries " | sed 's/ hnswlib / /')
fi
for library in $libraries; do
    [ -x "$build/bench/$library-bench" ] || fail "there is no $build/bench/$library-bench"
done

# ----------------------------------------------------------------------- data

make_fashion_mnist() {
    from=/usr/share/datasets/fashion-mnist
    [ -f $from/train-images-idx3-ubyte.gz ] ||
        fail "dataset-fashion-mnist is not installed (tools/setup.sh --bench), and no --data"
    name=$data/fashion-mnist-784
    [ -f "$name.base.fvecs" ] || {
        gzip -dc $from/train-images-idx3-ubyte.gz |
            "$build/examples/idx2fvecs" images > "$name.base.part"
        gzip -dc $from/train-labels-idx1-ubyte.gz |
            "$build/examples/idx2fvecs" labels > "$name.meta.jsonl"
        gzip -dc $from/t10k-images-idx3-ubyte.gz |
            "$build/examples/idx2fvecs" images > "$name.query.fvecs"
        mv "$name.base.part" "$name.base.fvecs"
    }
    [ -f "$name.gt.ivecs" ] || {
        echo "compare: exact answers for $max_queries queries, once" >&2
        "$build/bench/vdb-bench" truth "$name.base.fvecs" "$name.query.fvecs" l2 100 \
            "$max_queries" "$name.gt.part"
        mv "$name.gt.part" "$name.gt.ivecs"
    }
}

if [ -z "$data" ]; then
    data=$out/data
    mkdir -p "$data"
    make_fashion_mnist
fi
if [ -z "$sets" ]; then
    for file in "$data"/*.base.fvecs; do
        [ -f "$file" ] || fail "$data has no NAME.base.fvecs"
        sets="$sets $(basename "$file" .base.fvecs)"
    done
fi
for set in $sets; do
    for part in base.fvecs query.fvecs gt.ivecs; do
        [ -f "$data/${set%%:*}.$part" ] || fail "$data/${set%%:*}.$part is missing"
    done
done

# Filters for exact search: a random number from 0 to 999 on each row, and for each of 100
# queries a range of its own, which a tenth or a hundredth of the rows are in.
make_shares() { # NAME
    base=$data/$1.base.fvecs
    dim=$(od -An -td4 -N4 "$base" | tr -d ' ')
    rows=$(($(wc -c < "$base") / (4 + 4 * dim)))
    [ -f "$out/index/$1.meta.jsonl" ] || awk -v n="$rows" 'BEGIN {
        x = 1
        for (i = 0; i < n; i++) {
            x = x * 16807 % 2147483647
            printf "{\"r\": %d}\n", x % 1000
        } }' > "$out/index/$1.meta.jsonl"
    for width in 100 10; do
        awk -v w=$width 'BEGIN {
            for (q = 0; q < 100; q++) {
                low = q * 89 % (1000 - w)
                printf "{\"all\": [{\"field\": \"r\", \"op\": \">=\", \"value\": %d}, " \
                    "{\"field\": \"r\", \"op\": \"<\", \"value\": %d}]}\n", low, low + w
            } }' > "$out/index/share-0.$([ $width = 10 ] && echo 0)1.jsonl"
    done
}

# ------------------------------------------------------------------------ runs

# run LIBRARY SET M EFC EXTRA...: rows of CSV without their header.
run() {
    library=$1 set=$2 m=$3 efc=$4
    shift 4
    name=${set%%:*} metric=l2
    [ "$set" = "$name" ] || metric=${set#*:}
    more=
    [ "$index" = flat ] || more="--m $m --ef-construction $efc"
    if [ "$library" = vdb ]; then
        [ -z "$codes" ] || more="$more --codes $codes"
        [ "$index" = hnsw ] || more="$more --meta $out/index/$name.meta.jsonl"
    fi
    # shellcheck disable=SC2086  # more is words
    "$build/bench/$library-bench" --base "$data/$name.base.fvecs" \
        --queries "$data/$name.query.fvecs" --truth "$data/$name.gt.ivecs" \
        --metric "$metric" --index "$index" $more --k "$k" \
        --build-threads "$build_threads" \
        --db "$out/index/$name-$index-$m-$efc-$library${codes:+-$codes}" \
        --csv "$@" > "$out/rows" 2>> "$out/remarks.log" || return 1
    tail -n +2 "$out/rows"
}

# searches LIBRARY SET M EFC: the rows of one turn.
searches() {
    if [ "$index" = hnsw ]; then
        run "$@" --ef "$efs" --threads "$threads" --max-queries "$max_queries" \
            --repeat "$repeat"
        return
    fi
    # One query at a time is slow, and needs few to be measured.
    batch=$((max_queries < 1000 ? max_queries : 1000))
    run "$@" --max-queries $((max_queries < 200 ? max_queries : 200)) \
        --repeat "$repeat" &&
        for count in 1 2; do
            run "$@" --max-queries "$batch" --batch "$batch" --threads $count \
                --repeat "$repeat" || return 1
        done
    [ "$1" = vdb ] || return 0
    for share in 0.1 0.01; do
        run "$@" --max-queries $((max_queries < 100 ? max_queries : 100)) \
            --filters "$out/index/share-$share.jsonl" --repeat "$repeat" || return 1
    done
}

header=library,data,n,dim,metric,index,params,build_threads,build_s,ram_bytes_per_vector
header=$header,file_bytes_per_vector,search_threads,ef,k,recall,qps,mean_us,p50_us,p99_us
[ -f "$out/builds.csv" ] || echo "$header" > "$out/builds.csv"
echo "round,$header" > "$out/raw.csv"
: > "$out/remarks.log"

if [ "$index" = flat ]; then
    ms=0 efcs=0
    for set in $sets; do
        make_shares "${set%%:*}"
    done
fi
each() { # each COMMAND...: for every set and parameters: COMMAND SET M EFC
    for set in $sets; do
        for m in $ms; do
            for efc in $efcs; do
                "$@" "$set" "$m" "$efc"
            done
        done
    done
}

build_all() {
    for library in $libraries; do
        file=$out/index/${1%%:*}-$index-$2-$3-$library${codes:+-$codes}
        [ -f "$file" ] && continue
        echo "compare: $library builds ${1%%:*}" \
            "$([ "$index" = flat ] || echo "m=$2 ef_construction=$3")" >&2
        run "$library" "$@" --ef 10 --max-queries 10 --repeat 1 >> "$out/builds.csv" ||
            { rm -f "$file"*; fail "$library failed: $out/remarks.log"; }
    done
}

turns() {
    order=$libraries
    turn=1
    while [ "$turn" -lt "$round" ]; do # the order moves on by one each round
        # shellcheck disable=SC2086  # the names are words
        order=$(echo $order | sed 's/^\([^ ]*\) \(.*\)$/\2 \1/')
        turn=$((turn + 1))
    done
    for library in $order; do
        searches "$library" "$@" > "$out/turn.csv" ||
            fail "$library failed: $out/remarks.log"
        sed "s/^/$round,/" "$out/turn.csv" >> "$out/raw.csv"
    done
}

each build_all
"$build/bench/vdb-bench" limits --csv --folder "$out" > "$out/limits.csv" \
    2>> "$out/remarks.log"
round=1
while [ "$round" -le "$rounds" ]; do
    echo "compare: round $round of $rounds" >&2
    each turns
    round=$((round + 1))
done
rm -f "$out/turn.csv" "$out/rows"
python3 "$here/bench/summary.py" --pick "$pick" "$out"
plot=plot.py
[ "$index" = hnsw ] || plot=plot_flat.py
python3 "$here/bench/$plot" "$out/summary.csv" "$out"
