#!/usr/bin/env bash
# Trains a bundled model: NAME-blind without fold cv4, whose metrics are in the model card, and from it
# NAME on all folds. Needs MMseqs2.
#   checkpoints/training/train-member.sh DATA OUT NAME CONFIG
# DATA and OUT as in common.sh. CONFIG is the name of a file in configs/experiments/ without .yaml.
. "$(dirname "$0")/common.sh"
name=$3 config=$4
sets=$("$here/teach.sh" "$data" "$out")

train "$name-blind" "$config" cv0,cv1,cv3 "$sets" --test cv4 --init "$out/pretrained"

[ -e "$out/cv4.3line" ] || topo convert "$labels:cv4" "$out/cv4.3line"
train "$name" "$config" cv0,cv1,cv3 "{path: $out/cv4.3line}, $sets" \
    --init "$out/runs/$name-blind" $(onwards 0.001)
