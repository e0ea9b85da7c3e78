"""Alphabets: letters of the steps of a record, classes of whole records, and legal orders.

An alphabet is the declaration of a task on records without residues. That of proteins, with types
by rule, is :mod:`topo.labels.scheme`, with durations :mod:`topo.grammar.table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from topo.errors import ConfigError
from topo.labels import UNKNOWN


@dataclass(frozen=True)
class LetterRule:
    """Place of a letter in the legal orders.

    Parameters
    ----------
    start, end
        Whether a record may start, end with the letter.
    minimum
        Least number of consecutive steps.
    successors
        Letters that may follow.
    """

    start: bool = True
    end: bool = True
    minimum: int = 1
    successors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alphabet:
    """Letters and classes of a task.

    Parameters
    ----------
    letters
        Letters of the steps, one character each; none if only whole records are classified.
    classes
        Classes of the records; none if only their steps are labelled.
    rules
        Rule of each letter; none if every order is legal.

    Raises
    ------
    ConfigError
        If a letter or class is given twice, is no possible name, or no order is legal.
    """

    letters: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rules: Mapping[str, LetterRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, names in (("letter", self.letters), ("class", self.classes)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ConfigError(f"found the {kind} {twice[0]!r} twice, expected unique names")
        for letter in self.letters:
            if len(letter) != 1 or not letter.isprintable() or letter == UNKNOWN:
                raise ConfigError(
                    f"found letter {letter!r}, expected one printable character other than "
                    f"{UNKNOWN}, which marks unknown steps"
                )
        if self.rules:
            self._check_rules()

    def _check_rules(self) -> None:
        if {*self.rules} != {*self.letters}:
            raise ConfigError(
                f"found rules for {' '.join(self.rules)}, expected one for each of "
                f"{' '.join(self.letters)}"
            )
        for letter, rule in self.rules.items():
            for name in rule.successors:
                if name not in self.rules or name == letter:
                    raise ConfigError(
                        f"letter {letter!r}: found successor {name!r}, expected another letter of "
                        f"{' '.join(self.letters)}"
                    )
        starts = [letter for letter, rule in self.rules.items() if rule.start]
        reached = {*starts}
        queue = [*starts]
        for letter in queue:
            new = [name for name in self.rules[letter].successors if name not in reached]
            reached.update(new)
            queue.extend(new)
        if unreached := [letter for letter in self.letters if letter not in reached]:
            raise ConfigError(
                f"letter {unreached[0]!r} cannot be reached, expected a way from a letter with "
                "start: true"
            )
        if not any(self.rules[letter].end for letter in reached):
            raise ConfigError("no letter may end a record, expected end: true in at least one")

    def encode(self, labels: Sequence[str]) -> np.ndarray:
        """Return the indices of letters, int64, -100 where unknown.

        Raises
        ------
        ValueError
            If a letter is not of the alphabet.
        """
        index = {letter: place for place, letter in enumerate(self.letters)} | {UNKNOWN: -100}
        try:
            return np.array([index[letter] for letter in labels], dtype=np.int64)
        except KeyError as error:
            raise ValueError(
                f"found label {error.args[0]!r}, expected one of {' '.join(self.letters)} {UNKNOWN}"
            ) from None

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
            best = self._viterbi(scores.astype(np.float64), best)
        return "".join(self.letters[i] for i in best)

    def _viterbi(self, scores: np.ndarray, fallback: np.ndarray) -> np.ndarray:
        """Viterbi over copies of the letters, one for each step up to the minimum."""
        letter, first, last = [], {}, {}
        for place, name in enumerate(self.letters):
            first[name] = len(letter)
            letter += [place] * self.rules[name].minimum
            last[name] = len(letter) - 1
        size = len(letter)
        move = np.full((size, size), -np.inf)
        start, end = np.full(size, -np.inf), np.full(size, -np.inf)
        for name in self.letters:
            rule = self.rules[name]
            for copy in range(first[name], last[name]):
                move[copy, copy + 1] = 0
            move[last[name], last[name]] = 0
            for following in rule.successors:
                move[last[name], first[following]] = 0
            if rule.start:
                start[first[name]] = 0
            if rule.end:
                end[last[name]] = 0
        emissions = scores[:, letter]
        best, back = start + emissions[0], np.zeros(emissions.shape, dtype=np.int64)
        for step in range(1, len(scores)):
            total = best[:, None] + move
            back[step] = total.argmax(0)
            best = total.max(0) + emissions[step]
        final = best + end
        if not np.isfinite(final.max()):
            return fallback
        path = [int(final.argmax())]
        for step in range(len(scores) - 1, 0, -1):
            path.append(int(back[step, path[-1]]))
        return np.array([letter[copy] for copy in reversed(path)])
