#!/usr/bin/env bash
# Retrains checkpoints/topo-base from the data; needs MMseqs2. About two and a half hours of one core.
#   checkpoints/retrain-topo-base.sh DATA OUT [topo train options, e.g. --seed 1]
# DATA holds topology/ and corpus/ as the model card names them; OUT gets everything else.
set -euo pipefail
data=$1 out=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
labels=$data/topology corpus=$data/corpus
mkdir -p "$out"

# A trunk that has seen 26 million residues, none similar to the folds that judge it.
[ -e "$out/pretrained/trunk" ] || topo pretrain "$corpus/sequences.fasta.gz" -o "$out/pretrained" \
    --config "$root/configs/pretrain.yaml" --residues 26000000 \
    --exclude-similar "$corpus/similar_folds.tsv" --exclude-folds cv3,cv4

# Labels of the folds and of the TMbed set for their relatives in the corpus.
[ -e "$out/folds_relatives.3line" ] || topo data transfer "$labels/deeptmhmm.partitions.json" \
    --to "$corpus/sequences.fasta.gz" --similar-to "$corpus/similar_folds.tsv" \
    -o "$out/folds_relatives.3line"
[ -e "$out/tmbed_relatives.3line" ] || topo data transfer "$labels/tmbed.3line" \
    --similar-from "$labels/tmbed_similar_folds.tsv" --to "$corpus/sequences.fasta.gz" \
    --similar-to "$corpus/similar_folds.tsv" -o "$out/tmbed_relatives.3line"

extra() { echo "{path: $1.3line, exclude_similar: $1_similar_folds.tsv, weight: $2}"; }
sets="[$(extra "$labels/tmbed" 0.7), $(extra "$labels/uniprot_silver" 0.25)"
sets+=", $(extra "$out/folds_relatives" 0.4), $(extra "$out/tmbed_relatives" 0.3)]"

# Fold cv3 picks the epoch and calibrates; fold cv4 is left for topo evaluate.
topo train --config "$root/configs/topo-base.yaml" --data "$labels/deeptmhmm.partitions.json" \
    --train cv0,cv1 --val cv3 --test cv4 --set "data.extra=$sets" \
    --init "$out/pretrained" -o "$out/runs" "$@"
