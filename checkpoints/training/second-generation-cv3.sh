#!/usr/bin/env bash
# Trains the models of the second generation and of several widths in EXPERIMENTS.md, evaluated on fold
# cv3. Needs MMseqs2. Takes about three hours on one core, in addition to compare-losses.sh.
#   checkpoints/training/second-generation-cv3.sh DATA OUT
# DATA and OUT as in common.sh. Writes the runs OUT/runs/step-* and OUT/runs/width-*.
. "$(dirname "$0")/common.sh"
"$here/compare-losses.sh" "$data" "$out"
sets=$("$here/prepare-data.sh" "$data" "$out")

[ -e "$out/predicted-others.3line" ] || topo data sample "$out/predicted.3line" --share BETA=0 \
    --similar-to "$similar" -o "$out/predicted-others.3line"
ensemble second-stage "$out"/losses-2/crf-{0,1,2}
barrels barrels-cv3 cv3 "$out/second-stage"
sets="$sets, $(extra "$out/predicted-others" 0.1), $(extra "$out/barrels-cv3" 0.25)"

twin() { # NAME options: model trained without cv3
    train "$1" topo-base cv0,cv1,cv4 "$sets" --test cv3 "${@:2}"
}
for n in 0 1; do
    twin step-$n --seed $n --init "$out/losses-2/crf-$n" $(onwards 0.002)
done
twin width-128-1 --seed 1 --epochs 4
twin width-128-2 --seed 2 --epochs 4
twin width-256 --seed 1 --epochs 4 --lstm 256
