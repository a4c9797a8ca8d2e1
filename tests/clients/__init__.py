"""Real clients, each as its page in docs/integrate tells it, in a process of its own, with a real browser.

A test starts a page's client by `start_client("openid-client")` (conftest.py): pages.py reads the page's fences,
running.py registers, writes and runs them, walks.py goes in and out. A page's fences are `json file=registration.json`
(required), any other `LANGUAGE file=NAME`, `sh command=prepare` (run to its end, if there) and `sh command=run`.
"""
