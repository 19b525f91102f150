"""Which names a policy declares: its files' declarations in, one table of names out.

Finds duplicates, unknown events and keys that events do not carry. What expressions mean is `lower`'s; a state's or an
episode's keys and type come from the vocabulary alone, so they are known before any expression is read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policyengine.analysis.infer import merge
from policyengine.analysis.vocabulary import Vocabulary
from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error
from policyengine.base.source import Span
from policyengine.core import ir
from policyengine.core.types import Bool, Date, Field, Instant, Number, Record, Text, Type, Unknown, describe
from policyengine.syntax import ast

BUILTIN_VALUES = ("today", "local_time")
BUILTIN_FUNCTIONS = ("completed_years",)


@dataclass(frozen=True, slots=True)
class State:
    """A state as others see it: its keys with their types, and what it gives. `valued` is false for one that holds."""

    name: str
    keys: Mapping[str, Type]
    type: Type
    valued: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Run:
    """Something with runs that a trigger can name: an episode, or a state that holds."""

    name: str
    keys: Mapping[str, Type]
    episode: bool
    span: Span


@dataclass(frozen=True)
class Names:
    """All declarations of a policy, by name; a name declared twice stands for its first declaration."""

    vocabulary: Vocabulary
    base: ir.Policy | None
    params: dict[str, ast.Param] = field(default_factory=dict)
    defines: dict[str, ast.Define] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    episodes: dict[str, Run] = field(default_factory=dict)
    rules: dict[str, ast.Rule] = field(default_factory=dict)
    base_params: dict[str, ir.Param] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Definitions with a mistake, which is reported where they stand and not where they are used."""

    def values(self) -> Iterator[str]:
        """Every name that can stand for a value or condition without arguments."""
        yield from (one.name for one in self.vocabulary.facts.fields)
        yield from BUILTIN_VALUES
        yield from self.params
        yield from self.base_params
        yield from self.defines
        yield from self.states

    def run(self, name: str) -> Run | None:
        """The episode, or the state that holds, of that name."""
        state = self.states.get(name)
        if state is not None and not state.valued:
            return Run(name, state.keys, False, state.span)
        return self.episodes.get(name)

    def place(self, name: str) -> Span | None:
        """Where a name is declared."""
        written = self.params.get(name) or self.defines.get(name)
        if written is not None:
            return written.name.span
        known = self.base_params.get(name) or self.states.get(name) or self.episodes.get(name)
        return known.span if known is not None else self.vocabulary.places.get(name)


def included_path(path: str, written: str) -> str:
    """The file that `use "…"` in the file at `path` means, and its key in `includes`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), written))


def declarations(file: ast.File, includes: Mapping[str, ast.File]) -> tuple[list[ast.Declaration], list[Diagnostic]]:
    """The declarations of a file and of those it uses, each once, an included file's where its `use` stands."""
    found: list[Diagnostic] = []
    seen = {posixpath.normpath(file.path)}

    def read(one: ast.File, *, included: bool) -> Iterator[ast.Declaration]:
        for declaration in one.declarations:
            if isinstance(declaration, ast.UseFile):
                path = included_path(one.path, declaration.path.value)
                if path not in includes:
                    found.append(error("unknown-file", f"there is no file `{path}`", declaration.path.span,
                                       help=did_you_mean(path, includes)))
                elif path not in seen:
                    seen.add(path)
                    yield from read(includes[path], included=True)
            elif included and isinstance(declaration, ast.PolicyHeader | ast.Extend | ast.Applies):
                word = {ast.PolicyHeader: "policy", ast.Extend: "extend", ast.Applies: "applies when"}[
                    declaration.__class__]
                found.append(error("misplaced", f"a file that others use has no `{word}`", declaration.span,
                                   help="write it in the file that uses this one"))
            elif not (included and isinstance(declaration, ast.UseVocabulary)):
                yield declaration

    return list(read(file, included=False)), found


def collect(declared: Sequence[ast.Declaration], vocabulary: Vocabulary,
            base: ir.Policy | None) -> tuple[Names, list[Diagnostic]]:
    """The table of names, and what is wrong with the declarations as such."""
    names = Names(vocabulary, base)
    found: list[Diagnostic] = []
    if base is not None:
        _take_over(base, names)
    taken: dict[str, Span] = {}
    for one in declared:
        match one:
            case ast.Param():
                overrides = one.name.text in names.base_params
                if overrides and not names.base_params[one.name.text].tunable:
                    found.append(error("not-tunable", f"`{one.name.text}` is set by the regulation and is not tunable",
                                       one.name.span, notes=(_first(names.base_params[one.name.text].span),)))
                if _new(one.name, taken, names, found, overrides=overrides):
                    names.params[one.name.text] = one
            case ast.Define():
                if _new(one.name, taken, names, found):
                    names.defines[one.name.text] = one
            case ast.StateHolds():
                if _new(one.name, taken, names, found):
                    keys = key_types(one.keys, [pattern.event for pattern in one.starts], "state", vocabulary, found)
                    names.states[one.name.text] = State(one.name.text, keys, Bool(), False, one.name.span)
                    _ends(keys, one.ends, "state", vocabulary, found)
            case ast.StateValue():
                if _new(one.name, taken, names, found):
                    sources = [source for tier in one.sources for source in tier]
                    keys = key_types(one.keys, [source.event for source in sources], "state", vocabulary, found)
                    type = _source_type(sources, vocabulary, found)
                    names.states[one.name.text] = State(one.name.text, keys, type, True, one.name.span)
            case ast.Episode():
                if _new(one.name, taken, names, found):
                    keys = key_types(one.keys, [pattern.event for pattern in one.events], "episode", vocabulary, found)
                    names.episodes[one.name.text] = Run(one.name.text, keys, True, one.name.span)
                    _ends(keys, one.ends, "episode", vocabulary, found)
            case ast.Rule():
                first = names.rules.get(one.name.text)
                if first is not None:
                    found.append(error("duplicate-name", f"there are two rules `{one.name.text}`", one.name.span,
                                       notes=(_first(first.name.span),)))
                elif theirs := base.rule(one.name.text) if base else None:
                    found.append(error("duplicate-name", f"the regulation has a rule `{one.name.text}` already",
                                       one.name.span, notes=(_first(theirs.span),),
                                       help="give the house rule a name of its own; both are judged"))
                else:
                    names.rules[one.name.text] = one
            case _:
                pass
    return names, found


def _take_over(base: ir.Policy, names: Names) -> None:
    names.base_params.update({param.name: param for param in base.params})
    for state in base.states:
        patterns = state.starts if isinstance(state, ir.BooleanState) else tuple(
            source.pattern for tier in state.tiers for source in tier)
        keys = _known_types(state.keys, [pattern.event for pattern in patterns], names.vocabulary)
        type = Bool() if isinstance(state, ir.BooleanState) else state.type
        names.states[state.name] = State(state.name, keys, type, isinstance(state, ir.ValuedState), state.span)
    for episode in base.episodes:
        keys = _known_types(episode.keys, [pattern.event for pattern in episode.events], names.vocabulary)
        names.episodes[episode.name] = Run(episode.name, keys, True, episode.span)


def _known_types(keys: Sequence[str], events: Sequence[str], vocabulary: Vocabulary) -> dict[str, Type]:
    types: dict[str, Type] = {}
    for key in keys:
        for event in events:
            one = vocabulary.events[event].record.field(key) if event in vocabulary.events else None
            if one is not None:
                types[key] = merge(types.get(key, Unknown()), one.type) or Unknown()
        types.setdefault(key, Unknown())
    return types


def _first(span: Span, message: str = "the first is here") -> Note:
    return Note(message, span)


def _new(name: ast.Name, taken: dict[str, Span], names: Names, found: list[Diagnostic], *,
         overrides: bool = False) -> bool:
    """Record a declared name; False, with a diagnostic, when it is taken."""
    text = name.text
    if text in BUILTIN_VALUES or text in BUILTIN_FUNCTIONS:
        found.append(error("duplicate-name", f"`{text}` has a meaning in the language already", name.span))
        return False
    if names.vocabulary.facts.field(text) is not None:
        found.append(error("duplicate-name", f"`{text}` is a fact of the vocabulary already", name.span,
                           notes=(_first(names.vocabulary.places[text], "the fact is here"),)))
        return False
    first = taken.get(text) or (None if overrides else names.place(text))
    if first is not None:
        found.append(error("duplicate-name", f"`{text}` is declared twice", name.span, notes=(_first(first),)))
        return False
    taken[text] = name.span
    return True


def unknown_event(name: ast.Name, vocabulary: Vocabulary) -> Diagnostic:
    """The diagnostic for a word that is no event type."""
    return error("unknown-event", f"the vocabulary has no event `{name.text}`", name.span, "unknown event",
                 help=did_you_mean(name.text, vocabulary.events))


def key_types(keys: Sequence[ast.Name], events: Sequence[ast.Name], what: str, vocabulary: Vocabulary,
              found: list[Diagnostic]) -> dict[str, Type]:
    """The type of each key; every event named must carry every key as a required field of one type."""
    types: dict[str, Type] = {}
    for event in dict.fromkeys(events):
        if event.text not in vocabulary.events:
            found.append(unknown_event(event, vocabulary))
    for key in keys:
        if key.text in types:
            found.append(error("duplicate-name", f"the key `{key.text}` stands twice", key.span))
            continue
        types[key.text] = key_type(key.text, events, what, vocabulary, found)
    return types


def key_type(key: str, events: Sequence[ast.Name], what: str, vocabulary: Vocabulary, found: list[Diagnostic]) -> Type:
    """The one type that a key has in all these events, as far as they are known."""
    type: Type = Unknown()
    for event in dict.fromkeys(events):
        if event.text in vocabulary.events:
            fault = missing_key(key, event, f"a key of the {what}", vocabulary)
            if fault is not None:
                found.append(fault)
                continue
            one = vocabulary.events[event.text].record.field(key)
            merged = merge(type, one.type) if one else type
            if merged is None and one is not None:
                found.append(_of_two_types(key, type, one.type, event))
            type = merged or Unknown()
    return type


def _of_two_types(key: str, one: Type, other: Type, event: ast.Name) -> Diagnostic:
    return error("type-mismatch", f"the key `{key}` is {describe(one)} in one event and {describe(other)} in another",
                 event.span)


def missing_key(key: str, event: ast.Name, role: str, vocabulary: Vocabulary, *, help: str = "") -> Diagnostic | None:
    """What is wrong when an event does not carry a key for certain, or None."""
    declared = vocabulary.events[event.text]
    one = declared.record.field(key)
    if one is None:
        near = did_you_mean(key, (one.name for one in declared.record.fields))
        return error("missing-key", f"`{event.text}` has no field `{key}`, which is {role}", event.span,
                     f"has no `{key}`", notes=_declared(event.text, vocabulary), help=help or near)
    if key not in declared.required:
        return error("missing-key", f"`{event.text}` may lack `{key}`, which is {role}", event.span,
                     f"`{key}` is not required", notes=_declared(event.text, vocabulary, key),
                     help=help or f"make `{key}` a required field of `{event.text}` in the vocabulary")
    if not isinstance(one.type, Text | Number | Bool | Date | Unknown):
        # An instant or a period may be written in several ways, and rows are told apart by what they say.
        what = describe(one.type)
        return error("type-mismatch", f"`{key}` is {what}, which cannot be {role}", event.span, f"`{key}` is {what}",
                     notes=_declared(event.text, vocabulary, key),
                     help="a key is a text, a number, a boolean or a date")
    return None


def _declared(event: str, vocabulary: Vocabulary, key: str = "") -> tuple[Note, ...]:
    place = vocabulary.places.get(f"{event}.{key}" if key else event) or vocabulary.places.get(event)
    name = f"{event}.{key}" if key else event
    return (Note(f"`{name}` is declared here", place),) if place else ()


def _ends(keys: Mapping[str, Type], ends: Sequence[ast.Pattern], what: str, vocabulary: Vocabulary,
          found: list[Diagnostic]) -> None:
    """An event that ends need not carry a key (it then ends all); one that it may or may not carry is doubtful, and
    one of another type ends nothing."""
    for pattern in ends:
        declared = vocabulary.events.get(pattern.event.text)
        if declared is None:
            found.append(unknown_event(pattern.event, vocabulary))
            continue
        for key, type in keys.items():
            one = declared.record.field(key)
            if one is not None and key not in declared.required:
                fault = missing_key(key, pattern.event, f"a key of the {what}", vocabulary)
                if fault is not None:
                    found.append(fault)
            elif one is not None and merge(type, one.type) is None:
                found.append(_of_two_types(key, type, one.type, pattern.event))


def _source_type(sources: Sequence[ast.EventField], vocabulary: Vocabulary, found: list[Diagnostic]) -> Type:
    type: Type = Unknown()
    for source in sources:
        if source.event.text not in vocabulary.events:
            continue  # reported with the keys
        one = field_type(source.event.text, source.field, vocabulary, found)
        if isinstance(one, Record):
            found.append(error("type-mismatch", "a state has one value, not a record", source.span,
                               help="name a field of it"))
            one = Unknown()
        merged = merge(type, one)
        if merged is None:
            found.append(error("type-mismatch", f"this source gives {describe(one)}, an earlier one {describe(type)}",
                               source.span))
        type = merged or Unknown()
    return type


def field_type(event: str, path: Sequence[ast.Name], vocabulary: Vocabulary, found: list[Diagnostic]) -> Type:
    """The type of a field of an event type that exists."""
    type: Type = vocabulary.events[event].record
    owner = event
    for name in path:
        if not isinstance(type, Record):
            found.append(error("unknown-field", f"`{owner}` is {describe(type)} and has no fields", name.span,
                               "no such field"))
            return Unknown()
        one = type.field(name.text)
        if one is None:
            found.append(unknown_field(owner, name, type))
            return Unknown()
        type, owner = one.type, f"{owner}.{name.text}"
    return type


def unknown_field(owner: str, name: ast.Name, record: Record) -> Diagnostic:
    """The diagnostic for a field a record does not have."""
    return error("unknown-field", f"`{owner}` has no field `{name.text}`", name.span, "unknown field",
                 help=did_you_mean(name.text, (one.name for one in record.fields)))


def shared_record(events: Sequence[str], vocabulary: Vocabulary) -> Record:
    """The fields that all these event types have in one type, required where all require them."""
    records = [vocabulary.events[event].record for event in events if event in vocabulary.events]
    if not records:
        return Record(())
    fields = []
    for one in records[0].fields:
        type: Type | None = one.type
        others = [record.field(one.name) for record in records[1:]]
        required = one.required
        for other in others:
            type = merge(type, other.type) if type is not None and other and other.default == one.default else None
            required = required and other is not None and other.required
        if type is not None:
            fields.append(Field(one.name, type, required, one.default))
    return Record(tuple(fields))


def run_record(run: Run) -> Record:
    """The fields of a mark: the keys of its run, and `time`."""
    return Record((Field("time", Instant(), required=True),
                   *(Field(key, type, required=True) for key, type in run.keys.items() if key != "time")))
