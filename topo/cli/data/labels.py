"""``topo data transfer``, ``consensus``, ``sample``: further training data from larger sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.data.homology import IDENTITY, SENSITIVITY, THREADS
from topo.cli.options import split_names

if TYPE_CHECKING:
    from topo.protein import Protein

_LABELLED = typer.Argument(help="Labelled proteins, in any format topo reads.")
_OUTPUT = typer.Option("--output", "-o", help="3-line file to write.")


def transfer(
    file: Annotated[str, _LABELLED],
    to: Annotated[str, typer.Option(help="Proteins that get the labels of their relatives.")],
    output: Annotated[str, _OUTPUT],
    similar_from: Annotated[
        str | None,
        typer.Option(help="TSV of the folds each labelled protein is similar to, in its order."),
    ] = None,
    similar_to: Annotated[
        str | None,
        typer.Option(help="TSV of ids and the folds each protein of --to is similar to."),
    ] = None,
    types: Annotated[
        str, typer.Option(help="Types whose labels are transferred.")
    ] = "TM,SP+TM,BETA",
    identity: Annotated[float, IDENTITY] = 0.25,
    coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of both chains it must cover.")
    ] = 0.7,
    expectation: Annotated[float, typer.Option(help="Expectation value, at most.")] = 1e-8,
    limit: Annotated[int, typer.Option(min=1, help="Relatives of one protein at most.")] = 25,
    sensitivity: Annotated[float, SENSITIVITY] = 5.7,
    threads: Annotated[int, THREADS] = 1,
) -> None:
    """Label proteins by the labelled ones they align with, as further training data. Needs MMseqs2.

    Beside the output, OUTPUT's name with _similar_folds.tsv says for each record which folds it is
    similar to (topo train --exclude-similar), the fold of the protein whose labels it has included.
    """
    from topo.curation.homology import Similarity
    from topo.curation.transfer import transfer_labels
    from topo.data.splits import check_rows, read_similar_folds
    from topo.io import read_labelled, read_proteins

    wanted = _types(types)
    labelled = list(read_labelled(file))
    folds: list[set[str]] = [{*filter(None, [p.metadata.get("partition")])} for p in labelled]
    if similar_from:
        rows = read_similar_folds(similar_from)
        check_rows(similar_from, len(rows), file, len(labelled))
        folds = [own | row for own, row in zip(folds, rows, strict=True)]
    by_target = _similar_ids(similar_to)
    by_source = {id(protein): own for protein, own in zip(labelled, folds, strict=True)}
    found = transfer_labels(
        labelled,
        read_proteins(to),
        Similarity(identity, coverage, expectation, sensitivity),
        types=wanted,
        limit=limit,
        threads=threads,
    )
    rows = (
        (row.protein, (row.source.id, f"{row.identity:.3f}"), by_source[id(row.source)])
        for row in found
    )
    _write_labelled(output, ("source", "identity"), rows, by_target)
    typer.echo(f"{output}: {len(found)} proteins, labels of {len({id(r.source) for r in found})}")


def consensus(
    file: Annotated[str, _LABELLED],
    output: Annotated[str, _OUTPUT],
    to: Annotated[
        str | None,
        typer.Option(
            help="Proteins among which families are looked for; none: the labelled proteins "
            "themselves, such as topo predict writes them, get new labels."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Checkpoint or run; the bundled one.")
    ] = None,
    similar_to: Annotated[
        str | None,
        typer.Option(help="TSV of ids and the folds each of the proteins to label is similar to."),
    ] = None,
    apart: Annotated[
        str, typer.Option(help="Folds; proteins to label that are similar to them stay out.")
    ] = "",
    types: Annotated[str, typer.Option(help="Types of the families.")] = "BETA",
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Probability of a sure label, at least.")
    ] = 0.7,
    known: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of a protein with sure labels, at least.")
    ] = 0.5,
    segments: Annotated[
        int, typer.Option(min=1, help="Membrane segments of a protein, at least.")
    ] = 1,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Keep the unsure labels of the proteins that are kept."),
    ] = False,
    iterations: Annotated[
        int, typer.Option(min=1, help="Rounds of search for relatives of the labelled proteins.")
    ] = 3,
    sensitivity: Annotated[float, SENSITIVITY] = 5.7,
    threads: Annotated[int, THREADS] = 1,
) -> None:
    """Label families of proteins by a model's averaged predictions, as further training data.

    Looks for remote relatives of the labelled proteins (or takes these), keeps those that the model
    gives one of the types, aligns them with each other, averages the posteriors, and labels what
    these are sure of; the other residues stay unknown, or get the most likely label (--complete).
    Beside the output, OUTPUT's name with _similar_folds.tsv says for each record which folds it is
    similar to (topo train --exclude-similar). The model must not have seen the folds that are to be
    evaluated. Needs MMseqs2.
    """
    from topo.curation.consensus import Trust, label_families
    from topo.inference import load_model
    from topo.io import read_labelled, read_proteins

    similar = _similar_ids(similar_to)
    held = _held(apart, similar, similar_to)
    wanted, checkpoint = _types(types), load_model(model)
    found = label_families(
        list(read_labelled(file) if to else _outside(held, read_labelled(file))),
        list(_outside(held, read_proteins(to))) if to else None,
        checkpoint,
        types=wanted,
        trust=Trust(least, known, segments, complete),
        iterations=iterations,
        sensitivity=sensitivity,
        threads=threads,
    )
    rows = ((row.protein, (str(row.relatives), f"{row.known:.3f}"), set()) for row in found)
    _write_labelled(output, ("relatives", "known"), rows, similar)
    typer.echo(f"{output}: {len(found)} proteins")


def sample(
    file: Annotated[str, _LABELLED],
    output: Annotated[str, _OUTPUT],
    share: Annotated[
        str, typer.Option(help="Share of a type to draw, e.g. GLOB=0.06,SP=0.25; the others whole.")
    ] = "",
    similar_to: Annotated[
        str | None,
        typer.Option(help="TSV of ids and the folds each of the proteins is similar to."),
    ] = None,
    apart: Annotated[
        str, typer.Option(help="Folds; proteins that are similar to them stay out.")
    ] = "",
    shortest: Annotated[int, typer.Option(min=1, help="Residues, at least.")] = 1,
    longest: Annotated[int | None, typer.Option(min=1, help="Residues, at most.")] = None,
    confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of a prediction, at least; with --summary.")
    ] = 0.0,
    summary: Annotated[
        str | None, typer.Option(help="summary.tsv that topo predict wrote with the predictions.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
) -> None:
    """Draw proteins by type, such as a model's predictions, as further training data.

    Beside the output, OUTPUT's name with _similar_folds.tsv says for each record which folds it is
    similar to (topo train --exclude-similar). The model that labelled them must not have seen the
    folds that are to be evaluated.
    """
    import math
    from collections import Counter

    from topo.curation.draw import draw_by_type
    from topo.io import read_labelled
    from topo.labels import TYPES, protein_type

    similar = _similar_ids(similar_to)
    held = _held(apart, similar, similar_to)
    drawn = list(
        draw_by_type(
            _sure(confidence, summary, _outside(held, read_labelled(file))),
            _shares(share),
            shortest,
            longest or math.inf,
            seed,
        )
    )
    _write_labelled(output, (), ((protein, (), set()) for protein in drawn), similar)
    counts = Counter(protein_type(protein.labels or "") for protein in drawn)
    types = ", ".join(f"{counts[kind]} {kind}" for kind in TYPES if counts[kind])
    typer.echo(f"{output}: {len(drawn)} proteins ({types or 'none'})")


def _shares(text: str) -> dict[str, float]:
    """Read ``GLOB=0.06,SP=0.25``."""
    from topo.errors import TopoError
    from topo.labels import TYPES

    shares = {}
    for part in split_names(text) if text else []:
        kind, _, number = part.partition("=")
        try:
            shares[kind] = float(number)
        except ValueError:
            shares[kind] = -1.0
        if kind not in TYPES or not 0 <= shares[kind] <= 1:
            raise TopoError(
                f"--share: found {part!r}, expected TYPE=SHARE with one of {', '.join(TYPES)} "
                "and a share from 0 to 1"
            )
    return shares


def _held(apart: str, similar: Mapping[str, Set[str]], table: str | None) -> set[str]:
    """Return the ids that ``--apart`` leaves out by the table of ``--similar-to``."""
    from topo.data.splits import ids_similar_to
    from topo.errors import TopoError

    if not apart:
        return set()
    if not table:
        raise TopoError("found --apart without --similar-to, expected both")
    return ids_similar_to(split_names(apart), similar, table)


def _sure(least: float, summary: str | None, proteins: Iterable[Protein]) -> Iterator[Protein]:
    """Pass on what is at least so sure by the table of ``--summary``; without both, everything."""
    from topo.errors import TopoError
    from topo.io.summary import read_confidences

    if bool(least) != bool(summary):
        raise TopoError("found one of --confidence and --summary, expected both")
    found = read_confidences(summary) if summary else {}
    return (protein for protein in proteins if found.get(protein.id, 0.0) >= least)


def _outside(held: Set[str], proteins: Iterable[Protein]) -> Iterator[Protein]:
    return (protein for protein in proteins if protein.id not in held)


def _types(text: str) -> list[str]:
    from topo.errors import TopoError
    from topo.labels import TYPES

    wanted = split_names(text)
    if unknown := set(wanted) - {*TYPES}:
        raise TopoError(f"--types: found {sorted(unknown)[0]}, expected some of {', '.join(TYPES)}")
    return wanted


def _similar_ids(path: str | None) -> dict[str, set[str]]:
    from topo.data.splits import read_similar_ids

    return read_similar_ids(path) if path else {}


def _write_labelled(
    output: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Protein, Sequence[str], Set[str]]],
    similar: Mapping[str, Set[str]],
) -> None:
    """Write proteins, and beside them a table: id, columns, folds of the row and of its id."""
    from pathlib import Path

    from topo.io import write_three_line
    from topo.io.files import atomic_path, atomic_text

    rows = list(rows)
    beside = f"{Path(output).with_suffix('')}_similar_folds.tsv"
    with atomic_path(output) as records, atomic_text(beside) as table:
        write_three_line((protein for protein, _, _ in rows), records)
        table.write("\t".join(("id", *columns, "similar_folds")) + "\n")
        for protein, cells, folds in rows:
            names = ",".join(sorted(folds | similar.get(protein.id, set()))) or "-"
            table.write("\t".join((protein.id, *cells, names)) + "\n")
