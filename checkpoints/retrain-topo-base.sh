#!/usr/bin/env bash
# Retrains checkpoints/topo-base from the data; needs MMseqs2. About six hours of one core.
#   checkpoints/retrain-topo-base.sh DATA OUT
# DATA holds topology/ and corpus/ as the model card names them; OUT gets everything else: the
# checkpoint in runs/topo-base/model, the one that has not seen fold cv4 in runs/topo-base-blind/model.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/train-member.sh" "$1" "$2" topo-base "$here/../configs/topo-base.yaml"
