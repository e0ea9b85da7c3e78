cwlVersion: v1.2
class: CommandLineTool
label: Predict membrane topologies with topo
doc: |
  Predicts the proteins of one or more files in shards, with a process per core, and returns the
  folder of shards. The tool merge.cwl makes one file of it.
baseCommand: [topo, predict]
hints:
  DockerRequirement:
    dockerPull: topo-membrane:0.1.0
  SoftwareRequirement:
    packages:
      topo:
        version: ["0.1.0"]
requirements:
  ResourceRequirement:
    coresMin: $(inputs.workers)
    ramMin: $(3000 * inputs.workers)
  InlineJavascriptRequirement: {}
  EnvVarRequirement:
    envDef:
      OMP_NUM_THREADS: "1"
inputs:
  proteins:
    type: File[]
    doc: FASTA files, plain or compressed.
    inputBinding: {position: 1}
  format:
    type:
      type: enum
      symbols: [parquet, tsv]
    default: parquet
    inputBinding: {prefix: --format}
  workers:
    type: int
    default: 1
    doc: Number of processes.
    inputBinding: {prefix: --workers}
  shard_residues:
    type: int?
    doc: Number of residues per shard.
    inputBinding: {prefix: --shard-residues}
  model:
    type: Directory?
    doc: Checkpoint; by default the bundled one.
    inputBinding: {prefix: --model}
arguments: [--shards, shards]
outputs:
  shards:
    type: Directory
    outputBinding: {glob: shards}
