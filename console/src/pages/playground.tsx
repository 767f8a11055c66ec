import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { address, errorOf, get } from "../api";
import { cents, count, duration } from "../format";
import { call, chunks, hasGatewayKey, models, noGateway, setGatewayKey, toldBy, type Told, type Usage } from "../gateway";
import { asError, useLoad } from "../load";
import { link } from "../route";
import { may } from "../session";
import { AreaField, Button, Code, Facts, Failure, Page, Section, TextField } from "../ui";
import type { ApiError } from "../api";

interface Message {
  role: "user" | "assistant";
  content: string;
}

interface Answer {
  told?: Told;
  text: string;
  thought: string;
  usage: Usage | undefined;
  first: number | undefined;
  took: number | undefined;
  finish: string | undefined;
  cost: string | undefined;
  isStopped: boolean;
}

const NONE: Answer = {
  text: "", thought: "", usage: undefined, first: undefined, took: undefined, finish: undefined, cost: undefined, isStopped: false,
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
  const [prompt, setPrompt] = useState(handed?.messages.at(-1)?.content ?? "");
  const [system, setSystem] = useState("");
  const [key, setKey] = useState("");
  const [isDouble, setDouble] = useState(false);
  const known = useLoad(async () => (noGateway() ? [] : await models()), [key]);
  const [turn, setTurn] = useState(0);
  const before = handed?.messages.slice(0, -1) ?? [];
  const reason = noGateway();
  const chosen = handed?.model || props.model;
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
          <AreaField label="Message" wide isProse rows={4} required value={prompt} onValue={setPrompt} placeholder="Say hello." />
          <details class="wide">
            <summary>System message, gateway key</summary>
            <div class="fields">
              <AreaField label="System message" isProse rows={2} value={system} onValue={setSystem} />
              <TextField
                label="Gateway key"
                type="password"
                value={key}
                onValue={(text) => {
                  setKey(text);
                  setGatewayKey(text);
                }}
                hint={
                  hasGatewayKey() && !key
                    ? "The console uses a key of its own that ends within the hour"
                    : "Empty: a key for an hour is made where one is needed. It stays in this tab"
                }
              />
            </div>
          </details>
        </div>
        <footer>
          <Button type="submit" look="main" disabled={!prompt.trim() || Boolean(reason)}>
            Send
          </Button>
          <Button aria-pressed={isDouble} onClick={() => setDouble(!isDouble)}>
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
        <Side number={1} models={known.data ?? []} first={chosen} turn={turn} prompt={prompt} system={system} before={before} />
        {isDouble && <Side number={2} models={known.data ?? []} first="" turn={turn} prompt={prompt} system={system} before={before} />}
      </div>
    </Page>
  );
}

interface SideProps {
  number: number;
  models: string[];
  first: string;
  turn: number;
  prompt: string;
  system: string;
  before: Message[];
}

function Side(props: SideProps): JSX.Element {
  const [typed, setModel] = useState<string | undefined>(props.first || undefined);
  const model = typed ?? props.models[0] ?? "echo/echo";
  const [answer, setAnswer] = useState<Answer>(NONE);
  const [error, setError] = useState<ApiError>();
  const [stop, setStop] = useState<() => void>();
  const seen = useRef(props.turn);
  const body = bodyOf(props, model);
  if (seen.current !== props.turn) {
    seen.current = props.turn;
    queueMicrotask(() => void send());
  }
  const send = async (): Promise<void> => {
    const aborting = new AbortController();
    setStop(() => () => aborting.abort());
    setError(undefined);
    let shown: Answer = NONE;
    const show = (more: Partial<Answer>): void => setAnswer((shown = { ...shown, ...more }));
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
          first: shown.first ?? (text || thought ? performance.now() - began : undefined),
          finish: choice?.finish_reason ?? shown.finish,
          usage: chunk.usage ?? shown.usage,
        });
      }
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") show({ isStopped: true });
      else setError(asError(problem));
    } finally {
      show({ took: performance.now() - began });
      setStop(undefined);
    }
    if (shown.told?.trace) show({ cost: await costOf(shown.told.trace) });
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
        onValue={setModel}
        hint="provider/model or @name/model"
      />
      <Failure error={error} />
      <div class="answer" aria-live="polite" aria-busy={stop !== undefined}>
        {answer.thought && <p class="thought">{answer.thought}</p>}
        {answer.text || (stop ? "…" : <span class="hint">The answer comes here.</span>)}
        {answer.isStopped && <p class="hint">Stopped.</p>}
      </div>
      {answer.told && <AnswerFacts answer={answer} />}
      <details>
        <summary>As code</summary>
        <Code label="curl" text={asCurl(body)} />
        <Code label="Python" text={asPython(body)} />
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
  const system = props.system.trim() ? [{ role: "system", content: props.system }] : [];
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [...system, ...props.before, { role: "user", content: props.prompt || "Hello!" }],
  };
}

function asCurl(body: Record<string, unknown>): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl ${address("/v1/chat/completions")} \\\n  -H "authorization: Bearer $PENSTOCK_KEY" \\\n  -H 'content-type: application/json' \\\n  -d '${json}'`;
}

function asPython(body: Record<string, unknown>): string {
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${address("/v1")}", api_key=os.environ["PENSTOCK_KEY"])`,
    "stream = client.chat.completions.create(",
    `    model=${JSON.stringify(body["model"])},`,
    `    messages=${JSON.stringify(body["messages"], null, 4).replaceAll("\n", "\n    ")},`,
    "    stream=True,",
    ")",
    "for chunk in stream:",
    '    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="")',
  ].join("\n");
}
