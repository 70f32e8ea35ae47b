"""Parsers, transforms, and what extensions may import."""

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType

from docs_tables.markdown import code, rows, sentence


def parsers() -> str:
    """Each parser with what it reads, gives and takes at most."""
    from backstory.processing.parsers import PARSERS

    return rows(
        ("parser", "media types", "gives", "bytes at once"),
        *(
            (
                code(each.name),
                ", ".join(map(code, each.media_types)),
                each.result.__name__.lower(),
                f"{each.most_bytes:,}",
            )
            for each in dict.fromkeys(PARSERS.values())
        ),
    )


def transforms() -> str:
    """Each transform with its options, and its class's first sentence."""
    from backstory.processing.transforms.catalogue import MAKERS, transforms_of

    options = {"redact": "`categories`, `region`", "truncate": "`characters`"}
    needed = {"truncate": {"characters": 1000}}
    return rows(
        ("transform", "options", "what it does"),
        *(
            (
                code(name),
                options.get(name, ""),
                sentence(type(transforms_of([{name: needed.get(name, {})}])[0]).__doc__),
            )
            for name in MAKERS
        ),
    )


def extending() -> str:
    """What extensions may import, each name with its first sentence."""
    from backstory import extending as face

    imports = [
        (node.module, alias)
        for node in ast.parse(source_of(face)).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]
    found = {
        alias.asname or alias.name: said_of(import_module(module), alias.name)
        for module, alias in imports
    }
    return rows(("name", "what it is"), *((code(n), found[n]) for n in sorted(found)))


def source_of(module: ModuleType) -> str:
    return Path(module.__file__).read_text(encoding="utf-8")


def said_of(module: ModuleType, name: str) -> str:
    """The first sentence of a definition's docstring, or of the text below an alias."""
    body = ast.parse(source_of(module)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return sentence(ast.get_docstring(node))
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return sentence(following.value.value)
        if isinstance(node, ast.ImportFrom) and any(name == alias.name for alias in node.names):
            return said_of(import_module(node.module), name)
    raise LookupError(name)
