#!/usr/bin/env bash
# Prepares the data of the retrain scripts, and prints the extra training sets for data.extra.
#   checkpoints/training/prepare-data.sh DATA OUT
# DATA and OUT as in common.sh. Needs MMseqs2.
. "$(dirname "$0")/common.sh"
tmbed=$data/topology/tmbed silver=$data/topology/uniprot_silver
mkdir -p "$out"

{
    pretrain pretrained 26000000

    # Labels of the folds and of the TMbed set, transferred to their homologues in the corpus.
    [ -e "$out/folds_relatives.3line" ] || topo data transfer "$labels" --to "$corpus" \
        --similar-to "$similar" -o "$out/folds_relatives.3line"
    [ -e "$out/tmbed_relatives.3line" ] || topo data transfer "$tmbed.3line" --to "$corpus" \
        --similar-from "${tmbed}_similar_folds.tsv" --similar-to "$similar" \
        -o "$out/tmbed_relatives.3line"
} >&2

echo "$(extra "$tmbed" 0.7), $(extra "$silver" 0.25)," \
    "$(extra "$out/folds_relatives" 0.4), $(extra "$out/tmbed_relatives" 0.3)"
