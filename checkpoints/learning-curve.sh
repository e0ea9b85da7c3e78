#!/usr/bin/env bash
# The learning curves in EXPERIMENTS.md; needs MMseqs2. About an hour and a half of one core, after
# prepare-data.sh.
#   checkpoints/learning-curve.sh DATA OUT
# OUT gets learning-curve/table.md and curve.png. What lies there already is not made again.
set -euo pipefail
data=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
corpus=$data/corpus
sets=$("$here/prepare-data.sh" "$data" "$out")
[ -e "$out/pretrained-6.5M/trunk" ] || topo pretrain "$corpus/sequences.fasta.gz" \
    -o "$out/pretrained-6.5M" --config "$here/../configs/pretrain.yaml" --residues 6500000 \
    --interval 1300000 --exclude-similar "$corpus/similar_folds.tsv" --exclude-folds cv3,cv4
python "$here/../data/learning_curve.py" "$here/../configs/learning-curve.yaml" \
    -o "$out/learning-curve" --data "$data/topology/deeptmhmm.partitions.json" --seed 1 \
    --proteins 1000,4000,all --trunks "$out/pretrained-6.5M,$out/pretrained" "data.extra=[$sets]"
