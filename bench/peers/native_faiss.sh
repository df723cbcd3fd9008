#!/bin/sh
# native_faiss.sh: compile Debian's faiss for the processor at hand.
#
#     bench/peers/native_faiss.sh FOLDER
#     meson setup -Dfaiss_dir=FOLDER build        (or --reconfigure)
#
# Debian's libfaiss-dev holds a library for any processor of the architecture; who cares
# for speed compiles it for theirs.  This fetches the source package of the installed
# version, compiles it with -O3 -march=native, and leaves FOLDER/libfaiss.a.  About ten
# minutes.  Needs libfaiss-dev (for the version), g++ and libopenblas-dev.
set -eu
[ $# = 1 ] || { echo "usage: native_faiss.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
version=$(dpkg-query -W -f '${source:Version}' libfaiss-dev)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# A list of sources of its own, so that the system's stays as it is.
mkdir -p "$out/lists/partial"
echo "deb-src http://deb.debian.org/debian $suite main" > "$out/sources.list"
own() {
    apt-get -q -o Dir::Etc::SourceList="$out/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$out/lists" \
        -o APT::Sandbox::User=root "$@"
}
cd "$out"
own update
own source --download-only "faiss=$version"
rm -rf source
mkdir source
tar -xf faiss_*.orig.tar.* -C source --strip-components=1
cd source

flags='-O3 -march=native -fopenmp -fPIC -DNDEBUG -DFINTEGER=int -std=c++17 -w -I.'
for file in faiss/*.cpp faiss/impl/*.cpp faiss/invlists/*.cpp faiss/utils/*.cpp; do
    echo "$(echo "$file" | tr / _ | sed 's/cpp$/o/') $file"
done > files
# shellcheck disable=SC2086  # the flags are words
xargs -P "${JOBS:-$(nproc)}" -L 1 sh -c 'echo "$2"; exec g++ '"$flags"' -c "$2" -o "$1"' sh \
    < files
rm -f "$out/libfaiss.a"
ar rcs "$out/libfaiss.a" ./*.o
echo "native_faiss: $out/libfaiss.a, faiss $version with -O3 -march=native"
