"""Databases and provider processes for whole modules: a start takes seconds, so tests of a module share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.operations.provider_process import ROOT, ProviderProcess

if TYPE_CHECKING:
    from tests.stores import Stores

# What the databases of `stores` are sealed with.
MASTER_KEY = {"IDP_KEYS_MASTER_KEY_FILE": str(ROOT / "var" / "master.key")}


@pytest.fixture(scope="module")
def database_url(stores: Stores) -> Iterator[str]:
    """An empty migrated PostgreSQL database of this module's own."""
    url = stores.fresh("postgresql")
    yield url
    stores.discard(url)


@pytest.fixture(scope="module")
def start_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ProviderProcess]]:
    """`start_provider(url, workers=2, IDP_…="…")`: a provider on a database of `stores`; ended with the module."""
    started: list[ProviderProcess] = []

    def start(url: str, *, workers: int = 2, **settings: str) -> ProviderProcess:
        folder = tmp_path_factory.mktemp("provider")
        provider = ProviderProcess(folder, workers=workers, IDP_DATABASE_URL=url, **{**MASTER_KEY, **settings})
        started.append(provider)
        provider.start()
        return provider

    yield start
    for provider in started:
        provider.stop()
