"""UserSig, version 2: https://trtc.io/document/34385 and github.com/tencentyun/tls-sig-api-v2-python."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib

from attrs import frozen

from convops.provider import Call, Credentials, Signer, Ticket
from convops.secret import Secret

LIFE_SECONDS = 24 * 60 * 60
"""The shortest life the vendor's pages advise."""

_URL_ALPHABET = str.maketrans("+/=", "*-_")


@frozen
class TencentSigner(Signer):
    """Issues a UserSig for the administrator and puts it into every call."""

    sdk_app_id: int
    secret_key: Secret
    admin: str

    def issue(self, now: float) -> Ticket:
        """Return a UserSig that is to be renewed at half its life."""
        time = int(now)
        lines = {
            "identifier": self.admin,
            "sdkappid": self.sdk_app_id,
            "time": time,
            "expire": LIFE_SECONDS,
        }
        text = "".join(f"TLS.{name}:{value}\n" for name, value in lines.items())
        # The key is used as text: it is not decoded from hex.
        digest = hmac.digest(self.secret_key.reveal().encode(), text.encode(), hashlib.sha256)
        fields = {
            "TLS.ver": "2.0",
            **{f"TLS.{name}": value for name, value in lines.items()},
            "TLS.sig": base64.b64encode(digest).decode(),
        }
        packed = base64.b64encode(zlib.compress(json.dumps(fields).encode())).decode()
        return Ticket(
            Secret(packed.translate(_URL_ALPHABET)),
            renew_at=time + LIFE_SECONDS / 2,
            expires_at=time + LIFE_SECONDS,
        )

    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        """Return the parameters of one call; `random` is a fresh 32-bit number."""
        usersig = (ticket or self.issue(now)).value
        return Credentials(
            {
                "sdkappid": str(self.sdk_app_id),
                "identifier": self.admin,
                "usersig": usersig.reveal(),
                "random": str(int.from_bytes(nonce[:4])),
            }
        )
