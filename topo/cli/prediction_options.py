"""Where ``topo predict`` writes to, by its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from topo.errors import ConfigError

STANDARD_OUTPUT = "-"
"""Path of standard output."""

DEFAULT_FOLDER = "predictions"
"""Output folder where none is named."""


def choose_output(output: Path | None, as_json: bool, sequence: str | None) -> Path | None:
    """Return the output folder, or None for standard output.

    Raises
    ------
    ConfigError
        If ``--json`` meets an output folder.
    """
    if as_json and output is not None and str(output) != STANDARD_OUTPUT:
        raise ConfigError(
            f"found --json and the output folder {output}, expected one of them (--format jsonl "
            "writes JSON lines to a folder)"
        )
    if as_json or str(output) == STANDARD_OUTPUT or (output is None and sequence is not None):
        return None
    return output or Path(DEFAULT_FOLDER)


def refuse_beside(option: str, others: Mapping[str, object]) -> None:
    """Check that an option is set without certain others, given by name with their values.

    Raises
    ------
    ConfigError
        If one of the others is set; the message names it.
    """
    for name, value in others.items():
        if value:
            raise ConfigError(f"found {option} and {name}, expected one of them")


def stream_format(
    formats: Sequence[str] | None, as_json: bool, needs_folder: Mapping[str, object]
) -> str:
    """Return the format of a run that writes to standard output.

    Parameters
    ----------
    formats
        Formats by option, or None.
    as_json
        Whether ``--json`` is set.
    needs_folder
        Options that need an output folder, by name with their values.

    Raises
    ------
    ConfigError
        If the options ask for other than one text.
    """
    from topo.io.output_formats import DEFAULT_FORMATS, check_stream_format

    for name, value in needs_folder.items():
        if value:
            raise ConfigError(
                f"found {name} and standard output, expected an output folder (-o FOLDER)"
            )
    chosen = list(dict.fromkeys(formats or (["jsonl"] if as_json else DEFAULT_FORMATS[:1])))
    if as_json and chosen != ["jsonl"]:
        raise ConfigError(f"found --json and --format {chosen[0]}, expected one of them")
    if len(chosen) > 1:
        raise ConfigError(
            f"found {len(chosen)} formats ({', '.join(chosen)}), expected one on standard output"
        )
    check_stream_format(chosen[0])
    return chosen[0]
