# Functions that the scripts in this folder share. Each script is called with DATA OUT and sources this
# file. DATA is the folder with topology/ and corpus/, as named in the model cards; OUT is the output
# folder. Results that exist in OUT are not computed again.
set -euo pipefail
data=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
configs=$here/../../configs/experiments
labels=$data/topology/deeptmhmm.partitions.json
corpus=$data/corpus/sequences.fasta.gz similar=$data/corpus/similar_folds.tsv

extra() { # PATH WEIGHT: entry of data.extra for an extra training set
    echo "{path: $1.3line, exclude_similar: $1_similar_folds.tsv, weight: $2}"
}

pretrain() { # NAME RESIDUES options: trunk pre-trained without proteins similar to the evaluated folds
    [ -e "$out/$1/trunk" ] || topo pretrain "$corpus" -o "$out/$1" \
        --config "$configs/../pretrain.yaml" --residues "$2" --exclude-similar "$similar" \
        --exclude-folds cv3,cv4 "${@:3}"
}

train() { # NAME CONFIG FOLDS SETS options; without --val a tenth of the proteins is validation
    [ -e "$out/runs/$1/model" ] || topo train --config "$configs/$2.yaml" --data "$labels" \
        --train "$3" --set "data.extra=[$4]" -o "$out/runs" --name "$1" "${@:5}"
}

onwards() { # RATE: options of epochs that continue from trained weights
    echo --epochs 3 --set "training.learning_rate=$1" --set training.init_rate=1
}

ensemble() { # NAME MODEL...
    [ -e "$out/$1" ] || topo ensemble "${@:2}" -o "$out/$1" --name "${1%-blind}"
}

label() { # NAME SEQUENCES MODEL options: predictions of a model for many proteins
    [ -e "$out/$1/done" ] || {
        topo predict "$2" -o "$out/$1" --format 3line --plots none --resume --model "$3" "${@:4}"
        touch "$out/$1/done" # an interrupted prediction leaves an output file too
    }
}

barrels() { # NAME APART MODEL: barrels found by the teacher, relabelled by their families
    [ -e "$out/$1.3line" ] || topo data consensus "$out/found/predicted_topologies.3line" \
        --similar-to "$similar" --apart "$2" --model "$3" --known 0.6 --segments 8 --complete \
        -o "$out/$1.3line"
}
