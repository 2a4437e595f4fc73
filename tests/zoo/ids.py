"""Animals that do something to ids."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote_plus

from convops.operations import Delete
from convops_tencent.flows import Tencent
from tests.zoo.keeper import altered, animal, body


class _Renames(Tencent):
    """Does something to the ids in the calls that delete."""

    def rename(self, text):
        raise NotImplementedError

    def flow(self, account, operations):
        names = ("To_Account", "ToGroupid")

        def renamed(call):
            given = {n: self.rename(v) for n, v in (call.body or {}).items() if n in names}
            return body(call, **given)

        flow = super().flow(account, operations)
        return altered(flow, call=renamed) if isinstance(operations[0], Delete) else flow


@animal("ids-byte-for-byte", "encodes ids that the core encodes again")
class EncodesTwice(_Renames):
    def rename(self, text):
        return quote(text, safe="@:!$-._~")


@animal("ids-byte-for-byte", "decodes ids as if they came from a form")
class Decodes(_Renames):
    def rename(self, text):
        return unquote_plus(text)


@animal("ids-byte-for-byte", "forgets to percent-encode: an id ends at the first ampersand")
class ForgetsToEncode(_Renames):
    def rename(self, text):
        return text.partition("&")[0].partition("#")[0]


@animal("ids-byte-for-byte", "writes ids in small letters")
class Lowercases(_Renames):
    def rename(self, text):
        return text.lower()


@animal("ids-byte-for-byte", "strips ids")
class Strips(_Renames):
    def rename(self, text):
        return text.strip()


@animal("ids-byte-for-byte", "brings ids into a normal form")
class Normalises(_Renames):
    def rename(self, text):
        return unicodedata.normalize("NFC", text)


@animal("ids-byte-for-byte", "cuts ids to what the vendor takes")
class CutsIds(_Renames):
    def rename(self, text):
        return text.encode()[:32].decode(errors="ignore")

    def check(self, account, operation):
        pass


@animal("ids-byte-for-byte", "drops what is not ASCII")
class DropsLetters(_Renames):
    def rename(self, text):
        return text.encode("ascii", "ignore").decode() or "x"
