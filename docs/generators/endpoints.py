"""docs/endpoints.md, from the places of the rows of providers/."""

from __future__ import annotations

from typing import Final

from generators.table import NOTE, table
from penstock.providers.registry import endpoint_table, resource_table

_ENDPOINTS: Final = f"""\
# Endpoints

{NOTE}

What callers reach beside `POST /v1/chat/completions` and `POST /v1/messages`. Every endpoint takes the same headers,
gateway keys, configs, retries, fallbacks, limits and budgets, and writes the same records. A provider that lacks an
endpoint is told as such (400 `unsupported_operation`).

- **Replies pass as they came**: pictures, sound, subtitles as text, server-sent events. Sound is relayed from its
  first byte on; until then a fallback is possible. Where the host says no media type, it follows `response_format`.
- **Forms** (`multipart/form-data`) pass with the caller's bytes and boundary. `model` and `stream` are read from their
  fields; a config's `override_params`, `default_params` and `drop_params` change fields, and nothing else of the form
  is written anew. A form that could be read in two ways (two fields `model`, a part with two names, a boundary behind
  half a line end) is a 400.
- **Usage** is what reply and request tell: tokens, pictures, seconds of sound and video, characters that are spoken,
  search units; all of them have prices ([prices.md](prices.md#overlay)). Subtitles tell the seconds by their last time;
  a transcript as plain text tells none, and its cost is unknown. A strict budget needs to know beforehand
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
`audio/translations` beside it; sessions of realtime are at `/openai/realtime?deployment=MODEL`. Their key stands in
`api-key`. `MODEL` says who answers as a model elsewhere does; a form names it in its field `model`.

## Requests of Responses at the path of chat completions

Cursor's agent posts the body of a request of Responses (`input` in place of `messages`) to `/v1/chat/completions`, and
reads chat completions. Such a body is read as Responses are, translated for every host, and answered as a chat
completion; what a chat can't say is named in `x-penstock-dropped-params` by its name in Responses. What refers to
responses that a provider keeps (`previous_response_id`, items by reference) is a 400 there.

Tools for free text (`"type": "custom"`) work with every host, nested as chat completions have them or flat as Responses
do, which Cursor mixes. Where the host knows none, the model is offered a function that takes one text, with the grammar
in its description (not enforced, and so named as dropped), and its calls come back as calls of the custom tool.

## What passes as it is

What a provider keeps for its callers (files, uploads, batches, fine-tuning, vector stores, assistants and threads,
containers, conversations, evals, skills, videos, stored chat completions, own models, Anthropic's message batches,
files and skills, Gemini's files, cached contents, batches and interactions), `/v1/proxy/PATH`, and any other path below
`/v1`: method, path, query, headers and bytes pass, replies and errors come back untouched, whatever their media type.
`PATH` is appended to the provider's base URL. HEAD passes as HEAD (at an endpoint of the gateway's own a provider is
asked with GET, and the caller gets the head alone). Behind it stand the same gateway keys, address policy, limits and
records:

- Credentials, cookies and headers about the way (`x-forwarded-*`, `x-portkey-*`) stay behind; the provider gets its
  key as in every request. `?key=` and its like are taken out of the query, and so is each header and each pair of the
  query that holds a gateway key.
- `PATH` goes out as it came: `%2F` in a name is no slash. A path with an empty segment or with dots is a 404, also
  where only some hosts would see dots in it: `..;`, `..\\`, `%252e%252e`, and bytes that are not UTF-8 (`%C0%AE`).
- A JSON object is read and changed by a config's parameters, whatever its media type says, any other body never. A body
  that says it is JSON and isn't is a 400. Usage is read where a reply of JSON, or the end of a stream,
  tells it in the shape of the path's API (OpenAI's, Anthropic's, Gemini's interactions; seconds of videos). A strict
  limit refuses what it can't bound, a body that it can't read among it; files and uploads are let through.
- With a guard that denies, nothing passes that a model is asked with ([guardrails.md](guardrails.md#which-requests)).
- Where a gateway key or a virtual key allows certain models only, nothing but `GET`, `HEAD` and `DELETE` without a body
  passes: nobody looks at the models that such a request may use. Of models, only allowed ones are deleted.
- **What is kept belongs to one account.** A config with targets at several makes it at the first, once, with retries
  only before anything was sent; a request that names an id of none of them is then a 400: name the provider or the
  virtual key. Where the next request may not name the target again (a config with several accounts, a model that names
  one: `@NAME/gpt-5`) ids are [bound](responses.md#ids): they say which account has the thing, for the tenant who made
  it, and need nothing beside them. They are written into replies of JSON, and read in paths, queries and bodies of JSON
  (members up to 256 KiB), of Gemini also in names (`batches/ID`, `files/ID`, `cachedContents/ID`; a file's `uri` stays
  as it is). Other ids pass as they are, and so do a caller's own notes (`metadata`, `attributes`, rows of evals) and
  the bytes of files. A chat or a message that names a file goes to the account that has it. Image edits read no bound
  ids: for a file that these name, say the target where it is uploaded (`/@NAME/v1/files`), and its own id comes back. A
  bound id of another tenant is a 404, one whose target the request can't reach any more a 409 `target_gone`.
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
  hedging, which needs the body twice, and without `content-length` such an upload is a 413. Where the host turns out to
  have closed an idle connection before any of the body behind its first fields was sent, a new one is made.
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
    page = _ENDPOINTS.replace("{kept}", table(("path", "providers"), kept))
    return page + table(("operation", "providers"), rows)
