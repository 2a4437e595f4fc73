"""What a Matrix homeserver's refusals mean here, by action, HTTP status and `errcode`.

An `errcode` alone says too little: `M_UNKNOWN` is a room that does not exist to one call and a malformed rule
to another. A flow takes `M_NOT_FOUND` where it means that there is nothing to do. Rows were seen on a running
Synapse 1.163.2, but for those under a heading that says otherwise; their source is the page of the
specification (v1.15) that describes the call, or the `errcode`.
"""

from __future__ import annotations

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

CLIENT_API = "https://spec.matrix.org/v1.15/client-server-api/"
ERRORS = f"{CLIENT_API}#standard-error-response"
TOKENS = f"{CLIENT_API}#using-access-tokens"
LOCKED = f"{CLIENT_API}#account-locking"
SUSPENDED = f"{CLIENT_API}#account-suspension"
LIMITS = f"{CLIENT_API}#rate-limiting"
WHOAMI_PAGE = f"{CLIENT_API}#get_matrixclientv3accountwhoami"
ACT_FOR_PAGE = "https://spec.matrix.org/v1.15/application-service-api/#identity-assertion"
ACCOUNT_DATA_PAGE = f"{CLIENT_API}#get_matrixclientv3useruseridaccount_datatype"
ROOM_DATA_PAGE = f"{CLIENT_API}#get_matrixclientv3useruseridroomsroomidaccount_datatype"
DIRECT_PAGE = f"{CLIENT_API}#direct-messaging"
MEMBER_PAGE = f"{CLIENT_API}#get_matrixclientv3roomsroomidstateeventtypestatekey"
FIND_PAGE = f"{CLIENT_API}#get_matrixclientv1roomsroomidtimestamp_to_event"
MARKERS_PAGE = f"{CLIENT_API}#post_matrixclientv3roomsroomidread_markers"
RECEIPTS_PAGE = f"{CLIENT_API}#receipts"
FLAG_PAGE = f"{CLIENT_API}#unread-markers"
RULES_PAGE = f"{CLIENT_API}#push-rules-api"
LEAVE_PAGE = f"{CLIENT_API}#post_matrixclientv3roomsroomidleave"
FORGET_PAGE = f"{CLIENT_API}#post_matrixclientv3roomsroomidforget"
TAGS_PAGE = f"{CLIENT_API}#room-tagging"

WHOAMI = "whoami"
READ_DIRECT = "read_m.direct"
READ_MEMBER = "read_member"
FIND_EVENT = "timestamp_to_event"
READ_FLAG = "read_marked_unread"
CLEAR_FLAG = "clear_marked_unread"
MARK = "read_markers"
READ_RULE = "read_push_rule"
SET_RULE = "set_push_rule"
ENABLE_RULE = "enable_push_rule"
DELETE_RULE = "delete_push_rule"
LEAVE_ROOM = "leave"
FORGET_ROOM = "forget"
TAG_ROOM = "set_tag"

CODES: CodeTable = {
    # Any call
    ("*", 401, "M_UNKNOWN_TOKEN"): Code(AuthenticationError, "the access token is unknown or over", TOKENS),
    ("*", 401, "M_MISSING_TOKEN"): Code(AuthenticationError, "no access token arrived", TOKENS),
    ("*", 401, "M_USER_LOCKED"): Code(PermissionDeniedError, "the user's account is locked", LOCKED),
    ("*", 429, "M_LIMIT_EXCEEDED"): Code(RateLimitedError, "too many calls", LIMITS),
    ("*", 400, "M_NOT_JSON"): Code(InvalidRequestError, "the body is not JSON", ERRORS),
    ("*", 400, "M_BAD_JSON"): Code(InvalidRequestError, "the body has a member missing or wrong", ERRORS),
    ("*", 400, "M_MISSING_PARAM"): Code(InvalidRequestError, "a parameter is missing", ERRORS),
    ("*", 400, "M_INVALID_PARAM"): Code(InvalidRequestError, "an id or a parameter is malformed", ERRORS),
    ("*", 400, "M_UNRECOGNIZED"): Code(InvalidRequestError, "no such call: check base_url", ERRORS),
    ("*", 404, "M_UNRECOGNIZED"): Code(
        InvalidRequestError, "no such call: check base_url; the server must speak Matrix 1.6 or later", ERRORS
    ),
    ("*", 405, "M_UNRECOGNIZED"): Code(InvalidRequestError, "no such method: check base_url", ERRORS),
    # whoami: who the token is, and whether it may act for the user
    (WHOAMI, 403, "M_FORBIDDEN"): Code(
        PermissionDeniedError,
        "the token may not act for this user, or nobody registered the user",
        ACT_FOR_PAGE,
    ),
    # m.direct: which room is whose
    (READ_DIRECT, 403, "M_FORBIDDEN"): Code(
        PermissionDeniedError, "the token may not read this user's account data", ACCOUNT_DATA_PAGE
    ),
    (READ_DIRECT, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "the user's m.direct was never set, so the peer has no room in it", DIRECT_PAGE
    ),
    # Membership: 403 is all that a server tells of a room that is foreign, forgotten or does not exist
    (READ_MEMBER, 403, "M_FORBIDDEN"): Code(
        NotFoundError, "no such room, or the user is not in it, or only invited", MEMBER_PAGE
    ),
    (READ_MEMBER, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "the user was never in the room, which anybody may read", MEMBER_PAGE
    ),
    # The newest event up to a moment
    (FIND_EVENT, 403, "M_FORBIDDEN"): Code(NotFoundError, "the user is no longer in the room", FIND_PAGE),
    (FIND_EVENT, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "no event is as old as that: nothing to mark", FIND_PAGE
    ),
    # The user's own unread flag
    (READ_FLAG, 403, "M_FORBIDDEN"): Code(
        PermissionDeniedError, "the token may not read this user's account data", ROOM_DATA_PAGE
    ),
    (READ_FLAG, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "the flag was never set: nothing to clear", FLAG_PAGE
    ),
    (CLEAR_FLAG, 403, "M_FORBIDDEN"): Code(
        PermissionDeniedError, "the token may not write this user's account data", ROOM_DATA_PAGE
    ),
    # Receipts
    (MARK, 404, "M_UNKNOWN"): Code(NotFoundError, "no such room, or no such event in it", MARKERS_PAGE),
    (MARK, 400, "M_UNKNOWN"): Code(InvalidRequestError, "no such kind of receipt", MARKERS_PAGE),
    # Push rules
    (READ_RULE, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "the room has no rule of its own: not muted", RULES_PAGE
    ),
    (SET_RULE, 400, "M_UNKNOWN"): Code(InvalidRequestError, "the rule is malformed", RULES_PAGE),
    (ENABLE_RULE, 404, "M_NOT_FOUND"): Code(
        ProviderUnavailableError, "the rule was removed by somebody else at the same time", RULES_PAGE
    ),
    (DELETE_RULE, 404, "M_NOT_FOUND"): Code(
        NotFoundError, "the room has no rule of its own: not muted", RULES_PAGE
    ),
    # Leaving and forgetting
    (LEAVE_ROOM, 404, "M_UNKNOWN"): Code(NotFoundError, "no such room", LEAVE_PAGE),
    (LEAVE_ROOM, 403, "M_FORBIDDEN"): Code(
        NotFoundError, "the user was never in the room, or is banned from it", LEAVE_PAGE
    ),
    (FORGET_ROOM, 400, "M_UNKNOWN"): Code(
        PermissionDeniedError,
        "the user is in the room again: only a room that was left is forgotten",
        FORGET_PAGE,
    ),
    # Tags
    (TAG_ROOM, 403, "M_FORBIDDEN"): Code(
        NotFoundError, "no such room, or the user was never in it", TAGS_PAGE
    ),
    # From the specification only
    ("*", 401, "M_USER_DEACTIVATED"): Code(AuthenticationError, "the user's account is deactivated", ERRORS),
    ("*", 403, "M_USER_DEACTIVATED"): Code(AuthenticationError, "the user's account is deactivated", ERRORS),
    ("*", 403, "M_USER_SUSPENDED"): Code(PermissionDeniedError, "the user's account is suspended", SUSPENDED),
    ("*", 403, "M_GUEST_ACCESS_FORBIDDEN"): Code(PermissionDeniedError, "guests may not do this", ERRORS),
    ("*", 403, "M_FORBIDDEN"): Code(PermissionDeniedError, "the server does not allow it", ERRORS),
    ("*", 403, "M_RESOURCE_LIMIT_EXCEEDED"): Code(
        LimitExceededError, "the homeserver's own limit is reached: ask its operator", ERRORS
    ),
    ("*", 413, "M_TOO_LARGE"): Code(InvalidRequestError, "the body is too large", ERRORS),
    (LEAVE_ROOM, 403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM"): Code(
        PermissionDeniedError, "the server's own notices cannot be left", ERRORS
    ),
    ("*", 500, "M_UNKNOWN"): Code(ProviderUnavailableError, "the homeserver failed inside", ERRORS),
}
