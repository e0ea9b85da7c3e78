#!/usr/bin/env bash
# Retrains checkpoints/topo-ensemble from the data; needs MMseqs2. About seven and a half hours of one
# core.
#   checkpoints/retrain-topo-ensemble.sh DATA OUT
# OUT gets topo-ensemble, and topo-ensemble-blind, which has not seen fold cv4.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/retrain-topo-base.sh" "$1" "$2"
"$here/train-member.sh" "$1" "$2" second "$here/../configs/topo-ensemble.yaml"
for kind in "" -blind; do
    topo ensemble "$2/runs/topo-base$kind" "$2/runs/second$kind" -o "$2/topo-ensemble$kind" \
        --name topo-ensemble
done
