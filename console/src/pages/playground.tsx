import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { address, errorOf, get } from "../api";
import { asCurl } from "../curl";
import { useDraft } from "../draft";
import { cents, count, duration } from "../format";
import { call, chunks, models, noGateway, toldBy, type Told, type ToolPiece, type Usage } from "../gateway";
import { readJson } from "../json_text";
import { asError, useLoad } from "../load";
import { link } from "../route";
import { may } from "../session";
import { AreaField, Button, Code, Facts, Failure, Field, Page, Section, TextField } from "../ui";
import type { ApiError } from "../api";
import { GatewayKey } from "./gateway_key";

interface Message {
  role: "user" | "assistant";
  content: string;
}

interface ToolCall {
  /** Its number in the stream: any number that the provider says. */
  index: number;
  name: string;
  arguments: string;
}

const MOST_IMAGES = 4;
/** Calls of tools that are shown of one answer. */
const MOST_CALLS = 128;
const LARGEST_IMAGE = 5 << 20;
const TOOLS = '[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]';

interface Answer {
  told?: Told;
  text: string;
  thought: string;
  calls: ToolCall[];
  usage: Usage | undefined;
  first: number | undefined;
  took: number | undefined;
  finish: string | undefined;
  cost: string | undefined;
  isStopped: boolean;
}

const NONE: Answer = {
  text: "", thought: "", calls: [], usage: undefined, first: undefined, took: undefined, finish: undefined, cost: undefined, isStopped: false,
};

/** What is typed, if nothing is yet. `model` and `second`: those of both sides. */
const BLANK = {
  prompt: "",
  system: "",
  tools: "",
  images: [] as string[],
  model: undefined as string | undefined,
  second: undefined as string | undefined,
  isDouble: false,
};

/** What the playground begins with: the body of a request that is replayed, handed over by the request's page. */
let replayed: { model: string; messages: Message[] } | undefined;

export function replay(body: unknown, model: string): void {
  const messages = (body as { messages?: { role: string; content: unknown }[] } | null)?.messages ?? [];
  replayed = {
    model,
    messages: messages.map((each) => ({
      role: each.role === "assistant" ? "assistant" : "user",
      content: typeof each.content === "string" ? each.content : JSON.stringify(each.content),
    })),
  };
}

export function Playground(props: { model: string }): JSX.Element {
  const [handed] = useState(() => {
    const found = replayed;
    replayed = undefined;
    return found;
  });
  const draft = useDraft(link("playground"), () => BLANK, { isScratch: true });
  const chosen = handed?.model || props.model;
  useState(() => {
    if (handed) draft.change({ ...BLANK, prompt: handed.messages.at(-1)?.content ?? "" });
    if (chosen) draft.change({ model: chosen });
  });
  const { prompt, system, tools, images, isDouble } = draft.value;
  // What is sent with the message is seen.
  const [isOpen] = useState(Boolean(system || tools || images.length));
  const [refused, setRefused] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const choose = async (files: FileList | null): Promise<void> => {
    const chosen = [...(files ?? [])].slice(0, MOST_IMAGES);
    const tooLarge = chosen.find((file) => file.size > LARGEST_IMAGE);
    setRefused(tooLarge ? `${tooLarge.name} is larger than ${LARGEST_IMAGE >> 20} MB.` : "");
    draft.change({ images: tooLarge ? [] : await Promise.all(chosen.map(asDataUrl)) });
  };
  const wrongTools = tools.trim() === "" ? undefined : toolsProblem(tools);
  const asked = { prompt, system, tools: tools.trim() && !wrongTools ? (JSON.parse(tools) as unknown[]) : undefined, images };
  const [asking, setAsking] = useState("");
  const known = useLoad(async () => (noGateway() ? [] : await models()), [asking]);
  const [turn, setTurn] = useState(0);
  const before = handed?.messages.slice(0, -1) ?? [];
  const reason = noGateway();
  return (
    <Page title="Playground" lead="A chat through the gateway, as a caller would send it. It is charged as any other.">
      {reason && <p class="notice">{reason}</p>}
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          setTurn(turn + 1);
        }}
      >
        <div class="fields">
          <AreaField label="Message" wide isProse rows={4} required value={prompt} onValue={(typed) => draft.change({ prompt: typed })} placeholder="Say hello." />
          <details class="wide" open={isOpen}>
            <summary>System message, tools, images, gateway key</summary>
            <div class="fields">
              <AreaField label="System message" isProse rows={2} value={system} onValue={(typed) => draft.change({ system: typed })} />
              <AreaField
                label="Tools"
                rows={4}
                value={tools}
                onValue={(typed) => draft.change({ tools: typed })}
                placeholder={TOOLS}
                error={wrongTools}
                hint="An array in JSON, as OpenAI has it. What the model calls is shown, and called by nobody"
              />
              <Field label="Images" hint={`Up to ${MOST_IMAGES}, of ${LARGEST_IMAGE >> 20} MB each`} error={refused || undefined}>
                {(attributes) => (
                  <>
                    <input
                      {...attributes}
                      ref={input}
                      type="file"
                      accept="image/*"
                      multiple
                      onChange={(event) => void choose(event.currentTarget.files)}
                    />
                    {images.length > 0 && (
                      <p class="row">
                        <span role="status">{images.length === 1 ? "1 image goes" : `${images.length} images go`} with the message</span>
                        <Button
                          look="quiet"
                          onClick={() => {
                            if (input.current) input.current.value = "";
                            void choose(null);
                          }}
                        >
                          Without
                        </Button>
                      </p>
                    )}
                  </>
                )}
              </Field>
              <GatewayKey onTyped={setAsking} />
            </div>
          </details>
        </div>
        <footer>
          <Button type="submit" look="main" disabled={!prompt.trim() || Boolean(reason) || Boolean(wrongTools)}>
            Send
          </Button>
          <Button aria-pressed={isDouble} onClick={() => draft.change({ isDouble: !isDouble })}>
            Side by side
          </Button>
        </footer>
      </form>
      {handed && handed.messages.length === 0 && (
        <p class="notice">The messages of this request were not kept (logs.content): the model is that of the request.</p>
      )}
      {before.length > 0 && <p class="hint">{before.length} earlier messages of the replayed request are sent before it.</p>}
      <Failure error={known.error} />
      <div class="columns">
        <Side
          number={1}
          models={known.data ?? []}
          typed={draft.value.model}
          onModel={(model) => draft.change({ model })}
          turn={turn}
          asked={asked}
          before={before}
        />
        {isDouble && (
          <Side
            number={2}
            models={known.data ?? []}
            typed={draft.value.second}
            onModel={(second) => draft.change({ second })}
            turn={turn}
            asked={asked}
            before={before}
          />
        )}
      </div>
    </Page>
  );
}

interface Asked {
  prompt: string;
  system: string;
  tools: unknown[] | undefined;
  /** As data URLs. */
  images: string[];
}

interface SideProps {
  number: number;
  models: string[];
  /** The model that somebody has typed. */
  typed: string | undefined;
  onModel: (model: string) => void;
  turn: number;
  asked: Asked;
  before: Message[];
}

function Side(props: SideProps): JSX.Element {
  const model = props.typed ?? props.models[0] ?? "echo/echo";
  const [answer, setAnswer] = useState<Answer>(NONE);
  const [error, setError] = useState<ApiError>();
  const [stop, setStop] = useState<() => void>();
  /** The question that is being answered: of one before it nothing is shown any more. */
  const current = useRef<AbortController>();
  const seen = useRef(props.turn);
  useEffect(() => () => current.current?.abort(), []);
  const body = bodyOf(props, model);
  if (seen.current !== props.turn) {
    seen.current = props.turn;
    queueMicrotask(() => void send());
  }
  const send = async (): Promise<void> => {
    current.current?.abort();
    const aborting = (current.current = new AbortController());
    const isCurrent = (): boolean => current.current === aborting;
    setStop(() => () => aborting.abort());
    setError(undefined);
    let shown: Answer = NONE;
    const show = (more: Partial<Answer>): void => {
      shown = { ...shown, ...more };
      if (isCurrent()) setAnswer(shown);
    };
    show({});
    const began = performance.now();
    try {
      const response = await call("POST", "/v1/chat/completions", body, {}, aborting.signal);
      if (!response.ok) {
        show({ told: toldBy(response) });
        throw await errorOf(response);
      }
      show({ told: toldBy(response) });
      for await (const chunk of chunks(response)) {
        if (chunk.error) throw new Error(chunk.error.message);
        const choice = chunk.choices?.[0];
        const text = choice?.delta?.content ?? "";
        const thought = choice?.delta?.reasoning_content ?? "";
        show({
          text: shown.text + text,
          thought: shown.thought + thought,
          first: shown.first ?? (text || thought || choice?.delta?.tool_calls ? performance.now() - began : undefined),
          calls: withCalls(shown.calls, choice?.delta?.tool_calls ?? []),
          finish: choice?.finish_reason ?? shown.finish,
          usage: chunk.usage ?? shown.usage,
        });
      }
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") show({ isStopped: true });
      else if (isCurrent()) setError(asError(problem));
    } finally {
      show({ took: performance.now() - began });
      if (isCurrent()) setStop(undefined);
    }
    if (isCurrent() && shown.told?.trace) show({ cost: await costOf(shown.told.trace) });
  };
  return (
    <Section
      title={`Answer ${props.number}`}
      actions={
        stop && (
          <Button look="danger" onClick={() => stop()}>
            Stop
          </Button>
        )
      }
    >
      <TextField
        label="Model"
        value={model}
        options={props.models}
        onValue={props.onModel}
        hint="provider/model or @name/model"
      />
      <Failure error={error} />
      <div class="answer" aria-live="polite" aria-busy={stop !== undefined}>
        {answer.thought && <p class="thought">{answer.thought}</p>}
        {answer.calls.map((each, index) => (
          <Code key={index} label={`Calls ${each.name}`} text={each.arguments} />
        ))}
        {answer.text || answer.calls.length > 0 ? answer.text : (stop ? "…" : <span class="hint">The answer comes here.</span>)}
        {answer.calls.length === MOST_CALLS && <p class="hint">Of more calls than {MOST_CALLS} none is shown.</p>}
        {answer.isStopped && <p class="hint">Stopped.</p>}
      </div>
      {answer.told && <AnswerFacts answer={answer} />}
      <details>
        <summary>As code</summary>
        <Code label="curl" text={asCurl("/v1/chat/completions", shortened(body))} />
        <Code label="Python" text={asPython(shortened(body))} />
      </details>
    </Section>
  );
}

function AnswerFacts(props: { answer: Answer }): JSX.Element {
  const { answer } = props;
  const trace = answer.told?.trace ?? "";
  return (
    <Facts
      facts={[
        ["First token", duration(answer.first)],
        ["Took", duration(answer.took)],
        ["Tokens", answer.usage ? `${count(answer.usage.prompt_tokens)} in, ${count(answer.usage.completion_tokens)} out` : "–"],
        ["Cost", answer.cost ?? "in the request log"],
        ["Ended", answer.finish ?? "–"],
        ["Attempts", answer.told?.path ?? "–"],
        ["Trace", may("logs.list") ? <a href={`${link("requests")}?trace_id=${trace}`}><code>{trace}</code></a> : <code>{trace}</code>],
      ]}
    />
  );
}

/** What is wrong with the text of tools; undefined for an array in JSON. */
function toolsProblem(text: string): string | undefined {
  const { value, problem } = readJson(text);
  if (problem) return `Line ${problem.line}: ${problem.message}.`;
  return Array.isArray(value) && value.length > 0 ? undefined : "An array of tools is expected.";
}

const asDataUrl = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("The file can't be read."));
    reader.readAsDataURL(file);
  });

/** The calls so far with what a chunk adds to them, in the order of their first pieces. */
function withCalls(calls: ToolCall[], pieces: ToolPiece[]): ToolCall[] {
  const found = [...calls];
  for (const { index, function: piece } of pieces) {
    const known = found.findIndex((each) => each.index === index);
    const place = known < 0 ? found.length : known;
    if (place >= MOST_CALLS) continue;
    const { name, arguments: text } = found[place] ?? { name: "", arguments: "" };
    found[place] = { index, name: name + (piece?.name ?? ""), arguments: text + (piece?.arguments ?? "") };
  }
  return found;
}

/** The cost of a request that has just ended, by the request log; undefined where there is none. */
async function costOf(trace: string): Promise<string | undefined> {
  if (!may("logs.list")) return undefined;
  try {
    for (let turn = 0; turn < 5; turn++) {
      const rows = await get<{ data: { cost: number | null }[] }>("/logs", { trace_id: trace });
      const row = rows.data[0];
      if (row) return row.cost === null ? "unknown price" : cents(row.cost);
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
  } catch {
    // Without a request log the cost is told nowhere: a stream's head leaves before its usage is known.
  }
  return undefined;
}

function bodyOf(props: SideProps, model: string): Record<string, unknown> {
  const { prompt, images, tools } = props.asked;
  const system = props.asked.system.trim() ? [{ role: "system", content: props.asked.system }] : [];
  const text = prompt || "Hello!";
  const pictures = images.map((url) => ({ type: "image_url", image_url: { url } }));
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      ...system,
      ...props.before,
      { role: "user", content: pictures.length ? [{ type: "text", text }, ...pictures] : text },
    ],
    ...(tools ? { tools } : {}),
  };
}

/** A body as code shows it: of a picture only the beginning. */
const shortened = (body: Record<string, unknown>): Record<string, unknown> =>
  JSON.parse(
    JSON.stringify(body, (_, value: unknown) =>
      typeof value === "string" && value.startsWith("data:") && value.length > 80 ? `${value.slice(0, 40)}…` : value,
    ),
  ) as Record<string, unknown>;

function asPython(body: Record<string, unknown>): string {
  return [
    ...(body["tools"] ? ["import json"] : []),
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${address("/v1")}", api_key=os.environ["PENSTOCK_KEY"])`,
    "stream = client.chat.completions.create(",
    `    model=${JSON.stringify(body["model"])},`,
    `    messages=${JSON.stringify(body["messages"], null, 4).replaceAll("\n", "\n    ")},`,
    ...(body["tools"] ? [`    tools=json.loads(${JSON.stringify(JSON.stringify(body["tools"]))}),`] : []),
    "    stream=True,",
    ")",
    "for chunk in stream:",
    '    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="")',
  ].join("\n");
}
