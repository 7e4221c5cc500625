"""What all pictures have in common: an SVG document that can be read on light and on dark pages."""

from html import escape

WIDTH = 760  # pixels

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 } .group { font-weight: 600 }
.page { fill: #ffffff } .grid { stroke: #d0d7de }
"""
_DARK = "  text { fill: #e6edf3 } .page { fill: #0d1117 } .grid { stroke: #3d444d }"


def drawing(title: str, body: list[str], height: int, style: str, dark: str) -> str:
    """A document.

    Args:
        title: what the picture shows.
        body: its elements.
        height: in pixels.
        style: more rules of CSS.
        dark: more of them for dark pages.
    """
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'width="{WIDTH}" height="{height}" aria-label="{escape(title)}">',
            f"<style>{_STYLE}{style.strip()}",
            f"@media (prefers-color-scheme: dark) {{\n{_DARK}{dark.rstrip()}\n}}\n</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
            f'<text class="title" x="16" y="30">{escape(title)}</text>',
            *body,
            "</svg>\n",
        )
    )
