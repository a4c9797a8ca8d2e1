"""QR codes as pictures in a page."""

import io

import segno


def picture_of(text: str) -> str:
    """A QR code as an SVG element, dark on light whatever the scheme of the page, which says beside it what it is."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return drawn.getvalue().decode().replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
