#!/usr/bin/env bash
# Trains the second generation in EXPERIMENTS.md on predictions of topo-ensemble-blind. Needs MMseqs2.
# Takes about three hours on one core, in addition to retrain-topo-ensemble.sh.
#   checkpoints/training/second-generation.sh DATA OUT
# DATA and OUT as in common.sh. Writes runs/again-1 to runs/again-4 and the ensembles of the table.
. "$(dirname "$0")/common.sh"
"$here/retrain-topo-ensemble.sh" "$data" "$out"
sets=$("$here/prepare-data.sh" "$data" "$out")

# Predict the corpus again, and keep the confident predictions that are not barrels.
[ -e "$out/predicted.fasta" ] || topo convert "$out/predicted.3line" "$out/predicted.fasta"
label found-again "$out/predicted.fasta" "$out/topo-ensemble-blind" --format summary
[ -e "$out/sure.3line" ] || topo data sample "$out/found-again/predicted_topologies.3line" \
    --summary "$out/found-again/summary.tsv" --confidence 0.5 --share BETA=0 \
    --similar-to "$similar" --apart cv4 -o "$out/sure.3line"
sets="$sets, $(extra "$out/sure" 0.08)"

again() { # NUMBER BARRELS options
    train "again-$1" topo-base cv0,cv1,cv3 "$sets, $(extra "$out/$2" 0.25)" --test cv4 --seed "$1" \
        "${@:3}"
}

# Continue both members with these and with relabelled barrels, and relabel the barrels again.
barrels barrels-2 cv4 "$out/topo-ensemble-blind"
again 1 barrels-2 --init "$out/runs/topo-base-blind" $(onwards 0.002)
again 2 barrels-2 --init "$out/runs/second-blind" $(onwards 0.002)
ensemble again-1-2 "$out"/runs/again-{1,2}
barrels barrels-3 cv4 "$out/again-1-2"

# Train two models from the pre-trained trunk.
again 3 barrels-3 --init "$out/pretrained" --epochs 6
again 4 barrels-3 --init "$out/pretrained" --epochs 6
ensemble again-all "$out"/runs/again-{3,4,1,2}
ensemble again-mixed "$out"/runs/{again-3,again-4,topo-base-blind,second-blind}
