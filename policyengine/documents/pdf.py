"""A PDF to lines: its bytes in, its paragraphs out, put together from the lines of its pages.

A PDF has no paragraphs, only text at places. A paragraph ends where the next line stands further down than lines do, or
is indented as first lines are; else lines go on as those of a wrapped text do (`plain`). Left out are page numbers and
what stands at the top or bottom of most pages; words divided at a line's end are joined. What a PDF shows as pictures
has no text, and is not recognised here. It knows no headings: no line has a level.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, WrongPasswordError

from policyengine.base.diagnostic import Diagnostic, error, shorten, warning
from policyengine.base.record import record
from policyengine.base.source import Span
from policyengine.documents.model import Line
from policyengine.documents.numbering import read_heading, read_mark
from policyengine.documents.plain import clean, join_wrapped

MAX_PAGES = 10_000
EDGE = 3  # lines at the top and at the bottom of a page that may be a header or a footer

# A line at a page's edge that says where one is, and nothing else.
_PAGE = re.compile(r"""[-–—·\s]*(?:\d{1,5}|[ivxlc]{1,7})[-–—·\s]*
    | (?:page|p\.)\s*\d{1,5}(?:\s*(?:of|/)\s*\d{1,5})? | \d{1,5}\s*(?:/|of)\s*\d{1,5}
    | 第\s*\d{1,5}\s*页(?:\s*[,，/]?\s*共\s*\d{1,5}\s*页)?""", re.IGNORECASE | re.VERBOSE)


def read_pdf(path: str, data: bytes) -> tuple[tuple[Line, ...] | None, tuple[Diagnostic, ...]]:
    """The paragraphs of a PDF. In spans, line N is the Nth line of text of the whole file, page after page.

    None with an error where it is locked, damaged, or has pictures of pages instead of text; a warning names pages
    that have none."""
    whole = Span(path, 1, 1, 1, 1)
    try:
        pages = _pages(data)
    except DependencyError:
        return None, (error("password-protected", "the PDF is encrypted in a way that needs another package", whole,
                            help="`pip install cryptography`, or print the file to a new PDF"),)
    except WrongPasswordError:
        return None, (error("password-protected", "the PDF is locked with a password", whole,
                            help="open it with the password, and print it to a new PDF"),)
    except RecursionError:
        return None, (_damaged(whole, "its parts are nested too deep"),)
    # The package reads what it is given, and hostile bytes lead it into errors of every kind.
    except Exception as problem:
        return None, (_damaged(whole, shorten(str(problem)) or "it cannot be taken apart"),)
    if len(pages) > MAX_PAGES:
        return None, (error("document-too-large", f"the PDF has {len(pages):,} pages, more than the {MAX_PAGES:,} that "
                            "are read", whole),)
    empty = [number for number, page in enumerate(pages, 1) if not page]
    lines = join_wrapped(path, [(number, text, text) for number, text in _body(pages)])
    if not lines:
        return None, (error("scanned-pdf", "the PDF has no text, only pictures of pages" if pages else
                            "the PDF has no pages", whole,
                            help="run text recognition over it (such as `ocrmypdf in.pdf out.pdf`), or get the text in "
                                 "another format"),)
    # the columns of a line that was put together from pieces mean nothing
    lines = tuple(Line(_unspaced(line.text), 0, Span(path, line.span.line, 1, line.span.end_line, 1)) for line in lines)
    if not empty:
        return lines, ()
    named = ", ".join(map(str, empty[:5])) + (" and more" if len(empty) > 5 else "")
    return lines, (warning("page-without-text", f"page{'s' if len(empty) > 1 else ''} {named} of {len(pages):,} "
                           f"{'have' if len(empty) > 1 else 'has'} no text", whole,
                           help="if they are not blank, run text recognition over the file"),)


def _damaged(whole: Span, why: str) -> Diagnostic:
    return error("damaged-file", f"the PDF is damaged: {why}", whole,
                 help="open it in a viewer, and print it to a new PDF")


# ---- pages ------------------------------------------------------------------------------------------------------

@record
class _Text:
    """A line of a page: its text, and where it begins, in points from the left and the bottom of the page."""

    text: str
    x: float
    y: float


def _pages(data: bytes) -> list[list[_Text]]:
    """The lines of each page, those without text left out."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it would tell the user of every oddity that it mends
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):  # many are locked against changes only: the password is empty
        raise WrongPasswordError
    if len(reader.pages) > MAX_PAGES:
        return [[]] * len(reader.pages)
    return [_lines(page) for page in reader.pages]


def _lines(page: PageObject) -> list[_Text]:
    found: list[_Text] = []
    pieces: list[str] = []
    place = (0.0, 0.0)

    def end() -> None:
        text = clean(_plain("".join(pieces)))
        if text:
            found.append(_Text(text, *place))
        pieces.clear()

    def visit(text: str, page_matrix: list[float], matrix: list[float], *_: object) -> None:
        nonlocal place
        for number, part in enumerate(re.split(r"[\r\n\f]", text)):
            if number:
                end()
            if part.strip() and not "".join(pieces).strip():
                place = (matrix[4] * page_matrix[0] + page_matrix[4], matrix[5] * page_matrix[3] + page_matrix[5])
            pieces.append(part)

    page.extract_text(visitor_text=visit)
    end()
    return found


def _plain(text: str) -> str:
    """Radicals and ligatures, which some fonts give for the characters that they look like, as those characters."""
    return _LOOKALIKES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text).replace("\xa0", " ")


_LOOKALIKES = re.compile("[\u2e80-\u2fdf\ufb00-\ufb06\U0002f800-\U0002fa1f\uf900-\ufaff]")
_WIDE = "[\u3000-\u303f\u3400-\u9fff\uff01-\uff60]"
_SPACED = re.compile(f"(?<={_WIDE}) (?={_WIDE})")
_SET_APART = re.compile(f"(?<={_WIDE}) (?=[0-9A-Za-z])|(?<=[0-9A-Za-z%]) (?={_WIDE})")


def _unspaced(text: str) -> str:
    """Chinese without the gaps that typesetting leaves: between all characters of a wide line, and around digits and
    Latin letters. After a label the space stays."""
    wide = len(re.findall(_WIDE, text))
    if wide * 2 < len(text.replace(" ", "")):
        return text
    gaps = len(_SPACED.findall(text))
    text = _SPACED.sub("", text) if gaps > 2 and gaps > len(text) / 4 else text
    label = read_heading(text) or read_mark(text)
    start = label.end + 1 if label else 0
    return text[:start] + _SET_APART.sub("", text[start:])


# ---- the text of all pages --------------------------------------------------------------------------------------

def _body(pages: Sequence[list[_Text]]) -> list[tuple[int, str]]:
    """The lines of the text with their numbers in the file: no headers, footers and page numbers, no divided words; an
    empty one where a paragraph is seen to end."""
    repeated = _repeated(pages)
    bodies: list[list[tuple[int, _Text]]] = []
    number = 0
    for page in pages:
        first, last = 0, len(page)
        while first < min(EDGE, last) and _is_edge(page[first].text, repeated):
            first += 1
        while last > max(first, len(page) - EDGE) and _is_edge(page[last - 1].text, repeated):
            last -= 1
        bodies.append([(number + place + 1, page[place]) for place in range(first, last)])
        number += len(page)
    pitch, indent = _pitch(bodies), _first_line(bodies)
    found: list[tuple[int, str]] = []
    for body in bodies:
        above: _Text | None = None
        for number, line in body:
            apart = above is not None and above.y - line.y > pitch * 1.2
            if apart or (indent is not None and abs(line.x - indent) < NEAR):
                found.append((number, ""))
            found.append((number, line.text))
            above = line
    return _undivided(found)


NEAR = 2.0  # points by which places differ that are meant to be the same


def _pitch(bodies: Sequence[list[tuple[int, _Text]]]) -> float:
    """How far below one line the next of its paragraph stands: the smallest distance that is at all common."""
    steps = [round(above.y - line.y) for body in bodies for (_, above), (_, line) in pairwise(body) if above.y > line.y]
    common = [step for step, times in Counter(steps).items() if times * 10 >= len(steps) and step > 2]
    return min(common, default=float("inf"))


def _first_line(bodies: Sequence[list[tuple[int, _Text]]]) -> float | None:
    """Where the first lines of paragraphs begin, if they are indented: right of where other lines do, and nearly always
    after the end of a sentence (lines of a hanging indent stand there in the middle of one)."""
    lines = [line for body in bodies for _, line in body]
    starts = Counter(round(line.x) for line in lines)
    margin, *others = sorted(x for x, times in starts.items() if times * 20 >= len(lines)) or [0]
    before = [False, *(line.text.endswith(_ENDS) for line in lines)]
    for indent in others:
        places = [place for place, line in enumerate(lines) if abs(line.x - indent) < NEAR and place]
        if 8 < indent - margin < 80 and sum(before[place] for place in places) >= len(places) * 0.8 > 1:
            return float(indent)
    return None


_ENDS = tuple("。；：！？.;:!?”’\"…")


def _is_edge(line: str, repeated: frozenset[str]) -> bool:
    return _PAGE.fullmatch(line) is not None or _shape(line) in repeated


def _shape(line: str) -> str:
    """A line as it reads on every page, without the number of the page; empty where it begins a unit of the text, as
    it does on many pages where each begins with an article."""
    return "" if read_heading(line) or read_mark(line) else re.sub(r"^\d+\s+|\s+\d+$", "", line)


def _repeated(pages: Sequence[list[_Text]]) -> frozenset[str]:
    """What stands at an edge of more than half of the pages (of three at least)."""
    with_text = [page for page in pages if page]
    if len(with_text) < 3:
        return frozenset()
    seen = Counter(shape for page in with_text
                   for shape in {_shape(line.text) for line in page[:EDGE] + page[max(EDGE, len(page) - EDGE):]})
    return frozenset(shape for shape, times in seen.items() if shape and times > len(with_text) / 2)


def _undivided(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """A word that a hyphen divides at a line's end goes whole to that line; the hyphen stays where the text has the
    word with one elsewhere."""
    text = "\n".join(line for _, line in lines).lower()
    found = list(lines)
    for place in range(len(found) - 1):
        (number, line), (following, after) = found[place], found[place + 1]
        head = re.search(r"([A-Za-z]+)-$", line)
        tail = re.match(r"[a-z]+(\S*)", after)
        if head and tail:
            word = re.match(r"[a-z]+", after)
            second = word[0] if word else ""
            hyphen = "-" if f"{head[1]}-{second}".lower() in text else ""
            found[place] = (number, line[:-1] + hyphen + tail[0])
            rest = after[len(tail[0]):].lstrip()
            found[place + 1] = (following, rest)
    return found
