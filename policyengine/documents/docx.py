"""A Word file (.docx) to lines: bytes in, paragraphs as they read with all tracked changes accepted or rejected out.

Read are paragraphs and tables in the order written (each paragraph of a cell is a line), results of fields, hyperlinks,
formulas and content controls; automatic numbers are written out; footnotes and endnotes follow at the end in the order
of their marks. Left out are headers, footers, comments, hidden text, tables of contents (they repeat the headings) and,
with a warning, text boxes. A line break ends a line. The file is taken for hostile: what it unpacks to is bounded, a
document type is refused, and nothing it links to is opened.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.base.source import Span
from policyengine.documents.docx_numbering import Numbering, attribute, child, local, value_of, whole
from policyengine.documents.model import Line

View = Literal["accepted", "rejected"]

MAX_ENTRIES = 20_000
MAX_PART_BYTES = 64 * 1024 * 1024  # of one part as unpacked; the longest statutes take a tenth
MAX_RATIO = 300  # a part that shrinks more than this ...
RATIO_FROM = 16 * 1024 * 1024  # ... and is larger than this is no text that someone wrote

# What a view does not see: text in these, and paragraph marks, table rows and cells that carry them.
GONE: dict[View, frozenset[str]] = {"accepted": frozenset({"del", "moveFrom", "cellDel"}),
                                    "rejected": frozenset({"ins", "moveTo", "cellIns"})}

# Inside a paragraph, what holds text that is none of the line's.
SILENT = frozenset({"pPr", "rPr", "drawing", "pict", "object", "rt", "Fallback"})
TEXT = frozenset({"t", "delText", "sym", "tab", "br"})
MARKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}


def read_docx(path: str, data: bytes, view: View = "accepted") -> tuple[tuple[Line, ...] | None,
                                                                        tuple[Diagnostic, ...]]:
    """The lines of a Word file, `accepted` or `rejected` telling what its tracked changes are taken for.

    None, with an error that says what to do, where the file is damaged, locked, no Word file, or unpacks to too much.
    In spans, line N is the Nth paragraph of the file, counted alike in both views.
    """
    try:
        parts = _parts(path, data)
        reader = _Reader(path, view, parts)
        body = child(parts["document"], "body")
        reader.blocks(body if body is not None else ())
        reader.close()
        reader.notes(parts)
    except _Refused as problem:
        return None, (problem.diagnostic,)
    except RecursionError:
        return None, (_damaged(path, "its parts are nested too deep"),)
    if not reader.lines:
        return None, (*reader.warnings(), error("empty-document", "the file has no text", _whole(path)))
    return tuple(reader.lines), tuple(reader.warnings())


class _Refused(Exception):
    """The file cannot be read; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def _whole(path: str) -> Span:
    return Span(path, 1, 1, 1, 1)


def _damaged(path: str, why: str) -> Diagnostic:
    return error("damaged-file", f"the Word file is damaged: {why}", _whole(path),
                 help="open it in a word processor, and save it anew as .docx")


# ---- the package ------------------------------------------------------------------------------------------------

# The last word of a relationship's type -> what the part is to us.
PARTS = {"styles": "styles", "numbering": "numbering", "footnotes": "footnotes", "endnotes": "endnotes"}

# What begins so is no Word file, and what to say instead.
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", "name it .pdf"),
    (b"{\\rtf", "rich text (RTF)", "open it in a word processor, and save it as .docx"),
    (b"<", "text with markup", "name it .html, or open it in a word processor and save it as .docx"),
)


def _parts(path: str, data: bytes) -> dict[str, Element]:
    """The parts that are read, parsed: `document`, and of `PARTS` those that are there."""
    whole = _whole(path)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # a compound file: an old .doc, or a locked .docx
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise _Refused(error("password-protected", "the file is locked with a password", whole,
                                 help="open it with the password, and save a copy without"))
        raise _Refused(error("not-docx", "the file is a Word file of before 2007 (.doc)", whole,
                             help="open it in a word processor, and save it as .docx"))
    for start, what, hint in OTHERS:
        if data.lstrip().startswith(start):
            raise _Refused(error("not-docx", f"the file is {what}, not a Word file", whole, help=hint))
    if not data.startswith(b"PK"):
        raise _Refused(error("not-docx", "the file is not a Word file" if data else "the file is empty", whole,
                             help="look at what wrote it"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return _read_parts(path, package)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, OSError, ValueError
            ) as problem:
        raise _Refused(_damaged(path, f"it does not unpack ({shorten(str(problem)) or 'cut off'})")) from None
    except RuntimeError as problem:  # what zipfile raises for an entry under a password
        if isinstance(problem, RecursionError):
            raise
        raise _Refused(error("password-protected", "the file is locked with a password", whole,
                             help="unpack it with the password, and save a copy without")) from None


def _read_parts(path: str, package: zipfile.ZipFile) -> dict[str, Element]:
    names = {one.filename for one in package.infolist()}
    if len(package.infolist()) > MAX_ENTRIES:
        raise _Refused(error("unpacks-too-large", f"the file holds {len(package.infolist()):,} files",
                             _whole(path),
                             help="look at what wrote it; a Word file holds a few dozen"))
    main = next((target for kind, target in _relations(path, package, "", names) if kind == "officeDocument"), "")
    main = main if main in names else "word/document.xml"
    if main not in names:
        what = ("a workbook" if any(one.startswith("xl/") for one in names) else
                "a presentation" if any(one.startswith("ppt/") for one in names) else
                "an OpenDocument file" if "content.xml" in names else "a zip file that holds no Word document")
        raise _Refused(error("not-docx", f"the file is {what}, not a Word file", _whole(path),
                             help="open it in the program that wrote it, and save it as .docx"))
    found = {"document": _parse(path, package, main)}
    if local(found["document"]) != "document":
        raise _Refused(error("not-docx", "the file is not a Word file: its main part is none", _whole(path),
                             help="open it in the program that wrote it, and save it as .docx"))
    for kind, target in _relations(path, package, main, names):
        if kind in PARTS and target in names:
            found.setdefault(PARTS[kind], _parse(path, package, target))
    return found


def _relations(path: str, package: zipfile.ZipFile, part: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """The kinds and targets of the parts that `part` (empty: the package) names."""
    folder, name = posixpath.split(part)
    file = posixpath.join(folder, "_rels", f"{name}.rels")
    if file in names:
        for one in _parse(path, package, file):
            target = attribute(one, "Target") or ""
            if attribute(one, "TargetMode") != "External":
                yield ((attribute(one, "Type") or "").rpartition("/")[2],
                       posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/"))


class _NoDoctype(TreeBuilder):
    """A document type is where entities that grow or name files are declared; a Word file has none."""

    def doctype(self, *_: str | None) -> None:
        raise _Doctype


class _Doctype(Exception):
    pass


def _parse(path: str, package: zipfile.ZipFile, name: str) -> Element:
    info = package.getinfo(name)
    most = max(RATIO_FROM, min(MAX_PART_BYTES, info.compress_size * MAX_RATIO))
    with package.open(info) as part:
        text = part.read(most + 1)  # the size that the package declares may be a lie
    if len(text) > most:
        raise _Refused(error("unpacks-too-large", f"the file unpacks to more than {most >> 20} MB", _whole(path),
                             help="look at what wrote it; if it is a text, save it anew or in pieces"))
    parser = XMLParser(target=_NoDoctype())
    try:
        parser.feed(text)
        root: Element = parser.close()
        return root
    except _Doctype:
        raise _Refused(error("document-type", "the file declares a document type, which no Word file has", _whole(path),
                             help="look at what wrote it, or save it anew in a word processor")) from None
    except (ParseError, ValueError, LookupError) as problem:
        raise _Refused(_damaged(path, f"`{shorten(name)}` is not XML ({shorten(str(problem))})")) from None


# ---- styles -----------------------------------------------------------------------------------------------------

@dataclass(slots=True)
class _Style:
    """Of a paragraph style what the text needs; None: as the style it is based on."""

    name: str
    based_on: str
    level: int | None
    number: str | None
    depth: int | None


def _styles(root: Element | None) -> tuple[dict[str, _Style], str]:
    """The paragraph styles by their id, and which one a paragraph without any has."""
    found, default = {}, ""
    for one in root if root is not None else ():
        if local(one) == "style" and attribute(one, "type") == "paragraph":
            name = (value_of(one, "name") or "").lower()
            properties = child(one, "pPr")
            level = _outline(properties)
            if level is None and (match := re.fullmatch(r"heading ([1-9])", name)):
                level = int(match[1])
            if level is None and name == "title":
                level = 1
            key = attribute(one, "styleId") or ""
            found[key] = _Style(name, value_of(one, "basedOn") or "", level, value_of(properties, "numPr", "numId"),
                                _depth(properties))
            if attribute(one, "default") in ("1", "true", "on"):
                default = key
    return found, default


def _outline(properties: Element | None) -> int | None:
    """The heading level that paragraph properties give: 1 to 9, 0 for body text, None where they say nothing."""
    written = value_of(properties, "outlineLvl")
    return None if written is None else (whole(written, 9) + 1) % 10


def _depth(properties: Element | None) -> int | None:
    written = value_of(properties, "numPr", "ilvl")
    return None if written is None else whole(written, 0)


# ---- the text ---------------------------------------------------------------------------------------------------

@dataclass
class _Reader:
    """Walks one file in one view. `text` collects the line that is not ended yet: a paragraph whose mark the view does
    not see runs on into the next, and reads as that one is styled."""

    path: str
    view: View
    parts: dict[str, Element]
    lines: list[Line] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    properties: Element | None = None
    first: int = 1
    paragraphs: int = 0
    fields: list[bool] = field(default_factory=list)  # of each field that is open, whether its result has begun
    noted: list[tuple[str, str]] = field(default_factory=list)
    boxes: int = 0

    def __post_init__(self) -> None:
        self.gone = GONE[self.view]
        self.numbering = Numbering(self.parts.get("numbering"))
        self.styles, self.default_style = _styles(self.parts.get("styles"))

    def blocks(self, parent: Iterable[Element]) -> None:
        """Paragraphs and tables in the order written, whatever wraps them."""
        for one in parent:
            match local(one):
                case "p":
                    self.paragraph(one)
                case "tbl":
                    self.close()  # text does not run on into a table
                    self.table(one)
                case "sdt" if value_of(one, "sdtPr", "docPartObj", "docPartGallery") == "Table of Contents":
                    pass
                case "sdt" | "sdtContent" | "customXml" | "smartTag" | "AlternateContent" | "Choice":
                    self.blocks(one)
                case "ins" | "del" | "moveFrom" | "moveTo" as change if change not in self.gone:
                    self.blocks(one)
                case _:
                    pass

    def table(self, table: Element) -> None:
        """Each cell's paragraphs, row by row; rows and cells that the view does not see are not there."""
        for row in _inside(table, "tr"):
            if not self._sees(child(row, "trPr")):
                self._skip(row)
                continue
            for cell in _inside(row, "tc"):
                if self._sees(child(cell, "tcPr")):
                    self.blocks(cell)
                    self.close()
                else:
                    self._skip(cell)

    def _sees(self, properties: Element | None) -> bool:
        return properties is None or not any(local(one) in self.gone for one in properties)

    def _skip(self, parent: Element) -> None:
        """Paragraphs that are not there still count in spans, so that both views number alike."""
        self.paragraphs += sum(local(one) == "p" for one in parent.iter())

    def paragraph(self, paragraph: Element) -> None:
        self.paragraphs += 1
        if not self.text:
            self.first = self.paragraphs
        properties = child(paragraph, "pPr")
        self.properties = properties
        self.inline(paragraph)
        if self._sees(child(properties, "rPr")):
            self.end_paragraph()

    def close(self) -> None:
        """Ends what is open where no paragraph can follow on; without text there is nothing to end."""
        if "".join(self.text).strip():
            self.end_paragraph()
        self.text, self.properties = [], None

    def end_paragraph(self) -> None:
        """Ends the line that is open: its mark has come."""
        text, properties = "".join(self.text), self.properties
        self.text, self.properties = [], None
        self.fields = [result for result in self.fields if result]  # no code of a field runs past its paragraph
        if self.view == "rejected" and (before := child(properties, "pPrChange")) is not None:
            properties = child(before, "pPr")
        style = value_of(properties, "pStyle") or ""
        style = style if style in self.styles else self.default_style
        chain = list(self._chain(style))
        if any(re.fullmatch(r"toc \d", one.name) for one in chain):
            return
        level = _outline(properties)
        if level is None:
            level = next((one.level for one in chain if one.level is not None), 0)
        number = self._number(properties, chain, style)
        if number and text[:1].isspace() and not number.endswith(" "):
            number += " "
        text = (number + text.strip()).strip()
        span = Span(self.path, self.first, 1, self.paragraphs, 1)
        for line in [re.sub(r"\s*\n\s*", " ", text)] if level else text.split("\n"):
            if line.strip():
                self.lines.append(Line(line.strip(), level, span))

    def _chain(self, style: str) -> Iterator[_Style]:
        seen = set()
        while style in self.styles and style not in seen:
            seen.add(style)
            yield self.styles[style]
            style = self.styles[style].based_on

    def _number(self, properties: Element | None, chain: list[_Style], style: str) -> str:
        own = child(properties, "numPr")
        if own is not None and self.view == "rejected" and child(own, "ins") is not None:
            own = None
        number, depth = value_of(own, "numId"), value_of(own, "ilvl")
        if number is None:
            number = next((one.number for one in chain if one.number is not None), None)
        if number is None:
            return ""
        at = whole(depth, 0) if depth is not None else next((one.depth for one in chain if one.depth is not None), None)
        return self.numbering.next(number, at, style)

    def inline(self, parent: Element) -> None:
        """The text of a paragraph or of what stands in one."""
        for one in parent:
            name = local(one)
            if name in self.gone or name in SILENT:
                if name in ("drawing", "pict", "object"):
                    self.boxes += any(text.text for box in one.iter() if local(box) == "txbxContent"
                                      for text in box.iter() if local(text) == "t")
                continue
            if name == "fldChar":
                self._field(attribute(one, "fldCharType"))
            elif not all(self.fields) and name in TEXT:
                continue  # the code of a field, not its result
            elif name in ("t", "delText"):
                self.text.append(re.sub(r"[\r\n]+", " ", one.text or ""))
            elif name in MARKS:
                self.text.append(MARKS[name])
            elif name == "sym":
                self.text.append(_symbol(attribute(one, "char")))
            elif name in ("footnoteReference", "endnoteReference"):
                self.noted.append((name.removesuffix("Reference") + "s", attribute(one, "id") or ""))
            elif name == "r" and _hidden(child(one, "rPr")):
                continue
            else:
                self.inline(one)

    def _field(self, what: str | None) -> None:
        if what == "begin":
            self.fields.append(False)
        elif what == "separate" and self.fields:
            self.fields[-1] = True
        elif what == "end" and self.fields:
            self.fields.pop()

    def notes(self, parts: dict[str, Element]) -> None:
        """Footnotes and endnotes that the text refers to, as lines of their own."""
        notes = {(kind, attribute(note, "id")): note
                 for kind in ("footnotes", "endnotes") for note in parts.get(kind, ())}
        for one in dict.fromkeys(self.noted):
            if one in notes:
                self.fields.clear()
                self.blocks(notes[one])
                self.close()

    def warnings(self) -> Iterator[Diagnostic]:
        """What a reader should know was left out."""
        if self.boxes:
            many = self.boxes > 1
            yield warning("text-box-not-read", f"{self.boxes} text box{'es' if many else ''} of the file "
                          f"{'are' if many else 'is'} not read", _whole(self.path),
                          help="move what belongs to the text out of them")


def _inside(parent: Element, name: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row, also those that a content control or the like wraps."""
    for one in parent:
        if local(one) == name:
            yield one
        elif local(one) in ("sdt", "sdtContent", "customXml", "ins", "del"):
            yield from _inside(one, name)


def _hidden(properties: Element | None) -> bool:
    vanish = child(properties, "vanish")
    return vanish is not None and attribute(vanish, "val") not in ("0", "false", "off")


def _symbol(code: str | None) -> str:
    """A character given by its code; those of symbol fonts (a private area) mean nothing without the font."""
    number = int(code, 16) if code and re.fullmatch(r"[0-9A-Fa-f]{1,5}", code) else 0
    return chr(number) if number >= 0x20 and not 0xD800 <= number <= 0xF8FF else ""
