"""Lines of both texts laid over each other: which line became which, and what changed inside.

In: lines of the old and of the new text that belong together, each with the length of its label. Out: edited lines, the
changes they hold, and which lines were linked. The law is in `accept` and `reject`: they give the lines back exactly.
It knows no articles; `text` calls it for each, and for what stands between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from policyengine.base.record import record
from policyengine.diff.align import Link, align
from policyengine.diff.compare import Segment, compare
from policyengine.diff.likeness import Passage
from policyengine.diff.model import EditedLine, HighlightKind, Run
from policyengine.diff.tokens import END, Token, masked, tokens

Op = Literal["same", "deleted", "inserted"]


class Piece(NamedTuple):
    """One line of a text: its number there, its text, and how much of it is the number it begins with."""

    number: int
    text: str
    label: int = 0

    def bare(self) -> str:
        """The text without its label."""
        return self.text[self.label:].strip()


class Change(NamedTuple):
    """What was replaced at one place: tokens of both sides, and the lines they stand in (None: no such side)."""

    old: tuple[Token, ...]
    new: tuple[Token, ...]
    old_line: int | None
    new_line: int | None
    same: bool = False


@record
class Laid:
    """Lines laid over each other. `changes` has every segment, also what stayed; `links` are by line numbers."""

    lines: tuple[EditedLine, ...]
    changes: tuple[Change, ...]
    links: tuple[Link, ...]


def accept(script: Iterable[EditedLine]) -> tuple[str, ...]:
    """The lines of the new text: what is left when every change is accepted."""
    return _side(script, "deleted")


def reject(script: Iterable[EditedLine]) -> tuple[str, ...]:
    """The lines of the old text: what is left when every change is rejected."""
    return _side(script, "inserted")


def _side(script: Iterable[EditedLine], dropped: Op) -> tuple[str, ...]:
    lines: list[str] = []
    parts: list[str] = []
    for line in script:
        parts += [run.text for run in line.runs if run.op != dropped]
        if line.end != dropped:
            lines.append("".join(parts))
            parts = []
    if parts:
        lines.append("".join(parts))
    return tuple(lines)


def whole_lines(pieces: Sequence[Piece], op: Literal["deleted", "inserted"], move: str = "") -> list[EditedLine]:
    """Lines that are on one side only."""
    old = op == "deleted"
    return [EditedLine((Run(op, piece.text),) if piece.text else (), op, piece.number if old else None,
                       None if old else piece.number, move) for piece in pieces]


Name = Callable[[str, int, bool], str]
"""What a reference (its words, its line, whether it is old) names, in the words of the new text."""


def lay(old: Sequence[Piece], new: Sequence[Piece], *, linked: bool, name: Name | None = None) -> Laid:
    """The lines of two passages over each other.

    `linked`: the passages are known to belong together, so that a single line on each side is the same line however it
    reads. `name` tells which references only follow a renumbering.
    """
    start = 0
    while start < min(len(old), len(new)) and old[start].text == new[start].text:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end].text == new[-1 - end].text:
        end += 1
    middle_old, middle_new = old[start: len(old) - end], new[start: len(new) - end]
    links = _links(middle_old, middle_new, linked)
    out = _Writer(name)
    for one, other in zip(old[:start], new[:start], strict=True):
        out.equal(one, other)
    old_at = new_at = 0
    for link in [link for link in links if link.how != "moved"]:
        out.gone(middle_old[old_at: link.old[0]])
        out.come(middle_new[new_at: link.new[0]])
        old_at, new_at = link.old[-1] + 1, link.new[-1] + 1
        out.edited(middle_old[link.old[0]: old_at], middle_new[link.new[0]: new_at])
    out.gone(middle_old[old_at:])
    out.come(middle_new[new_at:])
    ends = list(zip(old[len(old) - end:], new[len(new) - end:], strict=True))
    for one, other in ends:
        out.equal(one, other)
    equal = [*zip(old[:start], new[:start], strict=True), *ends]
    same = [Link((one.number,), (other.number,), 1.0, "chain") for one, other in equal]
    named = [Link(tuple(middle_old[number].number for number in link.old),
                  tuple(middle_new[number].number for number in link.new), link.likeness, link.how) for link in links]
    return Laid(tuple(out.lines), tuple(out.changes), tuple(sorted([*same, *named], key=lambda link: link.old)))


def _links(old: Sequence[Piece], new: Sequence[Piece], linked: bool) -> tuple[Link, ...]:
    if not old or not new:
        return ()
    if linked and len(old) == len(new) == 1:
        return (Link((0,), (0,), 1.0, "chain"),)
    return align([_passage(piece) for piece in old], [_passage(piece) for piece in new]).links


def _passage(piece: Piece) -> Passage:
    return Passage(masked(piece.bare()), "", piece.text[: piece.label].strip())


@dataclass(slots=True)
class _Writer:
    """Edited lines in the making."""

    name: Name | None
    lines: list[EditedLine] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    groups: int = 0

    def equal(self, old: Piece, new: Piece) -> None:
        runs = (Run("same", old.text),) if old.text else ()
        self.lines.append(EditedLine(runs, "same", old.number, new.number))
        if old.text:
            self.changes.append(Change((Token(old.text),), (Token(new.text),), old.number, new.number, True))

    def gone(self, pieces: Sequence[Piece]) -> None:
        self.lines += whole_lines(pieces, "deleted")
        self.changes += [Change(tuple(tokens(piece.text, piece.label)), (), piece.number, None) for piece in pieces]

    def come(self, pieces: Sequence[Piece]) -> None:
        self.lines += whole_lines(pieces, "inserted")
        self.changes += [Change((), tuple(tokens(piece.text, piece.label)), None, piece.number) for piece in pieces]

    def edited(self, old: Sequence[Piece], new: Sequence[Piece]) -> None:
        """Linked lines: one for one, or several that were joined or parted."""
        before = [token for piece in old for token in (*tokens(piece.text, piece.label), END)]
        after = [token for piece in new for token in (*tokens(piece.text, piece.label), END)]
        whole = len(old) == len(new) == 1
        segments = _compared(before, after, whole)
        if self.name is not None and any(token.kind == "reference" for segment in segments if not segment.same
                                         for token in segment.old + segment.new):
            named = self.by_names(before, after, old, new, whole)
            segments = min(segments, named, key=_cost)
        self.write(segments, old, new)

    def by_names(self, before: Sequence[Token], after: Sequence[Token], old: Sequence[Piece], new: Sequence[Piece],
                 whole: bool) -> list[Segment]:
        """The comparison in which a reference is what it names: `Articles 2 and 3` that became `3 and 4` are two
        references that followed, and not one that went and one that came."""
        one, other = self.named(before, old, is_old=True), self.named(after, new, is_old=False)
        found: list[Segment] = []
        old_at = new_at = 0
        for segment in _compared(one, other, whole):
            olds, news = before[old_at: old_at + len(segment.old)], after[new_at: new_at + len(segment.new)]
            old_at, new_at = old_at + len(olds), new_at + len(news)
            if not segment.same:
                found.append(Segment(tuple(olds), tuple(news), False))
                continue
            for left, right in zip(olds, news, strict=True):
                if left == right and found and found[-1].same:
                    found[-1] = Segment((*found[-1].old, left), (*found[-1].new, right), True)
                else:
                    found.append(Segment((left,), (right,), left == right))
        return found

    def named(self, part: Sequence[Token], pieces: Sequence[Piece], *, is_old: bool) -> list[Token]:
        assert self.name is not None
        found: list[Token] = []
        place = 0
        for token in part:
            if token.kind == "reference":
                token = Token(self.name(token.text, pieces[place].number, is_old), "reference")
            place += token.kind == "end"
            found.append(token)
        return found

    def write(self, segments: Sequence[Segment], old: Sequence[Piece], new: Sequence[Piece]) -> None:
        row = _Row()
        old_at = new_at = 0
        for segment in segments:
            here = (old[min(old_at, len(old) - 1)].number, new[min(new_at, len(new) - 1)].number)
            self.changes.append(Change(segment.old, segment.new, *here, segment.same))
            group = 0
            if not segment.same and segment.old and segment.new:
                self.groups += 1
                group = self.groups
            steps: list[tuple[Op, tuple[Token, ...]]] = [("same", segment.old)] if segment.same else \
                [("deleted", segment.old), ("inserted", segment.new)]
            for op, part in steps:
                for token in part:
                    if token.kind != "end":
                        row.add(op, token, group)
                    else:
                        self.lines.append(row.close(op, old, old_at, new, new_at))
                        row = _Row()
                        old_at += op != "inserted"
                        new_at += op != "deleted"


def _compared(before: Sequence[Token], after: Sequence[Token], whole: bool) -> list[Segment]:
    if whole:
        return [*compare(before[:-1], after[:-1]), Segment((END,), (END,), True)]
    return compare(before, after, whole=False)


def _cost(segments: Sequence[Segment]) -> int:
    """Characters that changed, a reference for a reference apart."""
    return sum(len(token.text) for segment in segments
               if not segment.same and [token.kind for token in segment.old + segment.new] != ["reference", "reference"]
               for token in segment.old + segment.new)


@dataclass(slots=True)
class _Row:
    runs: list[tuple[Op, HighlightKind | None, int, list[str]]] = field(default_factory=list)

    def add(self, op: Op, token: Token, group: int) -> None:
        kind = None if op == "same" or token.kind in ("label", "end") else token.kind
        if self.runs and self.runs[-1][:3] == (op, kind, group):
            self.runs[-1][3].append(token.text)
        else:
            self.runs.append((op, kind, group, [token.text]))  # type: ignore[arg-type]

    def close(self, end: Op, old: Sequence[Piece], old_at: int, new: Sequence[Piece], new_at: int) -> EditedLine:
        ops = {end, *(run[0] for run in self.runs)}
        return EditedLine(
            tuple(Run(op, "".join(texts), kind, group) for op, kind, group, texts in self.runs), end,
            old[old_at].number if ops & {"same", "deleted"} and old_at < len(old) else None,
            new[new_at].number if ops & {"same", "inserted"} and new_at < len(new) else None)
