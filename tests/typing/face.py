"""Read by type checkers only: both clients are what the protocols say."""

from __future__ import annotations

from collections.abc import Awaitable

import convops
from convops import AsyncConversationOps, Conversation, ConversationOps, Outcome, Support


def a_client(client: convops.Client) -> ConversationOps:
    return client


def an_async_client(client: convops.AsyncClient) -> AsyncConversationOps:
    return client


def outcomes(chat: ConversationOps, conversation: Conversation) -> list[Outcome]:
    return [
        chat.clear_unread(conversation),
        chat.mark_read(conversation, up_to=None, timeout=1.0),
        chat.delete(conversation, erase_history=True),
        chat.mute(conversation, muted=False),
    ]


def awaitables(chat: AsyncConversationOps, conversation: Conversation) -> list[Awaitable[Outcome]]:
    return [
        chat.clear_unread(conversation),
        chat.mark_read(conversation, up_to=None, timeout=1.0),
        chat.delete(conversation, erase_history=True),
        chat.mute(conversation, muted=False),
    ]


def made() -> tuple[convops.Client, convops.AsyncClient, convops.Client, convops.AsyncClient]:
    return (
        convops.connect("memory", store="a", timeout=1.0),
        convops.connect_async("memory"),
        convops.connect_account("main", attempts=2),
        convops.connect_account_async("main", path="convops.toml"),
    )


def support(chat: ConversationOps) -> Support:
    return chat.supports(convops.Mute, convops.ConversationKind.DIRECT)
