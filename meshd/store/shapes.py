"""A row's table in SQL: how today's projections are made.

Primary tables have their shapes from migrations; that both agree is tested.
"""

from types import NoneType
from typing import Any, get_args, get_type_hints

from meshd.store.tables import TABLES, indexed

_TYPES = {bytes: "BLOB", int: "INTEGER", str: "TEXT"}


def name_of(table: type[Any]) -> str:
    """What a row's table is called on disk."""
    return table.__name__.lower()


def statements(table: type[Any]) -> list[str]:
    """The statements that make an empty table, and its indexes."""
    how, name = TABLES[table], name_of(table)
    alone = how.key[0] if len(how.key) == 1 and not how.short else None
    lines: list[str] = []
    for column, hint in get_type_hints(table).items():
        (kind,) = set(get_args(hint) or (hint,)) - {NoneType}
        key = " PRIMARY KEY" if column == alone else ""
        lines.append(f'"{column}" {_TYPES[kind]}{key}{"" if NoneType in get_args(hint) else " NOT NULL"}')
    if len(how.key) > 1:
        lines.append(f"PRIMARY KEY ({', '.join(how.key)})")
    made = [f'CREATE TABLE "{name}" ({", ".join(lines)})']
    made += [_index(table, how.key, "UNIQUE INDEX")] if how.short else []
    return made + [_index(table, columns, "INDEX") for columns in how.indexes]


def _index(table: type[Any], columns: tuple[str, ...], what: str) -> str:
    name = name_of(table)
    return f"CREATE {what} {name}_{'_'.join(columns)} ON {name} ({', '.join(indexed(table, each) for each in columns)})"
