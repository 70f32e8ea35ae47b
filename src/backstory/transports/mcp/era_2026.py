"""2026-07-28: no session, and a stream of notices for each `subscriptions/listen`.

The answer to the request is the stream: first the acknowledgement, which names what will be
told, then notices marked with the id of the request, and at last the result when the server
drains. There is no replay: who listens again reads again.
"""

from __future__ import annotations

from typing import Any

from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY, event_to_notification
from mcp_types import (
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from backstory.transports.mcp import failures
from backstory.transports.mcp.callers import RequestContext, Served
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.interests import Interest, take


class Listening:
    """Handler for `subscriptions/listen`: one call is one stream."""

    def __init__(self, served: Served, catalogue: Catalogue) -> None:
        self._served = served
        self._catalogue = catalogue

    async def listen(
        self, ctx: RequestContext, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Tell of changes until the client leaves, its token ends or the server drains."""
        if ctx.request_id is None:
            raise failures.invalid("subscriptions/listen needs a request id")
        contexts = self._served.contexts
        wanted = params.notifications
        interest = Interest(
            self._served.principal(ctx),
            resources=bool(wanted.resources_list_changed),
            prompts=bool(wanted.prompts_list_changed),
            tools=bool(wanted.tools_list_changed and self._catalogue.tools_follow),
            offered=self._catalogue,
        )
        hearing = contexts.hub.listen(interest.principal, interest.wants)
        async with hearing as listener:
            await interest.add(contexts, wanted.resource_subscriptions or ())
            await _acknowledge(ctx, interest)
            while not contexts.hub.draining:
                await listener.wait(contexts.standing.within(interest.principal, None))
                if contexts.standing.ended(interest.principal) or not await interest.goes_on(
                    contexts
                ):
                    break
                for notice in interest.notices(take(listener)):
                    await ctx.session.send_notification(
                        event_to_notification(notice, _meta(ctx)), related_request_id=ctx.request_id
                    )
        return SubscriptionsListenResult(_meta=_meta(ctx))


def _meta(ctx: RequestContext) -> dict[str, Any]:
    return {SUBSCRIPTION_ID_META_KEY: ctx.request_id}


async def _acknowledge(ctx: RequestContext, interest: Interest) -> None:
    honoured = SubscriptionFilter(
        resources_list_changed=interest.resources or None,
        prompts_list_changed=interest.prompts or None,
        tools_list_changed=interest.tools or None,
        resource_subscriptions=interest.uris or None,
    )
    params = SubscriptionsAcknowledgedNotificationParams(notifications=honoured, _meta=_meta(ctx))
    await ctx.session.send_notification(
        SubscriptionsAcknowledgedNotification(params=params), related_request_id=ctx.request_id
    )
