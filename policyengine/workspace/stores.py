"""Event files as the user names them -> a store that rules can be judged over, or every reason why there is none.

DuckDB holds them in this process; how a rule is judged is not known here, nor which traces are judged so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from policyengine.base.diagnostic import Diagnostic, error, has_errors, shorten
from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.case import Event
from policyengine.core.walk import nodes
from policyengine.trace.columns import Column, each_once, needs
from policyengine.trace.engines.engine import Engine
from policyengine.trace.engines.findings import Table
from policyengine.trace.scan.rows import own_fields, suffixes
from policyengine.workspace.files import expand_inputs
from policyengine.workspace.inputs import Seen
from policyengine.workspace.tracing import Store

if TYPE_CHECKING:  # it imports DuckDB
    from policyengine.trace.scan.tables import Scan


FEW = 20_000_000
"""Over so many events at most, rules are judged side by side: what one of them leaves idle, another uses. Over more,
each has work for all of the machine, and memory is dear."""

RUNNERS = min(4, os.cpu_count() or 1)
"""So many rules are then judged at once."""


@record
class Held:
    """A trace in a store, and what was noticed in reading it. Instants are UTC microseconds."""

    store: Store
    total: int
    later: int
    merged: int
    repeats: int

    @property
    def last(self) -> int:
        """The time of the last event."""
        return self.store.last

    def until(self, as_of: int) -> Seen:
        """What lies up to an instant; later events are in no store."""
        return Seen(self.total, self.store.first, self.store.engine.outside)

    def services(self) -> dict[str | None, Callable[[], Event]]:
        """The services that events name, each with an event that does."""
        store = self.store
        rows = store.engine.rows(store.needs, store.places, store.files, store.key_types, None, 1)

        def first(name: str | None) -> Event:
            [event] = rows.at([store.engine.first_of(name)]).values()
            return event

        return {name: partial(first, name) for name in store.engine.services()}


def key_types(policies: Iterable[ir.Policy], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, types.Type]:
    """The types of the keys that policies name, where they are not text in the event types that are asked by them. What
    other events say under such a name is no key."""
    return {name: _KEYS[one] for name, said in sorted(_said(policies, schemas).items())
            if (one := frozenset(said.values())) in _KEYS}


def _of_two_types(policies: Iterable[ir.Policy], schemas: Mapping[str, Mapping[str, Any]]) -> Diagnostic | None:
    """What is wrong where one name is a key of two types, of events that no rule brings together: a table has room for
    one of them."""
    for name, said in sorted(_said(policies, schemas).items()):
        if len(kinds := frozenset(said.values())) > 1 and kinds not in _KEYS:
            named = " and ".join(f"{kind} in `{event}`" for kind, event in {kind: event for event, kind in said.items()}
                                 .items())
            return error("type-mismatch", f"the key `{name}` is {named}, which columns cannot hold side by side",
                         help="judge with `--engine evaluator`, or give the key one type in the vocabulary")
    return None


_KEYS: dict[frozenset[str], types.Type] = {
    frozenset({"integer"}): types.Number(integer=True), frozenset({"number"}): types.Number(),
    frozenset({"integer", "number"}): types.Number(), frozenset({"boolean"}): types.Bool()}


def _said(policies: Iterable[ir.Policy], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The keys that policies name, and the type of each in the event types that are asked by it."""
    said: dict[str, dict[str, str]] = {}
    for policy in policies:
        for event, keys in _asked_by(policy):
            for key in keys:
                said.setdefault(key, {})[event] = schemas[event]["properties"][key].get("type", "")
    return said


def _asked_by(policy: ir.Policy) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Event types and the keys they are asked by."""
    for rule in policy.rules:
        if isinstance(rule.trigger, ir.OnEvent):
            for event in rule.trigger.events:
                yield event, rule.keys
    for node in nodes((policy.rules, policy.states, policy.episodes)):
        if isinstance(node, ir.Pattern):
            yield node.event, node.keys


class Broken(Exception):
    """An engine cannot go on; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@contextmanager
def open_store(arguments: Sequence[str], policies: Sequence[ir.Policy], schemas: Mapping[str, Mapping[str, Any]], *,
               zone: str | None, as_of: int | None, memory: str | None,
               table: Table | None = None) -> Iterator[tuple[Held | None, tuple[Diagnostic, ...]]]:
    """The events of these files in DuckDB, for as long as the context lasts; of them, what these policies read. All
    moments found go to the `table`, if one is given. In the context `Broken` is raised for what DuckDB cannot do, such
    as write on a full disk."""
    import duckdb

    from policyengine.trace.engines.duckdb import DuckTables, Listing
    from policyengine.trace.scan.database import another, fault, open_database
    from policyengine.trace.scan.scan import scan

    paths, problems = expand_inputs(arguments, suffixes=list(suffixes()), events=True)
    if has_errors(problems):
        yield None, problems
        return
    keys, wanted = _wanted(policies, schemas)
    with ExitStack() as stack:
        try:
            con = stack.enter_context(open_database(memory, files=[os.fspath(path) for path in paths]))
        except ValueError as problem:
            yield None, (error("usage", f"`--memory`: {problem}", help="write, for example, `--memory 500MB`"),)
            return
        found, wrong = scan(con, [os.fspath(path) for path in paths], schemas, wanted, zone=zone, as_of=as_of)
        try:
            def other(common: bool) -> DuckTables:
                return DuckTables(stack.enter_context(closing(another(con))), common=common)

            more = RUNNERS - 1 if found is not None and table is None and memory is None and found.rows <= FEW else 0
            tables, aside = DuckTables(con, common=more > 0), other(False)
            engine = Engine(tables, aside, [other(True) for _ in range(more)]) if table is None else \
                Listing(tables, aside, () if found is None else found.files, table, keys)
            yield _held(engine, found, wanted, keys, schemas), (*problems, *wrong)
        except duckdb.Error as problem:
            said = fault(problem)
            if said is None:
                raise
            raise Broken(said) from problem
        # To give back a gigabyte takes the tenth of a second in which the report can be begun.
        Thread(target=stack.pop_all().close, name="closing").start()


@contextmanager
def open_cluster(arguments: Sequence[str], policies: Sequence[ir.Policy], schemas: Mapping[str, Mapping[str, Any]], *,
                 zone: str | None, as_of: int | None, master: str | None,
                 findings: str | None = None) -> Iterator[tuple[Held | None, tuple[Diagnostic, ...]]]:
    """The same in Spark: the paths are those that the cluster reads. `master` as Spark writes it; None: its own
    default, this machine where there is none. All moments found go to the folder `findings`, if one is given, which
    must not be there: NDJSON where it is named so, else Parquet. Raises `Broken` for what Spark cannot do."""
    keys, wanted = _wanted(policies, schemas)
    with ExitStack() as stack:
        try:
            from policyengine.trace.engines.spark import FAULTS, Cluster, exists, fault, open_session, whole
            from policyengine.trace.engines.spark_master import NoSpark
            from policyengine.trace.engines.spark_read import not_read
            from policyengine.trace.engines.spark_scan import scan
        except ImportError:
            yield None, (error("missing-package", "`--engine spark` needs the package `pyspark`",
                               help='install it with `pip install "guiju[spark]"`'),)
            return
        if wrong := not_read(arguments):
            yield None, wrong
            return
        try:
            # Named, this machine gets settings for one machine; under `spark-submit` the cluster is known.
            own = None if os.environ.get("PYSPARK_SUBMIT_ARGS") or os.environ.get("SPARK_HOME") else "local[*]"
            spark = stack.enter_context(open_session(master or own))
        except NoSpark as problem:
            yield None, (error("no-spark", f"Spark does not start: {problem}", help=problem.help),)
            return
        try:
            if (master or own or "").startswith("local"):
                # Spark began in another folder; here a path is one of this machine, wherever it is said.
                arguments = [one if "://" in one else os.path.abspath(one) for one in arguments]
                findings = findings if findings is None or "://" in findings else os.path.abspath(findings)
            if findings is not None and exists(spark, findings):
                yield None, (error("output-exists", f"`{shorten(findings)}` is there already",
                                   help="name another folder, or remove it"),)
                return
            with nullcontext() if findings is None else whole(spark, findings):
                found, wrong = scan(spark, arguments, schemas, wanted, zone=zone, as_of=as_of)
                cluster = Cluster(spark, () if found is None else found.files, findings,
                                  "json" if (findings or "").endswith((".ndjson", ".json")) else "parquet", keys)
                yield _held(cluster, found, wanted, keys, schemas), wrong
        except FAULTS as problem:
            said = fault(problem)
            if said is None:
                raise
            raise Broken(said) from problem


def _wanted(policies: Sequence[ir.Policy], schemas: Mapping[str, Mapping[str, Any]],
            ) -> tuple[dict[str, types.Type], dict[str, tuple[Column, ...]]]:
    """The types of keys, and the columns that policies read of each event type. Raises `Broken` for a key of two."""
    if (mixed := _of_two_types(policies, schemas)) is not None:
        raise Broken(mixed)
    keys = key_types(policies, schemas)
    every = [needs(policy, policy.rules, keys) for policy in policies]
    events = dict.fromkeys(event for one in every for event in one)
    return keys, {event: each_once(one.get(event, ()) for one in every) for event in events}


def _held(engine: Engine, found: Scan | None, wanted: Mapping[str, tuple[Column, ...]], keys: Mapping[str, types.Type],
          schemas: Mapping[str, Mapping[str, Any]]) -> Held | None:
    if found is None:
        return None
    places = {name: place for place, name in enumerate(schemas)}
    store = Store(engine, wanted, places, keys, found.files, found.first, found.last, found.ties,
                  _filled(engine, wanted, places, schemas, found.tables), found.tables)
    return Held(store, found.total, found.later, found.merged, found.repeats)


def _filled(engine: Engine, wanted: Mapping[str, tuple[Column, ...]], places: Mapping[str, int],
            schemas: Mapping[str, Mapping[str, Any]], tables: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Event type -> columns that no row of it lacks: those that it requires, else nothing would have been read, and
    what the engine says of the others."""
    sure = {event: frozenset(own_fields(schemas[event])["required"]) for event in wanted}
    left = {event: tuple(one for one in columns if len(one.path) > 1 or one.path[0] not in sure[event])
            for event, columns in wanted.items()}
    filled = engine.filled({event: columns for event, columns in left.items() if columns}, places, tables)
    return {event: frozenset(one.name for one in columns if one not in left[event]) | filled.get(event, frozenset())
            for event, columns in wanted.items()}
