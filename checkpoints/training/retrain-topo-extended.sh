#!/usr/bin/env bash
# Retrains checkpoints/topo-extended from checkpoints/topo-base: the heads alone, on all folds and on all
# proteins with INTRAMEM. Needs MMseqs2. Takes some five minutes on one core.
#   checkpoints/training/retrain-topo-extended.sh DATA OUT
# DATA and OUT as for extended.sh, which prepares the sets. Writes OUT/runs/topo-extended/model.
# Validation and calibration use the proteins that topo-base was validated on: the same tenth of the
# folds cv0, cv1 and cv3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(realpath "$1") recipe=$here/../../configs/experiments/extended.yaml
mkdir -p "$2"
out=$(realpath "$2")
python "$here/prepare_reentrant.py" "$data" "$out"
python "$here/prepare_folds.py" "$data" "$out" "$recipe" --grammar "$here/../../configs/labels/extended.yaml"
cd "$out"
[ -e cv4.3line ] || topo convert "$data/topology/deeptmhmm.partitions.json:cv4" cv4.3line
sets=$(python -c "import json, sys; from topo.config import load_config as load
print(json.dumps([x.model_dump() for x in load(sys.argv[1]).data.extra]))" "$recipe")
[ -e runs/topo-extended/model ] || topo train --config "$recipe" \
    --data "$data/topology/deeptmhmm.partitions.json" --train cv0,cv1,cv3 \
    --set "data.extra=[{\"path\": \"cv4.3line\"}, ${sets#[}" \
    --set "model.heads.grammar=$here/../../configs/labels/extended.yaml" \
    --init "$here/../topo-base" -o runs --name topo-extended
