#!/usr/bin/env bash
# Makes what the retrain scripts start from, and prints the further training sets for data.extra.
#   checkpoints/prepare-data.sh DATA OUT
# DATA holds topology/ and corpus/ as the model cards name them. Needs MMseqs2.
set -euo pipefail
data=$1 out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
labels=$data/topology corpus=$data/corpus
mkdir -p "$out"

{
    # A trunk that has seen 26 million residues, none similar to the folds that judge it.
    [ -e "$out/pretrained/trunk" ] || topo pretrain "$corpus/sequences.fasta.gz" \
        -o "$out/pretrained" --config "$root/configs/pretrain.yaml" --residues 26000000 \
        --exclude-similar "$corpus/similar_folds.tsv" --exclude-folds cv3,cv4

    # Labels of the folds and of the TMbed set for their relatives in the corpus.
    [ -e "$out/folds_relatives.3line" ] || topo data transfer "$labels/deeptmhmm.partitions.json" \
        --to "$corpus/sequences.fasta.gz" --similar-to "$corpus/similar_folds.tsv" \
        -o "$out/folds_relatives.3line"
    [ -e "$out/tmbed_relatives.3line" ] || topo data transfer "$labels/tmbed.3line" \
        --similar-from "$labels/tmbed_similar_folds.tsv" --to "$corpus/sequences.fasta.gz" \
        --similar-to "$corpus/similar_folds.tsv" -o "$out/tmbed_relatives.3line"
} >&2

extra() { echo "{path: $1.3line, exclude_similar: $1_similar_folds.tsv, weight: $2}"; }
echo "$(extra "$labels/tmbed" 0.7), $(extra "$labels/uniprot_silver" 0.25)," \
    "$(extra "$out/folds_relatives" 0.4), $(extra "$out/tmbed_relatives" 0.3)"
