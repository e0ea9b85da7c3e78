#!/usr/bin/env bash
# Retrains checkpoints/topo-ensemble from the data; needs MMseqs2. About seven and a half hours of one
# core.
#   checkpoints/training/retrain-topo-ensemble.sh DATA OUT
# DATA and OUT as in common.sh; OUT gets topo-ensemble, and topo-ensemble-blind, which has not seen
# fold cv4.
. "$(dirname "$0")/common.sh"
"$here/retrain-topo-base.sh" "$data" "$out"
"$here/train-member.sh" "$data" "$out" second topo-ensemble
for kind in "" -blind; do
    ensemble "topo-ensemble$kind" "$out/runs/topo-base$kind" "$out/runs/second$kind"
done
