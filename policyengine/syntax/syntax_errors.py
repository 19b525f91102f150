"""Where a text broke off, and what could have followed -> a message in the words of the policy.

`explain` tries the common mistakes first, one small function each, and else says what was expected after which word.
It sees one declaration or one clause; it does not know lark, nor the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policyengine.base.diagnostic import Diagnostic, Note, error, nearest, shorten
from policyengine.base.source import Source, Span
from policyengine.syntax.grammar import CLAUSES, DECLARATIONS, RESERVED, Stuck


def explain(path: str, text: str, line: int, stuck: Stuck) -> Diagnostic:
    """The message for the place where `text`, whose first line is line `line` of the file, broke off."""
    place = _place(path, text, line, stuck)
    return next((said for mistake in MISTAKES if (said := mistake(place)) is not None), None) or _expected(place)


def unknown_declaration(path: str, line: str, number: int) -> Diagnostic:
    """A line whose first word, in column 1, opens no declaration."""
    match = re.match(r"\w+|\S", line)
    word = match[0] if match else line
    span = Span(path, number, 1, number, 1 + len(word))
    if word in FULL_WIDTH or not word.isprintable():
        return error("syntax", f"expected a declaration, found `{shorten(word)}`", span, "not a declaration")
    meant = nearest(word.lower(), DECLARATIONS) or FOREIGN_DECLARATIONS.get(word.lower())
    help = f"did you mean `{meant}`?" if meant else (
        f"in column 1 stands one of {', '.join(DECLARATIONS)}; a line that goes on is indented")
    if line.startswith(("//", "--", "/*")):
        help = "a comment begins with `#`"
    return error("syntax", f"expected a declaration, found `{shorten(word)}`", span, "not a declaration", help=help)


def not_indented(path: str, word: str, number: int) -> Diagnostic:
    """A clause or an operator in column 1, below a declaration."""
    what = "a clause of a rule" if word in CLAUSES else "the middle of a sentence"
    return error("syntax", f"`{word}` stands in column 1, where declarations begin",
                 Span(path, number, 1, number, 1 + len(word)), what, help="put two spaces before it")


def no_declaration(path: str, line: str, number: int) -> Diagnostic:
    """Indented text above the first declaration."""
    written = line.strip()
    if not line[0].isspace():
        return not_indented(path, re.split(r"\W", written)[0] or written[0], number)
    column = len(line) - len(line.lstrip()) + 1
    word = re.split(r"\s", written)[0]
    help = "begin the line in column 1" if word in DECLARATIONS else "indented lines belong to a declaration above them"
    return error("syntax", f"expected a declaration, found indented text `{shorten(word)}`",
                 Span(path, number, column, number, column + len(word)), "belongs to no declaration", help=help)


# ---- the place --------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Place:
    """The words before the mistake, the word it was found at (None at the end), the words behind it."""

    source: Source
    line: int
    before: tuple[_Word, ...]
    found: _Word | None
    after: tuple[_Word, ...]
    expected: frozenset[str]

    @property
    def word(self) -> str:
        return self.found.text if self.found else ""

    @property
    def previous(self) -> str:
        return self.before[-1].text if self.before else ""

    @property
    def next(self) -> str:
        return self.after[0].text if self.after else ""

    @property
    def end(self) -> str:
        first = self.before[0].text if self.before else self.word
        kind = "clause" if first in CLAUSES else "rule" if first == "rule" else "declaration"
        return f"the end of the {kind}"

    @property
    def found_said(self) -> str:
        return f"`{shorten(self.word, 40)}`" if self.found else self.end

    @property
    def first_on_line(self) -> bool:
        if self.found is None:
            return True
        start = self.source.text.rfind("\n", 0, self.found.start) + 1
        return not self.source.text[start:self.found.start].strip()

    def span_of(self, first: _Word, last: _Word | None = None) -> Span:
        span = self.source.span(first.start, (last or first).end)
        lines = self.line - 1
        return Span(span.path, span.line + lines, span.column, span.end_line + lines, span.end_column)

    @property
    def span(self) -> Span:
        """The word found, or the column behind the last word."""
        if self.found:
            return self.span_of(self.found)
        end = self.before[-1].end if self.before else 0
        return self.span_of(_Word("", end, end + 1))

    def say(self, message: str, label: str = "", help: str = "", *, span: Span | None = None,
            notes: tuple[Note, ...] = ()) -> Diagnostic:
        return error("syntax", message, span or self.span, label, notes=notes, help=help)


_PLACE = r"(?:(?:Art\.|Sec\.|App\.|§)[ \t]*|(?:Clause|Annex)[ \t]+)\w+(?:[.-]\w+)*(?:[ \t]*\(\w+\))*"
_UNIT = r"(?:(?:second|minute|hour|day|week|month|year)s?|working\s+days?)\b"
_SCAN = re.compile(
    rf"""(?P<skip>\s+|\#[^\n]*)
    | "(?:[^"\\\n]|\\[^\n])*"
    | "[^\n]*
    | '[^'\n]*'
    | {_PLACE}
    | \d[\d_]*(?:\.\d+)?\s+{_UNIT}
    | \d{{1,4}}(?:[-:]\d{{1,2}})+
    | \d[\d_]*(?:\.\d+)?%?
    | [^\W\d]\w*(?:\.[^\W\d]\w*)*
    | must\s+not\b
    | == | != | <= | >= | => | =< | <> | && | \|\| | := | -> | // | /\* | --
    | .
    """, re.VERBOSE)


def _place(path: str, text: str, line: int, stuck: Stuck) -> _Place:
    words = [_Word(m[0], m.start(), m.end()) for m in _SCAN.finditer(text) if m["skip"] is None]
    before = [w for w in words if w.end <= stuck.offset]
    after = [w for w in words if w.end > stuck.offset]
    if after and after[0].start < stuck.offset and (head := text[after[0].start:stuck.offset].strip(". \t")):
        # The scan above joins what is one thing to a reader; where the sentence broke inside, both parts are said.
        whole = after[0]
        if not re.match(r"\W", whole.text):
            before.append(_Word(head, whole.start, stuck.offset))
            after[0] = _Word(text[stuck.offset:whole.end], stuck.offset, whole.end)
    found = after[0] if after else None
    return _Place(Source(path, text), line, tuple(before), found, tuple(after[1:]), stuck.expected)


# ---- what was expected ------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Want:
    """A kind of thing that may follow when all of `terminals` may."""

    terminals: frozenset[str]
    said: str
    example: str


OPERATORS = frozenset({"_AND", "_OR", "COMPARISON", "CONTAINS", "MATCHES", "SIGN", "FACTOR"})
RANGES = frozenset({"_WITHIN", "_BEFORE", "_SINCE", "_THIS", "_DURING", "NO"})
CLAUSE_STARTS = frozenset({"_WHEN", "_MUST", "_UNLESS"})

# The first row whose terminals may all follow says what was expected.
WANTS: tuple[_Want, ...] = (
    _Want(frozenset({"NAME", "NUMBER", "_NOT"}), "a condition", "such as `age < 18` or `consent_given before`"),
    _Want(frozenset({"NAME", "NUMBER"}), "a value", 'such as `18`, `"text"` or `service.users`'),
    _Want(frozenset({"NAME", "DURATION", "EVERY"}), "a trigger",
          "such as `on session_started`, `on every 2 hours of use` or `on start of use`"),
    _Want(frozenset({"NAME", "DURATION"}), "a duration", "write how long, such as `72 hours` or `15 working days`"),
    _Want(frozenset({"NAME", "LSQB"}), "a list", 'such as `service.channels` or `["text", "voice"]`'),
    _Want(frozenset({"NUMBER"}), "a number", "such as `5`"),
    _Want(frozenset({"PLACE"}), "a citation", "such as `Art. 18(2)`, `§ 22602(c)`, `Clause 5.4` or `Annex E`"),
    _Want(frozenset({"CALENDAR_UNIT"}), "`day`, `week`, `month` or `year`", "such as `this day`"),
    _Want(RANGES, "a range",
          "say when: `before`, `within 3 days`, `within the last 30 days`, `since other_event` or `this day`"),
    _Want(frozenset({"_PRESENT", "_MISSING"}), "`present` or `missing`", "such as `x is present`"),
    _Want(frozenset({"TEXT", "_VOCABULARY"}), "`vocabulary` or a file", "such as `use vocabulary ai_service`"),
)

# What a lone name is, by the word before it.
NAMES: Mapping[str, tuple[str, str]] = {
    "rule": ("the name of the rule", "such as `rule delete_on_request`"),
    "param": ("the name of the parameter", "such as `param answer_time = 5 days`"),
    "define": ("the name of the definition", "such as `define minor = age < 18`"),
    "state": ("the name of the state", "such as `state age per user is registered.age`"),
    "episode": ("the name of the episode", "such as `episode use per user of message gap 10 minutes`"),
    "per": ("a key", "such as `per user`"),
    "forget": ("a key", "such as `forget user at account_closed`"),
    "as": ("a name for the event", "such as `as request`"),
    "family": ("a family", "such as `family disclosure`"),
    "severity": ("`error`, `warning` or `info`", ""),
    "during": ("an episode", "such as `during continuous_use`"),
    "every": ("a name for the element", "such as `every channel in service.channels satisfies (…)`"),
    "some": ("a name for the element", "such as `some channel in service.channels satisfies (…)`"),
    "(": ("a name", ""),
}
EVENT = ("an event", "a type of the vocabulary, such as `session_started`")

SIGNS: Mapping[str, str] = {
    "COMMA": "`,`", "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "EQUAL": "`=`", "COLON": "`:`",
    "TEXT": "a text in quotes", "NAME": "a name", "NUMBER": "a number", "DURATION": "a duration", "PLACE": "a citation",
    "ID": "a name", "LABEL": "a version", "FIELD": "`.` and a field", "CALENDAR_UNIT": "a calendar unit",
    "_MUST_NOT": "`must not`", "BOOLEAN": "`true`", "DATE": "a date", "TIME": "a time", "_DURATION_OF": "`duration of`",
    "COMPARISON": "a comparison", "SIGN": "`+`", "FACTOR": "`*`",
}

EXAMPLES: Mapping[str, str] = {
    "_GAP": "an episode says which silence ends it, such as `gap 10 minutes`",
    "_BECAUSE": 'such as `unchecked Art. 3 because "a principle; no duty of the provider"`',
    "_VERSION": "such as `policy cn/human-like-ai version 2026-04-10-final`",
    "EQUAL": "such as `param answer_time = 5 days`",
    "_SATISFIES": 'such as `every channel in service.channels satisfies (channel.kind = "text")`',
    "FIELD": "such as `age_verified.age`: an event and one of its fields",
    "_WITHOUT": "such as `on 3 hours of streaming without notice_shown`",
    "_AT": "such as `forget user at account_closed`",
    "_LATER": "such as `no later than 3 days`",
    "_THAN": "such as `no later than 3 days`",
    "_LAST": "such as `within the last 30 days`",
    "LABEL": "such as `version 2026-04-10-final`",
    "ID": "such as `cn/human-like-ai` or `ai_service`",
    "_FROM": "such as `state subscribed per user from subscribed until cancelled`, or `is registered.age`",
}


EXAMPLES_AFTER: Mapping[tuple[str, str], str] = {
    ("ends", "_AT"): "such as `ends at logged_out`",
    ("fix", "TEXT"): 'such as `fix "Show a standing notice."`',
    ("because", "TEXT"): 'such as `because "a principle; no duty of the provider"`',
    ("applies", "_WHEN"): 'such as `applies when service.offered_in contains "CN"`',
}


def _expected(place: _Place) -> Diagnostic:
    said, example = _wanted(place)
    behind = f" after `{shorten(place.previous, 40)}`" if place.before else ""
    if place.found and place.word.isidentifier() and (near := _near_keyword(place)):
        return place.say(f"expected {said}{behind}, found `{shorten(place.word)}`", "not a word of the language",
                         f"did you mean `{near}`?")
    if place.found is None or place.word in RESERVED or place.word in (")", "]", ","):
        label = f"{_without_article(said)} missing" if " or " not in said else "something is missing here"
    else:
        label = f"not {said}" if said.startswith(("a ", "an ")) and " or " not in said else "cannot stand here"
    return place.say(f"expected {said}{behind}, found {place.found_said}", label, example)


def _wanted(place: _Place) -> tuple[str, str]:
    expected = place.expected
    for want in WANTS:
        if want.terminals <= expected and not expected & (OPERATORS - {"SIGN"}):
            if want is WANTS[0] and place.previous in ("=", ":", ",", "["):
                return WANTS[1].said, WANTS[1].example
            return want.said, want.example
    if expected - {"ANY", "_FIRST"} == {"NAME"}:
        return NAMES.get(place.previous, EVENT) if place.previous != "," else ("a name", "")
    ends = f" or {place.end}" if "$END" in expected else ""
    if expected & OPERATORS:
        closing = next((f" or `{s}`" for t, s in (("RPAR", ")"), ("RSQB", "]")) if t in expected), ends)
        return f"an operator{closing}", "join two conditions by `and` or `or`" if _begins_a_value(place.word) else ""
    if expected >= CLAUSE_STARTS:
        return "a clause", f"a rule has the clauses {', '.join(CLAUSES)}"
    words = [_said(t) for t in sorted(expected - {"$END"}) if t not in ("INSTRUMENT", "COMMA")]
    examples = (EXAMPLES_AFTER.get((place.previous, t)) or EXAMPLES.get(t) for t in sorted(expected))
    example = next((e for e in examples if e), "")
    if "$END" in expected:
        words.append(place.end)
    return _one_of(words or ["`,`"]), example


def _begins_a_value(word: str) -> bool:
    return word.startswith('"') or word[:1].isalnum() or word in ("(", "[")


def _said(terminal: str) -> str:
    return SIGNS.get(terminal) or f"`{terminal.strip('_').lower()}`"


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _without_article(said: str) -> str:
    return re.sub(r"^(an?|the) ", "", said)


def _near_keyword(place: _Place) -> str | None:
    """The keyword that may stand here and was probably meant; not where a name could stand, which may be any word."""
    if "NAME" in place.expected or len(place.word) < 3:
        return None
    words = {t.strip("_").lower() for t in place.expected if t.strip("_").isalpha() and t not in SIGNS}
    return nearest(place.word.lower(), sorted(words - {"sign", "factor"}))


# ---- common mistakes --------------------------------------------------------------------------------------------

FULL_WIDTH = {"，": ",", "（": "(", "）": ")", "：": ":", "；": ";", "“": '"', "”": '"', "‘": '"', "’": '"',
              "＝": "=", "【": "[", "】": "]", "＜": "<", "＞": ">", "≥": ">=", "≤": "<=", "≠": "!=", "。": ".",
              "、": ",", "＋": "+", "－": "-", "–": "-", "—": "-", "−": "-", "×": "*", "÷": "/", "％": "%",
              "＃": "#", "／": "/", "．": "."}
FOREIGN_SIGNS = {"==": "=", "=<": "<=", "=>": ">=", "<>": "!=", "&&": "and", "||": "or", "&": "and", "|": "or",
                 "!": "not", ":=": "="}
FOREIGN_WORDS = {"if": "when", "then": "must", "shall": "must", "should": "must", "require": "must",
                 "requires": "must", "except": "unless", "provided": "when", "trigger": "on", "article": "cites",
                 "basis": "cites", "cite": "cites", "remedy": "fix", "key": "per", "forbid": "must not"}
FOREIGN_DECLARATIONS = {"let": "define", "def": "define", "const": "param", "set": "param", "parameter": "param",
                        "import": "use", "include": "use", "session": "episode", "regulation": "policy",
                        "module": "policy", "package": "policy", "clause": "rule", "extends": "extend"}
FOREIGN_UNITS = {"s": "seconds", "sec": "seconds", "secs": "seconds", "min": "minutes", "mins": "minutes",
                 "h": "hours", "hr": "hours", "hrs": "hours", "d": "days", "w": "weeks", "mo": "months",
                 "y": "years", "yr": "years", "yrs": "years", "business": "working days", "workdays": "working days",
                 "workday": "working days", "weekdays": "working days", "calendar": "days"}
CITATION_WORDS = {"art": "Art.", "arts": "Art.", "article": "Art.", "articles": "Art.", "paragraph": "Art.",
                  "section": "Sec.", "sections": "Sec.", "sec": "Sec.", "clause": "Clause", "clauses": "Clause",
                  "annex": "Annex", "annexes": "Annex", "appendix": "App.", "app": "App."}
UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years", "working days")
_NUMBER = re.compile(r"\d[\d_]*(\.\d+)?%?")


def _full_width_sign(p: _Place) -> Diagnostic | None:
    if (meant := FULL_WIDTH.get(p.word)) is None:
        return None
    return p.say(f"the sign `{p.word}` is not of the language", "not ASCII", f"write `{meant}`")


def _quotes(p: _Place) -> Diagnostic | None:
    if p.word.startswith("'"):
        inner = p.word.strip("'") if len(p.word) > 1 else "text"
        return p.say("a text stands in double quotes", "not a text", f'write `"{shorten(inner)}"`')
    if p.word.startswith('"') and (len(p.word) == 1 or not re.fullmatch(r'"(?:[^"\\]|\\.)*"', p.word)):
        return p.say("a text has no closing quote", "goes on to the end of the line",
                     'close it with `"`; a text stands on one line, and a quote inside it is written `\\"`')
    rest = [w for w in p.after if "\n" not in p.source.text[p.found.start if p.found else 0:w.start]]
    if p.previous.startswith('"') and any((w.text.startswith('"') and not w.text.endswith('"')) or w.text == '"'
                                          for w in rest):
        return p.say("the quotes of this line do not pair up", "this text may end too late",
                     'each text begins and ends with `"`; a quote inside it is written `\\"`',
                     span=p.span_of(p.before[-1]))
    return None


def _other_comment(p: _Place) -> Diagnostic | None:
    if p.word in ("//", "/*", "--") or (p.word == "/" and p.next == "/"):
        return p.say(f"a comment begins with `#`, not with `{p.word}`", "not a comment", "write `# …`")
    return None


def _semicolon(p: _Place) -> Diagnostic | None:
    if p.word == ";":
        return p.say("the language has no `;`", "not needed", "a clause ends where the next one begins")
    if p.word in ("{", "}"):
        return p.say(f"the language has no `{p.word}`", "unknown sign",
                     "brackets are `(` and `)`, those of a list `[` and `]`")
    return None


def _foreign_sign(p: _Place) -> Diagnostic | None:
    if p.word == "." and p.after and _NUMBER.fullmatch(p.next):
        return p.say("a number begins with a digit", "no digit before the point", f"write `0.{p.next}`",
                     span=p.span_of(p.found or p.after[0], p.after[0]))
    if (meant := FOREIGN_SIGNS.get(p.word)) is None:
        return None
    return p.say(f"the sign `{p.word}` is not of the language", "unknown sign", f"write `{meant}`")


def _not_ascii_name(p: _Place) -> Diagnostic | None:
    if p.found and p.word[0].isalpha() and not p.word.isascii():
        return p.say(f"a name has only the letters a to z, digits and `_`, found `{shorten(p.word, 40)}`",
                     "not a name", "other letters may stand in texts and comments")
    return None


def _mixed(p: _Place) -> Diagnostic | None:
    other = {"and": "or", "or": "and"}.get(p.word)
    if other is None or f"_{other.upper()}" not in p.expected or f"_{p.word.upper()}" in p.expected:
        return None
    earlier = next((w for w in _same_level(p) if w.text == other), None)
    notes = (Note(f"`{other}` stands here", p.span_of(earlier), f"joined by `{other}`"),) if earlier else ()
    return p.say("`and` and `or` are mixed without brackets", f"joined by `{p.word}`",
                 "put brackets around the parts that belong together, such as `a and (b or c)`", notes=notes)


def _same_level(p: _Place) -> list[_Word]:
    """The words before the mistake, nearest first, that stand in the same brackets."""
    depth = 0
    found = []
    for word in reversed(p.before):
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(word.text, 0)
        if depth < 0:
            break
        if depth == 0:
            found.append(word)
    return found


def _chained_comparison(p: _Place) -> Diagnostic | None:
    if p.word not in ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "matches") or "COMPARISON" in p.expected:
        return None
    for word in _same_level(p):
        if word.text in ("and", "or", "not") or word.text in CLAUSES:
            return None
        if word.text in ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "matches") and "_AND" in p.expected:
            return p.say("comparisons do not chain", "a second comparison", "write `a < b and b < c`",
                         notes=(Note("the first is here", p.span_of(word)),))
    return None


def _unit(p: _Place) -> Diagnostic | None:
    """`15 hrs`, `within 15`."""
    if not _NUMBER.fullmatch(p.previous) and not _NUMBER.fullmatch(p.word):
        return None
    if _NUMBER.fullmatch(p.word) and "DURATION" in p.expected and "NUMBER" not in p.expected:
        if re.fullmatch(r"[^\W\d]\w*", p.next) and p.next not in RESERVED and not _on_next_line(p, p.after[0]):
            return _unknown_unit(p, p.word, p.after[0])
        return p.say(f"the duration `{p.word}` has no unit", "of what",
                     f"write `{p.word} days`, with one of {', '.join(UNITS)}")
    if _NUMBER.fullmatch(p.previous) and p.found and p.word not in RESERVED and p.word.isalpha() \
            and not p.first_on_line and not _near_keyword(p) and "_VERSION" not in p.expected:
        return _unknown_unit(p, p.previous, p.found)
    return None


def _on_next_line(p: _Place, word: _Word) -> bool:
    return "\n" in p.source.text[(p.found.start if p.found else 0):word.start]


def _unknown_unit(p: _Place, number: str, unit: _Word) -> Diagnostic:
    meant = FOREIGN_UNITS.get(unit.text.lower()) or nearest(unit.text.lower(), UNITS)
    help = f"write `{number} {meant}`" if meant else f"the units are {', '.join(UNITS)}"
    return p.say(f"`{shorten(unit.text)}` is not a unit of time", "unknown unit", help, span=p.span_of(unit))


def _capital_keyword(p: _Place) -> Diagnostic | None:
    lower = p.word.lower()
    if p.word == lower or (lower not in RESERVED and _near_keyword(p) != lower):
        return None
    return p.say(f"words of the language are lower-case, found `{p.word}`", "capital letters", f"write `{lower}`")


def _alias_order(p: _Place) -> Diagnostic | None:
    if p.word == "as" and p.previous == ")" and any(w.text == "where" for w in p.before) \
            and "_AS" not in p.expected and p.before[0].text in ("on", "rule"):
        return p.say("`as` stands after `where`", "out of order", "write `on event as x where (…)`")
    return None


def _negated_word(p: _Place) -> Diagnostic | None:
    """`x is not present`, `x not in [...]`, `x does not contain y`."""
    if p.previous == "is":
        meant = {"not": "missing", "null": "missing", "none": "missing", "absent": "missing", "empty": "missing",
                 "set": "present", "given": "present", "defined": "present"}.get(p.word)
        if meant:
            return p.say(f"expected `present` or `missing` after `is`, found `{p.word}`", "cannot stand here",
                         f"write `is {meant}`" + ("; an empty list is `= []`" if p.word == "empty" else ""))
        if p.word in ("true", "false"):
            return p.say(f"expected `present` or `missing` after `is`, found `{p.word}`", "cannot stand here",
                         "a yes-or-no field is a condition itself: write `x` or `not x`")
        if p.found and not p.word.isidentifier():
            return p.say(f"expected `present` or `missing` after `is`, found `{shorten(p.word)}`",
                         "cannot stand here", "equality is written `=`")
    if p.word == "not" and p.expected & {"COMPARISON", "_AND"} and p.next in ("in", "contains", "matches", "within"):
        if p.next == "within":
            return p.say("expected an operator, found `not`", "cannot stand here", "write `no EVENT within …`")
        return p.say(f"`not` stands before the whole comparison, not before `{p.next}`", "cannot stand here",
                     f"write `not (x {p.next} …)`" + (", or `contains none of`" if p.next == "contains" else ""))
    if p.word in ("does", "doesnt") and p.expected & OPERATORS:
        return p.say(f"expected an operator, found `{p.word}`", "cannot stand here",
                     "write `not (x contains y)` or `contains none of […]`")
    return None


def _within_last(p: _Place) -> Diagnostic | None:
    if len(p.before) > 1 and p.previous in ("last", "past") and p.before[-2].text == "within":
        last = p.before[-1]
        return p.say(f"expected a duration after `within`, found `{last.text}`", "not a duration",
                     f"write `within the last {p.word}`" if p.found else "", span=p.span_of(last))
    return None


def _brackets_after(p: _Place) -> Diagnostic | None:
    if p.expected == {"LPAR"} and p.previous in ("where", "satisfies"):
        example = "(channel = \"popup\")" if p.previous == "where" else "(channel.visible)"
        return p.say(f"expected `(` after `{p.previous}`, found {p.found_said}", "bracket missing",
                     f"write `{p.previous} {example}`")
    return None


def _open_bracket(p: _Place) -> Diagnostic | None:
    if p.found is None or (p.word in CLAUSES and p.first_on_line):
        stack: list[_Word] = []
        for word in p.before:
            if word.text in ("(", "["):
                stack.append(word)
            elif word.text in (")", "]") and stack:
                stack.pop()
        closing = {"RPAR", "RSQB"} & p.expected
        if stack and closing:
            sign = {"(": ")", "[": "]"}[stack[-1].text]
            return p.say(f"the bracket `{stack[-1].text}` is not closed", "opened here", f"close it with `{sign}`",
                         span=p.span_of(stack[-1]))
    if p.word in (")", "]") and p.expected & ((OPERATORS - {"SIGN"}) | {"$END"}):
        opened = sum((w.text in ("(", "[")) - (w.text in (")", "]")) for w in p.before)
        if opened <= 0:
            return p.say(f"the bracket `{p.word}` closes nothing", "no bracket is open")
        return p.say(f"expected `{'])'[p.word == ']']}` to close the bracket, found `{p.word}`", "the other kind")
    return None


def _index(p: _Place) -> Diagnostic | None:
    if p.word == "[" and p.expected & OPERATORS:
        return p.say("an element of a list is not reached by its place", "not in the language",
                     "ask about the elements: `some x in LIST satisfies (…)`")
    return None


def _foreign_citation(p: _Place) -> Diagnostic | None:
    if "PLACE" not in p.expected or p.found is None:
        return None
    match = re.match(r"[A-Za-z]+", p.word)
    if match and match[0].lower() in CITATION_WORDS:
        short = CITATION_WORDS[match[0].lower()]
        number = next((w.text for w in p.after if re.match(r"\w*\d", w.text)), "18")
        return p.say(f"expected a citation, found `{p.word}`", "not a citation", f"write `{short} {number}`")
    if "第" in p.word or "条" in p.word:
        return p.say(f"expected a citation, found `{shorten(p.word, 40)}`", "not a citation",
                     "the second paragraph of article 18 is written `Art. 18(2)`")
    return None


def _missing_comma(p: _Place) -> Diagnostic | None:
    if "COMMA" not in p.expected or p.found is None or p.first_on_line:
        return None
    if re.fullmatch(_PLACE, p.word) and re.fullmatch(_PLACE, p.previous):
        return p.say(f"two citations stand side by side, found `{p.word}` after `{p.previous}`", "comma missing",
                     f"write `{p.previous}, {p.word}`")
    if "RSQB" in p.expected and (p.word.startswith('"') or _NUMBER.fullmatch(p.word)):
        return p.say(f"two elements of a list stand side by side, found `{shorten(p.word, 40)}`", "comma missing",
                     "separate them by commas")
    return None


def _thousands(p: _Place) -> Diagnostic | None:
    if p.word == "," and _NUMBER.fullmatch(p.previous) and _NUMBER.fullmatch(p.next) and "COMMA" not in p.expected:
        digits = re.match(r"[\d_]+(?:,[\d_]+)*", p.source.text[p.before[-1].start:])
        return p.say("digits are grouped by `_`, found `,`", "inside a number",
                     f"write `{digits[0].replace(',', '_')}`" if digits else "")
    return None


def _reserved(p: _Place) -> Diagnostic | None:
    if p.previous in ("latest", "any", "every", "some", "no") and "NAME" in p.expected \
            and p.word in ("=", "!=", "<", "<=", ">", ">=", ")", "is", "in", "contains", "matches"):
        return _reserved_name(p, p.before[-1])
    if p.found is None or p.word not in RESERVED or "NAME" not in p.expected:
        return None
    if p.next == "-":
        return _dashed(p, p.found)
    operand = "NUMBER" in p.expected or "DURATION" in p.expected
    like_a_name = p.next in ("=", "!=", "<", "<=", ">", ">=", ")", ",", "in", "is", "contains", "matches", ".", "per")
    if (operand and not like_a_name) or (p.word in CLAUSES and p.first_on_line):
        return None
    return _reserved_name(p, p.found)


def _reserved_name(p: _Place, word: _Word) -> Diagnostic:
    return p.say(f"`{word.text}` is a word of the language and cannot be a name here", "reserved word",
                 f"call it something else, such as `{word.text}_`; after a dot every word is a name",
                 span=p.span_of(word))


def _dashed_name(p: _Place) -> Diagnostic | None:
    if p.found and (p.word in ("-", "/", ".") or p.word.startswith(".")):
        opener = p.before[-2].text if len(p.before) > 1 else ""
        if opener in DECLARATIONS and opener not in ("policy", "use", "extend") and p.previous.isidentifier():
            return _dashed(p, p.before[-1])
    return None


def _dashed(p: _Place, first: _Word) -> Diagnostic:
    whole = re.match(r"[\w./-]+", p.source.text[first.start:])
    written = whole[0] if whole else first.text
    return p.say(f"a name has only the letters a to z, digits and `_`, found `{shorten(written, 40)}`", "not a name",
                 f"write `{re.sub('[^A-Za-z0-9]+', '_', written).strip('_')}`",
                 span=p.span_of(_Word(written, first.start, first.start + len(written))))


def _title(p: _Place) -> Diagnostic | None:
    if len(p.before) == 2 and p.before[0].text == "rule" and p.found and not p.first_on_line \
            and p.word.isidentifier() and p.word not in CLAUSES:
        return p.say(f"expected a title in quotes or a clause after `{p.previous}`, found `{shorten(p.word)}`",
                     "not a title", 'a name is one word; a title stands in quotes, such as `rule x "A title"`')
    return None


def _wrong_clause(p: _Place) -> Diagnostic | None:
    """A line of a rule that begins with a word that opens no clause."""
    if not p.found or not p.first_on_line or not (p.expected & CLAUSE_STARTS or "$END" in p.expected):
        return None
    opener = p.before[0].text if p.before else p.word
    if opener not in CLAUSES and opener != "rule":
        if p.word in CLAUSES and opener in DECLARATIONS:
            return p.say(f"`{p.word}` is a clause of a rule and cannot stand in `{opener}`", "belongs to a rule",
                         "put it below a `rule`")
        return None
    if not re.fullmatch(r"[^\W\d]\w*", p.word) or p.word in RESERVED or p.word in DECLARATIONS \
            or (nearest(p.word, sorted(_keywords(p))) and not nearest(p.word, CLAUSES)):
        if p.word in DECLARATIONS:
            return p.say(f"`{p.word}` begins a declaration and cannot stand inside a rule", "indented declaration",
                         "begin the line in column 1")
        return None
    meant = FOREIGN_WORDS.get(p.word.lower()) or nearest(p.word.lower(), CLAUSES)
    help = f"did you mean `{meant}`?" if meant else f"a rule has the clauses {', '.join(CLAUSES)}"
    return p.say(f"expected a clause, found `{shorten(p.word)}`", "not a clause", help)


def _keywords(p: _Place) -> set[str]:
    return {t.strip("_").lower() for t in p.expected if t not in SIGNS}


def _then(p: _Place) -> Diagnostic | None:
    meant = FOREIGN_WORDS.get(p.word)
    if meant and p.expected & OPERATORS:
        return p.say(f"expected an operator or {p.end}, found `{p.word}`", "cannot stand here",
                     f"`{meant}` begins a clause on a line of its own")
    return None


def _count_range(p: _Place) -> Diagnostic | None:
    if not p.expected >= RANGES or p.expected & OPERATORS:
        return None
    head = next((a.text for a, b in zip(p.before[-2::-1], p.before[:0:-1], strict=False)
                 if b.text == "of" and a.text in ("count", "sum", "duration")), None)
    if head is not None:
        said = f"`{head} of` looks back over a range of time"
        if p.word == "by":
            return p.say(f"{said} and cannot take `by`", "looks forward", "write `before` or `within the last 30 days`")
        return p.say(f"{said}, found {p.found_said}", "range missing",
                     f"such as `{head} of … before` or `{head} of … within the last 30 days`")
    return None


# Words that join; where a name could stand they are taken for one, and the sentence breaks off one word later.
JOINING = ("of", "as", "from", "until", "by", "since", "before", "during", "than", "at", "the", "to", "for", "under")
WANTED_AFTER = {**dict.fromkeys(("within", "than", "last", "gap", "lasting"), WANTS[3]),
                **dict.fromkeys(("and", "or", "not", "when", "must", "unless", "must not"), WANTS[0])}


def _joining_word(p: _Place) -> Diagnostic | None:
    """`within of breach`."""
    if len(p.before) < 2 or p.previous not in JOINING or (want := WANTED_AFTER.get(p.before[-2].text)) is None:
        return None
    return p.say(f"expected {want.said} after `{p.before[-2].text}`, found `{p.previous}`",
                 f"{_without_article(want.said)} missing", want.example, span=p.span_of(p.before[-1]))


def _missing_range(p: _Place) -> Diagnostic | None:
    """`must answered where (x)` with nothing behind it."""
    if not p.expected >= RANGES or p.expected & OPERATORS:
        return None
    return p.say(f"expected a range after `{shorten(p.previous, 40)}`, found {p.found_said}", "range missing",
                 "say when: `before`, `within 3 days`, `within the last 30 days`, `since other_event` or `this day`")


def _vocabulary(p: _Place) -> Diagnostic | None:
    if "_VOCABULARY" in p.expected and p.previous == "use" and p.found and p.word.isidentifier():
        return p.say(f"expected `vocabulary` or a file after `use`, found `{p.word}`", "cannot stand here",
                     f'write `use vocabulary {p.word}`, or `use "{p.word}.policy"`')
    return None


def _must_happen(p: _Place) -> Diagnostic | None:
    if p.previous == "happen" and p.word not in RESERVED and p.found and p.word.isidentifier():
        return p.say(f"expected {p.end} after `happen`, found `{p.word}`", "cannot stand here",
                     "`must not happen` forbids the moment itself; an event is named: `must EVENT within 3 days`")
    return None


def _header_order(p: _Place) -> Diagnostic | None:
    if p.before and p.before[0].text in ("policy", "extend") and "_VERSION" in p.expected and p.found is None:
        named = p.source.text[p.before[1].start:p.before[-1].end] if len(p.before) > 1 else p.previous
        return p.say(f"expected `version` after `{shorten(named, 40)}`, found {p.end}", "version missing",
                     f"such as `{p.before[0].text} cn/human-like-ai version 2026-04-10-final`")
    return None


Mistake = Callable[[_Place], Diagnostic | None]

# In this order: signs that are nowhere in the language first, then mistakes of a sentence, the vague ones last.
MISTAKES: tuple[Mistake, ...] = (
    _full_width_sign, _quotes, _other_comment, _semicolon, _foreign_sign, _foreign_citation, _not_ascii_name,
    _capital_keyword, _mixed, _chained_comparison, _negated_word, _joining_word, _within_last, _unit, _alias_order,
    _brackets_after, _open_bracket, _index, _missing_comma, _thousands, _dashed_name, _title, _must_happen,
    _vocabulary, _header_order, _reserved, _wrong_clause, _then, _count_range, _missing_range,
)
