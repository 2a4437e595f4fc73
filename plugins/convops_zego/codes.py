"""What ZEGO's return codes mean here.

Read from https://www.zegocloud.com/docs/zim-server/return-codes, its Chinese edition and the pages of
single APIs, all as the vendor's documentation stood on 2026-08-21. The vendor's list is not complete: some
codes stand on API pages only, and 660000013 and 660000015 appear in sample replies with no meaning given, so
they have no row.
"""

from __future__ import annotations

from collections.abc import Mapping

from convops.errors import (
    AuthenticationError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.provider import Code, CodeTable

DOCS = "https://www.zegocloud.com/docs/zim-server"
RETURN_CODES = f"{DOCS}/return-codes"
RETURN_CODES_ZH = "https://doc-zh.zego.im/zim-server/return-codes"
CLEAR_UNREAD = f"{DOCS}/conversation/clear-the-unread-message-count-of-a-conversation"
MUTE = f"{DOCS}/conversation/mute-notifications-for-conversations"
MARKS = f"{DOCS}/conversation/set-conversation-marks"
PEER_RECEIPTS = f"{DOCS}/messaging/set-read-receipts-for-one-to-one-messages"
GROUP_RECEIPTS = f"{DOCS}/messaging/set-read-receipts-for-group-messages"
ROOM_MESSAGES = f"{DOCS}/messaging/send-room-messages"

NO_RETRY: Mapping[str, bool] = {"retryable": False}
"""A repeat would meet the same failure: the vendor names its support as the only way, or all items failed."""

EXPIRED: Mapping[str, bool] = {"expired": True}

ALREADY_SO = frozenset({660800051, 660800052})
"""The asked mute state already holds; the vendor says nothing needs doing."""

# What is absent is a NotFoundError only where it is a user, peer, group or conversation; a missing room,
# message or friend is an invalid request.
CODES: CodeTable = {
    # Public codes of the gateway; a signing parameter absent or malformed is authentication
    1: Code(ProviderUnavailableError, "the server is busy", RETURN_CODES),
    2: Code(InvalidRequestError, "a parameter is wrong", RETURN_CODES),
    3: Code(AuthenticationError, "authentication failed", RETURN_CODES),
    7: Code(RateLimitedError, "more calls per second than the system allows", RETURN_CODES),
    50014: Code(InvalidRequestError, "the user name is over 256 bytes", RETURN_CODES),
    51102: Code(NotFoundError, "the user has never logged in", RETURN_CODES, {"what": "user"}),
    105001: Code(ProviderUnavailableError, "the server's database failed", RETURN_CODES),
    100000000: Code(InvalidRequestError, "wrong host: check region or base_url", RETURN_CODES),
    100000001: Code(AuthenticationError, "the app id is malformed", RETURN_CODES),
    100000002: Code(AuthenticationError, "the signed timestamp is empty", RETURN_CODES),
    100000003: Code(AuthenticationError, "the signed timestamp is malformed", RETURN_CODES),
    100000004: Code(AuthenticationError, "expired signature: check the clock", RETURN_CODES, EXPIRED),
    100000005: Code(AuthenticationError, "wrong signature: check app id and server secret", RETURN_CODES),
    100000006: Code(InvalidRequestError, "no action was named", RETURN_CODES),
    100000007: Code(InvalidRequestError, "no such action at this host", RETURN_CODES),
    100000008: Code(AuthenticationError, "the signature's nonce is empty", RETURN_CODES),
    100000009: Code(AuthenticationError, "the signature is empty", RETURN_CODES),
    100000010: Code(AuthenticationError, "no server secret known for this app id: check it", RETURN_CODES),
    100000011: Code(AuthenticationError, "no configuration known for this app id: check it", RETURN_CODES),
    100000012: Code(ProviderUnavailableError, "the gateway could not read the request body", RETURN_CODES),
    100000013: Code(AuthenticationError, "the signature version is empty", RETURN_CODES),
    100000014: Code(AuthenticationError, "the signature version is unsupported: only 2.0 is", RETURN_CODES),
    100000015: Code(ProviderUnavailableError, "the gateway failed inside", RETURN_CODES),
    100000016: Code(PermissionDeniedError, "this app is not set up for production", RETURN_CODES),
    100000017: Code(PermissionDeniedError, "this app has not enabled the service", RETURN_CODES),
    # 6600000xx: any API
    660000001: Code(ProviderUnavailableError, "the service failed, no reason given", RETURN_CODES),
    660000002: Code(InvalidRequestError, "a parameter is missing or invalid", RETURN_CODES),
    660000003: Code(ProviderUnavailableError, "the service failed while processing", RETURN_CODES),
    660000011: Code(InvalidRequestError, "too many users in one request", RETURN_CODES),
    660000012: Code(InvalidRequestError, "a user id is over 32 bytes", RETURN_CODES),
    660000022: Code(InvalidRequestError, "no such message, or it was deleted", RETURN_CODES),
    660000023: Code(InvalidRequestError, "the message was recalled before", RETURN_CODES),
    660000024: Code(InvalidRequestError, "too late to recall the message", RETURN_CODES),
    660000025: Code(InvalidRequestError, "content marked as base64 is not", RETURN_CODES),
    660000026: Code(InvalidRequestError, "a recall must name the message's sender", RETURN_CODES),
    660000027: Code(PermissionDeniedError, "room messages are not stored, so not recalled", RETURN_CODES),
    660000028: Code(PermissionDeniedError, "not part of the free plan", RETURN_CODES),
    # 6602: online status
    660200001: Code(NotFoundError, "the user is unknown or not logged in", RETURN_CODES, {"what": "user"}),
    # 6603: rooms, and the limits on calls
    660300001: Code(InvalidRequestError, "no such room", RETURN_CODES),
    660300002: Code(PermissionDeniedError, "the user is not in the room", RETURN_CODES),
    660300005: Code(RateLimitedError, "too many calls for this app id", RETURN_CODES),
    660300006: Code(RateLimitedError, "too many calls for this group or room", RETURN_CODES),
    660300007: Code(ProviderUnavailableError, "the room could not be looked up", RETURN_CODES),
    660300008: Code(ProviderUnavailableError, "the room's user list is empty or unreadable", RETURN_CODES),
    660300012: Code(PermissionDeniedError, "the user is not in the named room", RETURN_CODES),
    660300013: Code(InvalidRequestError, "room messages take no receipt", ROOM_MESSAGES),
    660300014: Code(InvalidRequestError, "the room exists", RETURN_CODES),
    660300015: Code(LimitExceededError, "too many rooms", RETURN_CODES),
    660300019: Code(InvalidRequestError, "the group's attributes are too long together", RETURN_CODES_ZH),
    # 6604: messages and receipts
    660400001: Code(InvalidRequestError, "the message is too large", RETURN_CODES),
    660400102: Code(InvalidRequestError, "more than 10 receipts in one request", PEER_RECEIPTS),
    660400103: Code(ProviderUnavailableError, "setting group receipts failed", GROUP_RECEIPTS, NO_RETRY),
    660400104: Code(ProviderUnavailableError, "setting one-to-one receipts failed", PEER_RECEIPTS, NO_RETRY),
    # 6605: sending and moderation
    660500002: Code(NotFoundError, "the acting user is not registered", RETURN_CODES, {"what": "user"}),
    660500003: Code(RateLimitedError, "over 1 broadcast a second or 100 in 24 hours", RETURN_CODES),
    660500004: Code(ProviderUnavailableError, "text moderation could not be asked", RETURN_CODES),
    660500005: Code(InvalidRequestError, "moderation rejected the text", RETURN_CODES),
    660500006: Code(ProviderUnavailableError, "image moderation could not be asked", RETURN_CODES),
    660500007: Code(InvalidRequestError, "moderation rejected the image", RETURN_CODES),
    660500009: Code(PermissionDeniedError, "the app's own callback chose not to deliver", RETURN_CODES),
    660500010: Code(PermissionDeniedError, "the app's own callback refused the message", RETURN_CODES),
    # 6606: groups
    660600001: Code(NotFoundError, "no such group", RETURN_CODES, {"what": "group"}),
    660600003: Code(ProviderUnavailableError, "listing the members failed", RETURN_CODES, NO_RETRY),
    660600004: Code(RateLimitedError, "over 20 member queries a second", RETURN_CODES),
    660600005: Code(RateLimitedError, "over 20 removals of members a second", RETURN_CODES),
    660600006: Code(ProviderUnavailableError, "listing the groups failed", RETURN_CODES, NO_RETRY),
    660600007: Code(RateLimitedError, "over 1 listing of the app's groups a second", RETURN_CODES),
    660600008: Code(InvalidRequestError, "the user to remove is not in the group", RETURN_CODES),
    660600009: Code(NotFoundError, "the group could not be read: check its id", MUTE, {"what": "group"}),
    660600010: Code(RateLimitedError, "over 20 new groups a second", RETURN_CODES),
    660600011: Code(InvalidRequestError, "the group exists", RETURN_CODES),
    660600012: Code(LimitExceededError, "more groups than the plan allows", RETURN_CODES),
    660600013: Code(NotFoundError, "the group's owner does not exist", RETURN_CODES, {"what": "user"}),
    660600014: Code(ProviderUnavailableError, "updating the owner's group list failed", RETURN_CODES),
    660600015: Code(ProviderUnavailableError, "the groups' database failed", RETURN_CODES),
    660600016: Code(InvalidRequestError, "more than 100 members in one request", RETURN_CODES),
    660600017: Code(ProviderUnavailableError, "joining the new group failed", RETURN_CODES_ZH),
    660600019: Code(LimitExceededError, "more than 10 attributes on the group", RETURN_CODES_ZH),
    660600020: Code(InvalidRequestError, "a group attribute is over 16 or 1024 bytes", RETURN_CODES),
    660600021: Code(InvalidRequestError, "a parameter of the message is wrong", RETURN_CODES),
    660600022: Code(ProviderUnavailableError, "the media address failed", RETURN_CODES, NO_RETRY),
    660600023: Code(InvalidRequestError, "the message is too long", RETURN_CODES),
    660600024: Code(PermissionDeniedError, "the user is not a member of the group", MUTE),
    660600028: Code(ProviderUnavailableError, "updating the group failed", RETURN_CODES_ZH),
    660600029: Code(InvalidRequestError, "the role may not be 1", RETURN_CODES),
    660600030: Code(InvalidRequestError, "sender and receiver are the same user", RETURN_CODES),
    660600032: Code(PermissionDeniedError, "the acting user lacks the permission", RETURN_CODES),
    660600033: Code(ProviderUnavailableError, "failed for every user named", RETURN_CODES, NO_RETRY),
    # 6607: users
    660700001: Code(RateLimitedError, "too many registrations a second", RETURN_CODES),
    660700002: Code(InvalidRequestError, "the user exists", RETURN_CODES),
    660700006: Code(InvalidRequestError, "the user name is over 256 bytes", RETURN_CODES),
    660700007: Code(InvalidRequestError, "the avatar address is over 500 bytes", RETURN_CODES),
    660700008: Code(NotFoundError, "no readable user: check the id", RETURN_CODES, {"what": "user"}),
    660700012: Code(NotFoundError, "no such user: register it first", RETURN_CODES, {"what": "user"}),
    660700013: Code(ProviderUnavailableError, "looking up users failed", RETURN_CODES),
    660700015: Code(NotFoundError, "the peer is not registered", MUTE, {"what": "peer"}),
    660700016: Code(ProviderUnavailableError, "synchronising the user failed", RETURN_CODES),
    660700017: Code(ProviderUnavailableError, "updating the user failed", RETURN_CODES),
    # 6608: conversations, then friends and block lists
    660800001: Code(NotFoundError, "the peer to pin is not registered", RETURN_CODES, {"what": "peer"}),
    660800002: Code(
        NotFoundError,
        "no such conversation among the user's latest 1000, the only ones this call reaches",
        CLEAR_UNREAD,
        {"what": "conversation"},
    ),
    660800019: Code(InvalidRequestError, "too many items in one request", RETURN_CODES),
    660800020: Code(InvalidRequestError, "nobody can befriend themselves", RETURN_CODES),
    660800021: Code(InvalidRequestError, "the alias or wording is too long", RETURN_CODES),
    660800022: Code(InvalidRequestError, "a user id is named twice", RETURN_CODES),
    660800023: Code(InvalidRequestError, "a friend attribute's key is not k0 to k4", RETURN_CODES),
    660800024: Code(InvalidRequestError, "the friend attributes are too long", RETURN_CODES),
    660800025: Code(NotFoundError, "none of the friends is registered", RETURN_CODES, {"what": "user"}),
    660800026: Code(InvalidRequestError, "a friend attribute is wrong", RETURN_CODES),
    660800027: Code(InvalidRequestError, "they are friends already", RETURN_CODES),
    660800028: Code(LimitExceededError, "the friend list is full", RETURN_CODES),
    660800030: Code(LimitExceededError, "the user's mute list is full: 500, or up to 1000 via support", MUTE),
    660800032: Code(InvalidRequestError, "an attribute key is named twice", RETURN_CODES),
    660800033: Code(InvalidRequestError, "the acting user is among the users", RETURN_CODES),
    660800034: Code(InvalidRequestError, "they are not friends", RETURN_CODES),
    660800037: Code(InvalidRequestError, "the user is blocked already", RETURN_CODES),
    660800038: Code(InvalidRequestError, "nobody can block or unblock themselves", RETURN_CODES),
    660800039: Code(InvalidRequestError, "the user list is too long", RETURN_CODES),
    660800040: Code(LimitExceededError, "the block list is full", RETURN_CODES),
    660800041: Code(ProviderUnavailableError, "blocking failed for every user", RETURN_CODES, NO_RETRY),
    660800042: Code(ProviderUnavailableError, "unblocking failed for every user", RETURN_CODES, NO_RETRY),
    660800043: Code(InvalidRequestError, "the user is unblocked already", RETURN_CODES),
    660800044: Code(InvalidRequestError, "the user is not on the block list", RETURN_CODES),
    660800045: Code(PermissionDeniedError, "the receiver has blocked the sender", RETURN_CODES),
    660800046: Code(InvalidRequestError, "the timestamp is in the future", RETURN_CODES),
    660800048: Code(LimitExceededError, "the user's pin list is full: 100", RETURN_CODES),
    660800051: Code(None, "the conversation is muted already", MUTE),
    660800052: Code(None, "the conversation is not muted already", MUTE),
    660800053: Code(ProviderUnavailableError, "listing the conversations failed", RETURN_CODES, NO_RETRY),
    660800054: Code(ProviderUnavailableError, "every mark failed", MARKS, NO_RETRY),
    # 6609: calls
    660900003: Code(NotFoundError, "a callee is not registered", RETURN_CODES, {"what": "user"}),
    660900004: Code(ProviderUnavailableError, "the call could not be read", RETURN_CODES),
    660900005: Code(InvalidRequestError, "the call has ended", RETURN_CODES),
    660900006: Code(InvalidRequestError, "the call invitation has timed out", RETURN_CODES),
    660900007: Code(InvalidRequestError, "too many callees", RETURN_CODES),
    660900008: Code(PermissionDeniedError, "the user was not invited to the call", RETURN_CODES),
    # 6610: edited messages
    661000001: Code(InvalidRequestError, "too late to edit the message", RETURN_CODES),
    661000005: Code(ProviderUnavailableError, "editing the message failed", RETURN_CODES),
}

__all__ = ["ALREADY_SO", "CODES", "RETURN_CODES"]
