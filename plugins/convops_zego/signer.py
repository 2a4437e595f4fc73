"""Signature 2.0: https://www.zegocloud.com/docs/zim-server/accessing-server-apis (read 2026-08-21)."""

from __future__ import annotations

import hashlib

from attrs import frozen

from convops.provider import Call, Credentials, Signer, Ticket
from convops.secret import Secret


@frozen
class ZegoSigner(Signer):
    """Signs every attempt anew; a signature is good for ten minutes.

    It covers AppId, nonce, secret and time, but neither action nor parameters nor body.
    """

    app_id: int
    server_secret: Secret

    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        """Return the common parameters, which stand in the query of GET and POST alike."""
        timestamp = str(int(now))
        # MD5 is the vendor's choice, and the secret is text: it is not decoded from hex.
        text = f"{self.app_id}{nonce.hex()}{self.server_secret.reveal()}{timestamp}"
        return Credentials(
            {
                "AppId": str(self.app_id),
                "SignatureNonce": nonce.hex(),
                "Timestamp": timestamp,
                "SignatureVersion": "2.0",
                "Signature": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
            }
        )
