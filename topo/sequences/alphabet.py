"""Alphabets: letters of the steps of a sequence, classes of whole sequences, and legal orders.

Letters are a label scheme and legal orders a grammar, as those of proteins are. Classes are not
types of the scheme: labels determine the type, but not the class, and there may be no labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from topo.config import TaskConfig
from topo.config.task import LetterConfig
from topo.crf.semimarkov import PathScores
from topo.crf.viterbi import best_labels
from topo.errors import ConfigError
from topo.grammar.automaton import Automaton
from topo.grammar.table import Grammar, State
from topo.labels.scheme import Label, LabelScheme


@dataclass(frozen=True)
class Alphabet:
    """Letters and classes of a task.

    Parameters
    ----------
    letters
        Letters of the steps, ``A`` to ``Z``; none if only whole sequences are classified.
    classes
        Classes of the sequences; none if only their steps are labelled.
    rules
        Place of each letter in the legal orders; none if every order is legal.

    Raises
    ------
    ConfigError
        If a letter or class is given twice, is no possible name, or no order is legal.
    """

    letters: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rules: Mapping[str, LetterConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if twice := sorted({name for name in self.classes if self.classes.count(name) > 1}):
            raise ConfigError(f"class {twice[0]!r} is declared twice, expected unique names")
        if {*self.rules} not in (set(), {*self.letters}):
            raise ConfigError(
                f"found rules for {' '.join(self.rules)}, expected one for each of "
                f"{' '.join(self.letters)}"
            )
        if self.letters:
            _ = self.scheme
        if self.rules:
            _ = self.grammar

    @classmethod
    def of(cls, task: TaskConfig) -> Alphabet:
        """Return the alphabet that a task declares.

        Raises
        ------
        ConfigError
            If the declaration is not usable.
        """
        return cls(tuple(task.letters), tuple(task.classes), task.grammar or {})

    @cached_property
    def scheme(self) -> LabelScheme:
        """The letters as labels; there must be some."""
        return LabelScheme(tuple(Label(letter, letter) for letter in self.letters))

    @cached_property
    def grammar(self) -> Grammar:
        """The rules as a table with one state for each letter; there must be some."""
        rows = (
            State(
                letter,
                letter,
                minimum=rule.minimum,
                start=rule.start,
                end=rule.end,
                successors=tuple(rule.successors),
            )
            for letter, rule in self.rules.items()
        )
        return Grammar(tuple(rows), self.scheme)

    def best_path(self, scores: np.ndarray) -> str:
        """Return the legal labels with the largest sum of scores, as a string.

        Parameters
        ----------
        scores
            Scores of the letters at each step, shape (T, letters). Without a legal path of T
            steps, and without rules, each step has its best letter.
        """
        best = scores.argmax(1)
        if self.rules:
            size, automaton = len(scores), self.grammar.untyped
            found, value = best_labels(
                scores.astype(np.float64),
                np.zeros(size),
                np.array([0, size]),
                np.ones((1, len(self.scheme.types)), dtype=np.bool_),
                automaton,
                _no_scores(automaton),
            )
            best = found if np.isfinite(value[0]) else best
        return self.scheme.decode(best)


def _no_scores(automaton: Automaton) -> PathScores:
    """Return scores by which all paths of an automaton are alike."""
    states, arcs = np.zeros(len(automaton.state)), np.zeros(len(automaton.arc))
    spans = np.zeros((len(states), 1))
    return PathScores(
        transition=arcs,
        stay=states,
        start=states,
        end=states,
        duration=spans,
        tail=spans,
        cleaves=np.zeros(len(states), dtype=np.bool_),
    )
