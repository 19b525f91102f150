"""Legal texts to lines and units: Chinese and English numbering, structure, plain text, Markdown, encodings."""

from __future__ import annotations

import pytest

from policyengine.documents.encoding import decode
from policyengine.documents.model import Document, Line, Unit
from policyengine.documents.numbering import integer, read_citation, read_heading, read_mark, roman
from policyengine.documents.plain import read_plain
from policyengine.documents.read import format_of, read_document, read_lines
from policyengine.documents.structure import structure


def document(text: str, path: str = "text.txt") -> Document:
    read, found = read_document(path, text.encode())
    assert read is not None, found
    return read


def units(one: Document) -> list[Unit]:
    return [unit for root in one.units for unit in root.walk()]


def places(one: Document) -> list[str]:
    return [unit.place for unit in units(one)]


def lines_of(text: str) -> list[str]:
    return [line.text for line in read_plain("text.txt", text)[0]]


def markdown(text: str) -> list[str]:
    lines, found = read_lines("text.md", text.encode())
    assert lines is not None and not found
    return [line.text for line in lines]


# ---- numbers -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("written", "number"), [
    ("十", 10), ("十八", 18), ("二十", 20), ("一百零三", 103), ("一百一十五", 115), ("三百", 300), ("二〇二六", 2026),
    ("两千", 2000),
    ("18", 18), ("１８", 18), ("一万二千", 12000), ("十八条", None), ("", None)])
def test_chinese_numbers(written: str, number: int | None) -> None:
    assert integer(written) == number


@pytest.mark.parametrize(("written", "number"), [
    ("iv", 4), ("XVIII", 18), ("iiii", None), ("vx", None), ("", None), ("c", 100)])
def test_roman_numbers(written: str, number: int | None) -> None:
    assert roman(written) == number


@pytest.mark.parametrize(("text", "word", "number", "rest"), [
    ("第十八条 为了", "条", "18", " 为了"),
    ("第一百零三条之一 甲", "条", "103-1", " 甲"),
    ("第１８条　甲", "条", "18", "\u3000甲"),
    ("第 二 章 总则", "章", "2", " 总则"),
    ("第三编 执行", "编", "3", " 执行"),
    ("Article 18 Scope", "article", "18", " Scope"),
    ("ARTICLE XVIII", "article", "18", ""),
    ("Art. 5a Notices", "article", "5a", " Notices"),
    ("§ 22602.5 Text", "§", "22602.5", " Text"),
    ("Section 4. Definitions", "section", "4", ". Definitions"),
    ("CHAPTER IV", "chapter", "4", ""),
    ("TITLE II Principles", "title", "2", " Principles"),
    ("附件1 清单", "附件", "1", " 清单"),
    ("ANNEX III", "annex", "3", "")])
def test_labels_of_headings(text: str, word: str, number: str, rest: str) -> None:
    label = read_heading(text)
    assert label is not None
    assert (label.word, label.number, text[label.end:]) == (word, number, rest)


@pytest.mark.parametrize("text", ["第三人", "articles of clothing", "article 5 applies", "Articled clerks", "附件中的",
                                  "Section", "第"])
def test_no_labels(text: str) -> None:
    assert read_heading(text) is None


@pytest.mark.parametrize(("text", "readings"), [
    ("（三）甲", [("（一）", 3)]), ("三、甲", [("一、", 3)]), ("3. x", [("1.", 3)]), ("(3) x", [("(1)", 3)]), ("３．甲",
                                                                                                   [("1.", 3)]),
    ("(c) x", [("(a)", 3), ("(i)", 100)]), ("(ii) x", [("(a)", 35), ("(i)", 2)]), ("(B) x", [("(A)", 2)]),
    ("③甲", [("①", 3)]), ("5.1.2 x", [("1.1.1", 2)]), ("• x", [("•", 0)])])
def test_marks(text: str, readings: list[tuple[str, int]]) -> None:
    label = read_mark(text)
    assert label is not None
    assert [(one.style, one.ordinal) for one in label.readings] == readings


@pytest.mark.parametrize("text", ["2026年1月1日", "三十日内", "(see below)", "A person", "1,000 users"])
def test_no_marks(text: str) -> None:
    assert read_mark(text) is None


@pytest.mark.parametrize(("text", "place"), [
    ("第十八条第二款第（三）项", "Art. 18(2)(3)"), ("第十八条之一", "Art. 18-1"), ("Article 18(2)(a)", "Art. 18(2)(a)"),
    ("Art. 18", "Art. 18"), ("§ 22602(c)(2)", "§ 22602(c)(2)"), ("Section 4", "§ 4"), ("article eighteen", None), ("",
                                                                                                                   None)])
def test_citations(text: str, place: str | None) -> None:
    assert read_citation(text) == place


# ---- structure -----------------------------------------------------------------------------------------------------

CHINESE = """示例条例

目　录

第一章　总则
第二章　附则

第一章　总　则

第一条【目的】为了测试，制定本条例。
第二条　本条例适用于下列情形：
（一）甲；
1. 子项一；
2. 子项二；
（二）乙。
前款规定不适用的，从其规定。
第二十条第一款规定的情形，适用本条。

第二章　附　则

第三条　自2026年1月1日起施行。
"""


def test_chinese_statute() -> None:
    read = document(CHINESE)
    assert (read.title, read.language) == ("示例条例", "zh")
    assert places(read) == [
        "Ch. 1", "Art. 1", "Art. 1(1)", "Art. 2", "Art. 2(1)", "Art. 2(1)(1)", "Art. 2(1)(1)(1)", "Art. 2(1)(1)(2)",
        "Art. 2(1)(2)", "Art. 2(2)", "Art. 2(3)", "Ch. 2", "Art. 3", "Art. 3(1)"]
    first = read.articles()[0]
    assert (first.label, first.number, first.heading, first.children[0].text) == (
        "第一条", "1", "目的", "为了测试，制定本条例。")
    last = read.articles()[1].lines[1] - 1
    assert read.lines[last].text == "第二十条第一款规定的情形，适用本条。"
    assert all(unit.lines[0] > 3 for unit in units(read)), "the table of contents is no unit"


EUROPEAN = """An Act on Examples

CHAPTER I

GENERAL PROVISIONS

SECTION 1

Definitions

Article 1

Subject matter

1. This Act lays down rules.

2. It applies to:

(h) providers;

(i) users, in particular:

(i) adults;

(ii) minors;

(j) others.

In addition, Article 2 applies.

Article 2

Definitions

(1) 'provider' means a person;

(2) 'user' means another.

Article 3

Entry into force

Section 1 enters into force at once.

ANNEX I

1. First thing
"""


def test_european_regulation() -> None:
    read = document(EUROPEAN)
    assert places(read) == [
        "Ch. 1", "Ch. 1 Sec. 1", "Art. 1", "Art. 1(1)", "Art. 1(2)", "Art. 1(2)(h)", "Art. 1(2)(i)", "Art. 1(2)(i)(i)",
        "Art. 1(2)(i)(ii)", "Art. 1(2)(j)", "Art. 1(2)", "Art. 2", "Art. 2(1)", "Art. 2(2)", "Art. 3", "Art. 3(1)",
        "Annex 1", "Annex 1(1)"]
    assert [unit.heading for unit in read.articles()] == [
        "Subject matter", "Definitions", "Entry into force", ""]
    assert read.units[0].heading == "GENERAL PROVISIONS"


def test_letters_and_roman_numbers() -> None:
    text = "Article 1\n\n(g) x\n\n(h) y:\n\n(i) inner\n\n(A) deep\n\n(ii) inner\n\n(i) z\n\n(j) last\n"
    assert places(document(text))[1:] == [
        "Art. 1(g)", "Art. 1(h)", "Art. 1(h)(i)", "Art. 1(h)(i)(A)", "Art. 1(h)(ii)", "Art. 1(i)", "Art. 1(j)"]


CALIFORNIAN = """CHAPTER 22.6. Companions

22601. As used in this chapter:

(a) "Companion" means a system that varies in its level of autonomy and that can, for explicit or implicit
objectives, infer.

(b) (1) "Operator" means a person.

(2) "Operator" does not include a bot.

22602. (a) An operator shall issue a notice under Section 22601 and shall
keep it.
(b) It may do more.
"""


def test_american_code() -> None:
    read = document(CALIFORNIAN)
    assert places(read) == [
        "Ch. 22.6", "§ 22601", "§ 22601", "§ 22601(a)", "§ 22601(b)", "§ 22601(b)(1)", "§ 22601(b)(2)", "§ 22602",
        "§ 22602(a)", "§ 22602(b)"]
    assert read.articles()[0].children[0].children[0].text.endswith("implicit objectives, infer.")


def test_sections_are_articles_where_they_are_more() -> None:
    read = document("Article I\n\nSection 1. All powers.\n\nSection 2. The House.\n\n"
                    "Article II\n\nSection 1. The President.\n")
    assert [unit.place for unit in read.articles()] == ["§ 1", "§ 2", "§ 1"]
    assert [(unit.kind, unit.number) for unit in read.units] == [("section", "1"), ("section", "2")]


def test_numbers_are_articles_where_there_is_nothing_else() -> None:
    assert [unit.place for unit in document("一、甲。\n二、乙。\n三、丙。\n").articles()] == ["Art. 1", "Art. 2",
                                                                                  "Art. 3"]
    assert [unit.place for unit in document("1. One.\n\n(a) x\n\n2. Two.\n").articles()] == ["Art. 1", "Art. 2"]


def test_a_sentence_that_begins_with_a_reference_is_no_article() -> None:
    read = document("Article 1\n\nArticle 5 applies to users.\n\nArticle 6(2) shall apply.\n\nArticle 2\n\nNo more.\n")
    assert [unit.place for unit in read.articles()] == ["Art. 1", "Art. 2"]


def test_a_very_long_line_and_very_many_lines_are_read_at_once() -> None:
    structure("x", [Line("Article 1 " + "." * 200_000), Line("第一条" + " " * 200_000 + "甲")])
    assert len(structure("x", [Line(f"第{number}条 甲") for number in range(1, 5000)]).articles()) == 4999


# ---- plain text and Markdown ---------------------------------------------------------------------------------------

def test_wrapped_lines_are_joined_and_labels_begin_lines() -> None:
    text = ("Article 1\nThe provider shall keep a record of each thing that it does for the user\n"
            "and of each thing under paragraph\n(a) of this Article.\n"
            "(b) It shall also do the other thing that is said in the next article\n"
            "below.\nArticle 2\nMore.\n")
    assert lines_of(text) == [
        "Article 1", "The provider shall keep a record of each thing that it does for the user and of each thing under "
        "paragraph (a) of this Article.",
        "(b) It shall also do the other thing that is said in the next article below.",
        "Article 2", "More."]


def test_unwrapped_chinese_lines_are_paragraphs() -> None:
    assert lines_of("第一条 " + "甲" * 80 + "。\n" + "乙" * 20 + "。\n\u200b\n丙。\n") == [
        "第一条 " + "甲" * 80 + "。", "乙" * 20 + "。", "丙。"]


def test_a_sentence_that_goes_on_is_joined_in_an_unwrapped_text() -> None:
    long = "The long line. " * 12
    text = f"Article 1 The provider shall keep a record unless\nsuch record exists.\n(a) x\n{long}\n"
    assert lines_of(text)[:2] == ["Article 1 The provider shall keep a record unless such record exists.", "(a) x"]


def test_wrapped_chinese_lines_are_joined_without_a_space() -> None:
    text = "第一条 " + "甲" * 27 + "\n" + "乙" * 30 + "\n丙丁。\n"
    assert lines_of(text) == ["第一条 " + "甲" * 27 + "乙" * 30 + "丙丁。"]


def test_markdown_is_what_a_reader_sees() -> None:
    text = ("---\ntitle: x\n---\n# An *Act*\n\n<!-- INFO END -->\n\n**第一条** 甲[乙](http://x)。\n（一）丙；\n（二）丁。\n\n"
            "3. three\n4. four\n   - inner\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n    indented `code`\nwrapped  \n"
            "broken\n\n<p>block</p><script>no()</script>\n")
    assert markdown(text) == [
        "An Act", "第一条 甲乙。", "（一）丙；", "（二）丁。", "3. three", "4. four", "• inner", "a | b", "1 | 2",
        "indented code wrapped", "broken", "block"]


def test_markdown_lines_have_their_places() -> None:
    lines, _ = read_lines("text.md", "# T\n\n第一条 甲\n（一）乙\n\n- x\n".encode())
    assert lines is not None
    assert [(line.span.line, line.span.end_line, line.level) for line in lines] == [
        (1, 1, 1), (3, 3, 0), (4, 4, 0), (6, 6, 0)]


def test_deeply_nested_markdown_loses_nothing() -> None:
    text = "\n".join("  " * depth + f"- w{depth}" for depth in range(150))
    assert all(any(f"w{depth}" in line for line in markdown(text)) for depth in range(150))


def test_headings_in_markdown_are_units() -> None:
    text = "# 示例办法\n\n## 第一章 总则\n\n### 第一条 目的\n\n为了测试。\n\n### 第二条 范围\n\n1. 甲。\n2. 乙。\n"
    read = document(text, "text.md")
    assert [(unit.place, unit.heading) for unit in units(read)][:3] == [
        ("Ch. 1", "总则"), ("Art. 1", "目的"), ("Art. 1(1)", "")]


# ---- files ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("path", "data", "wanted"), [
    ("a.md", b"# x", "markdown"), ("a.txt", b"x", "plain"), ("a", b"x", "plain"), ("a.txt", b"%PDF-1.7", "pdf"),
    ("a.txt", b"PK\x03\x04", "docx"), ("a.docx", b"no", "docx"), ("a.PDF", b"no", "pdf"), ("a.HTM", b"x", "html"),
    ("a.txt", b"  <!DOCTYPE html><p>", "html"), ("a.md", b"<html>", "markdown")])
def test_formats(path: str, data: bytes, wanted: str) -> None:
    assert format_of(path, data) == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding: str) -> None:
    assert decode("a.txt", CHINESE.encode(encoding)) == (CHINESE, ())


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0JFIF", b"a\x00b", "Größe, Maß, süß und häufig".encode("latin-1"),
                                  b"\xef\xbb\xbf\xff"])
def test_what_is_no_text(data: bytes) -> None:
    text, found = decode("a.txt", data)
    assert text is None
    assert [one.name for one in found] == ["unknown-encoding"]


@pytest.mark.parametrize(("path", "data", "name"), [
    ("a.txt", b"", "empty-document"), ("a.md", b"<!-- only a comment -->", "empty-document"),
    ("a.txt", b"\xe2\x80\x8b\n \n", "empty-document"), ("a.txt", b"A letter.\n\nDear all,", "no-articles")])
def test_what_is_no_legal_text(path: str, data: bytes, name: str) -> None:
    read, found = read_document(path, data)
    assert read is None
    assert [one.name for one in found] == [name]
