"""The laws of the text diff, held over generated legal texts with generated amendments, and over hostile text.

Accepting every change gives the new lines and rejecting it the old ones; a text compared with itself has no change; and
comparing the other way round exchanges the sides of everything that is said.
"""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from policyengine.diff.compare import Segment, compare
from policyengine.diff.model import ArticleChange, EditedLine, TextDiff
from policyengine.diff.script import accept, reject
from policyengine.diff.text import diff_texts
from policyengine.diff.tokens import tokens
from policyengine.documents.model import Document, Line
from policyengine.documents.plain import read_plain
from policyengine.documents.structure import structure
from tests.support.legal_texts import Text, amended, generated, written

MIRRORED = {"split": "merged", "merged": "split", "new": "dropped", "dropped": "new"}
MIRRORED_OPS = {"same": "same", "deleted": "inserted", "inserted": "deleted"}


def document(lines: tuple[str, ...]) -> Document:
    return structure("text", [Line(line) for line in lines])


def texts(one: Document) -> tuple[str, ...]:
    return tuple(line.text for line in one.lines)


def links(diff: TextDiff, *, mirrored: bool = False) -> set[tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]]:
    found = set()
    for change in diff.articles:
        kinds = frozenset(MIRRORED.get(kind, kind) if mirrored else kind for kind in change.kinds)
        found.add((change.new, change.old, kinds) if mirrored else (change.old, change.new, kinds))
    return found


def mirrored_runs(lines: tuple[EditedLine, ...]) -> list[tuple[str, str]]:
    """What is deleted and inserted, as if the other way round; the order between the two sides is no matter."""
    return sorted((MIRRORED_OPS[run.op], run.text) for line in lines for run in line.runs)


def runs(lines: tuple[EditedLine, ...]) -> list[tuple[str, str]]:
    return sorted((run.op, run.text) for line in lines for run in line.runs)


def hold(old: Document, new: Document) -> TextDiff:
    """Every law on one pair."""
    diff = diff_texts(old, new)
    assert accept(diff.script) == texts(new)
    assert reject(diff.script) == texts(old)
    assert len([line for line in diff.script if line.old is not None and line.end != "inserted"]) == len(old.lines)
    assert len([line for line in diff.script if line.new is not None and line.end != "deleted"]) == len(new.lines)
    seen_old = [place for change in diff.articles for place in change.old]
    seen_new = [place for change in diff.articles for place in change.new]
    assert sorted(seen_old) == sorted(unit.place for unit in old.articles())
    assert sorted(seen_new) == sorted(unit.place for unit in new.articles())
    hold_numbers(diff)
    for change in diff.articles:
        hold_article(change)
    back = diff_texts(new, old)
    assert links(back) == links(diff, mirrored=True)
    assert runs(back.script) == mirrored_runs(diff.script)
    assert {(term.new, term.old) for term in back.renamed} == {(term.old, term.new) for term in diff.renamed}
    return diff


def hold_numbers(diff: TextDiff) -> None:
    """What an edited line says of its lines is what is in it: the runs of old line 7 make up line 7."""
    for lines, side, dropped in ((diff.old.lines, "old", "inserted"), (diff.new.lines, "new", "deleted")):
        found = [""] * len(lines)
        for edited in diff.script:
            number = getattr(edited, side)
            kept = "".join(run.text for run in edited.runs if run.op != dropped)
            assert number is not None or (not kept and edited.end == dropped)
            if number is not None:
                found[number] += kept
        assert found == [line.text for line in lines]


def hold_article(change: ArticleChange) -> None:
    assert 0 <= change.confidence <= 1
    assert (change.kinds == ("new",)) == (not change.old)
    assert (change.kinds == ("dropped",)) == (not change.new)
    assert "unchanged" not in change.kinds or len(change.kinds) == 1
    changed = any(run.op != "same" for line in change.lines for run in line.runs)
    assert changed or change.kinds in {("unchanged",), ("moved",)}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Text, Text]:
    random = Random(draw(st.integers(0, 2 ** 32)))
    old = generated(random, draw(st.sampled_from(["en", "zh"])), draw(st.integers(1, 12)))
    return old, amended(random, old, draw(st.integers(0, 8)))


@given(pairs())
@settings(max_examples=250)
def test_laws_on_amended_statutes(pair: tuple[Text, Text]) -> None:
    old, new = (document(written(one)) for one in pair)
    hold(old, new)


@given(st.integers(0, 2 ** 32), st.sampled_from(["en", "zh"]), st.integers(1, 12))
@settings(max_examples=60)
def test_a_text_compared_with_itself_has_no_change(seed: int, language: str, size: int) -> None:
    one = document(written(generated(Random(seed), language, size)))
    diff = hold(one, one)
    assert {change.kinds for change in diff.articles} == {("unchanged",)}
    assert all(run.op == "same" for line in diff.script for run in line.runs)
    assert all(line.end == "same" for line in diff.script)
    assert not diff.renamed and not diff.references


HOSTILE = st.lists(st.one_of(
    st.text(max_size=40),
    st.sampled_from([
        "第一条 甲", "第一条 甲", "第二条", "第二章 总则", "第一编", "（一）甲；", "(a) x", "(i) x", "(ii) y", "1. x",
        "Article 1", "Article 2 Scope", "§ 22602. (a) (1) x", "Section 4. Definitions.", "ANNEX I", "附件", "目录",
        "三十日内", "(((((((", "第条", "第零条", "第99999999999条", "\u200b", "\n", "", "a\nb", "\x00", "\ud800",
        "1.1.1.1 x", "• • •"])), max_size=14)
ALIKE = st.lists(st.sampled_from(
    ["第一条 甲乙丙丁。", "第二条 甲乙丙丁。", "第三条 戊己。", "（一）庚辛；", "第一章 总则", "1. 壬"]), max_size=12)


@given(HOSTILE, HOSTILE)
@settings(max_examples=300)
def test_laws_on_hostile_lines(old: list[str], new: list[str]) -> None:
    hold(document(tuple(old)), document(tuple(new)))


@given(ALIKE, ALIKE)
@settings(max_examples=150)
def test_laws_where_everything_is_alike(old: list[str], new: list[str]) -> None:
    hold(document(tuple(old)), document(tuple(new)))


WORDS = st.text("甲乙丙，、。 ", max_size=14)


@given(WORDS, WORDS)
@settings(max_examples=300)
def test_comparing_words_the_other_way_round_mirrors(old: str, new: str) -> None:
    there, back = compare(tokens(old), tokens(new)), compare(tokens(new), tokens(old))
    assert there == [Segment(one.new, one.old, one.same) for one in back]
    assert "".join(token.text for one in there for token in one.old) == old
    assert "".join(token.text for one in there for token in one.new) == new


@given(st.text(max_size=400))
@settings(max_examples=150)
def test_any_plain_text_is_read(text: str) -> None:
    lines, _ = read_plain("text", text)
    assert all(line.text and line.text == line.text.strip() and "\n" not in line.text for line in lines)
    structured = structure("text", lines)
    for unit in (unit for root in structured.units for unit in root.walk()):
        assert 0 <= unit.lines[0] < unit.lines[1] <= len(lines)
