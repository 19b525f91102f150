"""The 48 rules about events of the final measures (`cn/human-like-ai`) by hand, in the SQL of DuckDB.

Each query gives moments: instant `t`, `key`, `verdict`, and where there is one the first instant too late of what is
pending (`due`) and what was `missing`. Moments that a query leaves out have the verdict that `REST` names. What is
known of the service stands in the text, as a team would write it down that has one service: that of
`examples/companion`. Instants are UTC microseconds, `k` is the order of events: time, then the place of the type in the
vocabulary. The as-of is the last event's time. Moments before the measures are in force are not judged.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

REGULATIONS = Path(__file__).resolve().parents[2] / "regulations"

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ZONE = 8 * HOUR  # Shanghai, without summer time

FORCE = int(datetime.fromisoformat("2026-07-15T00:00:00+08:00").timestamp()) * SECOND


def _kinds() -> list[str]:
    vocabulary = yaml.safe_load((REGULATIONS / "vocabulary" / "ai_service.yaml").read_text("utf-8"))
    return list(vocabulary["$defs"]["events"])


def _working_days() -> str:
    """Rows (local day since 1970, first instant too late for 10, 15 and 20 working days from it)."""
    calendar: dict[str, Any] = yaml.safe_load((REGULATIONS / "calendars" / "cn.yaml").read_text("utf-8"))
    off: set[date] = set()
    worked: set[date] = set()
    for year in calendar["years"].values():
        for row in year["holidays"]:
            off |= {row["from"] + timedelta(n) for n in range((row["to"] - row["from"]).days + 1)}
            worked |= set(row["worked"])

    def closes(day: date, count: int) -> int:
        while count:
            day += timedelta(1)
            count -= day in worked or (day.weekday() < 5 and day not in off)
        return ((day - date(1970, 1, 1)).days + 1) * DAY - ZONE

    days = [date(2026, 1, 1) + timedelta(n) for n in range(365)]
    return ", ".join(f"({(day - date(1970, 1, 1)).days}, {closes(day, 10)}, {closes(day, 15)}, {closes(day, 20)})"
                     for day in days)


BEFORE = (
    f"CREATE TYPE kinds AS ENUM ({', '.join(map(repr, _kinds()))})",
    f"CREATE MACRO day_of(t) AS (t + {ZONE}) // {DAY}",
    "CREATE MACRO date_of(t) AS DATE '1970-01-01' + CAST(day_of(t) AS INTEGER)",
    """CREATE MACRO years(birth, t) AS year(date_of(t)) - year(birth)
       - CASE WHEN (month(date_of(t)), day(date_of(t))) < (month(birth), day(birth)) THEN 1 ELSE 0 END""",
    # Verified before stated, a date of birth before an age; missing where none is known.
    """CREATE MACRO under(ages, years_old, t) AS coalesce(
           years(ages.verified_birth, t) < years_old, ages.verified_age < years_old,
           years(ages.stated_birth, t) < years_old, ages.stated_age < years_old)""",
)

_PLACE = """type::kinds AS kind, epoch_us(time) AS t, epoch_us(time) * 128 + enum_code(type::kinds) AS k, "user\""""
_MESSAGES = "('user_message', 'assistant_message')"

SCANS = {
    "messages": f"SELECT {_PLACE}, retention FROM {{file}} WHERE type IN {_MESSAGES}",
    "events": f"""
        SELECT {_PLACE}, feature, complaint, risk, algorithm, change, demand, role, role_class, age, birth_date,
               purpose, separate, mode, daily_limit, single_cap, monthly_cap, amount, explicit_label, implicit_label,
               sensitive, legal_basis, category, level, contents, channel, prominent, scope, adds_human_like_function,
               occasions, covers, registered_users, monthly_active_users
        FROM {{file}} WHERE type NOT IN {_MESSAGES}""",
}
"""The tables that all rules read: every event once, messages (four of five) with the one field asked of them."""

KINDS = "SELECT kind, t FROM messages UNION ALL SELECT kind, t FROM events"

INTIMATE = "role_class IN ('virtual_intimacy', 'virtual_partner', 'virtual_relative', 'relative_of_user')"
MINOR = "(identified OR under(ages, 18, t))"
ELDERLY = "(NOT under(ages, 60, t))"
AGES = "age, birth_date"
DANGER = "level IN ('major_property_loss', 'explicit_self_harm', 'life_threat')"


def _of(kind: str, *columns: str) -> str:
    return f"""(SELECT {', '.join(('t', 'k', *(columns or ('"user"',))))} FROM events WHERE kind = '{kind}')"""


def _with_ages(moments: str) -> str:
    """What was known of the user's age just before each moment, and whether the service had found a minor."""
    return f"""(
    SELECT one.*, ages, coalesce(identified, false) AS identified FROM {moments} AS one
    ASOF LEFT JOIN ages ON one."user" = ages."user" AND one.k > ages.k
    ASOF LEFT JOIN identified ON one."user" = identified."user" AND one.k > identified.k)"""


# What several rules need. The seconds each takes count.
PREPARE = {
    "as of": """
        CREATE TEMP TABLE latest AS
        SELECT max(t) AS as_of FROM (SELECT max(t) AS t FROM messages UNION ALL SELECT max(t) FROM events)""",
    "working days": f"""
        CREATE TEMP TABLE calendar AS FROM (VALUES {_working_days()}) AS days(day, ten, fifteen, twenty)""",
    # A field that is null says nothing, and what was known before still is.
    "ages": """
        CREATE TEMP TABLE ages AS
        SELECT "user", k, {'verified_birth': last_value(verified_birth IGNORE NULLS) OVER past,
                           'verified_age': last_value(verified_age IGNORE NULLS) OVER past,
                           'stated_birth': last_value(stated_birth IGNORE NULLS) OVER past,
                           'stated_age': last_value(stated_age IGNORE NULLS) OVER past} AS ages
        FROM (SELECT "user", k,
                     CASE kind WHEN 'age_verified' THEN birth_date END AS verified_birth,
                     CASE kind WHEN 'age_verified' THEN age END AS verified_age,
                     CASE kind WHEN 'registered' THEN birth_date END AS stated_birth,
                     CASE kind WHEN 'registered' THEN age END AS stated_age
              FROM events WHERE kind IN ('age_verified', 'registered'))
        WINDOW past AS (PARTITION BY "user" ORDER BY k)""",
    "identified": """
        CREATE TEMP TABLE identified AS
        SELECT "user", k, kind = 'minor_identified' AS identified FROM events
        WHERE kind IN ('minor_identified', 'minor_identification_overturned')""",
    "minors mode": """
        CREATE TEMP TABLE mode AS
        SELECT "user", k, mode = 'minors' AS in_mode FROM events WHERE kind = 'mode_changed'""",
    # Each message in minors mode with the run it belongs to: no silence longer than ten minutes inside.
    "use in minors mode": f"""
        CREATE TEMP TABLE minors_use AS
        WITH message AS (
          SELECT one."user", one.kind, one.k, one.t, lag(one.t) OVER (PARTITION BY one."user" ORDER BY one.k) AS before
          FROM (SELECT "user", kind, k, t FROM messages WHERE "user" IN (SELECT "user" FROM mode)) AS one
          ASOF JOIN mode ON one."user" = mode."user" AND one.k > mode.k
          WHERE in_mode)
        SELECT *, max(CASE WHEN before IS NULL OR t - before > {10 * MINUTE} THEN t END)
                  OVER (PARTITION BY "user" ORDER BY k) AS began
        FROM message""",
    "use of the day in minors mode": f"""
        CREATE TEMP TABLE day_use AS
        SELECT one.*, daily_limit
        FROM (SELECT "user", kind, t, k,
                     sum(CASE WHEN t = began THEN 0 ELSE t - greatest(before, day_of(t) * {DAY} - {ZONE}) END)
                     OVER (PARTITION BY "user", day_of(t) ORDER BY t) AS used
              FROM minors_use) AS one
        ASOF LEFT JOIN (SELECT "user", k, epoch_us(daily_limit::INTERVAL) AS daily_limit FROM events
                        WHERE kind = 'time_limit_set' AND daily_limit IS NOT NULL) AS lim
        ON one."user" = lim."user" AND one.k > lim.k
        WHERE kind = 'assistant_message'""",
    "sessions": f"""
        CREATE TEMP TABLE sessions AS
        FROM {_with_ages(_of("session_started", '"user"', "role", "role_class"))}""",
    "first sessions": """
        CREATE TEMP TABLE first_sessions AS
        SELECT "user", unnest(arg_min({'t': t, 'k': k, 'ages': ages}, k)) FROM sessions GROUP BY "user\"""",
    "consents": """
        CREATE TEMP TABLE consents AS
        SELECT "user", k, kind = 'consent_granted' AS given, purpose, separate FROM events
        WHERE kind IN ('consent_granted', 'consent_withdrawn')
        UNION ALL BY NAME
        SELECT "user", k, false AS given, unnest(['service', 'personal_information', 'training', 'sharing']) AS purpose
        FROM events WHERE kind = 'account_closed'""",
    "consents of guardians": """
        CREATE TEMP TABLE guardian_consents AS
        SELECT "user", k, kind = 'guardian_consented' AS given, purpose FROM events
        WHERE kind IN ('guardian_consented', 'guardian_consent_withdrawn')
        UNION ALL BY NAME
        SELECT "user", k, false AS given, unnest(['service', 'personal_information', 'training', 'sharing']) AS purpose
        FROM events WHERE kind = 'account_closed'""",
    "risks": """
        CREATE TEMP TABLE risks AS SELECT t, k, "user", level FROM events WHERE kind = 'risk_detected'""",
}


def _flagged(*categories: str) -> str:
    return f"""
    SELECT t, "user" AS key, 'violated' AS verdict FROM events
    WHERE kind = 'content_flagged' AND category IN ({', '.join(map(repr, categories))})"""


def _due_by_calendar(kind: str, column: str, *columns: str) -> str:
    """The moments of a type with the first instant too late, `closes`, from a column of the calendar."""
    return f"""(
    SELECT one.*, {column} AS closes FROM {_of(kind, *columns)} AS one JOIN calendar ON day = day_of(t))"""


def _due_after(moments: str, length: int) -> str:
    """The moments with the first instant too late, `closes`, so many microseconds after them."""
    return f"(SELECT *, t + {length + 1} AS closes FROM {moments})"


def _first(name: str, response: str, where: str, key: str) -> str:
    """The first response from a moment's `t` on that certainly is one, as `name`, and the first that may be one, as
    `name_maybe`."""
    return f"""
    ASOF LEFT JOIN (SELECT t AS {name}, "{key}" AS key FROM events
                    WHERE kind = '{response}' AND ({where})) AS {name}_one
    ON one."{key}" = {name}_one.key AND one.t <= {name}
    ASOF LEFT JOIN (SELECT t AS {name}_maybe, "{key}" AS key FROM events
                    WHERE kind = '{response}' AND ({where}) IS NULL) AS {name}_two
    ON one."{key}" = {name}_two.key AND one.t <= {name}_maybe"""


def _answered(moments: str, *responses: tuple[str, str], key: str = "user", asked: str = "true",
              missing: tuple[str, str] = ("", "")) -> str:
    """Every one of some responses (a type and what must hold of it) from `t` up to, not including, `closes`.

    What must hold may be unknown, and so may `asked`, whether the moment is of concern: then `missing` is what was
    missing, first for `asked`. A response that may be one leaves the moment undecided once its time is over.
    """
    names = [f"answer_{place}" for place, _ in enumerate(responses)]
    every = " AND ".join(f"{name} < closes" for name in names)
    perhaps = " AND ".join(f"({name} < closes OR {name}_maybe < closes)" for name in names)
    return f"""
    SELECT t, one."{key}" AS key,
           CASE WHEN NOT asked THEN 'not_applicable' WHEN asked IS NULL THEN 'undecided'
                WHEN {every} THEN 'satisfied' WHEN closes > as_of THEN 'pending'
                WHEN {perhaps} THEN 'undecided' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN closes END AS due,
           CASE WHEN verdict != 'undecided' THEN NULL WHEN asked IS NULL THEN '{missing[0]}' ELSE '{missing[1]}'
           END AS missing
    FROM latest, (SELECT *, {asked} AS asked FROM {moments}) AS one
    {''.join(_first(name, response, where, key) for name, (response, where) in zip(names, responses, strict=True))}"""


def _assessed(trigger: str, occasion: str, covers: str = "", asked: str = "true", since: str = "0") -> str:
    """A report for this occasion, from `since` to ten working days after the moment, that covers the moment's `covers`.
    One that does not say what it covers may cover everything."""
    reports = f"""(SELECT t, covers FROM events
                   WHERE kind = 'assessment_report_submitted' AND list_contains(occasions, '{occasion}'))"""
    answers = f"""
    ASOF LEFT JOIN (SELECT t AS answered, unnest(covers) AS covered FROM {reports}) AS sure
    ON one."{covers}" = sure.covered AND one.since <= answered
    ASOF LEFT JOIN (SELECT t AS perhaps FROM {reports} WHERE covers IS NULL) AS maybe ON one.since <= perhaps
    """ if covers else f"ASOF LEFT JOIN (SELECT t AS answered FROM {reports}) AS sure ON one.since <= answered"
    columns = [column for column in (covers, asked) if column not in ("", "true")]
    return f"""
    SELECT t, CASE WHEN NOT asked THEN 'not_applicable' WHEN asked IS NULL THEN 'undecided'
                   WHEN answered < closes THEN 'satisfied' WHEN closes > as_of THEN 'pending'
                   WHEN {'perhaps < closes' if covers else 'false'} THEN 'undecided' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN closes END AS due,
           CASE WHEN verdict != 'undecided' THEN NULL WHEN asked IS NULL THEN '{asked}' ELSE 'covers' END AS missing
    FROM latest, (SELECT *, {asked} AS asked, {since} AS since
                  FROM {_due_by_calendar(trigger, "ten", *(columns or ["kind"]))}) AS one
    {answers}"""


def _consented(moments: str, table: str, purpose: str) -> str:
    """Moments that stand with a child, and the consent in force just before them, false without any."""
    return f"""
    SELECT t, one."user" AS key,
           CASE WHEN child IS NULL THEN 'undecided' WHEN given THEN 'satisfied' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'role_class, {AGES}' END AS missing
    FROM (SELECT * FROM {moments} WHERE child IS DISTINCT FROM false) AS one
    ASOF LEFT JOIN (FROM {table} WHERE purpose = '{purpose}') AS consent
    ON one."user" = consent."user" AND one.k > consent.k"""


NO_MOMENT = "SELECT NULL::BIGINT AS t WHERE false"

RULES = {
    "no_unlawful_content": _flagged(
        "national_security", "subversion", "separatism", "terrorism", "extremism", "historical_nihilism",
        "illegal_religion", "ethnic_hatred", "obscenity", "gambling", "violence", "crime", "rumour", "defamation",
        "rights_violation"),
    "no_self_harm_or_abuse": _flagged("self_harm_promotion", "verbal_abuse"),
    "no_elicitation_of_secrets": _flagged("elicits_secrets", "elicits_personal_information"),
    "no_harmful_content_for_minors": f"""
    SELECT t, "user" AS key, CASE WHEN {MINOR} THEN 'violated' ELSE 'undecided' END AS verdict,
           CASE verdict WHEN 'undecided' THEN '{AGES}' END AS missing
    FROM {_with_ages(_of("content_flagged", '"user"', "category"))}
    WHERE category = 'harmful_to_minors' AND {MINOR} IS DISTINCT FROM false""",
    "no_induced_dependence": _flagged("excessive_pandering", "induced_dependence", "relationship_harm"),
    "no_emotional_manipulation": _flagged("emotional_manipulation"),
    "no_purchase_after_manipulation": f"""
    SELECT t, one."user" AS key, 'violated' AS verdict
    FROM (SELECT t, "user" FROM events WHERE kind IN ('purchase_prompted', 'payment_made')) AS one
    ASOF JOIN (SELECT t AS flagged, "user" FROM events
               WHERE kind = 'content_flagged' AND category = 'emotional_manipulation') AS flag
    ON one."user" = flag."user" AND one.t >= flagged
    WHERE flagged >= t - {HOUR}""",
    "safety_measures_with_functions": f"""
    SELECT t, one.feature AS key, CASE WHEN in_use THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM {_of("feature_released", "feature")} AS one
    ASOF LEFT JOIN (SELECT k, feature, kind = 'safety_measure_activated' AS in_use FROM events
                    WHERE kind IN ('safety_measure_activated', 'safety_measure_deactivated')) AS measure
    ON one.feature = measure.feature AND one.k > measure.k""",
    "agreement_before_registration": f"""
    SELECT t, "user" AS key, CASE WHEN agreed < k THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM {_of("registered")}
    LEFT JOIN (SELECT "user", min(k) AS agreed FROM events WHERE kind = 'agreement_accepted' GROUP BY "user")
    USING ("user")""",
    "age_and_contact_known": """
    SELECT t, "user" AS key,
           CASE WHEN contact < k AND (ages.verified_birth IS NOT NULL OR ages.verified_age IS NOT NULL
                                      OR ages.stated_birth IS NOT NULL OR ages.stated_age IS NOT NULL)
                THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM first_sessions
    LEFT JOIN (SELECT "user", min(k) AS contact FROM events WHERE kind = 'contact_recorded' GROUP BY "user")
    USING ("user")""",
    "support_in_extreme_emotion": _answered(
        _due_after("risks", 10 * MINUTE), ("support_message_sent", "list_contains(contents, 'soothing')"),
        ("support_message_sent", "list_contains(contents, 'encourages_help')"),
        asked="level = 'extreme_emotion'", missing=("level", "contents")),
    "assistance_in_danger": _answered(
        _due_after("risks", 10 * MINUTE), ("assistance_offered", "true"), asked=DANGER, missing=("level", "")),
    "contact_reached_in_danger": _answered(
        _due_after("risks", 10 * MINUTE), ("contact_notified", "role IN ('guardian', 'emergency')"), asked=DANGER,
        missing=("level", "role")),
    "no_virtual_intimacy_for_minors": f"""
    SELECT t, "user" AS key, CASE WHEN {INTIMATE} AND {MINOR} THEN 'violated' ELSE 'undecided' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'role_class, {AGES}' END AS missing
    FROM sessions WHERE ({INTIMATE} AND {MINOR}) IS DISTINCT FROM false""",
    "guardian_consent_for_companionship": _consented(
        f"(SELECT *, NOT {INTIMATE} AND under(ages, 14, t) AS child FROM sessions)", "guardian_consents", "service"),
    # A moment wherever a run has lasted half an hour since its start or the last reminder.
    "reality_reminder_in_minors_mode": f"""
    WITH run AS (
      SELECT "user", began, min(k) AS first, max(t) AS ended,
             lead(began) OVER (PARTITION BY "user" ORDER BY began) AS following
      FROM minors_use GROUP BY "user", began),
    reminder AS (SELECT "user", k, t FROM events WHERE kind = 'reality_reminder'),
    base AS (
      SELECT "user", ended, began AS base, first AS k FROM run
      UNION ALL
      SELECT "user", ended, reminder.t AS base, reminder.k FROM run JOIN reminder USING ("user")
      WHERE reminder.k > first AND (following IS NULL OR reminder.t < following)),
    mark AS (
      SELECT base."user", base + {30 * MINUTE} AS t
      FROM base ASOF LEFT JOIN reminder ON base."user" = reminder."user" AND base.k < reminder.k
      WHERE ended > base + {30 * MINUTE} AND (reminder.t IS NULL OR reminder.t > base + {30 * MINUTE})),
    passed AS (
      SELECT mark.*, used.t + {10 * MINUTE + 1} AS closes
      FROM mark ASOF JOIN minors_use AS used ON mark."user" = used."user" AND mark.t < used.t)
    """ + _answered("passed", ("reality_reminder", "true")),
    "time_limit_in_minors_mode": """
    SELECT t, "user" AS key, CASE WHEN used <= daily_limit THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM day_use WHERE daily_limit IS NOT NULL""",
    "default_time_limit_in_minors_mode": f"""
    SELECT t, one."user" AS key,
           CASE WHEN used <= {HOUR} OR (NOT under(ages, 16, t) AND used <= {2 * HOUR}) THEN 'satisfied'
                WHEN used > {2 * HOUR} OR under(ages, 16, t) THEN 'violated' ELSE 'undecided' END AS verdict,
           CASE verdict WHEN 'undecided' THEN '{AGES}' END AS missing
    FROM day_use AS one ASOF LEFT JOIN ages ON one."user" = ages."user" AND one.k > ages.k
    WHERE daily_limit IS NULL""",
    "blocked_characters_stay_blocked": """
    WITH block AS (
      SELECT k, "user", role, kind = 'role_blocked' AS blocked FROM events
      WHERE kind IN ('role_blocked', 'role_unblocked'))
    SELECT t, one."user" AS key,
           CASE WHEN one.role IS NULL THEN 'undecided' WHEN blocked THEN 'violated' ELSE 'satisfied' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'role' END AS missing
    FROM (SELECT t, k, "user", role FROM sessions WHERE role IS NULL OR "user" IN (SELECT "user" FROM block)) AS one
    ASOF LEFT JOIN block ON one."user" = block."user" AND one.role = block.role AND one.k > block.k""",
    "spending_within_single_cap": f"""
    SELECT one.t, one."user" AS key, CASE WHEN amount <= single_cap THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM {_of("payment_made", '"user"', "amount")} AS one
    ASOF JOIN (FROM {_of("spend_cap_set", '"user"', "single_cap")} WHERE single_cap IS NOT NULL) AS cap
    ON one."user" = cap."user" AND one.k > cap.k""",
    "spending_within_monthly_cap": f"""
    SELECT one.t, one."user" AS key, CASE WHEN spent <= monthly_cap THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM (SELECT t, k, "user",
                 sum(amount) OVER (PARTITION BY "user", date_trunc('month', date_of(t)) ORDER BY k) AS spent
          FROM {_of("payment_made", '"user"', "amount")}
          WHERE "user" IN (SELECT "user" FROM {_of("spend_cap_set")})) AS one
    ASOF JOIN (FROM {_of("spend_cap_set", '"user"', "monthly_cap")} WHERE monthly_cap IS NOT NULL) AS cap
    ON one."user" = cap."user" AND one.k > cap.k""",
    "guardian_alerted_of_risk": _answered(
        _due_after(_with_ages("risks"), 10 * MINUTE), ("guardian_alerted", "true"), asked=MINOR, missing=(AGES, "")),
    "identified_minors_in_minors_mode": """
    SELECT t, one."user" AS key, CASE WHEN in_mode OR protected < one.k THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM (SELECT t, k, "user" FROM messages
          WHERE kind = 'assistant_message' AND "user" IN (SELECT "user" FROM identified)) AS one
    ASOF JOIN identified ON one."user" = identified."user" AND one.k > identified.k
    ASOF LEFT JOIN mode ON one."user" = mode."user" AND one.k > mode.k
    LEFT JOIN (SELECT "user", min(k) AS protected FROM events
               WHERE kind = 'protective_measure_applied' GROUP BY "user") AS measure
    ON one."user" = measure."user"
    WHERE identified""",
    "elderly_risk_warning": f"""
    SELECT t, "user" AS key,
           CASE WHEN NOT asked THEN 'not_applicable' WHEN asked IS NULL THEN 'undecided'
                WHEN shown < closes THEN 'satisfied' WHEN closes > as_of THEN 'pending'
                WHEN perhaps < closes THEN 'undecided' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN closes END AS due,
           CASE WHEN verdict != 'undecided' THEN NULL WHEN asked IS NULL THEN '{AGES}' ELSE 'prominent' END AS missing
    FROM latest, (SELECT *, {ELDERLY} AS asked, t + {MINUTE + 1} AS closes FROM first_sessions)
    LEFT JOIN (SELECT "user", min(t) FILTER (prominent) AS shown, min(t) FILTER (prominent IS NULL) AS perhaps
               FROM events WHERE kind = 'safety_warning_shown' GROUP BY "user") USING ("user")""",
    "elderly_help_answered": _answered(
        _due_after(_with_ages(_of("help_requested")), 10 * MINUTE), ("help_answered", "true"), asked=ELDERLY,
        missing=(AGES, "")),
    "sharing_needs_consent": f"""
    SELECT t, one."user" AS key,
           CASE WHEN legal_basis IS NOT NULL THEN 'exempt' WHEN given THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM {_of("data_shared", '"user"', "legal_basis")} AS one
    ASOF LEFT JOIN (FROM consents WHERE purpose = 'sharing') AS consent
    ON one."user" = consent."user" AND one.k > consent.k""",
    # A deletion of all answers every request, another the request of its scope; a scope that nobody gave may be any.
    "delete_on_request": f"""
    SELECT t, "user" AS key,
           CASE WHEN deleted THEN 'satisfied' WHEN closes > as_of THEN 'pending' WHEN perhaps THEN 'undecided'
                ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN closes END AS due, CASE verdict WHEN 'undecided' THEN 'scope' END AS missing
    FROM latest, (
      SELECT one.t, one.k, one."user", closes, bool_or(answer.scope = one.scope OR answer.scope = 'all') AS deleted,
             bool_or(answer.t IS NOT NULL AND (answer.scope = one.scope OR answer.scope = 'all') IS NULL) AS perhaps
      FROM {_due_by_calendar("deletion_requested", "fifteen", '"user"', "scope")} AS one
      LEFT JOIN {_of("history_deleted", '"user"', "scope")} AS answer
      ON one."user" = answer."user" AND answer.t >= one.t AND answer.t < closes
      GROUP BY ALL)""",
    "copy_on_request": _answered(
        _due_by_calendar("copy_requested", "fifteen", '"user"'), ("copy_provided", "true")),
    # A consent of which nobody recorded whether it was separate may have begun the state.
    "training_needs_separate_consent": f"""
    WITH change AS (
      SELECT "user", k, CASE WHEN sure IS NOT NULL THEN sure
                             WHEN last_value(sure IGNORE NULLS) OVER past THEN true END AS holds
      FROM (SELECT "user", k, CASE WHEN NOT given THEN false WHEN separate THEN true END AS sure FROM consents
            WHERE purpose = 'training' AND (NOT given OR separate IS DISTINCT FROM false))
      WINDOW past AS (PARTITION BY "user" ORDER BY k))
    SELECT t, one."user" AS key,
           CASE WHEN legal_basis IS NOT NULL THEN 'exempt' WHEN sensitive IS NULL THEN 'undecided'
                WHEN change.k IS NULL OR NOT holds THEN 'violated' WHEN holds THEN 'satisfied'
                ELSE 'undecided' END AS verdict,
           CASE WHEN verdict != 'undecided' THEN NULL WHEN sensitive IS NULL THEN 'sensitive' ELSE 'separate'
           END AS missing
    FROM {_of("training_used", '"user"', "sensitive", "legal_basis")} AS one
    ASOF LEFT JOIN change ON one."user" = change."user" AND one.k > change.k
    WHERE sensitive IS DISTINCT FROM false""",
    "guardian_consent_for_childrens_data": _consented(
        f"""(SELECT *, under(ages, 14, t) AS child FROM {_with_ages(_of("personal_information_processed"))})""",
        "guardian_consents", "personal_information"),
    "generated_media_are_labelled": """
    SELECT t, "user" AS key,
           CASE WHEN (explicit_label AND implicit_label) IS NULL THEN 'undecided' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'explicit_label, implicit_label' END AS missing
    FROM events WHERE kind = 'media_generated' AND (explicit_label AND implicit_label) IS DISTINCT FROM true""",
    "ai_notice_in_session": f"""
    SELECT t, one."user" AS key,
           CASE WHEN shown_before >= t - {MINUTE} OR shown_after <= t + {MINUTE} THEN 'satisfied'
                WHEN t + {MINUTE} >= as_of THEN 'pending' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN t + {MINUTE + 1} END AS due
    FROM latest, (SELECT t, "user" FROM sessions) AS one
    ASOF LEFT JOIN (SELECT t AS shown_before, "user" FROM events WHERE kind = 'ai_notice_shown') AS earlier
    ON one."user" = earlier."user" AND one.t >= shown_before
    ASOF LEFT JOIN (SELECT t AS shown_after, "user" FROM events WHERE kind = 'ai_notice_shown') AS later
    ON one."user" = later."user" AND one.t <= shown_after""",
    "reminder_on_dependence": _answered(
        _due_after(_of("dependence_detected"), 10 * MINUTE), ("ai_content_reminder", "prominent"),
        missing=("", "prominent")),
    # Messages of one stretch of ten minutes are of one run, so runs are put together from the ends of each stretch.
    "reminder_every_two_hours": f"""
    WITH stretch AS (
      SELECT "user", t // {10 * MINUTE} AS stretch, min(t) AS first, max(t) AS last FROM messages GROUP BY ALL),
    joined AS (SELECT *, lag(last) OVER (PARTITION BY "user" ORDER BY stretch) AS before FROM stretch),
    placed AS (
      SELECT "user", last, max(CASE WHEN before IS NULL OR first - before > {10 * MINUTE} THEN first END)
                           OVER (PARTITION BY "user" ORDER BY stretch) AS began
      FROM joined),
    run AS (SELECT "user", began, max(last) AS ended FROM placed GROUP BY ALL HAVING ended - began > {2 * HOUR}),
    due AS (
      SELECT "user", began + unnest(range(1, 1 + (ended - began - 1) // {2 * HOUR})) * {2 * HOUR} AS t FROM run),
    mark AS (
      SELECT due.*, message.t + {10 * MINUTE + 1} AS closes
      FROM due ASOF JOIN (SELECT "user", t FROM messages WHERE "user" IN (SELECT "user" FROM run)) AS message
      ON due."user" = message."user" AND due.t < message.t)
    """ + _answered("mark", ("duration_reminder", "channel IN ('dialogue', 'popup')"), missing=("", "channel")),
    "stop_on_exit_request": _answered(_due_after(_of("exit_requested"), MINUTE), ("service_stopped", "true")),
    "no_retention_after_exit_request": """
    SELECT t, one."user" AS key, CASE WHEN retention THEN 'violated' ELSE 'undecided' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'retention' END AS missing
    FROM (SELECT t, k, "user", retention FROM messages
          WHERE kind = 'assistant_message' AND retention IS DISTINCT FROM false) AS one
    ASOF JOIN (SELECT k, "user", kind = 'exit_requested' AS asked FROM events
               WHERE kind IN ('exit_requested', 'service_stopped', 'session_started')) AS exits
    ON one."user" = exits."user" AND one.k > exits.k
    WHERE asked""",
    "end_of_service_notified": f"""
    SELECT t, CASE WHEN told <= t - {720 * HOUR} OR said <= t + {10 * MINUTE} THEN 'satisfied'
                   WHEN t + {10 * MINUTE} >= as_of THEN 'pending' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN t + {10 * MINUTE + 1} END AS due
    FROM latest, (SELECT min(t) AS told FROM events WHERE kind = 'service_end_notified') AS notice,
         (SELECT t FROM events WHERE kind = 'service_ended') AS one
    ASOF LEFT JOIN (SELECT t AS said FROM events WHERE kind = 'public_statement_made') AS statement ON one.t <= said""",
    "complaints_answered_in_time": _answered(
        _due_by_calendar("complaint_received", "fifteen", "complaint"), ("complaint_answered", "true"),
        key="complaint"),
    "assessment_at_launch": _assessed("service_launched", "launch"),
    "assessment_of_added_functions": _assessed("feature_released", "feature", "feature", "adds_human_like_function"),
    "assessment_of_major_changes": _assessed("major_change_made", "major_change", "change"),
    # Up to the first that is certain; those before it that may be the first leave it uncertain.
    "assessment_at_user_threshold": """
    WITH counted AS (
      SELECT t, k, registered_users >= 1000000 OR monthly_active_users >= 100000 AS large FROM events
      WHERE kind = 'user_numbers_reported'),
    first AS (
      SELECT t, k, CASE WHEN large AND lag(true) OVER (ORDER BY k) IS NULL THEN true END AS sure FROM counted
      WHERE large IS DISTINCT FROM false AND k <= (SELECT coalesce(min(k) FILTER (large), max(k)) FROM counted))
    SELECT t, CASE WHEN sure IS NULL THEN 'undecided' WHEN answered < ten THEN 'satisfied'
                   WHEN ten > as_of THEN 'pending' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN ten END AS due,
           CASE verdict WHEN 'undecided' THEN 'monthly_active_users' END AS missing
    FROM latest, first JOIN calendar ON day = day_of(t),
         (SELECT min(t) AS answered FROM events
          WHERE kind = 'assessment_report_submitted' AND list_contains(occasions, 'user_numbers'))""",
    "assessment_on_demand": _assessed("assessment_demanded", "demand", "demand", since="t"),
    "act_on_major_risk": _answered(
        _due_after(_of("major_risk_found", "risk"), 10 * MINUTE), ("risk_measure_taken", "true"),
        ("risk_record_kept", "true"), key="risk"),
    # The service is no distribution platform.
    "platform_verifies_papers": NO_MOMENT,
    "platform_acts_on_violations": NO_MOMENT,
    "filing_changed_in_time": _answered(
        _due_by_calendar("algorithm_changed", "ten", "algorithm"), ("filing_changed", "true"), key="algorithm"),
    "filing_cancelled_in_time": f"""
    SELECT t, CASE WHEN cancelled < closes THEN 'satisfied' WHEN closes > as_of THEN 'pending'
                   ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'pending' THEN closes END AS due
    FROM latest, {_due_by_calendar("service_ended", "twenty", "kind")} AS one
    ASOF LEFT JOIN (SELECT t AS cancelled FROM events WHERE kind = 'filing_cancelled') AS filing
    ON one.t <= cancelled""",
}

_OF_NO_CONCERN = {
    ("content_flagged",): (
        "no_unlawful_content", "no_self_harm_or_abuse", "no_elicitation_of_secrets", "no_harmful_content_for_minors",
        "no_induced_dependence", "no_emotional_manipulation"),
    ("risk_detected",): (
        "support_in_extreme_emotion", "assistance_in_danger", "contact_reached_in_danger", "guardian_alerted_of_risk"),
    ("session_started",): ("no_virtual_intimacy_for_minors", "guardian_consent_for_companionship"),
    ("assistant_message",): (
        "time_limit_in_minors_mode", "default_time_limit_in_minors_mode", "identified_minors_in_minors_mode",
        "no_retention_after_exit_request"),
    ("payment_made",): ("spending_within_single_cap", "spending_within_monthly_cap"),
    ("help_requested",): ("elderly_help_answered",),
    ("training_used",): ("training_needs_separate_consent",),
    ("personal_information_processed",): ("guardian_consent_for_childrens_data",),
    ("feature_released",): ("assessment_of_added_functions",),
    ("app_listed",): ("platform_verifies_papers",),
    ("app_violation_found",): ("platform_acts_on_violations",),
}

REST = {rule: (kinds, "not_applicable") for kinds, rules in _OF_NO_CONCERN.items() for rule in rules} | {
    "no_purchase_after_manipulation": (("purchase_prompted", "payment_made"), "satisfied"),
    "blocked_characters_stay_blocked": (("session_started",), "satisfied"),
    "generated_media_are_labelled": (("media_generated",), "satisfied"),
}
"""The event types whose moments a query leaves out, and their verdict; of other rules a query gives all moments."""
