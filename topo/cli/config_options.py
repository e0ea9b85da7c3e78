"""Command-line options generated from the fields of the configuration.

A field marked by :class:`topo.config.Option` becomes an option with the type, the choices, the
default and the description of the field. The options are built when a command is parsed or shows
its help, not when the command line starts: the schema needs pydantic, whose import takes longer
than ``topo --help`` as a whole.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperOption

from topo.cli.options import split_names
from topo.errors import ConfigError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from topo.config import Config

_PANELS = {
    "data": "Data",
    "graph": "Architecture",
    "model": "Architecture",
    "training": "Training",
    "distillation": "Distillation",
    "pretraining": "Pre-training",
    "task": "Numeric sequences",
    "tracking": "Tracking",
}
"""Headings of the help page by section of the configuration."""


def _further_options(
    *,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            help="Path to a file of additional labelled proteins to train on. May be repeated.",
            rich_help_panel=_PANELS["data"],
        ),
    ] = None,
    exclude_similar: Annotated[
        list[str] | None,
        typer.Option(
            help="Path to a TSV file of similar folds, one for each --extra in the same order.",
            rich_help_panel=_PANELS["data"],
        ),
    ] = None,
    conv1: Annotated[
        str | None,
        typer.Option(
            metavar="FILTERSxWIDTH",
            help="First convolution along the chain: number of filters and width in residues, "
            "e.g. 128x5; none leaves it out.",
            rich_help_panel=_PANELS["model"],
        ),
    ] = None,
    conv2: Annotated[
        str | None,
        typer.Option(
            metavar="FILTERSxWIDTH",
            help="Second convolution along the chain, like --conv1.",
            rich_help_panel=_PANELS["model"],
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Path to a YAML configuration. Options override it.",
            rich_help_panel="Configuration",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.FIELD=VALUE",
            help="Value of any field of the configuration, applied last. May be repeated.",
            rich_help_panel="Configuration",
        ),
    ] = None,
) -> None:
    """Declare the options that set no field, or a part of one."""


_PARTS = {
    **dict.fromkeys(("extra", "exclude_similar"), "data.extra"),
    **dict.fromkeys(("conv1", "conv2"), "model.conv"),
}
"""Fields that options of :func:`_further_options` set a part of."""


class ConfigCommand(TyperCommand):
    """Command with the options of ``topo train`` that set the configuration.

    ``context.obj`` of the callback holds the given options, by dotted key or by the name of the
    parameter; ``context.args`` holds their words as on the command line.
    """

    omitted: ClassVar[tuple[str, ...]] = ("pretraining.",)
    """Prefixes of the dotted keys without an option in this command."""

    @cached_property
    def keys(self) -> dict[str, str]:
        """Dotted keys of the generated options, by name of the parameter."""
        return {parameter_name(key): key for key in _optional_fields(self.omitted)}

    @cached_property
    def config_options(self) -> list[TyperOption]:
        """Options that set the configuration."""
        return _options(_optional_fields(self.omitted), self.omitted)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the command, then the options of the configuration."""
        return [*super().get_params(ctx), *self.config_options]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, and keep the configuration's options apart from the rest."""
        words = [*args]
        super().parse_args(ctx, args)
        given = {}
        for name in (option.name for option in self.config_options):
            value = ctx.params.pop(name, None)
            source = ctx.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                given[self.keys.get(name, name)] = value
        ctx.obj, ctx.args = given, _words_of(self.config_options, words)
        return ctx.args


def read_settings(arguments: Sequence[str]) -> Config:
    """Read a configuration from options of ``topo train``.

    Raises
    ------
    ConfigError
        If a value is invalid. An unknown option raises an error of use, which the command line
        reports like one of its own.
    """
    return read_config(ConfigCommand("train").make_context("topo train", [*arguments]).obj)


def read_config(given: Mapping[str, Any]) -> Config:
    """Read a configuration from the options given to a :class:`ConfigCommand`.

    Parameters
    ----------
    given
        ``context.obj`` of the command. Fields override the YAML file; ``--set`` overrides both.
    """
    from topo.config import load_config
    from topo.io.grammar import find_grammar, grammar_tree

    fields = {key: _value(key, value) for key, value in given.items() if "." in key}
    if "data.structures" in fields:
        fields["graph.structure"] = True
    if extras := _extras(given.get("extra", []), given.get("exclude_similar", [])):
        fields["data.extra"] = extras
    if "conv1" in given or "conv2" in given:
        fields["model.conv"] = _convolutions(given.get("conv1"), given.get("conv2"))
    config = load_config(given.get("config"), given.get("set_", []), fields=fields)
    if config.task.is_numeric:
        from topo.sequences.data import describe_task

        describe_task(config)
    if config.data.features is not None:
        from topo.data.features import describe_features

        describe_features(config)
    if config.model.heads.grammar is not None:
        # The run and its checkpoint contain the grammar, so that they do not need the file.
        config.model.heads.grammar = grammar_tree(find_grammar(config.model.heads.grammar))
    return config


def _optional_fields(omitted: Iterable[str]) -> dict[str, FieldInfo]:
    """Return the fields with an option, by dotted key."""
    from topo.config import config_fields

    return {
        key: field
        for key, field in config_fields().items()
        if _names(field) and not key.startswith(tuple(omitted))
    }


def _names(field: FieldInfo) -> tuple[str, ...]:
    from topo.config import Option

    return next((mark.names for mark in field.metadata if isinstance(mark, Option)), ())


def parameter_name(key: str) -> str:
    """Return the name of the parameter that sets a field."""
    return key.replace(".", "__")


def _is_list(field: FieldInfo) -> bool:
    return typing.get_origin(field.annotation) is list


def _options(fields: Mapping[str, FieldInfo], omitted: tuple[str, ...]) -> list[TyperOption]:
    """Build the options of fields, and those of :func:`_further_options`, by way of Typer."""
    parameters = [_parameter(key, field) for key, field in fields.items()]
    for name, parameter in inspect.signature(_further_options, eval_str=True).parameters.items():
        if not _PARTS.get(name, name).startswith(omitted):
            parameters.append(parameter)

    def declared() -> None: ...

    declared.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess] - read by inspect
    declared.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(declared)
    return [p for p in typer.main.get_command(app).params if isinstance(p, TyperOption)]


def _parameter(key: str, field: FieldInfo) -> inspect.Parameter:
    """Return the parameter that Typer turns into the option of a field."""
    several = _is_list(field)
    option = typer.Option(
        *_names(field),
        help=field.description,
        metavar="NAME,NAME" if several else "" if field.annotation is bool else None,
        rich_help_panel=_PANELS[key.partition(".")[0]],
    )
    return inspect.Parameter(
        parameter_name(key),
        inspect.Parameter.KEYWORD_ONLY,
        default=None if several else field.default,
        annotation=Annotated[str | None if several else field.annotation, option],
    )


def _value(key: str, value: Any) -> Any:
    """Convert the value of an option to that of its field."""
    from topo.config import config_fields

    return split_names(value) if _is_list(config_fields()[key]) else value


def _words_of(options: Iterable[TyperOption], words: Iterable[str]) -> list[str]:
    """Return the words of a command line that belong to options, as they were written."""
    known = {name: option for option in options for name in option.opts}
    kept, rest = [], iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        if name in known:
            kept.append(word)
            if not equals and not known[name].is_flag:
                kept.extend(islice(rest, 1))
    return kept


def _extras(paths: list[str], similar: list[str]) -> list[dict[str, str | None]]:
    if similar and len(similar) != len(paths):
        raise ConfigError(
            f"found {len(similar)} --exclude-similar for {len(paths)} --extra, "
            "expected none or one for each, in the same order"
        )
    tables = similar or [None] * len(paths)
    pairs = zip(paths, tables, strict=True)
    return [{"path": path, "exclude_similar": table} for path, table in pairs]


def _convolutions(*options: str | None) -> list[dict[str, int]]:
    layers = []
    for option in options:
        if option is None or option == "none":
            continue
        filters, _, width = option.partition("x")
        if not (filters.isdigit() and width.isdigit()):
            raise ConfigError(f"found convolution {option!r}, expected FILTERSxWIDTH, e.g. 128x5")
        layers.append({"filters": int(filters), "width": int(width)})
    return layers
