"""Animals whose credentials are stale, borrowed, or told."""

from __future__ import annotations

import base64
import logging
import os
import time

import attrs
from attrs import frozen

from convops.errors import AuthenticationError, InvalidRequestError, OperationError
from convops.operations import ClearUnread
from convops.provider import Quota
from convops.secret import Secret
from convops_tencent.flows import Tencent
from convops_tencent.signer import TencentSigner
from convops_zego.account import ZegoAccount
from convops_zego.flows import Zego
from convops_zego.signer import ZegoSigner
from tests.zoo.keeper import altered, animal

# --- Credentials --------------------------------------------------------------------------------------------


class _Signs(Zego):
    """Has a signer of its own."""

    kind = ZegoSigner

    def signer(self, account):
        return self.kind(account.app_id, account.server_secret)


@animal("fresh-credentials", "reuses one nonce")
class ReusesTheNonce(_Signs):
    class kind(ZegoSigner):
        def sign(self, call, *, now, nonce, ticket):
            return super().sign(call, now=now, nonce=b"12345678", ticket=ticket)


@animal("fresh-credentials", "uses one byte of the nonce")
class OneByteOfNonce(_Signs):
    class kind(ZegoSigner):
        def sign(self, call, *, now, nonce, ticket):
            return super().sign(call, now=now, nonce=nonce[:1] * 8, ticket=ticket)


@animal("fresh-credentials", "has a ticket that is over before it is renewed")
class LateTicket(Tencent):
    def signer(self, account):
        return LateSigner(account.sdk_app_id, account.secret_key, account.admin)


class LateSigner(TencentSigner):
    def issue(self, now):
        ticket = super().issue(now)
        return attrs.evolve(ticket, renew_at=ticket.expires_at + 60)


@animal("signer-pure", "signs with the machine's clock")
class SignsByItsOwnClock(_Signs):
    class kind(ZegoSigner):
        def sign(self, call, *, now, nonce, ticket):
            time.time()
            return super().sign(call, now=now, nonce=nonce, ticket=ticket)


@animal("signer-pure", "makes a nonce of its own")
class MakesItsOwnNonce(_Signs):
    class kind(ZegoSigner):
        def sign(self, call, *, now, nonce, ticket):
            return super().sign(call, now=now, nonce=os.urandom(8), ticket=ticket)


@animal("signer-pure", "numbers its signatures")
class NumbersSignatures(_Signs):
    class kind(ZegoSigner):
        numbers = []

        def sign(self, call, *, now, nonce, ticket):
            self.numbers.append(1)
            nonce = (int.from_bytes(nonce) ^ len(self.numbers)).to_bytes(8)
            return super().sign(call, now=now, nonce=nonce, ticket=ticket)


@animal("wrong-credentials", "calls a wrong signature a wrong request")
class BlamesTheRequest(Zego):
    def read(self, call, reply):
        error = super().read(call, reply)
        wrong = isinstance(error, AuthenticationError)
        return InvalidRequestError("wrong", code=error.code) if wrong else error


@animal("probe-harmless", "probes with a call that writes")
class WritingProbe(Zego):
    def probe(self, account):
        return attrs.evolve(super().probe(account), writes=True)


@animal("probe-harmless", "probes a page that everybody may see")
class BlindProbe(Zego):
    def read(self, call, reply):
        return None if call.action == "QueryConversationList" else super().read(call, reply)


# --- Leaks --------------------------------------------------------------------------------------------------


class _Complains(Zego):
    """Says more than it should when a conversation is refused."""

    def words(self, account, error):
        raise NotImplementedError

    def flow(self, account, operations):
        return self._complained(account, operations)

    def _complained(self, account, operations):
        try:
            return (yield from super().flow(account, operations))
        except OperationError as error:
            words = self.words(account, error)
        raise InvalidRequestError(words)


@animal("no-secret-leaks", "spells the secret in a message")
class SecretInTheMessage(_Complains):
    def words(self, account, error):
        return f"refused for {account.server_secret.reveal()}"


@animal("no-secret-leaks", "spells half of the secret in a message")
class HalfASecretInTheMessage(_Complains):
    def words(self, account, error):
        return f"refused for {account.server_secret.reveal()[:16]}..."


@animal("no-secret-leaks", "spells the secret in base64")
class SecretInBase64(_Complains):
    def words(self, account, error):
        return base64.b64encode(account.server_secret.reveal().encode()).decode()


@animal("no-secret-leaks", "logs a failure with its frames, one of which holds the open secret")
class SecretInAFrame(_Complains):
    def words(self, account, error):
        opened = account.server_secret.reveal()
        try:
            int(opened, 2)
        except ValueError:
            logging.getLogger("convops_zoo").exception("refused")
        return "refused"


@animal("no-secret-leaks", "repeats the vendor's own words, which may echo the signed URL")
class RepeatsTheVendor(Zego):
    def read(self, call, reply):
        error = super().read(call, reply)
        return error and type(error)(str(reply.document.get("Message")), code=error.code)


@animal("no-secret-leaks", "writes the signature into the log")
class LogsTheSignature(_Signs):
    class kind(ZegoSigner):
        def sign(self, call, *, now, nonce, ticket):
            credentials = super().sign(call, now=now, nonce=nonce, ticket=ticket)
            logging.getLogger("convops_zoo").debug("signed: %s", dict(credentials.query))
            return credentials


@animal("no-secret-leaks", "puts the secret into a call")
class SecretInACall(Zego):
    def flow(self, account, operations):
        def spelled(call):
            return attrs.evolve(call, query={**call.query, "Key": account.server_secret.reveal()})

        flow = super().flow(account, operations)
        return flow if isinstance(operations[0], ClearUnread) else altered(flow, call=spelled)


@animal("no-secret-leaks", "shows the secret in its signer")
class SecretInTheSigner(_Signs):
    class kind(ZegoSigner):
        def __repr__(self):
            return f"<signer {self.server_secret.reveal()}>"


@animal("quota", "counts by the secret")
class SecretInTheQuota(Zego):
    def quota(self, account, call):
        return Quota(key=(self.name, account.server_secret.reveal(), call.action), rate=20)


@animal("secrets-typed", "keeps the secret as a plain text")
class PlainSecret(Zego):
    @frozen(kw_only=True)
    class account_type(ZegoAccount):
        api_token: str = "none"

    account_type.__name__ = "ZegoAccount"


@animal("secrets-typed", "has an account that can be changed")
class ThawedAccount(Zego):
    @attrs.define(kw_only=True, slots=False)
    class account_type:
        app_id: int
        server_secret: Secret
        base_url: str | None = None

        @property
        def origin(self):
            return self.base_url or "https://zim-api.zego.im"
