"""Address lists (RFC 5322 3.4 and 4.4): groups, comments, routes, and what else stands in those fields."""

from __future__ import annotations

import re

from . import words
from .model import Address

_BOUND = 256 * 1024
_SIMPLE = re.compile(
    rb"(?:\"(?P<quoted>[A-Za-z0-9](?:[A-Za-z0-9.,_-]| (?! )){0,60}[A-Za-z0-9.])\" "
    rb"|(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,60}(?: [A-Za-z0-9_-]{1,60}){0,5}) )?"
    rb"<(?P<addr>[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)>|(?P<bare>[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)"
)
_COUNT = 10_000
_GROUP_NAME_BOUND = 100
# Encoded words first: they may hold commas and quotes. Everything is bounded so that no input is slow.
_PATTERN = (
    r"(?P<word>=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]{0,500}\?=)"
    r'|(?P<quoted>"(?:[^"\\]|\\.)*")'
    r"|(?P<space>[ \t\r\n]+)"
    r"|(?P<literal>\[[^\[\]\r\n\"<>]{0,255}\])"
    r"|(?P<special>[(),:;<>])"
    r"|(?P<atom>[^ \t\r\n(),:;<>\"\[]+|.)"
)
_TOKEN = re.compile(_PATTERN, re.DOTALL)
_TOKEN_NO_QUOTES = re.compile(_PATTERN.replace("(?P<quoted>", "(?P<quoted>(?!)"), re.DOTALL)
_PAREN = re.compile(r"[()]|\\.", re.DOTALL)
_ANGLE_BOUND = 2000
_ROUTE = re.compile(r"^@[^:<>]{1,500}:")
_AROUND = re.compile(r"\s*([@.])\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_addresses(raw: bytes) -> tuple[Address, ...]:
    """The mailboxes of an address field in order. What is no address at all becomes a name without one."""
    simple = _SIMPLE.fullmatch(raw)
    if simple is not None:  # most fields: one mailbox, nothing to decode
        name = (simple.group("quoted") or simple.group("name") or b"").decode("ascii").strip()
        return (Address(name, (simple.group("addr") or simple.group("bare")).decode("ascii")),)
    return _Parser(raw[:_BOUND].decode("latin-1")).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.found: list[Address] = []
        self.group = ""
        self.in_group = False
        self.group_start = 0
        self.token = _TOKEN
        self.comments_close = True
        self.reset()

    def reset(self) -> None:
        self.pieces: list[tuple[str, str]] = []  # (kind, text) of a phrase or a bare address
        self.comments: list[str] = []
        self.angle: str | None = None
        self.before_angle = 0

    def run(self) -> tuple[Address, ...]:
        while len(self.found) < _COUNT:
            match = self.token.match(self.text, self.position)
            if match is None:
                break
            self.position = match.end()
            kind, lexeme = match.lastgroup or "atom", match.group()
            if kind != "special":
                if lexeme == '"':  # never closed: from here on quotes mean nothing, or this were quadratic
                    self.token = _TOKEN_NO_QUOTES
                self.pieces.append((kind, lexeme))
            elif lexeme == "(" and self.comments_close:
                self.comments.append(self.comment())
            elif lexeme == "<":
                self.open_angle()
            elif lexeme == ":":
                self.colon()
            elif lexeme == ",":
                self.flush()
            elif lexeme == ";":
                self.flush()
                self.close_group()
            elif lexeme != ">":  # a parenthesis out of place; an angle one means nothing
                self.pieces.append(("atom", lexeme))
        self.flush()
        self.close_group()
        return tuple(self.found)

    def comment(self) -> str:
        """A comment's text, nested ones included; an unclosed one ends at the end."""
        start, depth = self.position, 1
        for match in _PAREN.finditer(self.text, start):
            if match.group() == "(":
                depth += 1
            elif match.group() == ")":
                depth -= 1
                if not depth:
                    self.position = match.end()
                    return self.text[start : match.start()]
        if "<" in self.text[start:]:  # a smiley, not a comment
            self.comments_close = False
            self.pieces.append(("atom", "("))
            return ""
        self.position = len(self.text)
        return self.text[start:]

    def open_angle(self) -> None:
        limit = self.position + _ANGLE_BOUND
        close = self.text.find(">", self.position, limit)
        comma = self.text.find(",", self.position, limit)
        nested = self.text.find("<", self.position, max(close, 0))
        if 0 <= nested < close and not self.text[self.position : nested].strip():
            return  # `<<a@b>>`: the inner one counts
        if close < 0:
            close = comma if comma >= 0 else min(limit, len(self.text))
            self.set_angle(self.text[self.position : close])
            self.position = close
        else:
            self.set_angle(self.text[self.position : close])
            self.position = close + 1

    def set_angle(self, content: str) -> None:
        if self.angle:  # a second address without a comma before it
            later = self.pieces[self.before_angle :]
            del self.pieces[self.before_angle :]
            self.flush()
            self.pieces = later
        self.angle, self.before_angle = content, len(self.pieces)

    def colon(self) -> None:
        # (a group's name of more words than that is none, and joining them for each colon were quadratic)
        name = _text(self.pieces) if len(self.pieces) <= _GROUP_NAME_BOUND else ""
        if self.in_group or self.angle is not None or not name or "@" in name:
            self.pieces.append(("atom", ":"))
        elif name.lower() == "mailto":
            self.pieces = []
        else:
            self.group, self.in_group, self.group_start = _decode(name), True, len(self.found)
            self.reset()

    def close_group(self) -> None:
        if self.in_group and len(self.found) == self.group_start:
            self.found.append(Address(group=self.group))
        self.group, self.in_group = "", False

    def flush(self) -> None:
        pieces, angle, comments = self.pieces, self.angle, self.comments
        self.reset()
        phrase = _text(pieces)
        if angle is not None:
            name = _decode(phrase) or _decode(" ".join(comments))
            self.add(name, _addr_spec(angle))
            return
        if not phrase:
            return
        bare = _raw(pieces)
        if "@" not in bare:
            name = _decode(phrase)
            if comments and not name:
                name = _decode(" ".join(comments))
            # A lone word may be a local mailbox (`root`), which no address can be told from: the name it is.
            self.add(name, "")
            return
        before, addr, after = _find_addr(bare)
        if "@" in after:  # addresses with spaces between them
            for word in bare.split():
                if "@" in word:
                    self.add("", _addr_spec(word))
            return
        name = _decode(before or " ".join(comments) or after)
        self.add(name, _addr_spec(addr))

    def add(self, name: str, addr: str) -> None:
        if name or addr:
            self.found.append(Address(name=name, addr=addr, group=self.group))


def _text(pieces: list[tuple[str, str]]) -> str:
    """A phrase as text: quotes undone, white space runs as one space."""
    out = []
    for kind, token in pieces:
        if kind == "quoted":
            out.append(_ESCAPE.sub(r"\1", token[1:-1]))
        elif kind == "space":
            out.append(" ")
        else:
            out.append(token)
    return "".join(out).strip()


def _raw(pieces: list[tuple[str, str]]) -> str:
    return "".join(" " if kind == "space" else token for kind, token in pieces).strip()


def _find_addr(bare: str) -> tuple[str, str, str]:
    """(words before, address, words after) of `John a@b`, `"j d"@b`, `a @ b . c` (obsolete white space)."""
    if bare.startswith('"'):
        close = bare.rfind('"')
        if bare[close + 1 :].lstrip().startswith("@"):
            return "", bare, ""
    bare = _AROUND.sub(r"\1", bare)
    tokens = bare.split()
    for index, token in enumerate(tokens):
        if "@" in token.strip("@"):
            return " ".join(tokens[:index]).replace('"', ""), token, " ".join(tokens[index + 1 :])
    return bare, "", ""


def _addr_spec(content: str) -> str:
    """`local@domain` without route, comments and white space."""
    content = _without_comments(content).strip()
    content = _ROUTE.sub("", content)
    if content[:7].lower() == "mailto:":
        content = content[7:]
    if content.startswith('"'):
        close = content.rfind('"')
        local, rest = content[: close + 1], content[close + 1 :]
        if close > 0 and re.fullmatch(r'"[A-Za-z0-9.!#$%&\'*+/=?^_`{|}~-]+"', local) and rest[:1] != " ":
            plain = local[1:-1]  # needless quotes
            if not (plain.startswith(".") or plain.endswith(".") or ".." in plain):
                local = plain
        content = local + "".join(rest.split())
    else:
        content = "".join(content.split())
    return words.decode_text(content.encode("latin-1"))


def _without_comments(content: str) -> str:
    if "(" not in content:
        return content
    out, depth, quoted = [], 0, False
    for char in content:
        if char == '"' and not depth:
            quoted = not quoted
        if char == "(" and not quoted:
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            out.append(char)
    return "".join(out)


def _decode(name: str) -> str:
    name = words.decode_text(name.encode("latin-1"))
    # Quotes that were encoded together with the name, or doubled by a program.
    for quote in ('"', "'"):
        if len(name) > 1 and name[0] == name[-1] == quote and quote not in name[1:-1]:
            name = name[1:-1].strip()
    return " ".join(name.split())
