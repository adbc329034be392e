"""The verb backup: all that a person needs to go on elsewhere, in one file."""

from pathlib import Path
from typing import Any

from meshd.assembly import reached
from meshd.progress import Steps
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.sneakernet.backup import MAGIC, write_backup
from meshd.sneakernet.media import check_target
from meshd.store import tables
from meshd_protocol.control import NAME

BACKUP = "backup"
"""The setting that tells when the last one was written, in ms since 1970."""


@verb("backup", {"path": NAME})
def backup(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd backup FILE`: the log, the member key and the network keys, under the passphrase of this home."""
    assembly, path = context.assembly, Path(arguments["path"])
    check_target(path, MAGIC)
    written = yield from write_backup(assembly, path)
    path.chmod(0o600)
    if assembly.store.refusal is None:
        reached.carried(assembly)
        with assembly.store.transaction():
            assembly.store.replace(tables.Setting(BACKUP, str(assembly.world.clock())))
    return {
        "records": written.records,
        "bytes": path.stat().st_size,
        "member_key": assembly.keys.member is not None,
        "path": str(path),
        "beside": path.stat().st_dev == assembly.folder.stat().st_dev,
    }
