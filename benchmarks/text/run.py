"""Statutes of hundreds of articles against amended ones, in Chinese and English: seconds, and the share of right links.

    python benchmarks/text/run.py [ARTICLES ...]

The texts are made up, so that what became of each article is known. About a third of the articles is dropped, inserted,
moved, split, merged or reworded.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from random import Random
from time import perf_counter

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from timing import in_turn  # noqa: E402

from policyengine.diff.script import accept, reject  # noqa: E402
from policyengine.diff.text import diff_texts  # noqa: E402
from policyengine.documents.model import Document  # noqa: E402
from policyengine.documents.read import read_document  # noqa: E402
from tests.support.legal_texts import Text, amended, generated, written  # noqa: E402

ROUNDS = 3


def main(sizes: list[int]) -> int:
    """Prints a line for each size and language; 1 when accepting or rejecting does not give the text back."""
    print("articles  language  reading s   diff s  right links (F1)")
    for size in sizes:
        for language in ("zh", "en"):
            if not measure(size, language):
                print("the script does not give the texts back", file=sys.stderr)
                return 1
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
    return 0


def measure(size: int, language: str) -> bool:
    """One line of the table."""
    random = Random(size)
    before = generated(random, language, size)
    after = amended(random, before, size // 3)
    start = perf_counter()
    old, new = document(before), document(after)
    reading = perf_counter() - start
    diff = diff_texts(old, new)
    took = in_turn({"diff": lambda: diff_texts(old, new)}, ROUNDS if size <= 500 else 1)["diff"]
    found = {(left, right) for change in diff.articles for left in change.old for right in change.new}
    wanted = {(old.articles()[name].place, new.articles()[place].place) for name, place in after.became}
    right = 2 * len(found & wanted) / max(1, len(found) + len(wanted))
    print(f"{size:8}  {language:8}  {reading:9.2f}  {took:7.2f}  {right:.3f}", flush=True)
    return accept(diff.script) == tuple(line.text for line in new.lines) \
        and reject(diff.script) == tuple(line.text for line in old.lines)


def document(text: Text) -> Document:
    """The text as a reader of its file gets it."""
    read, found = read_document("statute.md", "\n\n".join(written(text)).encode())
    assert read is not None, found
    return read


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]] or [500, 2000]))
