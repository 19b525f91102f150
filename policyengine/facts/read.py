"""Files of facts to documents: YAML, JSON and TOML by the rules of docs/input.md.

In come a path or a name and text; out come one `Document` a service, or diagnostics. The values are plain data: what a
field means, which are dates and which are missing, is the vocabulary's to say. Places are found only when asked for,
by a second reading, since most values of most files are never reported.
"""

from __future__ import annotations

import os
from functools import lru_cache
from io import BufferedReader
from pathlib import PurePath
from stat import S_ISREG
from typing import Any, Literal, assert_never

from policyengine.base import json_text
from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.places import Place, Positions
from policyengine.base.record import record
from policyengine.base.scalars import char_span, decode, nul, start_of
from policyengine.base.source import Source

Format = Literal["yaml", "json", "toml"]
SUFFIXES: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
MAX_BYTES = 16 * 1024 * 1024  # a service's facts are some kilobytes; this is a wrong file or an attack


@record
class Document:
    """The facts of one service as they stand in a file.

    `index` counts the documents of a YAML file from 0. `value` holds dict, list, str, bool, None, int and Decimal, and
    is only read: values that a YAML alias repeats are one object. `text` is the whole file's.
    """

    path: str
    index: int
    value: dict[str, Any]
    text: str
    format: Format


def read_file(path: str | PurePath) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents of a file, by its suffix, and what is wrong with it; documents with an error are left out."""
    name = str(path)
    data, problem = _bytes(name)
    if data is None:
        return (), (problem,) if problem else ()
    return read_bytes(name, data)


def read_bytes(path: str, data: bytes, *, format: Format | None = None) -> tuple[tuple[Document, ...],
                                                                                 tuple[Diagnostic, ...]]:
    """As `read_text`, for bytes that the caller read, such as standard input."""
    if len(data) > MAX_BYTES:
        return (), (_too_large(path),)
    text, problems = decode(path, data)
    if text is None:
        return (), problems
    return _read(path, text, format)  # what was UTF-8 holds no half of a pair, and `decode` looked for NUL


def read_text(path: str, text: str, *, format: Format | None = None) -> tuple[tuple[Document, ...],
                                                                              tuple[Diagnostic, ...]]:
    """The documents of a text, in the format of its name's suffix unless `format` says another."""
    if "\0" in text:
        return (), (nul(path, text),)
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as problem:
            return (), (error("lone-surrogate", "found half of a pair, which stands for no character",
                              char_span(path, text, problem.start), "not a character"),)
    return _read(path, text, format)


def _read(path: str, text: str, format: Format | None) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    form = format or SUFFIXES.get(os.path.splitext(path)[1].lower())
    if form is None:
        return (), (_unknown_format(path),)
    match form:
        case "yaml":
            return _yaml(path, text)
        case "json":
            return _json(path, text)
        case "toml":
            return _toml(path, text)
    assert_never(form)


def positions(document: Document) -> Positions:
    """Where every value and key of a document stands; read again for this, once a text."""
    place = _places(document.format, document.text)[document.index]
    return Positions(Source(document.path, document.text), place)


@lru_cache(maxsize=2)  # the findings of one file come one after the other
def _places(form: Format, text: str) -> tuple[Place, ...]:
    match form:
        case "yaml":
            from policyengine.facts import yaml_profile

            return tuple(document.place for document in yaml_profile.read("", text)[0])
        case "json":
            return (json_text.places(text),)
        case "toml":
            from policyengine.facts import toml_text

            return (toml_text.places(text),)
    assert_never(form)


# Each format's library is imported where its first file is read: a run over JSON needs neither yaml nor tomllib.


def _yaml(path: str, text: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    import yaml

    from policyengine.facts import yaml_profile

    try:
        values = yaml_profile.load(text)
    except (yaml_profile.Unusual, yaml.YAMLError, RecursionError):
        found, problems = yaml_profile.read(path, text)
        if not found and not problems:
            problems = (_empty(path, text),)
        good = tuple(Document(path, index, one.value, text, "yaml")
                     for index, one in enumerate(found) if not one.diagnostics)
        return good, (*(one for document in found for one in document.diagnostics), *problems)
    return tuple(Document(path, index, value, text, "yaml") for index, value in enumerate(values)), ()


def _json(path: str, text: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    if not text.strip(" \t\r\n"):
        return (), (_empty(path, text),)
    try:
        value = json_text.parse(text)
    except (ValueError, RecursionError):
        return (), json_text.diagnose(path, text)
    if type(value) is not dict:
        return (), (_not_a_mapping(path, text, value),)
    return (Document(path, 0, value, text, "json"),), ()


def _toml(path: str, text: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    from policyengine.facts import toml_text

    value, problems = toml_text.read(path, text)
    if value is None:
        return (), problems
    if not value:
        return (), (_empty(path, text),)
    return (Document(path, 0, value, text, "toml"),), ()


def _empty(path: str, text: str) -> Diagnostic:
    return error("empty-document", f"`{path}` holds no facts", Source(path, text).span(0, 0), "nothing but space "
                 "and comments" if text.strip() else "nothing here", help="write the facts of one service")


def _not_a_mapping(path: str, text: str, value: Any) -> Diagnostic:
    source = Source(path, text)
    place = json_text.places(text)
    end = text.find("\n", place.start)
    span = source.span(place.start, place.end if end < 0 else min(place.end, end))
    if isinstance(value, list):
        return error("not-a-mapping", "the document is a list, not a mapping of facts", span, "a list",
                     help="write one file a service, or one YAML file with `---` between the services")
    return error("not-a-mapping", "the document is one value, not a mapping of facts", span, "no mapping",
                 help='write `{"key": value}`')


def _bytes(path: str) -> tuple[bytes | None, Diagnostic | None]:
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if status.st_size > MAX_BYTES:
                return None, _too_large(path)
            if S_ISREG(status.st_mode):
                return file.readall(), None
            return BufferedReader(file).read(MAX_BYTES + 1), None  # a pipe has no size and may never end
    except FileNotFoundError:
        return None, error("missing-file", f"`{path}` does not exist")
    except IsADirectoryError:
        return None, error("unreadable-file", f"`{path}` is a directory, not a file")
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        reason = getattr(problem, "strerror", None) or str(problem)
        return None, error("unreadable-file", f"cannot read `{shorten(path)}`: {reason.lower()}")


def _too_large(path: str) -> Diagnostic:
    return error("file-too-large", f"`{path}` is larger than {MAX_BYTES // 1024 // 1024} MB", start_of(path))


def _unknown_format(path: str) -> Diagnostic:
    suffix = os.path.splitext(path)[1]
    what = f"the suffix `{shorten(suffix)}`" if suffix else "no suffix"
    return error("unknown-format", f"`{shorten(path)}` has {what}; facts are read from YAML, JSON and TOML",
                 start_of(path), help=f"name the file with {', '.join(f'`{one}`' for one in SUFFIXES)}")
