#!/bin/sh
# Keep today's ABI: layout.txt, constants.txt and baseline.abi are written anew.  Run by
#
#     meson compile -C BUILD renew-abi
#
# after a change that was meant; commit them with it, and a line in docs/changes.
set -eu
python=$1
layout=$2
kept=$3
shift 3
"$layout" >"$kept"
"$python" "$@"
echo "renewed $(dirname "$kept"): commit it with a line in docs/changes"
