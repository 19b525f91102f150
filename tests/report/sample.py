"""Reports written by hand: one with everything a format must stand, one clean, one that holds nothing but names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.model import Judged, Line, MomentLine, Place, Report, Result, RuleCount
from policyengine.report.words import Said, as_is, citation, counted, joined

LAW = "cn/human-like-ai"
FINAL = "2026-04-10-final"
DRAFT = "2025-12-27-draft"
SERVICE = "services/companion.yaml"
TRACE = "logs/companion.ndjson"
POLICY = f"regulations/cn/human-like-ai/{FINAL}/rules.policy"

# Everything that could end a line, a command, a tag or a string, turn the page around, or look like a place.
HOSTILE = "u\n::error::x%0A\r\x1b[31mred</a>]]>\u202e\u2066\"'\ud800,:#2 &amp;"

JUDGED_FINAL = Judged(
    LAW, FINAL, "Interim Measures for Human-like AI Interaction Services", "人工智能拟人化互动服务管理暂行办法",
    "final", Said("in force", ("2026-07-15",)),
    "Encoded from published readings. Not legal advice; the Chinese text governs.",
    "依据公开解读编写；不构成法律意见，以中文官方文本为准。", 12, "Asia/Shanghai", ("https://www.cac.gov.cn/2026-04/10/c_1.htm",))
JUDGED_DRAFT = replace(
    JUDGED_FINAL, version=DRAFT, status="draft", in_force=Said("draft"), rules=1, sources=(),
    title_en="Interim Measures for Human-like AI Interaction Services (draft for comment)",
    title_zh="人工智能拟人化互动服务管理暂行办法（征求意见稿）")
JUDGED_HOUSE = Judged("acme/house", "1", "house policy over Interim Measures", "", "house", Said("always"), "", "", 1,
                      "Asia/Shanghai")


def result(rule: str, article: str, verdict: Verdict, **more: Any) -> Result:
    """A result about the service as a whole, with what `more` says instead."""
    plain = Result(
        LAW, FINAL, rule, "", (article,), "governance", "error", verdict, SERVICE, Place(SERVICE, 1, 1), None, None,
        None, False, (), (), (), {}, None, "", False, Place(POLICY, 40, 6))
    return replace(plain, **more)


def musts(text: str) -> tuple[Said, ...]:
    """What a rule demands, as it is put together in English: `must a and must not b`."""
    def one(part: str) -> Said:
        if part == "must not happen":
            return Said("never")
        key = "must not" if part.startswith("must not ") else "must"
        return Said(key, (part.removeprefix(key).strip(" "),))
    return tuple(map(one, re.split(r" and (?=must )", text)))


def fact(name: str, value: str, line: int = 1, column: int = 1) -> Line:
    return Line("fact", name, Said("is", (name, value)), Place(SERVICE, line, column))


def part(text: str, value: str = "false") -> Line:
    return Line("part", text, Said(f"part {value}", (text,)), Place(POLICY, 44, 8))


def lost(name: str, line: int = 3) -> Line:
    return Line("fact", name, Said("missing", (name,)), Place(SERVICE, line, 3))


def moment(user: str, hour: int, row: int, event: str = "risk_detected", day: int = 3, **keys: str) -> dict[str, Any]:
    place = Place(TRACE, row=row)
    return {"place": place, "moment": MomentLine(
        f"2026-11-{day:02} {hour:02}:02:00 +08:00", f"2026-11-{day - (hour < 8):02}T{(hour - 8) % 24:02}:02:00Z",
        {"user": user, **keys}, event, place)}


def _violated() -> list[Result]:
    notice = 'service.disclosure.ai_notice in ["persistent", "session_start"]'
    systems = 'service.governance.systems contains all ["ethics_review", "risk_plan"]'
    soothing = 'support_message_sent where (contents contains "soothing") within promptly'
    found = [
        result("ai_notice", "Art. 18(1)", "violated", family="disclosure", place=Place(SERVICE, 14, 16),
               title="Users know they are talking to an AI service, not a natural person",
               requirements=musts(f"must {notice}"),
               evidence=(part(notice), fact("service.disclosure.ai_notice", '"settings_page"', 14, 16)),
               fix="Show a standing notice, or one at the start of each session.",
               title_zh="用户知晓其正在与人工智能服务交互", fix_zh="持续显示提示，或者在每次会话开始时显示。"),
        result("management_systems", "Art. 9(1)", "violated", place=Place(SERVICE, 20, 12),
               title="The management systems the provider answers for exist",
               requirements=musts(
                   f"must {systems} and must service.governance.content_staff >= 1 and must not service.dark"),
               evidence=(part(systems), fact("service.governance.systems", '["risk_plan"]', 20, 12),
                         part("service.governance.content_staff >= 1"),
                         fact("service.governance.content_staff", "0", 21, 20),
                         part("service.dark", "true"), fact("service.dark", "true", 22, 9)),
               fix="Set up the systems that are missing."),
        result("assessment_sections", "Art. 23(1)(1)", "violated", severity="warning", place=None,
               citations=tuple(f"Art. 23(1)({n})" for n in range(1, 8)),
               title="The report has every section 评估报告应当包括保障机制建设情况、个人信息保护情况"
                     "以及未成年人和老年人保护情况等内容",
               requirements=musts("must every section in service.assessment.sections satisfies (section.done)"),
               evidence=(part("every section in service.assessment.sections satisfies (section.done)"),
                         fact("service.assessment.sections[2].done", "false", 55, 13)),
               fix="Complete the report.", tie=True),
        result(HOSTILE, HOSTILE, "violated", severity="info", family=HOSTILE, service=HOSTILE,
               place=Place(HOSTILE, 3, 7), title=HOSTILE, requirements=musts(f"must {HOSTILE}"),
               params={HOSTILE: HOSTILE},
               evidence=(Line("fact", HOSTILE, Said("is", (HOSTILE, HOSTILE)), Place(HOSTILE, 3, 7)),), fix=HOSTILE),
    ]
    for number in range(37):
        user = f"u-{number:04}" if number else "u-4821"
        found.append(result(
            "support_in_extreme_emotion", "Art. 13(2)", "violated", family="safety",
            title="A user in extreme emotion is soothed", requirements=musts(f"must {soothing}"),
            params={"promptly": "10 minutes"},
            evidence=(part(soothing), Line("no-event", "support_message_sent", Said("none between", (
                "support_message_sent", f"2026-11-03 {number % 24:02}:02:00 +08:00",
                f"2026-11-03 {number % 24:02}:12:00 +08:00"))),
                      Line("parameter", "promptly", Said("param", ("promptly", "10 minutes")))),
            fix="Send soothing words.", tie=number == 1, **moment(user, number % 24, 88_120 + number)))
    found.append(result("no_gambling", "Art. 8(1)(1)", "violated", requirements=musts("must not happen"),
                        title="No unlawful content is generated", **moment("用户甲", 10, 7, "content_flagged")))
    return found


def _undecided() -> list[Result]:
    missing = "service.simulates_natural_person"
    found = [result(f"rule_{number:02}", f"Art. {number}(1)", "undecided", missing=(lost(missing),))
             for number in range(9, 13)]
    found.append(result("two_missing", "Art. 11(1)(3)", "undecided", severity="warning",
                        missing=(lost("service.training.negative_sampling"), lost("service.training.adversarial"))))
    age = Line("state", "age", Said("state unknown", ("age", joined("or", ["registered.age", "age_verified.age"]))))
    found += [result("no_virtual_intimacy", "Art. 14(1)", "undecided", family="minors", missing=(age,),
                     **moment(f"u-{number % 3}", 9 + number, 200 + number, "session_started")) for number in range(6)]
    return found


def _open() -> list[Result]:
    late = {"title": "History is deleted on request", "params": {"deletion_deadline": "15 working days"}}
    found = [result("delete_on_request", "Art. 16(3)", "pending", due=Said("end of day", (f"2026-11-{day}",)),
                    due_instant=f"2026-11-{day}T15:59:59.999999Z", provisional=day == 30, **late,
                    **moment(user, 9, 300 + number, "deletion_requested"))
             for number, (user, day) in enumerate([("u-1", 24), ("u-2", 24), ("u-3", 25), ("u-4", 26), ("u-5", 30)])]
    found.append(result("answer_guardian", "Art. 14(4)", "pending", due=as_is("2026-11-20 12:10:00 +08:00"),
                        due_instant="2026-11-20T04:10:00Z",
                        **moment("u-9", 12, 400, "guardian_asked", 20, child="c-1")))
    found.append(result("consent_for_training", "Art. 16(4)", "exempt", title="Training needs a separate consent",
                        exemption=Said("exempt under", (
                            "training.legal_basis is present", citation("Art. 16(4)"))),
                        **moment("u-1", 11, 500, "training_used")))
    return found


def _counts(results: list[Result], more: dict[str, dict[Verdict, int]]) -> tuple[RuleCount, ...]:
    rules: dict[tuple[str, str, str], RuleCount] = {}
    for one in results:
        key = (one.regulation, one.version, one.rule)
        count = rules.setdefault(key, RuleCount(*key, one.citations, one.severity, dict.fromkeys(VERDICTS, 0)))
        count.counts[one.verdict] += 1
    for name, counts in more.items():
        key = (LAW, FINAL, name)
        count = rules.setdefault(key, RuleCount(*key, ("Art. 10(1)",), "error", dict.fromkeys(VERDICTS, 0)))
        for verdict, number in counts.items():
            count.counts[verdict] += number
    return tuple(rules.values())


def _report(judged: tuple[Judged, ...], findings: list[Result], others: list[Result],
            more: dict[str, dict[Verdict, int]], **rest: Any) -> Report:
    rules = _counts([*findings, *others], more)
    worst: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for count in rules:
        if count.worst is not None:
            worst[count.worst] += 1
    return Report(as_is("2026-11-20 23:59:59 +08:00"), judged, rest.pop("services", (SERVICE,)),
                  rest.pop("events", 1_204_331), rules,
                  tuple(findings), tuple(others), rest.pop("notes", ()), worst, "2026-11-20T15:59:59Z")


def rich() -> Report:
    """Three versions; every verdict, kind of evidence and awkward text."""
    drafted = result("ai_notice", "Art. 16(1)", "violated", version=DRAFT, requirements=musts("must service.ai_notice"),
                     evidence=(part("service.ai_notice"), fact("service.ai_notice", "false", 15, 16)),
                     title="Users know they talk to an AI", rule_place=Place("drafts/rules.policy", 9, 6))
    house = [result("notice_in_every_reply", "", "violated", regulation="acme/house", version="1", citations=(),
                    severity="warning", service=f"services/{name}", place=Place(f"services/{name[:6]}", 4, 2),
                    requirements=musts("must service.reply_notice"), rule_place=Place("house/notice.policy", 3, 1),
                    evidence=(part("service.reply_notice"), replace(
                        fact("service.reply_notice", "false"), place=Place(f"services/{name[:6]}", 4, 2))))
             for name in ("a.yaml", "b.yaml", "b.yaml#2", "c.yaml", "d.yaml")]
    findings = [*_violated(), drafted, *house, *_undecided(), *_open()]
    others = [result("convenient_exit", "Art. 19(1)", "satisfied"),
              result("elderly_guidance", "Art. 15(1)", "not_applicable", place=None)]
    return _report((JUDGED_FINAL, JUDGED_DRAFT, JUDGED_HOUSE), findings, others, {
        "support_in_extreme_emotion": {"satisfied": 1_167, "not_applicable": 5},
        "feature_safety": {}}, notes=(Said("assumed", (counted("silent", 1),)), counted("ties", 3),
                                      Said("some provisional")))


def clean() -> Report:
    """Nothing found."""
    return _report((JUDGED_FINAL,), [], [], {"ai_notice": {"satisfied": 1}, "exit": {"not_applicable": 1}}, events=0)


def crowded() -> Report:
    """More results than GitHub takes."""
    one = result("ai_notice", "Art. 18(1)", "violated", requirements=musts("must service.x"))
    findings = [replace(one, service=f"services/{number}.yaml", place=None) for number in range(25_001)]
    return _report((JUDGED_FINAL,), findings, [], {}, services=tuple(one.service for one in findings))
