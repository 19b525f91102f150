"""A diff as a Word file with real tracked changes: a `Diff` in, the bytes of a .docx out, the same for the same diff.

The body is the text's script and nothing else: accepting all changes gives the new text, rejecting all the old one.
What is said about it stands in comments: on the first line what was compared and how much changed, on each cited
passage the rules that changed and the cross-checks. The file knows no rule engine and no other format. Characters that
XML cannot hold are shown by their pictures (␀), half surrogates and non-characters by U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from policyengine.diff.model import ArticleChange, Diff, EditedLine, RuleChange, TextDiff
from policyengine.documents.model import Document, Line
from policyengine.report.diff_to_docx_package import AUTHOR, BODY_END, BODY_START, DATES, package
from policyengine.report.diff_words import (
    check_sentence,
    common_sentence,
    edit_sentence,
    label,
    plan_line,
    proof_sentence,
    say,
    shown_direction,
)
from policyengine.report.words import Lang, either

Op = Literal["same", "deleted", "inserted"]
NAMES: dict[tuple[Op, bool], str] = {("deleted", False): "del", ("inserted", False): "ins",
                                     ("deleted", True): "moveFrom", ("inserted", True): "moveTo"}
MAX_LEVEL = 9  # heading styles that Word has

HOW: dict[Lang, str] = {"en": "Accept all changes for the text of {new}; reject all for the text of {old}.",
                        "zh": "接受全部修订即为 {new} 的文本，拒绝全部修订即为 {old} 的文本。"}


def to_docx(diff: Diff, lang: Lang = "en") -> bytes:
    """The Word file. Comments are in `lang`, the text in its own language. The diff must have its text layer."""
    if diff.text is None:
        raise ValueError("a Word file is made from the text layer, and the diff has none")
    paragraphs = _paragraphs(diff.text)
    chinese = diff.text.new.language == "zh"
    comments = _comments(diff, diff.text, paragraphs, lang)
    body = _body(paragraphs, sorted(comments), chinese)
    notes = "".join(_comment(number, comments[place], lang) for number, place in enumerate(sorted(comments)))
    return package(body, notes, title=escaped(f"{diff.old.name} -> {diff.new.name}"), chinese=chinese)


# ---- paragraphs -------------------------------------------------------------------------------------------------

@dataclass(slots=True)
class _Run:
    op: Op
    text: str
    move: str


@dataclass(slots=True)
class _Paragraph:
    """What Word keeps as one paragraph: runs, and a mark at the end that can be inserted or deleted by itself. The
    style belongs to the mark, so there is one a side (heading levels, 0 for body text)."""

    runs: list[_Run]
    mark: Op
    move: str
    old_level: int = 0
    new_level: int = 0


def _paragraphs(text: TextDiff) -> list[_Paragraph]:
    moves = _moves(text.script)
    found = []
    for line in text.script:
        move = line.move if line.move in moves else ""
        found.append(_Paragraph([_Run(run.op, run.text, move) for run in line.runs if run.text], line.end, move))
    found = found or [_Paragraph([], "same", "")]
    _settle_last_mark(found)
    old = new = 0
    for one in found:
        one.old_level, one.new_level = _level(text.old.lines, old), _level(text.new.lines, new)
        old += one.mark != "inserted"
        new += one.mark != "deleted"
    return found


def _level(lines: Sequence[Line], number: int) -> int:
    return min(lines[number].level, MAX_LEVEL) if number < len(lines) else 0


def _moves(script: Sequence[EditedLine]) -> set[str]:
    """The names that Word can show as a move: one unbroken passage deleted, one inserted, whole lines both."""
    passages: dict[str, list[Op]] = {}
    spoilt = {""}
    before = ""
    for line in script:
        if any(run.op != line.end for run in line.runs) or line.end == "same":
            spoilt.add(line.move)
        if line.move and (line.move != before or passages[line.move][-1] != line.end):
            passages.setdefault(line.move, []).append(line.end)
        before = line.move
    return {name for name, ops in passages.items() if sorted(ops) == ["deleted", "inserted"]} - spoilt


def _settle_last_mark(paragraphs: list[_Paragraph]) -> None:
    """Word can neither insert nor delete the last mark of a file, so another has to stand for it.

    After the last mark that both sides have, all old text stands before the last deleted mark and all new text before
    the last inserted one. Where both kinds are there, the two marks are made one; else the last common mark and the
    last mark trade places."""
    last = paragraphs[-1]
    if last.mark == "same":
        return
    for place in range(len(paragraphs) - 2, -1, -1):
        other = paragraphs[place]
        if other.mark == "same":
            other.mark, other.move = last.mark, ""
            break
        if other.mark != last.mark:
            paragraphs[place + 1].runs[:0] = other.runs
            del paragraphs[place]
            break
    last.mark, last.move = "same", ""


# ---- comments ---------------------------------------------------------------------------------------------------

def _comments(diff: Diff, text: TextDiff, paragraphs: list[_Paragraph], lang: Lang) -> dict[int, list[str]]:
    """The lines of the comment on each paragraph that has one."""
    old_starts, new_starts = _starts(paragraphs)
    old = _places(text.old, old_starts, {place: _header(one, lang) for one in text.articles for place in one.old})
    new = _places(text.new, new_starts, {place: _header(one, lang) for one in text.articles for place in one.new})
    about: dict[int, list[str]] = {}

    def add(places: dict[str, tuple[int, str]], citation: str, lines: list[str]) -> bool:
        at, header = next((places[place] for place in _wider(citation) if place in places), (-1, ""))
        if at >= 0:
            said = about.setdefault(at, [])
            said += [one for one in dict.fromkeys((header, *lines)) if one and one not in said]
        return at >= 0

    for change in diff.rules or ():
        side = change.new or change.old
        if side is not None and (change.edits or shown_direction(change) != "equivalent"):
            for citation in side.citations:
                add(new if change.new else old, citation, _rule(change, lang))
    for check in diff.checks:  # of the numbers that differ it is the new text's; else a rule cites the old text
        if not add(new if check.kind == "number-differs" else old, check.place, [check_sentence(check, lang)]):
            about.setdefault(0, []).append(check_sentence(check, lang))
    about[0] = [*_summary(diff, lang), *about.get(0, ())]
    return about


def _starts(paragraphs: list[_Paragraph]) -> tuple[dict[int, int], dict[int, int]]:
    """The paragraph in which each line of the old and of the new text begins."""
    found: tuple[dict[int, int], dict[int, int]] = ({}, {})
    lines = [0, 0]
    for at, one in enumerate(paragraphs):
        for side, hidden in enumerate(("inserted", "deleted")):
            if one.mark != hidden or any(run.op != hidden for run in one.runs):
                found[side].setdefault(lines[side], at)
            lines[side] += one.mark != hidden
    return found


def _places(document: Document, starts: dict[int, int], headers: dict[str, str]) -> dict[str, tuple[int, str]]:
    """The paragraph in which each unit begins, by its citation, and what became of the article it belongs to."""
    found: dict[str, tuple[int, str]] = {}
    for root in document.units:
        for unit in root.walk():
            if unit.lines[0] in starts:
                header = next((headers[one] for one in _wider(unit.place) if one in headers), "")
                found.setdefault(unit.place, (starts[unit.lines[0]], header))
    return found


def _wider(citation: str) -> Iterator[str]:
    """`Art. 18(2)(3)`, `Art. 18(2)`, `Art. 18`."""
    yield citation
    while citation.endswith(")") and "(" in citation:
        citation = citation[: citation.rindex("(")]
        yield citation


def _summary(diff: Diff, lang: Lang) -> list[str]:
    names = {"old": diff.old.name, "new": diff.new.name}
    return [f"{diff.old.name} -> {diff.new.name}", plan_line(diff, lang), HOW[lang].format(**names), *diff.notes]


def _header(change: ArticleChange, lang: Lang) -> str:
    sides = [", ".join(side) for side in (change.old, change.new) if side]
    kinds = say("comma", lang).join(label("kind", one, lang) for one in change.kinds)
    return " -> ".join(dict.fromkeys(sides)) + say("list", lang) + kinds


def _rule(change: RuleChange, lang: Lang) -> list[str]:
    names = dict.fromkeys(side.name for side in (change.old, change.new) if side is not None)
    side = change.new or change.old
    direction = label("direction", shown_direction(change), lang)
    title = f" {either(side.title, side.title_zh, lang)}" if side and side.title else ""
    return [" -> ".join(names) + say("list", lang) + direction + say("stop", lang) + title,
            *(edit_sentence(edit, lang) for edit in change.edits),
            common_sentence(change, lang), proof_sentence(change, lang)]


# ---- XML --------------------------------------------------------------------------------------------------------

def escaped(text: str) -> str:
    """Text as XML holds it, whatever is in it."""
    text = _FORBIDDEN.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "\uFFFD", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


_FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\ud800-\udfff\ufffe\uffff]")


class _Changes:
    """Numbers the changes, and says who made them and when.

    LibreOffice joins insertions of one author and minute that meet at the end of a paragraph which is itself no
    insertion, and then takes that end away with them. So the time alternates after each such end."""

    def __init__(self) -> None:
        self.number = 0
        self.time = 0

    def attributes(self) -> str:
        """Those of the next change."""
        self.number += 1
        return f'w:id="{self.number}" w:author="{AUTHOR}" w:date="{DATES[self.time]}"'

    def end(self, mark: Op) -> None:
        """A paragraph has ended."""
        self.time = 1 - self.time if mark == "same" else self.time


def _body(paragraphs: list[_Paragraph], commented: list[int], chinese: bool) -> str:
    changes = _Changes()
    numbers = {place: number for number, place in enumerate(commented)}
    begin, end = _ranges(paragraphs, changes)
    out = [BODY_START]
    for at, one in enumerate(paragraphs):
        out.append(f"<w:p>{_properties(one, changes)}")
        out += begin.get(at, ())
        number = numbers.get(at)
        if number is not None:
            out.append(f'<w:commentRangeStart w:id="{number}"/>')
        out += [_tracked(run.op, run.move, _text_run(run, chinese), changes) for run in one.runs]
        if number is not None:
            ops: set[tuple[Op, str]] = {(run.op, run.move) for run in one.runs}
            op, move = ops.pop() if len(ops) == 1 else ("same", "")
            mark = (f'<w:r><w:rPr><w:rStyle w:val="CommentReference"/></w:rPr>'
                    f'<w:commentReference w:id="{number}"/></w:r>')
            out.append(f'<w:commentRangeEnd w:id="{number}"/>{_tracked(op, move, mark, changes)}')
        out.append("</w:p>")
        out += end.get(at, ())
        changes.end(one.mark)
    return "".join([*out, BODY_END])


def _ranges(paragraphs: list[_Paragraph], changes: _Changes) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """What marks the start and the end of each passage that a move took away or put in, by paragraph."""
    passages: dict[tuple[str, Op], list[int]] = {}
    for at, one in enumerate(paragraphs):
        for run in one.runs:
            if run.move:
                passages.setdefault((run.move, run.op), []).append(at)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in passages), 1)}
    begin: dict[int, list[str]] = {}
    end: dict[int, list[str]] = {}
    for (name, op), places in passages.items():
        kind = NAMES[op, True]
        begin.setdefault(places[0], []).append(
            f'<w:{kind}RangeStart {changes.attributes()} w:name="move{numbers[name]}"/>')
        end.setdefault(places[-1], []).append(f'<w:{kind}RangeEnd w:id="{changes.number}"/>')
    return begin, end


def _tracked(op: Op, move: str, inside: str, changes: _Changes) -> str:
    """What stands inside, as unchanged, inserted, deleted or moved; empty `inside` is the mark of a paragraph."""
    if op == "same":
        return inside
    name = NAMES[op, bool(move)]
    return f"<w:{name} {changes.attributes()}" + (f">{inside}</w:{name}>" if inside else "/>")


def _properties(one: _Paragraph, changes: _Changes) -> str:
    level = one.old_level if one.mark == "deleted" else one.new_level
    parts = _style(level)
    if one.mark != "same":
        parts += f"<w:rPr>{_tracked(one.mark, one.move, '', changes)}</w:rPr>"
    elif one.old_level != one.new_level:
        parts += (f"<w:pPrChange {changes.attributes()}><w:pPr>{_style(one.old_level)}</w:pPr></w:pPrChange>")
    return f"<w:pPr>{parts}</w:pPr>" if parts else ""


def _style(level: int) -> str:
    return f'<w:pStyle w:val="Heading{level}"/>' if level else ""


def _text_run(run: _Run, chinese: bool) -> str:
    # Quotation marks are Latin and Chinese characters alike; the hint says which font they take.
    hint = '<w:rPr><w:rFonts w:hint="eastAsia"/></w:rPr>' if chinese else ""
    name = "delText" if run.op == "deleted" and not run.move else "t"
    parts = [f'<w:{name} xml:space="preserve">{escaped(part)}</w:{name}>' if part else ""
             for part in run.text.split("\t")]
    return f"<w:r>{hint}{'<w:tab/>'.join(parts)}</w:r>"


def _comment(number: int, lines: list[str], lang: Lang) -> str:
    language = '<w:lang w:val="en-US" w:eastAsia="zh-CN"/>'
    hint = '<w:rFonts w:hint="eastAsia"/>' if lang == "zh" else ""
    first = '<w:r><w:rPr><w:rStyle w:val="CommentReference"/></w:rPr><w:annotationRef/></w:r>'
    inside = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="CommentText"/></w:pPr>{first if place == 0 else ""}<w:r><w:rPr>{hint}{language}'
        f'</w:rPr><w:t xml:space="preserve">{escaped(line)}</w:t></w:r></w:p>'
        for place, line in enumerate(one for one in lines if one))
    return f'<w:comment w:id="{number}" w:author="{AUTHOR}" w:date="{DATES[0]}" w:initials="g">{inside}</w:comment>'
