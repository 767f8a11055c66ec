"""Functions, Google's own tools, and the choice among them."""

import pytest

from gemini_requests import (
    BY_SCHEMA,
    CLOCK_DECLARED,
    DECLARED,
    GEMMA,
    chooses,
    makes,
    of,
    offers,
    payload,
    told,
    written,
)
from matrix import (
    CLOCK,
    MATRIX,
    WEATHER,
    ask,
)
from penstock.core.failure import Failure, Kind
from penstock.traits import resolve


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("googleSearch", "googleSearch"),
        ("google_search", "googleSearch"),
        ("google_search_retrieval", "googleSearchRetrieval"),
        ("computer_use", "computerUse"),
        ("google_maps", "googleMaps"),
        ("urlContext", "urlContext"),
        ("code_execution", "codeExecution"),
    ],
)
def test_names_of_functions_that_are_reserved(name: str, own: str) -> None:
    function = {"type": "function", "function": {"name": name, "description": "d"}}
    assert payload(ask(tools=[function, WEATHER]))[0]["tools"] == [{"functionDeclarations": [DECLARED]}, {own: {}}]
    assert payload(ask(tools=[{"type": name}]))[0]["tools"] == [{own: {}}]
    assert payload(ask(tools=[{own: {"x": 1}}]))[0]["tools"] == [{own: {"x": 1}}]


def test_settings_of_googles_own_tools() -> None:
    place = {"latLng": {"latitude": 1, "longitude": 2}}
    tools = [
        {"type": "function", "function": {"name": "googleMaps", "parameters": {"enableWidget": True, "retrievalConfig": place}}},
        {"type": "function", "function": {"name": "google_search", "parameters": {"timeRangeFilter": {"startTime": "x"}, "type": "object"}}},
        {"type": "computer_use", "computer_use": {"environment": "ENVIRONMENT_BROWSER"}},
        {"type": "file_search", "fileSearchStoreNames": ["fileSearchStores/a"]},
    ]  # fmt: skip
    assert payload(ask(tools=tools)) == (
        told(
            tools=[
                {"googleMaps": {"enableWidget": True}},
                {"googleSearch": {"timeRangeFilter": {"startTime": "x"}}},
                {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}},
                {"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/a"]}},
            ],
            toolConfig={"retrievalConfig": place},
        ),
        (),
    )


SEARCH = {"type": "google_search"}


def test_no_tools_is_none_of_googles_own_either() -> None:
    assert payload(ask(tools=[SEARCH], tool_choice="none")) == (told(), ())
    assert payload(ask(tools=[WEATHER, SEARCH], tool_choice="none")) == (told(**offers(), **chooses("NONE")), ())
    assert payload(ask(tools=[SEARCH], tool_choice="auto")) == (told(tools=[{"googleSearch": {}}]), ())


def test_a_search_in_openais_words() -> None:
    options = {"search_context_size": "high", "user_location": {"type": "approximate", "approximate": {"city": "Rome"}}}
    named = ("web_search_options.search_context_size", "web_search_options.user_location")
    assert payload(ask(web_search_options=options)) == (told(tools=[{"googleSearch": {}}]), named)
    usual = {"search_context_size": "medium", "user_location": None}
    assert payload(ask(web_search_options=usual)) == (told(tools=[{"googleSearch": {}}]), ())
    assert payload(ask(tools=[SEARCH], web_search_options={})) == (
        told(tools=[{"googleSearch": {}}]),
        ("web_search_options",),
    )
    assert payload(ask(tools=[WEATHER], web_search_options={})) == (told(**offers()), ("web_search_options",))
    assert of(GEMMA, ask(web_search_options={})) == (told(), ("web_search_options",))


def test_a_painter_may_search_but_knows_no_functions() -> None:
    painter = resolve("gemini-3-pro-image-preview", "google")
    assert of(painter, ask(tools=[WEATHER, SEARCH])) == (told(tools=[{"googleSearch": {}}]), ("tools[0]",))
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert of(painter, ask(tools=[WEATHER], tool_choice=named)) == (told(), ("tools[0]", "tool_choice"))
    assert of(resolve("gemini-2.5-flash-image", "google"), ask(tools=[SEARCH])) == (told(), ("tools",))


def test_what_newer_models_refuse() -> None:
    penalties = ask(presence_penalty=0.5, frequency_penalty=0.5, n=2, logprobs=True, top_logprobs=3)
    more = {"candidateCount": 2, "responseLogprobs": True, "logprobs": 3}
    older = resolve("gemini-2.0-flash", "google")
    assert of(older, penalties)[0] == makes(presencePenalty=0.5, frequencyPenalty=0.5, **more)
    names = ("presence_penalty", "frequency_penalty")
    taken = makes(presencePenalty=0.5, frequencyPenalty=0.5, **more)
    assert of(resolve("gemini-2.5-pro", "vertex-ai"), penalties) == (taken, ())
    at_google = makes(candidateCount=2), (*names, "logprobs", "top_logprobs")
    assert of(resolve("gemini-2.5-pro", "google"), penalties) == at_google
    third = resolve("gemini-3-flash-preview", "google")
    assert of(third, penalties) == (told(), (*names, "n", "logprobs", "top_logprobs"))


def test_functions_and_json_exclude_each_other_before_the_third() -> None:
    body = MATRIX["format_and_tools"]
    for model in ("gemini-2.5-flash", "gemini-2.0-flash", "gemini-1.5-pro"):
        assert of(resolve(model), body) == (told(**offers()), ("response_format",))
    assert of(resolve("gemini-2.5-flash"), MATRIX["format_schema"]) == (makes(**BY_SCHEMA), ())
    assert of(resolve("gemini-3-flash-preview"), body) == (told(**offers(), generationConfig=BY_SCHEMA), ())


def test_a_callers_own_search_is_a_function() -> None:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    function = {"type": "function", "function": {"name": "google_search", "parameters": schema}}
    assert payload(ask(tools=[function])) == (told(**offers({"name": "google_search", "parameters": schema})), ())


def test_schemas_go_in_the_form_that_can_say_them() -> None:
    open_map = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}}}
    lossy = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}}}
    cleaned = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in (("a", open_map), ("b", lossy), ("c", {"type": "object"}))
    ]
    assert payload(ask(tools=tools)) == (
        told(
            **offers(
                {"name": "a", "parametersJsonSchema": open_map}, {"name": "b", "parameters": cleaned}, {"name": "c"}
            )
        ),
        ("tools[1].function.parameters.uniqueItems",),
    )
    form = {"type": "json_schema", "json_schema": {"name": "x", "description": "d", "schema": {**open_map, "not": {}}}}
    assert payload(ask(response_format=form)) == (
        makes(responseMimeType="application/json", responseJsonSchema=open_map),
        ("response_format.json_schema.description", "response_format.json_schema.schema.not"),
    )


def test_members_of_functions_that_gemini_knows() -> None:
    function = {**CLOCK["function"], "response": {"type": "string"}, "deferred": True}
    assert payload(ask(tools=[{"type": "function", "function": function}])) == (
        told(**offers({"name": "get_time", "response": {"type": "string"}})),
        ("tools[0].deferred",),
    )


def test_a_call_that_must_be_made_keeps_to_its_schema() -> None:
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    assert payload(ask(tools=[strict], tool_choice="required")) == (told(**offers(), **chooses("ANY")), ())


def test_only_the_allowed_functions_are_offered() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_time"}}]}
    body = ask(tools=[WEATHER, CLOCK], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert payload(body) == (told(**offers(CLOCK_DECLARED), **chooses("AUTO")), ())


def test_a_choice_of_what_is_not_there() -> None:
    found = written(ask(tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "get_time"}}))
    assert isinstance(found, Failure)
    assert (found.kind, found.param) == (Kind.INVALID_REQUEST, "tool_choice")
    assert payload(ask(tools=[{"type": "google_search"}], tool_choice="required"))[1] == ("tool_choice",)
    assert payload(ask(tool_choice="auto")) == (told(), ())


def test_a_callers_own_tool_config() -> None:
    own = {
        "include_server_side_tool_invocations": True,
        "functionCallingConfig": {"mode": "VALIDATED", "streamFunctionCallArguments": True},
    }
    assert payload(ask(tools=[WEATHER], tool_choice="auto", tool_config=own)) == (
        told(
            **offers(),
            toolConfig={"includeServerSideToolInvocations": True, "functionCallingConfig": {"mode": "VALIDATED"}},
        ),
        ("tool_config.function_calling_config.stream_function_call_arguments",),
    )
    assert of(GEMMA, ask(toolConfig={"retrievalConfig": {}})) == (told(toolConfig={"retrievalConfig": {}}), ())
