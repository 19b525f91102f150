"""Diffs written by hand for the tests of every format: one with all there is, one without rules, one that is large, and
one whose every text is what a test asks for.

A text is written once with its changes marked: `[-deleted-]`, `{+inserted+}`, `[-deadline|15 days-]{+deadline|10
days+}` for a typed pair; `¶+` or `¶-` at the end of a line says that its end is inserted or deleted. Both documents and
the comparison are made from that, so the laws of `EditedLine` hold by construction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, get_args

from policyengine.base.record import record
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.diff.model import (
    Alternative,
    ArticleChange,
    ArticleKind,
    Cell,
    CrossCheck,
    Diff,
    Direction,
    EditedLine,
    Highlight,
    HighlightKind,
    Impact,
    PartLink,
    ReferenceLeft,
    Region,
    RuleChange,
    RuleEdit,
    RuleSide,
    Run,
    Side,
    TermRenamed,
    TextDiff,
    Witness,
)
from policyengine.documents.model import Document, Kind, Language, Line, Unit

# ---- texts ------------------------------------------------------------------------------------------------------

@record
class Written:
    """A link between articles as a test writes it: their numbers, what it is, the marked lines (`# ` a heading)."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    kinds: tuple[ArticleKind, ...]
    lines: tuple[str, ...]
    heading: tuple[str, str] = ("", "")
    highlights: tuple[Highlight, ...] = ()
    parts: tuple[PartLink, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    confidence: float = 1.0
    note: str = ""
    pinned: bool = False
    chapter: str = ""


_MARK = re.compile(r"\[-(?:(\w+)\|)?(.*?)-\]|\{\+(?:(\w+)\|)?(.*?)\+\}")


def edited(text: str) -> tuple[tuple[Run, ...], str]:
    """The runs of a marked line, and to which side its end belongs."""
    end = "same"
    for mark, side in (("¶+", "inserted"), ("¶-", "deleted")):
        if text.endswith(mark):
            text, end = text.removesuffix(mark), side
    runs: list[Run] = []
    at, group, deleted = 0, 0, False
    for found in _MARK.finditer(text):
        if found.start() > at:
            runs.append(Run("same", text[at:found.start()]))
            deleted = False
        old_kind, old, new_kind, new = found.groups()
        if old is not None:
            group += 1
            runs.append(Run("deleted", old, _kind(old_kind), group))
            deleted = True
        else:
            runs.append(Run("inserted", new, _kind(new_kind), group if deleted else 0))
            deleted = False
        at = found.end()
    if at < len(text):
        runs.append(Run("same", text[at:]))
    if end == "same" and runs and len({run.op for run in runs}) == 1:
        end = runs[0].op  # a line that only one side has takes its end along
    return tuple(runs), end


def _kind(word: str | None) -> HighlightKind | None:
    return word if word in get_args(HighlightKind) else None  # type: ignore[return-value]


class _Half:
    """One document growing line by line."""

    def __init__(self, path: str, title: str, language: Language) -> None:
        self.path, self.title, self.language = path, title, language
        self.lines: list[Line] = []
        self.articles: list[tuple[str, int]] = []  # number, first line
        self.open = ""

    def take(self, runs: Sequence[Run], end: str, other: str, level: int) -> int | None:
        """The number of the line that these runs are part of, None where this side has none of them."""
        mine = [run for run in runs if run.op != other]
        if not mine and end == other:
            return None
        number = len(self.lines)
        self.open += "".join(run.text for run in mine)
        if end != other:
            self.lines.append(Line(self.open, level))
            self.open = ""
        return number

    def document(self) -> Document:
        ends = [first for _, first in self.articles[1:]] + [len(self.lines)]
        units = tuple(self._article(number, first, end)
                      for (number, first), end in zip(self.articles, ends, strict=True))
        return Document(self.path, self.title, self.language, tuple(self.lines), units)

    def _article(self, number: str, first: int, end: int) -> Unit:
        place = f"Art. {number}"
        heading = self.lines[first].text
        paragraphs: list[tuple[int, list[int]]] = []
        for at in range(first + 1, end):
            if self.lines[at].text.startswith(("(", "（")) and paragraphs:
                paragraphs[-1][1].append(at)
            else:
                paragraphs.append((at, []))
        children = tuple(
            self._unit("paragraph", str(count), f"{place}({count})", at, (at, (items or [at])[-1] + 1), tuple(
                self._unit("item", str(one), f"{place}({count})({one})", line, (line, line + 1), ())
                for one, line in enumerate(items, 1)))
            for count, (at, items) in enumerate(paragraphs, 1))
        return Unit("article", number, heading.split(" ")[0], place, heading.partition(" ")[2], "", children,
                    (first, end))

    def _unit(self, kind: Kind, number: str, place: str, line: int, lines: tuple[int, int],
              children: tuple[Unit, ...]) -> Unit:
        return Unit(kind, number, "", place, "", self.lines[line].text, children, lines)


def text_diff(articles: Sequence[Written], *, language: Language = "en", preamble: Sequence[str] = (),
              renamed: tuple[TermRenamed, ...] = (), references: tuple[ReferenceLeft, ...] = ()) -> TextDiff:
    """Both documents and their comparison, from articles in the order of the new text."""
    old, new = _Half("draft/text.md", "Draft", language), _Half("final/text.md", "Final", language)
    script: list[EditedLine] = []

    def put(marked: str) -> EditedLine:
        level = 3 if marked.startswith("# ") else 0
        runs, end = edited(marked.removeprefix("# "))
        line = EditedLine(runs, end, old.take(runs, end, "inserted", level),  # type: ignore[arg-type]
                          new.take(runs, end, "deleted", level))
        script.append(line)
        return line

    for marked in preamble:
        put(marked)
    changes: list[ArticleChange] = []
    for one in articles:
        left_old, left_new = list(one.old), list(one.new)
        lines = []
        for marked in one.lines:
            line = put(marked)
            lines.append(line)
            if marked.startswith("# "):
                if line.old is not None and left_old:
                    old.articles.append((left_old.pop(0), line.old))
                if line.new is not None and left_new:
                    new.articles.append((left_new.pop(0), line.new))
        changes.append(ArticleChange(
            tuple(f"Art. {number}" for number in one.old), tuple(f"Art. {number}" for number in one.new),
            *one.heading, one.kinds, one.confidence, tuple(lines), one.parts, one.highlights, one.alternatives,
            one.pinned, one.note, one.chapter, fingerprint=f"{len(changes):012x}"))
    return TextDiff(old.document(), new.document(), tuple(changes), tuple(script), renamed, references)


PREAMBLE = (
    "Interim Measures for Human-like AI Interaction Services[- (draft for comment)-]",
    "{+Published on 10 April 2026 by the Cyberspace Administration and four other ministries+}",
)

ARTICLES = (
    Written(("1",), ("1",), ("unchanged",), (
        "# Art. 1 Purpose",
        "1. The Measures regulate human-like interaction services and protect the lawful rights of citizens.",
    ), ("Purpose", "Purpose"), chapter="Chapter I General"),
    Written(("2",), ("2",), ("modified",), (
        "# Art. 2 Scope",
        "1. The Measures apply to [-products and -]services that use AI to offer the public in mainland China "
        "simulated human personality, thinking and style of communication[-, together with emotional interaction-]"
        "{+ together with sustained emotional interaction+}.",
        "{+2. Customer service, knowledge questions, work assistants, education and research are not covered, provided "
        "that they involve no sustained emotional interaction.+}",
    ), ("Scope", "Scope"), parts=(
        PartLink(("Art. 2(1)",), ("Art. 2(1)",), ("modified",), 0.86),
        PartLink((), ("Art. 2(2)",), ("new",), 1.0)), chapter="Chapter I General"),
    Written(("11",), ("13",), ("renumbered", "modified"), (
        "# Art. [-11-]{+13+} [-Recognising states and intervening-]{+Users in danger+}",
        "1. [-The provider must be able to recognise the user's state: it assesses emotion and dependence while "
        "protecting privacy, and intervenes as needed on finding extreme emotion or addiction-]{+While protecting "
        "privacy, the provider promptly identifies safety risks that its users face, and responds+}.",
        "2. Where a user [-modal|may-]{+modal|must+} be helped, the provider answers within [-deadline|15 working "
        "days-]{+deadline|10 working days+} and pays at most [-amount|1,000 yuan-]{+amount|500 yuan+}, as Art. "
        "[-reference|14-]{+reference|16+} says.",
        "[-3. Where a user explicitly states an intention of suicide or self-harm, a human takes over the "
        "conversation.-]",
    ), ("Recognising states and intervening", "Users in danger"), (
        Highlight("deadline", "15 working days", "10 working days", "Art. 11(2)", "Art. 13(2)"),
        Highlight("modal", "may", "must", "Art. 11(2)", "Art. 13(2)"),
        Highlight("amount", "1,000 yuan", "500 yuan", "Art. 11(2)", "Art. 13(2)"),
        Highlight("negation", "", "no", "Art. 11(2)", "Art. 13(2)")),
        (PartLink(("Art. 11(1)",), ("Art. 13(1)",), ("modified",), 0.42),
         PartLink(("Art. 11(2)",), ("Art. 13(2)",), ("modified",), 0.91),
         PartLink(("Art. 11(3)",), (), ("dropped",), 1.0)),
        (Alternative("Art. 11", "Art. 12", 0.31),), 0.58, "rewritten", chapter="Chapter II Services"),
    Written(("12",), ("14",), ("renumbered", "modified"), (
        "# Art. [-12-]{+14+} Minors",
        "{+1. No service of virtual relatives, virtual partners or other virtual intimacy is offered to minors. "
        "Consent makes no difference.+}",
        "[-1-]{+2+}. [-Offering emotional companionship to minors-]{+For any other service under these Measures, a "
        "child under 14+} needs the [-guardian's explicit consent-]{+consent of a parent or other guardian+}.",
        "[-2-]{+3+}. A minors mode must exist. It can be switched to, reminds the user of reality periodically, and "
        "limits the time of use.",
        "(1) it shows a reminder;",
        "(2) it [-modal|may-]{+modal|shall+} limit spending;",
    ), ("Minors", "Minors"), (
        Highlight("modal", "may", "shall", "Art. 12(2)(2)", "Art. 14(3)(2)"),),
        (PartLink((), ("Art. 14(1)",), ("new",), 1.0),
         PartLink(("Art. 12(1)",), ("Art. 14(2)",), ("renumbered", "modified"), 0.61),
         PartLink(("Art. 12(2)",), ("Art. 14(3)",), ("renumbered",), 0.99)),
        confidence=0.93, chapter="Chapter II Services"),
    Written(("14",), ("16", "17"), ("split", "renumbered", "modified"), (
        "# Art. [-14-]{+16+} Interaction data",
        "1. Interaction data is protected by encryption[-, security audit-] and access control.[- -]¶+",
        "# {+Art. 17 Personal information of minors+}",
        "It is not given to third parties unless a law so provides.",
    ), ("Interaction data", "Interaction data; Personal information of minors"), pinned=True, confidence=1.0,
        chapter="Chapter II Services"),
    Written(("16", "17"), ("18",), ("merged", "renumbered", "modified"), (
        "# Art. [-16-]{+18+} [-Disclosure-]{+Labels, disclosure and reminders+}",
        "1. Users are told prominently that they interact with AI and not with a natural person.",
        "# [-Art. 17 Long use-]",
        "[-1-]{+2+}. {+Each time +}[-Continuous-]{+continuous+} use [-of-]{+runs over a further+} [-amount|2 hours-]"
        "{+amount|3 hours+}{+, the provider reminds the user+}[- is met with a pop-up that advises to pause-].",
    ), ("Disclosure; Long use", "Labels, disclosure and reminders"), (
        Highlight("amount", "2 hours", "3 hours", "Art. 17(1)", "Art. 18(2)"),), confidence=0.74,
        chapter="Chapter II Services"),
    Written(("18",), ("19",), ("renumbered",), (
        "# Art. [-18-]{+19+} Exit",
        "1. The provider offers a convenient way out. When a user asks to leave, the service stops promptly.",
    ), ("Exit", "Exit"), chapter="Chapter II Services"),
    Written(("3",), ("20",), ("moved", "renumbered"), (
        "# Art. [-3-]{+20+} Complaints",
        "1. Complaints can be made easily; the provider answers them in time.",
    ), ("Complaints", "Complaints"), chapter="Chapter II Services"),
    Written(("19",), (), ("dropped",), (
        "# [-Art. 19 Interruptions-]", "[-1. Where the service is interrupted, users are told beforehand.-]",
    ), ("Interruptions", ""), chapter="Chapter III Supervision"),
    Written((), ("21",), ("new",), (
        "# {+Art. 21 Sandbox+}", "{+1. The authority promotes a sandbox platform for trials and safety tests.+}",
    ), ("", "Sandbox"), chapter="Chapter III Supervision"),
)

TEXT = text_diff(ARTICLES, preamble=PREAMBLE, renamed=(TermRenamed("user terminal", "terminal", 7),),
                 references=(ReferenceLeft("Art. 13(2)", "Art. 14", "Art. 16"),))

CHINESE = text_diff((
    Written(("10",), ("12",), ("renumbered", "modified"), (
        "# 第[-十-]{+十二+}条 未成年人",
        "提供者[-modal|可以-]{+modal|应当+}建立未成年人模式，并在[-deadline|三十日-]{+deadline|十五日+}内答复监护人的请求。",
        "[-向未成年人提供情感陪伴服务的，应当取得监护人的明确同意。-]",
        "{+不得向未成年人提供虚拟亲属、虚拟伴侣等虚拟亲密关系服务。+}",
        "（一）设置使用时长；",
        "（二）限制消费[-，并不得退款-]。",
    ), ("未成年人", "未成年人"), (
        Highlight("deadline", "三十日", "十五日", "Art. 10(1)", "Art. 12(1)"),
        Highlight("modal", "可以", "应当", "Art. 10(1)", "Art. 12(1)"),
        Highlight("negation", "不得", "", "Art. 10(2)(2)", "Art. 12(2)(2)")), confidence=0.81),
    Written(("11",), ("13",), ("renumbered",), (
        "# 第十[-一-]{+三+}条 退出", "提供者应当提供便捷的退出途径。"), ("退出", "退出")),
), language="zh")


# ---- rules ------------------------------------------------------------------------------------------------------

def side(name: str, citation: str, source: str, *, title: str = "", title_zh: str = "", version: str = "final",
         line: int = 1, severity: str = "error", family: str = "minors") -> RuleSide:
    return RuleSide(name, title or name.replace("_", " ").capitalize(), (citation,), severity, family,
                    f"regulations/cn/human-like-ai/{version}/rules.policy", line, source, title_zh)


def cells(*possible: tuple[Verdict, Verdict, int | None]) -> tuple[Cell, ...]:
    """The whole matrix: these are possible, each with the place of its witness."""
    known = {(old, new): witness for old, new, witness in possible}
    return tuple(Cell(old, new, "yes" if (old, new) in known else "no", known.get((old, new)))
                 for old in VERDICTS for new in VERDICTS)


def change(direction: Direction, name: str, citations: tuple[str, str], **more: Any) -> RuleChange:
    """A rule of a direction whose two sides have one name; `more` says the rest."""
    source = f"rule {name}\n  cites {{}}\n  must service.exit\n"
    old, new = citations
    plain = RuleChange(
        side(name, old, source.format(old), version="draft", line=12) if old else None,
        side(name, new, source.format(new), line=34) if new else None,
        "citation" if old and new else "", direction, "exact", "", (), fingerprint=f"r-{name}"[:14])
    return replace(plain, **more)


INTIMACY = change(
    "mixed", "companionship_for_minors", ("Art. 12(1)", "Art. 14(1)"),
    old=side("guardian_consent_for_companionship", "Art. 12(1)", (
        'rule guardian_consent_for_companionship "Minors have a guardian\'s consent"\n  cites Art. 12(1)\n  per user\n'
        "  on session_started\n  when user.age < 18\n  must guardian_consented before\n"
        "  unless user.self_declared_adult\n"), version="draft", line=364, title="Minors have a guardian's consent",
        title_zh="未成年人须经监护人同意"),
    new=side("no_virtual_intimacy_for_minors", "Art. 14(1)", (
        'rule no_virtual_intimacy_for_minors "Minors get no virtual intimacy"\n  cites Art. 14(1)\n  per user\n'
        "  on session_started where (intimate(role_class))\n  when user.age < 18\n  must not happen\n"
        "  unless user.curfew_lifted\n"), line=329, title="Minors get no virtual intimacy",
        title_zh="不向未成年人提供虚拟亲密关系"),
    edits=(
        RuleEdit("trigger", "session_started", "session_started where (intimate(role_class))", "", "looser", "e1"),
        RuleEdit("must", "guardian_consented before", "not happen", "", "stricter", "e2"),
        RuleEdit("unless", "user.self_declared_adult", "", "", "stricter", "e3"),
        RuleEdit("unless", "", "user.curfew_lifted", "", "looser", "e4"),
        RuleEdit("title", "Minors have a guardian's consent", "Minors get no virtual intimacy"),
        RuleEdit("title_zh", "未成年人须经监护人同意", "不向未成年人提供虚拟亲密关系"),
        RuleEdit("citations", "Art. 12(1)", "Art. 14(1)")),
    witnesses=(
        Witness("satisfied", "violated", {}, (
            {"type": "guardian_consented", "time": "2026-11-03T09:00:00+08:00", "user": "u1"},
            {"type": "session_started", "time": "2026-11-03T14:00:00+08:00", "user": "u1", "age": 16,
             "role_class": "virtual_intimacy"}), "2026-11-20T23:59:59+08:00", "2026-11-03T14:00:00+08:00",
            ("user.age = 16", "role_class = \"virtual_intimacy\"")),
        Witness("violated", "not_applicable", {"service": {"offered_to_prc_public": True}}, (
            {"type": "session_started", "time": "2026-11-03T14:00:00+08:00", "user": "u1", "age": 15,
             "role_class": "companion"},), "2026-11-20T23:59:59+08:00", "2026-11-03T14:00:00+08:00",
            ("no guardian_consented before",))),
    matrix=cells(("satisfied", "violated", 0), ("violated", "not_applicable", 1), ("violated", "violated", None),
                 ("not_applicable", "not_applicable", None), ("undecided", "undecided", None)),
    table=(Region(("user.age under 18", "role_class is virtual_intimacy", "consent given"), "satisfied", "violated"),
           Region(("user.age under 18", "role_class is not virtual_intimacy", "no consent"), "violated",
                  "not_applicable")),
    fingerprint="9a3f00c1d2e4", seconds=0.021)

DEADLINE = change(
    "stricter", "answer_in_time", ("Art. 11(2)", "Art. 13(2)"), paired_by="name", note="calendar 2026-2028",
    edits=(RuleEdit("deadline", "15 working days", "10 working days", "", "stricter", "e5"),
           RuleEdit("severity", "warning", "error")),
    witnesses=(Witness("satisfied", "violated", {}, (
        {"type": "help_requested", "time": "2026-03-02T00:00:00+08:00", "user": "u1"},
        {"type": "answered", "time": "2026-03-17T00:00:00+08:00", "user": "u1"}), "2026-12-31T23:59:59+08:00",
        "2026-03-02T00:00:00+08:00", ("answered 11 working days later",)),),
    matrix=cells(("satisfied", "violated", 0), ("satisfied", "satisfied", None), ("violated", "violated", None)),
    table=(Region(("answered after 10 to 15 working days",), "satisfied", "violated"),), fingerprint="0b11c2d3e4f5")

SCOPE = change(
    "looser", "two_hours", ("Art. 17(1)", "Art. 18(2)"), proof="bounded", note="k = 3", edits=(
        RuleEdit("param", "2 hours", "3 hours", "reminder_period", "looser", "e6"),
        RuleEdit("scope", "user.age < 18", "user.age < 14", "", "looser", "e7")),
    witnesses=(Witness("violated", "satisfied", {"service": {
        "reminders": {"period_minutes": 150, "channels": ["popup"]}, "roles": [{"name": "A", "age_gate": 14}]}}, (),
        "2026-11-20T23:59:59+08:00", "", ("service.reminders.period_minutes = 150",)),),
    matrix=tuple(replace(cell, possible="unknown") if "pending" in (cell.old, cell.new) else cell
                 for cell in cells(("violated", "satisfied", 0), ("satisfied", "satisfied", None))))

RULES = (
    INTIMACY, DEADLINE, SCOPE,
    change("equivalent", "convenient_exit", ("Art. 18(1)", "Art. 19(1)"),
           edits=(RuleEdit("fix", "Offer an exit.", "Offer a way out."),)),
    change("equivalent", "encryption", ("Art. 14(1)", "Art. 16(1)")),
    change("not_analysable", "total_spending", ("Art. 12(2)", "Art. 14(3)"), proof="not_analysable",
           note="a product of two facts, `price * count`", edits=(RuleEdit("must", "price * count <= 500",
                                                                           "price * count <= 300"),)),
    change("new", "sandbox_report", ("", "Art. 21(1)")),
    change("dropped", "interruption_notice", ("Art. 19(1)", "")),
)

CHECKS = (
    CrossCheck("text-changed-rule-not", "convenient_exit", "Art. 19(1)", fingerprint="c1"),
    CrossCheck("rule-changed-text-not", "encryption", "Art. 16(1)", fingerprint="c2"),
    CrossCheck("number-differs", "two_hours", "Art. 18(2)", "2 hours", "3 hours", "c3"),
    CrossCheck("cites-dropped", "interruption_notice", "Art. 19", fingerprint="c4"),
    CrossCheck("cites-split", "encryption", "Art. 14", "Art. 14", "Art. 16, Art. 17", "c5"),
    CrossCheck("cites-merged", "two_hours", "Art. 17", "Art. 17", "Art. 18", "c6"),
    CrossCheck("cites-changed", "two_hours", "Art. 17", "2 hours", "3 hours", "c7"),
)

IMPACT = (
    Impact("services/companion.yaml", "convenient_exit", "convenient_exit", "violated", "satisfied",
           "no_longer_failing"),
    Impact("services/companion.yaml", "guardian_consent_for_companionship", "no_virtual_intimacy_for_minors",
           "satisfied", "violated", "newly_failing", 3, "2026-11-03T14:00:00+08:00", "services/companion.yaml:31:5",
           ("e2",), ("roles[2].age_gate 14 -> 18",)),
    Impact("services/elder.yaml", "", "sandbox_report", None, "undecided", "newly_undecided",
           place="services/elder.yaml:1"),
    Impact("services/elder.yaml", "answer_in_time", "answer_in_time", "satisfied", "violated", "newly_failing",
           because=("e5",)),
)

OLD = Side("cn/human-like-ai@draft", "Interim Measures for Human-like AI Interaction Services (draft for comment)",
           "人工智能拟人化互动服务管理暂行办法（征求意见稿）", "cn/human-like-ai", "2025-12-27-draft", "draft",
           "2025-12-27", "",
           "Encoded from published readings; the official pages were not opened. Not legal advice; the Chinese text "
           "governs.", "未查阅官方网页，依据公开解读编写；不构成法律意见，以中文官方文本为准。")
NEW = replace(OLD, name="cn/human-like-ai@final", version="2026-04-10-final", status="final",
              title_en="Interim Measures for Human-like AI Interaction Services",
              title_zh="人工智能拟人化互动服务管理暂行办法",
              published="2026-04-10", in_force="in force since 2026-07-15")

FULL = Diff(OLD, NEW, TEXT, RULES, CHECKS, IMPACT, ("c2",), ("2 rules were cut off after 1 s",))
"""All there is, once."""

TEXT_ONLY = Diff(Side("old.docx", "Old contract", "旧合同"), Side("new.docx", "New contract", "新合同"), CHINESE, None)
"""Two texts without a policy, in Chinese."""

EMPTY = Diff(Side("a.md", "A", "A"), Side("b.md", "B", "B"), None, None)


def large(articles: int = 500, rules: int = 0) -> Diff:
    """A diff of a long code: every third article is modified, every seventh split off anew."""
    written = []
    for number in range(1, articles + 1):
        same = ("The operator keeps records of each transaction for the period that the law provides, and shows them "
                "to the authority on request; a user may ask for a copy. ") * (1 + number % 4)
        if number % 7 == 0:
            written.append(Written((), (str(number),), ("new",), (
                f"# {{+Art. {number} Records of class {number}+}}", f"{{+1. {same}+}}"), ("", f"Records {number}")))
        elif number % 3 == 0:
            written.append(Written((str(number),), (str(number),), ("modified",), (
                f"# Art. {number} Records of class {number}",
                f"1. {same}within [-deadline|{number} days-]{{+deadline|{number + 1} days+}}.", f"2. {same}"),
                (f"Records {number}",) * 2, (Highlight("deadline", f"{number} days", f"{number + 1} days",
                                                      f"Art. {number}(1)", f"Art. {number}(1)"),)))
        else:
            written.append(Written((str(number),), (str(number),), ("unchanged",), (
                f"# Art. {number} Records of class {number}", f"1. {same}", f"2. {same}"), (f"Records {number}",) * 2))
    changes = tuple(replace(DEADLINE, fingerprint=f"{number:012x}",
                            old=side(f"rule_{number}", f"Art. {number * 3}", "must exit"),
                            new=side(f"rule_{number}", f"Art. {number * 3}", "must exit")) for number in range(rules))
    return Diff(OLD, NEW, text_diff(written), changes if rules else None)


# ---- any text in any field --------------------------------------------------------------------------------------

NASTY = ("<script>alert(1)</script>", "</script><script>alert(1)</script>", "</style><img src=x onerror=alert(1)>",
         "javascript:alert(1)", "\" onmouseover=alert(1) x=\"", "' onfocus=alert(1) autofocus '", "--><svg onload=1>",
         "]]>&lt;b&gt;&#60;i&#62;", "{{ 7 * 7 }}{% raw %}", "a\x00b\x1b[31m\x07", "\u202eevil\u2066\u200f",
         "\ud800\udc00\ufffe", "<!--", "</title></textarea></pre>", "a\r\nb\u2028c\u0085", "\U000e0041\ufeff")
"""Texts that would end a tag, a string or a comment, run, or turn the display around."""


def with_text(value: Any, text: str) -> Any:
    """The value with `text` in place of every free text inside, at any depth; the model's own words stay."""
    if isinstance(value, tuple):
        return tuple(with_text(one, text) for one in value)
    if isinstance(value, dict):
        return {text: {text: text}, "list": [text, {text: text}]}
    if hasattr(value, "__dataclass_fields__"):
        return replace(value, **{name: with_text(inner, text) for name, inner in _free(value)})
    return text if isinstance(value, str) and value else value


FIXED = frozenset({"kind", "kinds", "op", "end", "direction", "proof", "paired_by", "part", "possible", "language",
                   "matrix"})
"""Fields of the model whose words are ours."""


def _free(value: Any) -> Iterator[tuple[str, Any]]:
    for one in fields(value):
        inner = getattr(value, one.name)
        ours = one.name in FIXED or (one.name in ("old", "new") and isinstance(value, Witness | Region | Impact))
        if not ours or (one.name == "kind" and isinstance(value, CrossCheck)):
            yield one.name, inner


def hostile(text: str) -> Diff:
    """FULL with `text` in every field that an author or a user fills."""
    return with_text(FULL, text)  # type: ignore[no-any-return]
