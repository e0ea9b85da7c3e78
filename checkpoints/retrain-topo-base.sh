#!/usr/bin/env bash
# Retrains checkpoints/topo-base from the data; needs MMseqs2. About two and a half hours of one core.
#   checkpoints/retrain-topo-base.sh DATA OUT [topo train options, e.g. --seed 1]
# DATA holds topology/ and corpus/ as the model card names them; OUT gets everything else.
set -euo pipefail
data=$1 out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
sets=$("$here/prepare-data.sh" "$data" "$out")

# Fold cv3 picks the epoch and calibrates; fold cv4 is left for topo evaluate.
topo train --config "$here/../configs/topo-base.yaml" \
    --data "$data/topology/deeptmhmm.partitions.json" \
    --train cv0,cv1 --val cv3 --test cv4 --set "data.extra=[$sets]" \
    --init "$out/pretrained" -o "$out/runs" "$@"
