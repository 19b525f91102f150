"""The job of `guiju diff`: what is named becomes sides, the layers asked for are compared, and the whole is put
together.

Two sides give one diff; more give one for each step and one from the first to the last. A layer that cannot be (rules
of a text without a policy) is left out, and asking for it by name is an error.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.base.record import record
from policyengine.base.source import Source
from policyengine.diff import model
from policyengine.diff.checks import affected, cross_checks
from policyengine.diff.model import Diff, RuleChange, TextDiff
from policyengine.diff.pins import Pin, read_pins
from policyengine.diff.text import diff_texts
from policyengine.documents.model import Document
from policyengine.report.words import as_is
from policyengine.workspace.check import EngineName, Found, NothingJudged
from policyengine.workspace.check import Request as CheckRequest
from policyengine.workspace.config import Config
from policyengine.workspace.library import Library
from policyengine.workspace.parameters import parameter_values
from policyengine.workspace.results import judged_by
from policyengine.workspace.sides import Side, open_side

if TYPE_CHECKING:  # brings the solver, which a diff of two texts does without
    from policyengine.diff.rules import Version

Layer = Literal["text", "rules", "behaviour", "impact"]
LAYERS: tuple[Layer, ...] = ("text", "rules", "behaviour", "impact")


RELATED: Final = 0.15
"""Two texts of which less is in common are no two versions of one."""

SURE: Final = 0.5
"""From this confidence on, a link counts as something in common."""


@record
class Request:
    """What one `diff` was asked. `sides` as the user named them, oldest first. `only` empty: all layers there are.
    `accepted` are fingerprints. `now` is the clock (UTC microseconds). `processes` 0: as many as there are
    processors."""

    sides: Sequence[str]
    only: Sequence[Layer] = ()
    rules: Sequence[str] = ()
    services: Sequence[str] = ()
    events: Sequence[str] = ()
    parameters: Sequence[str] = ()
    as_of: str | None = None
    pins: str | None = None
    accepted: Sequence[str] = ()
    engine: EngineName = "auto"
    now: int = 0
    processes: int = 0

    def wants(self, layer: Layer) -> bool:
        """Whether a layer was asked for."""
        return not self.only or layer in self.only


@record
class Compared:
    """The diffs of neighbours in order; with more than one, also the one from the first side to the last."""

    steps: tuple[Diff, ...]
    whole: Diff


def compare_sides(request: Request, config: Config, library: Library) -> tuple[Compared | None, tuple[Diagnostic, ...],
                                                                              Mapping[str, Source]]:
    """The diffs, or None with every reason why there are none."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="guiju-") as spare:
        try:
            return _compared(request, config, library, Path(spare), found), tuple(found.diagnostics), found.sources
        except NothingJudged:
            return None, tuple(found.diagnostics), found.sources


def _compared(request: Request, config: Config, library: Library, spare: Path, found: Found) -> Compared:
    if len(request.sides) < 2:
        found.stop((error("one-side", "a diff needs two things to compare",
                          help="name two, such as `guiju diff cn/human-like-ai@draft cn/human-like-ai@final`"),))
    sides: list[Side] = []
    beside = ""
    for number, name in enumerate(request.sides):
        folder = spare / str(number)
        folder.mkdir()
        side, (diagnostics, sources) = open_side(name, library, folder, beside)
        found.stop(diagnostics, sources)
        assert side is not None
        beside = side.regulation.id if side.regulation else ""
        sides.append(side)
    steps = tuple(_diff(old, new, request, config, found) for old, new in pairwise(sides))
    whole = steps[0] if len(steps) == 1 else _diff(sides[0], sides[-1], request, config, found)
    unknown = [one for one in request.accepted if one not in {print for diff in (*steps, whole)
                                                              for print in fingerprints(diff)}]
    found.diagnostics += [warning("nothing-accepted", f"no change has the fingerprint `{shorten(one)}`")
                          for one in unknown]
    return Compared(steps, whole)


def _pins(old: Document, new: Document, request: Request, found: Found) -> tuple[Pin, ...]:
    """The links of articles that a user's file says are known."""
    if request.pins is None:
        return ()
    try:
        text = Path(request.pins).read_text("utf-8")
    except UnicodeDecodeError:
        found.stop((error("not-utf8", f"`{shorten(request.pins)}` is not UTF-8"),))
        raise AssertionError from None
    pins, problems = read_pins(request.pins, text, old, new)
    found.stop(problems, {request.pins: Source(request.pins, text)})
    return pins


def _diff(old: Side, new: Side, request: Request, config: Config, found: Found) -> Diff:
    """Two sides, in the layers asked for and there."""
    notes: list[str] = []
    text = _text(old, new, request, found)
    rules: tuple[RuleChange, ...] | None = None
    impacts: tuple[model.Impact, ...] | None = None
    asked = [layer for layer in LAYERS[1:] if request.wants(layer)]
    without = [side.name for side in (old, new) if side.policy is None]
    if not without and asked:
        from policyengine.diff.rules import diff_rules  # brings the solver

        versions = _version(old, request, config, found), _version(new, request, config, found)
        behaviour = request.wants("behaviour") or request.wants("impact")
        rules = diff_rules(*versions, text, only=request.rules, behaviour=behaviour,
                           processes=request.processes or os.cpu_count() or 1)
        if request.rules and not rules:
            found.stop((error("unknown-rule", f"no rule `{shorten(request.rules[0])}` in either version"),))
        if request.services or request.events:
            impacts = _impact(old, new, versions, rules, request, config, found)
        elif request.only == ("impact",):
            found.stop((error("no-input", "the impact on a service needs one",
                              help="name it with `--service`, and its events with `--events`"),))
    elif without and asked and request.only:
        found.stop((error("no-policy", f"`{shorten(without[0])}` has no rules to compare",
                          help="compare the texts alone with `--only text`"),))
    elif without and len(without) == 1:
        notes.append(f"{without[0]} has no rules, so the texts alone are compared")
    if text is None and rules is None and request.wants("text"):
        lacking = next(side.name for side in (old, new) if side.document is None)
        found.stop((error("no-text", f"`{shorten(lacking)}` has no text to compare"),))
    shown = text if request.wants("text") else None
    checks = cross_checks(text, rules) if not request.only or request.wants("rules") else ()
    if old.policy is not None and new.policy is None and not request.only:
        checks = affected(text, old.policy)
    diff = Diff(_side(old, request), _side(new, request), shown, rules if asked else None, checks, impacts, (),
                tuple(notes))
    known = set(fingerprints(diff))
    return replace(diff, accepted=tuple(one for one in request.accepted if one in known))


def _text(old: Side, new: Side, request: Request, found: Found) -> TextDiff | None:
    if old.document is None or new.document is None:
        if request.only == ("text",):
            lacking = next(side.name for side in (old, new) if side.document is None)
            found.stop((error("no-text", f"`{shorten(lacking)}` has no text to compare"),))
        return None
    if old.document.language != new.document.language:
        found.stop((error("two-languages", f"`{shorten(old.name)}` and `{shorten(new.name)}` are in two languages",
                          help="compare texts in one language"),))
    text = diff_texts(old.document, new.document, _pins(old.document, new.document, request, found))
    if old.regulation is None and new.regulation is None and _common(text) < RELATED:
        found.stop((error("unrelated-texts",
                          f"`{shorten(old.name)}` and `{shorten(new.name)}` have hardly an article in common",
                          help="name two versions of one text; where they are, link articles with `--pins`"),))
    return text


def _common(text: TextDiff) -> float:
    """How much of the shorter text stands in articles that are linked with some certainty, from 0 to 1."""
    linked = {place for one in text.articles if one.old and (one.pinned or one.confidence >= SURE) for place in one.new}

    def size(document: Document, places: set[str] | None = None) -> int:
        return sum(len(line.text) for unit in document.articles() if places is None or unit.place in places
                   for line in document.lines[slice(*unit.lines)])

    return size(text.new, linked) / max(1, min(size(text.old), size(text.new)))


def _version(side: Side, request: Request, config: Config, found: Found) -> Version:
    from policyengine.diff.rules import Version

    assert side.policy is not None and side.book is not None and side.vocabulary is not None
    own = {param.name for param in side.policy.params if param.tunable}
    values, problems, _ = parameter_values(
        side.policy, side.book.id, config, [text for text in request.parameters if text.partition("=")[0] in own])
    found.stop([one for one in problems if one.name != "fixed-param"])
    return Version(side.policy, side.sources, side.book.calendar, side.vocabulary, values)


def _impact(old: Side, new: Side, versions: tuple[Version, Version], rules: Sequence[RuleChange], request: Request,
            config: Config, found: Found) -> tuple[model.Impact, ...] | None:
    from policyengine.workspace.impact import impact

    asked = CheckRequest(request.services, request.events, as_of=request.as_of, parameters=request.parameters,
                         now=request.now, engine=request.engine)
    made, problems, sources = impact(asked, config, old, new, versions, rules)
    found.stop(problems, sources)
    return made


def _side(side: Side, request: Request) -> model.Side:
    if side.regulation is None or side.version is None:
        title = side.document.title if side.document else ""
        return model.Side(side.name, title, title)
    version, regulation = side.version, side.regulation
    force = as_is("") if side.book is None else judged_by(side.book, request.now, 0).in_force
    return model.Side(side.name, version.title.en, version.title.zh, regulation.id, version.label, version.status,
                      version.published.isoformat(), force.told(), regulation.confidence.en, regulation.confidence.zh,
                      force.told("zh"))


def fingerprints(diff: Diff) -> tuple[str, ...]:
    """Of every change that can be accepted."""
    rules = diff.rules or ()
    return tuple(dict.fromkeys(one for one in (
        *(article.fingerprint for article in (diff.text.articles if diff.text else ())),
        *(rule.fingerprint for rule in rules), *(edit.fingerprint for rule in rules for edit in rule.edits),
        *(check.fingerprint for check in diff.checks)) if one))


