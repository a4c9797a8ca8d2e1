"""Settings for tests: the testing profile, one database, and whatever a test overrides by IDP_… name."""

from idp.runtime.settings import Settings, load_settings


def testing_settings(database_url: str, **overrides: str) -> Settings:
    """`testing_settings(url, IDP_REGISTRATION_OPEN="false")`; the real environment is not looked at."""
    return load_settings(environ={"IDP_PROFILE": "testing", "IDP_DATABASE_URL": database_url, **overrides})


testing_settings.__test__ = False  # type: ignore[attr-defined]  # a builder, though its name begins with "test"
