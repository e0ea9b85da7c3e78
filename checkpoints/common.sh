# What the scripts beside this file share; each is called with DATA OUT and sources it. DATA holds
# topology/ and corpus/ as the model cards name them, OUT gets everything else, and what lies there
# already is not made again.
set -euo pipefail
data=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
configs=$here/../configs
labels=$data/topology/deeptmhmm.partitions.json
corpus=$data/corpus/sequences.fasta.gz similar=$data/corpus/similar_folds.tsv

extra() { # PATH WEIGHT: a further training set
    echo "{path: $1.3line, exclude_similar: $1_similar_folds.tsv, weight: $2}"
}

pretrain() { # NAME RESIDUES options: a trunk that saw nothing similar to the folds that judge it
    [ -e "$out/$1/trunk" ] || topo pretrain "$corpus" -o "$out/$1" \
        --config "$configs/pretrain.yaml" --residues "$2" --exclude-similar "$similar" \
        --exclude-folds cv3,cv4 "${@:3}"
}

train() { # NAME CONFIG SETS options: a tenth of three folds picks the epoch and calibrates
    [ -e "$out/runs/$1/model" ] || topo train --config "$2" --data "$labels" \
        --train cv0,cv1,cv3 --set "data.extra=[$3]" -o "$out/runs" --name "$1" "${@:4}"
}
