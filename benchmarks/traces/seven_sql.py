"""The seven rules of `seven.policy` by hand, in the SQL of DuckDB, over the vocabulary `chat_vocabulary.yaml`.

Each query gives its moments: instant `t`, `key`, `verdict`, and where there is one the first instant too late of what
is pending (`due`) and what was `missing`. `sequence` rises with time in this trace, so that it alone is the order. The
as-of is the last event's time.
"""

from __future__ import annotations

SECOND = 1_000_000
GAP = 600 * SECOND
TWO_HOURS = 7200 * SECOND

FORCE = 0
BEFORE: tuple[str, ...] = ()
SCANS = {"events": 'SELECT type, epoch_us(time) AS t, sequence, "user", session, actor, target, minor FROM {file}'}
PREPARE = {"as of": "CREATE TEMP TABLE latest AS SELECT max(t) AS as_of FROM events"}
REST: dict[str, tuple[tuple[str, ...], str]] = {}
KINDS = "SELECT type, t FROM events"


def _deadline(trigger: str, response: str, key: str, length: int, asked: str = "true") -> str:
    """Each trigger answered within so many microseconds, both ends included."""
    return f"""
    SELECT t, asks.key, CASE WHEN asked IS NULL THEN 'undecided' WHEN NOT asked THEN 'not_applicable'
                             WHEN answered <= t + {length} THEN 'satisfied'
                             WHEN t + {length} < as_of THEN 'violated' ELSE 'pending' END AS verdict,
           CASE verdict WHEN 'pending' THEN t + {length + 1} END AS due,
           CASE verdict WHEN 'undecided' THEN 'actor' END AS missing
    FROM latest, (SELECT t, {key} AS key, {asked} AS asked FROM events WHERE type = '{trigger}') AS asks
    ASOF LEFT JOIN (SELECT t AS answered, {key} AS key FROM events WHERE type = '{response}') AS answers
    ON asks.key = answers.key AND asks.t <= answers.answered"""


RULES = {
    "deleted_on_request": _deadline("deletion_request", "history_deleted", '"user"', 360 * 3600 * SECOND,
                                    "actor IN ('user', 'guardian')"),
    "no_training_without_consent": """
    SELECT t, uses."user" AS key, CASE WHEN holds THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM (SELECT t, sequence, "user" FROM events WHERE type = 'training_use') AS uses
    ASOF LEFT JOIN (SELECT sequence, "user", type = 'consent_granted' AS holds FROM events
                    WHERE type IN ('consent_granted', 'consent_withdrawn')) AS changes
    ON uses."user" = changes."user" AND uses.sequence > changes.sequence""",
    "minors_share_with_guardians_consent": """
    SELECT t, "user" || ' ' || target AS key,
           CASE WHEN minor IS NULL THEN 'undecided' WHEN NOT minor THEN 'not_applicable'
                WHEN consented < sequence THEN 'satisfied' ELSE 'violated' END AS verdict,
           CASE verdict WHEN 'undecided' THEN 'minor' END AS missing
    FROM (SELECT t, sequence, "user", target, minor FROM events WHERE type = 'share')
    LEFT JOIN (SELECT "user", target, min(sequence) AS consented FROM events
               WHERE type = 'guardian_consent' GROUP BY ALL)
    USING ("user", target)""",
    "reminded_every_two_hours": f"""
    WITH message AS (
      SELECT t, "user", lag(t) OVER (PARTITION BY "user" ORDER BY t) AS before FROM events WHERE type = 'message'),
    run AS (
      SELECT t, "user", before, max(CASE WHEN before IS NULL OR t - before > {GAP} THEN t END)
                                OVER (PARTITION BY "user" ORDER BY t) AS began
      FROM message),
    mark AS (
      SELECT "user", began + (t - began - 1) // {TWO_HOURS} * {TWO_HOURS} AS mark, t AS past FROM run
      WHERE t - began > {TWO_HOURS} AND (before - began - 1) // {TWO_HOURS} < (t - began - 1) // {TWO_HOURS})
    SELECT mark AS t, mark."user" AS key,
           CASE WHEN answered <= past + {300 * SECOND} THEN 'satisfied'
                WHEN past + {300 * SECOND} < as_of THEN 'violated' ELSE 'pending' END AS verdict,
           CASE verdict WHEN 'pending' THEN past + {300 * SECOND} + 1 END AS due
    FROM latest, mark ASOF LEFT JOIN (SELECT t AS answered, "user" FROM events WHERE type = 'reminder') AS reminder
    ON mark."user" = reminder."user" AND mark.mark <= reminder.answered""",
    "notice_before_the_first_message": """
    SELECT t, session AS key, CASE WHEN notice < message THEN 'satisfied' ELSE 'violated' END AS verdict
    FROM (SELECT session, min(sequence) FILTER (type = 'message') AS message, min(t) FILTER (type = 'message') AS t,
                 min(sequence) FILTER (type = 'ai_notice') AS notice
          FROM events WHERE type IN ('message', 'ai_notice') GROUP BY session)
    WHERE message IS NOT NULL""",
    "images_labelled": _deadline("image_generated", "image_label", "target", 10 * SECOND),
    "human_takes_over": _deadline("self_harm_signal", "human_takeover", "session", 600 * SECOND),
}
