"""The version of a store's tables: new stores get the current ones, older ones are brought up, newer ones refused.

A plain list of steps rather than Alembic: the explorer opens stores on users' machines by itself, always forwards and
in one line of versions, so that Alembic's environment, configuration and template files would outweigh the steps.
Add a step whenever `schema` changes, and give a new figure's reason ("not recorded by that version") to old records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, func, insert, inspect, select, text, update

from explorer.records.columns import json_text
from explorer.records.database import writing
from explorer.records.record import missing
from explorer.records.schema import SCHEMA, TRAININGS, metadata
from explorer.records.store_errors import StoreError

#: Why records from before there were these figures lack them.
LATER_FIGURES = missing("not recorded by the version that measured it", "runnable_threads", "load_average_1min")

#: Changes the tables of version `position + 1` into those of the next one.
Step = Callable[[Connection], None]


def engine_before(model_source: str, kind: str, compile_mode: str) -> str:
    """The engine of a record from before there was that column.

    `torch.compile` was given HRFormer's readable form then, and is given the optimised one for inference now: such
    records bear another name, so that they are not taken for later ones.
    """
    if compile_mode == "eager":
        return "eager"
    readable = model_source == "hrformer" and kind != "training_step"
    return "torch.compile (readable form)" if readable else "torch.compile"


def _add_engine(connection: Connection) -> None:
    """Version 2: what ran the model."""
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN engine TEXT NOT NULL DEFAULT 'eager'"))
    known = text("SELECT DISTINCT model_source, kind, compile_mode FROM benchmark_records")
    change = text(
        "UPDATE benchmark_records SET engine = :engine "
        "WHERE model_source = :model_source AND kind = :kind AND compile_mode = :compile_mode"
    )
    for row in connection.execute(known).mappings().all():
        connection.execute(change, {**row, "engine": engine_before(**row)})


def _add_trainings(connection: Connection) -> None:
    """Version 3: trainings of the ablation."""
    TRAININGS.create(connection)


def _add_product_macs(connection: Connection) -> None:
    """Version 4: the multiply-adds inside attention, without which work has no amount in HRNet's convention."""
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN product_macs BIGINT"))


def _add_load(connection: Connection) -> None:
    """Version 5: how busy the machine was."""
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN runnable_threads BIGINT"))
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN load_average_1min DOUBLE PRECISION"))
    alone = json_text(LATER_FIGURES)
    add = text(
        "UPDATE benchmark_details "
        "SET reasons = CASE reasons WHEN '{}' THEN :alone ELSE :first || substr(reasons, 2) END"
    )
    connection.execute(add, {"alone": alone, "first": f"{alone[:-1]}, "})


def _add_ran_beside(connection: Connection) -> None:
    """Version 6: what else ran on the machine; nobody looked before."""
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN ran_beside TEXT"))


STEPS: tuple[Step, ...] = (_add_engine, _add_trainings, _add_product_macs, _add_load, _add_ran_beside)


def current_version(steps: Sequence[Step] = STEPS) -> int:
    """The version of the tables that this program works with."""
    return 1 + len(steps)


def stored_version(connection: Connection) -> int:
    """The version of the store's tables; 0 where there are none yet."""
    if not inspect(connection).has_table(SCHEMA.name):
        return 0
    version = connection.scalar(select(func.max(SCHEMA.c.version)))
    return int(version or 0)


def bring_up_to_date(engine: Engine, location: str, *, read_only: bool, steps: Sequence[Step] = STEPS) -> None:
    """Make the store's tables those of the current version: all steps, or none if one fails.

    Args:
        engine: The store's database.
        location: How messages call the store.
        read_only: Whether the store's file cannot be written.
        steps: All steps since version 1.

    Raises:
        StoreError: If the store was written by a newer version, or cannot be written but needs a change.
    """
    with engine.connect() as connection:
        version = stored_version(connection)
    _refuse_newer(version, location, steps)
    if version == current_version(steps):
        return
    if read_only:
        raise StoreError(
            f"The store {location} is of an older version and read-only: allow writing once, to update it."
        )
    with writing(engine) as connection:
        _apply(connection, location, steps)


def _apply(connection: Connection, location: str, steps: Sequence[Step]) -> None:
    version = stored_version(connection)  # again: another process may have been faster
    _refuse_newer(version, location, steps)
    if version == 0:
        metadata.create_all(connection, checkfirst=False)
        connection.execute(insert(SCHEMA).values(version=current_version(steps)))
        return
    for step in steps[version - 1 :]:
        step(connection)
    connection.execute(update(SCHEMA).values(version=current_version(steps)))


def _refuse_newer(version: int, location: str, steps: Sequence[Step]) -> None:
    if version > current_version(steps):
        raise StoreError(
            f"The store {location} was written by a newer version of the explorer (tables {version}, this one knows "
            f"{current_version(steps)}): update the explorer, or set HRFORMER_RESULTS_URL to another store."
        )
