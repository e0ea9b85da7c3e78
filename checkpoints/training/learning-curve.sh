#!/usr/bin/env bash
# The learning curves in EXPERIMENTS.md; needs MMseqs2. About an hour and a half of one core, after
# prepare-data.sh.
#   checkpoints/training/learning-curve.sh DATA OUT
# DATA and OUT as in common.sh; OUT gets learning-curve/table.md and curve.png.
. "$(dirname "$0")/common.sh"
sets=$("$here/prepare-data.sh" "$data" "$out")
pretrain pretrained-6.5M 6500000 --interval 1300000
python "$here/learning_curve.py" "$configs/experiments/learning-curve.yaml" -o "$out/learning-curve" \
    --data "$labels" --seed 1 --proteins 1000,4000,all \
    --trunks "$out/pretrained-6.5M,$out/pretrained" "data.extra=[$sets]"
