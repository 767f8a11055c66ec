"""Reranking at hosts whose form is near the common one, which Cohere and Jina share.

In: model, query, documents (texts, or objects with ``text``), top_n, return_documents. Out: results by relevance, the
host's units in ``meta``, tokens in ``usage``. Sources: https://docs.cohere.com/reference/rerank,
https://docs.voyageai.com/reference/reranker-api,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-rerank.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, read_json_or_none, write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.task_dialect import TaskPayload, WholeReply, invalid, unusable

_OWN: Final = frozenset({"model", "query", "documents", "top_n", "return_documents"})


class RerankForm(msgspec.Struct, frozen=True):
    """How one host differs: names of members, and the member with the results.

    ``documents_of_unit``: the host bills a unit for so many documents, and doesn't tell how many units; 0: it tells.
    ``others`` are members beyond the common ones that it knows, by the caller's name, with its own name.
    """

    top_n: str
    results: str
    most: int
    has_model: bool = True
    documents_of_unit: int = 0
    others: Mapping[str, str] = {}


COHERE: Final = RerankForm(
    "top_n", "results", 1000, others={"max_tokens_per_doc": "max_tokens_per_doc", "priority": "priority"}
)
VOYAGE: Final = RerankForm("top_k", "data", 1000, others={"truncation": "truncation"})
BEDROCK: Final = RerankForm("top_n", "results", 1000, has_model=False, documents_of_unit=100)
"""Units: https://aws.amazon.com/bedrock/pricing, "Rerank"."""


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _ReplySpec(msgspec.Struct, frozen=True):
    """What the reply is made with: the host's form, the names in messages, and the documents where they are wanted."""

    form: RerankForm
    model: str
    provider: str
    count: int
    documents: tuple[Any, ...] = ()


_RESULTS: Final = msgspec.json.Decoder(list[_Result])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def write(form: RerankForm, body: Body, context: WriteContext) -> TaskPayload | Failure:
    """The request for a host."""
    try:
        values = {name: body.value(name) for name in body}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    query, documents = values.get("query"), values.get("documents")
    if not isinstance(query, str) or not query:
        return invalid("query", "a text")
    texts = [_text(each) for each in documents] if isinstance(documents, list) else []
    if not texts or len(texts) > form.most or None in texts:
        return invalid("documents", f"a list of 1 to {form.most} texts, or of objects with text")
    top_n = values.get("top_n")
    if top_n is not None and (type(top_n) is not int or top_n < 1):
        return invalid("top_n", "a whole number above 0")
    members: dict[str, Any] = {"model": context.model} if form.has_model else {"api_version": 2}
    members |= {"query": query, "documents": texts}
    if top_n is not None:
        members[form.top_n] = min(top_n, len(texts))
    members |= {their: values[ours] for ours, their in form.others.items() if values.get(ours) is not None}
    dropped = tuple(
        name for name in values if name not in _OWN and name not in form.others and values[name] is not None
    )
    wanted = tuple(documents or ()) if values.get("return_documents") is True else ()
    spec = _ReplySpec(form, context.model, context.provider, len(texts), wanted)
    return TaskPayload((write_json(members),), partial(_read, spec), dropped)


def _text(document: Any) -> str | None:
    text = document.get("text") if isinstance(document, dict) else document
    return text if isinstance(text, str) else None


def _read(spec: _ReplySpec, replies: Sequence[WholeReply]) -> bytes | Failure:
    try:
        members = _MEMBERS.decode(replies[0].body)
        results = _RESULTS.decode(members[spec.form.results])
    except (*UNREADABLE, KeyError):
        return unusable(spec.provider, "sent a reply without results")
    if any(not 0 <= each.index < spec.count for each in results):
        return unusable(spec.provider, "ranked a document that there is not")
    ranked = sorted(results, key=lambda each: (-each.relevance_score, each.index))
    values: dict[str, Any] = {name: read_json_or_none(members[name]) for name in ("id", "meta") if name in members}
    usage = read_json_or_none(members["usage"]) if "usage" in members else None
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    values |= {"model": spec.model, "results": [_result(each, spec) for each in ranked]}
    if spec.form.documents_of_unit and "meta" not in values:
        units = math.ceil(spec.count / spec.form.documents_of_unit)
        values["meta"] = {"billed_units": {"search_units": units}}
    if type(tokens) is int:
        values["usage"] = {"total_tokens": tokens}
    return write_json(values)


def _result(result: _Result, spec: _ReplySpec) -> dict[str, Any]:
    written: dict[str, Any] = {"index": result.index, "relevance_score": result.relevance_score}
    if spec.documents:
        document = spec.documents[result.index]
        written["document"] = document if isinstance(document, dict) else {"text": document}
    return written
