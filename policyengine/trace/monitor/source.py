"""Python source of functions of a row, written for its class: what a monitor does with most rows is compiled once.

In come lines and the values they name; out comes the function. Fields are read from the attributes of a `Line`, else
from the fields of an `Event`. What the lines say is not known here.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from policyengine.trace.stream.lines_typed import Line


class Source:
    """One function of `event`, line by line. `rows`: the class of the rows, or a type, of which they are `Event`s."""

    def __init__(self, rows: type[Line] | str) -> None:
        self.rows = rows
        self.type = rows if isinstance(rows, str) else rows.type
        self.names: dict[str, Any] = {"UNSET": UNSET}
        self._read: dict[tuple[str, ...], str] = {}  # the variable of a key
        self._first: list[str] = []
        self._lines: list[str] = []

    def name(self, value: Any) -> str:
        """A name for something that lasts as long as the function."""
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name

    def variable(self) -> str:
        """A variable that nothing else uses."""
        return self.name(None).replace("n", "v")

    def add(self, *lines: str, under: int = 0) -> None:
        """Lines of the function, so many blocks deep."""
        self._lines += ["    " * under + line for line in lines]

    def key(self, keys: tuple[str, ...]) -> str:
        """The variable that has the row's key of some keys: see `monitor.keys`."""
        if keys not in self._read:
            self._read[keys] = f"k{len(self._read)}"
            read = [self.field(key) for key in keys]
            key = read[0] if len(read) == 1 else f"({' '.join(f'{one},' for one in read)})"
            self._first.append(f"{self._read[keys]} = {key}")
        return self._read[keys]

    def field(self, name: str) -> str:
        """A field of the row, None where it is missing."""
        if isinstance(self.rows, str):
            return f"event.fields.get({name!r})"
        at = self.rows.attributes.get(name)
        if at is None or name in self.rows.required:
            return f"event.{at}" if at else "None"
        return f"(None if event.{at} is UNSET else event.{at})"

    def function(self, parameters: str) -> Any:
        """The function, compiled."""
        lines = "".join(f"    {line}\n" for line in (*self._first, *self._lines, "pass"))
        exec(compile(f"def written({parameters}):\n{lines}", f"<monitor, {self.type}>", "exec"), self.names)
        return self.names["written"]
