"""format=flowed (RFC 3676) → paragraphs."""

from __future__ import annotations

_DEPTH_BOUND = 100


def unfold_flowed(text: str, *, delsp: bool = False) -> str:
    """Each paragraph on one line, `>` marks of quotes kept in front of it.

    `delsp`: the space at a soft line break is only a mark and goes (RFC 3676 4, DelSp).
    """
    out: list[str] = []
    paragraph: list[str] = []
    paragraph_depth = 0

    def close() -> None:
        if paragraph:
            content = "".join(paragraph)
            out.append(">" * paragraph_depth + " " + content if paragraph_depth else content)
            paragraph.clear()

    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = min(len(line) - len(content), _DEPTH_BOUND)
        if content.startswith(" "):  # space-stuffed (4.4)
            content = content[1:]
        signature = content == "-- "  # 4.3: never flowed
        if paragraph and (depth != paragraph_depth or signature):
            close()
        paragraph_depth = depth
        if content.endswith(" ") and not signature:
            paragraph.append(content[:-1] if delsp else content)
        else:
            paragraph.append(content)
            close()
    close()
    return "\n".join(out)
