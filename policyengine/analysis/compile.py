"""A policy as written to a policy of the core: all passes, in the order in which they run.

In: the parsed file with those it uses, the vocabulary, the text its citations name, the policy it extends. Out: the
core policy, or None when anything is wrong, and all diagnostics in source order. Reads no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from policyengine.analysis import declare
from policyengine.analysis.names import Names, collect, declarations
from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.diagnostic import Diagnostic, Note, error, has_errors, in_order
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.syntax import ast

_D = TypeVar("_D", bound=ast.Declaration)

PASSES = (
    "declarations: the files joined, each once",
    "collect: names, duplicates, events, keys",
    "params, definitions, states, episodes, rules: names resolved, definitions put in place, types checked",
    "state_cycles: no state rests on itself",
    "citations: every place cited exists",
)
"""What `compile_policy` does, in order; each adds its diagnostics and goes on with what is sound."""


class CitedText(Protocol):
    """The articles a citation names."""

    def find(self, place: str) -> object | None:
        """The article, paragraph or item at a place such as `Art. 18(2)`."""

    def nearest(self, place: str) -> str | None:
        """The place that exists and is most like one that does not."""


def compile_policy(file: ast.File, vocabulary: Vocabulary, *, includes: Mapping[str, ast.File] | None = None,
                   text: CitedText | None = None, has_calendar: bool = True,
                   base: ir.Policy | None = None) -> tuple[ir.Policy | None, tuple[Diagnostic, ...]]:
    """The policy of a file. `includes` are the files it uses, by `names.included_path`; `base` is what it extends;
    without `text` citations are not checked."""
    policy, found = compile_sound(file, vocabulary, includes=includes, text=text, has_calendar=has_calendar, base=base)
    return (None if has_errors(found) else policy), found


def compile_sound(file: ast.File, vocabulary: Vocabulary, *, includes: Mapping[str, ast.File] | None = None,
                  text: CitedText | None = None, has_calendar: bool = True,
                  base: ir.Policy | None = None) -> tuple[ir.Policy | None, tuple[Diagnostic, ...]]:
    """As `compile_policy`, but with what is sound of a policy that has errors: for lints and editors, not to judge."""
    declared, found = declarations(file, includes or {})
    names, more = collect(declared, vocabulary, base)
    found += more
    context = declare.Context(names, has_calendar, found=found)
    header = _header(file, declared, found)
    extend = _single(declared, ast.Extend, "extend", found)
    _vocabulary(declared, vocabulary, base, header, found)
    if extend is not None and base is None:
        found.append(error("unknown-policy", f"there is no policy `{extend.regulation.text}` version "
                           f"`{extend.version.text}` to extend", extend.span))
    params = declare.params(context)
    declare.definitions(context)
    scope = _single(declared, ast.Applies, "applies when", found)
    # A house policy holds for what the policy it extends holds for, unless it says otherwise.
    applies = declare.applies(scope, context) if scope else base.applies if base else None
    states = tuple(declare.state(one, context) for one in declared
                   if isinstance(one, ast.StateHolds | ast.StateValue) and _declares(one, names))
    episodes = tuple(declare.episode(one, context) for one in declared
                     if isinstance(one, ast.Episode) and _declares(one, names))
    declare.state_cycles(states, episodes, context)
    rules = tuple(rule for one in declared if isinstance(one, ast.Rule)
                  for rule in (declare.rule(one, context),) if rule is not None and names.rules.get(rule.name) is one)
    unchecked = tuple(one for entry in declared if isinstance(entry, ast.Unchecked) for one in declare.unchecked(entry))
    forgets = tuple(declare.forget(one, context) for one in declared if isinstance(one, ast.Forget))
    if text is not None:
        found += _unknown_places(declared, text)
    diagnostics = in_order(found)
    if header is None:
        return None, diagnostics
    return ir.Policy(
        header.regulation.text, header.version.text, vocabulary.name,
        None if extend is None else (extend.regulation.text, extend.version.text), applies, params,
        (*(base.states if base else ()), *states), (*(base.episodes if base else ()), *episodes), rules, unchecked,
        forgets, declare.citations(scope.citations) if scope else (), header.span), diagnostics


def _header(file: ast.File, declared: Sequence[ast.Declaration], found: list[Diagnostic]) -> ast.PolicyHeader | None:
    header = _single(declared, ast.PolicyHeader, "policy", found)
    if header is None:
        found.append(error("no-header", "the file does not say which policy it is", Span(file.path, 1, 1, 1, 1),
                           help="begin with `policy NAME version LABEL`"))
    return header


def _single(declared: Sequence[ast.Declaration], kind: type[_D], word: str, found: list[Diagnostic]) -> _D | None:
    every = [one for one in declared if isinstance(one, kind)]
    for more in every[1:]:
        found.append(error("duplicate-name", f"`{word}` stands twice", more.span,
                           notes=(Note("the first is here", every[0].span),)))
    return every[0] if every else None


def _vocabulary(declared: Sequence[ast.Declaration], vocabulary: Vocabulary, base: ir.Policy | None,
                header: ast.PolicyHeader | None, found: list[Diagnostic]) -> None:
    use = _single(declared, ast.UseVocabulary, "use vocabulary", found)
    if use is None and base is None and header is not None:
        found.append(error("no-vocabulary", "the policy does not say which vocabulary it uses", header.span,
                           help=f"write `use vocabulary {vocabulary.name}` below it"))
    elif use is not None and use.name.text != vocabulary.name:
        found.append(error("unknown-vocabulary", f"there is no vocabulary `{use.name.text}`", use.name.span,
                           help=f"did you mean `{vocabulary.name}`?"))
    elif base is not None and base.vocabulary != vocabulary.name:
        found.append(error("unknown-vocabulary", f"the policy it extends uses the vocabulary `{base.vocabulary}`, this "
                           f"one `{vocabulary.name}`", use.span if use else None))


def _declares(one: ast.StateHolds | ast.StateValue | ast.Episode, names: Names) -> bool:
    """False for the second of two declarations of a name."""
    table = names.episodes if isinstance(one, ast.Episode) else names.states
    kept = table.get(one.name.text)
    return kept is not None and kept.span == one.name.span


def _unknown_places(declared: Iterable[ast.Declaration], text: CitedText) -> list[Diagnostic]:
    found = []
    for one in declared:
        for citation in _citations(one):
            if citation.instrument is None and text.find(citation.place) is None:
                near = text.nearest(citation.place)
                found.append(error("unknown-citation", f"the regulation has no `{citation.place}`", citation.span,
                                   "no such place", help=f"did you mean `{near}`?" if near else ""))
    return found


def _citations(one: ast.Declaration) -> tuple[ast.Citation, ...]:
    match one:
        case ast.Rule():
            return one.citations + tuple(place for unless in one.unless for place in unless.under)
        case ast.Param() | ast.Unchecked() | ast.Applies():
            return one.citations
        case _:
            return ()
