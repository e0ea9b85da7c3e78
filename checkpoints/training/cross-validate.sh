#!/usr/bin/env bash
# Trains a recipe four times, each time without one of the folds cv0, cv1, cv3, cv4 and without labels
# similar to it, and scores the pooled held-out predictions. Needs MMseqs2.
#   checkpoints/training/cross-validate.sh DATA OUT [RECIPE]
# DATA holds topology/, more/ and corpus/ as the model cards name them. OUT gets the folds, the sets and
# OUT/RECIPE: the runs, the predictions and summary.md. RECIPE is a name in configs/experiments/
# (baseline), or FOLDER/NAME: RECIPE.yaml or, in stages of which each starts from the one before,
# RECIPE-1.yaml, RECIPE-2.yaml, ... A set in data.extra of a recipe is NAME.3line in OUT/sets,
# DATA/topology or DATA/more. What exists is not made again, an interrupted training is resumed.
#
# Variables:
#   SEEDS    seeds of the members, averaged if there are several; the recipe's if unset
#   FOLDS    folds to train and predict, "cv0 cv1 cv3 cv4"; the summary needs all of them
#   JOBS     folds trained at the same time, 1
#   OPTIONS  further options of topo train, the same for every stage, for example a smaller budget:
#            "--epochs 1 --set sampling.samples=100"; they are not part of the name, so change OUT too
set -euo pipefail
data=$(realpath "$1") recipe=${3:-baseline}
mkdir -p "$2"
out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
experiments=$here/../../configs/experiments
case $recipe in */*) experiments=$(realpath "$(dirname "$recipe")") recipe=$(basename "$recipe") ;; esac
all=(cv0 cv1 cv3 cv4)
read -ra folds <<< "${FOLDS:-${all[*]}}"
read -ra options <<< "${OPTIONS:-}"
if [ -e "$experiments/$recipe.yaml" ]; then
    stages=("$experiments/$recipe.yaml")
else
    stages=("$experiments/$recipe"-[0-9].yaml)
fi

relatives() { # NAME LABELLED options: labels of proteins for their relatives in the corpus
    [ -e "$out/sets/$1.3line" ] || topo data transfer "$2" --to "$data/corpus/sequences.fasta.gz" \
        --similar-to "$data/corpus/similar_folds.tsv" -o "$out/sets/$1.3line" "${@:3}"
}

train() { # RUN CONFIG FOLD options
    local run=$out/$recipe/runs/$1 fold=$3 rest
    [ -e "$run/model" ] && return
    if [ -e "$run/checkpoints/last.ckpt" ]; then
        topo train --resume "$run"
        return
    fi
    rm -rf "$run" # stopped before the first epoch had ended
    rest=$(printf '%s\n' "${all[@]}" | grep -vx "$fold" | paste -sd,)
    topo train --config "$2" --data folds.json --train "$rest" --val "${rest//,/-held,}-held" \
        --test "$fold,$fold-held" -o "$out/$recipe/runs" --name "$1" "${@:4}" "${options[@]}"
}

member() { # FOLD SEED: the last stage's model is runs/FOLD-sSEED-LAST
    local start=() stage name seed=()
    [ -z "$2" ] || seed=(--seed "$2")
    for stage in "${!stages[@]}"; do
        name=$1-s$2-$((stage + 1))
        train "$name" "${stages[$stage]}" "$1" "${seed[@]}" "${start[@]}"
        start=(--init "$out/$recipe/runs/$name")
    done
}

fold() { # FOLD: its members, and what they predict
    local seed models=()
    for seed in ${SEEDS:-""}; do
        member "$1" "$seed"
        models+=("$out/$recipe/runs/$1-s$seed-${#stages[@]}")
    done
    [ -n "${SEEDS:-}" ] || {
        member "$1" ""
        models=("$out/$recipe/runs/$1-s-${#stages[@]}")
    }
    if [ ${#models[@]} -gt 1 ] && [ ! -e "$out/$recipe/$1-model" ]; then
        topo ensemble "${models[@]}" -o "$out/$recipe/$1-model" --name "$1"
    elif [ ! -e "$out/$recipe/$1-model" ]; then
        ln -s "${models[0]}/model" "$out/$recipe/$1-model"
    fi
    python "$here/pool_folds.py" predict folds.json "$1,$1-held" "$out/$recipe/$1-model" \
        "$out/$recipe/$1.jsonl"
}

mkdir -p "$out/sets" "$out/$recipe"
if grep -qh folds_relatives "${stages[@]}"; then
    relatives folds_relatives "$data/topology/deeptmhmm.partitions.json"
fi
if grep -qh tmbed_relatives "${stages[@]}"; then
    relatives tmbed_relatives "$data/topology/tmbed.3line" \
        --similar-from "$data/topology/tmbed_similar_folds.tsv"
fi
python "$here/prepare_folds.py" "$data" "$out" "${stages[@]}"
cd "$out" # the recipes name their sets relative to it

if [ "${JOBS:-1}" -gt 1 ]; then
    for name in "${folds[@]}"; do
        [ "$(jobs -rp | wc -l)" -lt "$JOBS" ] || wait -n
        fold "$name" &
    done
    while [ -n "$(jobs -p)" ]; do wait -n; done
else
    for name in "${folds[@]}"; do fold "$name"; done
fi
python "$here/pool_folds.py" score folds.json "$recipe" "${all[@]/%/.jsonl}"
