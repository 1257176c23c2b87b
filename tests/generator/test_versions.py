"""Versions in each distribution's own order, by cases from those projects' own tests and documentation."""

import itertools
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.package.version import Version

COMPARE = {"<": operator.lt, "=": operator.eq, ">": operator.gt}

# From apk-tools, test/version.data: what it says, sampled for each rule.
APK = """
2.34 > 0.1.0_alpha
23_foo > 4_beta
1.0 < 1.0bc
0.1.0_alpha = 0.1.0_alpha
0.1.0_alpha < 0.1.3_alpha
0.1.0_alpha2 > 0.1.0_alpha
0.1.0_alpha < 2.2.39-r1
1.0.4-r3 < 1.0.4-r4
1.0.4-r4 < 1.6
0.7-r1 < 1.0.0
1.1 > 1.1_alpha1
1.2.1 > 1.2
1.2 < 1.3_alpha
1.3_alpha2 < 1.3_alpha3
0.7.0 < 0.8_beta1
2.3.0b-r1 < 2.3.0b-r2
0.12.3 > 0.12
0.13_beta5 > 0.9.12
1.2.11 < 1.2.12.1
0.2.0-r1 < 3.1_p16
3.1_p16 < 3.1_p17
3.1_p17 > 1.06-r6
1.06-r6 < 006
006 > 1.0.0
1.2.2-r1 > 1.2.2
9.3.4-r2 > 9.3.4
2.1.0-r2 < 2.9.3-r1
2.59 < 20050718-r1
20050718-r1 < 20050718-r2
3.9.8-r5 > 2.01.01_alpha10
1.0 > 0.99.3.20040818
1.6 < 1.39
1.39 > 1.00_beta2
7.15.1-r1 > 1.02
1.02 < 1.03-r1
0.5.2.7 < 4.2.52_p2-r1
4.2.52_p2-r1 < 4.2.52_p4-r2
1.02.07 < 1.02.10-r1
2.18.3-r10 > 1.05-r18
20060720 > 3.0.20060720
2.5.1-r8 < 2.5.1a-r1
1.3.5-r10 > 1.3.5-r8
20040401 > 2.0.0_rc3-r1
3.0.0-r2 < 021109-r3
3.9_pre20060124 > 0.01
1.1.7 < 6b-r7
0.10.0 < 0.10.1_rc1
1.1a < 1.3a
0.15.1b-r2 > 0.15.1b
22.7.3-r1 > 22.7
2.1_pre20 < 2.1_pre26
2.10.1 > 02.08.01b
1.07.5 > 1.07
3.3.17 > 0.59s-r11
0.20070207_rc1 < 1.0
4.3_p2-r5 < 4.4_p1-r6
4.5_p1-r1 > 4.5_p1
0.9.8c-r1 < 0.9.8d
2.2.3-r2 < 013
1.7 < 1.7b
1.8.5 < 1.8.5_p2
2.9.11_pre20051101-r3 > 2.9.11_pre20051101
1.6.8_p12-r1 > 1.6.8_p9-r2
0.9.28-r2 < 0.9.28.1
104-r11 > 104-r9
7.0.17 < 7.0.174
1.3-r0 < 1.3.1-r0
1.3_pre1-r1 < 1.3.2
1.0_p10-r0 > 1.0_p9-r0
0.1.0_alpha_pre2 < 0.1.0_alpha
1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
1.0_alpha < 1.0_beta
1.0_beta < 1.0_pre
1.0_pre < 1.0_rc
1.0_rc9-r9 < 1.0
1.0 < 1.0_cvs
1.0_cvs < 1.0_svn
1.0_svn < 1.0_git
1.0_git < 1.0_hg
1.0_hg < 1.0_p
1.0_git20250101 < 1.0_p1
1.1.1v-r9 < 1.1.1w-r0
1.1.1-r9 < 1.1.1a-r0
1.0~0abc < 1.0~0abd
1.0-r9 < 1.0~0abc-r0
1.0_p < 1.0_p0
1.0_p0 < 1.0_p1
1.0_rc < 1.0_rc0
1.0_rc1 < 1.0_rc_p1
1.0_p1 < 1.0_p_p1
1.0_p_rc1 < 1.0_p
1.0_p9-r9 < 1.0_p9~0abc
1.0a_p1 > 1.0_p9
1.0_p1 < 1.0a
"""

# Debian policy 5.6.12 and deb-version(7); dpkg's own lib/dpkg/t/t-version.c.
DEB = """
1.0 = 1.0
1.0 = 1.0-0
0:1.0 = 1.0
1.0 = 1.00
1.0 < 1.1
1.9 < 1.10
2.0~rc1 < 2.0
2.0~~ < 2.0~
2.0~~a < 2.0~
2.0~ < 2.0
2.0 < 2.0a
1.0~rc1-1 < 1.0-1
1.0-1~bpo12+1 < 1.0-1
1:0.1 > 9.9
2:1.0 > 1:2.0
1.2.3-1 < 1.2.3-2
1.2.3-1 < 1.2.3-1+b1
1.2.3-1 < 1.2.3-1ubuntu1
1.2.3-1ubuntu1 < 1.2.3-1ubuntu1.1
1.2.3+dfsg-1 > 1.2.3-1
1.0a < 1.0+
1.0a < 1.0.
1.0Z < 1.0a
1.0a < 1.0b
1.0a1 < 1.0a2
1.0a9 < 1.0a10
1.0-a < 1.0-b
1.2-3-4 > 1.2-3-3
1.2-3-4 > 1.2-2-5
2.39.5-0+deb12u1 < 2.39.5-0+deb12u2
5.10.0~rc7-1~exp1 < 5.10.0-1
"""

# rpm's tests/rpmvercmp.at.
RPM = """
1.0 = 1.0
1.0 < 2.0
2.0.1 > 2.0
2.0.1a > 2.0.1
5.5p1 < 5.5p2
5.5p1 < 5.5p10
10xyz < 10.1xyz
xyz10 < xyz10.1
xyz.4 < 8
xyz.4 < 2
5.5p2 < 5.6p1
5.6p1 < 6.5p1
6.0.rc1 > 6.0
10b2 > 10a1
1.0aa > 1.0a
10.0001 = 10.1
10.0001 < 10.0039
4.999.9 < 5.0
20101121 < 20101122
2_0 = 2.0
a = a
a+ = a_
+a = _a
1.0~rc1 < 1.0
1.0~rc1 < 1.0~rc2
1.0~rc1~git123 < 1.0~rc1
1.0^ > 1.0
1.0^git1 > 1.0
1.0^git1 < 1.0^git2
1.0^git1 < 1.01
1.0^20160101 < 1.0.1
1.0^20160101^git1 < 1.0^20160102
1.0~rc1^git1 > 1.0~rc1
1.0^git1~pre < 1.0^git1
1.0^git1 > 1.0^git1~pre
1:1.0-1 > 2.0-1
0:1.0-1 = 1.0-1
1.0-1.fc40 < 1.0-2.fc40
1.0-1.fc9 < 1.0-1.fc40
1.0~rc1-9 < 1.0-1
"""

# Semantic Versioning 2.0.0, section 11, but for build metadata; Bitnami's revisions are numbers.
GENERIC = """
1.0.0-alpha < 1.0.0-alpha.1
1.0.0-alpha.1 < 1.0.0-beta
1.0.0-beta.2 < 1.0.0-beta.11
1.0.0-beta.11 < 1.0.0-rc.1
1.0.0-rc.1 < 1.0.0
1.0.0rc1 < 1.0.0
1.9.0 < 1.10.0
v1.9.0 < 1.10.0
v1.9.0 = 1.9.0
2.1 > 2
2.0.1 > 2.0
26-ea < 26
1.0.2a > 1.0.2
1.0.2a < 1.0.2b
20250101 < 20250102
1.0+build > 1.0
"""

BITNAMI = """
18.6.0-3 < 18.6.0-10
18.6.0-10 < 18.6.1-0
18.6.0 < 18.6.0-1
18.6.0-3 < 18.6.0.1-0
1.25.0-rc.1-2 < 1.25.0-0
"""


def cases(type_: str, table: str) -> list[tuple[str, str, str, str]]:
    rows = (line.split() for line in table.strip().splitlines())
    return [(type_, left, sign, right) for left, sign, right in rows]


@pytest.mark.parametrize(
    ("type_", "left", "sign", "right"),
    [
        *cases("apk", APK),
        *cases("deb", DEB),
        *cases("rpm", RPM),
        *cases("generic", GENERIC),
        *cases("golang", GENERIC),
        *cases("bitnami", BITNAMI),
    ],
)
def test_order_is_the_distribution_s(type_: str, left: str, sign: str, right: str) -> None:
    a, b = Version(type_, left), Version(type_, right)
    assert COMPARE[sign](a, b)
    assert (a < b, a == b, a > b).count(True) == 1
    assert (b > a, b == a, b < a) == (a < b, a == b, a > b)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("apk", ""),
        ("apk", "v1.2"),
        ("apk", "latest"),
        ("deb", "v1"),
        ("deb", "1_2"),
        ("deb", ""),
        ("rpm", "x:1"),
        ("generic", ""),
        ("generic", "latest"),
        ("golang", "(devel)"),
        ("generic", "vv1"),
    ],
)
def test_what_is_no_version_is_refused(type_: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"no version by the rules of {type_}"):
        Version(type_, text)


@pytest.mark.parametrize(
    ("type_", "text", "lines"),
    [
        ("apk", "1.27.4-r2", ["1.27.4", "1.27", "1"]),
        ("apk", "20250101-r0", ["20250101"]),
        ("apk", "17-r0", ["17"]),
        ("apk", "1.1.1w-r0", ["1.1.1w", "1.1.1", "1.1", "1"]),
        ("apk", "9.9_p2-r0", ["9.9_p2", "9.9", "9"]),
        ("apk", "1.28.0_rc1-r0", ["1.28.0_rc1"]),
        ("apk", "1.28_alpha-r0", ["1.28_alpha"]),
        ("apk", "1.28_beta2_p1-r0", ["1.28_beta2_p1"]),
        ("apk", "1.28_pre20250101-r0", ["1.28_pre20250101"]),
        ("apk", "1.28_git20250101-r0", ["1.28_git20250101", "1.28", "1"]),
        ("deb", "1:2.39.5-0+deb12u1", ["2.39.5", "2.39", "2"]),
        ("deb", "2.39.5+dfsg-1", ["2.39.5+dfsg", "2.39.5", "2.39", "2"]),
        ("deb", "2.40~rc1-1", ["2.40~rc1"]),
        ("deb", "2.40-1~bpo12+1", ["2.40", "2"]),
        ("deb", "1.2-3-4", ["1.2-3", "1.2", "1"]),
        ("rpm", "2:1.0.2-1.fc40", ["1.0.2", "1.0", "1"]),
        ("rpm", "1.0~rc1-1.fc40", ["1.0~rc1"]),
        ("rpm", "1.0^git1-1.fc40", ["1.0^git1", "1.0", "1"]),
        ("generic", "5.40.2", ["5.40.2", "5.40", "5"]),
        ("generic", "5.41.0-RC1", ["5.41.0-RC1"]),
        ("golang", "v3.5.0", ["3.5.0", "3.5", "3"]),
        ("bitnami", "18.6.0-3", ["18.6.0", "18.6", "18"]),
    ],
)
def test_a_version_is_in_the_lines_above_it_and_a_pre_release_in_its_own_only(
    type_: str, text: str, lines: list[str]
) -> None:
    assert Version(type_, text).lines == tuple(lines)


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("1.27.4-r2", True),
        ("0.20250813.083541-r21", True),
        ("1.5_beta7-r10", True),
        ("1.0~0abc-r0", True),
        ("0.1-r2-r3", False),
        ("23_foo", False),
        ("1.0bc", False),
        ("1.0_p1.1", False),
        ("1.0-rc1", False),
    ],
)
def test_some_of_what_apk_can_order_it_takes_for_no_version(text: str, is_valid: bool) -> None:
    assert Version("apk", text).is_valid is is_valid


TEXTS = {
    "generic": st.from_regex(r"\Av?[0-9][0-9a-bv.+~-]{0,6}(-?(rc|alpha|x)[0-9]?)?\Z"),
    "bitnami": st.from_regex(r"\A[0-9][0-9.]{0,4}(-rc[0-9])?(-[0-9])?\Z"),
    "apk": st.from_regex(
        r"\A(0|[1-9][0-9]?)(\.0?[0-9]){0,3}[a-b]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]?){0,2}(~[0-9a-f])?(-r[0-9])?\Z"
    ),
    "deb": st.from_regex(r"\A([0-2]:)?[0-9][0-9a-bZ.+~]{0,4}(-[0-9a-b+.~]{1,3})?\Z"),
    "rpm": st.from_regex(r"\A([0-2]:)?[0-9][0-9a-bZ._+~^]{0,4}(-[0-9a-b._~^]{1,3})?\Z"),
}
triples = st.sampled_from(sorted(TEXTS)).flatmap(
    lambda type_: st.lists(TEXTS[type_].map(lambda text: Version(type_, text)), min_size=3, max_size=3)
)


@given(triples)
def test_the_order_is_total_and_transitive(versions: list[Version]) -> None:
    for a, b in itertools.product(versions, repeat=2):
        assert (a < b, a == b, a > b).count(True) == 1
        assert (a < b) == (b > a)
        assert (a == b) == (b == a)
    for a, b, c in itertools.permutations(versions):
        if a <= b <= c:
            assert a <= c
            assert a != c or a == b == c


@given(st.lists(TEXTS["apk"], min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_sorting_does_not_depend_on_where_it_starts(texts: list[str], random: object) -> None:
    versions = sorted(Version("apk", text) for text in texts)
    random.shuffle(texts)  # type: ignore[attr-defined]
    assert sorted(Version("apk", text) for text in texts) == versions


@given(
    st.sampled_from(["apk", "deb", "rpm", "bitnami", "generic"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)
def test_any_word_is_a_version_or_refused(type_: str, text: str) -> None:
    try:
        version = Version(type_, text)
    except ValueError:
        return
    assert version == version
    assert version.lines
