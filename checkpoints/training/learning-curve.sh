#!/usr/bin/env bash
# Computes the learning curves in EXPERIMENTS.md. Needs MMseqs2. Takes about 1.5 hours on one core, in
# addition to prepare-data.sh.
#   checkpoints/training/learning-curve.sh DATA OUT
# DATA and OUT as in common.sh. Writes learning-curve/table.md and learning-curve/curve.png.
. "$(dirname "$0")/common.sh"
sets=$("$here/prepare-data.sh" "$data" "$out")
pretrain pretrained-6.5M 6500000 --interval 1300000
python "$here/learning_curve.py" "$configs/learning-curve.yaml" -o "$out/learning-curve" \
    --data "$labels" --seed 1 --proteins 1000,4000,all \
    --trunks "$out/pretrained-6.5M,$out/pretrained" "data.extra=[$sets]"
