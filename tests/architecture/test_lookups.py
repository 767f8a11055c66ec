"""Questions of a newcomer, one at least for each room of the house, answered within one hop of docs/map.md.

The key words of a question lead to at most a few rows; one of them names a file that holds the answer.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock_map import Row, paths_in, rows

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penstock"
MAP = (ROOT / "docs" / "map.md").read_text("utf-8")
FEW = 3


class Lookup(NamedTuple):
    """A question, the words that a reader looks for, and where the answer is: a file and a name that it defines."""

    question: str
    words: tuple[str, ...]
    file: str
    name: str


LOOKUPS = [
    Lookup("Where is the first content of a stream told apart?", ("stream's", "first content"), "dialects/openai/relay/stream.py", "_has_content"),
    Lookup("Where is a provider's retry-after header read?", ("retry-after",), "dialects/provider_errors.py", "read_error"),
    Lookup("Where is a gateway key checked?", ("gateway key", "checked"), "pipeline/authenticate.py", "authenticate"),
    Lookup("Where does a response header of ours come from?", ("response header",), "pipeline/replies/response_headers.py", "with_response_headers"),
    Lookup("Where is it decided whether a retry is made?", ("retry is made",), "routing/retry.py", "decide"),
    Lookup("Which header of the caller is forwarded?", ("forwarded",), "routing/leaf.py", "_forward_headers"),
    Lookup("Where is the default max_tokens?", ("default", "max_tokens"), "dialects/anthropic/provider/thinking.py", "_DEFAULT_LIMIT"),
    Lookup("Where do ids of tool calls become different?", ("ids", "tool calls"), "dialects/call_ids.py", "CallIds"),
    Lookup("Where is [DONE] written after a translated stream?", ("[DONE]",), "dialects/openai/caller/chunks.py", "_DONE"),
    Lookup("What may an address be that the gateway connects to?", ("addresses", "called"), "core/address.py", "AddressPolicy"),
    Lookup("What tells two entries of the cache apart?", ("cache", "apart"), "pipeline/cache.py", "_key"),
    Lookup("How long is an idle connection kept?", ("idle connections",), "transport/pool.py", "PoolLimits"),
    Lookup("Where is a setting declared?", ("setting", "declared"), "settings/model.py", "Settings"),
    Lookup("Where is a line of the access log made?", ("access log", "message"), "observe/access_log.py", "AccessLog"),
    Lookup("Where is a request to AWS signed?", ("AWS", "signature"), "auth/aws_signature.py", "signature_lines"),
    Lookup("Where does it say that a model refuses a parameter?", ("quirk of one model",), "traits/families/others.py", "ROWS"),
    Lookup("Where are the numbers of identity cards looked for?", ("personal data", "kinds"), "guards/detect/personal.py", "_ssn"),
    Lookup("How does a change of penstock.toml get into force?", ("file changes",), "stores/file.py", "CatalogueFile"),
    Lookup("When does a monthly budget begin again?", ("window of budgets",), "limits/windows.py", "CalendarWindow"),
    Lookup("What does a cached token cost without a price of its own?", ("class of tokens costs",), "prices/charge.py", "_FALLBACK"),
    Lookup("What becomes of LiteLLM's fallbacks?", ("LiteLLM", "fallbacks"), "importers/litellm_branches.py", "fallbacks_of"),
    Lookup("Where is Azure's address put together?", ("Azure OpenAI",), "providers/azure.py", "_locate"),
    Lookup("What does the audit log leave out?", ("audit log", "hides"), "control/redact.py", "redacted"),
    Lookup("What happens to requests at SIGTERM?", ("signal",), "server/stopping.py", "GracefulServer"),
    Lookup("Where is a provider's credential made over HTTP?", ("/integrations", "models"), "admin/integrations.py", "_create"),
    Lookup("Where does `penstock check` begin?", ("penstock check",), "cli/check.py", "command"),
    Lookup("Where is the request log switched on?", ("part for the request log",), "app/logs.py", "request_log_of"),
    Lookup("Where is the link made that signs in to the console?", ("link", "signs in"), "cli/serve.py", "_first_sign_in"),
    Lookup("How are names looked up in the DNS?", ("DNS",), "transport/resolve.py", "Resolver"),
    Lookup("Where do the weights of a load balancer count?", ("balancer", "weight"), "routing/balance.py", "weighted"),
    Lookup("Where is a hedged attempt sent?", ("hedged attempts",), "pipeline/route.py", "Router"),
    Lookup("Why is half of a surrogate pair a question mark in the tables?", ("surrogate",), "core/storable_text.py", "storable_text"),
    Lookup("Where are environment variables read as settings?", ("environment variables",), "settings/load.py", "load"),
    Lookup("What is paid for a service tier?", ("service tier",), "pipeline/records/cost.py", "mode_of"),
    Lookup("How large may a body of the admin API be?", ("bodies", "bounds"), "admin/request_body.py", "LARGEST"),
    Lookup("What must a token's issuer answer?", ("issuer",), "auth/oauth.py", "read_token"),
    Lookup("How long before its end is a provider's token fetched anew?", ("token", "expires"), "pipeline/authorize.py", "_EARLY"),
    Lookup("What does `--budget` of `penstock key` become?", ("options", "limits"), "cli/limit_options.py", "budgets_of"),
    Lookup("How much of a gateway key is shown?", ("key", "masked"), "control/keys/text.py", "masked"),
    Lookup("What is a mail address?", ("mail address",), "core/mail_address.py", "is_mail_address"),
    Lookup("How large may a caller's baggage be?", ("baggage",), "core/trace_context.py", "_LONGEST_BAGGAGE"),
    Lookup("How is a frame of Bedrock's streams checked?", ("AWS event streams",), "dialects/framing/aws_eventstream.py", "EventStream"),
    Lookup("When is a number an IBAN?", ("IBAN",), "guards/detect/checksums.py", "mod97"),
    Lookup("What becomes of a window of 45 days that is imported?", ("any window",), "importers/windows.py", "Span"),
    Lookup("Which limit does a refusal tell, where several refuse?", ("several limits",), "limits/tightest.py", "tightest"),
    Lookup("How is a webhook of alerts signed?", ("alert", "channel"), "observe/alerts/channels.py", "signature"),
    Lookup("What if two requests bring the same Idempotency-Key?", ("Idempotency-Key", "once"), "pipeline/idempotency.py", "Idempotency"),
    Lookup("Where is a price in penstock.toml read?", ("overlay",), "prices/overlay.py", "read_overlay"),
    Lookup("For whom is a key in the operator's environment?", ("keys", "environment"), "providers/lending.py", "environment_keys"),
    Lookup("What may a regular expression in a condition hold?", ("regular expression",), "routing/javascript_regex.py", "Pattern"),
    Lookup("Which web pages may call the gateway?", ("CORS",), "server/origin.py", "Origins"),
    Lookup("How many failures raise an alert?", ("settings", "alerts"), "settings/alerts.py", "Alerts"),
    Lookup("How does a replica hear of a circuit that another one opened?", ("circuits", "workers"), "stores/redis/advice.py", "SharedAdvice"),
    Lookup("How does a model's name lead to its family?", ("family", "model"), "traits/row.py", "canonical"),
    Lookup("How much may a compressed reply unpack to at once?", ("compressed reply",), "transport/inflate.py", "_STEP"),
]  # fmt: skip


def found_by(words: tuple[str, ...]) -> list[Row]:
    return [row for row in rows(MAP) if all(word.lower() in " ".join(row.cells).lower() for word in words)]


def defined_in(path: Path) -> set[str]:
    """The names of functions, classes, methods and constants."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case _:
                pass
    return found


@pytest.mark.parametrize("lookup", LOOKUPS, ids=lambda lookup: lookup.question)
def test_the_map_answers_within_one_hop(lookup: Lookup) -> None:
    matching = found_by(lookup.words)
    assert 1 <= len(matching) <= FEW, [row.cells[0] for row in matching]
    assert lookup.file in {path for row in matching for path in paths_in(" ".join(row.cells))}
    assert lookup.name in defined_in(SOURCE / lookup.file)


def test_every_room_is_asked_for() -> None:
    """Every folder of the package that has rows in the map."""
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert {lookup.file.split("/")[0] for lookup in LOOKUPS if "/" in lookup.file} == rooms
