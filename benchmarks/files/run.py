"""Directories of JSON and of YAML files judged by twelve rules, findings explained and printed, against bare parsing
of the same files in as many processes.

    python benchmarks/files/run.py [JSON-FILES] [YAML-FILES]
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "facts")]

import yaml  # noqa: E402
from generate import Config, configurations  # noqa: E402
from hand_written import findings  # noqa: E402
from project import GUIJU, environment, make, write_json, write_yaml  # noqa: E402
from timing import in_turn  # noqa: E402

PROCESSES = os.cpu_count() or 1
ROUNDS = 3


def main(json_files: int, yaml_files: int) -> int:
    """Prints files a second; 1 when the number of findings is not that of the rules written by hand."""
    whole = configurations(max(json_files, yaml_files))
    broken = [config for config in whole if findings(config, "2026-07-15")]
    sound = [config for config in whole if not findings(config, "2026-07-15")]
    print(f"{PROCESSES} processes; {len(broken) / len(whole):.0%} of the files are broken")
    for suffix, count in (("json", json_files), ("yaml", yaml_files)):
        mixed = whole[:count]
        clean = [sound[number % len(sound)] for number in range(count)]
        if not _side_by_side(suffix, mixed, clean):
            return 1
    return 0


def _side_by_side(suffix: str, mixed: list[Config], clean: list[Config]) -> bool:
    write = write_json if suffix == "json" else write_yaml
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        paths = write(folder / "mixed", mixed)
        write(folder / "clean", clean)
        environ = environment(folder / "cache")

        def check(part: str, wanted: int) -> None:
            done = subprocess.run([*GUIJU, "check", part, "--as-of", "2026-07-15"], cwd=folder, env=environ,
                                  capture_output=True, check=False)
            if done.returncode != wanted:
                raise SystemExit(done.stderr.decode())

        size = sum(path.stat().st_size for path in paths) / len(paths) / 1024
        times = in_turn({f"parsing alone ({'json.loads' if suffix == 'json' else 'yaml.parse'})":
                         lambda: _parse_all(paths, suffix),
                         "check, all files sound": lambda: check("clean", 0),
                         "check, some broken": lambda: check("mixed", 1)}, ROUNDS)
        base = next(iter(times.values()))
        print(f"{len(paths):,} {suffix} files of {size:.1f} KB")
        for label, taken in times.items():
            print(f"  {label:<32}{len(paths) / taken:10,.0f} files/s {taken:7.2f} s {taken / base:6.2f}")
        done = subprocess.run([*GUIJU, "check", "mixed", "--as-of", "2026-07-15", "--format", "json"], cwd=folder,
                              env=environ, capture_output=True, check=False)
        found = json.loads(done.stdout)["summary"]
    wanted = sum(len(findings(config, "2026-07-15")) for config in mixed)
    told = found["results_by_verdict"]["violated"] + found["results_by_verdict"]["undecided"]
    print(f"  {told:,} findings; written by hand the rules find {wanted:,}")
    return bool(told == wanted)


def _parse_all(paths: list[Path], suffix: str) -> None:
    share = -(-len(paths) // PROCESSES)
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(_parse_json if suffix == "json" else _parse_yaml,
                 [paths[start:start + share] for start in range(0, len(paths), share)], chunksize=1)


def _parse_json(paths: list[Path]) -> int:
    return sum(len(json.loads(path.read_bytes())) for path in paths)


def _parse_yaml(paths: list[Path]) -> int:
    loader = yaml.CSafeLoader
    return sum(1 for path in paths for _ in yaml.parse(path.read_bytes(), Loader=loader))


if __name__ == "__main__":
    counts = [int(one) for one in sys.argv[1:3]]
    sys.exit(main(*(counts + [10_000, 2_000][len(counts):])))
