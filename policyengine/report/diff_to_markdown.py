"""A diff as Markdown, for a pull request or a wiki: the plan, a table of articles, the changes, the rules.

Text of the law and of policies is escaped, so that it is shown as it reads and is no markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from policyengine.diff.model import ArticleChange, Diff, EditedLine, RuleChange
from policyengine.report.diff_words import (
    SIGNS,
    attribution_sentence,
    by_urgency,
    check_sentence,
    common_sentence,
    head,
    impact_sentence,
    label,
    plan_line,
    proof_sentence,
    say,
    shown_direction,
    witness_lines,
)
from policyengine.report.words import Lang, either


def to_markdown(diff: Diff, *, lang: Lang = "en") -> str:
    """The whole diff, with a line end."""
    lines = [f"# {_side(diff.old.name)} → {_side(diff.new.name)}", "", f"**{escape(plan_line(diff, lang))}**", ""]
    if diff.text is not None:
        lines += [f"## {head('text', lang)}", ""]
        lines += ["| | | | |", "|---|---|---|---|"]
        lines += [_row(article, lang) for article in diff.text.articles]
        lines.append("")
        for article in diff.text.articles:
            lines += _article(article, lang)
    if diff.rules is not None:
        lines += [f"## {head('rules', lang)}", ""]
        for rule in diff.rules:
            lines += _rule(rule, lang)
    if diff.checks:
        lines += [f"## {head('checks', lang)}", "", *(f"- {escape(check_sentence(one, lang))}" for one in diff.checks),
                  ""]
    if diff.impact is not None:
        lines += [f"## {head('impact', lang)}", "",
                  *(f"- {escape(impact_sentence(one, lang))}" for one in by_urgency(diff.impact)), ""]
    for side in dict.fromkeys((diff.old.confidence_zh, diff.new.confidence_zh) if lang == "zh" else
                              (diff.old.confidence_en, diff.new.confidence_en)):
        lines += [f"*{escape(side)}*", ""] if side else []
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """The text so that Markdown shows it as it is, on one line."""
    plain = "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
    return re.sub(r"([\\`*_{}\[\]<>#|~!&])", r"\\\1", plain)


def _side(name: str) -> str:
    return escape(name)


def _kinds(kinds: Iterable[str], lang: Lang) -> str:
    return say("comma", lang).join(f"{SIGNS['kind'][kind]} {label('kind', kind, lang)}" for kind in kinds)


def _row(article: ArticleChange, lang: Lang) -> str:
    cells = (", ".join(article.old), ", ".join(article.new), article.new_heading or article.old_heading)
    return "| " + " | ".join((*(escape(cell) for cell in cells), _kinds(article.kinds, lang))) + " |"


def _article(article: ArticleChange, lang: Lang) -> list[str]:
    changed = [line for line in article.lines if line.end != "same" or any(run.op != "same" for run in line.runs)]
    if not changed:
        return []
    places = " → ".join(", ".join(side) for side in (article.old, article.new) if side)
    heading = article.new_heading or article.old_heading
    return [f"### {escape(places)} {escape(heading)}".rstrip(), "", _kinds(article.kinds, lang), "",
            *(f"> {_line(line)}\n>" for line in changed), ""]


def _line(line: EditedLine) -> str:
    marks = {"same": ("", ""), "deleted": ("<del>", "</del>"), "inserted": ("<ins>", "</ins>")}
    return "".join(f"{marks[run.op][0]}{_kept(run.text)}{marks[run.op][1]}" for run in line.runs if run.text)


def _kept(text: str) -> str:
    """Escaped, with the spaces at its ends."""
    inner = escape(text)
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if text[-1:].isspace() and inner else ''}"


def _rule(rule: RuleChange, lang: Lang) -> list[str]:
    sides = [one for one in (rule.old, rule.new) if one]
    names = " → ".join(dict.fromkeys(f"`{one.name}`" for one in sides))
    cited = " → ".join(dict.fromkeys(", ".join(one.citations) for one in sides))
    direction = shown_direction(rule)
    title = either(sides[-1].title, sides[-1].title_zh, lang)
    lines = [f"### {SIGNS['direction'][direction]} {label('direction', direction, lang)}: {names}", "",
             f"{escape(title)} ({escape(cited)})", "",
             f"- {escape(attribution_sentence(rule, lang))}"]
    if common := common_sentence(rule, lang):
        lines.append(f"- {escape(common)}")
    for witness in rule.witnesses[:2 if rule.direction == "mixed" else 1]:
        first, *rest = witness_lines(witness, lang)
        lines.append(f"- {escape(first)}")
        lines += [f"  - {escape(one)}" for one in rest]
    proof = proof_sentence(rule, lang)
    return [*lines, *([f"- {escape(proof)}"] if proof else []), ""]
