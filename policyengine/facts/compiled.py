"""The rules about facts as one Python function: from the source that `compiled_source` wrote, the function.

What the source calls stands here. How it is written is not known here, so that a run whose policies are kept compiled
does not load that; nor is where the source is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from policyengine.base.calendar import Calendar, completed_years
from policyengine.base.instants import local_date, local_time, parse_instant, parse_period
from policyengine.core.operators import OPERATORS

Judge = Callable[[Mapping[str, Any], int, Mapping[str, Any], Calendar], list[int]]
"""Facts (raw), the as-of instant (microseconds UTC), parameter values (raw, by name; the policy's own where absent) and
the calendar of the regulation -> for each covered rule, in order, the place of its verdict in `VERDICTS`."""


def load(python: str | CodeType) -> Judge:
    """The function of a source that `source` wrote, compiled or not. It raises `operators.Overflow` for a number past
    18 digits and ValueError for a date past the year 9999, as the reference does."""
    names: dict[str, Any] = dict(_NAMES)
    exec(compile(python, "<compiled rules>", "exec") if isinstance(python, str) else python, names)
    judge: Judge = names["judge"]
    return judge


# ---- what the source calls --------------------------------------------------------------------------------------

_SHORT = 200  # characters of a text whose answers are kept


@lru_cache(maxsize=8)
def _today(as_of: int, zone: str) -> str:
    return local_date(as_of, zone).isoformat()


@lru_cache(maxsize=8)
def _now(as_of: int, zone: str) -> time:
    return local_time(as_of, zone)


@lru_cache(maxsize=4096)
def _instant(text: str) -> int:
    return parse_instant(text)


def _us(raw: Any) -> Any:
    return _instant(raw) if isinstance(raw, str) else raw


def _period(raw: Any) -> Any:
    return parse_period(raw) if isinstance(raw, str) else raw


def _clock(raw: Any) -> Any:
    return time.fromisoformat(raw) if isinstance(raw, str) else raw


def _exact(number: Any) -> Any:
    return Fraction(number) if isinstance(number, Decimal) else number


def _years(birth: str, today: str) -> int:
    return completed_years(date.fromisoformat(birth), date.fromisoformat(today))


def _computed(operator: str) -> Callable[[Any, Any, Calendar], Any]:
    return OPERATORS[operator].compute


def _whole_text(pattern: str) -> Callable[[str], bool]:
    from policyengine.core.patterns import full_match  # RE2 is loaded by policies that use `matches`, not by all

    # The same few texts stand in many services, and asking RE2 costs as much as a dozen rules. Long ones are not kept.
    ask = partial(full_match, pattern)
    kept = lru_cache(maxsize=4096)(ask)
    return lambda text: kept(text) if len(text) <= _SHORT else ask(text)


# A date is text in the compiled rules, which compares as the date does; only arithmetic takes it for a date.
_NAMES: dict[str, Any] = {
    "Decimal": Decimal, "NOTHING": {}, "today_of": _today, "now_of": _now, "us": _us, "period": _period,
    "clock": _clock, "exact": _exact, "day": date.fromisoformat, "years": _years, "computed": _computed,
    "whole_text": _whole_text,
}
