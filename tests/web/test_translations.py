"""The Vietnamese catalogue says everything the pages say, and its compiled form is the one in use."""

import re
import unicodedata
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from idp.web import texts

WEB = Path(texts.__file__).parent
MESSAGES = WEB / "translations" / "vi" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def _translations(catalogue: Catalog) -> dict[str, str]:
    """Message id -> translation, without the header; the pages use no plural forms."""
    return {str(message.id): str(message.string) for message in catalogue if message.id}


@pytest.fixture(scope="module")
def vietnamese() -> Catalog:
    with (MESSAGES / "messages.po").open("rb") as source:
        return read_po(source, locale="vi")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What `pybabel extract` finds now in the code and the templates."""
    template = tmp_path_factory.mktemp("translations") / "messages.pot"
    mapping = WEB / "translations" / "babel.cfg"
    CommandLineInterface().run(["pybabel", "-q", "extract", "-F", str(mapping), "-o", str(template), str(WEB)])
    with template.open("rb") as source:
        return set(_translations(read_po(source)))


def test_every_message_has_a_vietnamese_text(extracted: set[str], vietnamese: Catalog) -> None:
    done = {str(message.id) for message in vietnamese if message.id and message.string and not message.fuzzy}
    assert len(extracted) > 150
    assert sorted(extracted - done) == []


def test_the_catalogue_keeps_no_message_that_is_gone(extracted: set[str], vietnamese: Catalog) -> None:
    assert sorted(set(_translations(vietnamese)) - extracted) == []
    assert not vietnamese.obsolete


def test_the_compiled_catalogue_is_up_to_date(vietnamese: Catalog) -> None:
    with (MESSAGES / "messages.mo").open("rb") as compiled:
        assert _translations(read_mo(compiled)) == _translations(vietnamese)


def test_placeholders_agree(vietnamese: Catalog) -> None:
    for message, translation in _translations(vietnamese).items():
        assert sorted(PLACEHOLDER.findall(message)) == sorted(PLACEHOLDER.findall(translation)), message
        # Templates format every text, so a lone percent sign would break the page.
        assert "%" not in PLACEHOLDER.sub("", message + translation), message


def test_texts_hold_no_markup(vietnamese: Catalog) -> None:
    """A text is put into a page as it stands; only what replaces a placeholder is escaped."""
    for message, translation in _translations(vietnamese).items():
        assert not set("<>&") & set(message + translation), message


def test_vietnamese_is_polite_composed_and_plain(vietnamese: Catalog) -> None:
    for message, translation in _translations(vietnamese).items():
        assert translation == unicodedata.normalize("NFC", translation).strip(), message
        assert not re.search(r"ông/bà|Ông/bà|\bbạn\b|quý khách", translation), message
        assert message[-1] != "." or translation[-1] == ".", message
