#!/usr/bin/env bash
# Retrains checkpoints/topo-base from the data; needs MMseqs2. About six hours of one core.
#   checkpoints/training/retrain-topo-base.sh DATA OUT
# DATA and OUT as in common.sh; the checkpoint is runs/topo-base/model, the one that has not seen fold
# cv4 runs/topo-base-blind/model.
. "$(dirname "$0")/common.sh"
"$here/train-member.sh" "$data" "$out" topo-base topo-base
