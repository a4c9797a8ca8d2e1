"""Pages, cookies, headers and endpoints, tested through HTTP."""
