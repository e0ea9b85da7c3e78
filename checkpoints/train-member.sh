#!/usr/bin/env bash
# Trains one of the bundled models: NAME-blind without fold cv4, whose figures are in the model card,
# and from it NAME, on all folds. Needs MMseqs2.
#   checkpoints/train-member.sh DATA OUT NAME CONFIG
# DATA and OUT as in common.sh.
. "$(dirname "$0")/common.sh"
name=$3 config=$4
sets=$("$here/teach.sh" "$data" "$out")

# A tenth of the three folds, the same both times, picks the epoch and calibrates.
train() { # NAME SETS options
    [ -e "$out/runs/$1/model" ] || topo train --config "$config" --data "$labels" \
        --train cv0,cv1,cv3 --set "data.extra=[$2]" -o "$out/runs" --name "$1" "${@:3}"
}
train "$name-blind" "$sets" --test cv4 --init "$out/pretrained"

[ -e "$out/cv4.3line" ] || topo convert "$labels:cv4" "$out/cv4.3line"
train "$name" "{path: $out/cv4.3line}, $sets" --init "$out/runs/$name-blind" --epochs 3 \
    --set training.learning_rate=0.001 --set training.init_rate=1
