"""Files that officers send: read into memory, and never onto a disk, where they would lie in the clear."""

from io import BytesIO
from typing import IO

import flask


class Request(flask.Request):
    """A request whose files stay in memory; how large they may be is for each view to say."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()
