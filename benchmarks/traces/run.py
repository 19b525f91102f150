"""The trace of the example service judged by the 85 rules of the final measures: events a second by the reference
evaluator, the figure that a trace engine is to be held against.

    python benchmarks/traces/run.py [ROUNDS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from project import GUIJU, environment  # noqa: E402
from timing import in_turn  # noqa: E402

EXAMPLE = HERE.parents[1] / "examples" / "companion"


def main(rounds: int) -> int:
    """Prints seconds and events a second."""
    events = EXAMPLE / "events.ndjson"
    lines = events.read_text("utf-8").splitlines()
    with tempfile.TemporaryDirectory() as name:
        environ = environment(Path(name) / "cache")

        def check(*args: str) -> None:
            done = subprocess.run([*GUIJU, "check", "service.yaml", "--regulation", "cn/human-like-ai", *args],
                                  cwd=EXAMPLE, env=environ, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 1):
                raise SystemExit(done.stderr)

        times = in_turn({"json.loads of every line": lambda: [json.loads(line) for line in lines],
                         "check, facts alone": check,
                         "check, with the trace": lambda: check("--events", events.name)}, rounds)
    for label, taken in times.items():
        print(f"{label:<28}{taken:8.3f} s")
    judging = times["check, with the trace"] - times["check, facts alone"]
    print(f"{len(lines):,} events in {judging:.2f} s of reading and judging: {len(lines) / judging:,.0f} events/s")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
