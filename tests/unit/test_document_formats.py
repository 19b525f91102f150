"""Word, HTML and PDF files to lines; and what is said of files that are damaged, locked, hostile or something else."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.errors import DependencyError

from policyengine.documents.docx import read_docx
from policyengine.documents.docx_numbering import Numbering
from policyengine.documents.html import read_html
from policyengine.documents.numerals import FORMATS, numeral
from policyengine.documents.pdf import read_pdf
from tests.support.word import MAIN, docx, package, paragraph


def texts(found: tuple[Any, Any]) -> list[str]:
    lines, problems = found
    assert lines is not None, problems
    return [line.text for line in lines]


def names(found: tuple[Any, Any]) -> list[str]:
    """The errors of a file that was refused."""
    lines, problems = found
    assert lines is None
    assert all(one.span.path and one.message[0].islower() | one.message.startswith("PDF") for one in problems)
    return [one.name for one in problems]


def word(body: str, view: Any = "accepted", **parts: str) -> list[str]:
    return texts(read_docx("x.docx", docx(body, **parts), view))


def both(body: str, **parts: str) -> tuple[list[str], list[str]]:
    return word(body, **parts), word(body, "rejected", **parts)


# ---- Word: paragraphs and tables --------------------------------------------------------------------------------

def test_paragraphs_in_order_without_empty_ones() -> None:
    assert word(paragraph("第一条 甲") + paragraph(" 　") + paragraph("　　乙 ")) == ["第一条 甲", "乙"]


def test_spans_count_paragraphs_of_the_file() -> None:
    body = paragraph("a") + "<w:p/>" + '<w:p><w:pPr><w:rPr><w:ins/></w:rPr></w:pPr></w:p>' + paragraph("d")
    for view in ("accepted", "rejected"):
        lines, _ = read_docx("x.docx", docx(body), view)  # type: ignore[arg-type]
        assert lines is not None and [line.span.end_line for line in lines] == [1, 4]


def test_cells_of_tables_are_lines_nested_ones_too() -> None:
    cell = "<w:tc><w:tcPr/>{}</w:tc>"
    inner = f"<w:tbl><w:tr>{cell.format(paragraph('inner'))}</w:tr></w:tbl>"
    row = f"<w:tr>{cell.format(paragraph('a') + paragraph('b'))}{cell.format(inner + '<w:p/>')}</w:tr>"
    assert word(paragraph("before") + f"<w:tbl><w:tblPr/>{row}</w:tbl>" + paragraph("after")) == [
        "before", "a", "b", "inner", "after"]


def test_breaks_end_a_line_but_not_a_heading() -> None:
    broken = "<w:r><w:t>甲</w:t><w:br/><w:t>乙</w:t></w:r>"
    assert word(f"<w:p>{broken}</w:p>") == ["甲", "乙"]
    assert word(f'<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr>{broken}</w:p>') == ["甲 乙"]


def test_what_stands_inside_a_paragraph() -> None:
    assert word("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t><w:softHyphen/></w:r>"
                "<w:hyperlink><w:r><w:t> link</w:t></w:r></w:hyperlink>"
                "<w:sdt><w:sdtContent><w:r><w:t> control</w:t></w:r></w:sdtContent></w:sdt>"
                "<w:r><w:rPr><w:vanish/></w:rPr><w:t> hidden</w:t></w:r>"
                '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> shown</w:t></w:r>'
                "<w:r><w:ruby><w:rt><w:r><w:t>pinyin</w:t></w:r></w:rt>"
                "<w:rubyBase><w:r><w:t>字</w:t></w:r></w:rubyBase></w:ruby></w:r>"
                '<w:r><w:sym w:char="2713"/><w:sym w:char="F0FC"/></w:r></w:p>') == [
        "a\tb\u2011c link control shown字✓"]


def test_fields_give_their_result_and_not_their_code() -> None:
    inner = ('<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>IF</w:instrText></w:r>'
             '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>code</w:t></w:r>'
             '<w:r><w:fldChar w:fldCharType="end"/></w:r>')
    assert word(f'<w:p><w:r><w:t>see </w:t><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF</w:instrText>'
                f'</w:r>{inner}<w:ins><w:r><w:fldChar w:fldCharType="separate"/></w:r></w:ins><w:r><w:t>Art. 5</w:t>'
                '<w:fldChar w:fldCharType="end"/><w:t>.</w:t></w:r>'
                '<w:fldSimple><w:r><w:t> p. 3</w:t></w:r></w:fldSimple></w:p>') == ["see Art. 5. p. 3"]
    # one that is never ended swallows no more than its paragraph
    assert word('<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:t>x</w:t></w:r></w:p>' + paragraph("rest")) == ["rest"]


def test_footnotes_follow_at_the_end_if_the_view_has_their_mark() -> None:
    mark = '<w:r><w:footnoteReference w:id="{}"/></w:r>'
    body = (f"<w:p><w:r><w:t>甲</w:t></w:r>{mark.format(2)}<w:del>{mark.format(1)}</w:del></w:p>" + paragraph("乙"))
    notes = f'<w:footnote w:id="1">{paragraph("one")}</w:footnote><w:footnote w:id="2">{paragraph("two")}</w:footnote>'
    assert both(body, footnotes=notes) == (["甲", "乙", "two"], ["甲", "乙", "two", "one"])


def test_tables_of_contents_repeat_headings_and_are_left_out() -> None:
    styles = '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    gallery = ('<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
               f'<w:sdtContent>{paragraph("第一章 3")}</w:sdtContent></w:sdt>')
    body = gallery + paragraph("第一章 3", '<w:pStyle w:val="TOC1"/>') + paragraph("第一章")
    assert word(body, styles=styles) == ["第一章"]


def test_text_boxes_are_left_out_with_a_warning() -> None:
    box = (f"<w:r><mc:AlternateContent xmlns:mc='m'><mc:Choice><w:drawing><w:txbxContent>{paragraph('box')}"
           f"</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>{paragraph('box')}"
           "</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>")
    lines, problems = read_docx("x.docx", docx(f"<w:p>{box}<w:r><w:t>a</w:t></w:r></w:p>"))
    assert lines is not None and [line.text for line in lines] == ["a"]
    assert [(one.name, one.severity) for one in problems] == [("text-box-not-read", "warning")]


def test_levels_come_from_styles_and_outlines() -> None:
    styles = ('<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="Heading 2"/></w:style>'
              '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="H2"/></w:style>'
              '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>'
              '<w:style w:type="paragraph" w:styleId="O"><w:name w:val="章"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr>'
              '</w:style><w:style w:type="paragraph" w:styleId="L"><w:name w:val="L"/><w:basedOn w:val="L"/></w:style>')
    body = "".join(paragraph(name, f'<w:pStyle w:val="{name}"/>') for name in ("T", "H2", "Own", "O", "L", "absent"))
    body += paragraph("direct", '<w:pStyle w:val="H2"/><w:outlineLvl w:val="9"/>')
    lines, _ = read_docx("x.docx", docx(body, styles=styles))
    assert lines is not None
    assert [line.level for line in lines] == [1, 2, 2, 3, 0, 0, 0]


def test_the_strict_dialect_is_read_too() -> None:
    strict = docx(paragraph("a"))
    with zipfile.ZipFile(io.BytesIO(strict)) as file:
        files = {one: file.read(one).decode().replace(MAIN, "http://purl.oclc.org/ooxml/wordprocessingml/main")
                 for one in file.namelist()}
    assert texts(read_docx("x.docx", package(files))) == ["a"]


# ---- Word: tracked changes --------------------------------------------------------------------------------------

RUN = "<w:r><w:t>{}</w:t></w:r>"
GONE = "<w:r><w:delText>{}</w:delText></w:r>"


@pytest.mark.parametrize(("insert", "delete"), [("ins", "del"), ("moveTo", "moveFrom")])
def test_runs_in_either_view(insert: str, delete: str) -> None:
    body = (f"<w:p>{RUN.format('a')}<w:{insert}>{RUN.format('new')}</w:{insert}>"
            f"<w:{delete}>{GONE.format('old')}</w:{delete}>{RUN.format('z')}</w:p>")
    assert both(body) == (["anewz"], ["aoldz"])


def test_text_inserted_and_then_deleted_is_in_neither_view() -> None:
    assert both(f"<w:p>{RUN.format('a')}<w:ins><w:del>{GONE.format('x')}</w:del></w:ins></w:p>") == (["a"], ["a"])


@pytest.mark.parametrize(("insert", "delete"), [("ins", "del"), ("moveTo", "moveFrom")])
def test_paragraph_marks_in_either_view(insert: str, delete: str) -> None:
    def marked(text: str, change: str) -> str:
        return paragraph(text, f"<w:rPr><w:{change}/></w:rPr>")

    split = marked("前", insert) + paragraph("后")
    merged = marked("甲", delete) + marked("", delete) + paragraph("乙")
    assert both(split + merged) == (["前", "后", "甲乙"], ["前后", "甲", "乙"])


def test_a_deleted_mark_before_a_table_or_at_the_end_still_ends_the_line() -> None:
    mark = "<w:rPr><w:del/></w:rPr>"
    table = f"<w:tbl><w:tr><w:tc>{paragraph('cell', mark)}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>"
    assert word(paragraph("a", mark) + table + paragraph("z", mark)) == ["a", "cell", "b", "z"]


def test_rows_and_cells_in_either_view() -> None:
    row = "<w:tr><w:trPr>{}</w:trPr><w:tc><w:tcPr>{}</w:tcPr>{}</w:tc></w:tr>"
    body = "<w:tbl>" + row.format("<w:ins/>", "", paragraph("new")) + row.format("<w:del/>", "", paragraph("old")) + \
        row.format("", "<w:cellIns/>", paragraph("new cell")) + "</w:tbl>"
    assert both(body + paragraph("z")) == (["new", "new cell", "z"], ["old", "z"])
    for view in ("accepted", "rejected"):
        lines, _ = read_docx("x.docx", docx(body + paragraph("z")), view)  # type: ignore[arg-type]
        assert lines is not None and lines[-1].span.line == 4


def test_a_line_reads_as_its_own_view_styles_it() -> None:
    before = '<w:pPrChange><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:pPrChange>'
    body = paragraph("a", f'<w:outlineLvl w:val="0"/>{before}')
    levels = [lines[0].level for view in ("accepted", "rejected")
              for lines, _ in [read_docx("x.docx", docx(body), view)] if lines]  # type: ignore[arg-type]
    assert levels == [1, 2]


# ---- Word: numbering --------------------------------------------------------------------------------------------

def level(depth: int, form: str, template: str, more: str = "") -> str:
    return (f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}'
            f'<w:lvlText w:val="{template}"/></w:lvl>')


LAW = ('<w:abstractNum w:abstractNumId="7">' + level(0, "chineseCountingThousand", "第%1条")
       + level(1, "chineseCounting", "（%2）", '<w:suff w:val="nothing"/>')
       + level(2, "decimal", "%1.%2.%3", "<w:isLgl/>") + level(3, "bullet", "•") + '</w:abstractNum><w:num w:numId="1">'
       '<w:abstractNumId w:val="7"/></w:num>'
       '<w:num w:numId="2"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/>'
       '</w:lvlOverride></w:num>')


def numbered(text: str, depth: int = 0, number: int = 1, more: str = "") -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/>{more}</w:numPr>')


def test_automatic_numbers_are_written_out() -> None:
    body = (numbered("甲") + numbered("子", 1) + numbered("丑", 1) + numbered("x", 2) + numbered("点", 3)
            + numbered("乙") + numbered("寅", 1) + numbered("none", 0, 0) + numbered("丙", 0, 2) + numbered("丁", 0, 2)
            + numbered("戊"))
    assert word(body, numbering=LAW) == [
        "第一条 甲", "（一）子", "（二）丑", "1.2.1 x", "点", "第二条 乙", "（一）寅", "none", "第五条 丙", "第六条 丁",
        "第七条 戊"]


def test_a_gap_typed_after_a_number_stays() -> None:
    assert word(numbered("　甲", 1) + numbered(" 乙"), numbering=LAW) == ["（一） 甲", "第一条 乙"]


def test_each_view_counts_what_it_sees() -> None:
    gone = numbered("", more="").replace("<w:pPr>", "<w:pPr><w:rPr><w:del/></w:rPr>")
    made = f"<w:ins>{RUN.format('新')}</w:ins></w:p>"
    new = numbered("").replace("<w:pPr>", "<w:pPr><w:rPr><w:ins/></w:rPr>").replace("</w:p>", made)
    old = gone.replace("</w:p>", f"<w:del>{GONE.format('旧')}</w:del></w:p>")
    assert both(new + numbered("甲") + old + old + numbered("乙"), numbering=LAW) == (
        ["第一条 新", "第二条 甲", "第三条 乙"], ["第一条 甲", "第二条 旧", "第三条 旧", "第四条 乙"])


def test_numbers_given_by_a_style() -> None:
    styles = ('<w:style w:type="paragraph" w:styleId="A"><w:name w:val="A"/><w:pPr><w:numPr><w:numId w:val="1"/>'
              '</w:numPr></w:pPr></w:style><w:style w:type="paragraph" w:styleId="B"><w:name w:val="B"/>'
              '<w:basedOn w:val="A"/></w:style>')
    numbering = LAW.replace('<w:lvl w:ilvl="1">', '<w:lvl w:ilvl="1"><w:pStyle w:val="B"/>')
    body = paragraph("甲", '<w:pStyle w:val="A"/>') + paragraph("子", '<w:pStyle w:val="B"/>')
    assert word(body, numbering=numbering, styles=styles) == ["第一条 甲", "（一）子"]


@pytest.mark.parametrize(("form", "number", "written"), [
    ("decimal", 12, "12"), ("decimalZero", 3, "03"), ("upperRoman", 1994, "MCMXCIV"), ("lowerRoman", 4, "iv"),
    ("lowerLetter", 1, "a"), ("lowerLetter", 28, "bb"), ("upperLetter", 26, "Z"), ("ordinal", 22, "22nd"),
    ("ordinal", 112, "112th"), ("chineseCounting", 10, "十"), ("chineseCounting", 21, "二十一"),
    ("chineseCountingThousand", 105, "一百零五"), ("chineseCountingThousand", 110, "一百一十"),
    ("chineseCountingThousand", 1020, "一千零二十"), ("chineseCountingThousand", 10_005, "一万零五"),
    ("chineseCountingThousand", 123_400, "十二万三千四百"), ("ideographDigital", 105, "一〇五"),
    ("chineseLegalSimplified", 23, "贰拾叁"), ("decimalEnclosedCircle", 20, "⑳"), ("decimalEnclosedCircle", 21, "㉑"),
    ("decimalEnclosedCircle", 51, "51"), ("ideographTraditional", 11, "甲"), ("decimalFullWidth", 10, "１０"),
    ("noSuchFormat", 7, "7"), ("lowerRoman", 0, "0"), ("lowerLetter", 0, "0"), ("upperRoman", 99_999, "99999"),
])
def test_numerals(form: str, number: int, written: str) -> None:
    assert numeral(number, form) == written


def test_every_numeral_is_short_whatever_the_number() -> None:
    for form in FORMATS:
        for number in (-5, 0, 1, 9_999, 1_000_000, 10**12):
            assert 0 < len(numeral(number, form)) < 200


def test_numbering_that_names_what_is_not_there_prints_nothing() -> None:
    assert Numbering(None).next("1", 0) == ""
    assert word(numbered("a", 8) + numbered("b", 0, 99), numbering=LAW) == ["a", "b"]


# ---- Word: files that are refused -------------------------------------------------------------------------------

def test_other_files_are_named() -> None:
    def said(data: bytes) -> str:
        _, problems = read_docx("x.docx", data)
        assert problems[0].name == "not-docx" and problems[0].help
        return problems[0].message

    assert "a PDF" in said(b"%PDF-1.7") and "RTF" in said(b"{\\rtf1") and "markup" in said(b" <html>")
    assert "a workbook" in said(package({"xl/workbook.xml": "<a/>"}))
    assert "OpenDocument" in said(package({"content.xml": "<a/>"}))
    assert "no Word document" in said(package({"a.txt": "x"})) and "empty" in said(b"") and "not a Word" in said(b"abc")
    assert ".doc" in said(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))
    assert "main part" in said(package({"word/document.xml": "<html/>"}))


def test_locked_files() -> None:
    compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + "EncryptedPackage".encode("utf-16-le")
    assert names(read_docx("x.docx", compound)) == ["password-protected"]
    data = bytearray(docx(paragraph("a")))
    for at in range(len(data) - 4):  # the flag of an entry under a password, in both places where a zip has it
        if data[at:at + 4] == b"PK\x03\x04":
            data[at + 6] |= 1
        elif data[at:at + 4] == b"PK\x01\x02":
            data[at + 8] |= 1
    assert names(read_docx("x.docx", bytes(data))) == ["password-protected"]


def test_every_cut_and_every_flipped_byte_is_read_or_refused() -> None:
    data = docx(paragraph("第一条 甲"), styles="", numbering=LAW)
    seen = set()
    for at in range(0, len(data), 3):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]):
            lines, problems = read_docx("x.docx", damaged)
            assert (lines is None) == any(one.severity == "error" for one in problems)
            seen |= {one.name for one in problems}
    assert "damaged-file" in seen


def test_zip_bombs_are_refused() -> None:
    bomb = package({"word/document.xml": f'<w:document xmlns:w="{MAIN}"><w:body>' + " " * (40 << 20) + "</w:body>"})
    assert len(bomb) < 100_000
    assert names(read_docx("x.docx", bomb)) == ["unpacks-too-large"]
    crowd = package({**{f"{number}.xml": "" for number in range(20_001)}, "word/document.xml": "<a/>"})
    assert names(read_docx("x.docx", crowd)) == ["unpacks-too-large"]


def test_long_texts_are_no_bombs() -> None:
    assert len(word(paragraph("the same line again and again, as forms have it") * 20_000)) == 20_000


@pytest.mark.parametrize("declared", [
    "<!DOCTYPE a [" + '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)) + "]>",
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "http://localhost:1/a.dtd">',
])
def test_document_types_are_refused(declared: str) -> None:
    body = f'{declared}<w:document xmlns:w="{MAIN}"><w:body><w:p><w:r><w:t>x</w:t></w:r></w:p></w:body></w:document>'
    assert names(read_docx("x.docx", package({"word/document.xml": body}))) == ["document-type"]


def test_deep_nesting_is_refused() -> None:
    deep = "<w:ins>" * 50_000 + "</w:ins>" * 50_000
    assert names(read_docx("x.docx", docx(f"<w:p>{deep}</w:p>"))) == ["damaged-file"]


def test_a_file_without_text_is_an_error() -> None:
    assert names(read_docx("x.docx", docx("<w:p/>"))) == ["empty-document"]


# ---- HTML -------------------------------------------------------------------------------------------------------

def html(text: str | bytes) -> list[str]:
    return texts(read_html("x.html", text if isinstance(text, bytes) else text.encode()))


def test_headings_paragraphs_and_breaks() -> None:
    lines, _ = read_html("x.html", b"<title>t</title><h1>Act</h1>\n<h2>Article&nbsp;1<br>Scope</h2>\n\n"
                         b"<p>a <b>b</b>\n c<br>d")
    assert lines is not None
    assert [(line.text, line.level, line.span.line) for line in lines] == [
        ("Act", 1, 1), ("Article 1 Scope", 2, 2), ("a b c", 0, 4), ("d", 0, 4)]


def test_a_line_end_between_chinese_characters_is_no_space() -> None:
    assert html("<p>提供者\n  应当<p>the\nprovider<p>第一章\n总则<p>（一）\n甲") == [
        "提供者应当", "the provider", "第一章 总则", "（一） 甲"]


def test_list_items_have_their_numbers() -> None:
    assert html("<ol><li>a<ol type=i><li>x<li>y</ol><li><p>b</p><p>more</p></ol><ul><li>c</ul>"
                "<ol type=a start=3><li>d<li value=7>e</ol><ol reversed><li>f<li>g</ol>"
                "<ol style='list-style-type: cjk-ideographic'><li>甲</ol><ol style='list-style:none'><li>(a) h</ol>"
                ) == ["1. a", "i. x", "ii. y", "2. b", "more", "c", "c. d", "g. e", "2. f", "1. g", "一、甲", "(a) h"]


def test_tables() -> None:
    assert html("<table><tr><th>Kind<th>Days</tr><tr><td>a<td><p>15</p></tr></table>") == ["Kind | Days", "a | 15"]
    # points of a law are often laid out as tables, and old pages lay out everything so
    assert html("<table><tr><td>(a)<td><p>point</p><table><tr><td>（一）<td>inner</tr></table></tr></table>") == [
        "(a) point", "（一） inner"]
    assert html("<table><tr><td><div>menu</div><td><p>第一条 甲</p><p>第二条 乙</p></tr></table>") == [
        "menu", "第一条 甲", "第二条 乙"]


def test_what_is_no_text_of_the_page_is_left_out() -> None:
    assert html("<nav>n</nav><div class='footer x'>f</div><p hidden>h<p style='color:red; DISPLAY : none'>i"
                "<div role=navigation>j</div><script>k</script><style>l</style><p>law <del>old</del><ins>new</ins>"
                "<span aria-hidden=true>¶</span> tail<!-- c --> end<p class=footnote>note") == [
        "law new tail end", "note"]
    assert html("<p>around</p><main><p>law</p></main>") == ["law"]
    assert html("<pre>a  b\n  c</pre>d") == ["a b", "c", "d"]


@pytest.mark.parametrize(("data", "text"), [
    ("<meta charset=gb2312><p>第一条 甲\u9555</p>".encode("gb18030"), "第一条 甲镕"),
    ("<meta http-equiv=Content-Type content='text/html; charset=GBK'><p>甲</p>".encode("gb18030"), "甲"),
    ("<p>第一条 的规定，应当</p>".encode("gb18030"), "第一条 的规定，应当"),
    ("<meta charset=iso-8859-1><p>“é”</p>".encode("cp1252"), "“é”"),
    ("<meta charset=gbk><p>甲</p>".encode("utf-8-sig"), "甲"),
    ("<meta charset=gbk><p>saved anew 甲乙丙</p>".encode(), "saved anew 甲乙丙"),
    ("<p>甲</p>".encode("utf-16"), "甲"),
    (b"<meta charset=utf-16><p>ab</p>", "ab"),
    (b"<meta charset=no-such><p>ab</p>", "ab"),
    ('<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><p>甲</p></html>'.encode(),
     "甲"),
])
def test_encodings(data: bytes, text: str) -> None:
    assert html(data) == [text]


def test_a_page_that_is_not_what_it_says_is_read_with_a_warning() -> None:
    lines, problems = read_html("x.html", b"<meta charset=utf-8><p>caf\xe9 x")
    assert lines is not None and lines[0].text == "caf\ufffd x"
    assert [(one.name, one.severity) for one in problems] == [("unknown-encoding", "warning")]


def test_pages_that_are_refused() -> None:
    assert names(read_html("x.html", b"<p>caf\xe9")) == ["unknown-encoding"]
    for data in (b"", b"<p hidden>x", b"<html>", b"<!-- x -->"):
        assert names(read_html("x.html", data)) == ["empty-document"]


def test_hostile_pages_end() -> None:
    for data in (b"<div>" * 50_000 + b"x", b"<table><tr><td>(a)<td>" * 3_000 + b"x", b"<ol><li>" * 20_000,
                 b"\x00<p>\x00", b"<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><p>&a;"):
        lines, _ = read_html("x.html", data)
        assert "root:" not in " ".join(line.text for line in lines or ())


# ---- PDF --------------------------------------------------------------------------------------------------------

def pdf(*pages: str) -> bytes:
    """A PDF whose pages show these lines, indented where a tab begins them; an empty one is a gap. Characters are set
    by their number, and a table says what they are."""
    chars = sorted(set("".join(pages)) - set("\n\t"))
    code = {char: number for number, char in enumerate(chars, 1)}
    table = "".join(f"<{code[char]:04x}> <{char.encode('utf-16-be').hex()}>\n" for char in chars)
    cmap = ("/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <ffff> "
            f"endcodespacerange {len(chars)} beginbfchar\n{table}endbfchar endcmap end end")
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "",
               "<</Type/Font/Subtype/Type0/BaseFont/F/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>",
               "<</Type/Font/Subtype/CIDFontType2/BaseFont/F/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
               "/Supplement 0>>/DW 1000>>", f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream"]
    kids = []
    for page in pages:
        shown = ""
        for line in page.split("\n"):
            indent = 24 if line.startswith("\t") else 0
            codes = "".join(f"{code[char]:04x}" for char in line.strip("\t"))
            shown += f"{indent} 0 Td <{codes}> Tj {-indent} -14 Td\n" if codes else "0 -14 Td\n"
        content = f"BT /F 12 Tf 40 800 Td\n{shown}ET"
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {len(objects)} 0 R"
                       "/Resources<</Font<</F 3 0 R>>>>>>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    out, places = "%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    return (out + f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF").encode("ascii")


def locked(data: bytes, password: str) -> bytes:
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


ENGLISH = """Article 1
The provider shall keep a record of every request that it has received from a per-
son whom it concerns, in a well-known form, for as long as the law requires it, and
shall answer it within thirty days after the day of receipt.
Article 2
The provider shall tell the authority of every breach that is likely to harm a well-
known interest of a person."""


def test_lines_of_a_page_are_joined_to_paragraphs() -> None:
    assert texts(read_pdf("x.pdf", pdf(ENGLISH))) == [
        "Article 1",
        "The provider shall keep a record of every request that it has received from a person whom it concerns, in a "
        "well-known form, for as long as the law requires it, and shall answer it within thirty days after the day of "
        "receipt.",
        "Article 2",
        "The provider shall tell the authority of every breach that is likely to harm a well-known interest of a "
        "person."]


def test_chinese_lines_are_joined_without_spaces_across_pages() -> None:
    first = "中华人民共和国测试法\n第一条 为了保护当事人的合法权益，规范服务提供者的行为，维护社会公共利益，制定\n" \
            "本办法。\n第二条 提供者应当在收到请求之日起三十日内作出答复，情况复杂的可以适当延长，但\n- 1 -"
    second = "是最长不得超过六十日，并应当告知当事人。\n- 2 -"
    lines, _ = read_pdf("x.pdf", pdf(first, second))
    assert lines is not None
    assert [line.text for line in lines] == [
        "中华人民共和国测试法", "第一条 为了保护当事人的合法权益，规范服务提供者的行为，维护社会公共利益，制定本办法。",
        "第二条 提供者应当在收到请求之日起三十日内作出答复，情况复杂的可以适当延长，"
        "但是最长不得超过六十日，并应当告知当事人。"]
    assert [line.span.line for line in lines] == [1, 2, 4]


LONG = ("提供者应当建立健全投诉举报机制，设置便捷的投诉举报入口，公布处理流程和反馈\n"
        "时限，及时受理和处理公众的投诉举报，并将处理结果告知投诉人，不得无故推诿拖延。")
JOINED = LONG.replace("\n", "")


def test_a_gap_between_lines_ends_a_paragraph_though_its_last_line_is_full() -> None:
    assert texts(read_pdf("x.pdf", pdf(f"第一条 甲\n\n{LONG}\n\n{LONG}\n\n{LONG}\n\n{LONG}"))) == [
        "第一条 甲", JOINED, JOINED, JOINED, JOINED]
    assert texts(read_pdf("x.pdf", pdf(f"第一条 甲\n{LONG}\n{LONG}"))) == ["第一条 甲", JOINED * 2]  # nothing tells


def test_an_indent_begins_a_paragraph_but_a_hanging_one_does_not() -> None:
    assert texts(read_pdf("x.pdf", pdf("\n".join(f"\t{LONG}" for _ in range(4))))) == [JOINED] * 4
    hanging = LONG.replace("\n", "\n\t")
    assert texts(read_pdf("x.pdf", pdf("\n".join(f"（{n}）{hanging}" for n in "一二三四")))) == [
        f"（{n}）{JOINED}" for n in "一二三四"]


def test_gaps_around_digits_in_chinese_are_typesetting() -> None:
    assert texts(read_pdf("x.pdf", pdf("第一条 5 日内使用 AI 技术的，于 2026 年 4 月答复。"))) == [
        "第一条 5日内使用AI技术的，于2026年4月答复。"]
    assert texts(read_pdf("x.pdf", pdf("Article 1 The term 提供者 means a provider."))) == [
        "Article 1 The term 提供者 means a provider."]


def test_headers_footers_and_page_numbers_are_left_out() -> None:
    pages = [f"OFFICIAL JOURNAL {number}\nArticle {number}\n(1) Text number {number} of the act.\nPage {number} of 3"
             for number in (1, 2, 3)]
    assert texts(read_pdf("x.pdf", pdf(*pages))) == [
        line for number in (1, 2, 3) for line in (f"Article {number}", f"(1) Text number {number} of the act.")]


def test_lookalikes_and_wide_setting() -> None:
    assert texts(read_pdf("x.pdf", pdf("第⼀条 ﬁne"))) == ["第一条 fine"]
    assert texts(read_pdf("x.pdf", pdf("中 华 人 民 共 和 国 测 试 法"))) == ["中华人民共和国测试法"]


def test_pdfs_that_are_refused() -> None:
    assert names(read_pdf("x.pdf", pdf("", ""))) == ["scanned-pdf"]
    assert names(read_pdf("x.pdf", pdf("- 1 -"))) == ["scanned-pdf"]
    assert names(read_pdf("x.pdf", locked(pdf(ENGLISH), "secret"))) == ["password-protected"]
    for data in (b"", b"%PDF-1.7", b"%PDF-1.7\n" + bytes(500), b"hello"):
        assert names(read_pdf("x.pdf", data)) == ["damaged-file"]


def test_a_pdf_that_another_package_has_to_decrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr(PdfReader, "decrypt", missing)
    lines, problems = read_pdf("x.pdf", locked(pdf(ENGLISH), ""))
    assert lines is None and problems[0].name == "password-protected" and "cryptography" in problems[0].help


def test_a_pdf_that_is_only_guarded_against_changes_is_read() -> None:
    assert texts(read_pdf("x.pdf", locked(pdf(ENGLISH), ""))) == texts(read_pdf("x.pdf", pdf(ENGLISH)))


def test_a_page_without_text_is_a_warning() -> None:
    lines, problems = read_pdf("x.pdf", pdf(ENGLISH, ""))
    assert lines and [(one.name, one.severity) for one in problems] == [("page-without-text", "warning")]
    assert problems[0].message == "page 2 of 2 has no text"


def test_damaged_pdfs_are_read_or_refused() -> None:
    data = pdf(ENGLISH)
    for at in range(0, len(data), 97):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1:]):
            lines, problems = read_pdf("x.pdf", damaged)
            assert (lines is None) == any(one.severity == "error" for one in problems)
