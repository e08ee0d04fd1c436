"""Pictures inside of text: no file beside a page, nothing fetched from elsewhere."""

import base64


def data_uri(picture: bytes) -> str:
    """A picture (SVG) as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"


def markdown_image(picture: bytes, description: str) -> str:
    """Markdown that shows the picture; for Dagster's metadata.

    Dagster shows Markdown of 1,000 characters or more behind a link only: a sparkline with a
    description of up to 60 characters stays below that, a chart picture does not.
    """
    plain = "".join(c if c.isalnum() or c in " ,.:/_-+%" else " " for c in description)[:60]
    return f"![{' '.join(plain.split())}]({data_uri(picture)})"
