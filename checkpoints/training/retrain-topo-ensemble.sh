#!/usr/bin/env bash
# Retrains checkpoints/topo-ensemble from the data. Needs MMseqs2. Takes about 7.5 hours on one core.
#   checkpoints/training/retrain-topo-ensemble.sh DATA OUT
# DATA and OUT as in common.sh. Writes topo-ensemble, and topo-ensemble-blind, which is trained
# without fold cv4.
. "$(dirname "$0")/common.sh"
"$here/retrain-topo-base.sh" "$data" "$out"
"$here/train-member.sh" "$data" "$out" second topo-ensemble
for kind in "" -blind; do
    ensemble "topo-ensemble$kind" "$out/runs/topo-base$kind" "$out/runs/second$kind"
done
