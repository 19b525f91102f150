"""A diff as text for a terminal: the articles that changed, the rules and what became of them, what it means, the plan.

In come a `Diff`, a function that colours and the width of the page. Colours only repeat what a sign or a word says:
words that went stand in `[-…-]`, words that came in `{+…+}`. Control characters are shown, never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final

from policyengine.base.diagnostic import shorten
from policyengine.diff.model import (
    ArticleChange,
    CrossCheck,
    Diff,
    Direction,
    EditedLine,
    RuleChange,
    RuleEdit,
    Run,
    Side,
)
from policyengine.report.diff_words import (
    SIGNS,
    by_urgency,
    check_sentence,
    common_sentence,
    edit_sentence,
    head,
    impact_sentence,
    label,
    plan_line,
    proof_sentence,
    reasons,
    say,
    shown_direction,
    witness_lines,
)
from policyengine.report.entries import clean
from policyengine.report.layout import pad, wrap
from policyengine.report.words import Lang, either

Paint = Callable[[str, str], str]

INDENT: Final = 2
AROUND: Final = 24
"""Characters of unchanged words kept on either side of a change."""
SURE: Final = 0.75
"""A link below this confidence shows it."""
LINES: Final = 12
"""Changed lines shown of one article, unless all are asked for."""

UNSAID: Final = frozenset({"scope", "title", "title_zh", "fix", "fix_zh", "citations", "family"})
"""Parts that are said once for all rules, or on which no verdict rests; told only where all is asked for."""

STYLES: Final[dict[str, str]] = {
    "stricter": "bad", "looser": "good", "mixed": "open", "equivalent": "faint", "new": "bad", "dropped": "good",
    "not_analysable": "open",
}


def plain(text: str, style: str) -> str:
    """A page without colours."""
    return text


def to_text(diff: Diff, paint: Paint = plain, *, width: int = 100, lang: Lang = "en", everything: bool = False) -> str:
    """The whole diff, with a line end. `everything`: unchanged articles, equivalent rules, every line and every
    case."""
    page = _Page(diff, paint, width, lang, everything)
    page.write()
    return "\n".join(page.lines) + "\n"


class _Page:
    """The lines written so far, and how they are laid out."""

    def __init__(self, diff: Diff, paint: Paint, width: int, lang: Lang, everything: bool) -> None:
        self.diff, self.paint, self.width, self.lang, self.everything = diff, paint, width, lang, everything
        self.lines: list[str] = []

    def word(self, key: str, *values: object) -> str:
        return head(key, self.lang, *values)

    def put(self, text: str, style: str = "", *, indent: int = 0, hang: int = 2) -> None:
        """A paragraph, broken to the width; control characters are shown."""
        for number, line in enumerate(wrap(clean(text), self.width - indent, hang)):
            space = " " * (indent + (hang if number else 0))
            self.lines.append(space + (self.paint(line, style) if style else line))

    def head(self, key: str) -> None:
        self.lines += ["", self.paint(self.word(key), "strong")]

    def write(self) -> None:
        diff = self.diff
        self.put(f"{_named(diff.old, self.lang)} -> {_named(diff.new, self.lang)}", "strong")
        if diff.text is not None:
            self.text()
        if diff.rules is not None:
            self.rules(diff.rules)
        if diff.checks:
            self.head("checks")
            reworded = [one for one in diff.checks if not self.everything and _only_words(one)]
            for check in diff.checks:
                if check not in reworded:
                    self.put(f"! {check_sentence(check, self.lang)}{self.accepted(check.fingerprint)}", indent=INDENT)
            if reworded:
                places = ", ".join(dict.fromkeys(one.place for one in reworded))
                self.put(self.word("reworded", len(reworded), places), "faint", indent=INDENT)
        if diff.impact is not None:
            self.head("impact")
            why = reasons(diff, self.lang)
            if not diff.impact:
                self.put(self.word("same"), "faint", indent=INDENT)
            for one in by_urgency(diff.impact):
                self.put(impact_sentence(one, self.lang), "bad" if one.kind == "newly_failing" else "", indent=INDENT)
                for key in one.because if one.old and one.new else ():
                    if key in why:
                        self.put(say("because", self.lang, why[key]), "faint", indent=INDENT + 4)
        self.closing()

    # ---- text

    def text(self) -> None:
        text = self.diff.text
        assert text is not None
        self.head("text")
        quiet = [one for one in text.articles if not self.everything and not _loud(one)]
        for kinds, same in groupby(sorted(quiet, key=lambda one: one.kinds), lambda one: one.kinds):
            names = ", ".join(_became(one) for one in same)
            self.put(f"{_kinds(kinds, self.lang)}: {names}", "faint", indent=INDENT)
        for article in text.articles:
            if self.everything or _loud(article):
                self.article(article)
        for renamed in text.renamed:
            self.put(self.word("renamed", renamed.old, renamed.new, renamed.times), indent=INDENT)
        for left in text.references:
            self.put("! " + self.word("left", left.place, left.names, left.expected), "open", indent=INDENT)

    def article(self, article: ArticleChange) -> None:
        heading = article.new_heading or article.old_heading
        sign = "".join(SIGNS["kind"][kind] for kind in article.kinds)
        sure = article.confidence >= SURE or not article.old or not article.new
        doubt = "" if sure else f" ({article.confidence:.0%})"
        note = f" ({label('note', article.note, self.lang)})" if article.note else doubt
        self.lines.append("")
        self.put(f"{sign} {pad(_became(article), 22)} {_kinds(article.kinds, self.lang)}{note}  {heading}"
                 f"{self.accepted(article.fingerprint)}", "strong", indent=INDENT)
        lines = article.lines[1:] if _heading_alone(article) and not self.everything else article.lines
        changed = [line for line in lines if self.everything or _changed(line)]
        limit = len(changed) if self.everything else LINES
        for line in changed[:limit]:
            self.line(line)
        if changed[limit:]:
            self.put(self.word("more", len(changed) - limit), "faint", indent=INDENT + 4)

    def line(self, line: EditedLine) -> None:
        """One line of the article, its changes marked, what did not change shortened to what is around them."""
        runs = _joined(line.runs)
        shown = "".join(_run(run, number, runs, self.everything) for number, run in enumerate(runs))
        text = wrap(clean(shown), self.width - INDENT - 4, 2)
        inside = ""
        for number, part in enumerate(text):
            coloured, inside = self.coloured(part, inside)
            self.lines.append(" " * (INDENT + 4 + (2 if number else 0)) + coloured)

    def coloured(self, part: str, inside: str) -> tuple[str, str]:
        """A broken line with its marks in colour; `inside`: the mark that was open before, and the one after."""
        made, rest = "", part
        while rest:
            if inside:
                stop = {"bad": "-]", "good": "+}"}[inside]
                at = rest.find(stop)
                cut = len(rest) if at < 0 else at + 2
                made += self.paint(rest[:cut], inside)
                inside = inside if at < 0 else ""
                rest = rest[cut:]
                continue
            places = [(at, style) for at, style in ((rest.find("[-"), "bad"), (rest.find("{+"), "good")) if at >= 0]
            if not places:
                return made + rest, ""
            at, inside = min(places)
            made, rest = made + rest[:at], rest[at:]
        return made, inside

    # ---- rules

    def rules(self, rules: Sequence[RuleChange]) -> None:
        self.head("rules")
        self.scope(rules)
        quiet = [one for one in rules if not self.everything and shown_direction(one) == "equivalent"]
        if quiet:
            names = ", ".join(side.name for one in quiet for side in (one.new or one.old,) if side)
            self.put(f"= {label('direction', 'equivalent', self.lang)}: {names}", "faint", indent=INDENT)
        for rule in rules:
            if rule not in quiet:
                self.rule(rule)

    def scope(self, rules: Sequence[RuleChange]) -> None:
        """A change of what the policy applies to, once for all rules it touches."""
        shared: dict[tuple[str, str], list[RuleEdit]] = {}
        for rule in rules:
            for edit in rule.edits:
                if edit.part == "scope":
                    shared.setdefault((edit.old, edit.new), []).append(edit)
        for edits in shared.values():
            directions: list[Direction] = [one.direction for one in edits if one.direction not in (None, "equivalent")]
            word = max(set(directions), key=directions.count) if directions else "equivalent"
            first = RuleEdit(edits[0].part, edits[0].old, edits[0].new, direction=word)
            self.put(f"{SIGNS['direction'][word]} " + self.word("for all", edit_sentence(first, self.lang), len(edits)),
                     STYLES[word], indent=INDENT)

    def rule(self, rule: RuleChange) -> None:
        direction = shown_direction(rule)
        old, new = rule.old, rule.new
        names = list(dict.fromkeys(one.name for one in (old, new) if one))
        cited = list(dict.fromkeys(", ".join(one.citations) for one in (old, new) if one))
        self.lines.append("")
        word = f"{SIGNS['direction'][direction]} {label('direction', direction, self.lang)}"
        self.put(f"{pad(word, 14)} {' -> '.join(names)}  {' -> '.join(cited)}{self.accepted(rule.fingerprint)}",
                 STYLES[direction], indent=INDENT, hang=15)
        side = new or old
        assert side is not None
        self.put(either(side.title, side.title_zh, self.lang), indent=INDENT + 4)
        if old is None or new is None:
            return
        if common := common_sentence(rule, self.lang):
            self.put(common, indent=INDENT + 4)
        for edit in rule.edits:
            if edit.part not in UNSAID or self.everything:
                self.put(f"- {edit_sentence(edit, self.lang)}", indent=INDENT + 4)
        for witness in rule.witnesses if self.everything else rule.witnesses[:2 if rule.direction == "mixed" else 1]:
            for number, line in enumerate(witness_lines(witness, self.lang)):
                self.put(f"{'>' if number == 0 else ' '} {line}", "" if number == 0 else "faint", indent=INDENT + 4)
        if rule.proof != "exact" or rule.note:
            self.put(proof_sentence(rule, self.lang), "faint", indent=INDENT + 4)

    def accepted(self, print_of: str) -> str:
        return f"  ({self.word('accepted')})" if print_of and print_of in self.diff.accepted else ""

    def closing(self) -> None:
        diff = self.diff
        self.lines.append("")
        for note in diff.notes:
            self.put(note, "faint")
        told = dict.fromkeys(one for side in (diff.old, diff.new)
                             for one in [side.confidence_zh if self.lang == "zh" else side.confidence_en] if one)
        for one in told:
            self.put(one, "faint")
        self.put(plan_line(diff, self.lang), "strong")


# ---- in words ---------------------------------------------------------------------------------------------------

def _named(side: Side, lang: Lang) -> str:
    title = side.title_zh if lang == "zh" and side.title_zh else side.title_en
    if not side.regulation:
        return side.name if not title or title == side.name else f"{side.name} ({shorten(title)})"
    return f"{side.regulation} {side.version}"


def _became(article: ArticleChange) -> str:
    if article.old == article.new:
        return ", ".join(article.new)
    return " -> ".join(", ".join(side) for side in (article.old, article.new) if side)


def _kinds(kinds: Iterable[str], lang: Lang) -> str:
    return say("comma", lang).join(label("kind", kind, lang) for kind in kinds)


def _loud(article: ArticleChange) -> bool:
    return bool({"modified", "split", "merged", "new", "dropped", "moved"} & set(article.kinds))


def _changed(line: EditedLine) -> bool:
    return line.end != "same" or any(run.op != "same" for run in line.runs)


def _only_words(check: CrossCheck) -> bool:
    """Text that changed without a number, a modal verb or a negation, under a rule that did not."""
    return check.kind == "text-changed-rule-not" and not check.old and not check.new


def _heading_alone(article: ArticleChange) -> bool:
    """Whether the first line is a heading that is shown above already, with no change but its number."""
    heading = article.new_heading
    return bool(article.lines and heading and heading == article.old_heading and article.lines[0].runs
                and article.lines[0].runs[-1].text.endswith(heading))


def _joined(runs: Iterable[Run]) -> list[Run]:
    """Runs of one kind side by side as one, what went before what came."""
    joined: list[Run] = []
    for op, same in groupby(runs, lambda run: run.op):
        joined.append(Run(op, "".join(run.text for run in same)))
    return joined


def _run(run: Run, number: int, runs: Sequence[Run], everything: bool) -> str:
    match run.op:
        case "deleted":
            return f"[-{run.text}-]"
        case "inserted":
            return f"{{+{run.text}+}}"
        case _:
            return run.text if everything else _around(run.text, number > 0, number < len(runs) - 1)


def _around(text: str, after: bool, before: bool) -> str:
    """Unchanged words: those beside a change stay, the rest is an ellipsis."""
    keep = AROUND * (after + before)
    if len(text) <= keep + 8:
        return text
    head = text[:AROUND] if after else ""
    tail = text[-AROUND:] if before else ""
    return f"{head}…{tail}" if head or tail else f"{text[:2 * AROUND]}…"
