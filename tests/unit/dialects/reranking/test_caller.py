from penstock.dialects.cohere.caller.dialect import COHERE as CHAT
from penstock.dialects.openai.caller.endpoints import TYPED
from penstock.dialects.reranking.caller import COHERE


def test_errors_are_told_as_coheres_clients_know_them() -> None:
    assert COHERE.errors is CHAT.errors
    assert COHERE.relay is TYPED.relay
