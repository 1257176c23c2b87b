"""Packages that an operating system brings along for itself: one that bears an image's name is no sign of its version.

Debian's and Ubuntu's are those of priority `required` and `important`, and the tools of buildpack-deps that official
images build their own in place of; rpm's are those of the base images of Fedora, UBI and Photon.
"""

from generator.package.purl import Package

_DEB = """
adduser apt apt-utils base-files base-passwd bash bsdutils bzip2 ca-certificates coreutils cpio cron dash debconf
debian-archive-keyring debianutils diffutils dpkg e2fsprogs fdisk findutils g++ gcc gnupg gpgv grep gzip hostname
init init-system-helpers iproute2 kmod less libc-bin libc6 login login.defs logrotate logsave make mawk mount
nano ncurses-base ncurses-bin netbase openssl passwd perl perl-base procps python3 readline-common sed
sensible-utils sqv systemd systemd-sysv sysvinit-utils tar tzdata ubuntu-keyring udev util-linux vim-common
vim-tiny xz-utils zlib1g
"""
_RPM = """
acl alternatives attr audit-libs basesystem bash bzip2 ca-certificates chkconfig coreutils coreutils-single cracklib
crypto-policies curl curl-minimal dbus dbus-broker dnf e2fsprogs-libs elfutils-libs expat fedora-release file
filesystem findutils gawk gcc gdbm glib2 glibc gmp gnupg2 gnutls gpgme grep gzip hostname kmod krb5-libs less libcap
libcurl libgcc libssh libstdc++ libxml2 lua-libs make microdnf ncurses openldap openssl openssl-libs p11-kit pam
passwd pcre pcre2 perl photon-release platform-python popt procps-ng python3 readline redhat-release rootfiles rpm
sed setup shadow-utils sqlite-libs subscription-manager systemd tar tdnf toybox tzdata util-linux vim-minimal which
xz yum zlib zstd
"""
_SYSTEM = {"deb": frozenset(_DEB.split()), "rpm": frozenset(_RPM.split())}


def is_system(package: Package) -> bool:
    return package.name in _SYSTEM.get(package.type, ())
