"""A policy of 500 varied rules: parsed, compiled and linted in one process, and by the command without and with what a
run before it kept.

    python benchmarks/policy/run.py [RULES]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parent / "facts")]

from generate import configurations  # noqa: E402
from project import GUIJU, environment, make, write_yaml  # noqa: E402
from timing import in_turn  # noqa: E402

from policyengine.analysis.compile import compile_policy  # noqa: E402
from policyengine.analysis.lint import lint  # noqa: E402
from policyengine.analysis.vocabulary import load_vocabulary  # noqa: E402
from policyengine.facts.compiled_source import source  # noqa: E402
from policyengine.syntax.parser import parse  # noqa: E402

NUMBERS = ("service.registered_users", "service.monthly_users", "retention.chat_days", "retention.backup_days",
           "reminder.minutes")
FLAGS = ("notice.prominent", "training.uses_chats", "training.opt_in", "reminder.exit_button",
         "audience.guardian_consent.required")
TEXTS = ("service.name", "notice.wording", "audience.guardian_consent.method", "filings.algorithm.number")
DATES = ("service.launched_on", "filings.algorithm.filed_on", "filings.algorithm.expires_on")
LISTS = ('every one in channels where (one.kind in ["image", "video"]) satisfies (one.{field}.enabled{more})',
         'no one in partners satisfies (one.consent = "implied" and one.purpose = "{word}")',
         'no one in endpoints satisfies (one.timeout > {number} and one.url != "{word}")')


def policy_text(rules: int) -> str:
    """A policy of so many rules, no two alike, the same for the same number."""
    dice = random.Random(rules)
    parts = ["policy xx/benchmark version 1", "use vocabulary bench_vocabulary"]
    for number in range(rules):
        when = "".join(f"\n  when {_condition(dice)}" for _ in range(dice.randint(0, 2)))
        must = " and ".join(_condition(dice) for _ in range(dice.randint(1, 3)))
        parts.append(f"rule rule_{number}\n  cites Art. {number + 1}\n  family family_{number % 12}"
                     f'{when}\n  must {must}\n  fix "see article {number + 1}"')
    return "\n\n".join(parts) + "\n"


def _condition(dice: random.Random) -> str:
    number, word = dice.randint(1, 10_000_000), f"word-{dice.randint(1, 10_000)}"
    match dice.randint(0, 5):
        case 0:
            return f"{dice.choice(NUMBERS)} {dice.choice(['<=', '>=', '<', '>'])} {number}"
        case 1:
            return dice.choice(FLAGS)
        case 2:
            return f'{dice.choice(TEXTS)} != "{word}"'
        case 3:
            return f"{dice.choice(DATES)} <= {2020 + number % 9}-{1 + number % 12:02}-{1 + number % 28:02}"
        case 4:
            return f"({dice.choice(FLAGS)} or {dice.choice(NUMBERS)} > {number})"
        case _:
            more = f' and one.{{field}}.position != "{word}"'
            form = dice.choice(LISTS).replace("{more}", more)
            return f"({form.format(field='explicit_label', word=word, number=number)})"


def main(rules: int) -> int:
    """Prints seconds."""
    text = policy_text(rules)
    vocabulary, _ = load_vocabulary("bench_vocabulary.yaml",
                                    (HERE.parent / "facts" / "bench_vocabulary.yaml").read_text("utf-8"))
    assert vocabulary is not None
    file, wrong = parse("rules.policy", text)
    policy, found = compile_policy(file, vocabulary)
    if policy is None:
        raise SystemExit("\n".join(str(one) for one in (*wrong, *found)))
    print(f"{len(policy.rules)} rules, {text.count(chr(10)):,} lines")
    _print(in_turn({
        "parse": lambda: parse("rules.policy", text),
        "compile to the core": lambda: compile_policy(file, vocabulary),
        "compile to Python": lambda: compile(source(policy)[0], "rules", "exec"),
        "lint": lambda: lint(policy, file, vocabulary),
    }, 3))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, text)
        service = str(write_yaml(folder, configurations(1))[0])
        cold, warm = environment(None), environment(folder / "cache")

        def run(environ: dict[str, str], *args: str) -> None:
            done = subprocess.run([*GUIJU, *args], cwd=folder, env=environ, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 1):
                raise SystemExit(done.stderr)

        _print(in_turn({
            "guiju lint, no cache": lambda: run(cold, "lint", "xx/benchmark"),
            "guiju lint, cached": lambda: run(warm, "lint", "xx/benchmark"),
            "guiju check, no cache": lambda: run(cold, "check", service),
            "guiju check, cached": lambda: run(warm, "check", service),
        }, 3))
    return 0


def _print(times: dict[str, float]) -> None:
    for label, taken in times.items():
        print(f"  {label:<26}{taken:8.2f} s")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
