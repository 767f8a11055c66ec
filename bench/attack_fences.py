"""Attacks that want what is not theirs: the operator's keys, another's model, breaker or answer, an address inside
(groups 2, 4 to 6, 8 to 12 and 14). tests/e2e has these and their variants as tests; here a process is attacked.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from bench import local
from bench.attack_costs import compact
from bench.attacking import CANARY, KEYS, Attack, Run, Scene, Unheld, catalogue
from bench.disconnects import Answer

Json = dict[str, Any]
_CHAT: Final = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}'
_CHEAP: Final = _CHAT.replace(b"gpt-4o", b"gpt-4o-mini")
_SECRETS: Final = (CANARY.encode(), b"pk-team", b"pk-local", b"sk-of-the-operator")


def _refused(**fields: str) -> Run:
    """A request that must be refused, and of which the provider must see nothing."""

    async def run(scene: Scene) -> str:
        return _refusal(await scene.ask(_CHAT, x_portkey_api_key=KEYS["team-a"], **_filled(fields, scene)), scene)

    return run


def _refusal(answer: Answer, scene: Scene, least: int = 400) -> str:
    """A refusal of at least this status in a few words. Raises Unheld if it is none, or the provider saw something."""
    if answer.status < least or scene.mock.received:
        told = answer.body[:60]
        raise Unheld(f"{answer.status}: {told!r}, the provider saw {scene.mock.received[:1]!r}")
    return f"{answer.status} {_code(answer)}"


def _filled(fields: dict[str, str], scene: Scene) -> dict[str, str]:
    return {name: value.replace("PORT", str(scene.mock.port)) for name, value in fields.items()}


def _code(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["error"].get("code"))
    except (ValueError, KeyError, AttributeError):
        return answer.body[:30].decode(errors="replace")


async def _lists_models(scene: Scene) -> str:
    fields = f"host: {local.HOST}\r\nx-portkey-api-key: {KEYS['team-a']}\r\nx-portkey-provider: openai\r\n"
    return _refusal(await scene.send(f"GET /v1/models HTTP/1.1\r\n{fields}\r\n".encode()), scene)


_LENT: Final = {
    "openai": {}, "anthropic": {},
    "azure-openai": {"x_portkey_azure_resource_name": "r", "x_portkey_azure_deployment_id": "d"},
    "databricks": {"x_portkey_databricks_host": "w.cloud.databricks.com"},
    "cortex": {"x_portkey_snowflake_account": "a"},
}  # fmt: skip
KEYS_LENT: Final = (
    *(Attack("2", f"the environment's key of {slug}", _refused(x_portkey_provider=slug, **fields),
      "guarded")
      for slug, fields in _LENT.items()),
    Attack("2", "the list of models", _lists_models, "guarded"),
    Attack("2", "a port of loopback", _refused(x_portkey_provider="openai", authorization="Bearer sk-x",
           x_portkey_custom_host="http://127.0.0.1:PORT/v1"), "guarded"),
    Attack("2", "ollama on the gateway's machine", _refused(x_portkey_provider="ollama"), "guarded"),
)  # fmt: skip


def _trailers(head: str, trailers: str, least: int) -> Run:
    async def run(scene: Scene) -> str:
        fields = f"host: {local.HOST}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n{head}"
        request = f"POST {local.CHAT} HTTP/1.1\r\n{fields}\r\n".encode()
        answer = await scene.send(request + local.chunk(_CHAT) + f"0\r\n{trailers}\r\n".encode())
        return _refusal(answer, scene, least)

    return run


_A, _B = (f"x-portkey-api-key: {KEYS[name]}\r\n" for name in ("team-a", "team-b"))
TRAILERS: Final = (
    Attack("4", "a key in the trailers", _trailers("x-portkey-provider: echo\r\n", _A, 401), "guarded"),
    Attack(
        "4",
        "another's key and virtual key",
        _trailers(f"{_A}x-portkey-virtual-key: cheap\r\n", f"{_B}x-portkey-virtual-key: rich\r\n", 400),
        "guarded",
    ),
    Attack("4", "a provider in the trailers", _trailers(_A, "x-portkey-provider: echo\r\n", 400), "guarded"),
)


def _reloaded(text: str) -> Run:
    """A file that names no key, put in the place of one that does."""

    async def run(scene: Scene) -> str:
        path = scene.home / "penstock.toml"
        path.write_text(text, "utf-8")
        await asyncio.sleep(3.5)
        answer = await scene.ask(x_portkey_provider="echo")
        path.write_text(catalogue(scene.mock.port), "utf-8")
        await asyncio.sleep(2.5)
        if answer.status != 401:
            raise Unheld(f"{answer.status} without a key")
        return "401 without a key"

    return run


RELOADS: Final = (
    Attack("5", "the file is emptied", _reloaded(""), "guarded"),
    Attack("5", "its section is misspelt", _reloaded('[keyz.a]\nhash = "x"\n'), "guarded"),
    Attack("5", "its keys are gone", _reloaded('[virtual_keys.a]\nprovider = "echo"\n'), "guarded"),
)


def _page(**fields: str) -> Run:
    async def run(scene: Scene) -> str:
        answer = await scene.ask(_CHAT, x_portkey_provider="echo", **fields)
        if answer.status != 403:
            raise Unheld(f"{answer.status} for {fields}")
        return f"{answer.status} {_code(answer)}"

    return run


PAGES: Final = (
    Attack("6", "a name that was rebound", _page(host="attacker.example:8787")),
    Attack("6", "a foreign origin", _page(origin="https://evil.example")),
    Attack("6", "a cross-site request", _page(sec_fetch_site="cross-site")),
)


async def _breaker(scene: Scene) -> str:
    """Team A calls each success a failure of the target that team B's saved config names first."""
    opening = {
        "provider": "@cheap",
        "cb_config": {"failure_threshold": 1, "failure_status_codes": [200], "cooldown_interval": 60_000},
    }
    for _ in range(3):
        await scene.ask(_CHEAP, x_portkey_api_key=KEYS["team-a"], x_portkey_config=compact(opening))
    scene.mock.received.clear()
    answer = await scene.ask(_CHEAP, x_portkey_api_key=KEYS["team-b"], x_portkey_config="saved")
    if not scene.mock.received:
        raise Unheld(f"{answer.status}: the first target was skipped")
    return "the first target was asked"


async def _second_key(scene: Scene) -> str:
    """A second gateway key beside the first, wherever a caller may put it."""
    host = f"{scene.provider}/good/v1"
    base = {"x_portkey_api_key": KEYS["local"], "x_portkey_provider": "openai", "x_portkey_custom_host": host}
    for key in KEYS.values():
        for field in ("authorization", "x_api_key", "api_key", "x_other", "openai_organization"):
            for value in (key, f"Bearer {key}"):
                await scene.ask(
                    _CHAT, **base, **{field: value}, x_portkey_forward_headers="x-other,openai-organization,api-key"
                )
    leaked = [request for request in scene.mock.received if any(secret in request for secret in _SECRETS)]
    if leaked:
        raise Unheld(f"the provider saw {leaked[0][:300]!r}")
    return f"{len(scene.mock.received)} requests, none with a gateway key"


async def _idempotency(scene: Scene) -> str:
    host = f"{scene.provider}/good/v1"
    base = {"x_portkey_api_key": KEYS["local"], "x_portkey_provider": "openai", "x_portkey_custom_host": host,
            "idempotency_key": "one", "x_portkey_forward_headers": "x-user"}  # fmt: skip
    for user in ("alice", "bob"):
        for token in ("sk-1", "sk-2"):
            await scene.ask(_CHAT, **base, authorization=f"Bearer {token}", x_user=user)
    if len(scene.mock.received) != 4:
        raise Unheld(f"{len(scene.mock.received)} calls for 4 callers")
    return "4 callers, 4 calls"


_OPUS: Final = "anthropic/claude-opus-4.1"
_MODELS: Final[dict[str, tuple[bytes, Json]]] = {
    "another model": (_CHAT, {}),
    "drop_params and models": (_CHEAP, {"drop_params": ["model"], "override_params": {"models": [_OPUS]}}),
    "models beside": (_CHEAP[:-1] + b',"models":["%b"]}' % _OPUS.encode(), {}),
    "model twice": (b'{"model":"gpt-4o-mini",' + _CHAT[1:], {}),
    "model twice, the other way": (_CHEAP[:-1] + b',"model":"gpt-4o"}', {}),
    "model with an escape": (_CHEAP[:-1] + b',"\\u006dodel":"gpt-4o"}', {}),
    "override": (_CHEAP, {"override_params": {"model": "gpt-4o"}}),
    "no model": (b'{"messages":[]}', {"override_params": {"fallback_models": ["gpt-4o"]}}),
}


def _models(name: str) -> Run:
    async def run(scene: Scene) -> str:
        body, more = _MODELS[name]
        answer = await scene.ask(
            body, x_portkey_api_key=KEYS["team-a"], x_portkey_config=compact({"provider": "@cheap", **more})
        )
        if any(each in request for request in scene.mock.received for each in (b'"gpt-4o"', _OPUS.encode())):
            raise Unheld(f"{answer.status}: the provider saw {scene.mock.received[0][-200:]!r}")
        return f"{answer.status} {_code(answer) if answer.status >= 400 else 'with the model that is allowed'}"

    return run


STATE: Final = (
    Attack("8", "a breaker that another opened", _breaker, "guarded"),
    *(Attack("10", name, _models(name), "guarded") for name in _MODELS),
    Attack("11", "a second gateway key", _second_key, "guarded"),
    Attack("12", "another's idempotent answer", _idempotency, "guarded"),
)
_HOSTS: Final = """
    localhost localhost. LOCALHOST a.localhost 127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 017700000001
    0177.0.0.1 127.0.0.1. 0 0.0.0.0 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1]
    [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fc00::1]
    169.254.169.254 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] [fd00:ec2::254] [fd20:ce::254]
    100.100.100.200 168.63.129.16 192.0.0.192 metadata.google.internal metadata metadata.google.internal. 10.0.0.1
    172.16.0.1 192.168.0.1 100.64.0.1 user@127.0.0.1 example.com@127.0.0.1 127.0.0.1%23.example.com ①②⑦.⓪.⓪.①
    127。0。0。1 %31%32%37.0.0.1 kubernetes.default.svc.cluster.local host.docker.internal evil.internal printer.local
    localhost.localdomain
""".split()
_OPTIONS: Final[dict[str, Json]] = {
    "custom_host": {"provider": "openai"},
    "huggingface_base_url": {"provider": "huggingface"},
    "azure_foundry_url": {"provider": "azure-ai"},
    "workers_ai_account_id": {"provider": "workers-ai"},
    "azure_resource_name": {"provider": "azure-openai", "azure_deployment_id": "d"},
    "databricks_host": {"provider": "databricks"},
    "snowflake_account": {"provider": "cortex"},
}


def _spellings(option: str, target: Json) -> Run:
    """Every spelling of an address inside, as an option that ends up in an address; the proxy must see none of them."""

    async def run(scene: Scene) -> str:
        statuses = set()
        for host in _HOSTS:
            value = f"http://{host}:{scene.mock.port}/v1" if option.endswith(("_url", "_host")) else host
            config = json.dumps({**target, "api_key": "sk-x", option: value})
            statuses.add((await scene.ask(_CHAT, x_portkey_api_key=KEYS["team-b"], x_portkey_config=config)).status)
        reached = [request for request in scene.mock.received if not _is_vendors(request)]
        if reached:
            raise Unheld(f"the proxy saw {reached[0][:90]!r}")
        return f"{len(_HOSTS)} spellings: {sorted(statuses)}"

    return run


_VENDORS: Final = (
    b".openai.azure.com:443",
    b".databricks.com:443",
    b".snowflakecomputing.com:443",
    b"api.cloudflare.com:443",
)


def _is_vendors(request: bytes) -> bool:
    """Whether a request is a CONNECT to a host in a vendor's domain, which an option of an account leads to."""
    words = request.split(b" ", 2)
    return words[0] == b"CONNECT" and words[1].endswith(_VENDORS)


ADDRESSES: Final = tuple(
    Attack("9", f"{option} inside", _spellings(option, target), "guarded") for option, target in _OPTIONS.items()
)


def _accounts(slug: str, **options: str) -> Run:
    """An account of the caller's choice with a key of the environment, at a gateway that lends keys to everybody."""

    async def run(scene: Scene) -> str:
        answer = await scene.ask(_CHAT, x_portkey_config=compact({"provider": slug, **options}))
        if scene.mock.saw(b"attacker"):
            raise Unheld(f"{answer.status}: the proxy saw {scene.mock.received[0][:90]!r}")
        return f"{answer.status} {_code(answer)}"

    return run


ACCOUNTS: Final = (
    Attack("14", "azure-openai", _accounts("azure-openai", azure_resource_name="attacker", azure_deployment_id="d")),
    Attack("14", "databricks", _accounts("databricks", databricks_host="attacker.cloud.databricks.com")),
    Attack("14", "snowflake", _accounts("cortex", snowflake_account="attacker")),
    Attack("14", "huggingface", _accounts("huggingface", huggingface_base_url="https://attacker.example/v1")),
)

FENCES: Final = (*KEYS_LENT, *TRAILERS, *RELOADS, *PAGES, *STATE, *ADDRESSES, *ACCOUNTS)
