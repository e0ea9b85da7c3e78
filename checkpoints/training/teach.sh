#!/usr/bin/env bash
# Makes the training sets of the bundled checkpoints, and prints the extra training sets for data.extra.
# Needs MMseqs2. Takes about three hours on one core, and 1.5 hours of prediction.
#   checkpoints/training/teach.sh DATA OUT
# DATA and OUT as in common.sh.
. "$(dirname "$0")/common.sh"
sets=$("$here/prepare-data.sh" "$data" "$out")

teacher() { # NAME options: validation on cv3, training without proteins similar to cv3 and cv4
    train "$1" teacher cv0,cv1 "$sets" --val cv3 --test cv4 "${@:2}"
}

{
    teacher teacher --init "$out/pretrained"
    teacher teacher-2 --seed 0
    ensemble teachers "$out"/runs/teacher{,-2}

    # Predictions of the teacher for the corpus: all proteins with helices or strands, some others.
    label found "$corpus" "$out/runs/teacher"
    [ -e "$out/predicted.3line" ] ||
        topo data sample "$out/found/predicted_topologies.3line" --similar-to "$similar" \
            --apart cv3,cv4 --shortest 120 --longest 1200 --share GLOB=0.06,SP=0.25 \
            -o "$out/predicted.3line"
    # Predicted barrels, labelled by both teachers and averaged over families.
    barrels predicted_barrels cv3,cv4 "$out/teachers"
} >&2

echo "$sets, $(extra "$out/predicted" 0.05), $(extra "$out/predicted_barrels" 0.25)"
