"""The switches of the example upstream. They can be turned while it runs."""

from dataclasses import dataclass


@dataclass
class Options:
    """The defaults are what cgr.dev does.

    Lifetimes are in seconds. `page_limit` is the most records of tag history that one answer holds;
    `token_expiry` states `expires_in` and `issued_at` with a token; `redirect_blobs=False` serves blobs from
    the registry itself; `referrers` answers OCI 1.1's referrers API rather than 404, and `referrer_type` is what
    that says of a type (`{type}` is the manifest's own, None says nothing). `private` names the repositories
    that need `credentials`, a user's name and password.

    The rest are manners of other registries. `compresses` packs JSON for who takes gzip. `head_refused` is
    the status of every HEAD of a manifest, and 307 sends it to an address that is signed for GET alone. `tags_page` is
    the most tags of an answer that states no `n`, `tags_link` what its `Link` says after `last`, and `tags_relation`
    after its address. `tags_most` is the largest `n` that is not refused with the status `tags_refused`. With
    `tags_as_digests` the tag `sha256-<hex>` is read as the digest. `realm_scope` puts the scope into the realm of a
    challenge as well.
    """

    tokens: bool = True
    token_lifetime: float = 300
    token_expiry: bool = False
    redirect_blobs: bool = True
    url_lifetime: float = 600
    referrers: bool = False
    referrer_type: str | None = "{type}"
    history: bool = True
    history_fractions: bool = True
    history_shuffled: bool = False
    page_limit: int = 1000
    private: frozenset[str] = frozenset()
    credentials: tuple[str, str] = ("user", "secret")
    compresses: bool = False
    head_refused: int | None = None
    tags_page: int | None = None
    tags_link: str = ""
    tags_relation: str = 'rel="next"'
    tags_most: int | None = None
    tags_refused: int = 400
    tags_as_digests: bool = False
    realm_scope: bool = False
