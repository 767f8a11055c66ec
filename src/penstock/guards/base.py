"""What a check is: an id, and parameters that are read once, with the plan, into a judge.

A family of checks is one file in ``checks/`` with its ``CHECKS``; registry.py lists the families. How to add a check is
told in docs/guardrails.md#a-check-of-your-own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from penstock.core.json_text import with_needed_escapes, write_json
from penstock.core.secret import Secret
from penstock.core.segments import Pointer, Segment, SegmentKind
from penstock.guards.guarded_body import GuardedBody

if TYPE_CHECKING:
    from penstock.guards.detect.spans import DetectRule
    from penstock.guards.hold import HoldRule
    from penstock.guards.parameters import Parameters


class Phase(Enum):
    """When a hook runs. The values are the names in what webhooks are sent."""

    BEFORE = "beforeRequestHook"
    AFTER = "afterRequestHook"


BOTH: Final = frozenset(Phase)
_NOTHING: Final[Mapping[str, Any]] = {}


class Reads(Enum):
    """What a check of requests reads: texts; members that say what is asked for, the model first; or who asks. The
    latter two judge requests of all kinds, whose texts no guard can read among them."""

    TEXTS = "texts"
    MODEL = "model"
    CALLER = "caller"


class CheckError(msgspec.Struct, frozen=True):
    """Why a check could not judge. ``name`` is ``Error``, ``TypeError``, ``HttpError`` or ``TimeoutError``; neither
    text holds what was checked."""

    message: str
    name: str = "Error"


class Edit(msgspec.Struct, frozen=True):
    """A part of one segment's text, in characters, and the text that takes its place."""

    pointer: Pointer
    start: int
    end: int
    replacement: str


class Judgement(msgspec.Struct, frozen=True):
    """What a check says. ``data`` is told to the caller, with Portkey's names. ``edits`` change texts of the body that
    was judged; ``body``, JSON, replaces all of it. With ``error`` a true verdict passes, where there is nothing to
    judge, say; a false one passes unless the check fails closed (docs/guardrails.md#errors)."""

    verdict: bool
    data: Any = None
    error: CheckError | None = None
    edits: tuple[Edit, ...] = ()
    body: bytes | None = None
    restores: Mapping[str, str] = {}
    """What the edits put in place of texts of the request -> those texts, which the answer gets back."""
    headers: Mapping[str, str | None] = {}
    """Header fields that the provider gets, by their names in lower case; None for one that it does not get, whatever
    the caller sends."""


def could_not(message: str, name: str = "Error", data: Any = None) -> Judgement:
    """The judgement of a check that could not judge."""
    return Judgement(verdict=False, data=data, error=CheckError(message, name))


NO_EXCERPT: Final = "No text available"


def no_text(data: Mapping[str, Any]) -> Judgement:
    """The judgement of a check that was given no text. ``told`` are further members of its data."""
    message = "There is no text to check."
    return could_not(message, data={"explanation": message, "textExcerpt": NO_EXCERPT, **data})


LazyMembers = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""Labels or headers of a request, or what makes them when a check asks for the first time."""


def _no_time_passes() -> float:
    return 0.0


class Context(msgspec.Struct, eq=False):
    """What a check is given.

    ``segments`` are the texts in the check's scope: of the request before, of the answer after. ``request_type`` is
    Portkey's name of the operation (``chatComplete``). ``response`` is None before. ``operator_metadata`` is the part
    of the metadata that the caller can't choose: a gateway key's. ``trace`` is the request's trace id, ``now`` in
    seconds since 1970. ``labels``, ``fields`` and ``chosen`` are what ``metadata``, ``headers`` and ``segments`` are
    read from. ``is_plain``: the texts are those of plain messages, none of them a tool call. ``clock`` tells seconds
    since any moment, for limits of what takes several steps.
    """

    phase: Phase
    request_type: str
    provider: str
    request: GuardedBody
    response: GuardedBody | None = None
    labels: LazyMembers = _NOTHING
    operator_metadata: Mapping[str, Any] = _NOTHING
    fields: LazyMembers = _NOTHING
    is_streaming: bool = False
    status: int | None = None
    chosen: tuple[Segment, ...] | Callable[[], tuple[Segment, ...]] = ()
    trace: str = ""
    now: float = 0.0
    known_text: str | None = None
    is_plain: bool = False
    clock: Callable[[], float] = _no_time_passes

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The labels of the request: the gateway key's, and the caller's own."""
        if callable(self.labels):
            self.labels = self.labels()
        return self.labels

    @property
    def headers(self) -> Mapping[str, str]:
        """The caller's headers, by lower-case name: no check sends them anywhere."""
        if callable(self.fields):
            self.fields = self.fields()
        return self.fields

    @property
    def body(self) -> GuardedBody:
        """The body that is judged."""
        return self.request if self.response is None else self.response

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The texts in scope, each with its place."""
        if callable(self.chosen):
            self.chosen = self.chosen()
        return self.chosen

    @property
    def text(self) -> str:
        """The texts in scope, one on a line of its own; empty ones are left out."""
        text = self.known_text
        if text is None:
            segments = self.segments
            if len(segments) == 1:
                text = _read_text(segments[0])
            else:
                text = "\n".join([_read_text(segment) for segment in segments if segment.text])
            self.known_text = text
        return text


def _read_text(segment: Segment) -> str:
    """A text as whoever reads it has it: of the JSON of a tool call without escapes that it does not need, which would
    hide a word from checks."""
    text = segment.text
    is_json = segment.kind is SegmentKind.TOOL_CALL and "\\" in text and text.lstrip()[:1] in {"{", "["}
    return with_needed_escapes(text) if is_json else text


class CloudIdentity(msgspec.Struct, frozen=True):
    """Who signs a call: ``cloud`` is ``aws`` or ``azure``, the options are named as those of a target
    (docs/portkey.md#provider-settings). ``lends_own``: it may be the gateway's own identity."""

    cloud: str
    options: Mapping[str, Secret]
    lends_own: bool = False


class OutboundRequest(msgspec.Struct, frozen=True):
    """A call of a check to another server. ``timeout`` is in seconds, ``limit`` the most bytes of a reply, 0 for a
    reply whose body doesn't matter. With an ``identity`` the call is signed, or shows a token. A call whose connection
    breaks before a byte of the reply came is made once more, within the same time."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeout: float = 5.0
    limit: int = 1 << 20
    identity: CloudIdentity | None = None


class OutboundReply(msgspec.Struct, frozen=True):
    """What the other server said. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ModelQuestion(msgspec.Struct, frozen=True):
    """A question of a check to a model. ``config`` is a value of the header x-portkey-config: the name of a saved
    config or a JSON object, empty without one; ``model`` may name who answers (``@my-key/gpt-5-mini``). ``messages``
    are roles and texts. ``is_operators``: the operator wrote the guard, whose targets the caller need not be allowed
    to use."""

    config: str
    model: str
    messages: tuple[tuple[str, str], ...]
    most_tokens: int | None = None
    is_operators: bool = False


class ModelReply(msgspec.Struct, frozen=True):
    """What the model said. Counts of tokens are None where the provider tells none; ``cost`` is in dollars, where
    callers are told what things cost."""

    text: str
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: str | None = None


class Outbound(Protocol):
    """The way out for checks: it keeps to the address policy, the time limit and the size limit."""

    async def send(self, request: OutboundRequest) -> OutboundReply | CheckError:
        """The reply; the error of an address that is refused, of a server that fails or is late, of a long reply."""
        ...

    async def fetch(
        self, request: OutboundRequest, seconds: float, *, renews: bool = False
    ) -> OutboundReply | CheckError:
        """The reply to a request whose good replies are kept for some seconds, for all who ask alike; errors for half a
        minute. ``renews``: ask again, unless somebody just did."""
        ...

    async def send_all(self, requests: Sequence[OutboundRequest]) -> Sequence[OutboundReply | CheckError]:
        """The replies to several requests that are sent at the same time, in their order."""
        ...

    def tell(self, request: OutboundRequest) -> bool:
        """Send a request beside the caller's, whose reply nobody waits for; False where too many are under way."""
        ...

    async def resolves(self, hosts: Sequence[str]) -> Sequence[bool]:
        """Whether the names of some hosts have addresses that may be called, in their order."""
        ...

    async def ask_model(self, question: ModelQuestion) -> ModelReply | CheckError:
        """What a model of the gateway's own targets answers, which no guard judges."""
        ...


Judge = Callable[[Context], Judgement]
Glance = Callable[[str], bytes | None]
Ask = Callable[[Context, Outbound], Awaitable[Judgement]]


class Prepared(msgspec.Struct, frozen=True):
    """A check with its parameters. ``judge`` decides at once; ``ask`` needs another server (exactly one is given).

    ``hold``: what the check looks for in a stream as it arrives, None for a check that needs the whole text.
    ``size`` is the memory of the patterns and lists, in bytes. ``transforms``: with these parameters the check changes
    texts (``redact``), though not every check of its kind does. ``restores``: the judgement may say what to put back.
    ``servers``: how many servers ``ask`` may ask. ``tells``: the header fields that judgements may tell the provider.
    ``glance`` tells the data of a judgement that passes plain messages with this text, as JSON; None where ``judge``
    has to look. ``clean`` are these data where they are always the same. ``judges_text``: it judges the arguments of a
    tool call as the text that they are, and not the strings in them.
    """

    judge: Judge | None = None
    ask: Ask | None = None
    hold: HoldRule | DetectRule | None = None
    size: int = 0
    transforms: bool = False
    restores: bool = False
    only_looks: bool = False
    """Whether a check that is there to change texts changes none with these parameters."""
    servers: int = 1
    tells: tuple[str, ...] = ()
    glance: Glance | None = None
    clean: bytes | None = None
    judges_text: bool = False


def judging_text(
    judge: Callable[[str], Judgement],
    *,
    hold: HoldRule | DetectRule | None = None,
    size: int = 0,
    glance: Glance | None = None,
    clean: bytes | None = None,
) -> Prepared:
    """A check that reads nothing but its text, and changes nothing."""

    def judged(text: str) -> bytes | None:
        judgement = judge(text)
        return write_json(judgement.data) if judgement.verdict and judgement.error is None else None

    glance = glance or judged
    return Prepared(
        lambda context: judge(context.text), hold=hold, size=size, glance=glance, clean=clean, judges_text=True
    )


class Check(msgspec.Struct, frozen=True):
    """One check. ``prepare`` reads the parameters, and tells what is wrong with them (``Parameters.complain``).

    ``fails_closed``: an error of the check counts as a false verdict unless its parameters say otherwise: it decides
    who may do what. ``transforms``: it is there to change texts; ``replaces``: it may replace the whole body.
    ``quotes``: its data is the reply of another server, which may quote what was judged anywhere. ``aliases`` are other
    ids.
    """

    id: str
    prepare: Callable[[Parameters], Prepared]
    phases: frozenset[Phase] = BOTH
    fails_closed: bool = False
    transforms: bool = False
    replaces: bool = False
    quotes: bool = False
    aliases: tuple[str, ...] = ()
    has_kinds: bool = False
    """Whether the parameter ``kinds`` is the check's own, and not what kinds of texts it sees."""
    reads: Reads = Reads.TEXTS
    only_marks: bool = False
    """Whether no guard that denies may hold the check: what it finds proves nothing."""
    informs: bool = False
    """Whether it is there to tell another server something: no denial makes it needless."""
    scope: str = "last"
    """Which messages of a request it sees, unless a config says otherwise."""
    timeout: float = 5.0
    """Seconds that a check which asks another server has, unless its parameters say otherwise."""
