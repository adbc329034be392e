"""Writes the vectors beside this file: what the code makes of fixed seeds, for other implementations to agree with.

One maker for each file, in `makers`. Run it after a change to a format: `python docs/spec/vectors/make.py`. With
`--check` nothing is written, and it fails where a file is not what the code makes.
"""

import sys
from pathlib import Path

from makers import (
    bodies,
    boxes,
    countersigned,
    derivations,
    elections,
    encoding,
    federation,
    force,
    frontier,
    handshake,
    heads,
    landmark,
    lots,
    meaning,
    proofs,
    records,
    rosters,
    session,
    slow,
    templates,
    void,
)
from makers.common import File, text_of_file

FOLDER = Path(__file__).parent

MAKERS: dict[str, File] = {
    "cbor.json": encoding.make,
    "records.json": records.make,
    "rosters.json": rosters.make,
    "meaning.json": meaning.make,
    "heads.json": heads.make,
    "void.json": void.make,
    "templates.json": templates.make,
    "landmark.json": landmark.make,
    "lots.json": lots.make,
    "force.json": force.make,
    "elections.json": elections.make,
    "proofs.json": proofs.make,
    "federation.json": federation.make,
    "frontier.json": frontier.make,
    "derivations.json": derivations.make,
    "boxes.json": boxes.make,
    "bodies.json": bodies.make,
    "countersigned.json": countersigned.make,
    "handshake.json": handshake.make,
    "session.json": session.make,
    "slow.json": slow.make,
}
"""The files and their makers."""


def main() -> int:
    """Write every file, or tell which ones are stale."""
    made = {name: text_of_file(maker) for name, maker in MAKERS.items()}
    if "--check" not in sys.argv[1:]:
        for name, text in made.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    for name in stale:
        sys.stderr.write(f"{name} is not what the code makes: run `python docs/spec/vectors/make.py`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
