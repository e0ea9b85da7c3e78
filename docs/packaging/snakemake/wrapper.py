"""Snakemake wrapper of topo predict: one rule from proteins to any of its output files."""

from pathlib import Path

from snakemake.shell import shell

FORMATS = {
    "predicted_topologies.3line": "3line",
    "TMRs.gff3": "tmrs",
    "topologies.gff3": "gff3",
    "summary.tsv": "summary",
    "segments.tsv": "segments",
    "report.html": "html",
    "predictions.json": "deeptmhmm2",
    "predictions.jsonl": "jsonl",
    "predictions.parquet": "parquet",
}

folders = {str(Path(file).parent) for file in snakemake.output}  # noqa: F821
if len(folders) != 1:
    raise ValueError(f"found outputs in {sorted(folders)}, expected one folder")
names = [Path(file).name for file in snakemake.output]  # noqa: F821
if unknown := [name for name in names if name not in FORMATS]:
    raise ValueError(f"found output {unknown[0]}, expected one of {', '.join(FORMATS)}")
folder = folders.pop()
formats = " ".join(f"--format {FORMATS[name]}" for name in names)
proteins = snakemake.input.get("proteins", snakemake.input[0])  # noqa: F821
extra = snakemake.params.get("extra", "")  # noqa: F821
log = snakemake.log_fmt_shell(stdout=True, stderr=True)  # noqa: F821

shell(
    "topo predict {proteins:q} --output {folder:q} {formats}"
    " --threads {snakemake.threads} {extra} {log}"
)
