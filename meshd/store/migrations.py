"""How the tables came to be, step by step, on sqlite-utils. A migration that has shipped is never changed.

`VERSION` stands in the database's `user_version`, so that opening an up-to-date log needs no import of sqlite-utils.
"""

from types import NoneType
from typing import Any, get_args, get_type_hints

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from meshd.store.tables import PRIMARY, PROJECTIONS, Entry, Head, Own, Peer, Setting, Table, indexed

migrations = Migrations("meshd")


@migrations(name="0001 the log and its projections")
def _first(db: Database) -> None:
    """The primary tables of then. Projections are made anew by the newest migration, and filled by a recount."""
    for row in (Entry, Head, Own, Peer, Setting):
        _create(db, row, PRIMARY[row])


@migrations(name="0002 witnesses, delegates, meetings")
def _second(db: Database) -> None:
    _renew(db)


@migrations(name="0003 what peers have in common, what chains weigh")
def _third(db: Database) -> None:
    _renew(db)
    if db.table("entry").pks == ["id"]:  # written before keys were indexed by their beginnings
        db.execute("ALTER TABLE entry RENAME TO entry_before")
        _create(db, Entry, PRIMARY[Entry])
        columns = ", ".join(Entry._fields)
        db.execute(f"INSERT INTO entry (rowid, {columns}) SELECT rowid, {columns} FROM entry_before ORDER BY rowid")  # noqa: S608
        db.execute("DROP TABLE entry_before")


@migrations(name="0004 assemblies founded anew")
def _fourth(db: Database) -> None:
    _renew(db)


def migrate(connection: Any, version: int) -> None:
    """Bring the database behind `connection` to the newest version, and note it."""
    db = Database(connection, execute_plugins=False)
    migrations.apply(db)
    connection.execute(f"PRAGMA user_version = {version:d}")


def _create(db: Database, row: type[Any], table: Table) -> None:
    hints = get_type_hints(row)
    name = row.__name__.lower()
    columns = {column: _column(hint) for column, hint in hints.items()}
    required = {column for column, hint in hints.items() if NoneType not in get_args(hint)}
    key = table.key[0] if len(table.key) == 1 else table.key or None
    db.create_table(name, columns, pk=None if table.short else key, not_null=required)
    if table.short:
        _index(db, row, table.key, unique=True)
    for index in table.indexes:
        _index(db, row, index)


def _index(db: Database, row: type[Any], columns: tuple[str, ...], *, unique: bool = False) -> None:
    name = row.__name__.lower()
    what = ", ".join(indexed(row, column) for column in columns)
    db.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX {name}_{'_'.join(columns)} ON {name} ({what})")


def _column(hint: Any) -> type[Any]:
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not NoneType]
    (kind,) = kinds
    assert isinstance(kind, type)
    return kind


def _renew(db: Database) -> None:
    """Add primary tables that are not there yet, and make every projection anew: a recount fills them."""
    for row, table in PRIMARY.items():
        if row.__name__.lower() not in db.table_names():
            _create(db, row, table)
    for row, table in PROJECTIONS.items():
        db.execute(f"DROP TABLE IF EXISTS {row.__name__.lower()}")  # where an earlier version had it otherwise
        _create(db, row, table)
