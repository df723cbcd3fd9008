#!/bin/sh
# setup.sh: install the Debian packages that are missing, and nothing else.
#
#     tools/setup.sh [--run | --bench | --cross | --browser]
#
# Without an option: all that the build, every test and the quick start need.  With
# --run: what examples/quickstart.sh needs, which is to build, and the data set.  With
# --bench: besides that, the libraries that bench/compare.sh lays beside this one.  With
# --cross: what tests/run.sh --cross needs, for which dpkg learns of another architecture.
# With --browser: the browser in which the suite "ui" looks at vdb-httpd's page.
# Asks nothing.  Where it cannot install (not Debian, not root), it names what is
# missing and fails; where nothing is missing, it needs neither root nor a network.
set -eu

to_run='gcc libc6-dev meson ninja-build pkg-config python3 libxxhash-dev libdeflate-dev
    libjansson-dev libedit-dev libmicrohttpd-dev dataset-fashion-mnist'
to_test='clang clang-format libclang-rt-14-dev libcmocka-dev abigail-tools mandoc curl openssl'
to_cross='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libcmocka-dev:arm64
    libjansson-dev:arm64 libdeflate-dev:arm64 libxxhash-dev:arm64'
to_browse='chromium chromium-driver fonts-dejavu-core'
to_compare='g++ libfaiss-dev libhnswlib-dev libopenblas-dev'

wanted="$to_run $to_test"
foreign=
while [ $# -gt 0 ]; do
    case $1 in
    --run) wanted=$to_run ;;
    --bench) wanted="$to_run $to_compare" ;;
    --cross) wanted="$wanted $to_cross" foreign=arm64 ;;
    --browser) wanted="$wanted $to_browse" ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0"
        exit 0
        ;;
    *)
        echo "usage: tools/setup.sh [--run | --bench | --cross | --browser]" >&2
        exit 2
        ;;
    esac
    shift
done

fail() {
    echo "setup: $*" >&2
    exit 1
}

# is_installed PACKAGE: fully, by name, or as what another package provides (pkgconf
# provides pkg-config).
is_installed() {
    # shellcheck disable=SC2016  # the fields are dpkg-query's
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed ||
        dpkg-query -W -f '${db:Status-Status} ${Provides},\n' 2>/dev/null |
        grep -Eq "^installed (.*[ ,])?$1[ ,]"
}

# What is missing where there is no dpkg: by the commands and pkg-config's names.
missing_elsewhere() {
    for command in cc meson ninja pkg-config python3; do
        command -v $command >/dev/null || printf ' %s' $command
    done
    for library in libxxhash libdeflate jansson; do
        pkg-config --exists $library 2>/dev/null || printf ' %s' $library
    done
    [ "$wanted" = "$to_run" ] || pkg-config --exists cmocka 2>/dev/null ||
        printf ' cmocka'
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    missing=$(missing_elsewhere)
    [ -n "$missing" ] || { echo "setup: nothing is missing (not Debian)"; exit 0; }
    fail "this is not Debian: install by hand what is missing:$missing"
fi

missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "setup: nothing is missing"
    exit 0
fi

[ "$(id -u)" = 0 ] ||
    fail "not root.  Missing are:$missing
setup: run this as root, or:  sudo apt-get install$missing"

echo "setup: installing$missing"
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
[ -z "$foreign" ] || dpkg --add-architecture "$foreign" ||
    fail "dpkg does not take the architecture $foreign"
apt-get -q update || fail "apt-get update failed.  Missing are:$missing"
# shellcheck disable=SC2086  # the packages are words
apt-get -q -y install --no-install-recommends $missing ||
    fail "apt-get install failed.  Missing were:$missing"
