"""A certificate authority of this process, for an upstream that speaks HTTPS."""

import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SINCE, _LIFETIME = timedelta(hours=1), timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Authority:
    """`pem` is what a client has to trust; `certificate` and `key` are files of one leaf for all the hosts."""

    def __init__(self, *hosts: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="example-upstream-")
        self.certificate, self.key = (Path(self._folder.name) / name for name in ("certificate.pem", "key.pem"))
        root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        now, issuer = datetime.now(UTC), _name("the example upstream's authority")

        def certificate(subject: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.CertificateBuilder:
            serial, begins, ends = x509.random_serial_number(), now - _SINCE, now + _LIFETIME
            builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial, begins, ends)
            by = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
            builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            return builder.add_extension(own, critical=False).add_extension(by, critical=False)

        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        authority = certificate(issuer, root, ca=True).sign(root, hashes.SHA256())
        served = certificate(_name(hosts[0]), leaf, ca=False).add_extension(names, critical=False)
        self.pem = authority.public_bytes(serialization.Encoding.PEM).decode()
        self.certificate.write_bytes(served.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            leaf.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def close(self) -> None:
        self._folder.cleanup()
