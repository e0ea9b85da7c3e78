#!/usr/bin/env bash
# Retrains checkpoints/topo-ensemble from the data; needs MMseqs2. About four and a half hours of one core.
#   checkpoints/retrain-topo-ensemble.sh DATA OUT
set -euo pipefail
data=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
runs=$out/runs folds=$data/topology/deeptmhmm.partitions.json
sets=$("$here/prepare-data.sh" "$data" "$out")

[ -e "$runs/topo-base/model" ] || "$here/retrain-topo-base.sh" "$data" "$out" --name topo-base
[ -e "$runs/second/model" ] ||
    "$here/retrain-topo-base.sh" "$data" "$out" --init "" --seed 0 --name second

# Families of barrels, labelled by a model that has seen neither cv3 nor cv4.
[ -e "$out/barrels.3line" ] || topo data consensus "$folds:cv0,cv1" \
    --to "$data/corpus/sequences.fasta.gz" --similar-to "$data/corpus/similar_folds.tsv" \
    --apart cv3,cv4 --model "$runs/topo-base" -o "$out/barrels.3line"
sets+=", {path: $out/barrels.3line, exclude_similar: $out/barrels_similar_folds.tsv, weight: 0.5}"

# A tenth of the proteins picks the epoch and calibrates; fold cv4 is left for topo evaluate.
[ -e "$runs/third/model" ] || topo train --config "$here/../configs/topo-ensemble.yaml" \
    --data "$folds" --train cv0,cv1,cv3 --test cv4 --set "data.extra=[$sets]" \
    --init "$out/pretrained" -o "$runs" --name third
topo ensemble "$runs/topo-base" "$runs/second" "$runs/third" \
    -o "$out/topo-ensemble" --name topo-ensemble
