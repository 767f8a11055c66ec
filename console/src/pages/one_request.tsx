import type { JSX } from "preact";
import { get } from "../api";
import { asCurl } from "../curl";
import { ago, cents, count, duration, time } from "../format";
import { useLoad } from "../load";
import { go, link } from "../route";
import { mayKeys } from "../session";
import { Badge, Button, Code, Copy, Facts, LoadedView, Page, Section } from "../ui";
import { replay } from "./playground";
import { lastSearch, type Row, StatusBadge } from "./requests";
import { type Attempt, type Ending, Waterfall } from "./waterfall";

interface Verdict {
  phase: string;
  guard: string;
  check: string;
  verdict: string;
}

interface Entry {
  id: string;
  created_at: string;
  request: { url: string; method: string; headers: Record<string, string> | null; body: unknown };
  response: { status: number; headers: Record<string, string> | null; body: unknown };
  metrics: Row & { gateway_processing_time?: number | null; "metadata.key"?: string[]; "metadata.value"?: string[] };
  attempts: Attempt[];
  tokens: Record<string, number>;
  dropped_parameters: string[];
  guards: Verdict[];
  labels: Record<string, string> | null;
  client: { address: string | null; user_agent: string | null } | null;
  has_content: boolean;
}

export function OneRequest(props: { id: string }): JSX.Element {
  const loaded = useLoad(() => get<Entry>(`/logs/${encodeURIComponent(props.id)}`), [props.id]);
  return (
    <LoadedView loaded={loaded} what="such request in its log">
      {(entry) => <RequestView entry={entry} />}
    </LoadedView>
  );
}

function RequestView(props: { entry: Entry }): JSX.Element {
  const { entry } = props;
  const { metrics } = entry;
  const model = metrics.virtual_key ? `@${metrics.virtual_key}/${metrics.ai_model}` : `${metrics.ai_org}/${metrics.ai_model}`;
  const members = metadataOf(entry);
  const tokens = Object.entries(entry.tokens ?? {}).filter(([, number]) => number > 0);
  return (
    <Page
      title={`${metrics.ai_model ?? entry.request.url}, ${time(entry.created_at)}`}
      lead={
        <>
          <StatusBadge status={metrics.response_status_code} error={metrics.error} /> <code>{entry.id}</code>, {ago(entry.created_at)}
        </>
      }
      actions={
        <>
          <Copy text={window.location.href} label="Copy link" />
          {entry.has_content && entry.request.body != null && <Copy text={curlOf(entry)} label="Copy as curl" />}
          {metrics.ai_model && (
            <Button
              look="main"
              onClick={() => {
                replay(entry.request.body, model);
                go("playground");
              }}
            >
              Replay in the playground
            </Button>
          )}
        </>
      }
    >
      <p>
        <a href={lastSearch()}>← Requests</a>
      </p>
      {metrics.error_message && <p class="failure">{metrics.error_message}</p>}
      <Facts
        facts={[
          ["Call", `${entry.request.method} ${entry.request.url}`],
          ["Provider", metrics.ai_org ?? "–"],
          ["Key", metrics.api_key_id && mayKeys("read") ? <a href={link("keys", metrics.api_key_id)}>{metrics.api_key_name}</a> : (metrics.api_key_name ?? "none")],
          ["Took", duration(metrics.response_time)],
          ["Outside attempts", duration(metrics.gateway_processing_time)],
          ["First token", duration(metrics.time_to_first_token)],
          ["Cost", metrics.cost === null ? "unknown: no price of the model, or no usage told" : cents(metrics.cost)],
          ["Tokens", tokens.map(([name, number]) => `${count(number)} ${name.replaceAll("_", " ")}`).join(", ") || "none"],
          ["Cache", metrics.cache_status ?? "–"],
          ["Config", metrics.config ?? "–"],
          ["Trace", <a href={`${link("requests")}?trace_id=${encodeURIComponent(metrics.trace_id)}`}><code>{metrics.trace_id}</code></a>],
          ["Caller", [entry.client?.address, entry.client?.user_agent].filter(Boolean).join(", ") || "–"],
          ["Dropped parameters", entry.dropped_parameters?.join(", ") || "none"],
        ]}
      />
      <Waterfall attempts={entry.attempts ?? []} whole={metrics.response_time} ending={endingOf(entry)} />
      <Verdicts verdicts={entry.guards ?? []} />
      {members.length > 0 && (
        <Section title="Metadata">
          <Facts facts={members} />
        </Section>
      )}
      {entry.has_content ? (
        <div class="columns">
          <Section title="Request">
            <Code label="Body" text={asText(entry.request.body)} />
            <Code label="Headers" text={asText(entry.request.headers)} />
          </Section>
          <Section title="Response">
            <Code label="Body" text={asText(entry.response.body)} />
            <Code label="Headers" text={asText(entry.response.headers)} />
          </Section>
        </div>
      ) : (
        <p class="hint">Headers and bodies of this request were not kept (logs.content).</p>
      )}
    </Page>
  );
}

/** How the request ended: an answer whose head was good may have broken off. */
function endingOf(entry: Entry): Ending {
  if (entry.metrics.error === null && entry.metrics.response_status_code < 400) return "answered";
  return entry.response.status < 400 ? "broken" : "failed";
}

/** The members of the request's metadata, each a link to the requests that have it too, and the labels of its key. */
function metadataOf(entry: Entry): [string, JSX.Element | string][] {
  const values = entry.metrics["metadata.value"] ?? [];
  const members = (entry.metrics["metadata.key"] ?? []).map((name, index): [string, JSX.Element] => {
    const value = values[index] ?? "";
    return [name, <a href={`${link("requests")}?metadata=${encodeURIComponent(JSON.stringify({ [name]: value }))}`}>{value}</a>];
  });
  // A key's labels are members of its requests' metadata, unless the caller says otherwise.
  const isMember = ([name, value]: [string, string]): boolean =>
    (entry.metrics["metadata.key"] ?? []).some((each, index) => each === name && values[index] === value);
  return [...members, ...Object.entries(entry.labels ?? {}).filter((label) => !isMember(label))];
}

/** Headers that say where a request goes and how its body is read; none is a credential. */
const TOLD = /^(x-portkey-(?!api-key)|content-type$|anthropic-(version|beta)$)/;

function curlOf(entry: Entry): string {
  const headers = Object.entries(entry.request.headers ?? {}).filter(([name]) => TOLD.test(name.toLowerCase()));
  return asCurl(entry.request.url, entry.request.body, Object.fromEntries(headers), entry.request.method);
}

const BAD = new Set(["denied", "failed", "error_denied", "error_failed"]);

/** What guards decided where they did not simply pass. */
function Verdicts(props: { verdicts: Verdict[] }): JSX.Element | null {
  if (props.verdicts.length === 0) return null;
  return (
    <Section title="Guards" hint="checks that did not simply pass">
      <ul>
        {props.verdicts.map((each, index) => (
          <li key={index}>
            <Badge text={each.verdict.replaceAll("_", " ")} tone={BAD.has(each.verdict) ? "bad" : "plain"} />{" "}
            {each.phase === "before" ? "request" : "answer"}: <strong>{each.guard}</strong> <code>{each.check}</code>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? ""));
