#!/usr/bin/env bash
# Makes what the bundled checkpoints learn from, and prints the further training sets for data.extra.
# Needs MMseqs2. About three hours of one core, and one and a half of predicting.
#   checkpoints/training/teach.sh DATA OUT
# DATA and OUT as in common.sh.
. "$(dirname "$0")/common.sh"
sets=$("$here/prepare-data.sh" "$data" "$out")

teacher() { # NAME options: fold cv3 picks the epoch; nothing similar to cv3 and cv4 is learnt from
    train "$1" teacher cv0,cv1 "$sets" --val cv3 --test cv4 "${@:2}"
}

{
    teacher teacher --init "$out/pretrained"
    teacher teacher-2 --seed 0
    ensemble teachers "$out"/runs/teacher{,-2}

    # What the teacher says of the corpus, for all proteins with helices or strands and some others.
    label found "$corpus" "$out/runs/teacher"
    [ -e "$out/predicted.3line" ] ||
        topo data sample "$out/found/predicted_topologies.3line" --similar-to "$similar" \
            --apart cv3,cv4 --shortest 120 --longest 1200 --share GLOB=0.06,SP=0.25 \
            -o "$out/predicted.3line"
    # Barrels among them, labelled by both teachers and averaged over families.
    barrels predicted_barrels cv3,cv4 "$out/teachers"
} >&2

echo "$sets, $(extra "$out/predicted" 0.05), $(extra "$out/predicted_barrels" 0.25)"
