cwlVersion: v1.2
class: CommandLineTool
label: Merge shards of topo into one file
baseCommand: [topo, shards, merge]
hints:
  DockerRequirement:
    dockerPull: topo-membrane:0.1.0
inputs:
  shards:
    type: Directory
    inputBinding: {position: 1}
  name:
    type: string
    default: predictions.parquet
    inputBinding: {prefix: --output}
outputs:
  predictions:
    type: File
    outputBinding: {glob: $(inputs.name)}
