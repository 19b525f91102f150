"""The manual of the language, held against the engines: what pages say is said in columns and by the monitor too."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.trace.columns import Unsupported
from policyengine.trace.plan.calendars import Horizon
from tests.property.test_columns import Bench, agree, in_monitor
from tests.support import wide_strategies as wide
from tests.support.literate import Asked, asked_of

PAGES = sorted((Path(__file__).parents[1] / "language").glob("*.md"))


def trial_of(asked: Asked) -> wide.Trial:
    start = min((one.time for one in asked.case.events), default=asked.setting.as_of)
    return wide.Trial(asked.case, wide.Place(asked.calendar, start), asked.setting.as_of, asked.sources,
                      parameters=asked.setting.parameters)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    """All that pages say of moments: what rules without a trigger say is said by the evaluator alone. Where numbers
    grow too large it is an error of the case, and lists of records stand in no column."""
    for _, policy, places, asked in asked_of(page):
        policy = replace(policy, rules=tuple(one for one in policy.rules if one.trigger is not None))
        trial = trial_of(asked)
        bench = Bench(asked.calendar, Horizon.of(asked.calendar, trial.place.start, trial.as_of), busy=True)
        with suppress(Overflow):
            judge(policy, trial.case, asked.setting, asked.calendar, sources=asked.sources)
            in_monitor(policy, trial)
            with suppress(Unsupported):
                agree(bench, policy, trial, places)
