"""How much is told of what an engine finds of one rule, which may be millions of moments."""

from __future__ import annotations

from policyengine.base.record import record

ALL = 2 ** 62
"""More than any trace has."""


@record
class Extent:
    """Of one verdict: all moments are told where there are at most so many as `most`, else the first `of_more`; of the
    first `whys` of them also why. Undecided moments that are all told are all explained, as is all that only the
    evaluator could judge."""

    most: int = ALL
    of_more: int = ALL
    whys: int = ALL


WHOLE = Extent()
