// nextflow run main.nf --proteins 'proteins.fasta.gz' --folder /shared/OUT
// params.folder is on a file system that all tasks share; params.options are those of topo predict.
nextflow.enable.dsl = 2

params.proteins = null
params.folder = null
params.options = ''
params.container = 'topo-membrane:0.1.0'

process TOPO_PLAN {
    label 'process_single'
    container params.container

    input:
    path proteins
    val folder

    output:
    path 'shards.txt'

    script:
    """
    topo predict ${proteins} --shards ${folder} --plan-only ${params.options}
    seq 0 \$(( \$(find ${folder}/inputs -name '*.fasta.gz' | wc -l) - 1 )) > shards.txt
    """
}

process TOPO_SHARD {
    label 'process_single'
    container params.container
    cpus 1
    memory '3 GB'
    errorStrategy 'retry'
    maxRetries 3

    input:
    val number
    val folder

    output:
    val number

    script:
    """
    export OMP_NUM_THREADS=1
    topo predict --shards ${folder} --shard-index ${number} ${params.options}
    """
}

process TOPO_MERGE {
    label 'process_single'
    container params.container

    input:
    val numbers
    val folder

    output:
    path 'predictions.*'

    script:
    """
    topo shards merge ${folder}
    ln -s ${folder}/predictions.* .
    """
}

workflow {
    plan = TOPO_PLAN(Channel.fromPath(params.proteins).collect(), params.folder)
    numbers = plan.splitText().map { line -> line.trim() }
    done = TOPO_SHARD(numbers, params.folder)
    TOPO_MERGE(done.collect(), params.folder)
}
