#!/usr/bin/env bash
# Runs the comparison of losses in EXPERIMENTS.md, in two stages. Needs MMseqs2. Takes about five hours
# on one core, in addition to teach.sh.
#   checkpoints/training/compare-losses.sh DATA OUT
# DATA and OUT as in common.sh. Writes the tables losses/table.md and losses-2/table.md.
. "$(dirname "$0")/common.sh"
sets=$("$here/prepare-data.sh" "$data" "$out")
"$here/teach.sh" "$data" "$out" > /dev/null

compare() { # OUTPUT BARRELS WEIGHT options
    python "$here/compare_losses.py" "$configs/compare-losses.yaml" -o "$out/$1" \
        --data "$labels" "data.extra=[$sets, $(extra "$out/$2" "$3")]" "${@:4}"
}

# Remote homologues of known barrels, labelled by their families.
[ -e "$out/barrels.3line" ] || topo data consensus "$labels:cv0,cv1" --to "$corpus" \
    --similar-to "$similar" --apart cv3,cv4 --model "$out/runs/teacher" -o "$out/barrels.3line"
compare losses barrels 0.5 "training.init=$out/pretrained"

# Barrels that the teacher finds in the corpus, labelled by the models of the first stage.
ensemble first-stage "$out"/losses/crf-{0,1,2}
barrels found_barrels cv3 "$out/first-stage"
compare losses-2 found_barrels 0.25 --after "$out/losses" training.epochs=3 \
    training.learning_rate=0.002 training.init_rate=1
