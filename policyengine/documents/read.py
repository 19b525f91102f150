"""Any file to a `Document`: which format it is, its encoding, its lines, its units.

In: the bytes of a file and the name the user gave it. Out: the document, or None with the reason. The format follows
the content where that is beyond doubt (a PDF named .txt is a PDF), else the file's ending. Each reader is imported when
a file needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from policyengine.base.diagnostic import Diagnostic, Note, error, has_errors
from policyengine.base.source import Span
from policyengine.documents.encoding import decode
from policyengine.documents.model import Document, Line
from policyengine.documents.structure import structure

_Read = tuple[tuple[Line, ...] | None, tuple[Diagnostic, ...]]

SUFFIXES: Final = {
    "md": "markdown", "markdown": "markdown", "txt": "plain", "text": "plain", "docx": "docx", "html": "html",
    "htm": "html", "xhtml": "html", "pdf": "pdf",
}
"""The format a file's ending stands for."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read; the longest statutes have a few million characters."""

_HTML: Final = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_NUMBERING: Final = (
    Note("an article begins a line as `第十八条`, `Article 18`, `Art. 18`, `Section 4`, `§ 22602`; where a text has "
         "none of these, as `1.` or `一、`"),)


def format_of(path: str, data: bytes) -> str:
    """`markdown`, `plain`, `docx`, `html` or `pdf`; plain text where neither content nor ending says more."""
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "docx"
    suffix = path.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    wanted = SUFFIXES.get(suffix, "")
    return "html" if wanted not in ("docx", "pdf", "markdown") and _HTML.match(data[:2048].lstrip(b"\xef\xbb\xbf")) \
        else wanted or "plain"


def read_document(path: str, data: bytes) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """The document in a file's bytes, or None and why: too large, no text, an encoding unknown, no articles.

    Warnings may come with a document.
    """
    lines, found = read_lines(path, data)
    if lines is None or has_errors(found):
        return None, found
    whole = Span(path, 1, 1, 1, 1)
    if not any(line.text for line in lines):
        return None, (*found, error("empty-document", "the file has no text", whole))
    document = structure(path, lines)
    if not document.articles():
        return None, (*found, error("no-articles", "no line of this text begins with an article's number", whole,
                                    notes=_NUMBERING))
    return document, found


def read_lines(path: str, data: bytes) -> _Read:
    """The lines of a file of any format, whether or not it has articles; None where it cannot be read."""
    if len(data) > MAX_BYTES:
        size = f"the file has {len(data) // (1024 * 1024)} MB, more than the {MAX_BYTES // (1024 * 1024)} that are read"
        return None, (error("document-too-large", size, Span(path, 1, 1, 1, 1)),)
    wanted = format_of(path, data)
    match wanted:
        case "docx":
            from policyengine.documents.docx import read_docx

            return read_docx(path, data)
        case "pdf":
            from policyengine.documents.pdf import read_pdf

            return read_pdf(path, data)
        case "html":
            from policyengine.documents.html import read_html

            return read_html(path, data)
    text, found = decode(path, data)
    if text is None:
        return None, found
    return _reader(wanted)(path, text)


def _reader(wanted: str) -> Callable[[str, str], _Read]:
    if wanted == "markdown":
        from policyengine.documents.markdown import read_markdown

        return read_markdown
    from policyengine.documents.plain import read_plain

    return read_plain
