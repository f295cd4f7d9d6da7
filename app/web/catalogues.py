"""Keeps the catalogues true: `python -m app.web.catalogues` reads every marked sentence of the sources and templates into
locale/<language>/LC_MESSAGES/messages.po and compiles it. Sentences that have no translation yet are printed, and the exit code is 1.
"""
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app.web.i18n import LANGUAGES, LOCALE

ROOT = Path(__file__).parents[2]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3), "N_": None}


def extracted() -> Catalog:
    """A catalogue of every marked sentence, with the files that say it."""
    with (ROOT / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = Catalog(project="Tessera", charset="utf-8")
    for file, _line, message, comments, context in extract_from_dir(ROOT, methods, options, KEYWORDS):
        # The line is left out: it would change with every edit and hide what was changed.
        found.add(message, None, [(Path(file).as_posix(), 0)], auto_comments=comments, context=context)
    return found


def po_file(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    with po_file(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    # Without dates in the file Babel would put today's into what it compiles.
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    return catalogue


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file of a catalogue, byte for byte as it is committed."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def missing(catalogue: Catalog) -> Iterator[str]:
    """The sentences without a whole translation, every plural form included."""
    for message in catalogue:
        forms = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.id and not all(forms):
            yield message.id if isinstance(message.id, str) else message.id[0]


def update(language: str) -> list[str]:
    """Bring one language up to date with the sources; returns what lacks a translation."""
    catalogue = read(language)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    out = io.BytesIO()
    write_po(out, catalogue, width=120, sort_output=True, include_lineno=False, omit_header=False)
    # Dates and mailing lists in the header would change the file without a reason.
    idle = ('"POT-', '"PO-', '"Report-', '"Last-', '"Language-Team', '"Generated-')
    lines = [line for line in out.getvalue().decode().splitlines(keepends=True) if not line.startswith(idle)]
    po_file(language).write_text("".join(lines), "utf-8")
    po_file(language).with_suffix(".mo").write_bytes(compiled(read(language)))
    return list(missing(read(language)))


if __name__ == "__main__":
    lacking = {language: update(language) for language in LANGUAGES if language != "en"}
    for language, sentences in lacking.items():
        for sentence in sentences:
            print(f"{language}: {sentence}")
    sys.exit(1 if any(lacking.values()) else 0)
