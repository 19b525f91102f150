"""The Word file of a diff: accepting all gives the new text, rejecting all the old one, whatever the text is."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyengine.diff.model import (
    ArticleChange,
    CrossCheck,
    Diff,
    EditedLine,
    RuleChange,
    RuleEdit,
    RuleSide,
    Run,
    Side,
    TextDiff,
)
from policyengine.diff.text import diff_texts
from policyengine.documents.docx import read_docx
from policyengine.documents.model import Document, Line, Unit
from policyengine.documents.read import read_document
from policyengine.report.diff_to_docx import to_docx
from policyengine.report.diff_words import check_sentence
from tests.support import word

NEW, OLD = Side("x@final", "Final", "正式稿"), Side("x@draft", "Draft", "征求意见稿")


def text_diff(script: Sequence[EditedLine], old_levels: Sequence[int] = (), new_levels: Sequence[int] = (), *,
              chinese: bool = False, **more: Any) -> TextDiff:
    """Two documents that the script leads from and to; their levels are taken in turn, then 0."""
    sides = []
    for hidden, levels, units in (("inserted", old_levels, more.pop("old_units", ())),
                                  ("deleted", new_levels, more.pop("new_units", ()))):
        lines = [Line(text, levels[at] if at < len(levels) else 0) for at, text in enumerate(side(script, hidden))]
        sides.append(Document("x.md", "X", "zh" if chinese else "en", tuple(lines), tuple(units)))
    return TextDiff(sides[0], sides[1], more.pop("articles", ()), tuple(script), **more)


def side(script: Sequence[EditedLine], hidden: str) -> list[str]:
    """The law of `EditedLine`: runs and ends of the one kind dropped, the lines of the other side remain."""
    lines, text = [], ""
    for line in script:
        text += "".join(run.text for run in line.runs if run.op != hidden)
        if line.end != hidden:
            lines.append(text)
            text = ""
    assert text == "", "a script ends with the end of a line"
    return lines


def diff_of(text: TextDiff, **more: Any) -> Diff:
    return Diff(OLD, NEW, text, more.pop("rules", None), **more)


def shown(text: str) -> str:
    """What the file shows of a text: pictures for controls, U+FFFD for what is no character."""
    return "".join(chr(0x2400 + ord(one)) if ord(one) < 32 and one != "\t" else
                   "\uFFFD" if 0xD800 <= ord(one) < 0xE000 or one in "\uFFFE\uFFFF" else one for one in text)


def read(data: bytes, view: Any) -> list[tuple[str, int]]:
    lines, problems = read_docx("x.docx", data, view)
    if lines is None:
        assert [one.name for one in problems] == ["empty-document"]
    return [(line.text, line.level) for line in lines or ()]


def expected(document: Document) -> list[tuple[str, int]]:
    return [(shown(line.text), line.level) for line in document.lines if line.text]


def assert_laws(text: TextDiff) -> bytes:
    data = to_docx(diff_of(text))
    assert read(data, "accepted") == expected(text.new)
    assert read(data, "rejected") == expected(text.old)
    return data


def same(*texts: str) -> list[EditedLine]:
    return [EditedLine((Run("same", one),), "same", 0, 0) for one in texts]


def gone(*texts: str, move: str = "") -> list[EditedLine]:
    return [EditedLine((Run("deleted", one),), "deleted", 0, None, move) for one in texts]


def come(*texts: str, move: str = "") -> list[EditedLine]:
    return [EditedLine((Run("inserted", one),), "inserted", None, 0, move) for one in texts]


# ---- the laws ---------------------------------------------------------------------------------------------------

HOSTILE = st.one_of(
    st.sampled_from(["]]>", "<w:p/>", "&amp;", "\x00\x0b", "\u202eabc\u202c", "👩‍👩‍👧", "\ud800", "\ufffe", "a\tb",
                     "%1", "第一条", "　", "a  b", "_x0041_", "\u2028", "\x85x", "e\u0301", "字" * 3000, '"', "'"]),
    st.text(max_size=8))
WORDS = HOSTILE.map(lambda text: text.strip()).filter(bool)
LEVELS = st.lists(st.sampled_from([0, 0, 1, 2, 9]), max_size=8)


@st.composite
def scripts(draw: st.DrawFn) -> list[EditedLine]:
    """Any script the model allows: lines split and joined, runs of all kinds, passages moved, any ending."""
    ops = st.sampled_from(["same", "deleted", "inserted"])
    lines = [EditedLine(tuple(Run(draw(ops), draw(WORDS)) for _ in range(draw(st.integers(0, 3)))), draw(ops), 0, 0)
             for _ in range(draw(st.integers(0, 6)))]
    lines += same(draw(WORDS)) if lines else []
    for number in range(draw(st.integers(0, 2))):
        texts = draw(st.lists(WORDS, min_size=1, max_size=2))
        place = len(lines) - draw(st.integers(0, 1)) if lines else 0
        lines[place:place] = gone(*texts, move=f"m{number}")
        # where no line is open: before a line after one that both texts end
        places = [at for at in range(len(lines) + 1) if at in (0, len(lines)) or lines[at - 1].end == "same"]
        place = draw(st.sampled_from(places))
        lines[place:place] = come(*texts, move=f"m{number}")
    for maker in draw(st.lists(st.sampled_from([gone, come]), max_size=4)):
        lines += maker(draw(WORDS))
    return lines


@given(scripts(), LEVELS, LEVELS, st.booleans())
def test_accepting_gives_the_new_text_and_rejecting_the_old(
        script: list[EditedLine], old_levels: list[int], new_levels: list[int], chinese: bool) -> None:
    assert_laws(text_diff(script, old_levels, new_levels, chinese=chinese))


def edited(*runs: str, end: Any = "same") -> EditedLine:
    """`=same`, `-deleted`, `+inserted` runs."""
    ops: dict[str, Any] = {"=": "same", "-": "deleted", "+": "inserted"}
    return EditedLine(tuple(Run(ops[run[0]], run[1:]) for run in runs), end, 0, 0)


CASES: dict[str, list[EditedLine]] = {
    "nothing": [],
    "no change": same("甲", "乙"),
    "all new": come("甲", "乙"),
    "all gone": gone("甲", "乙"),
    "words": [edited("=在", "-三十日", "+十五日", "=内作出答复。")],
    "split": [edited("=前半。", end="inserted"), edited("=后半。")],
    "split at the end": [*same("甲"), edited("=前半。", end="inserted"), edited("=后半。")],
    "merged": [edited("=甲。", end="deleted"), edited("-但是，", "=乙。")],
    "last line new": [*same("甲"), *come("乙", "丙")],
    "last line gone": [*same("甲"), *gone("乙", "丙")],
    "end rewritten": [*same("甲"), *gone("乙", "丙"), *come("丁", "戊", "己")],
    "end rewritten the other way": [*same("甲"), *come("丁", "戊"), *gone("乙"), *come("己"), *gone("庚")],
    "all rewritten": [*gone("乙", "丙"), *come("丁")],
    # LibreOffice took the end between two insertions for one of them
    "insertions that meet": [*same("甲"), edited("=乙", "+丙"), edited("+丁", "=戊"), edited("=己", "+庚"), *come("辛"),
                             *same("壬")],
    "first line gone": [*gone("甲"), *same("乙")],
    "moved down": [*gone("甲", "甲二", move="m"), *same("乙"), *come("甲", "甲二", move="m"), *same("丙")],
    "moved to the end": [*gone("甲", move="m"), *same("乙"), *come("甲", move="m")],
    "moved and edited": [*come("甲一", move="m"), *same("乙"), *gone("甲", move="m")],
    "two moves": [*gone("甲", move="m"), *gone("乙", move="n"), *same("丙"), *come("乙", move="n"),
                  *come("甲", move="m")],
    "move in pieces": [*gone("甲", move="m"), *same("乙"), *gone("甲二", move="m"), *come("甲", "甲二", move="m")],
}


@pytest.mark.parametrize("name", CASES)
def test_the_laws_hold_for(name: str) -> None:
    assert_laws(text_diff(CASES[name], [1, 2], [1, 0, 2]))


def test_libreoffice_says_the_same(tmp_path: Any) -> None:
    names = [name for name in CASES if name != "nothing"]
    texts = [text_diff(CASES[name], [1], [1], chinese=True) for name in names]
    said = word.libreoffice([to_docx(diff_of(text)) for text in texts], tmp_path)
    for name, text, views in zip(names, texts, said, strict=True):
        for view, document in (("accepted", text.new), ("rejected", text.old)):
            lines = [line.partition(": ")[2] for line in views[view]]
            assert lines == ([line.text for line in document.lines] or [""]), f"{name}, {view}"
    kinds = dict(zip(names, (set(views["changes"]) for views in said), strict=True))
    assert kinds["no change"] == {""} and kinds["words"] == {"Delete", "Insert"}


def test_the_laws_hold_for_a_law_and_its_draft() -> None:
    """And a text read back from Word has the articles it had."""
    folder = Path(__file__).resolve().parents[2] / "regulations/cn/human-like-ai"
    draft, final = ((folder / version / "text.md").read_bytes() for version in ("2025-12-27-draft", "2026-04-10-final"))
    for one, other in ((draft, final), (final, draft)):
        old, new = (read_document("text.md", data)[0] for data in (one, other))
        assert old is not None and new is not None
        data = assert_laws(diff_texts(old, new))
        back, problems = read_document("text.docx", data)
        assert back is not None and not problems
        assert [unit.place for unit in back.articles()] == [unit.place for unit in new.articles()]


def document_xml(data: bytes, name: str = "word/document.xml") -> str:
    with zipfile.ZipFile(BytesIO(data)) as file:
        return file.read(name).decode("utf-8")


def test_moves_are_moves() -> None:
    """Each passage has its start, its end and a name that the other one bears; Word's words for it are unlike those
    for deleted text."""
    xml = document_xml(assert_laws(text_diff(CASES["two moves"])))
    for name in ("move1", "move2"):
        assert len(re.findall(f'<w:moveFromRangeStart [^>]*w:name="{name}"', xml)) == 1
        assert len(re.findall(f'<w:moveToRangeStart [^>]*w:name="{name}"', xml)) == 1
    assert xml.count("<w:moveFromRangeEnd") == xml.count("<w:moveToRangeEnd") == 2
    assert "delText" not in xml and "<w:del " not in xml
    assert "moveFrom" not in document_xml(assert_laws(text_diff(CASES["move in pieces"])))


def test_ids_are_used_once() -> None:
    for script in CASES.values():
        xml = document_xml(to_docx(diff_of(text_diff(script, [1], [2]))))
        ids = re.findall(r'<w:(?:ins|del|move\w+RangeStart|moveFrom|moveTo|pPrChange) w:id="(\d+)"', xml)
        assert len(ids) == len(set(ids))


def test_a_changed_heading_level_is_a_tracked_change() -> None:
    text = text_diff(same("第一章 总则", "正文"), [1], [2, 3])
    assert_laws(text)
    assert document_xml(to_docx(diff_of(text))).count("<w:pPrChange ") == 2


def test_the_same_diff_gives_the_same_bytes() -> None:
    text = text_diff(CASES["end rewritten"])
    assert to_docx(diff_of(text)) == to_docx(diff_of(text))


def test_each_part_is_xml_and_named_in_the_package() -> None:
    data = to_docx(diff_of(text_diff(CASES["two moves"])))
    with zipfile.ZipFile(BytesIO(data)) as file:
        types = file.read("[Content_Types].xml").decode()
        for info in file.infolist():
            ElementTree.fromstring(file.read(info))
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.filename.endswith(".rels") or f'"/{info.filename}"' in types or info.filename.startswith("[")


def test_fonts_and_language_are_set_for_chinese() -> None:
    data = to_docx(diff_of(text_diff(CASES["words"], chinese=True)))
    styles = document_xml(data, "word/styles.xml")
    assert 'w:eastAsia="SimSun"' in styles and 'w:eastAsia="zh-CN"' in styles
    assert 'w:hint="eastAsia"' in document_xml(data)


# ---- comments ---------------------------------------------------------------------------------------------------

def rule(name: str, *citations: str) -> RuleSide:
    return RuleSide(name, f"Title of {name}", citations, "error", "f", "x.policy", 1, "")


def article(number: str, lines: tuple[int, int], *children: Unit) -> Unit:
    return Unit("article", number, "", f"Art. {number}", "", "", children, lines)


def commented(**more: Any) -> Diff:
    inner = Unit("paragraph", "2", "", "Art. 3(2)", "", "", (), (2, 3))
    text = text_diff(
        [*same("第一条"), edited("=第", "-二", "+三", "=条 在", "-30", "+15", "=日内。"), *same("第二款"),
         *gone("第九条")],
        chinese=True,
        old_units=[article("1", (0, 1)), article("2", (1, 3)), article("9", (3, 4))],
        new_units=[article("1", (0, 1)), article("3", (1, 3), inner)],
        articles=(ArticleChange(("Art. 2",), ("Art. 3",), "", "", ("renumbered", "modified"), 0.9, (), (), ()),
                  ArticleChange(("Art. 9",), (), "", "", ("dropped",), 1.0, (), (), ())))
    deadline = RuleEdit("deadline", "30 days", "15 days", direction="stricter")
    rules = (
        RuleChange(rule("answer", "Art. 2"), rule("answer", "Art. 3(1)"), "citation", "stricter", "exact", "",
                   (deadline,)),
        RuleChange(rule("old_name", "Art. 2(2)"), rule("new_name", "Art. 3(2)"), "citation", "looser", "bounded",
                   "k = 3", (RuleEdit("must", "", "record_kept", direction="looser"),)),
        RuleChange(rule("gone", "Art. 9(1)(a)"), None, "", "dropped", "exact", "", ()),
        RuleChange(rule("kept", "Art. 1"), rule("kept", "Art. 1"), "name", "equivalent", "exact", "", ()),
    )
    checks = (CrossCheck("number-differs", "answer", "Art. 3", "15", "20"),
              CrossCheck("cites-dropped", "gone", "Art. 9"))
    return diff_of(text, **{"rules": rules, "checks": checks, "notes": ("Translation: unofficial.",), **more})


def comments(data: bytes) -> dict[str, list[str]]:
    """The text that each comment is tied to (as it stands, changes and all) -> the comment's lines."""
    names = {"w": word.MAIN}
    body, notes = (ElementTree.fromstring(document_xml(data, f"word/{part}.xml")) for part in ("document", "comments"))

    def text(element: ElementTree.Element) -> str:
        return "".join(one.text or "" for one in element.iter() if one.tag.endswith(("}t", "}delText")))

    lines = {one.get(f"{{{word.MAIN}}}id"): [text(p) for p in one.findall("w:p", names)]
             for one in notes.findall("w:comment", names)}
    found = {}
    for paragraph in body.iter(f"{{{word.MAIN}}}p"):
        start = paragraph.find("w:commentRangeStart", names)
        if start is not None:
            assert paragraph.find("w:commentRangeEnd", names) is not None
            assert len(list(paragraph.iter(f"{{{word.MAIN}}}commentReference"))) == 1
            found[text(paragraph)] = lines.pop(start.get(f"{{{word.MAIN}}}id"))
    assert not lines, "every comment is tied to a paragraph"
    return found


def test_comments_tie_articles_to_rules_and_checks() -> None:
    found = comments(to_docx(commented()))
    assert list(found) == ["第一条", "第二三条 在3015日内。", "第二款", "第九条"]
    summary, answer, renamed, dropped = found.values()
    assert summary[0] == "x@draft -> x@final" and "3 -> 2 articles" in summary[1]
    assert "Accept all changes for the text of x@final; reject all for the text of x@draft." in summary
    assert summary[-1] == "Translation: unofficial."
    assert answer[:3] == ["Art. 2 -> Art. 3: renumbered, modified", "answer: stricter. Title of answer",
                          "deadline 30 days -> 15 days (stricter)"]
    checks = [check_sentence(check, "en") for check in commented().checks]
    assert answer[-1] == checks[0]
    assert renamed[1] == "old_name -> new_name: looser. Title of new_name"
    assert dropped == ["Art. 9: dropped", "gone: dropped. Title of gone", checks[1]]


def test_a_number_that_both_texts_have_is_that_of_the_side_meant() -> None:
    """A comment once said of the new article what had become of the old one that had its number."""
    text = text_diff([*come("第一条 新"), *same("第二条 旧")], old_units=[article("1", (0, 1))],
                     new_units=[article("1", (0, 1)), article("2", (1, 2))],
                     articles=(ArticleChange((), ("Art. 1",), "", "", ("new",), 1.0, (), (), ()),
                               ArticleChange(("Art. 1",), ("Art. 2",), "", "", ("renumbered",), 1.0, (), (), ())))
    made = RuleChange(None, rule("made", "Art. 1"), "", "new", "exact", "", ())
    stale = CrossCheck("text-changed-rule-not", "kept", "Art. 1")
    found = comments(to_docx(diff_of(text, rules=(made,), checks=(stale,))))
    assert found["第一条 新"][-2:] == ["Art. 1: new", "made: new. Title of made"]
    assert found["第二条 旧"][0] == "Art. 1 -> Art. 2: renumbered"


def test_comments_in_chinese() -> None:
    found = list(comments(to_docx(commented(), "zh")).values())
    assert "接受全部修订即为 x@final 的文本，拒绝全部修订即为 x@draft 的文本。" in found[0]
    assert found[1][0] == "Art. 2 -> Art. 3：条号调整，修改"


def test_comments_leave_the_text_alone() -> None:
    data = to_docx(commented())
    text = commented().text
    assert text is not None
    assert read(data, "accepted") == expected(text.new) and read(data, "rejected") == expected(text.old)


def test_a_comment_on_what_is_deleted_goes_with_it() -> None:
    """Else accepting would leave its anchor in the next article."""
    xml = document_xml(to_docx(commented()))
    assert re.search(r"<w:del [^>]*><w:r>(?:(?!</w:del>).)*<w:commentReference", xml)


def test_what_cannot_be_placed_is_said_at_the_start() -> None:
    check = CrossCheck("cites-dropped", "x", "Art. 77")
    assert check_sentence(check, "en") in next(iter(comments(to_docx(commented(checks=(check,)))).values()))


def test_hostile_names_stay_text() -> None:
    data = to_docx(commented(notes=("</w:t><w:br/>]]>\x00&",)))
    assert next(iter(comments(data).values()))[-1] == "</w:t><w:br/>]]>␀&"


def test_without_a_text_layer_there_is_no_file() -> None:
    with pytest.raises(ValueError, match="text layer"):
        to_docx(Diff(OLD, NEW, None, None))
