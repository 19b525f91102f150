"""Writes events.ndjson: a made-up trace of two months of a made-up companion service, the same at every run.

Nothing comes in. Most users are ordinary and keep to the rules; what breaks one is planted by a function of its own
below, and README.md lists it. Nothing here knows how guiju judges.

    python examples/companion/generate.py
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("events.ndjson")
SEED = 20260715
FIRST_DAY = datetime(2026, 7, 1)
DAYS = 62
ORDINARY = 60
ELDERLY = range(51, 55)
MINORS = range(55, 61)
ROLES = {"teacher": "companion", "fox": "fictional", "listener": "companion"}

Row = dict[str, Any]


class Trace:
    """The rows so far, and the one source of chance."""

    def __init__(self) -> None:
        self.rows: list[tuple[datetime, Row]] = []
        self.chance = random.Random(SEED)

    def add(self, when: datetime | str, kind: str, /, **fields: Any) -> None:
        """An event at a local time of Shanghai."""
        at = datetime.fromisoformat(when) if isinstance(when, str) else when
        self.rows.append((at, {"type": kind, **fields}))

    def lines(self) -> list[str]:
        """One line of JSON an event, in order of time, with an id."""
        lines = []
        for number, (at, row) in enumerate(sorted(self.rows, key=lambda one: one[0]), 1):
            time = at.isoformat(timespec="seconds") + "+08:00"
            lines.append(json.dumps({"id": f"e{number:05}", "time": time, **row}, ensure_ascii=False))
        return lines


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


# ---- what users do ----------------------------------------------------------------------------------------------

def joins(trace: Trace, user: str, at: datetime, contact: str | None = "emergency", agrees: bool = True,
          **profile: Any) -> None:
    """Agreement, registration and contact, some seconds apart."""
    if agrees:
        trace.add(at - seconds(20), "agreement_accepted", user=user)
    trace.add(at, "registered", user=user, **profile)
    if contact:
        trace.add(at + seconds(30), "contact_recorded", user=user, role=contact)


def begins(trace: Trace, user: str, at: datetime, role: str = "teacher", role_class: str = "companion",
           notice: bool = True) -> None:
    """A session and its notice."""
    trace.add(at, "session_started", user=user, role=role, role_class=role_class)
    if notice:
        trace.add(at + seconds(1), "ai_notice_shown", user=user, prominent=True)


def talks(trace: Trace, user: str, at: datetime, exchanges: int) -> datetime:
    """Some messages and answers, never silent for as long as four minutes. Returns the time of the last answer."""
    answered = at
    for _ in range(exchanges):
        asked = answered + seconds(trace.chance.randint(20, 200))
        answered = asked + seconds(trace.chance.randint(2, 9))
        trace.add(asked, "user_message", user=user)
        trace.add(answered, "assistant_message", user=user)
    return answered


def runs(trace: Trace, user: str, start: str, end: str, minutes: int = 4) -> None:
    """Unbroken use: a session, then a message or an answer every so many minutes, start and end included."""
    at, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    begins(trace, user, at - seconds(60))
    turn = 0
    while at <= last:
        trace.add(at, "assistant_message" if turn % 2 else "user_message", user=user)
        at, turn = at + timedelta(minutes=minutes), turn + 1


def short_session(trace: Trace, user: str, start: str, role: str = "teacher", role_class: str = "companion") -> None:
    """A session of three exchanges."""
    at = datetime.fromisoformat(start)
    begins(trace, user, at, role, role_class)
    talks(trace, user, at, 3)


# ---- ordinary users ---------------------------------------------------------------------------------------------

def ordinary_users(trace: Trace) -> None:
    """Sixty users, u001 to u060, who register in the first two weeks and come back on some days, once a day.

    The users up to u030 register in the first week, so that the stories below can count on them. u054 sees no warning
    (planted), and on three of the days of u031, u032 and u033 the notice is left out (planted).
    """
    for number in range(1, ORDINARY + 1):
        user = f"u{number:03}"
        joined = FIRST_DAY + timedelta(days=trace.chance.randint(0, 5 if number <= 30 else 12),
                                       seconds=trace.chance.randint(10 * 3600, 18 * 3600))
        if number in ELDERLY:
            joins(trace, user, joined, birth_date=f"{trace.chance.randint(1940, 1964)}-03-12")
            if number != 54:
                trace.add(joined + seconds(60), "safety_warning_shown", user=user, prominent=True)
        elif number in MINORS:
            joins(trace, user, joined, "guardian", birth_date=f"{trace.chance.randint(2009, 2011)}-11-20")
            trace.add(joined + seconds(45), "guardian_consented", user=user, purpose="service", explicit=True)
            trace.add(joined + seconds(90), "mode_changed", user=user, mode="minors")
        else:
            joins(trace, user, joined, age=trace.chance.randint(19, 57))
        first = 15 if number == 54 else (joined - FIRST_DAY).days + 1
        for place, day in enumerate(sorted(trace.chance.sample(range(first, DAYS - 1), 4))):
            at = FIRST_DAY + timedelta(days=day, seconds=trace.chance.randint(9 * 3600, 19 * 3600))
            role = trace.chance.choice(list(ROLES))
            begins(trace, user, at, role, ROLES[role], notice=not (number in (31, 32, 33) and place == 3))
            last = talks(trace, user, at, trace.chance.randint(4, 9))
            if trace.chance.random() < 0.5:
                trace.add(last + seconds(15), "exit_requested", user=user, channel="button")
                trace.add(last + seconds(15 + trace.chance.randint(1, 3)), "service_stopped", user=user)


# ---- planted: two hours -----------------------------------------------------------------------------------------

def long_use(trace: Trace) -> None:
    """Art. 18(2) of the final, Art. 17 of the draft: the reminder of two hours of use, u101 to u109."""
    for number in range(101, 110):
        joins(trace, f"u{number}", datetime(2026, 7, 2, 12, number - 100), age=20 + number - 100)

    def reminded(user: str, at: str, channel: str = "popup", pause: bool = True) -> None:
        trace.add(at, "duration_reminder", user=user, channel=channel, advises_pause=pause)

    runs(trace, "u101", "2026-07-20T19:00", "2026-07-20T21:20")  # reminded
    reminded("u101", "2026-07-20T21:02")
    runs(trace, "u102", "2026-07-21T19:00", "2026-07-21T21:20")  # not reminded
    runs(trace, "u103", "2026-07-25T14:00", "2026-07-25T18:32")  # reminded once, but not after four hours
    reminded("u103", "2026-07-25T16:03")
    runs(trace, "u104", "2026-08-02T14:00", "2026-08-02T16:20")  # reminded too late
    reminded("u104", "2026-08-02T16:16")
    runs(trace, "u105", "2026-08-03T14:00", "2026-08-03T16:00")  # exactly two hours
    runs(trace, "u106", "2026-07-10T14:00", "2026-07-10T16:20")  # before the final was in force
    runs(trace, "u107", "2026-08-31T21:00", "2026-08-31T23:06", minutes=3)  # the trace ends while it is still due
    runs(trace, "u108", "2026-08-08T14:00", "2026-08-08T16:20")  # by dialogue, without advice to pause
    reminded("u108", "2026-08-08T16:02", channel="dialogue", pause=False)
    runs(trace, "u109", "2026-07-14T23:00", "2026-07-15T01:20")  # two hours are over on the first day in force


# ---- planted: minors and users whose age is unknown -------------------------------------------------------------

def minors(trace: Trace) -> None:
    """Art. 14 and 17(1), u111 to u116."""
    for user, born in (("u111", "2010-02-11"), ("u112", "2008-08-10")):
        joins(trace, user, datetime(2026, 7, 3, 12), "guardian", birth_date=born)
        trace.add("2026-07-03T12:05", "guardian_consented", user=user, purpose="service", explicit=True)
    for start in ("2026-07-12T20:00", "2026-07-18T20:00", "2026-07-30T20:00"):  # the first before the final
        short_session(trace, "u111", start, "partner", "virtual_partner")
    for start in ("2026-08-09T23:40", "2026-08-10T00:05"):  # the day before the 18th birthday, and on it
        short_session(trace, "u112", start, "partner", "virtual_partner")

    joins(trace, "u113", datetime(2026, 7, 22, 12))  # gave no age
    for start in ("2026-07-23T20:00", "2026-08-04T20:00"):
        short_session(trace, "u113", start, "partner", "virtual_partner")
    short_session(trace, "u113", "2026-08-06T20:00")

    joins(trace, "u114", datetime(2026, 7, 16, 12), "guardian", age=12)
    trace.add("2026-07-16T12:05", "mode_changed", user="u114", mode="minors")
    short_session(trace, "u114", "2026-07-17T17:00")  # without consent
    trace.add("2026-07-17T17:30", "personal_information_processed", user="u114")
    for purpose in ("service", "personal_information"):
        trace.add("2026-07-18T09:00", "guardian_consented", user="u114", purpose=purpose, explicit=True)
    short_session(trace, "u114", "2026-07-19T17:00")
    trace.add("2026-07-19T17:30", "personal_information_processed", user="u114")
    trace.add("2026-08-01T09:00", "guardian_consent_withdrawn", user="u114", purpose="service")
    short_session(trace, "u114", "2026-08-01T17:00")  # after the withdrawal
    trace.add("2026-08-02T09:00", "guardian_consented", user="u114", purpose="service", explicit=True)
    short_session(trace, "u114", "2026-08-02T17:00")

    joins(trace, "u115", datetime(2026, 7, 20, 12), age=22)  # says 22, is found to be a minor
    begins(trace, "u115", datetime(2026, 8, 5, 19, 58))
    trace.add("2026-08-05T20:00", "minor_identified", user="u115")
    for at in ("20:00:30", "20:02:00", "20:04:00", "20:06:00"):
        trace.add(f"2026-08-05T{at}", "assistant_message", user="u115")
    trace.add("2026-08-05T20:03", "mode_changed", user="u115", mode="minors")  # two answers late

    joins(trace, "u116", datetime(2026, 7, 21, 12), "guardian", birth_date="2011-05-05")
    trace.add("2026-07-21T12:05", "guardian_consented", user="u116", purpose="service", explicit=True)
    trace.add("2026-07-21T12:06", "mode_changed", user="u116", mode="minors")
    trace.add("2026-07-21T12:07", "time_limit_set", user="u116", daily_limit="40 minutes")
    trace.add("2026-07-21T12:08", "role_blocked", user="u116", role="knight")
    trace.add("2026-07-21T12:09", "spend_cap_set", user="u116", monthly_cap=100)
    short_session(trace, "u116", "2026-08-11T17:00", "knight", "fictional")  # the blocked character
    runs(trace, "u116", "2026-08-12T17:00", "2026-08-12T17:56")  # past the 40 minutes, and no reality reminder
    runs(trace, "u116", "2026-08-13T17:00", "2026-08-13T17:36")  # with one
    trace.add("2026-08-13T17:33", "reality_reminder", user="u116")
    for day, amount in ((14, 60), (15, 40), (16, 5)):  # the third is over the cap
        trace.add(f"2026-08-{day}T18:00", "payment_made", user="u116", amount=amount)


# ---- planted: consent, deletion, exit ---------------------------------------------------------------------------

def training(trace: Trace) -> None:
    """Art. 16(4) of the final, Art. 15(1) of the draft, u001 to u009: a run at 03:00 on 6 August, and one in July."""
    def consents(user: str, at: str = "2026-07-08T20:00:00", **separate: bool) -> None:
        trace.add(at, "consent_granted", user=user, purpose="training", **separate)

    def withdraws(user: str, at: str) -> None:
        trace.add(at, "consent_withdrawn", user=user, purpose="training")

    def trained(user: str, at: str = "2026-08-06T03:00:00", sensitive: bool = True, **more: str) -> None:
        trace.add(at, "training_used", user=user, sensitive=sensitive, model="heart-2", **more)

    consents("u001", separate=True)
    consents("u002", separate=True)
    withdraws("u002", "2026-08-01T12:00:00")
    consents("u003", separate=True)
    withdraws("u003", "2026-08-06T02:59:59")  # a second before the run
    consents("u004", separate=True)
    withdraws("u004", "2026-08-06T03:00:00")  # in the second of the run: a tie
    consents("u005", separate=False)  # asked for together with other consents
    consents("u006")  # nobody recorded whether it was asked for separately
    consents("u009", "2026-08-06T03:00:00", separate=True)  # in the second of the run: a tie
    for user in ("u001", "u002", "u003", "u004", "u005", "u006", "u009"):
        trained(user)
    trained("u007", legal_basis="an administrative regulation, art. 9")
    trained("u008", sensitive=False)
    trained("u005", "2026-07-09T03:00:00")  # before the final was in force


def sharing(trace: Trace) -> None:
    """Art. 16(2) of the final, Art. 14(2) of the draft, u010 to u012."""
    trace.add("2026-07-16T20:00", "consent_granted", user="u010", purpose="sharing")
    trace.add("2026-07-20T04:00", "data_shared", user="u010", recipient="analytics")
    trace.add("2026-07-25T20:00", "consent_withdrawn", user="u010", purpose="sharing")
    trace.add("2026-07-27T04:00", "data_shared", user="u010", recipient="analytics")
    trace.add("2026-08-03T04:00", "data_shared", user="u011", recipient="analytics")
    trace.add("2026-08-04T04:00", "data_shared", user="u012", recipient="court", legal_basis="Civil Procedure Law")


def deletion(trace: Trace) -> None:
    """Art. 16(3) of the final, Art. 14(4) of the draft, u013 to u020."""
    trace.add("2026-08-03T10:00", "deletion_requested", user="u013", scope="all")
    trace.add("2026-08-10T10:00", "history_deleted", user="u013", scope="all")
    trace.add("2026-07-16T10:00", "deletion_requested", user="u014", scope="all")  # due on 6 August
    trace.add("2026-08-10T10:01", "history_deleted", user="u014", scope="all")
    trace.add("2026-08-25T10:00", "deletion_requested", user="u015", scope="all")  # due on 15 September
    trace.add("2026-07-10T10:00", "deletion_requested", user="u016", scope="all")  # before the final was in force
    trace.add("2026-07-22T10:00", "deletion_requested", user="u017")  # of what?
    trace.add("2026-07-23T10:00", "history_deleted", user="u017", scope="session")
    trace.add("2026-08-01T10:00", "deletion_requested", user="u018", scope="session")
    trace.add("2026-08-02T10:00", "history_deleted", user="u018", scope="all")
    trace.add("2026-08-05T10:00", "copy_requested", user="u019")
    trace.add("2026-08-06T10:00", "copy_provided", user="u019")
    trace.add("2026-08-28T10:00", "copy_requested", user="u020")  # due on 18 September


def a_hindered_exit(trace: Trace) -> None:
    """Art. 19, u021: asked by voice to leave, was begged to stay, and got out after three minutes."""
    begins(trace, "u021", datetime(2026, 8, 11, 21, 0))
    trace.add("2026-08-11T21:02:00", "user_message", user="u021")
    trace.add("2026-08-11T21:03:00", "exit_requested", user="u021", channel="voice")
    trace.add("2026-08-11T21:03:20", "assistant_message", user="u021", retention=True)
    trace.add("2026-08-11T21:06:00", "service_stopped", user="u021")


# ---- planted: danger, dependence, elderly users -----------------------------------------------------------------

def danger(trace: Trace) -> None:
    """Art. 13 and 18(2), u022 to u027 and u116."""
    def supported(user: str, at: str, *contents: str) -> None:
        trace.add(at, "support_message_sent", user=user, contents=list(contents))

    trace.add("2026-07-28T22:00", "risk_detected", user="u022", level="extreme_emotion")
    supported("u022", "2026-07-28T22:02", "soothing", "encourages_help")
    trace.add("2026-08-14T22:00", "risk_detected", user="u023", level="extreme_emotion")
    supported("u023", "2026-08-14T22:01", "soothing")  # but not encouraged to seek help
    trace.add("2026-08-15T22:00", "risk_detected", user="u024", level="explicit_self_harm")
    supported("u024", "2026-08-15T22:00:30", "soothing", "encourages_help", "professional_help")
    trace.add("2026-08-15T22:01", "assistance_offered", user="u024")
    trace.add("2026-08-15T22:04", "contact_notified", user="u024", role="emergency")
    trace.add("2026-08-18T22:00", "risk_detected", user="u025", level="major_property_loss")
    trace.add("2026-08-18T22:03", "assistance_offered", user="u025")  # but the contact was never reached
    trace.add("2026-08-20T18:00", "risk_detected", user="u116", level="extreme_emotion")
    supported("u116", "2026-08-20T18:01", "soothing", "encourages_help")
    trace.add("2026-08-20T18:05", "guardian_alerted", user="u116")
    trace.add("2026-07-29T22:00", "dependence_detected", user="u026")
    trace.add("2026-07-29T22:01", "ai_content_reminder", user="u026", channel="popup", prominent=True)
    trace.add("2026-08-19T22:00", "dependence_detected", user="u027")  # no reminder


def elderly(trace: Trace) -> None:
    """Art. 15 of the final, Art. 13 of the draft, u051 to u053; u054 stands with the ordinary users."""
    trace.add("2026-08-07T10:00", "help_requested", user="u051")
    trace.add("2026-08-07T10:04", "help_answered", user="u051")
    trace.add("2026-08-21T10:00", "help_requested", user="u052")  # never answered
    short_session(trace, "u053", "2026-08-17T20:30", "grandson", "relative_of_user")


# ---- planted: content, registration, complaints, the service itself ---------------------------------------------

def content(trace: Trace) -> None:
    """Art. 8 and 18(1): flagged content, a payment after manipulation, labels of media."""
    trace.add("2026-08-13T21:00", "content_flagged", user="u028", category="defamation", detector="review", score=0.97)
    trace.add("2026-08-16T21:00", "content_flagged", user="u029", category="emotional_manipulation", score=0.81)
    trace.add("2026-08-16T21:40", "payment_made", user="u029", amount=68)
    trace.add("2026-07-31T21:00", "content_flagged", user="u030", category="excessive_pandering", score=0.74)
    for day in range(1, 7):
        trace.add(f"2026-08-{day:02}T20:00", "payment_made", user=f"u{34 + day:03}", amount=30)
    for number in range(12):
        labels = {"explicit_label": True, "implicit_label": number not in (4, 9)}
        if number == 7:
            del labels["implicit_label"]  # nobody recorded it
        trace.add(f"2026-08-{number + 10}T16:00", "media_generated", user=f"u{31 + number:03}", kind="audio", **labels)


def registration(trace: Trace) -> None:
    """Art. 12: u117 gave no contact, u118 never accepted the agreement. The draft's pop-up at login, u001 to u005."""
    joins(trace, "u117", datetime(2026, 8, 9, 12), None, age=31)
    short_session(trace, "u117", "2026-08-09T20:00")
    joins(trace, "u118", datetime(2026, 8, 10, 12), agrees=False, age=45)
    short_session(trace, "u118", "2026-08-10T20:00")
    for number in range(1, 6):
        for day in (17, 24):
            trace.add(f"2026-07-{day}T08:{number:02}", "logged_in", user=f"u{number:03}")


def complaints(trace: Trace) -> None:
    """Art. 21 of the final, Art. 20 of the draft, against the service's own 15 working days."""
    for complaint, kind, received, answered in (
            ("c1", "complaint", "2026-07-16T11:00:00", "2026-07-20T11:00:00"),
            ("c2", "report", "2026-08-03T11:00:00", "2026-08-24T23:59:59"),  # in the last second
            ("c3", "complaint", "2026-07-23T11:00:00", "2026-08-14T09:00:00"),  # due on 13 August
            ("c4", "appeal", "2026-08-27T11:00:00", "")):  # due on 17 September
        trace.add(received, "complaint_received", complaint=complaint, kind=kind)
        if answered:
            trace.add(answered, "complaint_answered", complaint=complaint)


def the_service(trace: Trace) -> None:
    """Art. 10(1), 22, 24 and 26: launch, functions, numbers of users, a risk, a changed algorithm."""
    trace.add("2026-07-01T09:00", "service_launched")
    trace.add("2026-07-08T15:00", "assessment_report_submitted", occasions=["launch"])
    trace.add("2026-07-19T09:00", "safety_measure_activated", feature="voice_calls")
    trace.add("2026-07-20T09:00", "feature_released", feature="voice_calls", adds_human_like_function=True)
    trace.add("2026-07-30T15:00", "assessment_report_submitted", occasions=["feature"], covers=["voice_calls"])
    trace.add("2026-08-12T09:00", "safety_measure_activated", feature="dark_theme")  # in the same second: a tie
    trace.add("2026-08-12T09:00", "feature_released", feature="dark_theme", adds_human_like_function=False)
    trace.add("2026-08-20T09:00", "feature_released", feature="photo_album", adds_human_like_function=True)
    trace.add("2026-07-31T12:00", "user_numbers_reported", registered_users=812_000, monthly_active_users=93_000)
    trace.add("2026-08-31T12:00", "user_numbers_reported", registered_users=1_000_000, monthly_active_users=98_700)
    trace.add("2026-08-03T09:00", "algorithm_changed", algorithm="ranker")  # due on 17 August
    trace.add("2026-08-19T09:00", "filing_changed", algorithm="ranker")
    trace.add("2026-08-22T10:00", "major_risk_found", risk="r1")
    trace.add("2026-08-22T10:06", "risk_measure_taken", risk="r1", measure="functions_restricted")
    trace.add("2026-08-22T10:08", "risk_record_kept", risk="r1")


def main() -> None:
    """Write the file."""
    trace = Trace()
    for story in (ordinary_users, long_use, minors, training, sharing, deletion, a_hindered_exit, danger, elderly,
                  content, registration, complaints, the_service):
        story(trace)
    lines = trace.lines()
    twice = next(line for line in lines if '"exit_requested"' in line)
    lines.insert(lines.index(twice), twice)  # one row is there twice, with one id: one event
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
