"""Custom hosts, as a caller may write them (docs/portkey.md#custom-hosts)."""

import ipaddress
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.http import Url
from penstock.routing.custom_host import judge

LAPTOP = AddressPolicy(LOOPBACK_NAMES)
STRICT = AddressPolicy()
TRUSTING = AddressPolicy(("0.0.0.0/0", "::/0", "*.internal", "metadata"))


@pytest.mark.parametrize(
    ("text", "authority", "path"),
    [
        ("https://models.example.com/v1", "models.example.com", "/v1"),
        ("https://models.example.com/v1/", "models.example.com", "/v1"),
        ("http://localhost:11434/v1", "localhost:11434", "/v1"),
        ("http://127.0.0.1:9100/_id/x;split=7/v1", "127.0.0.1:9100", "/_id/x;split=7/v1"),
        ("http://[::1]:8000", "[::1]:8000", ""),
        ("https://my_host-1.example.com", "my_host-1.example.com", ""),
    ],
)
def test_accepted(text: str, authority: str, path: str) -> None:
    url = judge(text, LAPTOP)
    assert isinstance(url, Url)
    assert (url.origin.authority, url.path, url.origin.trusted) == (authority, path, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models.example.com/v1",
        "ftp://models.example.com",
        "file:///etc/passwd",
        "https://user:pass@models.example.com",
        "https://models.example.com@evil.example.com",
        "https://models.example.com/a@b",
        "https://models.example.com\\@evil.example.com",
        "https://models.example.com/#frag",
        "https://models.example.com/ v1",
        "https://models.example.com/\r\nx: y",
        "https://models.example.com.",
        "https://-x.example.com-",
        "https://mödels.example.com",
        "https://a.b.c.d.e.f.g.h.i.j.k",
        "https://models.example.com:0",
        "https://models.example.com:65536",
        "https://169.254.169.254/latest",
        "https://metadata.google.internal",
        "http://10.0.0.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://127.1",
        "http://017700000001",
        "http://127.0.0.01",
        "http://[::ffff:10.0.0.1]",
        "http://0.0.0.0:8000",
        "https://" + "a" * 3000,
    ],
)
def test_refused_with_a_reason(text: str) -> None:
    reason = judge(text, LAPTOP)
    assert isinstance(reason, str)
    assert reason


@given(st.text(max_size=80) | st.text(max_size=40).map("https://{}".format))
def test_every_text_gets_a_verdict(text: str) -> None:
    verdict = judge(text, LAPTOP)
    assert isinstance(verdict, str) or (verdict.origin.scheme in {"http", "https"} and verdict.origin.host)


# Spellings of addresses inside.

FULLWIDTH = str.maketrans("0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19")
CIRCLED = str.maketrans("0123456789", "\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468")
ARABIC = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")
INSIDE = ["127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2",
          "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0"]  # fmt: skip


def spellings(address: str) -> Iterator[str]:
    """One IPv4 address as resolvers, browsers and URL parsers have been known to take it."""
    bits, parts = int(ipaddress.IPv4Address(address)), [int(part) for part in address.split(".")]
    high, low = bits >> 16, bits & 0xFFFF
    yield from (address, f"{address}.", f"{address}..", f".{address}")
    yield from (str(bits), hex(bits), hex(bits).upper(), f"0{bits:o}", f"0x{bits:012x}", f"00{bits:o}", f"{bits}.")
    yield from (
        ".".join(map(hex, parts)),
        ".".join(f"0{part:o}" for part in parts),
        ".".join(f"{part:03}" for part in parts),
    )
    yield from (f"{parts[0]}.{bits & 0xFFFFFF}", f"{parts[0]}.{parts[1]}.{low}", f"{parts[0]:#x}.{bits & 0xFFFFFF:#x}")
    yield from (f"{parts[0]}.{parts[1]:#x}.0{parts[2]:o}.{parts[3]}", ".".join(str(part + 256) for part in parts))
    yield from (address.translate(FULLWIDTH), address.translate(CIRCLED), address.translate(ARABIC))
    yield from (address.replace(".", dot) for dot in ("\u3002", "\uff0e", "\uff61", "%2e", "%E3%80%82"))
    yield from (
        "".join(f"%{ord(char):02x}" for char in address),
        f"{address}%00.example.com",
        f"{address}%23.example.com",
    )
    yield from (
        f"user@{address}",
        f"user:pw@{address}",
        f"models.example.com@{address}",
        f"{address}#@models.example.com",
    )
    yield from (f"models.example.com%40{address}", f"models.example.com\\@{address}", f"{address}\\.models.example.com")
    yield from (
        f"{address}\t",
        f"{address}\u200b",
        f"{address}\u00ad",
        f" {address}",
        f"[{address}]",
        f"{address}:80:80",
    )
    yield from (
        f"[::ffff:{address}]",
        f"[::ffff:{high:x}:{low:x}]",
        f"[0:0:0:0:0:FFFF:{high:x}:{low:x}]",
        f"[::{address}]",
    )
    yield from (
        f"[::ffff:0:{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]",
        f"[2002:{high:x}:{low:x}::1]",
    )
    yield from (f"[2001:0:{high:x}:{low:x}::]", f"[2001:0:808:808:0:ffff:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}]")
    yield from (
        f"[2a00:1::5efe:{address}]",
        f"[::ffff:{address}%25lo]",
        f"[::ffff:{address}%lo]",
        f"[::ffff:{address}].example.com",
    )


SPELLINGS = [spelling for address in INSIDE for spelling in spellings(address)]


def test_there_are_hundreds_of_spellings() -> None:
    assert len(set(SPELLINGS)) > 500


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_an_address_inside_is_accepted(host: str, scheme: str) -> None:
    assert isinstance(judge(f"{scheme}://{host}/v1", STRICT), str)
    assert isinstance(judge(f"{scheme}://{host}:8080", STRICT), str)


METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]


@pytest.mark.parametrize("host", [spelling for address in METADATA for spelling in spellings(address)])
def test_no_spelling_of_a_metadata_address_is_accepted_whatever_is_trusted(host: str) -> None:
    assert isinstance(judge(f"http://{host}/latest", TRUSTING), str)


@pytest.mark.parametrize("number", range(200))
def test_generated_spellings_of_private_addresses_are_refused(number: int) -> None:
    dice = random.Random(number)
    network = ipaddress.IPv4Network(
        dice.choice(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"])
    )
    address = str(network[dice.randrange(network.num_addresses)])
    host = dice.choice(list(spellings(address)))
    if dice.random() < 0.3:
        host = "".join(dice.choice([char.upper(), char.lower()]) for char in host)
    assert isinstance(judge(f"http://{host}:{dice.randrange(1, 65536)}/v1", STRICT), str)


NAMES_INSIDE = """
    localhost localhost. LOCALHOST LocalHost a.localhost a.b.localhost localhost.localdomain localhost4 localhost6
    localhost6.localdomain6 ip6-localhost ip6-loopback \uff4cocalhost \u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3 loc\u00adalhost loc\u0430lhost
    loc%61lhost %6c%6f%63%61%6c%68%6f%73%74 localhost%00 localhost\u3002 [localhost] user@localhost
    metadata metadata. METADATA metadata.google.internal metadata.google.internal. Metadata.Google.Internal metadata.goog
    metadata.google\u3002internal instance-data instance-data.ec2.internal metadata.azure.com metadata.azure.internal
    metadata.tencentyun.com metadata.platformequinix.com api.metadata.cloud.ibm.com
    kubernetes.default.svc kubernetes.default.svc.cluster.local \u212aubernetes host.docker.internal gateway.docker.internal
    host.containers.internal nas.local router.lan a.home a.home.arpa a.corp a.private a.intranet a.internal a.test a.invalid a.onion
    [::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::1%25lo] [::1%lo] [fe80::1] [fe80::1%25eth0]
    [fe80::a9fe:a9fe] [fc00::1] [fd00:ec2::254] [fd00:ec2::23] [fd20:ce::254] [fd00:c1::a9fe:a9fe] [fd00:42::42] [fd00:a9fe:a9fe::1]
    [fec0::1] [ff02::1] [100::1] [2001:db8::1] [5f00::1] [::1 ::1] ::1 [v1.fe80] 0 00 0x 0x0 1.2.3 1.2.3.4.5 256.256.256.256 1.2.3.256
    1.2.3.0x4 08.8.8.8 a.1 a.0x1f . .. - _- .localhost
""".split()


@pytest.mark.parametrize("host", NAMES_INSIDE)
def test_names_and_addresses_inside_are_refused_by_their_spelling(host: str) -> None:
    assert isinstance(judge(f"http://{host}/v1", STRICT), str)
    assert isinstance(judge(f"http://{host}:80", STRICT), str)


@pytest.mark.parametrize(
    "port", ["+80", "-1", "8_0", "\uff18\uff10", "65536", "0", "80a", "80:80", "0x50", "99999999999999999999"]
)
def test_odd_ports_are_refused(port: str) -> None:
    assert isinstance(judge(f"http://models.example.com:{port}/v1", STRICT), str)


@pytest.mark.parametrize("text", ["//127.0.0.1/v1", "http:127.0.0.1", "http:/127.0.0.1", "http:///127.0.0.1", "///x", "https:", "://x",
                                  "gopher://a.example", "unix:///run/docker.sock", "http+unix://%2Frun/x", "javascript:0", "data:,x"])  # fmt: skip
def test_what_is_no_http_url_with_a_host_is_refused(text: str) -> None:
    assert isinstance(judge(text, TRUSTING), str)
