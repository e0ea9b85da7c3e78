#!/usr/bin/env bash
# The second generation in EXPERIMENTS.md: models taught by topo-ensemble before fold cv4. Needs MMseqs2.
# About three hours of one core, after those of retrain-topo-ensemble.sh.
#   checkpoints/second-generation.sh DATA OUT
# DATA and OUT as in common.sh; OUT gets runs/again-1 to again-4 and the ensembles of the table.
. "$(dirname "$0")/common.sh"
"$here/retrain-topo-ensemble.sh" "$data" "$out"
sets=$("$here/prepare-data.sh" "$data" "$out")
config=$configs/topo-base.yaml

barrels() { # NAME MODEL: barrels of the corpus, averaged over families
    [ -e "$out/$1.3line" ] || topo data consensus "$out/found/predicted_topologies.3line" \
        --similar-to "$similar" --apart cv4 --model "$out/$2" --known 0.6 --segments 8 \
        --complete -o "$out/$1.3line"
}

ensemble() { # NAME RUN...
    local members=("${@:2}")
    [ -e "$out/$1" ] || topo ensemble "${members[@]/#/$out/runs/}" -o "$out/$1" --name "$1"
}

# What the teacher said of the corpus is said again; what is sure, and no barrel, is learnt from.
[ -e "$out/predicted.fasta" ] || topo convert "$out/predicted.3line" "$out/predicted.fasta"
[ -e "$out/found-again/done" ] || {
    topo predict "$out/predicted.fasta" -o "$out/found-again" --format 3line --format summary \
        --plots none --resume --model "$out/topo-ensemble-blind"
    touch "$out/found-again/done" # a stopped prediction has left its file too
}
[ -e "$out/sure.3line" ] || topo data sample "$out/found-again/predicted_topologies.3line" \
    --summary "$out/found-again/summary.tsv" --confidence 0.5 --share BETA=0 \
    --similar-to "$similar" --apart cv4 -o "$out/sure.3line"
sets="$sets, $(extra "$out/sure" 0.08)"

# Both members go on with that and with barrels labelled anew, and label the barrels once more.
barrels barrels-2 topo-ensemble-blind
for n in 1 2; do
    from=$([ $n = 1 ] && echo topo-base-blind || echo second-blind)
    train again-$n "$config" "$sets, $(extra "$out/barrels-2" 0.25)" --test cv4 --seed $n \
        --init "$out/runs/$from" --epochs 3 --set training.learning_rate=0.002 --set training.init_rate=1
done
ensemble again-1-2 again-1 again-2
barrels barrels-3 again-1-2

# Two models begin again from the pre-trained trunk.
for n in 3 4; do
    train again-$n "$config" "$sets, $(extra "$out/barrels-3" 0.25)" --test cv4 --seed $n \
        --init "$out/pretrained" --epochs 6
done
ensemble again-all again-3 again-4 again-1 again-2
ensemble again-mixed again-3 again-4 topo-base-blind second-blind
