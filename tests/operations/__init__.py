"""What operators rely on, seen from outside: processes, dumps, two releases side by side, metrics, runbooks.

provider_process.py runs the provider as docs/operate/install.md starts it; browsing.py is a person's browser without a
browser, over real HTTP, for the walks of tests/builders.py.
"""
