"""The common mistakes, one small function each: a place -> what to say there, or None where it is not that mistake.

They know words and signs of other languages, and of other tools for rules. What the grammar allows at a place is asked
of `syntax_expected`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from policyengine.base.diagnostic import Diagnostic, Note, nearest, shorten
from policyengine.syntax.grammar import CLAUSES, DECLARATIONS, RESERVED
from policyengine.syntax.syntax_expected import (
    CLAUSE_STARTS,
    OPERATORS,
    RANGES,
    SIGNS,
    WANTS,
    near_keyword,
    without_article,
)
from policyengine.syntax.syntax_place import CITATION, Place, Word

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


def _full_width_sign(p: Place) -> Diagnostic | None:
    if (meant := FULL_WIDTH.get(p.word)) is None:
        return None
    return p.say(f"the sign `{p.word}` is not of the language", "not ASCII", f"write `{meant}`")


def _quotes(p: Place) -> Diagnostic | None:
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


def _other_comment(p: Place) -> Diagnostic | None:
    if p.word in ("//", "/*", "--") or (p.word == "/" and p.next == "/"):
        return p.say(f"a comment begins with `#`, not with `{p.word}`", "not a comment", "write `# …`")
    return None


def _semicolon(p: Place) -> Diagnostic | None:
    if p.word == ";":
        return p.say("the language has no `;`", "not needed", "a clause ends where the next one begins")
    if p.word in ("{", "}"):
        return p.say(f"the language has no `{p.word}`", "unknown sign",
                     "brackets are `(` and `)`, those of a list `[` and `]`")
    return None


def _foreign_sign(p: Place) -> Diagnostic | None:
    if p.word == "." and p.after and _NUMBER.fullmatch(p.next):
        return p.say("a number begins with a digit", "no digit before the point", f"write `0.{p.next}`",
                     span=p.span_of(p.found or p.after[0], p.after[0]))
    if (meant := FOREIGN_SIGNS.get(p.word)) is None:
        return None
    return p.say(f"the sign `{p.word}` is not of the language", "unknown sign", f"write `{meant}`")


def _not_ascii_name(p: Place) -> Diagnostic | None:
    if p.found and p.word[0].isalpha() and not p.word.isascii() and p.expected != {"TEXT"}:
        return p.say(f"a name has only the letters a to z, digits and `_`, found `{shorten(p.word, 40)}`",
                     "not a name", "other letters may stand in texts and comments")
    return None


def _mixed(p: Place) -> Diagnostic | None:
    other = {"and": "or", "or": "and"}.get(p.word)
    if other is None or f"_{other.upper()}" not in p.expected or f"_{p.word.upper()}" in p.expected:
        return None
    earlier = next((w for w in _same_level(p) if w.text == other), None)
    notes = (Note(f"`{other}` stands here", p.span_of(earlier), f"joined by `{other}`"),) if earlier else ()
    return p.say("`and` and `or` are mixed without brackets", f"joined by `{p.word}`",
                 "put brackets around the parts that belong together, such as `a and (b or c)`", notes=notes)


def _same_level(p: Place) -> list[Word]:
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


def _chained_comparison(p: Place) -> Diagnostic | None:
    if p.word not in ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "matches") or "COMPARISON" in p.expected:
        return None
    for word in _same_level(p):
        if word.text in ("and", "or", "not") or word.text in CLAUSES:
            return None
        if word.text in ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "matches") and "_AND" in p.expected:
            return p.say("comparisons do not chain", "a second comparison", "write `a < b and b < c`",
                         notes=(Note("the first is here", p.span_of(word)),))
    return None


def _unit(p: Place) -> Diagnostic | None:
    """`15 hrs`, `within 15`."""
    if not _NUMBER.fullmatch(p.previous) and not _NUMBER.fullmatch(p.word):
        return None
    if _NUMBER.fullmatch(p.word) and "DURATION" in p.expected and "NUMBER" not in p.expected:
        if re.fullmatch(r"[^\W\d]\w*", p.next) and p.next not in RESERVED and not _on_next_line(p, p.after[0]):
            return _unknown_unit(p, p.word, p.after[0])
        return p.say(f"the duration `{p.word}` has no unit", "of what",
                     f"write `{p.word} days`, with one of {', '.join(UNITS)}")
    if _NUMBER.fullmatch(p.previous) and p.found and p.word not in RESERVED and p.word.isalpha() \
            and not p.first_on_line and not near_keyword(p) and "_VERSION" not in p.expected:
        return _unknown_unit(p, p.previous, p.found)
    return None


def _on_next_line(p: Place, word: Word) -> bool:
    return "\n" in p.source.text[(p.found.start if p.found else 0):word.start]


def _unknown_unit(p: Place, number: str, unit: Word) -> Diagnostic:
    meant = FOREIGN_UNITS.get(unit.text.lower()) or nearest(unit.text.lower(), UNITS)
    help = f"write `{number} {meant}`" if meant else f"the units are {', '.join(UNITS)}"
    return p.say(f"`{shorten(unit.text)}` is not a unit of time", "unknown unit", help, span=p.span_of(unit))


def _capital_keyword(p: Place) -> Diagnostic | None:
    lower = p.word.lower()
    if p.word == lower or (lower not in RESERVED and near_keyword(p) != lower):
        return None
    return p.say(f"words of the language are lower-case, found `{p.word}`", "capital letters", f"write `{lower}`")


def _alias_order(p: Place) -> Diagnostic | None:
    if p.word == "as" and p.previous == ")" and any(w.text == "where" for w in p.before) \
            and "_AS" not in p.expected and p.before[0].text in ("on", "rule"):
        return p.say("`as` stands after `where`", "out of order", "write `on event as x where (…)`")
    return None


def _negated_word(p: Place) -> Diagnostic | None:
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


def _within_last(p: Place) -> Diagnostic | None:
    if len(p.before) > 1 and p.previous in ("last", "past") and p.before[-2].text == "within":
        last = p.before[-1]
        return p.say(f"expected a duration after `within`, found `{last.text}`", "not a duration",
                     f"write `within the last {p.word}`" if p.found else "", span=p.span_of(last))
    return None


def _brackets_after(p: Place) -> Diagnostic | None:
    if p.expected == {"LPAR"} and p.previous in ("where", "satisfies"):
        example = "(channel = \"popup\")" if p.previous == "where" else "(channel.visible)"
        return p.say(f"expected `(` after `{p.previous}`, found {p.found_said}", "bracket missing",
                     f"write `{p.previous} {example}`")
    return None


def _open_bracket(p: Place) -> Diagnostic | None:
    if p.found is None or (p.word in CLAUSES and p.first_on_line):
        stack: list[Word] = []
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


def _index(p: Place) -> Diagnostic | None:
    if p.word == "[" and p.expected & OPERATORS:
        return p.say("an element of a list is not reached by its place", "not in the language",
                     "ask about the elements: `some x in LIST satisfies (…)`")
    return None


def _foreign_citation(p: Place) -> Diagnostic | None:
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


def _missing_comma(p: Place) -> Diagnostic | None:
    if "COMMA" not in p.expected or p.found is None or p.first_on_line:
        return None
    if re.fullmatch(CITATION, p.word) and re.fullmatch(CITATION, p.previous):
        return p.say(f"two citations stand side by side, found `{p.word}` after `{p.previous}`", "comma missing",
                     f"write `{p.previous}, {p.word}`")
    if "RSQB" in p.expected and (p.word.startswith('"') or _NUMBER.fullmatch(p.word)):
        return p.say(f"two elements of a list stand side by side, found `{shorten(p.word, 40)}`", "comma missing",
                     "separate them by commas")
    return None


def _thousands(p: Place) -> Diagnostic | None:
    if p.word == "," and _NUMBER.fullmatch(p.previous) and _NUMBER.fullmatch(p.next) and "COMMA" not in p.expected:
        digits = re.match(r"[\d_]+(?:,[\d_]+)*", p.source.text[p.before[-1].start:])
        return p.say("digits are grouped by `_`, found `,`", "inside a number",
                     f"write `{digits[0].replace(',', '_')}`" if digits else "")
    return None


def _reserved(p: Place) -> Diagnostic | None:
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


def _reserved_name(p: Place, word: Word) -> Diagnostic:
    return p.say(f"`{word.text}` is a word of the language and cannot be a name here", "reserved word",
                 f"call it something else, such as `{word.text}_`; after a dot every word is a name",
                 span=p.span_of(word))


def _dashed_name(p: Place) -> Diagnostic | None:
    if p.found and (p.word in ("-", "/", ".") or p.word.startswith(".")):
        opener = p.before[-2].text if len(p.before) > 1 else ""
        if opener in DECLARATIONS and opener not in ("policy", "use", "extend") and p.previous.isidentifier():
            return _dashed(p, p.before[-1])
    return None


def _dashed(p: Place, first: Word) -> Diagnostic:
    whole = re.match(r"[\w./-]+", p.source.text[first.start:])
    written = whole[0] if whole else first.text
    return p.say(f"a name has only the letters a to z, digits and `_`, found `{shorten(written, 40)}`", "not a name",
                 f"write `{re.sub('[^A-Za-z0-9]+', '_', written).strip('_')}`",
                 span=p.span_of(Word(written, first.start, first.start + len(written))))


def _chinese(p: Place) -> Diagnostic | None:
    """`zh "…"` where it cannot stand, and another word, or none, before a second text."""
    if p.word == "zh" and p.next.startswith('"'):
        if len(p.before) > 1 and p.before[-2].text == "zh":
            return p.say("the Chinese text stands twice", "the second", "keep one of them",
                         notes=(Note("the first is here", p.span_of(p.before[-2], p.before[-1])),))
        if "TEXT" in p.expected:
            what = "fix" if p.previous == "fix" else "title"
            return p.say(f"the {what} stands in English before it stands in Chinese", "no English text before it",
                         f'write `{p.source.text[p.before[0].start:p.before[-1].end]} "…" zh {shorten(p.next, 40)}`')
        return p.say("`zh` can stand only after the text of a title or of a fix", "translates nothing",
                     'such as `rule x "A title" zh "标题"`')
    if "_ZH" in p.expected and p.found and not p.first_on_line:
        if p.word.startswith('"'):
            return p.say(f"expected `zh` or a clause after `{shorten(p.previous, 40)}`, found `{shorten(p.word, 40)}`",
                         "a second text", f"where it says the same in Chinese, write `zh {shorten(p.word, 40)}`")
        if p.next.startswith('"') and p.word.isidentifier() and p.word not in CLAUSES:
            return p.say(f"expected `zh` or a clause after `{shorten(p.previous, 40)}`, found `{shorten(p.word)}`",
                         "not a word of the language", f"a text is also said in Chinese: `zh {shorten(p.next, 40)}`")
    return None


def _title(p: Place) -> Diagnostic | None:
    if len(p.before) == 2 and p.before[0].text == "rule" and p.found and not p.first_on_line \
            and p.word.isidentifier() and p.word not in CLAUSES:
        return p.say(f"expected a title in quotes or a clause after `{p.previous}`, found `{shorten(p.word)}`",
                     "not a title", 'a name is one word; a title stands in quotes, such as `rule x "A title"`')
    return None


def _wrong_clause(p: Place) -> Diagnostic | None:
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


def _keywords(p: Place) -> set[str]:
    return {t.strip("_").lower() for t in p.expected if t not in SIGNS}


def _then(p: Place) -> Diagnostic | None:
    meant = FOREIGN_WORDS.get(p.word)
    if meant and p.expected & OPERATORS:
        return p.say(f"expected an operator or {p.end}, found `{p.word}`", "cannot stand here",
                     f"`{meant}` begins a clause on a line of its own")
    return None


def _count_range(p: Place) -> Diagnostic | None:
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


def _joining_word(p: Place) -> Diagnostic | None:
    """`within of breach`."""
    if len(p.before) < 2 or p.previous not in JOINING or (want := WANTED_AFTER.get(p.before[-2].text)) is None:
        return None
    return p.say(f"expected {want.said} after `{p.before[-2].text}`, found `{p.previous}`",
                 f"{without_article(want.said)} missing", want.example, span=p.span_of(p.before[-1]))


def _missing_range(p: Place) -> Diagnostic | None:
    """`must answered where (x)` with nothing behind it."""
    if not p.expected >= RANGES or p.expected & OPERATORS:
        return None
    return p.say(f"expected a range after `{shorten(p.previous, 40)}`, found {p.found_said}", "range missing",
                 "say when: `before`, `within 3 days`, `within the last 30 days`, `since other_event` or `this day`")


def _vocabulary(p: Place) -> Diagnostic | None:
    if "_VOCABULARY" in p.expected and p.previous == "use" and p.found and p.word.isidentifier():
        return p.say(f"expected `vocabulary` or a file after `use`, found `{p.word}`", "cannot stand here",
                     f'write `use vocabulary {p.word}`, or `use "{p.word}.policy"`')
    return None


def _must_happen(p: Place) -> Diagnostic | None:
    if p.previous == "happen" and p.word not in RESERVED and p.found and p.word.isidentifier():
        return p.say(f"expected {p.end} after `happen`, found `{p.word}`", "cannot stand here",
                     "`must not happen` forbids the moment itself; an event is named: `must EVENT within 3 days`")
    return None


def _header_order(p: Place) -> Diagnostic | None:
    if p.before and p.before[0].text in ("policy", "extend") and "_VERSION" in p.expected and p.found is None:
        named = p.source.text[p.before[1].start:p.before[-1].end] if len(p.before) > 1 else p.previous
        return p.say(f"expected `version` after `{shorten(named, 40)}`, found {p.end}", "version missing",
                     f"such as `{p.before[0].text} cn/human-like-ai version 2026-04-10-final`")
    return None


Mistake = Callable[[Place], Diagnostic | None]

# In this order: signs that are nowhere in the language first, then mistakes of a sentence, the vague ones last.
MISTAKES: tuple[Mistake, ...] = (
    _full_width_sign, _quotes, _other_comment, _semicolon, _foreign_sign, _foreign_citation, _not_ascii_name,
    _capital_keyword, _mixed, _chained_comparison, _negated_word, _joining_word, _within_last, _unit, _alias_order,
    _brackets_after, _open_bracket, _index, _missing_comma, _thousands, _dashed_name, _chinese, _title, _must_happen,
    _vocabulary, _header_order, _reserved, _wrong_clause, _then, _count_range, _missing_range,
)
