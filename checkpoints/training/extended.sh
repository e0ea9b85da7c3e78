#!/usr/bin/env bash
# Cross-validates a model of re-entrant segments that starts from the six-letter models of the recipe
# baseline, and compares the two. Needs MMseqs2.
#   checkpoints/training/extended.sh DATA OUT
# DATA and OUT as for cross-validate.sh. OUT/extended gets the runs. OUT/extended-raised gets the same
# models with a higher score of re-entrant segments, which was chosen on cv0, summary.md (the folds in
# six letters) and reentrant.md (the proteins with INTRAMEM). What exists is not made again. FOLDS and
# JOBS as for cross-validate.sh; the summaries need all folds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$1 out=$2 raised=$2/extended-raised nats=0.8
read -ra folds <<< "${FOLDS:-cv0 cv1 cv3 cv4}"
if [ ! -e "$out/baseline/summary.md" ]; then
    FOLDS="cv0 cv1 cv3 cv4" OPTIONS= "$here/cross-validate.sh" "$data" "$out" baseline
fi
python "$here/prepare_reentrant.py" "$data" "$out"
for fold in "${folds[@]}"; do
    FOLDS=$fold START=baseline GRAMMAR=$here/../../configs/labels/extended.yaml \
        "$here/cross-validate.sh" "$data" "$out" extended
    model=$raised/runs/$fold-s1-1/model
    [ -e "$model" ] || python "$here/raise_label.py" "$out/extended/runs/$fold-s1-1" R $nats "$model"
    python "$here/pool_folds.py" predict "$out/folds.json" "$fold,$fold-held" "$model" "$raised/$fold.jsonl"
done
python "$here/pool_folds.py" score "$out/folds.json" "$raised" cv0.jsonl cv1.jsonl cv3.jsonl cv4.jsonl
[ ! -e "$raised/summary.md" ] || python "$here/compare_reentrant.py" "$out" baseline extended-raised
