"""HTTP, cookies, forms, pages. Changes things only through flows and protocol; may read through storage."""

from idp.web.mount import mount

__all__ = ["mount"]
