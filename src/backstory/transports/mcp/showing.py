"""Who is shown what an extension adds, and may use it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from backstory.contexts.service import Contexts
from backstory.domain import policy
from backstory.domain.keys import NamespacePattern, check_namespace
from backstory.domain.principals import Principal
from backstory.errors import InvalidKeyError
from backstory.transports.mcp import failures
from backstory.transports.mcp.extending import Item

logger = logging.getLogger(__name__)


async def shows(
    item: Item, principal: Principal, contexts: Contexts, variables: Mapping[str, Any]
) -> bool:
    """Whether the caller may know of the item, and use it.

    `variables` are those of a template; without them it is the template as such that is meant.
    """
    if not _may(item, principal, variables):
        return False
    if item.shown is None:
        return True
    try:
        return await failures.in_time(item.shown(principal, contexts))
    except Exception:  # foreign code; what cannot say who may see it is not seen
        logger.exception("an extension cannot tell whether %s is shown", item.name)
        return False


def _may(item: Item, principal: Principal, variables: Mapping[str, Any]) -> bool:
    if item.namespace is None or ("{" in item.namespace and not variables):
        return policy.anywhere(principal, item.verb)
    try:
        namespace = check_namespace(filled(item.namespace, variables))
    except InvalidKeyError:
        return False
    return policy.allows(principal, item.verb, namespace)


def pattern(text: str | None, variables: Mapping[str, Any]) -> NamespacePattern | None:
    """The namespaces that are followed; none, where the variables make none."""
    if text is None:
        return None
    try:
        return NamespacePattern.parse(filled(text, variables))
    except InvalidKeyError:
        return None


def filled(text: str, variables: Mapping[str, Any]) -> str:
    """A namespace with a template's variables in their places."""
    for name, value in variables.items():
        if isinstance(value, str):
            text = text.replace(f"{{{name}}}", value)
    return text
