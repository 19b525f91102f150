"""`guiju explain`: one rule for a reader who has to follow it, or one lint or the name of a diagnostic for a reader who
has to mend something.

A rule is shown with the article it cites, its text, its reading as a sentence, what it rests on, its parameters,
examples from its cases, what to do, and how other versions say it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from policyengine.base.diagnostic import did_you_mean, error, has_errors, shorten
from policyengine.base.instants import format_instant
from policyengine.base.source import Source
from policyengine.cli.books import (
    named_regulation,
    open_library,
    opened,
    opened_house,
    regulation_option,
    version_option,
    wrapped,
)
from policyengine.cli.common import fail, paint, settings
from policyengine.cli.diagnostics import DIAGNOSTICS
from policyengine.cli.explain_words import PARTS, heading, say
from policyengine.core import ir
from policyengine.regulation.model import Regulation, Version
from policyengine.regulation.text import Article, Item, Paragraph, Text, read_text
from policyengine.report.diff_words import label
from policyengine.report.evidence import shown
from policyengine.report.words import LANGUAGES, citation, either
from policyengine.syntax import ast
from policyengine.syntax.parser import parse
from policyengine.workspace.casefile import PolicyCase, read_suite
from policyengine.workspace.config import Config, Lang
from policyengine.workspace.library import POLICY, TEXT, Book, Library
from policyengine.workspace.reading import Change, changes, reads, rests_on
from policyengine.workspace.reading_sentence import sentence, value_in_words
from policyengine.workspace.suites import FOLDER, open_suite

FORMATS = ("text", "json", "markdown")


@dataclass(frozen=True)
class Place:
    """A place that the rule cites: its heading and each paragraph, with how sure its wording is."""

    citation: str
    heading_en: str
    heading_zh: str
    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Example:
    """A case about the rule. `changes` are the facts it sets, `unset` those it takes away, `events` how it wrote them,
    `verdict` what it expects."""

    verdict: str
    name: str
    place: str
    changes: tuple[str, ...]
    unset: tuple[str, ...]
    events: tuple[str, ...]
    as_of: str


@dataclass(frozen=True)
class Other:
    """Another version: None where it has no rule of this name; no changes where it says the same."""

    label: str
    earlier: bool
    changes: tuple[Change, ...] | None


@dataclass(frozen=True)
class Explanation:
    """All that is said of a rule."""

    book: Book
    rule: ir.Rule
    text: tuple[Place, ...]
    reading: Mapping[Lang, str]
    written: str
    rests: tuple[str, ...]
    params: tuple[tuple[ir.Param, str, str], ...]
    examples: tuple[Example, ...]
    others: tuple[Other, ...]


@click.command("explain")
@click.argument("name", metavar="RULE|LINT|DIAGNOSTIC")
@regulation_option
@version_option
@click.option("--plan", "dialect", is_flag=False, flag_value="duckdb", default=None,
              type=click.Choice(["duckdb", "spark"]), metavar="[ENGINE]",
              help="The SQL that judges a rule about moments, for DuckDB or Spark.")
@click.option("--lang", type=click.Choice(["en", "zh"]),
              help="Language of headings and the sentence (env GUIJU_LANG). Default: en.")
@click.option("--format", "format", type=click.Choice(FORMATS), default=None,
              help="How to print it (env GUIJU_FORMAT). Default: text.")
def command(name: str, regulation: str | None, version: str | None, dialect: str | None, lang: str | None,
            format: str | None) -> int:
    """Explain a rule: its article, what it asks, parameters, examples, other versions. Or a lint, or a diagnostic."""
    config = settings(lang=lang, format=None if format == "markdown" else format)
    form = "markdown" if format == "markdown" else config.format
    if "-" in name and name in DIAGNOSTICS:  # no rule is called so, and the library may be what is broken
        return _diagnostic(name, form)
    library = open_library(config)
    known: list[str] = []
    for path in library.house if regulation is None else ():
        house, law, chosen = opened_house(library, path)
        known += [rule.name for rule in house.policy.rules]
        rule = house.policy.rule(name)
        if rule is not None and dialect is not None:
            return _plan(house, rule, dialect)
        if rule is not None:
            _print(explain(library, config, house, law, chosen, rule, path), form, config.lang)
            return 0
    for law, chosen in _candidates(library, config, regulation, version):
        book = opened(library, law, chosen)
        known += [rule.name for rule in book.policy.rules]
        rule = book.policy.rule(name)
        if rule is not None and dialect is not None:
            return _plan(book, rule, dialect)
        if rule is not None:
            path = library.folders[law.id] / chosen.label / POLICY
            _print(explain(library, config, book, law, chosen, rule, path), form, config.lang)
            return 0
    return _name(name, known, form)


def _plan(book: Book, rule: ir.Rule, dialect: str) -> int:
    """What is read, the query, and what is to be known of it."""
    from policyengine.workspace.planning import shown_plan

    shown = shown_plan(book, rule, {}, int(time.time()) * 1_000_000, dialect)
    lines = [f"-- {book.id} {book.label}, rule {rule.name}: a verdict for each of its moments"]
    lines += [f"-- reads {event}: {', '.join(columns) or 'no fields'}" for event, columns in shown.columns.items()]
    lines += [f"-- {note}" for note in (*shown.notes, *([shown.gap] if shown.gap else []))]
    click.echo("\n".join([*lines, *([shown.sql] if shown.sql else [])]))
    return 0


def _print(explanation: Explanation, form: str, lang: Lang) -> None:
    click.echo({"json": to_json, "markdown": to_markdown}.get(form, to_text)(explanation, lang))


def _candidates(library: Library, config: Config, regulation: str | None, version: str | None,
                ) -> list[tuple[Regulation, Version]]:
    """The versions to look in: the one named, else every one, the latest first."""
    if regulation is None and len(config.regulations or library.folders) != 1:
        names: Sequence[str] = config.regulations or sorted(library.folders)
    else:
        law, chosen = named_regulation(library, config, regulation, version)
        if version is not None or (regulation is not None and "@" in regulation):
            return [(law, chosen)]
        names = [law.id]
    found = []
    for one in names:
        law, chosen = named_regulation(library, config, one, version)
        rest = () if version is not None else law.versions[::-1]
        found += [(law, each) for each in dict.fromkeys((chosen, *rest))]
    return found


def _name(name: str, rules: Sequence[str], form: str) -> int:
    """What a lint finds, why, an example: its own docstring. What a diagnostic says: its row."""
    from policyengine.analysis.lint import LINTS

    lint = next((one for one in LINTS if one.name == name), None)
    if lint is None and name in DIAGNOSTICS:
        return _diagnostic(name, form)
    if lint is None:
        near = did_you_mean(name, [*rules, *(one.name for one in LINTS), *DIAGNOSTICS])
        fail((error("unknown-rule", f"no rule, lint or diagnostic is called `{shorten(name)}`",
                    help=near or "`guiju rules` lists the rules of a regulation"),))
    if form == "json":
        click.echo(json.dumps({"schema_version": "1.0", "lint": lint.name, "severity": lint.severity,
                               "explanation": lint.explanation.strip()}, ensure_ascii=False, indent=2))
    elif form == "markdown":
        click.echo(f"# {lint.name}\n\nLint, {lint.severity}.\n\n{lint.explanation.strip()}")
    else:
        click.echo(f"{paint(lint.name, 'strong')}  lint, {lint.severity}\n\n{lint.explanation.strip()}")
    return 0


def _diagnostic(name: str, form: str) -> int:
    says, do = DIAGNOSTICS[name]
    if form == "json":
        click.echo(json.dumps({"schema_version": "1.0", "diagnostic": name, "says": says, "do": do},
                              ensure_ascii=False, indent=2))
    elif form == "markdown":
        click.echo(f"# {name}\n\n{says}\n\n{do}")
    else:
        click.echo(f"{paint(name, 'strong')}  diagnostic\n\n{says}\n{do}")
    return 0


# ---- gathering --------------------------------------------------------------------------------------------------

def explain(library: Library, config: Config, book: Book, law: Regulation, version: Version, rule: ir.Rule,
            path: Path) -> Explanation:
    """Everything there is to say about a rule of the policy at `path`: one of a version, or a house policy's, which
    extends that version."""
    files, sources = _files(library, path)
    if book.house:
        more, texts = _files(library, library.folders[law.id] / version.label / POLICY)
        files += more
        sources |= texts
    own = _written(files, rule.name)
    read = reads(rule, book.policy)
    chosen = {one.name: one for one in config.params if one.regulation in (None, book.id)}
    params = []
    values = {}
    for param in book.policy.params:
        tuned = chosen.get(param.name)
        value = tuned.value if tuned is not None and param.tunable else shown(param.value).strip('"')
        values[param.name] = value
        if param.name in read.params:
            origin = config.origin("params") if tuned is not None and param.tunable else ""
            params.append((param, value, origin))
    rests = rests_on(own, files)
    return Explanation(
        book, rule, _text(library, law, version, rule), {lang: sentence(own, values, lang) for lang in LANGUAGES},
        _text_of(own.span, sources),
        tuple(_text_of(one.span, sources) for one in rests if not isinstance(one, ast.Param)), tuple(params),
        _examples(library, config, path.parent, rule.name),
        () if book.house else tuple(_others(library, law, version, own, rests)))


def _files(library: Library, policy: Path) -> tuple[list[ast.File], dict[str, Source]]:
    """A policy and the files it uses, as written."""
    files: list[ast.File] = []
    sources: dict[str, Source] = {}
    waiting = [policy]
    while waiting:
        path = Path(os.path.normpath(waiting.pop(0)))
        name = library.shown(path)
        if name in sources or not path.is_file():
            continue
        sources[name] = Source(name, path.read_text("utf-8"))
        file, _ = parse(name, sources[name].text)
        files.append(file)
        waiting += [path.parent / one.path.value for one in file.declarations if isinstance(one, ast.UseFile)]
    return files, sources


def _written(files: Sequence[ast.File], name: str) -> ast.Rule:
    found = _find(files, name)
    assert found is not None  # the core policy was made from these files
    return found


def _find(files: Sequence[ast.File], name: str) -> ast.Rule | None:
    return next((one for file in files for one in file.declarations
                 if isinstance(one, ast.Rule) and one.name.text == name), None)


def _text_of(span: Any, sources: Mapping[str, Source]) -> str:
    source = sources[span.path]
    return source.text[source.offset(span.line, span.column):source.offset(span.end_line, span.end_column)].rstrip()


def _text(library: Library, law: Regulation, version: Version, rule: ir.Rule) -> tuple[Place, ...]:
    file = library.folders[law.id] / version.label / TEXT
    if not file.is_file():
        return ()
    name = library.shown(file)
    source = Source(name, file.read_text("utf-8"))
    text, diagnostics = read_text(name, source.text)
    if has_errors(diagnostics) or text is None:
        fail(diagnostics, {name: source})
    found = []
    for cited in rule.citations:
        place = text.find(cited.place) if cited.instrument is None else None
        if place is not None:
            article = _article(text, cited.place)
            found.append(Place(cited.place, article.heading_en, article.heading_zh,
                               tuple(_lines(place, cited.place, text))))
    return tuple(found)


def _article(text: Text, citation: str) -> Article:
    place = text.find(citation.partition("(")[0].strip())
    assert isinstance(place, Article)
    return place


def _lines(place: Article | Paragraph | Item, citation: str, text: Text) -> list[tuple[str, str, str]]:
    """(number, text, grade) of a place and its parts; an item is read with the paragraph that leads to it."""
    if isinstance(place, Article):
        return [line for part in place.paragraphs for line in _lines(part, f"{citation}({part.number})", text)]
    lines = [(citation[citation.index("("):], place.text, place.grade)]
    if isinstance(place, Item):
        above = citation[:citation.rindex("(")]
        parent = text.find(above)
        if isinstance(parent, Paragraph | Item):
            lines.insert(0, (above[above.index("("):], parent.text, parent.grade))
    return lines + [line for part in place.items for line in _lines_down(part, f"{citation}({part.number})")]


def _lines_down(item: Item, citation: str) -> list[tuple[str, str, str]]:
    own = (citation[citation.index("("):], item.text, item.grade)
    return [own] + [line for part in item.items for line in _lines_down(part, f"{citation}({part.number})")]


def _examples(library: Library, config: Config, folder: Path, rule: str) -> tuple[Example, ...]:
    """One case that violates the rule and one that satisfies it; those said to be about it come first."""
    files = sorted((folder / FOLDER).glob("*.yaml"))
    if not files:
        return ()
    suite, _, _ = open_suite(library, folder, files, config)
    if suite is None:
        return ()
    cases, _, _ = read_suite(suite, {file: library.shown(file) for file in files})
    found: dict[str, Example] = {}
    for verdict in ("violated", "satisfied"):
        fitting = [case for case in cases if rule in case.expect and verdict in case.expect[rule].verdicts]
        # One verdict shows more than a list of them; what is said to be about the rule more than what mentions it.
        fitting.sort(key=lambda case: (len(case.expect[rule].verdicts), rule not in case.about, len(case.about),
                                       len(case.events)))
        if fitting:
            found.setdefault(fitting[0].name, _example(str(fitting[0].expect[rule]), fitting[0], suite.zone))
    return tuple(found.values())


def _example(verdict: str, case: PolicyCase, zone: str) -> Example:
    changed = [f"{path}: {_plain(value)}" for path, value in case.written.get("set", {}).items()]
    gone = case.written.get("unset", [])
    return Example(verdict, case.name, f"{case.file}:{case.span.line}", tuple(changed),
                   (gone,) if isinstance(gone, str) else tuple(gone),
                   tuple(_event(one) for one in case.written.get("events", [])),
                   format_instant(case.as_of, zone))


def _event(value: Any) -> str:
    """An event as its case writes it, without the braces that a line of its own does not need."""
    return _plain(value)[1:-1] if isinstance(value, dict) else _plain(value)


def _plain(value: Any) -> str:
    """A value as YAML in one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{key}: {_plain(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(_plain(one) for one in value) + "]"
        case _:
            return str(value)


def _others(library: Library, law: Regulation, version: Version, own: ast.Rule, rests: Sequence[ast.Declaration],
            ) -> list[Other]:
    found = []
    place = law.versions.index(version)
    for index, other in enumerate(law.versions):
        if other is version:
            continue
        files, _ = _files(library, library.folders[law.id] / other.label / POLICY)
        theirs = _find(files, own.name.text)
        earlier = index < place
        if theirs is None:
            found.append(Other(other.label, earlier, None))
            continue
        their_rests = rests_on(theirs, files)
        pair = (theirs, own, their_rests, rests) if earlier else (own, theirs, rests, their_rests)
        found.append(Other(other.label, earlier, changes(*pair)))
    return found


# ---- text -------------------------------------------------------------------------------------------------------

def to_text(one: Explanation, lang: Lang) -> str:
    """For a terminal, at most 100 columns wide where words allow it."""
    rule, book = one.rule, one.book
    title = either(rule.title, rule.title_zh, lang)
    lines = [paint(rule.name, "strong") + f"  {book.id} {book.label}", *wrapped(title, 0), _about(rule, lang)]

    def part(name: str) -> None:
        lines.extend(["", paint(heading(name, lang), "strong")])

    if one.text:
        part("text")
        for place in one.text:
            lines.extend(wrapped(_heading(place, lang), 2))
            for number, text, grade in place.lines:
                lines.extend(wrapped(f"{number} {text} [{grade}]", 4))
    part("reading")
    lines += wrapped(one.reading[lang], 2)
    part("rule")
    lines += [f"  {line}".rstrip() for line in one.written.splitlines()]
    lines.append(paint(f"  ({rule.span.path}:{rule.span.line})", "faint"))
    if one.rests:
        part("rests")
        lines += [f"  {line}".rstrip() for text in one.rests for line in text.splitlines()]
    if one.params:
        part("params")
        lines += ["  " + say("param", lang, param.name, value_in_words(value, lang),
                             _param(param, value, origin, lang)) for param, value, origin in one.params]
    if one.examples:
        part("examples")
        for example in one.examples:
            lines.append(f"  {_example_head(example, lang)}")
            lines += [line for text in _facts(example, lang) for line in wrapped(text, 6)]
            lines += [line for text in example.events[:12] for line in wrapped(f"- {text}", 6)]
            if len(example.events) > 12:
                lines.append(f"      {say('more', lang, len(example.events) - 12)}")
            lines.append(paint(f"      {say('judged', lang, example.as_of, example.place)}", "faint"))
    if rule.fix:
        part("fix")
        lines += wrapped(either(rule.fix, rule.fix_zh, lang), 2)
    if one.others:
        part("versions")
        for other in one.others:
            lines += _other_lines(other, lang)
    return "\n".join(lines)


def _about(rule: ir.Rule, lang: Lang) -> str:
    cites = _citations(rule.citations, lang) or say("cites nothing", lang)
    family = rule.family or say("no family", lang)
    return say("about", lang, say("about", lang, cites, family), label("severity", rule.severity, lang))


def _citations(places: Sequence[ir.Citation], lang: Lang) -> str:
    return say("comma", lang).join(citation(str(place)).told(lang) for place in places)


def _heading(place: Place, lang: Lang) -> str:
    names = (place.heading_zh, place.heading_en) if lang == "zh" else (place.heading_en, place.heading_zh)
    return f"{citation(place.citation).told(lang)}  {'  '.join(name for name in names if name)}"


def _param(param: ir.Param, value: str, origin: str, lang: Lang) -> str:
    said = say("tunable" if param.tunable else "fixed", lang)
    if param.citations:
        said = say("by", lang, said, _citations(param.citations, lang))
    usual = shown(param.value).strip('"')
    return said if value == usual else say("set", lang, said, origin, value_in_words(usual, lang))


def _example_head(example: Example, lang: Lang) -> str:
    """What the case expects, and its name."""
    if lang == "en":
        return say("example", lang, example.verdict, example.name)
    said = []
    for one in example.verdict.split(", "):
        *number, verdict = one.split()
        word = label("verdict", verdict, lang)
        said.append(say("several", lang, *number, word) if number else word)
    return say("example", lang, say("comma", lang).join(said), example.name)


def _facts(example: Example, lang: Lang) -> list[str]:
    """What the case says otherwise of the service than the others."""
    return [*example.changes, *(say("not stated", lang, path) for path in example.unset)]


def _other_lines(other: Other, lang: Lang) -> list[str]:
    if not other.changes:
        return wrapped(say("absent" if other.changes is None else "same", lang, other.label), 2)
    lines = [f"  {say('earlier' if other.earlier else 'later', lang, other.label)}"]
    for change in other.changes:
        theirs, ours = (change.before, change.after) if other.earlier else (change.after, change.before)
        name = label("part", PARTS[change.clause], lang) if lang == "zh" and change.clause in PARTS else change.clause
        lines += wrapped(say("change", lang, name, _clause(theirs, lang), _clause(ours, lang)), 4)
    return lines


def _clause(text: str, lang: Lang) -> str:
    return say("clause", lang, text) if text else say("no clause", lang)


# ---- markdown and json ------------------------------------------------------------------------------------------

def to_markdown(one: Explanation, lang: Lang) -> str:
    """For a page or a comment in a review."""
    rule, book = one.rule, one.book
    lines = [f"# {rule.name}", "", either(rule.title, rule.title_zh, lang), "",
             say("about", lang, f"{book.id} {book.label}", _about(rule, lang))]

    def part(name: str) -> None:
        lines.extend(["", f"## {heading(name, lang)}", ""])

    if one.text:
        part("text")
        for place in one.text:
            lines += [f"**{_heading(place, lang)}**", "", *(f"> {number} {text} `{grade}`  "
                                                            for number, text, grade in place.lines), ""]
    part("reading")
    lines.append(one.reading[lang])
    part("rule")
    lines += ["```", one.written, "```"]
    if one.rests:
        part("rests")
        lines += ["```", *one.rests, "```"]
    if one.params:
        part("params")
        lines += ["- " + say("param item", lang, param.name, value_in_words(value, lang),
                              _param(param, value, origin, lang)) for param, value, origin in one.params]
    if one.examples:
        part("examples")
        for example in one.examples:
            lines += [f"- {_example_head(example, lang)}",
                      *(f"  - `{text}`" for text in (*_facts(example, lang), *example.events))]
    if rule.fix:
        part("fix")
        lines.append(either(rule.fix, rule.fix_zh, lang))
    if one.others:
        part("versions")
        for other in one.others:
            first, *rest = (line.strip() for line in _other_lines(other, lang))
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)


def to_json(one: Explanation, _lang: Lang) -> str:
    """For programs: neutral of language, with both headings."""
    rule = one.rule
    return json.dumps({
        "schema_version": "1.0", "regulation": one.book.id, "version": one.book.label, "rule": rule.name,
        "title": rule.title, "title_zh": rule.title_zh, "citations": [str(citation) for citation in rule.citations],
        "family": rule.family, "severity": rule.severity, "file": rule.span.path, "line": rule.span.line,
        "text": [{"citation": place.citation, "heading": {"en": place.heading_en, "zh": place.heading_zh},
                  "paragraphs": [{"number": number, "text": text, "grade": grade}
                                 for number, text, grade in place.lines]} for place in one.text],
        "reading": one.reading["en"], "reading_zh": one.reading["zh"],
        "written": one.written, "rests_on": list(one.rests),
        "params": [{"name": param.name, "value": value, "tunable": param.tunable,
                    "citations": [str(citation) for citation in param.citations], "set_by": origin or None}
                   for param, value, origin in one.params],
        "examples": [{"verdict": example.verdict, "name": example.name, "place": example.place,
                      "changes": _facts(example, "en"), "events": list(example.events), "as_of": example.as_of}
                     for example in one.examples],
        "fix": rule.fix, "fix_zh": rule.fix_zh,
        "versions": [{"version": other.label, "earlier": other.earlier, "has_rule": other.changes is not None,
                      "changes": [{"clause": change.clause, "before": change.before or None,
                                   "after": change.after or None} for change in other.changes or ()]}
                     for other in one.others]}, ensure_ascii=False, indent=2)
