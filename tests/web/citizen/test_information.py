"""Pages that explain: each has a text in both languages and a way on."""

import pytest
from flask import Flask

from idp.web.citizen.information import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_title_a_text_and_a_way_on_in_both_languages(sqlite_app: Flask, name: str) -> None:
    client, texts = sqlite_app.test_client(), []
    for language in ("vi", "en"):
        client.get(f"/language/{language}")
        page = client.get(f"/{name}")
        assert page.status_code == 200
        main = page.text.split("<main")[1].split("</main>")[0]
        assert main.count("<p") >= 1
        assert "<a " in main
        texts.append(main)
    assert texts[0] != texts[1]
