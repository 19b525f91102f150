"""Which version of a regulation holds on a day, and which one a user means.

In: a `Regulation` and a date or a word. Out: a `Version`, or a diagnostic naming the known ones. It reads no clock: the
day is always handed in. A day is a calendar day in the regulation's time zone.
"""

from __future__ import annotations

from datetime import date, timedelta

from policyengine.base.diagnostic import Diagnostic, Note, did_you_mean, error, shorten
from policyengine.base.instants import parse_date, start_of_day
from policyengine.regulation.model import Regulation, Version


def in_force(regulation: Regulation, day: date) -> Version | None:
    """The version in force on `day`; None before the first and in a gap. A draft never is."""
    for version in regulation.versions:
        if version.status == "final" and version.effective_from is not None and version.effective_from <= day \
                and (version.effective_to is None or day <= version.effective_to):
            return version
    return None


def select(regulation: Regulation, wanted: str) -> Version | Diagnostic:
    """The version that `wanted` names: a label, `draft` or `final` (the latest published of that status), or a date
    such as `2026-08-01` (the version in force on that day)."""
    for version in regulation.versions:
        if version.label == wanted:
            return version
    if wanted in ("draft", "final"):
        of_status = [v for v in regulation.versions if v.status == wanted]
        return of_status[-1] if of_status else error(
            "unknown-version", f"`{regulation.id}` has no {wanted}", notes=_known(regulation))
    try:
        day = parse_date(wanted)
    except ValueError:
        labels = [v.label for v in regulation.versions]
        return error("unknown-version", f"`{regulation.id}` has no version `{shorten(wanted)}`",
                     notes=_known(regulation), help=did_you_mean(wanted, [*labels, "draft", "final"]))
    return in_force(regulation, day) or error(
        "no-version-in-force", f"no version of `{regulation.id}` is in force on {day.isoformat()}",
        notes=_known(regulation))


def effective_range(version: Version, zone: str) -> tuple[int | None, int | None]:
    """From when, and up to but not including when, the version is in force, in microseconds since 1970 (UTC).

    `zone` is the regulation's time zone. (None, None) for a version without a day of entry into force, as a draft is;
    an open end is None.
    """
    if version.effective_from is None:
        return None, None
    end = None if version.effective_to is None else start_of_day(version.effective_to + timedelta(days=1), zone)
    return start_of_day(version.effective_from, zone), end


def _known(regulation: Regulation) -> tuple[Note, ...]:
    return tuple(Note(f"`{v.label}` is {_holds(v)}") for v in regulation.versions)


def _holds(version: Version) -> str:
    if version.effective_from is None:
        return f"a {version.status} without a day of entry into force"
    end = f" to {version.effective_to.isoformat()}" if version.effective_to else ""
    return f"in force from {version.effective_from.isoformat()}{end}"
