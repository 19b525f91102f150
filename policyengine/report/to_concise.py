"""A report as one line a finding, `file:line:column: error[rule] Art. 18(1) violated: …`, for editors and `grep`.

Violated and undecided results stand under their rule's severity, which is what the exit code counts; pending and exempt
ones under `pending` and `exempt`. A row of a trace stands where a line would.
"""

from __future__ import annotations

from policyengine.report.entries import clean, headline, place_of
from policyengine.report.model import Place, Report, Result


def to_concise(report: Report) -> str:
    """A line each, in the order of reading; nothing at all when there are no findings."""
    return "".join(f"{_line(result)}\n" for result in (*report.findings, *report.others))


def _line(result: Result) -> str:
    word = result.severity if result.verdict in ("violated", "undecided") else result.verdict
    return clean(f"{_place(place_of(result))}: {word}[{result.rule}] {headline(result)}")


def _place(place: Place) -> str:
    numbers = (place.line or place.row or 1, place.column)
    return ":".join([place.file, *(str(number) for number in numbers if number is not None)])
