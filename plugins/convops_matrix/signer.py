"""Bearer tokens: https://spec.matrix.org/v1.15/client-server-api/#using-access-tokens."""

from __future__ import annotations

from attrs import frozen

from convops.provider import Call, Credentials, Signer, Ticket
from convops.secret import Secret


@frozen
class MatrixSigner(Signer):
    """Sends the access token in a header; the query, where older servers took it too, stays clean."""

    access_token: Secret

    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        """Return the `Authorization` header."""
        return Credentials(headers={"Authorization": f"Bearer {self.access_token.reveal()}"})
