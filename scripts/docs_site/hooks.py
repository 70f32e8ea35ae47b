"""What MkDocs is told beyond mkdocs.yml: the navigation, files outside docs/, how shells are shown."""

import re
from pathlib import Path
from typing import Any

import consoles
import navigation
import outside
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[2]
_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    docs = Path(config.docs_dir)
    config.nav = navigation.of(docs)
    fences: dict[str, Any] = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences["custom_fences"] = [
        {"name": "console", "class": "console", "format": consoles.shown},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Each file of the repository that a page leads to becomes a page of its own."""
    for path, text in outside.pages(ROOT, Path(config.docs_dir)):
        files.append(
            File.generated(config, path, content=text, inclusion=InclusionLevel.NOT_IN_NAV)
        )
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    del files
    docs = Path(config.docs_dir)
    if page.file.generated_by:
        return markdown
    return outside.rewritten(markdown, docs / page.file.src_uri, page.file.src_uri, ROOT)


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Nothing that a page shows may come from another host: it is read without a network, too."""
    own = output.replace(config.site_url, "") if config.site_url else output
    if found := _FETCHED.search(own):
        raise PluginError(f"{page.file.src_uri} fetches something from another host: {found[0]}")
    return output
