#!/usr/bin/env bash
# Cross-validates a model of re-entrant segments that starts from the six-letter models of the recipe
# baseline, and compares the two. Needs MMseqs2.
#   checkpoints/training/extended.sh DATA OUT
# DATA and OUT as for cross-validate.sh; OUT/extended gets the runs, summary.md (the folds in six
# letters) and reentrant.md (the proteins with INTRAMEM). What exists is not made again. Variables as for
# cross-validate.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$1 out=$2
if [ ! -e "$out/baseline/summary.md" ]; then
    FOLDS="cv0 cv1 cv3 cv4" OPTIONS= "$here/cross-validate.sh" "$data" "$out" baseline
fi
python "$here/prepare_reentrant.py" "$data" "$out"
START=baseline GRAMMAR=$here/../../configs/labels/extended.yaml \
    "$here/cross-validate.sh" "$data" "$out" extended
python "$here/compare_reentrant.py" "$out" baseline extended
