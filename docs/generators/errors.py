"""docs/errors.md, from core/failure.py and the words by which errors are known."""

from __future__ import annotations

from typing import Final

from generators.table import NOTE, table
from penstock.core.failure import MEANINGS, Blame, Kind, RetrySafety
from penstock.dialects import error_words

_MEANT: Final[dict[Kind, str]] = {
    Kind.INVALID_JSON: "The body is not a JSON object.",
    Kind.INVALID_REQUEST: "A part of the request can't be read: a wrong type, a damaged compression.",
    Kind.INVALID_CONTENT_TYPE: "The request's content type is not JSON.",
    Kind.UNSUPPORTED_ENCODING: "The body has another `content-encoding` than gzip or deflate. The response's header "
    "`accept-encoding` names these.",
    Kind.INVALID_CONFIG: "The config, or a header that stands for a part of it, can't be used; `param` says where.",
    Kind.MISSING_PROVIDER: "Neither a provider nor a config was named.",
    Kind.UNKNOWN_PROVIDER: "There is no provider of that slug.",
    Kind.INVALID_CUSTOM_HOST: "The custom host is no URL that the gateway may call.",
    Kind.MISSING_API_KEY: "The provider needs a key and none was given.",
    Kind.CREDENTIAL_REFUSED: "The credentials are complete, but whoever gives tokens for them (AWS STS, Google, Entra) "
    "refused; the message says why.",
    Kind.TOKEN_UNAVAILABLE: "Whoever gives tokens for the credentials can't be reached, or can't serve at the moment.",
    Kind.INVALID_GATEWAY_KEY: "The gateway has keys, and the request shows none, one that it doesn't know (code 03) "
    "or one that is over (code 01).",
    Kind.NOT_ALLOWED: "The gateway key does not allow what was named; or a foreign web page asks.",
    Kind.MODEL_NOT_ALLOWED: "The gateway key's or the virtual key's list of models does not hold the model.",
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
    Kind.UPSTREAM_STATUS: "The provider answered with an error status, which is kept; see above for the body. One that "
    "says that the request is wrong (400, 404, 413, 422 and their like) is the caller's in metrics and alerts.",
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

{NOTE}

An error of the gateway's own has the shape of the caller's API. In OpenAI's, `message` says what went wrong, where,
and what to do, `param` names the header, config member or body member at fault, `code` is one of those below. Beside it
stand the `status` and `message` that Portkey's clients know; this `message` begins with Portkey's sentence where there
is one, and goes on with the error's own. A config's problems are told together
([configs.md](configs.md#all-problems-at-once)). Anthropic's, Gemini's, Cohere's, Ollama's and Converse's error objects
([dialects.md](dialects.md)) have no place for the code: it stands in brackets behind the message.

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
Where the provider's own stream tells the error in this shape, nothing of the answer passes after it; a `[DONE]` of the
provider's does. A stream of several choices that ends without `[DONE]` is whole if each has its finish reason.

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

Callers of other APIs get the error object of theirs, `{{"type": "error", "error": {{"type": …, "message": …}}}}` in
Anthropic's, with the same message.

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
    codes = table(("code", "status", "type", "whose", "the same again", "meaning"), rows)
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
    return _ERRORS + codes + _CLASSES + table(_WORDS, words)
