cwlVersion: v1.2
class: CommandLineTool
label: topo predict
doc: Predict the membrane topology of proteins from their sequences.

hints:
  SoftwareRequirement:
    packages:
      topo-membrane:
        version: ["0.1.0"]
  ResourceRequirement:
    coresMin: 1
    ramMin: 2048

baseCommand: [topo, predict]
arguments:
  - prefix: --output
    valueFrom: results
  - prefix: --threads
    valueFrom: $(runtime.cores)

inputs:
  proteins:
    type: File
    doc: Proteins in FASTA, plain or compressed.
    inputBinding:
      position: 1
  formats:
    type:
      - "null"
      - type: array
        items: string
        inputBinding:
          prefix: --format
    doc: Output formats; by default 3line, tmrs, gff3, summary and html.
  alternatives:
    type: int?
    doc: Number of alternative topologies to list.
    inputBinding:
      prefix: --alternatives
  skip_invalid:
    type: boolean?
    doc: Leave out records that cannot be read.
    inputBinding:
      prefix: --skip-invalid

outputs:
  results:
    type: Directory
    doc: All files of the run.
    outputBinding:
      glob: results
  summary:
    type: File?
    outputBinding:
      glob: results/summary.tsv
  tmrs:
    type: File?
    outputBinding:
      glob: results/TMRs.gff3
