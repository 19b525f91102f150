"""The command on one small file, whole processes: how long a user waits, against a Python that imports click, PyYAML
and json alone.

    python benchmarks/start/run.py [ROUNDS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "facts")]

from generate import configurations  # noqa: E402
from project import GUIJU, environment, make, write_yaml  # noqa: E402
from timing import in_turn  # noqa: E402

EXAMPLE = HERE.parents[1] / "examples" / "companion" / "service.yaml"


def main(rounds: int) -> int:
    """Prints milliseconds and ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        clean = configurations(1)[0]
        broken = {**clean, "notice": {**clean["notice"], "prominent": False}}
        good, bad = (str(path) for path in write_yaml(folder, [clean, broken]))
        warm = environment(folder / "cache")

        def python(code: str) -> Callable[[], None]:
            return lambda: _run([sys.executable, "-c", code], folder, warm, 0)

        def check(file: str, code: int, *args: str, cached: bool = True) -> Callable[[], None]:
            environ = warm if cached else environment(None)
            return lambda: _run([*GUIJU, "check", file, *args], folder, environ, code)

        base = "python, importing click, yaml, json"
        example = ("--regulation", "cn/human-like-ai")
        times = in_turn({
            "python -c pass": python("pass"),
            base: python("import click, yaml, json"),
            "guiju --version": lambda: _run([*GUIJU, "--version"], folder, warm, 0),
            "check, 12 rules, clean": check(good, 0),
            "check, 12 rules, one finding": check(bad, 1),
            "check, 85 rules, 13 findings": check(str(EXAMPLE), 1, *example),
            "check, 12 rules, no cache": check(good, 0, cached=False),
            "check, 85 rules, no cache": check(str(EXAMPLE), 1, *example, cached=False),
        }, rounds)
    for label, taken in times.items():
        print(f"{label:<38}{taken * 1e3:8.0f} ms {taken / times[base]:6.2f}")
    return 0


def _run(command: list[str], folder: Path, environ: dict[str, str], wanted: int) -> None:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != wanted:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}, not {wanted}:\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
