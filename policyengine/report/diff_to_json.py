"""A diff as JSON, for programs: every value of `diff.model` under its own name.

Additions keep the first number of `schema_version`; anything else raises it. Nothing depends on the machine or the time
of the run. A chain of more than two versions is an object with `steps` and `whole`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from policyengine import __version__
from policyengine.diff.model import SCHEMA_VERSION, ArticleChange, Diff, RuleChange, TextDiff
from policyengine.report.diff_words import attribution_sentence, plan_line


def to_json(diff: Diff, steps: Sequence[Diff] = ()) -> str:
    """The diff as indented JSON text, with a line end; with `steps`, `diff` is the whole of a chain."""
    head = {"schema_version": SCHEMA_VERSION, "tool": {"name": "guiju", "version": __version__}}
    body = plain(diff) if not steps else {"steps": [plain(one) for one in steps], "whole": plain(diff)}
    text = json.dumps({**head, **body}, ensure_ascii=False, indent=2, default=str)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def plain(diff: Diff) -> dict[str, Any]:
    """The diff as dicts, lists, texts, numbers and truth values."""
    made: dict[str, Any] = {"summary": plan_line(diff, "en"), "old": value(diff.old), "new": value(diff.new)}
    if diff.text is not None:
        made["text"] = _text(diff.text)
    if diff.rules is not None:
        made["rules"] = [_rule(one) for one in diff.rules]
    made["checks"] = value(diff.checks)
    if diff.impact is not None:
        made["impact"] = value(diff.impact)
    return {**made, "accepted": list(diff.accepted), "notes": list(diff.notes)}


def _text(text: TextDiff) -> dict[str, Any]:
    return {"articles": [_article(one) for one in text.articles], "renamed": value(text.renamed),
            "references": value(text.references)}


def _article(article: ArticleChange) -> dict[str, Any]:
    # The words of an article nothing happened to stand in the text itself.
    made: dict[str, Any] = value(article)
    made = {"old": _numbers(article.old), "new": _numbers(article.new), "old_places": list(article.old),
            "new_places": list(article.new), **{name: one for name, one in made.items() if name not in ("old", "new")}}
    made["confidence"] = round(article.confidence, 3)
    if article.kinds == ("unchanged",):
        del made["lines"]
    return made


def _numbers(places: Sequence[str]) -> list[str]:
    """The articles' own numbers, as text since one may read `18-1`: `18` of `Art. 18`, `22602` of `§ 22602`."""
    return [place.partition(" ")[2] or place for place in places]


def _rule(rule: RuleChange) -> dict[str, Any]:
    made: dict[str, Any] = value(rule)
    del made["seconds"]
    made["attribution"] = {
        "sentence": attribution_sentence(rule, "en"),
        "edits": [{"fingerprint": one.fingerprint, "direction": one.direction} for one in rule.edits if one.direction]}
    return made


def value(of: Any) -> Any:
    """A value of the model; records become objects with their fields in order."""
    if is_dataclass(of):
        return {one.name: value(getattr(of, one.name)) for one in fields(of)}
    if isinstance(of, Mapping):
        return {str(name): value(inner) for name, inner in of.items()}
    if isinstance(of, tuple | list):
        return [value(one) for one in of]
    return of if isinstance(of, str | bool | int | float) or of is None else _number(of)


def _number(value: Any) -> Any:
    """A decimal as JSON has numbers; anything else as text."""
    try:
        return int(value) if value == int(value) else float(value)
    except (TypeError, ValueError):
        return str(value)
