"""What a diff says, as plain data: text, rules with their behaviour, cross-checks, impact. Formats only lay it out.

Citations are canonical (`Art. 18(2)`), verdicts the words of `core.verdict`, amounts and conditions the text a reader
would write. Sentences in a language are made from these values by the reports. All of it goes into JSON as it is.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from policyengine.base.record import record
from policyengine.core.verdict import Verdict
from policyengine.documents.model import Document

SCHEMA_VERSION = "1.0"

# ---- text -------------------------------------------------------------------------------------------------------

ArticleKind = Literal["unchanged", "renumbered", "moved", "modified", "split", "merged", "new", "dropped"]
"""`unchanged` stands alone; the others may stand together (renumbered and modified). `moved` is out of order, not
merely renumbered."""

HighlightKind = Literal["amount", "date", "deadline", "modal", "negation", "term", "reference"]


@record
class Run:
    """A stretch of a line. `kind` is set where the stretch is more than words; `group` ties a deleted run to the
    inserted one that took its place (0: none)."""

    op: Literal["same", "deleted", "inserted"]
    text: str
    kind: HighlightKind | None = None
    group: int = 0


@record
class EditedLine:
    """A line of both texts laid over each other.

    `old` and `new` are the numbers of the document's lines (0-based; None where it has no part in that side). `end`
    says to which side the end of the line (the paragraph mark) belongs: a line split in two is `[same A] inserted` and
    `[same B] same`. `move` names a pair of moved passages: the lines of the one side are all deleted with the name,
    those of the other inserted with the same name; empty elsewhere.

    The law: dropping deleted runs and deleted ends gives the new text's lines, dropping inserted ones the old's.
    """

    runs: tuple[Run, ...]
    end: Literal["same", "deleted", "inserted"]
    old: int | None
    new: int | None
    move: str = ""


@record
class Highlight:
    """One change worth a lawyer's eye: `30 days` to `15 days`, `may` to `shall`. One side is empty where it was added
    or taken away. `old_place` and `new_place` are citations."""

    kind: HighlightKind
    old: str
    new: str
    old_place: str
    new_place: str


@record
class PartLink:
    """Paragraphs and items of a linked pair of articles: which became which. Places are citations; one side may be
    empty."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    kinds: tuple[ArticleKind, ...]
    confidence: float


@record
class Alternative:
    """A link that was considered and not taken."""

    old: str
    new: str
    confidence: float


@record
class ArticleChange:
    """Articles of the old text and what became of them; `old` and `new` are citations (`Art. 18`).

    `confidence` is from 0 to 1; `pinned`: a user's file says so. `note` is a fixed word for doubt: `rewritten` (little
    in common, linked by its place), else empty. `lines` is the article's own comparison, moves ignored. `fingerprint`
    is made of what changed, so it stays when lines or numbers elsewhere change.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    old_heading: str
    new_heading: str
    kinds: tuple[ArticleKind, ...]
    confidence: float
    lines: tuple[EditedLine, ...]
    parts: tuple[PartLink, ...]
    highlights: tuple[Highlight, ...]
    alternatives: tuple[Alternative, ...] = ()
    pinned: bool = False
    note: str = ""
    chapter: str = ""
    fingerprint: str = ""


@record
class TermRenamed:
    """A defined term that reads differently throughout; reported once, with how often."""

    old: str
    new: str
    times: int


@record
class ReferenceLeft:
    """A cross-reference in the new text that did not follow the renumbering: it names `names`, where the old text's
    named what is now `expected`."""

    place: str
    names: str
    expected: str


@record
class TextDiff:
    """Both texts and what became of each article, in the order of the new text, dropped ones where they stood.

    `script` is the whole text, for a document with tracked changes.
    """

    old: Document
    new: Document
    articles: tuple[ArticleChange, ...]
    script: tuple[EditedLine, ...]
    renamed: tuple[TermRenamed, ...] = ()
    references: tuple[ReferenceLeft, ...] = ()


# ---- rules ------------------------------------------------------------------------------------------------------

Direction = Literal["stricter", "looser", "mixed", "equivalent", "new", "dropped", "not_analysable"]
Proof = Literal["exact", "bounded", "not_analysable"]


@record
class RuleSide:
    """A rule in one version. `source` is its text in the policy file, `file` and `line` where it stands; `title_zh` is
    empty where the policy says no title in Chinese."""

    name: str
    title: str
    citations: tuple[str, ...]
    severity: str
    family: str
    file: str
    line: int
    source: str
    title_zh: str = ""


@record
class Witness:
    """A case that both versions were asked about, by the reference evaluator.

    `facts` is a service file's content, `events` rows of a trace (with `type` and `time` as ISO text), `as_of` the
    instant of judgement (ISO text), `moment` which moment it is about (ISO text; empty for a rule without trigger).
    `decides` names the facts, events and numbers on which the answers turn. `every_old` and `every_new` are the
    verdicts of all moments of the case, in order.
    """

    old: Verdict
    new: Verdict
    facts: dict[str, Any]
    events: tuple[dict[str, Any], ...] = ()
    as_of: str = ""
    moment: str = ""
    decides: tuple[str, ...] = ()
    every_old: tuple[Verdict, ...] = ()
    every_new: tuple[Verdict, ...] = ()


@record
class Cell:
    """One cell of the matrix: can a case come out `old` before and `new` after? `witness` is the place in the rule's
    list of witnesses, None where the cell is impossible or not decided."""

    old: Verdict
    new: Verdict
    possible: Literal["yes", "no", "unknown"]
    witness: int | None = None


EditPart = Literal["scope", "trigger", "when", "must", "unless", "deadline", "param", "severity", "keys", "state",
                   "episode", "title", "title_zh", "family", "fix", "fix_zh", "citations"]


@record
class RuleEdit:
    """One changed part of a rule, as a reader would name it: `deadline` 15 working days -> 10 working days.

    `only_old` and `only_new` are the members of a list that one side alone names, where that is all that changed. One
    side is empty where the part was added or taken away. `name` is the param's or state's. `direction` is what this
    edit does alone (attribution); None where it changes no verdict by its nature (a title).
    """

    part: EditPart
    old: str
    new: str
    name: str = ""
    direction: Direction | None = None
    fingerprint: str = ""
    only_old: tuple[str, ...] = ()
    only_new: tuple[str, ...] = ()


@record
class Region:
    """A row of the difference table: where `conditions` hold (each `user.age from 14 to 17`), the old version says
    `old` and the new one `new`."""

    conditions: tuple[str, ...]
    old: Verdict
    new: Verdict


@record
class RuleChange:
    """A rule and what became of it.

    `direction` is the whole truth. Where what the policy applies to changed as well, that alone would make every rule
    looser or stricter; `in_common` then is the direction among the cases that both versions apply to, None elsewhere.
    `paired_by` says through what the two were paired. `note` says how far the proof reaches: `k = 3`, `calendar
    2026-2028`, why it was not analysable. `seconds` is how long the solver took.
    """

    old: RuleSide | None
    new: RuleSide | None
    paired_by: Literal["citation", "name", "likeness", "pin", ""]
    direction: Direction
    proof: Proof
    note: str
    edits: tuple[RuleEdit, ...]
    witnesses: tuple[Witness, ...] = ()
    matrix: tuple[Cell, ...] = ()
    table: tuple[Region, ...] = ()
    fingerprint: str = ""
    in_common: Direction | None = None
    seconds: float = field(default=0.0, compare=False)


@record
class CrossCheck:
    """The layers disagree. `kind` is stable words: `text-changed-rule-not`, `rule-changed-text-not`, `number-differs`,
    `cites-dropped`, `cites-split`, `cites-merged`, and `cites-changed` where the
    new side has no rules."""

    kind: str
    rule: str
    place: str
    old: str = ""
    new: str = ""
    fingerprint: str = ""


# ---- impact -----------------------------------------------------------------------------------------------------

@record
class Impact:
    """One case of the user's under one rule, before and after. `because` names the edits that cause it (as
    `RuleEdit.fingerprint`), `nearest` the smallest change to the service after which the new version is satisfied, in
    words (empty: none was found, or it is not needed). `count` is how many moments came out so."""

    service: str
    old_rule: str
    new_rule: str
    old: Verdict | None
    new: Verdict | None
    kind: Literal["newly_failing", "newly_undecided", "no_longer_failing", "other"]
    count: int = 1
    moment: str = ""
    place: str = ""
    because: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()


# ---- the whole --------------------------------------------------------------------------------------------------

@record
class Side:
    """One of the two things compared: `name` as the user gave it, `regulation` and `version` where it has a policy.
    `in_force` says since when or that it is not, in words."""

    name: str
    title_en: str
    title_zh: str
    regulation: str = ""
    version: str = ""
    status: str = ""
    published: str = ""
    in_force: str = ""
    confidence_en: str = ""
    confidence_zh: str = ""
    in_force_zh: str = ""


@record
class Diff:
    """All that one comparison says; None where a layer was not asked for or cannot be (two texts have no rules)."""

    old: Side
    new: Side
    text: TextDiff | None
    rules: tuple[RuleChange, ...] | None
    checks: tuple[CrossCheck, ...] = ()
    impact: tuple[Impact, ...] | None = None
    accepted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
