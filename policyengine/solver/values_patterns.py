"""Patterns: which texts match which, decided over all texts at once, with texts that show it.

In come the RE2 patterns that a question asks about; out come the classes into which all texts fall by which of them
they match, each with its first words. A pattern becomes an automaton over ranges of characters; the automata run side
by side, shortest texts first, so the words are the same on every run. What is not in the subset (assertions within,
word boundaries, flags other than `i` and `s`) raises `NotAnalysable`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

from policyengine.core.patterns import full_match
from policyengine.solver.model import NotAnalysable
from policyengine.solver.values import NO, Texts, conj, disj

LAST = 0x10FFFF
MOST_STATES = 2_000  # of the automata side by side
MOST_WORDS = 12  # of one class; more texts that differ are hardly ever told apart
_SURROGATES = (0xD800, 0xDFFF)  # no characters of a text

Ranges = tuple[tuple[int, int], ...]
DIGITS: Ranges = ((48, 57),)
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
_CLASSES = {"d": DIGITS, "w": WORD, "s": SPACE}
_ESCAPES = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}


def holds(term: Any, pattern: str, texts: Texts) -> Any:
    """That the text of a number matches a pattern as a whole."""
    if pattern not in texts.patterns:
        raise NotAnalysable("a pattern is not known beforehand")
    place = texts.patterns.index(pattern)
    count = len(texts.classes)
    named = [term == number for text, number in texts.places.items() if full_match(pattern, text)]
    others = [(-1 - term) % count == number for number, one in enumerate(texts.classes) if one.matches[place]]
    return disj((*named, conj((term < 0, disj(others) if others else NO))))


def in_words(term: Any, texts: Texts) -> Any:
    """That a number below 0 is that of a text its class has."""
    count = len(texts.classes)
    return disj((term >= 0, *(conj(((-1 - term) % count == number, term >= -1 - number - count * (len(one.words) - 1)))
                              for number, one in enumerate(texts.classes))))


@dataclass(frozen=True, slots=True)
class Class:
    """Texts that match the same patterns; `words` are the first of them that no policy names."""

    matches: tuple[bool, ...]
    words: tuple[str, ...]


def classes_of(patterns: Sequence[str], named: Iterable[str]) -> tuple[Class, ...]:
    """The classes of all texts but the named ones."""
    return _classes(tuple(patterns), frozenset(named))


@lru_cache(maxsize=256)
def _classes(patterns: tuple[str, ...], named: frozenset[str]) -> tuple[Class, ...]:
    automata = [_Automaton.of(pattern) for pattern in patterns]
    letters = _letters(automata)
    start = tuple(one.start() for one in automata)
    reachable: dict[tuple[frozenset[int], ...], list[tuple[str, tuple[frozenset[int], ...]]]] = {}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if state in reachable:
            continue
        if len(reachable) == MOST_STATES:
            raise NotAnalysable("the patterns are too large to be told apart")
        steps = [(letter, tuple(one.step(part, ord(letter)) for one, part in zip(automata, state, strict=True)))
                 for letter in letters]
        reachable[state] = steps
        waiting.extend(to for _, to in steps)
    vectors = {state: tuple(one.accepts(part) for one, part in zip(automata, state, strict=True))
               for state in reachable}
    return tuple(Class(vector, words) for vector in sorted(set(vectors.values()), reverse=True)
                 if (words := _words(start, reachable, vectors, vector, named)))


def _words(start: Any, reachable: Any, vectors: Any, wanted: tuple[bool, ...],
           named: frozenset[str]) -> tuple[str, ...]:
    """The first texts that end in a state that matches as wanted: the shortest, and of these the first."""
    alive = {state for state in reachable if vectors[state] == wanted}
    while more := {state for state, steps in reachable.items()
                   if state not in alive and any(to in alive for _, to in steps)}:
        alive |= more
    found: list[str] = []
    layer = [("", start)] if start in alive else []
    while layer and len(found) < MOST_WORDS:
        for word, state in layer:
            if vectors[state] == wanted and word not in named and len(found) < MOST_WORDS:
                found.append(word)
        # Of the texts that lead to one state a few are enough, or long ones would never be reached.
        kept: dict[Any, int] = {}
        longer = []
        for word, state in layer:
            for letter, to in reachable[state]:
                if to in alive and kept.get(to, 0) < MOST_WORDS:
                    kept[to] = kept.get(to, 0) + 1
                    longer.append((word + letter, to))
        layer = longer
    return tuple(found)


# ---- automata ---------------------------------------------------------------------------------------------------

@dataclass
class _Automaton:
    """States with steps on ranges of characters, and steps on nothing."""

    steps: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)
    first: int = 0
    last: int = 0

    @staticmethod
    def of(pattern: str) -> _Automaton:
        made = _Automaton()
        reader = _Reader(pattern, made)
        made.first, made.last = reader.whole()
        return made

    def state(self) -> int:
        if len(self.steps) > MOST_STATES:
            raise NotAnalysable("a pattern is too large to be followed")
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        found = set(states)
        stack = list(found)
        while stack:
            for to in self.free[stack.pop()]:
                if to not in found:
                    found.add(to)
                    stack.append(to)
        return frozenset(found)

    def start(self) -> frozenset[int]:
        return self.closure([self.first])

    def step(self, states: frozenset[int], letter: int) -> frozenset[int]:
        return self.closure({to for state in states for ranges, to in self.steps[state]
                             if any(low <= letter <= high for low, high in ranges)})

    def accepts(self, states: frozenset[int]) -> bool:
        return self.last in states


def _letters(automata: list[_Automaton]) -> list[str]:
    """A few characters of each set of characters that no automaton tells apart, the plainest of it."""
    cuts = {0, LAST + 1, _SURROGATES[0], _SURROGATES[1] + 1}
    ranges_of = [ranges for one in automata for steps in one.steps for ranges, _ in steps]
    for ranges in ranges_of:
        cuts |= {cut for low, high in ranges for cut in (low, high + 1)}
    alike: dict[tuple[bool, ...], list[int]] = {}
    for low, after in pairwise(sorted(cuts)):
        if low != _SURROGATES[0]:
            told = tuple(any(a <= low <= b for a, b in ranges) for ranges in ranges_of)
            alike.setdefault(told, []).extend(
                code for code in (*range(low, min(after, low + SOME)), *_PLAINEST) if low <= code < after)
    chosen = {code for codes in alike.values() for code in sorted(set(codes), key=_plain)[:SOME]}
    return [chr(code) for code in sorted(chosen, key=_plain)]


SOME = 3
_PLAINEST = (97, 98, 99, 48, 49, 50, 65, 66, 67, 0x4E2D, 0x4E8C, 0x4E09, 32, 45, 46)


def _plain(code: int) -> tuple[int, int]:
    """The order in which characters are chosen: small letters, digits, capitals, other print, the rest."""
    kinds = (97 <= code <= 122, 48 <= code <= 57, 65 <= code <= 90, 33 <= code <= 126, code == 32,
             0x4E00 <= code <= 0x9FFF, code > 160)
    return next((place for place, kind in enumerate(kinds) if kind), len(kinds)), code


# ---- reading a pattern ------------------------------------------------------------------------------------------

@dataclass
class _Reader:
    """RE2's syntax, as far as it is followed. Each part gives the state it begins with and the one it ends with."""

    text: str
    made: _Automaton
    place: int = 0
    ignore_case: bool = False
    dot_all: bool = False

    def whole(self) -> tuple[int, int]:
        found = self.either()
        if self.place != len(self.text):
            raise self.unknown()
        return found

    def unknown(self) -> NotAnalysable:
        return NotAnalysable(f"the pattern `{self.text}` is of a kind that is not followed")

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.place)

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.place += len(text)
            return True
        return False

    def next(self) -> str:
        if self.place == len(self.text):
            raise self.unknown()
        self.place += 1
        return self.text[self.place - 1]

    def either(self) -> tuple[int, int]:
        parts = [self.sequence()]
        while self.take("|"):
            parts.append(self.sequence())
        if len(parts) == 1:
            return parts[0]
        first, last = self.made.state(), self.made.state()
        for begin, end in parts:
            self.made.free[first].append(begin)
            self.made.free[end].append(last)
        return first, last

    def sequence(self) -> tuple[int, int]:
        first = last = self.made.state()
        while self.place < len(self.text) and not self.peek("|") and not self.peek(")"):
            begin, end = self.repeated()
            self.made.free[last].append(begin)
            last = end
        return first, last

    def repeated(self) -> tuple[int, int]:
        start = self.place
        found = self.single()
        stop = self.place
        while True:
            if self.take("*"):
                bounds: tuple[int, int | None] = 0, None
            elif self.take("+"):
                bounds = 1, None
            elif self.take("?"):
                bounds = 0, 1
            elif (counts := self.counts()) is not None:
                bounds = counts
            else:
                return found
            self.take("?")  # lazy or not, the texts are the same
            if self.peek("*") or self.peek("+") or self.peek("?"):
                raise self.unknown()
            found = self.times(start, stop, *bounds)

    def counts(self) -> tuple[int, int | None] | None:
        end = self.text.find("}", self.place)
        if not self.peek("{") or end < 0:
            return None
        low, comma, high = self.text[self.place + 1: end].partition(",")
        if not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.place = end + 1
        return int(low), (int(high) if high else None) if comma else int(low)

    def times(self, start: int, stop: int, low: int, high: int | None) -> tuple[int, int]:
        """The part of the text again, as often as it may stand."""
        back = self.place

        def once() -> tuple[int, int]:
            self.place = start
            found = self.single()
            assert self.place == stop
            return found

        first = last = self.made.state()
        for _ in range(low):
            begin, end = once()
            self.made.free[last].append(begin)
            last = end
        if high is None:
            begin, end = once()
            self.made.free[last].append(begin)
            self.made.free[end].append(begin)
            final = self.made.state()
            self.made.free[last].append(final)
            self.made.free[end].append(final)
            last = final
        else:
            final = self.made.state()
            for _ in range(high - low):
                self.made.free[last].append(final)
                begin, end = once()
                self.made.free[last].append(begin)
                last = end
            self.made.free[last].append(final)
            last = final
        self.place = back
        return first, last

    def single(self) -> tuple[int, int]:
        letter = self.next()
        match letter:
            case "(":
                return self.group()
            case "[":
                return self.on(self.listed())
            case ".":
                return self.on(((0, LAST),) if self.dot_all else ((0, 9), (11, LAST)))
            case "\\":
                return self.on(self.escape())
            case "^" if self.place == 1:
                return self.nothing()
            case "$" if self.place == len(self.text):
                return self.nothing()
            case "^" | "$" | "*" | "+" | "?" | ")":
                raise self.unknown()
            case _:
                return self.on(self.folded(((ord(letter), ord(letter)),)))

    def nothing(self) -> tuple[int, int]:
        state = self.made.state()
        return state, state

    def on(self, ranges: Ranges) -> tuple[int, int]:
        first, last = self.made.state(), self.made.state()
        self.made.steps[first].append((ranges, last))
        return first, last

    def group(self) -> tuple[int, int]:
        flags = self.ignore_case, self.dot_all
        if self.take("?P<") or self.take("?<"):
            while self.next() != ">":
                pass
        elif self.take("?"):
            while (letter := self.next()) not in ":)":
                if letter == "i":
                    self.ignore_case = True
                elif letter == "s":
                    self.dot_all = True
                else:
                    raise self.unknown()
            if letter == ")":
                return self.nothing()  # flags from here on
        found = self.either()
        if not self.take(")"):
            raise self.unknown()
        self.ignore_case, self.dot_all = flags
        return found

    def escape(self) -> Ranges:
        letter = self.next()
        if letter.lower() in _CLASSES:
            ranges = _CLASSES[letter.lower()]
            return ranges if letter.islower() else _others(ranges)
        if letter in _ESCAPES:
            return ((_ESCAPES[letter], _ESCAPES[letter]),)
        if letter == "x":
            if self.take("{"):
                end = self.text.index("}", self.place)
                digits, self.place = self.text[self.place: end], end + 1
            else:
                digits, self.place = self.text[self.place: self.place + 2], self.place + 2
            code = int(digits, 16)
            return self.folded(((code, code),))
        if letter.isalnum():
            raise self.unknown()
        return ((ord(letter), ord(letter)),)

    def listed(self) -> Ranges:
        opposite = self.take("^")
        found: list[tuple[int, int]] = []
        first = True
        while first or not self.peek("]"):
            first = False
            if self.peek("[:"):
                raise self.unknown()
            ranges = self.escape() if self.take("\\") else ((code := ord(self.next()), code),)
            if self.peek("-") and not self.peek("-]") and len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
                self.place += 1
                end = self.escape() if self.take("\\") else ((code := ord(self.next()), code),)
                ranges = ((ranges[0][0], end[0][1]),)
            found += ranges
        self.place += 1
        ranges = self.folded(tuple(found))
        return _others(ranges) if opposite else ranges

    def folded(self, ranges: Ranges) -> Ranges:
        """The same without regard to case, where the pattern asks for that."""
        if not self.ignore_case:
            return ranges
        if any(high > 127 for _, high in ranges):
            raise self.unknown()
        codes = {other for low, high in ranges for code in range(low, high + 1)
                 for other in (code, ord(chr(code).lower()), ord(chr(code).upper()))}
        # K and S have a third case each, the kelvin sign and the long s.
        codes |= {0x212A} if 75 in codes else set()
        codes |= {0x17F} if 83 in codes else set()
        return tuple((code, code) for code in sorted(codes))


def _others(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


