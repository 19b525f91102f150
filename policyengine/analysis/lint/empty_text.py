"""A title, advice or reason with nothing in it.

Why: it stands where a person will look for a sentence.

Example: `unchecked Art. 3 because ""`.

Instead: the sentence; a title or `fix` may also be left out.

Fine: never.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyengine.analysis.lint.subject import Finding, Subject
from policyengine.syntax import ast


def check(subject: Subject) -> Iterator[Finding]:
    """Texts of white space only."""
    for one in subject.own:
        match one:
            case ast.Rule():
                for what, text in (("title", one.title), ("Chinese title", one.title_zh), ("`fix`", one.fix),
                                   ("Chinese `fix`", one.fix_zh)):
                    if text is not None and not text.value.strip():
                        yield Finding(f"the {what} of `{one.name.text}` is empty", text.span)
            case ast.Unchecked():
                if not one.reason.value.strip():
                    yield Finding(f"no reason is given why {one.citations[0]} is not checked", one.reason.span)
            case _:
                pass
