#!/usr/bin/env bash
# What EXPERIMENTS.md says of the second generation and of width on fold cv3. Needs MMseqs2. About three
# hours of one core, after those of compare-losses.sh.
#   checkpoints/second-generation-cv3.sh DATA OUT
# DATA and OUT as in common.sh; the runs are OUT/runs/step-* and width-*.
. "$(dirname "$0")/common.sh"
"$here/compare-losses.sh" "$data" "$out"
sets=$("$here/prepare-data.sh" "$data" "$out")

[ -e "$out/predicted-others.3line" ] || topo data sample "$out/predicted.3line" --share BETA=0 \
    --similar-to "$similar" -o "$out/predicted-others.3line"
[ -e "$out/second-stage" ] ||
    topo ensemble "$out"/losses-2/crf-{0,1,2} -o "$out/second-stage" --name second-stage
[ -e "$out/barrels-cv3.3line" ] ||
    topo data consensus "$out/found/predicted_topologies.3line" --similar-to "$similar" \
        --apart cv3 --model "$out/second-stage" --known 0.6 --segments 8 --complete \
        -o "$out/barrels-cv3.3line"
sets="$sets, $(extra "$out/predicted-others" 0.1), $(extra "$out/barrels-cv3" 0.25)"

twin() { # NAME options: a model that has not seen cv3
    [ -e "$out/runs/$1/model" ] || topo train --config "$configs/topo-base.yaml" \
        --data "$labels" --train cv0,cv1,cv4 --test cv3 --set "data.extra=[$sets]" \
        --set training.init_rate=1 -o "$out/runs" --name "$1" "${@:2}"
}
for n in 0 1; do
    twin step-$n --seed $n --init "$out/losses-2/crf-$n" --epochs 3 \
        --set training.learning_rate=0.002
done
twin width-128-1 --seed 1 --epochs 4
twin width-128-2 --seed 2 --epochs 4
twin width-256 --seed 1 --epochs 4 --lstm 256
