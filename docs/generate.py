"""Writes the reference pages that come from the code: ``make docs``. A test fails where one of them is stale."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.core.failure import MEANINGS, Blame, Kind, RetrySafety
from penstock.core.traits import Traits
from penstock.dialects import error_words
from penstock.providers.not_served import NOT_SERVED
from penstock.providers.registry import ALIASES, COLUMNS, PROVIDERS, endpoint_table, resource_table, table
from penstock.routing.config_members import MEMBERS, VALUES
from penstock.settings import Settings
from penstock.settings.field import FIELDS, Field
from penstock.traits.resolve import ROWS
from penstock.traits.row import Row

ROOT: Final = Path(__file__).parents[1]
_NOTE: Final = "<!-- Written by docs/generate.py: change the code and run `make docs`. -->"
_UNITS: Final = {"s": "seconds", "ms": "milliseconds", "bytes": "bytes", "days": "days"}
_WIDTH: Final = 116


_SETTINGS: Final = f"""\
# Settings

{_NOTE}

Settings come from, later ones winning: the defaults, the file `penstock.toml`, environment variables, flags of
`penstock serve` (`--host --port --workers --log-level --provider`). The file is looked for in the working directory;
`--config FILE` or `PENSTOCK_CONFIG` names another. [penstock.example.toml](../penstock.example.toml) has every setting
with its default. What is unknown, misspelt or out of range stops the start, which then tells all that is wrong.

A setting `key` of a section is the variable `PENSTOCK_SECTION_KEY`; for the section `server` and for
`default_provider`, `PENSTOCK_KEY` will do.
In a variable the parts of a list are separated by commas, and an empty variable counts as not set, save where it means
empty text or an empty list. Sizes may be written `100 MB`, in steps of 1024. Paths are relative to the working
directory. Portkey's `TRUSTED_CUSTOM_HOSTS` stands for `PENSTOCK_SECURITY_TRUSTED_HOSTS`.
"""


# Shown on the page and, commented out, in the example file.
_CATALOGUE: Final = """\
[virtual_keys.openai-prod]
provider = "openai"
credential = "env:OPENAI_API_KEY"
models = ["gpt-4o*", "o3"]
default_params = { temperature = 0.2 }

[virtual_keys.azure-eu]
provider = "azure-openai"
credential = "file:secrets/azure-eu"
resource_name = "my-resource"

[configs.prod]
id = "pc-prod-1a2b"
strategy = { mode = "fallback" }
targets = [{ provider = "@openai-prod" }, { provider = "@azure-eu" }]

[configs.cheap]
file = "configs/cheap.yaml"

[keys.team-a]
hash = "sha256:17cc6ec7ab6a8afbcad1af9a3c2b0f5a0f3b25bdb9d3d4da77a5e5b23f1ba0c9"
virtual_keys = ["openai-prod"]
configs = ["prod"]
config = "prod"
models = ["gpt-4o-mini", "@azure-eu/*"]
lend = ["openai"]

[models."claude-*"]
target = "@openai-prod/gpt-4o"
"""

_NAMED: Final = f"""
## [virtual_keys.NAME], [configs.NAME], [keys.NAME], [models.PATTERN]

These have no variables: they stand in the file only, and [configs.md](configs.md) tells what callers do with them. The
file is looked at every second, and on SIGHUP: changes of these sections, and of files that they name, are in force
without a restart. A broken file is told in the log and leaves in force what was; so is a file that would let in callers
without a key where a key was needed.

```toml
{_CATALOGUE}```

"""
_NAMED_ROWS: Final = (
    ("virtual key", "`provider`", "Slug of the provider ([providers.md](providers.md)). Required."),
    (
        "",
        "`credential`",
        "The provider's key: `env:NAME`, `file:PATH` (its first line) or `keyring:SERVICE/USER` (the library keyring).",
    ),
    ("", "`base_url`", "In place of the provider's own."),
    ("", "`models`", "The models that may be called, as shell patterns. Absent: all."),
    ("", "`default_params`", "Fills members of the body that are absent or null."),
    (
        "",
        "`forward_headers`",
        "Headers about the provider's account, such as `openai-organization`, that callers may send on.",
    ),
    ("", "`headers`", 'Header fields for every request, such as `{ x-tenant = "acme" }`; values may be references.'),
    ("", "any other", "A setting of the provider, in snake_case, such as `openai_organization`."),
    (
        "config",
        "`file`",
        "A `.json`, `.yaml`, `.yml` or `.toml` file with the config. Absent: the section is the config.",
    ),
    ("", "`id`", "A second name."),
    ("gateway key", "`hash`", "SHA-256 of the key; `penstock key make NAME` makes both. Required."),
    ("", "`virtual_keys`", "The virtual keys that its holder may name. Absent: all."),
    ("", "`configs`", "The configs that its holder may name. Absent: all."),
    ("", "`config`", "The config of requests that name neither provider nor config."),
    (
        "",
        "`providers`, `models`",
        "What its holder may name and ask for ([configs.md](configs.md#gateway-keys)). Absent: all.",
    ),
    ("", "`inline_configs`, `custom_hosts`", "Whether its holder may send a config, and name a host. Absent: `true`."),
    (
        "",
        "`lend`",
        "The providers at which its holder may use the operator's environment keys and identity. Absent: none.",
    ),
    ("", "`hosts`", "Private hosts that its holder may name, beside `security.trusted_hosts`. Absent: none."),
    ("", "`aliases`", "Aliases of models of its own, as `[models.PATTERN]`; `models` as a table means the same."),
    ("", "`labels`", 'Texts by name, such as `{ team = "search" }`: at most 20, of at most 64 characters each.'),
    ("alias of models", "`target`", "`@NAME` or `@NAME/model` ([configs.md](configs.md#aliases-of-models))."),
    ("", "`config`", "In place of `target`: a saved config."),
    ("", "`show`, `hide`", "The name for people in lists of models; whether lists leave it out."),
)
_NAMED_RULES: Final = """
Names have letters, digits, dots, dashes and underscores. Paths are relative to the file that they stand in. Once there
is one gateway key, every request needs one.
"""


def settings_page() -> str:
    """docs/settings.md, from settings/model.py."""
    page = _SETTINGS
    for section in msgspec.structs.fields(Settings):
        rows = [
            (f"`{field.key}`", _default(field), f"`{field.short_variable or field.variable}`", field.description)
            for field in _of_section(section.name)
        ]
        page += f"\n## [{section.name}]\n\n{section.type.__doc__}\n\n"
        page += _table(("key", "default", "variable", "meaning"), rows)
    return page + _NAMED + _table(("of a", "key", "meaning"), _NAMED_ROWS) + _NAMED_RULES


def example_file() -> str:
    """penstock.example.toml: every setting, commented out."""
    lines = [
        "# All settings of Penstock with their defaults. Copy what you change to penstock.toml (docs/settings.md).",
        "# Written by docs/generate.py.",
    ]
    for section in msgspec.structs.fields(Settings):
        lines += ["", f"[{section.name}]"]
        for field in _of_section(section.name):
            unit = f" In {_UNITS[field.unit]}." if field.unit else ""
            unset = field.default is None
            comment = field.description + unit + (" For example:" if unset else "")
            lines += [f"# {line}" for line in textwrap.wrap(comment, _WIDTH)]
            lines.append(f"#{field.key} = {_toml(field.example if unset else field.default)}")
    lines += ["", "# Virtual keys, configs and gateway keys: none are set; these are examples."]
    lines += [f"# {line}".rstrip() for line in _CATALOGUE.splitlines()]
    return "\n".join(lines) + "\n"


def _of_section(section: str) -> list[Field]:
    return [field for field in FIELDS.values() if field.section == section]


def _default(field: Field) -> str:
    return "unset" if field.default is None else f"`{_toml(field.default)}` {field.unit}".rstrip()


def _toml(value: Any) -> str:
    """A value as TOML, which for these is JSON; whole seconds without a point."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


_MEANT: Final[dict[Kind, str]] = {
    Kind.INVALID_JSON: "The body is not a JSON object.",
    Kind.INVALID_REQUEST: "A part of the request can't be read: a wrong type, an unknown compression.",
    Kind.INVALID_CONTENT_TYPE: "The request's content type is not JSON.",
    Kind.INVALID_CONFIG: "The config, or a header that stands for a part of it, can't be used; `param` says where.",
    Kind.MISSING_PROVIDER: "Neither a provider nor a config was named.",
    Kind.UNKNOWN_PROVIDER: "There is no provider of that slug.",
    Kind.INVALID_CUSTOM_HOST: "The custom host is no URL that the gateway may call.",
    Kind.MISSING_API_KEY: "The provider needs a key and none was given.",
    Kind.CREDENTIAL_REFUSED: "The credentials are complete, but whoever gives tokens for them (AWS STS, Google, Entra) "
    "refused; the message says why.",
    Kind.TOKEN_UNAVAILABLE: "Whoever gives tokens for the credentials can't be reached, or can't serve at the moment.",
    Kind.INVALID_GATEWAY_KEY: "The gateway has keys, and the request shows none that it knows.",
    Kind.NOT_ALLOWED: "The gateway key, or a virtual key's list of models, does not allow what was named; "
    "or a foreign web page asks.",
    Kind.UNKNOWN_VIRTUAL_KEY: "There is no virtual key of that name.",
    Kind.VIRTUAL_KEY_EXPIRED: "The time of the virtual key is over (code 01); a fallback goes on to its next target.",
    Kind.VIRTUAL_KEY_DISABLED: "The virtual key is switched off, by itself or for its workspace; a fallback goes on.",
    Kind.UNKNOWN_CONFIG: "There is no saved config of that name.",
    Kind.NO_MATCHING_TARGET: "No condition of the config is met, or the target that it names does not exist.",
    Kind.TARGET_GONE: "The request names an id of a target that its config doesn't have, or that the gateway key "
    "doesn't allow any more.",
    Kind.IDEMPOTENCY_CONFLICT: "The Idempotency-Key came before with another request.",
    Kind.UNSUPPORTED_OPERATION: "The provider does not offer this operation.",
    Kind.NOT_INSTALLED: "The request needs a library that this gateway lacks; the message names the extra to install.",
    Kind.NOT_IMPLEMENTED: "Clients know this endpoint, and this gateway does not serve it.",
    Kind.NOT_FOUND: "The gateway has no such path, or the request names a bound id that isn't the caller's "
    "([endpoints.md](endpoints.md#what-passes-as-it-is)).",
    Kind.MODEL_NOT_FOUND: "`GET /v1/models/{id}` names no model that its caller can call "
    "([headers.md](headers.md#models)).",
    Kind.METHOD_NOT_ALLOWED: "The path takes another method.",
    Kind.BODY_TOO_LARGE: "The body is larger than `server.max_body_bytes` (an upload: `server.max_upload_bytes`), or "
    "to read or rewrite it takes more memory or time than there is for one body.",
    Kind.BODY_TIMEOUT: "The body stopped arriving for `server.body_timeout`, took longer than `server.body_deadline`, "
    "or came more slowly than `server.body_min_rate`.",
    Kind.BODIES_EXHAUSTED: "The gateway holds bodies of `server.max_buffered_bytes` at the moment.",
    Kind.CONNECTIONS_EXHAUSTED: "The gateway has `server.max_connections` connections, or "
    "`server.max_connections_per_address` from the caller's address. Told before a request is read.",
    Kind.BUDGET_EXCEEDED: "A budget of the gateway key, its workspace, a provider or a policy has no room for the "
    "request. The limit chooses status, type and code (docs/limits.md#refusals).",
    Kind.RATE_LIMIT_EXCEEDED: "A rate, or the number of requests at the same time, has no room. `retry-after` tells "
    "when it has (docs/limits.md#refusals).",
    Kind.LIMIT_UNDECIDED: "A limit can't judge the request: its model has no price, or its size no upper bound.",
    Kind.BUDGET_STORE_UNAVAILABLE: "The counters of a strict budget can't be written down.",
    Kind.STORE_UNAVAILABLE: "The control plane's database can't be reached, for longer than `store.catalogue_max_age`.",
    Kind.CLIENT_DISCONNECTED: "The caller left before its answer was complete. Seen in the log only.",
    Kind.HOOKS_FAILED: "A guard of the config denies the request or the answer ([guardrails.md](guardrails.md)).",
    Kind.GUARDRAIL_DENIED: "The same in the wires whose clients don't know status 446.",
    Kind.LOOP_DETECTED: "The request passed more than `server.max_hops` gateways: one probably calls itself.",
    Kind.ADDRESS_REFUSED: "The provider's name leads to an address that callers may not reach.",
    Kind.HOST_UNAVAILABLE: "A host that the caller named can't be called. Beyond loopback it is not told whether the "
    "host is unknown, closed or not allowed.",
    Kind.NAME_NOT_RESOLVED: "The provider's name has no address.",
    Kind.CONNECTION_REFUSED: "Nothing takes connections at the provider's address.",
    Kind.CONNECT_TIMEOUT: "No connection came about within `upstream.connect_timeout`.",
    Kind.TLS_FAILED: "The provider's certificate is not trusted, or TLS failed otherwise.",
    Kind.PROXY_FAILED: "The proxy of `upstream.proxy` or the environment did not connect to the provider.",
    Kind.POOL_EXHAUSTED: "All `upstream.max_connections` to the provider stayed busy.",
    Kind.OUT_OF_FILES: "The gateway's process has no file left for one more connection: raise its limit of open files.",
    Kind.CONNECTION_CLOSED: "The provider closed the connection before it answered.",
    Kind.FIRST_BYTE_TIMEOUT: "No answer began within `upstream.first_byte_timeout` or the request's own timeout.",
    Kind.FIRST_TOKEN_TIMEOUT: "The stream brought no content within the config's `timeouts.first_token`.",
    Kind.IDLE_TIMEOUT: "The answer stopped arriving for `upstream.idle_timeout`.",
    Kind.TOTAL_TIMEOUT: "The answer was not complete within `upstream.total_timeout`.",
    Kind.INVALID_RESPONSE: "The provider's answer is not HTTP, not JSON, or a stream without events.",
    Kind.TRUNCATED: "The provider's answer is cut short.",
    Kind.STREAM_ERROR: "The provider sent an error with status 200, plain or in its stream; it is told as an error.",
    Kind.UPSTREAM_STATUS: "The provider answered with an error status, which is kept; see above for the body.",
    Kind.UPSTREAM_REDIRECT: "The provider redirects elsewhere; the message says where. Nothing is sent there.",
    Kind.SHUTTING_DOWN: "The gateway stopped before the answer was complete: `server.shutdown_grace` was over, or a "
    "second signal came. A stream that has begun ends with this error.",
    Kind.INTERNAL: "A defect of the gateway: please report it.",
}

_BLAMED: Final = {Blame.CLIENT: "caller", Blame.GATEWAY: "gateway", Blame.PROVIDER: "provider"}
_RETRIED: Final = {
    RetrySafety.NEVER: "no use",
    RetrySafety.UNSENT: "safe: nothing was sent",
    RetrySafety.POLICY: "your choice: the provider may have received it",
}


_ERRORS: Final = f"""\
# Errors

{_NOTE}

Every error of the gateway's own is OpenAI's error object. `message` says what went wrong, where, and what to do,
`param` names the header, config member or body member at fault, `code` is one of those below. Beside it stand the
`status` and `message` that Portkey's clients know; this `message` begins with Portkey's sentence where there is one,
and goes on with the error's own. A config's problems are told together
([configs.md](configs.md#all-problems-at-once)).

```json
{{
  "error": {{
    "message": "…",
    "type": "invalid_request_error",
    "param": "x-portkey-provider",
    "code": "unknown_provider"
  }},
  "status": "failure",
  "message": "…"
}}
```

A stream that has begun ends with the error object in an event, `data: {{"error": …}}`, and without `[DONE]`.

## Provider errors

A provider's error keeps its status. A body that has the shape `{{"error": {{"message": …}}}}` already keeps its bytes.
Any other (`{{"error": "…"}}`, `{{"detail": …}}`, `{{"message": …}}`, a list, text, HTML, nothing) becomes the error
object, with the provider's own body beside it:

```json
{{
  "error": {{
    "message": "mistral-ai error: no such model",
    "type": null,
    "param": null,
    "code": "1500",
    "status_code": 400
  }},
  "message": "mistral-ai error: no such model",
  "provider": "mistral-ai",
  "provider_response": {{"message": "no such model", "code": 1500}}
}}
```

Callers of Anthropic Messages get `{{"type": "error", "error": {{"type": …, "message": …}}}}` in the same way.

An error that comes with status 200 (in place of an answer, inside a choice, as a finish reason that means failure, or
as the first event of a stream) is a failed attempt: it can fall back, and as the last answer it has the status that it
names, or that of its class, or 502. A redirect is never followed and its `Location` is never passed on.

## Several targets

When all targets failed and an earlier one said that the prompt is too long or refused by a filter, this error is the
answer: its status, class and code (`context_length_exceeded`, `content_filter`), and in its message the last target's
error, too. `x-penstock-trace` names the class beside the attempt.

## Codes

"""
_CLASSES: Final = """
## Classes

What `on_error` and `return_on_error` name. Codes decide first, then words in the message, then the status: 402 is
`quota`, 429 `rate_limit`, 401 and 403 `auth`, 408 and 504 `timeout`, other 5xx `server_error`. `context_length`,
`content_filter` and `quota` are not retried at the same target. Codes marked * count at that provider only; all other
words count whoever sends them. A part of the request that the error repeats (`'input': …`, `input_value=…`) is not
searched for words.

The last column says where the words are from: the provider's document or source code behind the link; a report that
quotes the provider where its document leaves the words out; the code of another client; or nowhere that was found, in
which case the link is the page that would be the place. Overload is told by most hosts with the status alone
(429, 503, 529).

"""

_WORDS: Final = ("class", "provider", "codes", "words, as regular expressions", "source")


def _code(text: str) -> str:
    """A cell's code, which may itself hold backticks."""
    return (f"`` {text} ``" if "`" in text else f"`{text}`").replace("|", "\\|")


def errors_page() -> str:
    """docs/errors.md, from core/failure.py."""
    rows = []
    for kind, meaning in MEANINGS.items():
        names = (f"`{kind.value}`", str(meaning.status), f"`{meaning.type}`")
        rows.append((*names, _BLAMED[meaning.blame], _RETRIED[meaning.retry], _MEANT[kind]))
    codes = _table(("code", "status", "type", "whose", "the same again", "meaning"), rows)
    words = [
        (
            f"`{row.error.value}`",
            f"[{row.provider}]({row.link})",
            " ".join(f"`{code}`" for code in row.codes.split()) + (" *" if row.own else ""),
            " ".join(_code(text) for text in row.texts),
            row.evidence,
        )
        for row in error_words.ROWS
    ]
    return _ERRORS + codes + _CLASSES + _table(_WORDS, words)


_PROVIDERS: Final = f"""\
# Providers

{_NOTE}

These are {len(PROVIDERS)} providers; any other server that speaks OpenAI's dialect is reached with the header
`x-portkey-custom-host`. Name a provider by its slug, or by an [other name](#other-names), in `x-portkey-provider`, a
config, the path or the model ([headers.md](headers.md#who-answers)). The key comes with the request, or from the
variable where the operator lends it (`providers.env_keys`, [settings.md](settings.md)). `{{…}}` in a base URL is
filled from the option's header; in a config an option is written without `x-portkey-`, with underscores. Names link
to the provider's own documentation. A provider serves the operations that are listed, chats in the wires in
parentheses; without parentheses the wire is OpenAI's. A request in one of the wires passes through, every other
request is translated into the first wire ([dialects.md](dialects.md)). A custom host gets requests of the first wire
only, except at server programs that you run yourself (llamacpp, lm-studio, ollama, vllm).

"""

_ALIASES: Final = """
## Other names

Each means its slug wherever a slug may stand, in the operator's file, too. Names with a dash may be written with `_`.

"""

_NOT_SERVED: Final = """
## Not served

Of the providers that Portkey names, these have no chat that could stand behind `/v1/chat/completions`.

"""

_CHANGES: Final = """
## What is changed on the way

Parameters reach a provider as you sent them, save these, which it refuses or knows by another name. A parameter that is
left out is named in the response header `x-penstock-dropped-params`.

"""


def providers_page() -> str:
    """docs/providers.md, from the provider rows."""
    changes = _table(("provider", "parameter", "what happens", "reason"), _changes())
    absent = _table(
        ("slug", "name", "reason"),
        ((f"`{each.slug}`", f"[{each.name}]({each.link})", each.reason) for each in NOT_SERVED),
    )
    named = _table(("slug", "other names"), _other_names())
    rows = _table(COLUMNS, map(_provider_cells, table()))
    return _PROVIDERS + rows + _ALIASES + named + _NOT_SERVED + absent + _CHANGES + changes


_ENDPOINTS: Final = f"""\
# Endpoints

{_NOTE}

What callers reach beside `POST /v1/chat/completions` and `POST /v1/messages`. Every endpoint takes the same headers,
gateway keys, configs, retries, fallbacks, limits and budgets, and writes the same records. A provider that lacks an
endpoint is told as such (400 `unsupported_operation`).

- **Replies pass as they came**: pictures, sound, subtitles as text, server-sent events. Sound is relayed from its
  first byte on; until then a fallback is possible. Where the host says no media type, it follows `response_format`.
- **Forms** (`multipart/form-data`) pass with the caller's bytes and boundary. `model` and `stream` are read from their
  fields; a config's `override_params`, `default_params` and `drop_params` change fields, and nothing else of the form
  is written anew. A form that could be read in two ways (two fields `model`, a part with two names) is a 400.
- **Usage** is what the reply tells: tokens, seconds of sound, search units. A strict budget needs to know beforehand
  how much a request takes at most: that is known of chats, completions, embeddings and moderations only.
- **Embeddings and reranking are translated** where the host has a wire of its own: Gemini, Vertex AI, Bedrock
  (Titan, Nova and Cohere's models), Cohere, Voyage. `dimensions` and `encoding_format` mean the same everywhere;
  `input_type` (or `task_type`, `task`) with `query` or `document`, `truncate` and `title` go to the hosts that know
  them, what a host doesn't know is named in `x-penstock-dropped-params`. There are as many vectors as inputs, or an
  error. More inputs than a host takes in one request are a 400 that says the limit; Titan, Nova and Gemini's models
  at Vertex AI take one, and get up to 64 requests, eight at a time. Inputs may be objects with `text` or `image` (a
  data URL) where the model takes pictures. Vectors of different models can't be compared: a fallback between them
  is rarely meant.

## Paths

A slip of the base URL is forgiven: `/v1` missing or doubled, doubled slashes, a slash at the end. What passes as it is
(below) is taken at its word. A name of a virtual key, provider or config may stand before every path
([headers.md](headers.md#who-answers)).

Azure OpenAI's clients name the model in the path: `/openai/deployments/MODEL/chat/completions?api-version=…`, and
`completions`, `embeddings`, `images/generations`, `images/edits`, `audio/speech`, `audio/transcriptions` and
`audio/translations` beside it. Their key stands in `api-key`. `MODEL` says who answers as a model elsewhere does; a
form names it in its field `model`.

## What passes as it is

What a provider keeps for its callers (files, uploads, batches, fine-tuning, vector stores, assistants and threads,
containers, conversations, evals, skills, videos, stored chat completions, own models, Anthropic's message batches,
files and skills, Gemini's files, cached contents, batches and interactions), `/v1/proxy/PATH`, and any other path below
`/v1`: method, path, query, headers and bytes pass, replies and errors come back untouched, whatever their media type.
`PATH` is appended to the provider's base URL. Behind it stand the same gateway keys, address policy, limits and
records:

- Credentials, cookies and headers about the way (`x-forwarded-*`, `x-portkey-*`) stay behind; the provider gets its
  key as in every request. `?key=` and its like are taken out of the query, and so is each header and each pair of the
  query that holds a gateway key.
- A path with an empty segment or with dots is a 404, also where only some hosts would see dots in it: `..;`, `..\\`,
  `%252e%252e`.
- A JSON object is read and changed by a config's parameters, whatever its media type says, any other body never. A body
  that says it is JSON and isn't is a 400. Usage is read where a reply of JSON tells it in the shape of OpenAI's or
  Anthropic's API. A strict limit refuses what it can't bound, a body that it can't read among it; files and uploads
  are let through.
- With a guard that denies, nothing passes that a model is asked with ([guardrails.md](guardrails.md#which-requests)).
- Where a gateway key or a virtual key allows certain models only, nothing but `GET` and `DELETE` without a body
  passes: nobody looks at the models that such a request may use. Of models, only allowed ones are deleted.
- **What is kept belongs to one account.** A config with targets at several makes it at the first, once, without
  retries; a request that names an id of none of them is then a 400: name the provider or the virtual key. Where the
  next request may not name the target again (a config with several accounts, a model that names one: `@NAME/gpt-5`) ids
  are [bound](responses.md#ids): they say which account has the thing, for the tenant who made it, and need nothing
  beside them. They are written into replies of JSON, and read in paths, queries and bodies of JSON (members up to 256
  KiB). Other ids pass as they are. A bound id of another tenant is a 404, one whose target the request can't reach any
  more a 409 `target_gone`.
- **Gateway keys that share an account share what it keeps**: a list (`GET /v1/files`) shows all of it, and an id that
  isn't bound can be used by whoever knows it. `ids.lists = false` refuses lists, by `/v1/proxy` too, so that only who
  knows an id reaches what has it; lists below an id stay. Accounts of their own keep keys apart altogether.
- Replies are relayed as they come, [large bodies](#uploads) too.

Sessions over WebSocket: [realtime.md](realtime.md).

## Uploads

A file, a form or any body that isn't JSON, of more than 1 MiB or of a length that nobody says, passes to the host while
it arrives, up to `server.max_upload_bytes`. The gateway holds half a megabyte of it; a host that reads slowly makes the
caller wait, and its time to answer (`first_byte_timeout`) begins with the last bytes that it was sent. A caller that
leaves closes the host's connection at once. A host that answers with an error before it has everything is heard at
once: the caller gets the error, and the connection ends.

- Of a form, the fields before its first file are read: routing, limits and a change of the model see these. A form
  whose `model` stands behind a file is held whole. A field `model` or `stream` that comes again behind the file is a
  400, and the host's request is broken off; other fields there pass unread.
- Held whole, within `server.max_body_bytes`, is what the gateway may have to read, change or send again: where the
  config has retries, a fallback or a conditional or sticky choice, where a target has guards, a cache or a signature of
  AWS; a form whose fields the config changes, whose key allows certain models only, or that has an `Idempotency-Key`;
  compressed bodies; JSON, whatever its media type says, and what begins with more than 4 KiB of white space.
- **Sent once**: an upload with retries or a fallback that is larger than `server.max_body_bytes` passes to the first
  target that takes it. Once bytes are sent no other attempt follows, and that target's answer is the caller's. With
  hedging, which needs the body twice, and without `content-length` such an upload is a 413.
- The request log has the beginning of the body alone. Under another ASGI server than the gateway's own, bodies are
  held.

## Who keeps what

{{kept}}
## Who serves what

"""


def endpoints_page() -> str:
    """docs/endpoints.md, from the provider rows."""
    rows = ((f"`{name}`", ", ".join(f"`{slug}`" for slug in slugs)) for name, slugs in endpoint_table())
    kept = ((f"`/v1/{name}`", ", ".join(f"`{slug}`" for slug in slugs)) for name, slugs in resource_table())
    page = _ENDPOINTS.replace("{kept}", _table(("path", "providers"), kept))
    return page + _table(("operation", "providers"), rows)


def _other_names() -> Iterator[tuple[str, ...]]:
    for slug in PROVIDERS:
        names = [f"`{alias}`" for alias, named in ALIASES.items() if named == slug and "_" not in alias]
        if names:
            yield f"`{slug}`", ", ".join(names)


def _provider_cells(line: tuple[str, ...]) -> tuple[str, ...]:
    slug, name, serves, base_url, key, options, notes = line
    row = PROVIDERS[slug]
    link = f"[{name}]({row.docs.removeprefix('docs/')})"
    return f"`{slug}`", link, serves, f"`{base_url}`", _codes(key) if row.env else key, _codes(options), notes


def _codes(listed: str) -> str:
    return ", ".join(f"`{item}`" for item in listed.split(", ")) if listed else ""


def _changes() -> Iterator[tuple[str, ...]]:
    for slug, row in PROVIDERS.items():
        quirks = row.quirks
        for drop in quirks.drops:
            yield f"`{slug}`", f"`{drop.parameter}`", "left out", f"{drop.reason} ([source]({drop.link}))"
        for rename in quirks.renames:
            sent = f"sent as `{rename.to}`"
            yield f"`{slug}`", f"`{rename.parameter}`", sent, f"{rename.reason} ([source]({rename.link}))"
        if quirks.thinking is not None:
            sent = f"or sent as `{quirks.thinking.switch}`" if quirks.thinking.switch else ""
            yield f"`{slug}`", "`reasoning_effort`", f"in its models' words {sent}".rstrip(), "[models.md](models.md)"


_MODELS: Final = f"""\
# Models

{_NOTE}

What is known of families of models, as far as it changes what the gateway sends. A row is about every model whose name
begins so (`*` stands for anything, `#` for a digit), whatever a host puts around the name: regions, makers, paths and
versions. The first row that fits decides; a model that no row fits is taken to accept everything.

"""


def models_page() -> str:
    """docs/models.md, from the rows of traits/."""
    rows = [
        (
            f"`{row.pattern}`" + (f" at `{row.provider}`" if row.provider else ""),
            row.traits.family,
            "; ".join([*_facts(row.traits), *_facts_elsewhere(row)]) or "nothing special",
            f"[source]({row.link})" + (f" {row.reason}" if row.reason else ""),
        )
        for row in ROWS
    ]
    return _MODELS + _table(("models", "family", "what is known", "source"), rows)


def _facts_elsewhere(row: Row) -> Iterator[str]:
    """What such models refuse at one provider only."""
    for provider, names in row.refuses_at.items():
        yield f"at `{provider}` refuses {_codes(', '.join(sorted(names)))}"


def _facts(traits: Traits) -> Iterator[str]:
    """What sets a family apart from a model that takes everything."""
    if traits.max_completion_tokens is not None:
        yield f"`{'max_completion_tokens' if traits.max_completion_tokens else 'max_tokens'}` only"
    if traits.output_limit is not None:
        yield f"answers of up to {traits.output_limit:,} tokens"
    yield from _thinking_facts(traits)
    for names, text in ((traits.refuses, "refuses"), (traits.refuses_thinking, "while thinking refuses")):
        if names:
            yield f"{text} {_codes(', '.join(sorted(names)))}"
    if traits.one_of_sampling:
        yield "`temperature` or `top_p`, not both"
    if traits.forced_tools and traits.forced_while_thinking:
        yield "can be made to call a tool while it thinks"
    if traits.refuses_budget:
        yield "refuses `thinking.budget_tokens`"
    lacking = [name for name in _CAN if not getattr(traits, name)]
    if lacking:
        yield "no " + ", ".join(_CAN[name] for name in lacking)


_CAN: Final = {
    "tools": "tools",
    "forced_tools": "forced tool calls",
    "streams_tools": "tools in streams",
    "vision": "images",
    "documents": "documents",
    "json_schema": "JSON schemas",
    "json_with_tools": "JSON with tools",
    "prefill": "prefill",
    "system_role": "system messages",
}
_THINKS: Final = {
    "none": "",
    "budget": "thinks within a budget",
    "adaptive": "thinks by itself, with an effort",
    "level": "thinks at a level",
    "effort": "thinks by effort",
    "switch": "thinking is on or off",
}


def _thinking_facts(traits: Traits) -> Iterator[str]:
    words = traits.efforts or {word: f"{budget:,}" for word, budget in traits.budgets.items()}
    if traits.thinking != "none":
        told = ", ".join(f"{word} → {known}" if word != known else word for word, known in words.items())
        yield _THINKS[traits.thinking] + (f" ({told})" if told else "")
        if not traits.can_stop_thinking:
            yield "can't be stopped from thinking"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join([_line(head), "|" + "---|" * len(head), *map(_line, escaped)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def config_members_module() -> str:
    """console/src/config_members.ts: what the console's editor of configs completes."""
    options = sorted({option.name for provider in PROVIDERS.values() for option in provider.options})
    members = {**MEMBERS, "config": list(dict.fromkeys([*MEMBERS["config"], *options]))}
    values = {**VALUES, "provider": sorted(PROVIDERS)}
    return (
        "/** What the editor of configs completes: members by the object that holds them, and values by their member.\n"
        " *  Generated from the code: `python docs/generate.py` rewrites this file. */\n\n"
        f"export const MEMBERS: Record<string, string[]> = {json.dumps(members, indent=2)};\n\n"
        f"export const VALUES: Record<string, string[]> = {json.dumps(values, indent=2)};\n"
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/endpoints.md": endpoints_page,
    "docs/settings.md": settings_page,
    "docs/errors.md": errors_page,
    "docs/providers.md": providers_page,
    "docs/models.md": models_page,
    "penstock.example.toml": example_file,
    "console/src/config_members.ts": config_members_module,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
