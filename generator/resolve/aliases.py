"""Where an image's name and its main package's differ.

`{}` stands for a version stream; behind a name without it, a stream may follow (`nodejs`: `nodejs-24`).
"""

from collections.abc import Iterable, Iterator

ALIASES = {
    "argocd": ("argo-cd",),
    "aspnet-runtime": ("aspnet-{}-runtime", "aspnetcore-runtime"),
    "dfc-mcp": ("dfc-mcp-server",),
    "dotnet-runtime": ("dotnet-{}-runtime", "dotnet-runtime"),
    "dotnet-sdk": ("dotnet-{}-sdk", "dotnet-sdk"),
    "gcc-glibc": ("gcc",),
    "glibc-dynamic": ("glibc",),
    "golang": ("go",),
    "httpd": ("apache2",),
    "jdk": ("openjdk", "openjdk-{}-jdk", "openjdk-{}-jdk-headless", "java-{}-openjdk-devel"),
    "jre": ("openjdk-{}-jre", "openjdk-{}-jre-headless", "java-{}-openjdk", "java-{}-openjdk-headless", "openjdk"),
    "mariadb": ("mariadb-server",),
    "minio-client": ("mc",),
    "mongo": ("mongodb", "mongod", "mongodb-org"),
    "mongodb": ("mongod", "mongodb-org"),
    "mysql": ("mysql-server", "mysql-community-server", "mysql-community-server-minimal"),
    "nats": ("nats-server",),
    "nginx": ("nginx-mainline", "nginx-stable"),
    "node": ("nodejs",),
    "openjdk": ("openjdk-{}-jdk", "openjdk-{}-jdk-headless", "java-{}-openjdk-devel"),
    "php": ("php-cli",),
    "postgres": ("postgresql",),
    "postgresql": ("postgresql", "postgresql-server"),
    "pytorch": ("py{}-pytorch", "py{}-pytorch-cuda-{}", "py{}-torch", "py{}-torch-cuda-{}"),
    "rabbitmq": ("rabbitmq-server",),
    "redis": ("redis-server",),
    "spark": ("spark-{}-scala-{}",),
    "tomcat": ("tomcat-{}-openjdk-{}",),
}

# The same software, built or set up in another way: the image is `python-fips`, the package may be `python-3.13`.
_VARIANTS = ("-fips", "-iamguarded", "-bitnami", "-lts")


def own_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names that a package may bear as they are: an image's, and behind them theirs without a variant."""
    given = tuple(dict.fromkeys(names))
    return tuple(dict.fromkeys((*given, *(plain for name in given for plain in _plain(name)))))


def _plain(name: str) -> Iterator[str]:
    for variant in _VARIANTS:
        if name.endswith(variant) and name != variant:
            yield from own_names([name.removesuffix(variant)])
