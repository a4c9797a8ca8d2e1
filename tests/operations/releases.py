"""The release before this one, as git knows it: the last commit before the newest step of the schema was added."""

import subprocess
from pathlib import Path

from tests.operations.provider_process import ROOT

STEPS = Path("migrations") / "versions"


class NoHistory(Exception):
    """The previous release cannot be found here; the message says what to do."""


def find_previous(repository: Path = ROOT) -> str:
    """The commit of the release that must still run on the newest schema; raises NoHistory.

    Between two steps any commit would do, since all know the same schema. The last one before the newest step is the
    youngest that does not know it. While the newest step is not committed yet, that is HEAD.
    """
    if _git(repository, "rev-parse", "--is-shallow-repository").strip() != b"false":
        raise NoHistory(
            "The git history is cut off (a shallow clone), so the previous release is not in it: "
            "git fetch --unshallow, or in CI fetch the whole history."
        )
    newest = max(path.name for path in (repository / STEPS).glob("*.py"))
    added = _git(repository, "log", "--diff-filter=A", "--format=%H", "--", str(STEPS / newest)).split()
    return f"{added[-1].decode()}^" if added else "HEAD"


def unpack(commit: str, folder: Path, repository: Path = ROOT) -> None:
    """Put the files of a commit into a folder."""
    packed = _git(repository, "archive", "--format=tar", commit)
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=packed, check=True)


def _git(repository: Path, *words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=repository, capture_output=True, check=False)
    if done.returncode:
        raise NoHistory(
            f"The previous release is looked up in git, and git {words[0]} failed here: {done.stderr.decode().strip()}"
        )
    return done.stdout
