#!/usr/bin/env bash
# Retrains checkpoints/topo-base from the data. Needs MMseqs2. Takes about six hours on one core.
#   checkpoints/training/retrain-topo-base.sh DATA OUT
# DATA and OUT as in common.sh. Writes the checkpoint runs/topo-base/model, and
# runs/topo-base-blind/model, which is trained without fold cv4.
. "$(dirname "$0")/common.sh"
"$here/train-member.sh" "$data" "$out" topo-base topo-base
