"""Lines drawn into an SVG file of `docs/`. In come points by name; out comes the file, the same for the same points.

Needs matplotlib, which only the benchmarks use: `pip install -e '.[bench]'`. Without it a benchmark prints its figures
all the same and says what it did not draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"

Points = Sequence[tuple[float, float]]


def lines(name: str, title: str, across: str, up: str, series: Mapping[str, Points], *, wide: bool = False,
          limit: Points = ()) -> None:
    """Draw `docs/NAME.svg`. `across` and `up` name the axes; `wide`: both are logarithmic. `limit` is drawn dashed:
    where the caps are that the lines must stay under."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print(f"docs/{name}.svg is not drawn: matplotlib is missing (pip install -e '.[bench]')")
        return
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = name
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for marker, (label, points) in zip("osd^vx*P", series.items(), strict=False):
        axes.plot(*zip(*points, strict=True), marker=marker, markersize=5, linewidth=1.5, label=label)
    if limit:
        axes.plot(*zip(*limit, strict=True), linestyle="--", linewidth=1, color="gray", label="the cap")
    if wide:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(DOCS / f"{name}.svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    print(f"drawn: docs/{name}.svg")
