"""How a shell is shown: what is typed apart from what is printed, so that copying takes the first alone."""

from html import escape
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import BashLexer


def shown(source: str, *_: Any, **__: Any) -> str:
    """The HTML of one ```console block; a line behind `$ ` goes on in those that are indented."""
    parts: list[str] = []
    typed: list[str] = []
    for line in source.splitlines():
        if line.startswith("$ "):
            parts += typing(typed)
            typed = [line[2:]]
        elif typed and line.startswith("  "):
            typed.append(line)
        else:
            parts += typing(typed)
            typed = []
            parts.append(f'<span class="go">{escape(line)}\n</span>')
    parts += typing(typed)
    return f'<div class="highlight console"><pre><span></span><code>{"".join(parts)}</code></pre></div>'


def typing(lines: list[str]) -> list[str]:
    """One command, coloured."""
    if not lines:
        return []
    text = highlight("\n".join(lines), BashLexer(stripall=False), HtmlFormatter(nowrap=True))
    return [f'<span class="gp">$ </span>{text}']
