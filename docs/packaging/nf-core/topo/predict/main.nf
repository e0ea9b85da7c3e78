process TOPO_PREDICT {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine == 'singularity' && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/topo-membrane:0.1.0--pyhdfd78af_0':
        'biocontainers/topo-membrane:0.1.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(fasta)

    output:
    tuple val(meta), path("${prefix}/TMRs.gff3")                 , emit: tmrs
    tuple val(meta), path("${prefix}/topologies.gff3")           , emit: gff3
    tuple val(meta), path("${prefix}/predicted_topologies.3line"), emit: line3
    tuple val(meta), path("${prefix}/summary.tsv")               , emit: tsv
    tuple val(meta), path("${prefix}/report.html")               , emit: html
    tuple val("${task.process}"), val('topo'), eval("topo --version | sed 's/topo \\([^ ]*\\).*/\\1/'"), topic: versions, emit: versions_topo

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    topo predict \\
        ${fasta} \\
        --output ${prefix} \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${prefix}
    touch ${prefix}/TMRs.gff3 ${prefix}/topologies.gff3 ${prefix}/predicted_topologies.3line
    touch ${prefix}/summary.tsv ${prefix}/report.html
    """
}
