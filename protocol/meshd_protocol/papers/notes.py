"""What a reader of papers skipped, to be told: one sentence for what is alike, with its first line."""


class Notes:
    """Notes in the order in which they came up first."""

    def __init__(self) -> None:
        self.lines: dict[str, list[int]] = {}

    def add(self, line: int | None, text: str) -> None:
        """Note something on a line, or of the file as a whole."""
        found = self.lines.setdefault(text, [])
        if line is not None and (not found or found[-1] != line):
            found.append(line)

    def told(self) -> tuple[str, ...]:
        """The notes as sentences."""
        return tuple(f"{_where(lines)}{text}." for text, lines in self.lines.items())


def _where(lines: list[int]) -> str:
    if not lines:
        return ""
    if len(lines) == 1:
        return f"line {lines[0]}: "
    return f"line {lines[0]} and {len(lines) - 1} more: "
