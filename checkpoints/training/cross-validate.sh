#!/usr/bin/env bash
# Trains a recipe four times, each time without one of the folds cv0, cv1, cv3, cv4 and without labels
# similar to it, and scores the pooled held-out predictions. Needs MMseqs2. A recipe with
# "init: pretrained" starts from a trunk that is pre-trained first.
#   checkpoints/training/cross-validate.sh DATA OUT [RECIPE]
# DATA holds topology/, more/ and corpus/ as the model cards name them. OUT gets the folds, the sets and
# OUT/RECIPE: the runs, the predictions and summary.md. RECIPE is a name in configs/experiments/
# (baseline), or FOLDER/NAME: RECIPE.yaml or, in stages of which each starts from the one before,
# RECIPE-1.yaml, RECIPE-2.yaml, ... A set in data.extra of a recipe is NAME.3line in OUT/sets,
# DATA/topology or DATA/more. What exists is not made again, an interrupted training is resumed.
#
# Variables:
#   SEEDS    seeds of the members; the recipe's if unset. Several are averaged, their predictions and
#            summary.md go to OUT/RECIPE/seeds-SEED-SEED-...
#   FOLDS    folds to train and predict, "cv0 cv1 cv3 cv4"; the summary needs all of them
#   START    recipe whose models in OUT, one a fold, the members start from
#   GRAMMAR  grammar file of the models, with labels that the sets may have; the built-in one if unset
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
grammar=()
if [ -n "${GRAMMAR:-}" ]; then
    options+=(--set "model.heads.grammar=$(realpath "$GRAMMAR")")
    grammar=(--grammar "$(realpath "$GRAMMAR")")
fi
if [ -e "$experiments/$recipe.yaml" ]; then
    stages=("$experiments/$recipe.yaml")
else
    stages=("$experiments/$recipe"-[0-9].yaml)
fi

relatives() { # NAME LABELLED options: labels of proteins for their relatives in the corpus
    [ -e "$out/sets/$1.3line" ] || topo data transfer "$2" --to "$data/corpus/sequences.fasta.gz" \
        --similar-to "$data/corpus/similar_folds.tsv" -o "$out/sets/$1.3line" "${@:3}"
}

pretrain() { # trunk that has read nothing similar to any fold, so that all four may start from it
    [ -e "$out/pretrained/trunk" ] && return
    if [ -e "$out/pretrained/run.json" ]; then
        topo pretrain -o "$out/pretrained" --resume
        return
    fi
    topo pretrain "$data/corpus/sequences.fasta.gz" -o "$out/pretrained" \
        --config "$here/../../configs/pretrain.yaml" --residues 6500000 --interval 1300000 \
        --exclude-similar "$data/corpus/similar_folds.tsv"
}

own_seed() {
    python -c "import sys; from topo.config import load_config as load
print(load(sys.argv[1]).training.seed)" "${stages[0]}"
}
read -ra seeds <<< "${SEEDS:-$(own_seed)}"
results=$recipe
[ ${#seeds[@]} -eq 1 ] || results=$recipe/seeds-$(IFS=-; echo "${seeds[*]}")

train() { # RUN CONFIG FOLD options
    local run=$out/$recipe/runs/$1 fold=$3 rest
    [ -e "$run/model" ] && return
    if [ -e "$run/checkpoints/last.ckpt" ]; then
        topo train --resume "$run"
        return
    fi
    rm -rf "$run" # stopped before the first epoch had ended
    rest=$(printf '%s\n' "${all[@]}" | grep -vx "$fold" | paste -sd,)
    topo train --config "$2" --data folds.json \
        --set data.exclude_similar=folds_similar_folds.tsv \
        --train "$rest" --val "${rest//,/-held,}-held" --test "$fold,$fold-held" -o "$out/$recipe/runs" --name "$1" "${@:4}" "${options[@]}"
}

member() { # FOLD SEED: the last stage's model is runs/FOLD-sSEED-LAST
    local start=() stage name
    [ -z "${START:-}" ] || start=(--init "$(ls -d "$out/$START/runs/$1"-s* | tail -n 1)")
    for stage in "${!stages[@]}"; do
        name=$1-s$2-$((stage + 1))
        train "$name" "${stages[$stage]}" "$1" --seed "$2" "${start[@]}"
        start=(--init "$out/$recipe/runs/$name")
    done
}

fold() { # FOLD: its members, and what they predict
    local seed models=() model
    for seed in "${seeds[@]}"; do
        member "$1" "$seed"
        models+=("$out/$recipe/runs/$1-s$seed-${#stages[@]}")
    done
    model=${models[0]}
    if [ ${#models[@]} -gt 1 ]; then
        model=$results/$1-model
        [ -e "$model" ] || topo ensemble "${models[@]}" -o "$model" --name "$1"
    fi
    python "$here/pool_folds.py" predict folds.json "$1,$1-held" "$model" "$results/$1.jsonl"
}

mkdir -p "$out/sets" "$out/$results"
if grep -qh folds_relatives "${stages[@]}"; then
    relatives folds_relatives "$data/topology/deeptmhmm.partitions.json"
fi
if grep -qh tmbed_relatives "${stages[@]}"; then
    relatives tmbed_relatives "$data/topology/tmbed.3line" \
        --similar-from "$data/topology/tmbed_similar_folds.tsv"
fi
if grep -qh "init: pretrained" "${stages[@]}"; then pretrain; fi
python "$here/prepare_folds.py" "$data" "$out" "${stages[@]}" "${grammar[@]}"
cd "$out" # the recipes name their sets relative to it

jobs=()
for name in "${folds[@]}"; do
    [ "$(jobs -rp | wc -l)" -lt "${JOBS:-1}" ] || wait -n
    fold "$name" &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
python "$here/pool_folds.py" score folds.json "$results" "${all[@]/%/.jsonl}"
