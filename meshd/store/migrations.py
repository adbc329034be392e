"""How the primary tables came to be, step by step, on sqlite-utils. A migration that has shipped is never changed.

So each one states the tables of its own time in full, and knows nothing of today's rows. Projections have no
migrations: they are dropped, made and counted anew wherever they are not of this version (`recount`).

`VERSION` stands in the database's `user_version`, so that opening an up-to-date log needs no import of sqlite-utils.
"""

from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("meshd")


@migrations(name="0001 the log and its projections")
def _first(db: Database) -> None:
    db.execute(
        'CREATE TABLE "entry" ("id" BLOB PRIMARY KEY NOT NULL, "chain" INTEGER NOT NULL, "seq" INTEGER NOT NULL, '
        '"kind" INTEGER NOT NULL, "verified" INTEGER NOT NULL, "header" BLOB NOT NULL, "signature" BLOB NOT NULL, '
        '"body" BLOB)'
    )
    db.execute('CREATE INDEX "idx_entry_chain_seq" ON "entry" ("chain", "seq")')
    db.execute(
        'CREATE TABLE "head" ("n" INTEGER PRIMARY KEY NOT NULL, "roster" BLOB NOT NULL, "parent" BLOB NOT NULL, '
        '"cites" BLOB NOT NULL)'
    )
    db.execute('CREATE TABLE "own" ("log" INTEGER PRIMARY KEY NOT NULL, "seq" INTEGER NOT NULL, "id" BLOB NOT NULL)')
    db.execute('CREATE TABLE "peer" ("address" TEXT PRIMARY KEY NOT NULL, "last_ms" INTEGER NOT NULL)')
    db.execute('CREATE TABLE "setting" ("name" TEXT PRIMARY KEY NOT NULL, "value" TEXT NOT NULL)')


@migrations(name="0002 witnesses, delegates, meetings")
def _second(db: Database) -> None:
    db.execute(
        'CREATE TABLE IF NOT EXISTS "passed" ("n" INTEGER PRIMARY KEY NOT NULL, "total_ms" INTEGER NOT NULL, '
        '"boot" TEXT NOT NULL, "steady_ms" INTEGER NOT NULL, "wall_ms" INTEGER NOT NULL)'
    )
    db.execute(
        'CREATE TABLE IF NOT EXISTS "watch" ("proposal" BLOB PRIMARY KEY NOT NULL, "since_ms" INTEGER NOT NULL, '
        '"refused" TEXT, "agreed" INTEGER NOT NULL)'
    )


@migrations(name="0003 what peers have in common, what chains weigh")
def _third(db: Database) -> None:
    """Entries lose their long key, and get an index of its beginnings."""
    db.execute(
        'CREATE TABLE IF NOT EXISTS "met" ("digest" BLOB NOT NULL, "device" BLOB NOT NULL, "position" INTEGER NOT NULL)'
    )
    db.execute("CREATE INDEX IF NOT EXISTS met_device ON met (substr(device, 1, 8))")
    if db.table("entry").pks != ["id"]:  # made by a version whose first migration had it so already
        return
    db.execute('ALTER TABLE "entry" RENAME TO "entry_before"')
    db.execute(
        'CREATE TABLE "entry" ("id" BLOB NOT NULL, "chain" INTEGER NOT NULL, "seq" INTEGER NOT NULL, '
        '"kind" INTEGER NOT NULL, "verified" INTEGER NOT NULL, "header" BLOB NOT NULL, "signature" BLOB NOT NULL, '
        '"body" BLOB)'
    )
    db.execute("CREATE UNIQUE INDEX entry_id ON entry (substr(id, 1, 16))")
    db.execute("CREATE INDEX entry_chain_seq ON entry (chain, seq)")
    columns = "id, chain, seq, kind, verified, header, signature, body"
    db.execute(f"INSERT INTO entry (rowid, {columns}) SELECT rowid, {columns} FROM entry_before ORDER BY rowid")  # noqa: S608
    db.execute("DROP TABLE entry_before")


@migrations(name="0004 assemblies founded anew")
def _fourth(db: Database) -> None:
    db.execute('CREATE TABLE "acquaintance" ("member" BLOB PRIMARY KEY NOT NULL, "person" TEXT NOT NULL)')


@migrations(name="0005 the log's own table")
def _fifth(db: Database) -> None:
    """It is called as what it holds, and not as a record of some kind may be."""
    db.execute('ALTER TABLE "entry" RENAME TO "kept"')
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'kept' AND sql IS NOT NULL"
    for (name,) in db.execute(indexes).fetchall():
        db.execute(f'DROP INDEX "{name}"')
    db.execute("CREATE UNIQUE INDEX kept_id ON kept (substr(id, 1, 16))")
    db.execute("CREATE INDEX kept_chain_seq ON kept (chain, seq)")


@migrations(name="0006 when entries came")
def _sixth(db: Database) -> None:
    db.execute('CREATE TABLE "noticed" ("id" BLOB PRIMARY KEY NOT NULL, "since_ms" INTEGER NOT NULL)')


@migrations(name="0007 what was forgotten on purpose")
def _seventh(db: Database) -> None:
    db.execute('CREATE TABLE "forgotten" ("id" BLOB PRIMARY KEY NOT NULL)')


def migrate(connection: Any, version: int) -> None:
    """Bring the database behind `connection` to the newest version, and note it."""
    db = Database(connection, execute_plugins=False)
    migrations.apply(db)
    connection.execute(f"PRAGMA user_version = {version:d}")
