#!/usr/bin/env bash
# Retrains checkpoints/topo-ensemble from the data; needs MMseqs2. About four hours of one core.
#   checkpoints/retrain-topo-ensemble.sh DATA OUT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runs=$2/runs
[ -e "$runs/topo-base/model" ] || "$here/retrain-topo-base.sh" "$1" "$2" --name topo-base
[ -e "$runs/second/model" ] ||
    "$here/retrain-topo-base.sh" "$1" "$2" --config "$here/../configs/topo-ensemble.yaml" \
        --init "" --name second
topo ensemble "$runs/topo-base" "$runs/second" -o "$2/topo-ensemble" --name topo-ensemble
