"""A project made anew in a folder, for the benchmarks that run the command: a policy as the one version of a regulation
(the twelve rules of `facts/` unless another is given), and as many services as asked for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
GUIJU = [sys.executable, "-m", "policyengine"]

REGULATION = """\
id: xx/benchmark
title: {{en: Benchmark, zh: 基准}}
jurisdiction: XX
timezone: Asia/Shanghai
calendar: cn
vocabulary: {vocabulary}
period_end_on_day_off: stands
confidence: {{en: Made up., zh: 虚构。}}
versions:
  - label: "1"
    status: final
    order: No. 1
    title: {{en: Benchmark, zh: 基准}}
    issuers: [{{id: XX, en: Benchmark, zh: 基准}}]
    published: 2020-01-01
    adopted: 2020-01-01
    effective_from: 2020-01-01
    sources: [https://example.org/]
"""


def make(folder: Path, policy: str | None = None, vocabulary: Path = HERE / "facts" / "bench_vocabulary.yaml") -> None:
    """The project's settings and its regulation, whose policy is `facts/bench.policy` unless another is given."""
    version = folder / "policies" / "xx" / "benchmark" / "1"
    vocabularies = folder / "policies" / "vocabulary"
    for one in (version, vocabularies):
        one.mkdir(parents=True, exist_ok=True)
    (folder / "guiju.toml").write_text('policies = ["policies"]\nregulations = ["xx/benchmark"]\n', "utf-8")
    (version.parent / "regulation.yaml").write_text(REGULATION.format(vocabulary=vocabulary.stem), "utf-8")
    shutil.copy(vocabulary, vocabularies)
    text = (HERE / "facts" / "bench.policy").read_text("utf-8") if policy is None else policy
    (version / "rules.policy").write_text(text, "utf-8")


def write_json(folder: Path, services: Iterable[dict[str, Any]]) -> list[Path]:
    """One indented JSON file a service."""
    return _write(folder, services, "json")


def write_yaml(folder: Path, services: Iterable[dict[str, Any]]) -> list[Path]:
    """One YAML file a service, in block style."""
    return _write(folder, services, "yaml")


def _write(folder: Path, services: Iterable[dict[str, Any]], suffix: str) -> list[Path]:
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, service in enumerate(services):
        text = json.dumps(service, ensure_ascii=False, indent=1) if suffix == "json" else yaml.dump(
            service, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
        paths.append(folder / f"service-{number:05}.{suffix}")
        paths[-1].write_text(text, "utf-8")
    return paths


def environment(cache: Path | None) -> dict[str, str]:
    """What the command is run with: this checkout, byte code kept, and a cache, or none (a user without a home)."""
    left_out = ("GUIJU_CACHE_DIR", "PYTHONDONTWRITEBYTECODE", "GITHUB_ACTIONS")
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    own["PYTHONPATH"] = str(HERE.parent)
    if cache is None:
        for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            own.pop(name, None)
        return own
    return {**own, "GUIJU_CACHE_DIR": str(cache)}
