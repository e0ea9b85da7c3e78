cwlVersion: v1.2
class: Workflow
label: Predict membrane topologies and merge them
inputs:
  proteins: File[]
  workers: {type: int, default: 1}
  shard_residues: int?
  name: {type: string, default: predictions.parquet}
outputs:
  predictions:
    type: File
    outputSource: merge/predictions
steps:
  predict:
    run: predict.cwl
    in: {proteins: proteins, workers: workers, shard_residues: shard_residues}
    out: [shards]
  merge:
    run: merge.cwl
    in: {shards: predict/shards, name: name}
    out: [predictions]
