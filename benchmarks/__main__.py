"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [--quick]` runs one."""

import sys
from importlib import import_module

from benchmarks.measure import LackingError

QUESTIONS = {
    "ingest": "records/s from bytes to committed rows, against a loop that verifies every signature",
    "cli": "whole-process time of `meshd list`, and of `meshd` among 2,000 proposals, over that of a bare interpreter",
    "page": "the page among a thousand open votes, over `meshd --json list`; its weight; memory",
    "tally": "one more ballot in a log of a million records, over one in an empty log",
    "count": "a real ward by Scottish STV, against pyrankvote and votekit",
    "verify": "a proof of a decision of 500 members, over its bare signature checks",
    "federation": "a matter that 30 assemblies of 30 settle, over its bare signature checks; bytes; one more quotation",
    "institutions": "`status` with 10,000 entries, over none; one more entry in a log of a million records",
    "rosters": "1,600 offers and roster steps of one member: seconds, and by the record over half as many",
    "check": "peak memory of `meshd check` in a log of 300,000 records, over one of 30,000",
    "sync": "a first sync of whole daemons, against a plain loop that verifies every signature",
    "sticks": "a log of 100,000 records to a stick and from it, against a loop that verifies every signature, and git",
    "hostile": "what a neighbour's machine feels of a member who floods the assembly, by one device and by a hundred",
    "growth": "commands and the start of a daemon in a log of a million records, over one of a thousand",
    "idle": "resident memory of the daemon at rest, and what each further assembly adds",
}


def main(words: list[str]) -> int:
    """Run the benchmark that is named; 1 if it misses its limit, 2 for anything else."""
    names = [word for word in words if word != "--quick"]
    if not names:
        for name, question in QUESTIONS.items():
            print(f"{name:12} {question}")
        return 0
    if len(names) > 1 or names[0] not in QUESTIONS:
        print(f"no such benchmark: {' '.join(names)}", file=sys.stderr)
        return 2
    try:
        measures = import_module(f"benchmarks.{names[0]}").run(quick="--quick" in words)
    except LackingError as error:
        print(error, file=sys.stderr)
        return 2
    lines = [measure.line() for measure in measures]
    print("\n".join(lines))
    return 0 if all('"ok": true' in line for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
