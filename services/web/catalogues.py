"""`make messages`: the catalogues of translations brought up to date with the code and the templates.

python -m services.web.catalogues          update every locale/*/LC_MESSAGES/postern.po
python -m services.web.catalogues --check  only tell what is missing; status 1 where something is
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

_VOLATILE = tuple(
    f'"{name}:'
    for name in (
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Generated-By",
    )
)
HERE = Path(__file__).parent
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def extract() -> Catalog:
    """Every message of the web edge, as a template without translations."""
    with (HERE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    catalogue = Catalog(project="Postern", fuzzy=False)
    found = extract_from_dir(
        str(HERE),
        methods,
        options,
        KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    for filename, _line, message, comments, context in found:
        place = [(filename, None)]  # without line numbers, which would change with every edit
        catalogue.add(message, None, place, auto_comments=comments, context=context)  # type: ignore[arg-type]
    return catalogue


def catalogue_paths() -> list[Path]:
    return sorted(HERE.glob("locale/*/LC_MESSAGES/postern.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], domain="postern")


def missing(path: Path, template: Catalog) -> list[str]:
    """Messages that the catalogue has not, has without a translation, or has only as a guess."""
    catalogue, found = read(path), []
    for message in template:
        if not message.id:
            continue
        known = catalogue.get(message.id, message.context)
        texts = (
            (known.string,) if known and isinstance(known.string, str) else (known.string if known else ())
        )
        if known is None or known.fuzzy or not texts or not all(texts):
            found.append(str(message.id))
    return found


def update(path: Path, template: Catalog) -> None:
    catalogue = read(path)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    path.write_bytes(written(catalogue))


def written(catalogue: Catalog) -> bytes:
    """The .po file, without the header fields that would differ with every run."""
    file = io.BytesIO()
    write_po(file, catalogue, width=110, sort_output=True, ignore_obsolete=True)
    lines = file.getvalue().decode().split("\n")
    return "\n".join(line for line in lines if not line.startswith(_VOLATILE)).lstrip("\n").encode()


def main(arguments: list[str]) -> int:
    template, status = extract(), 0
    for path in catalogue_paths():
        if "--check" not in arguments:
            update(path, template)
        for message in missing(path, template):
            print(f"{path.parts[-3]}: not translated: {message}")  # noqa: T201 a tool's output
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
