/** Calls of models. An admin key calls none, so the console works with a gateway key: one that somebody gave, or a key
 *  of its own that ends after an hour. It is kept in this tab's memory alone. */

import { address, ApiError, errorOf, list, post, remove, send } from "./api";
import { mayKeys, session } from "./session";

const NAME = "console playground";
const LABELS = { "penstock.console": "playground" };
const HOUR = 3_600_000;

let key: string | undefined;
/** Whether somebody gave the key: then no other takes its place, also where the gateway refuses it. */
let isGiven = false;
/** The key of the console's own while it is being made: calls that begin at once share it. */
let making: Promise<string> | undefined;

export const setGatewayKey = (text: string): void => {
  key = text.trim() || undefined;
  isGiven = key !== undefined;
};
/** Whose gateway key is used: one that somebody gave, or the console's own. */
export const keyInUse = (): "given" | "own" | undefined => (key === undefined ? undefined : isGiven ? "given" : "own");

/** Whether the console can make a key of its own. */
export const mayMakeKey = (): boolean => mayKeys("create", "workspace-service");

/** Why no model can be called here; undefined where that can be tried. */
export const noGateway = (): string | undefined =>
  session().has_gateway
    ? undefined
    : "The admin API has a port of its own here (admin.listen), and models are called on another one.";

const headersWith = (more: Record<string, string>): Record<string, string> =>
  key === undefined ? more : { ...more, authorization: `Bearer ${key}` };

/** Call the gateway. Where it wants a key and there is none, a key for an hour is made. */
export async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const reason = noGateway();
  if (reason) throw new ApiError(0, reason);
  const once = (): Promise<Response> =>
    send(address(path), {
      method,
      headers: headersWith(body === undefined ? headers : { "content-type": "application/json", ...headers }),
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "omit",
      signal: signal ?? null,
    });
  const shown = key;
  const response = await once();
  if (response.status !== 401 || (isGiven && key === shown)) return response;
  if (shown === undefined && mayMakeKey()) {
    // Another call that began at the same time may have made one already.
    if (key === undefined) {
      making ??= ownKey().finally(() => (making = undefined));
      key = await making;
    }
    return inForce(once);
  }
  if (key === shown) key = undefined; // not one that was given meanwhile
  throw new ApiError(401, "The gateway wants a gateway key here, and your key may not make one: give one, here or in the playground.");
}

/** Several workers know a new key a moment later. */
async function inForce(once: () => Promise<Response>): Promise<Response> {
  let response = await once();
  for (let turn = 0; response.status === 401 && turn < 10; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    response = await once();
  }
  return response;
}

async function ownKey(): Promise<string> {
  await forgetExpired();
  const made = await post<{ key: string }>("/api-keys/workspace/service", {
    name: NAME,
    scopes: ["completions.write", "virtual_keys.list"],
    labels: LABELS,
    expose_cost: true,
    expires_at: new Date(Date.now() + HOUR).toISOString(),
  });
  return made.key;
}

/** Delete the keys of this kind that have ended. */
async function forgetExpired(): Promise<void> {
  if (!mayKeys("list", "workspace-service") || !mayKeys("delete", "workspace-service")) return;
  const keys = await list<{ id: string; name: string; status: string; labels: Record<string, string> }>("/api-keys");
  const ended = keys.data.filter(
    (each) => each.name === NAME && each.status === "expired" && each.labels["penstock.console"] === "playground",
  );
  await Promise.all(ended.map((each) => remove(`/api-keys/${each.id}`)));
}

/** The models that can be called by an address and a key alone. */
export async function models(): Promise<string[]> {
  const response = await call("GET", "/v1/models");
  if (!response.ok) throw await errorOf(response);
  const body = (await response.json()) as { data: { id: string }[] };
  return body.data.map((each) => each.id);
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

export interface Told {
  status: number;
  trace: string | null;
  path: string | null;
  provider: string | null;
  cost: string | null;
}

export const toldBy = (response: Response): Told => ({
  status: response.status,
  trace: response.headers.get("x-portkey-trace-id"),
  path: response.headers.get("x-penstock-trace"),
  provider: response.headers.get("x-portkey-provider"),
  cost: response.headers.get("x-penstock-cost"),
});

/** The events of a stream of chunks, until `[DONE]`. */
export async function* chunks(response: Response): AsyncGenerator<Chunk> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = event
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim())
        .join("\n");
      if (data === "[DONE]") return;
      if (data) yield JSON.parse(data) as Chunk;
    }
  }
}

/** A piece of the call of a tool in a stream. */
export interface ToolPiece {
  index: number;
  function?: { name?: string; arguments?: string };
}

interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: ToolPiece[];
}

export interface Chunk {
  choices?: { delta?: Delta; finish_reason?: string | null }[];
  usage?: Usage | null;
  error?: { message: string };
}

export interface Step {
  step: "attempt" | "wait" | "skip" | "race";
  target?: string;
  provider?: string;
  retry?: number;
  at?: number;
  seconds?: number;
  result?: string;
  why?: string[];
  message?: string | null;
}

export interface Explanation {
  steps: Step[];
  status: number;
  result: string;
  target: string | null;
  retry_count: number;
  seconds: number;
  waited: number;
  attempts: number;
  most_attempts: number;
  message: string | null;
  guards: ExplainedGuard[];
}

export interface ExplainedGuard {
  target: string;
  phase: "before" | "after";
  guard: string;
  checks: string[];
  deny: boolean;
  manner: string;
  stream: string | null;
  verdict: string | null;
  changed: string | null;
}

export async function explain(body: Record<string, unknown>): Promise<Explanation> {
  const response = await call("POST", "/v1/explain", body);
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as Explanation;
}
